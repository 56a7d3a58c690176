"""The page's questions and answers: which call comes next, what is kept, and what the labels say."""

from __future__ import annotations

import importlib.util
import itertools
import math
import re
import sqlite3
import xml.etree.ElementTree as ElementTree
from concurrent.futures import ThreadPoolExecutor

import cyvcf2
import pysam
import pytest

from vcffilter.annotation.reason_vocabulary import REASON_NAMES
from vcffilter.commands.main import run
from vcffilter.labelling.files import read_labels
from vcffilter.pictures.selection import CallFile, closeness
from vcffilter.review.agreement import cohens_kappa
from vcffilter.review.verdict_store import AlleleKey, GivenVerdict, VerdictStore
from vcffilter.review.vocabulary import REASONS, TAGS, VERDICTS

SVG = "{http://www.w3.org/2000/svg}"


def ask(page, path, **values):
    answer = page.get(path, params=values)
    assert answer.status_code == 200, answer.text
    return answer.json()


def judge(page, number, verdict, reviewer="Ann", tags=(), note=""):
    answer = page.post(
        f"/api/calls/{number}/verdict", json={"reviewer": reviewer, "verdict": verdict, "tags": list(tags), "note": note}
    )
    assert answer.status_code == 200, answer.text


def walk(page, **wanted):
    """Numbers of all calls that are wanted, in the wanted order."""
    found, number = [], None
    while True:
        after = {} if number is None else {"after": number}
        number = ask(page, "/api/next", **wanted, **after)["number"]
        if number is None:
            return found
        found.append(number)


def labels(page, tmp_path):
    path = tmp_path / "l.tsv"
    path.write_text(page.get("/labels.tsv").text)
    return read_labels(path)


def test_the_page_and_what_it_needs_come_from_the_server_alone(opened):
    with opened() as page:
        content = page.get("/").text
        assert "http://" not in content
        assert "https://" not in content
        for name in ("review.js", "review.css"):
            assert f"/static/{name}" in content
            assert page.get(f"/static/{name}").status_code == 200
        assert page.get("/static/page.html").status_code == 404
        assert page.get("/static/..%2fapplication.py").status_code == 404
        assert page.get("/docs").status_code == 404


def test_every_call_is_met_once_in_every_order(opened, filtered):
    calls = list(CallFile(filtered).calls())
    assert len(calls) > 50
    with opened() as page:
        for order in ("doubt", "file", "qual", "random"):
            forth = walk(page, order=order)
            assert sorted(forth) == list(range(1, len(calls) + 1))
            assert (forth == sorted(forth)) == (order == "file")
            back = ask(page, "/api/next", order=order, forward=False)["number"]
            assert back == forth[-1]
            assert ask(page, "/api/next", order=order, forward=False, after=back)["number"] == forth[-2]
        near = [closeness(calls[number - 1]) for number in walk(page, order="doubt")]
        scored = [value for value in near if value is not None]
        assert near[: len(scored)] == scored == sorted(scored, reverse=True)


def test_filters_give_what_the_file_holds(opened, filtered):
    calls = list(CallFile(filtered).calls())
    failed = [number for number, call in enumerate(calls, 1) if call.verdict == "fails"]
    snvs = [number for number, call in enumerate(calls, 1) if len(call.ref) == len(call.alt) == 1]
    reason = next(reason for call in calls for reason in call.reasons)
    because = [number for number, call in enumerate(calls, 1) if reason in call.reasons]
    with opened() as page:
        assert walk(page, order="file", verdict="fails") == failed
        assert walk(page, order="file", kind="SNV", verdict="fails") == sorted(set(failed) & set(snvs))
        assert walk(page, order="file", reason=reason) == because
        assert walk(page, order="file", filters="LowPileupSNV") == [
            number for number, call in enumerate(calls, 1) if "LowPileupSNV" in call.filters.split(";")
        ]
        assert walk(page, filters="LowPileup") == []
        assert ask(page, "/api/count", verdict="fails") == {"wanted": len(failed), "judged": 0, "calls": len(calls)}


