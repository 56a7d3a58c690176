"""The report says what the file holds, needs nothing beside itself, and stays small."""

from __future__ import annotations

import json
import math
import re
from dataclasses import replace
from html.parser import HTMLParser

import cyvcf2
import numpy as np
import pytest

from vcffilter.commands.main import run
from vcffilter.errors import VariantFileError
from vcffilter.pictures.facts import CallFacts
from vcffilter.report.comparison import compare_calls, paired_calls
from vcffilter.report.tally import cut_facts, tally_calls

VOID = {"meta", "br", "img", "link", "input", "hr", "path", "use", "rect", "polygon"}


@pytest.fixture(scope="module")
def filtered(simulated, tmp_path_factory):
    path = tmp_path_factory.mktemp("report") / "filtered.vcf.gz"
    files = simulated.files
    arguments = ["filter", str(files.calls), "-b", str(files.reads), "-f", str(files.reference), "--reasons", "-q"]
    assert run([*arguments, "-Oz", "-o", str(path)]) == 0
    return str(path)


def facts(probability, *, alt="C", genotype="0/1", n_reads=30, qual=50.0, threshold=0.3, pos1=1):
    return CallFacts(
        "1", pos1, "A", alt, qual_phred=qual, genotype=genotype, probability=probability, threshold=threshold, n_reads=n_reads
    )


class Page(HTMLParser):
    """Text, ids and links of a page; fails on tags that do not match."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.links: list[str] = []
        self.text: list[str] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.links += [value for name, value in attrs if name in ("src", "href") and value and not value.startswith("#")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.links += [value for name, value in attrs if name in ("src", "href") and value and not value.startswith("#")]

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def test_the_page_says_what_the_file_holds(filtered, simulated, tmp_path):
    page, numbers = tmp_path / "r.html", tmp_path / "r.json"
    reads = ["-b", str(simulated.files.reads), "-f", str(simulated.files.reference)]
    assert run(["report", filtered, *reads, "-o", str(page), "--json", str(numbers), "-q"]) == 0
    content = page.read_text()
    parsed = Page(content)
    assert parsed.links == []
    names_of_formats = r"http://(www\.w3\.org|purl\.org|creativecommons\.org)/[^\"]*"
    assert "http://" not in re.sub(names_of_formats, "", content)
    assert page.stat().st_size < 5_000_000
    passing = failing = 0
    for record in cyvcf2.VCF(filtered):
        verdicts = (record.INFO.get("PILEUP_FT") or "").split(",")
        passing += verdicts.count("PASS")
        failing += sum(verdict.startswith("Low") for verdict in verdicts)
    facts = json.loads(numbers.read_text())
    assert (facts["passing"], facts["failing"]) == (passing, failing)
    assert f"{failing:,} of {passing + failing:,} scored ALTs fail" in "".join(parsed.text)
    assert sum(sum(histogram["calls"]) for histogram in facts["probability_histogram"].values()) == passing + failing
    by_depth = [row for kind in facts["by_depth"].values() for row in kind.values()]
    assert sum(row["passing"] + row["failing"] for row in by_depth) == passing + failing
    assert content.count("<details>") > 5


def test_what_the_run_knows_of_foreign_calls_is_on_the_page(filtered, simulated, tmp_path, capsys):
    files, summary = simulated.files, tmp_path / "s.json"
    arguments = ["filter", str(files.calls), "-b", str(files.reads), "-f", str(files.reference), "-q"]
    assert run([*arguments, "-o", str(tmp_path / "o.vcf"), "--summary", str(summary)]) == 0
    share = json.loads(summary.read_text())["data"]["alleles_outside_training_share"]
    page, numbers = tmp_path / "r.html", tmp_path / "r.json"
    assert run(["report", filtered, "--summary", str(summary), "-o", str(page), "--json", str(numbers), "-q"]) == 0
    assert f"{share:.1%} of the ALTs lie outside what the model was trained on" in page.read_text()
    assert json.loads(numbers.read_text())["outside_training_share"] == share
    for content in ("[]", "nonsense", '{"data": 3}'):
        summary.write_text(content)
        assert run(["report", filtered, "--summary", str(summary), "-o", str(page)]) == 1
        assert "is no summary of a run" in capsys.readouterr().err


def test_without_reads_there_are_no_pictures(filtered, tmp_path):
    page = tmp_path / "r.html"
    assert run(["report", filtered, "-o", str(page), "-q"]) == 0
    assert "<details>" not in page.read_text()


def test_pictures_end_before_the_page_is_too_large(filtered, simulated, tmp_path):
    page = tmp_path / "r.html"
    reads = ["-b", str(simulated.files.reads), "-f", str(simulated.files.reference)]
    assert run(["report", filtered, *reads, "-o", str(page), "--list", "500", "-q"]) == 0
    assert page.stat().st_size < 5_000_000


def test_the_same_file_gives_the_same_page(filtered, tmp_path):
    for name in "ab":
        assert run(["report", filtered, "-o", str(tmp_path / name), "-q"]) == 0
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_an_unfiltered_file_is_refused(simulated, tmp_path, capsys):
    assert run(["report", str(simulated.files.calls), "-o", str(tmp_path / "r.html")]) == 2
    assert "has not been filtered" in capsys.readouterr().err
    assert not (tmp_path / "r.html").exists()


def test_reads_need_their_reference(filtered, simulated, capsys):
    assert run(["report", filtered, "-b", str(simulated.files.reads)]) == 2
    assert "Give both -b and -f" in capsys.readouterr().err


def test_warnings_and_names_are_shown_and_harmless(filtered, tmp_path):
    hostile = tmp_path / "x.vcf"
    lines = [line for line in str(cyvcf2.VCF(filtered).raw_header).splitlines()]
    lines.insert(1, "##vcffilter_filterWarning=see <script>alert(1)</script> the samples differ")
    hostile.write_text("\n".join(lines) + "\n")
    page = tmp_path / "r.html"
    assert run(["report", str(hostile), "-o", str(page), "-q"]) == 0
    content = page.read_text()
    assert "<script>alert" not in content
    assert "&lt;script&gt;alert(1)&lt;/script&gt; the samples differ" in content
    assert "No ALT of this call set was scored." in content


def test_what_a_cut_keeps_by_hand():
    calls = [
        facts(0.9, alt="G"), facts(0.6, alt="C"), facts(0.3, alt="G", genotype="1/1"), facts(0.1, alt="C"),
        facts(0.8, alt="AT"), facts(math.nan),
    ]  # fmt: skip
    tally = tally_calls(calls, {"snv": 0.3, "indel": 0.3}, 3)
    cut = cut_facts(tally.types["SNV"], 0.3)
    assert (cut.n_kept, cut.n_removed) == (3, 1)
    assert cut.precision == pytest.approx(1.8 / 3)
    assert cut.recall == pytest.approx(1.8 / 1.9)
    assert cut.ti_tv_kept == 2.0
    assert cut.ti_tv_removed == 0.0
    assert cut.het_hom == 2.0
    assert (tally.n_passing, tally.n_failing) == (4, 1)
    assert tally.status == {"not scored": 1}
    assert math.isnan(cut_facts(tally.types["SNV"], 0.95).precision)


def test_an_alt_that_the_genotype_does_not_name_is_neither_het_nor_hom():
    """Of the record's ALTs `calibrate` counts the same."""
    genotypes = [("1/2", 1), ("1/2", 2), ("1/1", 1), ("1/1", 2), ("0/1", 2), ("0/1", 1)]
    calls = [replace(facts(0.9, genotype=genotype), alt_number=number) for genotype, number in genotypes]
    assert cut_facts(tally_calls(calls, {"snv": 0.3}, 3).types["SNV"], 0.3).het_hom == 3.0


