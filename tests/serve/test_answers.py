"""What the API answers is what the command line and the Python API say of the same calls."""

from __future__ import annotations

import cyvcf2
import numpy as np
import pytest

from vcffilter import Filter


@pytest.fixture(scope="module")
def calls(simulated) -> bytes:
    return simulated.files.calls.read_bytes()


@pytest.fixture(scope="module")
def alleles(simulated) -> list[tuple[str, int, str, str]]:
    records = list(cyvcf2.VCF(str(simulated.files.calls)))
    return [(record.CHROM, record.POS, record.REF, alt) for record in records for alt in record.ALT]


def as_json(alleles) -> list[dict]:
    return [dict(zip(("contig", "pos", "ref", "alt"), allele, strict=True)) for allele in alleles]


@pytest.mark.parametrize(
    ("query", "arguments"),
    [
        ({}, []),
        ({"reasons": "true", "preset": "strict"}, ["--reasons", "--preset", "strict"]),
        ({"mode": "reset", "annotate_only": "true"}, ["--mode", "reset", "--annotate-only"]),
        ({"output": "vcf.gz"}, ["-Oz"]),
        ({"output": "bcf", "reasons": "true"}, ["-Ob", "--reasons"]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_an_upload_comes_back_as_the_command_writes_it(client, calls, offline, query, arguments):
    answer = client.post("/v1/filter", params={"reads": "sim", **query}, content=calls)
    assert answer.status_code == 200, answer.text
    assert answer.content == offline(*arguments)
    assert int(answer.headers["content-length"]) == len(answer.content)


def test_scores_are_those_of_the_python_api(client, simulated, alleles):
    answer = client.post("/v1/score", json={"reads": "sim", "alleles": as_json(alleles[::-1])})
    assert answer.status_code == 200, answer.text
    with Filter(simulated.files.reads, simulated.files.reference, device="cpu") as model:
        expected = model.score(alleles[::-1])
        assert answer.json()["thresholds"] == model.thresholds
        assert answer.json()["model"]["id"] == model.model_id
    rows = answer.json()["alleles"]
    assert [(row["contig"], row["pos"], row["ref"], row["alt"]) for row in rows] == list(expected.alleles)
    probability = np.array([np.nan if row["probability"] is None else row["probability"] for row in rows], np.float32)
    assert np.array_equal(probability, expected.probability, equal_nan=True)
    for name in ("n_reads", "ref_reads", "alt_reads", "passes"):
        assert [row[name] for row in rows] == getattr(expected, name).tolist()
    assert [tuple(row["reasons"]) for row in rows] == list(expected.reasons)
    assert {row["status"] for row in rows} == set(expected.status)


def test_a_position_alone_asks_for_its_three_snvs(client, alleles):
    contig, pos1, ref, _ = next(allele for allele in alleles if len(allele[2]) == len(allele[3]) == 1)
    answer = client.post("/v1/score", json={"reads": "sim", "alleles": [{"contig": contig, "pos": pos1}]})
    rows = answer.json()["alleles"]
    assert [(row["ref"], row["alt"]) for row in rows] == [(ref, other) for other in "ACGT" if other != ref]
    assert {row["status"] for row in rows} == {"scored"}


def test_what_is_wrong_with_an_allele_is_its_status(client, alleles):
    contig, pos1, ref, alt = alleles[0]
    wrong = [
        ("nowhere", 5, "A", "C"),
        (contig, pos1, "ACGTACGTAC", alt),
        (contig, 2**31 - 1, "A", "C"),
        (contig, pos1, ref, "<DEL>"),
    ]
    answer = client.post("/v1/score", json={"reads": "sim", "alleles": as_json(wrong)})
    rows = answer.json()["alleles"]
    assert [row["status"] for row in rows] == ["contig_missing", "ref_mismatch", "ref_mismatch", "unsupported_allele"]
    assert [row["probability"] for row in rows] == [None] * 4


def test_pictures_are_those_of_the_python_api(client, simulated, alleles):
    contig, pos1, ref, alt = alleles[0]
    query = {"reads": "sim", "contig": contig, "pos": pos1, "ref": ref, "alt": alt}
    answer = client.get("/v1/picture", params=query)
    with Filter(simulated.files.reads, simulated.files.reference, device="cpu") as model:
        assert answer.text == model.svg(alleles[0])
    assert answer.headers["content-type"] == "image/svg+xml"
    png = client.get("/v1/picture", params={**query, "format": "png"})
    assert png.headers["content-type"] == "image/png"
    assert png.content.startswith(b"\x89PNG")
    refused = client.get("/v1/picture", params={**query, "ref": "ACGTACGTAC"})
    assert (refused.status_code, refused.json()["type"]) == (422, "urn:vcffilter:problem:wrong-reference")


def test_what_the_server_is(client):
    assert client.get("/healthz").json() == {"status": "alive"}
    assert client.get("/readyz").json() == {"status": "ready"}
    info = client.get("/service-info").json()
    assert {"id", "name", "type", "organization", "version"} <= set(info)
    assert {"group", "artifact", "version"} == set(info["type"])
    assert [one["name"] for one in client.get("/v1/reads").json()["reads"]] == ["sim"]


def test_metrics_count_what_was_done(client, calls, offline):
    def count(name: str) -> float:
        lines = client.get("/metrics").text.splitlines()
        return next((float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(name)), 0.0)

    before = [count(name) for name in ('pileup_filter_records_total{reads="sim"}', "pileup_filter_upload_bytes_total")]
    assert client.post("/v1/filter", params={"reads": "sim"}, content=calls).status_code == 200
    n_records = sum(not line.startswith(b"#") for line in offline().splitlines())
    assert count('pileup_filter_records_total{reads="sim"}') - before[0] == n_records
    assert count("pileup_filter_upload_bytes_total") - before[1] == len(calls)
    assert count('pileup_filter_requests_total{route="/v1/filter",status="200"}') >= 1
    assert count("pileup_filter_batch_alleles_count") > 0
    openmetrics = client.get("/metrics", headers={"accept": "application/openmetrics-text"}).text
    assert openmetrics.endswith("# EOF\n")