def test_a_call_is_shown_with_facts_reads_and_neighbours(opened, filtered, simulated):
    calls = list(CallFile(filtered).calls())
    number, call = next((n, call) for n, call in enumerate(calls, 1) if call.reasons)
    with opened() as page:
        told = ask(page, f"/api/calls/{number}", reviewer="Ann")
        assert told["place"] == call.place
        facts = dict(told["facts"])
        assert facts["Filter says"] == "fails"
        assert float(facts["Probability"]) == pytest.approx(call.probability, abs=1e-4)
        assert [reason["word"] for reason in told["reasons"]] == list(call.reasons)
        assert all(reason["meaning"] for reason in told["reasons"])
        beside = [n for n, other in enumerate(calls, 1) if n != number and abs(other.pos1 - call.pos1) <= 500]
        assert sorted(other["number"] for other in told["neighbours"]) == beside[:20]
        answer = page.get(f"/api/calls/{number}/picture", params={"columns": 41})
        assert answer.headers["content-type"] == "image/svg+xml"
        assert ElementTree.fromstring(answer.text).find(f"{SVG}title").text == call.place
        assert page.get("/api/calls/99999").status_code == 404
        assert page.get("/api/calls/99999/picture").status_code == 404


def test_search_finds_a_place_or_the_nearest_call(opened, filtered):
    calls = list(CallFile(filtered).calls())
    with opened() as page:
        contig, pos1 = calls[7].contig, calls[7].pos1
        for place in (f"{contig}:{pos1}", f" {contig}:{pos1:,}", f"{contig}:{pos1}-9"):
            found = ask(page, "/api/find", place=place)["number"]
            assert (calls[found - 1].contig, calls[found - 1].pos1) == (contig, pos1)
        assert ask(page, "/api/find", place=f"{calls[0].contig}:1")["number"] == 1
        assert page.get("/api/find", params={"place": "nowhere:5"}).status_code == 404
        answer = page.get("/api/find", params={"place": "5"})
        assert answer.status_code == 422
        assert "Write places as" in answer.json()["detail"]


def test_verdicts_are_kept_undone_and_become_labels(opened, tmp_path, filtered):
    with opened() as page:
        for number, verdict in ((1, "germline"), (2, "fail"), (3, "ambiguous"), (4, "somatic")):
            judge(page, number, verdict, tags=["E", "D"] if verdict == "fail" else [], note="a\tb\nc")
        judge(page, 4, "fail")
        assert list(labels(page, tmp_path).values()) == ["TP", "FP", "AMBIGUOUS", "FP"]
        assert page.post("/api/undo", json={"reviewer": "Ann"}).json()["number"] == 4
        assert list(labels(page, tmp_path).values()) == ["TP", "FP", "AMBIGUOUS", "TP"], "what held before holds again"
        told = ask(page, "/api/calls/2", reviewer="Ann")
        assert told["own"]["verdict"] == "fail"
        assert told["own"]["tags"] == ["D", "E"]
        lines = page.get("/verdicts.tsv").text.splitlines()
        assert len(lines) == 5
        assert lines[2].split("\t")[4:8] == ["Ann", "fail", "D,E", "a b c"]
    with opened() as page:  # another start
        assert walk(page, order="file", review="done", reviewer="Ann") == [1, 2, 3, 4]
        assert walk(page, order="file", review="open", reviewer="Ann")[0] == 5
        assert walk(page, order="file", review="open", reviewer="Bob")[0] == 1
        for expected in (4, 3, 2, 1, None):
            assert page.post("/api/undo", json={"reviewer": "Ann"}).json()["number"] == expected
        assert labels(page, tmp_path) == {}


