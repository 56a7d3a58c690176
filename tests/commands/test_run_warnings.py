"""Warnings of a run: on stderr once, in the header, in the summary; `--strict` makes them an error and leaves no output."""

from __future__ import annotations

import json
import os

import pytest
from fake_scorer import FakeScorer

from vcffilter.commands.main import run
from vcffilter.pipeline import evidence
from vcffilter.pipeline.run_warnings import RunWarning
from vcffilter.reads.alignment_file import AlignmentHeader

TEXT = (
    "##fileformat=VCFv4.2\n##contig=<ID=1,length=99999>\n"
    '##FORMAT=<ID=GT,Number=1,Type=String,Description="g">\n'
    "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tAnna\n"
)
RECORDS = "".join(f"1\t{100 + i}\t.\tA\tC\t9\t.\t.\tGT\t0/1\n" for i in range(5))


def scorer_of(monkeypatch, *headers: AlignmentHeader) -> None:
    def opened(options):
        scorer = FakeScorer(options.want_reasons)
        scorer.headers = headers
        return scorer

    monkeypatch.setattr(evidence, "open_scorer", opened)


def reads_of(*samples: str, path: str = "r.bam") -> AlignmentHeader:
    return AlignmentHeader(path, False, ("1",), {name: (f"group-{name}",) for name in samples})


def filtered(tmp_path, *arguments: str, records: str = RECORDS, text: str | None = None, code: int = 0):
    """(text of the output or None, summary or None)"""
    source, target, summary = tmp_path / "in.vcf", tmp_path / "out.vcf", tmp_path / "summary.json"
    source.write_text(text or TEXT + records)
    common = ["-b", "r.bam", "-f", "f.fa", "--no-version", "-o", str(target), "--summary", str(summary)]
    assert run(["filter", str(source), *common, *arguments]) == code
    written = target.read_text() if target.exists() else None
    return written, json.loads(summary.read_text()) if summary.exists() else None


@pytest.mark.parametrize("records", [RECORDS, ""], ids=["records", "header only"])
def test_other_samples_are_named_everywhere(records, tmp_path, monkeypatch, caplog):
    scorer_of(monkeypatch, reads_of("Berta"))
    text, summary = filtered(tmp_path, records=records)
    assert caplog.text.count("warning: the calls are of Anna, the reads of Berta") == 1
    lines = [line for line in text.splitlines() if line.startswith("##vcffilter_filterWarning=")]
    assert len(lines) == 1
    assert lines[0].startswith("##vcffilter_filterWarning=sample_mismatch: the calls are of Anna, the reads of Berta")
    assert [warning["code"] for warning in summary["warnings"]] == ["sample_mismatch"]


@pytest.mark.parametrize("samples", [["Anna"], ["Berta", "Anna"], [], [""]], ids=["same", "one of two", "no group", "no SM"])
def test_no_warning_where_samples_fit_or_are_unknown(samples, tmp_path, monkeypatch, caplog):
    scorer_of(monkeypatch, reads_of(*samples))
    text, summary = filtered(tmp_path, "--strict")
    assert "filterWarning" not in text
    assert summary["warnings"] == []
    assert "warning" not in caplog.text


def test_strict_makes_it_an_error(tmp_path, monkeypatch, capfd, caplog):
    scorer_of(monkeypatch, reads_of("Berta"))
    text, _ = filtered(tmp_path, "--strict", code=1)
    assert text is None
    assert "warning: the calls are of Anna" in caplog.text
    assert "error: --strict, and there are warnings (sample_mismatch)" in capfd.readouterr().err
    assert not list(tmp_path.glob(".*"))


def test_quiet_leaves_header_and_summary(tmp_path, monkeypatch, caplog):
    scorer_of(monkeypatch, reads_of("Berta"))
    text, summary = filtered(tmp_path, "-q")
    assert "warning" not in caplog.text
    assert "##vcffilter_filterWarning=" in text
    assert summary["warnings"]


def test_a_second_run_says_it_once_in_the_header(tmp_path, monkeypatch):
    scorer_of(monkeypatch, reads_of("Berta"))
    once, _ = filtered(tmp_path)
    twice, _ = filtered(tmp_path, text=once)
    assert once.count("filterWarning") == 1
    # The model's line is written anew, and so comes last.
    assert sorted(twice.splitlines()) == sorted(once.splitlines())


@pytest.mark.parametrize("seconds", [0, 3600])
def test_index_older_than_its_file(seconds, tmp_path, monkeypatch, caplog):
    bam, index = tmp_path / "r.bam", tmp_path / "r.bam.bai"
    for path in (bam, index):
        path.write_bytes(b"")
    os.utime(index, (1_000_000, 1_000_000))
    os.utime(bam, (1_000_000 + seconds, 1_000_000 + seconds))
    scorer_of(monkeypatch, reads_of("Anna", path=str(bam)))
    _, summary = filtered(tmp_path)
    said = caplog.text
    assert (f"{index} is older than {bam}" in said) == (seconds > 0)
    assert (f"samtools index {bam}" in said) == (seconds > 0)
    assert len(summary["warnings"]) == (seconds > 0)


def test_header_line_is_one_line():
    warning = RunWarning("sample_mismatch", "a name with\na newline and \udcff", "Do\tthis")
    assert warning.header_line() == "##vcffilter_filterWarning=sample_mismatch: a name with a newline and \\udcff. Do this"


def test_codes_are_fixed():
    with pytest.raises(ValueError, match="no warning"):
        RunWarning("something", "a", "b")