def test_a_threshold_in_force_is_counted_exactly():
    """0.0133 lies between the even steps of the bins."""
    calls = [facts(p / 10_000, alt="AT", threshold=0.0133) for p in range(0, 300, 7)]
    tally = tally_calls(calls, {"indel": 0.0133}, 1)
    cut = cut_facts(tally.types["other"], 0.0133)
    assert (cut.n_kept, cut.n_removed) == (tally.n_passing, tally.n_failing)
    assert 0 < cut.n_removed < len(calls)


def test_memory_does_not_grow_with_the_calls():
    rng = np.random.default_rng(3)
    tally = tally_calls((facts(float(p), pos1=i) for i, p in enumerate(rng.random(5000))), {"snv": 0.3}, 7)
    assert len(tally.borderline) == len(tally.failed) == 7
    assert tally.types["SNV"].by_bin.shape[0] < 300


@pytest.fixture(scope="module")
def stricter(simulated, filtered, tmp_path_factory):
    """The same calls with another threshold."""
    path = tmp_path_factory.mktemp("stricter") / "stricter.vcf.gz"
    files = simulated.files
    arguments = ["filter", str(files.calls), "-b", str(files.reads), "-f", str(files.reference), "--reasons", "-q"]
    assert run([*arguments, "--min-prob-snv", "0.99", "--min-prob-indel", "0.99", "-Oz", "-o", str(path)]) == 0
    return str(path)