def test_labels_name_alleles_as_the_file_spells_them(opened, tmp_path, filtered):
    with opened() as page:
        for number in walk(page):
            judge(page, number, "germline")
        found = labels(page, tmp_path)
        rows = [line.split("\t") for line in page.get("/labels.tsv").text.splitlines()[1:]]
    spelled = [
        (record.CHROM, record.POS, record.REF, alt, number, alt_number)
        for number, record in enumerate(cyvcf2.VCF(filtered), 1)
        for alt_number, alt in enumerate(record.ALT, 1)
        if set(alt) <= set("ACGTN")
    ]
    assert list(found) == [allele[:4] for allele in spelled]
    assert [(int(row[6]), int(row[7])) for row in rows] == [allele[4:] for allele in spelled]


def test_reviewers_do_not_see_each_other_before_they_have_judged(opened, tmp_path):
    with opened() as page:
        judge(page, 1, "fail", "Ann", note="strand")
        told = ask(page, "/api/calls/1", reviewer="Bob")
        assert (told["others"], told["n_hidden"], told["own"]) == ([], 1, None)
        judge(page, 1, "germline", "Bob")
        told = ask(page, "/api/calls/1", reviewer="Bob")
        assert [(other["reviewer"], other["verdict"], other["note"]) for other in told["others"]] == [("Ann", "fail", "strand")]
        assert list(labels(page, tmp_path).values()) == ["DISPUTED"]
        judge(page, 2, "germline", "Ann")
        judge(page, 2, "somatic", "Bob")
        assert list(labels(page, tmp_path).values()) == ["DISPUTED", "TP"], "both say that the allele is real"
        assert walk(page, order="file", review="disputed") == [1, 2]
        agreement = page.get("/agreement").text
        assert "Ann, Bob" in agreement
        assert 'href="/?call=1"' in agreement
        assert page.post("/api/undo", json={"reviewer": "Bob"}).json()["number"] == 2
        assert ask(page, "/api/calls/1", reviewer="Ann")["own"]["verdict"] == "fail"


def test_kappa_by_hand():
    """Cohen's own kind of table: 20 both yes, 5 yes/no, 10 no/yes, 15 both no: observed 0.70, by chance 0.50."""
    pairs = [("y", "y")] * 20 + [("y", "n")] * 5 + [("n", "y")] * 10 + [("n", "n")] * 15
    assert cohens_kappa(pairs) == pytest.approx(0.4)
    assert cohens_kappa([("y", "y"), ("n", "n")]) == 1.0
    assert cohens_kappa([("y", "n"), ("n", "y")]) == -1.0
    assert math.isnan(cohens_kappa([("y", "y")]))
    assert math.isnan(cohens_kappa([]))


@pytest.mark.parametrize(
    "body",
    [
        {"reviewer": "", "verdict": "fail"}, {"reviewer": " ", "verdict": "fail"}, {"reviewer": "A\nB", "verdict": "fail"},
        {"reviewer": "A" * 61, "verdict": "fail"}, {"reviewer": "A", "verdict": "good"}, {"reviewer": "A"},
        {"reviewer": "A", "verdict": "fail", "tags": ["XX"]}, {"reviewer": "A", "verdict": "fail", "note": "x" * 2001},
    ],
)  # fmt: skip
def test_what_is_no_verdict_is_refused(opened, body):
    with opened() as page:
        assert page.post("/api/calls/1/verdict", json=body).status_code == 422
        assert page.get("/verdicts.tsv").text.count("\n") == 1


def test_names_and_notes_are_shown_as_text(opened):
    name = "<script>alert(1)</script>"
    with opened() as page:
        judge(page, 1, "fail", name)
        judge(page, 1, "germline", "Bob")
        content = page.get("/agreement").text
        assert "<script>alert" not in content
        assert "&lt;script&gt;alert(1)" in content


