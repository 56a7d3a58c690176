"""`pileup-filter evaluate` as a user runs it."""

import gzip
import json
import sys

import pysam
import pytest
from call_set_files import HEADER, SEQUENCES, line, mnp, snv, truth_line, write_files

from vcffilter.commands.main import run


@pytest.fixture
def files(tmp_path):
    calls = [
        line(snv(50), probability=0.99),
        line(snv(100), probability=0.97),
        line(snv(150), probability=0.02, filters="LowPileupSNV", qual="3"),
    ]
    return write_files(tmp_path, calls, [truth_line(snv(50)), truth_line(snv(100)), truth_line(snv(300))])


def test_table_and_files(files, tmp_path, capfd):
    pytest.importorskip("matplotlib")
    pytest.importorskip("jinja2")
    bed = tmp_path / "mine.bed"
    bed.write_text("chr1\t0\t60\n")
    folder = tmp_path / "report"
    assert run(["evaluate", *files.arguments(), "-o", str(folder), "--stratification", f"mine={bed}"]) == 0
    out = capfd.readouterr().out
    assert out.startswith("1 of 1 false calls removed (at least 5.0%), 0 of 2 true ones lost (at most 77.6%) (SNVs: ")
    assert "SNP recall 0.1354, precision 0.2236;" in out
    assert max(map(len, out.splitlines())) <= 100
    cells = [[cell.strip() for cell in text.split("|")[1:-1]] for text in out.splitlines()]
    assert ["SNP", "*", "PASS", "3", "2", "0", "0.6667", "1.0000", "0.8000"] in cells
    assert ["SNP", "mine", "PASS", "1", "1", "0", "1.0000", "1.0000", "1.0000"] in cells
    data = json.loads((folder / "evaluation.json").read_text())
    assert data["report"] == "vcffilter-evaluation"
    assert data["parameters"]["strata"] == {"mine": str(bed)}
    assert {entry["group"] for entry in data["scores"]} >= {"all", "hard", "snv"}
    assert (folder / "counts.csv").read_text().startswith("Type,Subtype,Subset,Filter,TRUTH.TOTAL,")
    assert "auroc_low" in (folder / "scores.csv").read_text()
    page = (folder / "evaluation.html").read_text()
    assert page.count("data:image/png;base64,") == 6
    assert "METRIC.F1_Score" in page
    assert "1 of 1 false calls removed (at least 5.0%), 0 of 2 true ones lost (at most 77.6%)" in page
    assert "<th>METRIC.Recall.AtLeast</th>" in page
    names = {"evaluation.json", "counts.csv", "scores.csv", "evaluation.html", "calls.tsv"}
    assert {path.name for path in folder.iterdir()} == names


MODEL_LINE = (
    "##vcffilter_model=<ID=some-model,sha256=ab,info_prefix=PILEUP,min_prob_snv=0.3,min_prob_indel=0.2,min_prob_snv_deep=0.5>\n"
)
KEYS = """##INFO=<ID=PILEUP_ALT_SCORE,Number=A,Type=Float,Description="x">
##INFO=<ID=PILEUP_ALT_REASON,Number=A,Type=String,Description="x">
##INFO=<ID=PILEUP_REASON,Number=.,Type=String,Description="x">
"""


@pytest.fixture
def judged(tmp_path):
    """A true SNV lost, a true one kept, a false SNV kept, a false one removed; one outside of every verdict."""
    lost = line(snv(100), probability=0.02, depth=30, filters="LowPileupSNV", qual="7")
    lost = lost.replace("PILEUP_DP=30", "PILEUP_DP=30;PILEUP_ALT_SCORE=-3.9;PILEUP_ALT_REASON=few_alt_reads&strand_bias")
    calls = [
        line(snv(50)),
        lost,
        line(snv(150), probability=0.9, depth=8, qual="5"),
        line(snv(160), probability=0.1, filters="LowPileupSNV"),
        line(("chr1", 170, SEQUENCES["chr1"][169], "<DEL>")),
    ]
    files = write_files(tmp_path, calls, [truth_line(snv(50)), truth_line(snv(100)), truth_line(snv(300))])
    files.calls.write_text(files.calls.read_text().replace("##contig", MODEL_LINE + KEYS + "##contig", 1))
    return files