def verdicts(path):
    """(pos, ref, alt) -> verdict, by cyvcf2 alone."""
    return {
        (record.POS, record.REF, alt): verdict
        for record in cyvcf2.VCF(path)
        for alt, verdict in zip(record.ALT, (record.INFO.get("PILEUP_FT") or "").split(","), strict=False)
        if verdict not in ("", ".")
    }


def test_comparison_counts_what_the_files_say(simulated, filtered, stricter, tmp_path):
    page, numbers = tmp_path / "moved.html", tmp_path / "moved.json"
    reads = ["-b", str(simulated.files.reads), "-f", str(simulated.files.reference)]
    assert run(["report", "--compare", filtered, stricter, *reads, "-o", str(page), "--json", str(numbers), "-q"]) == 0
    before, after = verdicts(filtered), verdicts(stricter)
    newly_fail = [allele for allele in before if before[allele] == "PASS" and after[allele] != "PASS"]
    assert len(newly_fail) >= 3
    found = json.loads(numbers.read_text())
    counts = [row for depths in found["by_depth"].values() for row in depths.values()]
    assert sum(row["newly fail"] for row in counts) == len(newly_fail)
    assert sum(row["newly pass"] for row in counts) == 0
    assert sum(sum(row.values()) for row in counts) == len(before)
    # The reads and the model are the same: nothing but the cut moved them.
    assert found["causes"] == {"newly fail": {"the cut": len(newly_fail)}, "newly pass": {}}
    assert sum(found["log_odds_shift"]["alts"][4:5]) == len(before)
    read = Page(page.read_text())
    assert f"{len(newly_fail):,} newly fail and 0 newly pass" in " ".join(read.text)
    assert read.links == []
    assert page.read_text().count("<summary>") == min(len(newly_fail), 25)
    assert page.stat().st_size < 5_000_000


def test_calls_of_two_files_are_paired_by_allele():
    a, b, c = facts(0.9), facts(0.8, alt="G"), facts(0.7, pos1=5)
    same, moved = facts(0.1), facts(0.2, pos1=9)
    pairs = list(paired_calls([a, b, c], [same, moved], ("x", "y"), ["1"]))
    assert pairs == [(a, same), (b, None), (c, None), (None, moved)]
    with pytest.raises(VariantFileError, match="not sorted"):
        list(paired_calls([c, a], [], ("x", "y"), ["1"]))


@pytest.mark.parametrize(
    ("before", "after", "cause"),
    [
        (facts(0.5), facts(0.2), "its score"),
        (facts(0.5), facts(0.5, threshold=0.6), "the cut"),
        (facts(0.5), facts(0.2, threshold=0.6), "score and cut, each alone"),
        (facts(0.5), facts(0.35, threshold=0.4), "only score and cut together"),
        (facts(0.1), facts(0.9), "its score"),
    ],
)
def test_what_moved_a_call(before, after, cause):
    (crossing,) = [*(found := compare_calls([(before, after)], 5)).newly_fail, *found.newly_pass]
    assert crossing.cause == cause
    assert found.causes == {(crossing.newly_fails, cause): 1}
    assert crossing.newly_fails == (before.probability > 0.3)


def test_what_one_file_has_alone_and_what_is_not_scored_is_counted_apart():
    found = compare_calls([(facts(0.9), None), (None, facts(0.9)), (facts(0.9), facts(math.nan)), (facts(0.9), facts(0.9))], 5)
    assert (found.only_first, found.only_second, found.scored_in_one, found.n_both) == (1, 1, 1, 1)


def test_json_for_multiqc_says_what_the_other_json_says(filtered, tmp_path):
    plain, content = tmp_path / "numbers.json", tmp_path / "calls_mqc.json"
    for path in (plain, content):
        assert run(["report", filtered, "-o", str(tmp_path / "page.html"), "--json", str(path), "-q"]) == 0
    numbers, table = json.loads(plain.read_text()), json.loads(content.read_text())
    assert table["plot_type"] == "table"
    ((sample, row),) = table["data"].items()
    assert sample == "filtered"
    assert set(row) == set(table["headers"])
    assert (row["passing"], row["failing"]) == (numbers["passing"], numbers["failing"])
    assert f"{row['expected_real_share']:.1f}% to be real" in numbers["sentence"]
    failing = {name: sum(depth["failing"] for depth in depths.values()) for name, depths in numbers["by_depth"].items()}
    assert (row["failing_snv"], row["failing_other"]) == (failing["SNV"], failing["other"])