def test_a_page_of_another_site_can_give_no_verdict(opened):
    with opened() as page:
        body = {"reviewer": "A", "verdict": "fail"}
        assert page.post("/api/calls/1/verdict", json=body, headers={"origin": "http://evil.example"}).status_code == 403
        assert page.get("/", headers={"host": "evil.example"}).status_code == 421
        plain = {"content-type": "text/plain"}
        text = page.post("/api/calls/1/verdict", content='{"reviewer":"A","verdict":"fail"}', headers=plain)
        assert text.status_code == 422, "a plain form of another site can send no JSON"
    with opened(token="a-token-of-the-tests") as page:
        assert page.get("/").status_code == 401


def test_the_index_is_made_again_when_the_file_changes(opened, filtered, tmp_path):
    copy = tmp_path / "c.vcf"
    lines = [*cyvcf2.VCF(filtered).raw_header.splitlines(), *(str(record).rstrip() for record in cyvcf2.VCF(filtered))]
    copy.write_text("\n".join(lines) + "\n")
    with opened(str(copy)) as page:
        n = ask(page, "/api/count")["calls"]
        judge(page, 1, "fail")
    index = (tmp_path / "calls").stat().st_ino
    with opened(str(copy)) as page:
        assert (tmp_path / "calls").stat().st_ino == index
    copy.write_text("\n".join(lines[:-3]) + "\n")
    with opened(str(copy)) as page:
        assert ask(page, "/api/count")["calls"] < n
        assert walk(page, review="done", reviewer="Ann") == [1], "verdicts stay"


def test_export_from_the_command_line(opened, filtered, tmp_path, capsys):
    with opened() as page:
        judge(page, 1, "germline")
        judge(page, 2, "fail")
        expected = page.get("/labels.tsv").text
        # While the page is open.
        assert run(["review", filtered, "--verdicts", str(tmp_path / "verdicts"), "--export", str(tmp_path / "out.tsv")]) == 0
    assert (tmp_path / "out.tsv").read_text() == expected
    assert "labels: FP 1, TP 1" in capsys.readouterr().err
    assert run(["review", filtered, "--verdicts", str(tmp_path / "none"), "--export", "-"]) == 2
    assert "nothing was judged" in capsys.readouterr().err
    (tmp_path / "text").write_text("no database, but a text that is long enough to be read as one\n" * 9)
    assert run(["review", filtered, "--verdicts", str(tmp_path / "text"), "--export", "-"]) == 1
    assert "--verdicts FILE" in capsys.readouterr().err
    with sqlite3.connect(tmp_path / "other") as other:
        other.execute("CREATE TABLE theirs (x)")
    assert run(["review", filtered, "--verdicts", str(tmp_path / "other"), "--export", "-"]) == 1
    assert "of another program" in capsys.readouterr().err


def test_what_the_command_needs(filtered, capsys):
    assert run(["review", filtered]) == 2
    assert "Give -b reads.bam and -f reference.fa" in capsys.readouterr().err
    assert run(["review", "-", "-b", "x", "-f", "y"]) == 2


def test_words_and_keys_are_each_one():
    from importlib.resources import files

    keys = [one.key for one in (*VERDICTS, *TAGS)]
    page = files("vcffilter.review").joinpath("page.html").read_text()
    steps = [key for key in "jkzchv+-?" if f'data-key="{key}"' in page]
    assert len(steps) == 9
    script_keys = ["x", "n", "/", "l", "m", "="]
    assert all(len(list(group)) == 1 for _, group in itertools.groupby(sorted([*keys, *steps, *script_keys])))
    assert set(REASONS) == set(REASON_NAMES)
    assert {tag for _, tags in REASONS.values() for tag in tags.split(", ") if tag} <= {tag.word for tag in TAGS}


@pytest.fixture
def another_sample(simulated, tmp_path):
    """Every other read under another sample's name."""
    path = tmp_path / "other.bam"
    with pysam.AlignmentFile(str(simulated.files.reads)) as reads:
        header = reads.header.to_dict()
        for group in header["RG"]:
            group["SM"] = "OTHER"
        with pysam.AlignmentFile(str(path), "wb", header=header) as other:
            for number, read in enumerate(reads.fetch()):
                if number % 2:
                    other.write(read)
    pysam.index(str(path))
    return path