def test_which_calls_were_lost_and_kept(judged, tmp_path, capfd):
    folder = tmp_path / "report"
    assert run(["evaluate", *judged.arguments(), "-o", str(folder), "--no-html"]) == 0
    header, *rows = [text.split("\t") for text in (folder / "calls.tsv").read_text().splitlines()]
    found = {row["outcome"]: row for row in (dict(zip(header, fields, strict=True)) for fields in rows)}
    assert len(rows) == 2
    lost, kept = found["true_lost"], found["false_kept"]
    assert (lost["chrom"], lost["pos"], lost["type"], lost["depth"]) == ("chr1", "100", "SNP", "30")
    # Deep SNVs have a threshold of their own.
    assert (lost["probability"], lost["threshold"], lost["score"]) == ("0.02", "0.5", "-3.9")
    assert (lost["reasons"], lost["filter"], lost["caller_score"]) == ("few_alt_reads&strand_bias", "LowPileupSNV", "7")
    assert (kept["pos"], kept["threshold"], kept["reasons"], kept["filter"]) == ("150", "0.3", ".", "PASS")
    out = " ".join(capfd.readouterr().out.split())
    assert "1 of 2 false calls removed (at least 2.5%), 1 of 2 true ones lost (at most 97.5%)" in out
    assert "some-model, PILEUP_PROB at least 0.3 (0.5 from 21 reads on) for SNVs and 0.2 for indels" in out
    data = json.loads((folder / "evaluation.json").read_text())
    assert data["model"]["model_id"] == "some-model"
    assert data["summary"].startswith("1 of 2 false calls removed")


@pytest.mark.parametrize("name", ["verdicts.vcf", "verdicts.vcf.gz"])
def test_verdicts_as_vcf(judged, tmp_path, name):
    target = tmp_path / name
    assert run(["evaluate", *judged.arguments(), "--vcf", str(target), "-q"]) == 0
    with pysam.VariantFile(str(target)) as file:
        assert list(file.header.samples) == ["TRUTH", "QUERY"]
        assert {"LowPileupSNV"} <= set(file.header.filters)
        found = {
            record.pos: (record.info.get("OUTCOME"), *(record.samples[side]["BD"] for side in ("TRUTH", "QUERY")))
            for record in file
        }
        assert found == {
            50: ("true_kept", "TP", "TP"),
            100: ("true_lost", "FN", "TP"),
            150: ("false_kept", ".", "FP"),
            160: ("false_removed", ".", "FP"),
            300: (None, "FN", "."),
        }


def test_a_stratification_may_be_the_bed_as_it_comes(files, tmp_path, capfd):
    bed = tmp_path / "GRCh38_AllHomopolymers_ge7bp_imperfectge11bp_slop5.bed.gz"
    with gzip.open(bed, "wt") as stream:
        stream.write("chr1\t0\t60\n")
    folder = tmp_path / "report"
    assert run(["evaluate", *files.arguments(), "--stratification", str(bed), "-o", str(folder), "--no-html"]) == 0
    _, row = counts_of(folder, "GRCh38_AllHomopolymers_ge7bp_imperfectge11bp_slop5")
    assert row["TRUTH.TOTAL"] == 1
    assert max(map(len, capfd.readouterr().out.splitlines())) <= 100


def test_without_annotation_the_callers_score_is_judged(tmp_path, capfd):
    calls = [line(snv(50), probability=None), line(snv(150), probability=None, qual="3")]
    files = write_files(tmp_path, calls, [truth_line(snv(50))])
    assert run(["evaluate", *files.arguments()]) == 0
    captured = capfd.readouterr()
    assert "QUAL/TLOD" in captured.out
    assert "PILEUP_PROB" not in captured.out


def test_a_missing_extra_is_named_before_any_work(files, tmp_path, capfd, monkeypatch):
    monkeypatch.setitem(sys.modules, "jinja2", None)
    assert run(["evaluate", *files.arguments(), "-o", str(tmp_path / "report")]) == 1
    assert "pip install jinja2" in capfd.readouterr().err
    assert not (tmp_path / "report").exists()
    assert run(["evaluate", *files.arguments(), "-o", str(tmp_path / "report"), "--no-html"]) == 0
    assert not (tmp_path / "report" / "evaluation.html").exists()


@pytest.mark.parametrize("wrong", [["--stratification", "mine"], ["--stratification", "=x.bed"], ["--bootstrap", "-1"]])
def test_wrong_options_are_usage_errors(files, wrong):
    assert run(["evaluate", *files.arguments(), *wrong]) == 2


def test_no_calls_at_all(tmp_path, capfd):
    files = write_files(tmp_path, [], [truth_line(snv(50))])
    assert run(["evaluate", *files.arguments()]) == 0
    assert "0.0000" in capfd.readouterr().out


def counts_of(folder, subset="*"):
    data = json.loads((folder / "evaluation.json").read_text())
    rows = {(row["Type"], row["Subtype"], row["Subset"], row["Filter"]): row for row in data["counts"]}
    return data, rows[("ALL", "*", subset, "ALL")]


def test_excluded_regions_count_neither_way(files, tmp_path, capfd):
    bed = tmp_path / "disputed.bed"
    bed.write_text("chr1\t149\t150\nchr1\t295\t310\n")
    assert run(["evaluate", *files.arguments(), "--no-html", "-o", str(tmp_path / "all")]) == 0
    data, row = counts_of(tmp_path / "all")
    assert (row["TRUTH.TOTAL"], row["TRUTH.FN"], row["QUERY.FP"]) == (3, 1, 1)
    assert data["excluded"] == {"calls": 0, "truth": 0}
    capfd.readouterr()
    assert run(["evaluate", *files.arguments(), "--exclude", str(bed), "--no-html", "-o", str(tmp_path / "some")]) == 0
    data, row = counts_of(tmp_path / "some")
    assert (row["TRUTH.TOTAL"], row["TRUTH.FN"], row["QUERY.TP"], row["QUERY.FP"], row["QUERY.UNK"]) == (2, 0, 2, 0, 0)
    assert data["excluded"] == {"calls": 1, "truth": 1}
    assert {score["n_false"] for score in data["scores"]} == {0}
    assert "neither as true nor as false: 1 called ALTs, 1 truth alleles" in capfd.readouterr().out


def test_excluded_alleles_are_known_by_any_spelling_and_still_match_others(tmp_path):
    # The run of A loses one: called at its end, excluded at its start. At 50 another allele than the true one is excluded.
    late = ("chr1", 211, "AA", "A")
    early = ("chr1", 200, SEQUENCES["chr1"][199:201], SEQUENCES["chr1"][199])
    files = write_files(tmp_path, [line(snv(50)), line(late)], [truth_line(snv(50))])
    disputed = tmp_path / "disputed.vcf"
    disputed.write_text(HEADER + line(snv(50, step=2), filters="LowPileupSNV", genotype="0/0") + line(early))
    assert run(["evaluate", *files.arguments(), "--exclude", str(disputed), "--no-html", "-o", str(tmp_path / "out")]) == 0
    data, row = counts_of(tmp_path / "out")
    assert (row["TRUTH.TP"], row["QUERY.TP"], row["QUERY.FP"]) == (1, 1, 0)
    assert data["excluded"] == {"calls": 1, "truth": 0}
    # The halves of an MNP: one excluded, the other still found by the pair.
    pair = [truth_line(snv(500)), truth_line(snv(501))]
    files = write_files(tmp_path, [line(mnp(500))], pair)
    disputed.write_text(HEADER + line(snv(501)))
    assert run(["evaluate", *files.arguments(), "--exclude", str(disputed), "--no-html", "-o", str(tmp_path / "mnp")]) == 0
    data, row = counts_of(tmp_path / "mnp")
    assert (row["TRUTH.TOTAL"], row["TRUTH.TP"], row["QUERY.TP"]) == (1, 1, 1)


def test_what_is_excluded_must_use_the_calls_contigs(files, tmp_path, capfd):
    bed = tmp_path / "disputed.bed"
    bed.write_text("1\t149\t150\n")
    assert run(["evaluate", *files.arguments(), "--exclude", str(bed)]) == 1
    assert "disputed.bed" in capfd.readouterr().err
    assert run(["evaluate", *files.arguments(), "--exclude", str(tmp_path / "none.vcf")]) == 1