def test_the_same_place_in_other_samples(opened, simulated, another_sample):
    def counted(page, track):
        answer = page.get("/api/calls/1/picture", params={"track": track, "rows": 500})
        description = ElementTree.fromstring(answer.text).find(f"{SVG}desc").text
        return [int(n) for n in re.findall(r"(\d+) (?:ALT|REF|neither|mate)", description)]

    with pysam.AlignmentFile(str(simulated.files.reads)) as reads:
        own = reads.header.to_dict()["RG"][0]["SM"]
    with opened(reads=(simulated.files.reads, another_sample)) as page:
        told = ask(page, "/api/calls/1")
        assert told["tracks"] == ["all reads", own, "OTHER"]
        assert told["track"] == own, "the reads of the VCF's only sample"
        everything, mine, other = (counted(page, name) for name in told["tracks"])
        assert sum(everything) == sum(mine) + sum(other)
        assert 0 < sum(other) < sum(mine)
        assert counted(page, "nobody") == mine
    with opened() as page:
        assert ask(page, "/api/calls/1")["tracks"] == ["all reads"]


def test_a_window_is_moved_within_limits(opened):
    with opened() as page:
        moved = page.get("/api/calls/9/picture", params={"shift": 60})
        assert "not over the call" in moved.text
        assert page.get("/api/calls/9/picture", params={"shift": 2001}).status_code == 422
        assert page.get("/api/calls/9/picture", params={"columns": 5}).status_code == 422


def test_what_cannot_be_drawn_is_said(opened, filtered, simulated, tmp_path):
    wrong = tmp_path / "w.vcf"
    contig = next(iter(cyvcf2.VCF(filtered))).CHROM
    with pysam.FastaFile(str(simulated.files.reference)) as reference:
        ref = next(base for base in "ACGT" if base != reference.fetch(contig, 499, 500).upper())
    wrong.write_text(f"{cyvcf2.VCF(filtered).raw_header}{contig}\t500\t.\t{ref}{ref}\tA\t5\tPASS\tPILEUP_STATUS=ref_mismatch\tGT\t0/1\n")
    with opened(str(wrong)) as page:
        answer = page.get("/api/calls/1/picture")
        assert answer.status_code == 422
        assert "cannot be drawn" in answer.json()["detail"]
        assert ask(page, "/api/calls/1")["verdict"] == "not scored (ref_mismatch)"
        assert walk(page, status="ref_mismatch") == walk(page, verdict="not scored") == [1]
        assert walk(page, status="no_reads") == []
        assert "ref_mismatch (1)" in page.get("/").text


def test_calls_that_were_never_filtered_can_be_judged(opened, simulated, tmp_path):
    with opened(str(simulated.files.calls)) as page:
        assert len(walk(page)) == ask(page, "/api/count")["calls"] > 50
        judge(page, 1, "fail")
        assert list(labels(page, tmp_path).values()) == ["FP"]


def test_without_the_extra_the_message_names_it(filtered, simulated, monkeypatch, capsys):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    reads = ["-b", str(simulated.files.reads), "-f", str(simulated.files.reference)]
    assert run(["review", filtered, *reads]) == 1
    assert "pip install '.[serve]'" in capsys.readouterr().err


def test_verdicts_of_two_programs_at_once(tmp_path):
    first, second = VerdictStore(tmp_path / "v"), VerdictStore(tmp_path / "v")

    def give(store, reviewer):
        for pos1 in range(1, 101):
            store.give(GivenVerdict(AlleleKey("1", pos1, "A", "C"), reviewer, pos1, 1, "fail"))

    with ThreadPoolExecutor(4) as workers:
        list(workers.map(give, (first, second, first, second), ("Ann", "Bob", "Cy", "Di")))
    assert first.counts() == second.counts() == {name: {"fail": 100} for name in ("Ann", "Bob", "Cy", "Di")}
    first.close()
    second.close()
