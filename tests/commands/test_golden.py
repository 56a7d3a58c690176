"""`pileup-filter filter` on a small VCF of every kind of record, against files that were read through by eye.

UPDATE_GOLDEN=1 pytest tests/commands/test_golden.py writes them anew.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from fake_scorer import FakeScorer

from vcffilter.commands.main import run
from vcffilter.pipeline import evidence

GOLDEN = Path(__file__).parent / "golden"
INPUT = GOLDEN / "input.vcf"


def cases() -> list[tuple[str, list[str]]]:
    lines = (GOLDEN / "cases.txt").read_text().splitlines()
    rows = [line.split("|") for line in lines if line and not line.startswith("#")]
    return [(name.strip(), arguments.split()) for name, arguments in rows]


@pytest.fixture(autouse=True)
def _fake_scorer(monkeypatch):
    monkeypatch.setattr(evidence, "open_scorer", lambda options: FakeScorer(options.want_reasons))


def filtered(tmp_path: Path, arguments: list[str], source: Path = INPUT) -> str:
    target = tmp_path / "out.vcf"
    code = run(["filter", str(source), "-b", "x", "-f", "x", "--no-version", "-q", "-o", str(target), *arguments])
    assert code == 0
    return target.read_text()


@pytest.mark.parametrize(("name", "arguments"), cases())
@pytest.mark.parametrize("threads", ["1", "2"])
def test_golden(name, arguments, threads, tmp_path):
    text = filtered(tmp_path, [*arguments, "--threads", threads])
    expected = GOLDEN / f"{name}.expected.vcf"
    if os.environ.get("UPDATE_GOLDEN"):
        expected.write_text(text)
    assert text == expected.read_text()


@pytest.mark.parametrize("arguments", [[], ["--mode", "reset"], ["--reasons"], ["--annotate-only"]])
def test_a_second_run_changes_nothing(arguments, tmp_path):
    once = tmp_path / "once.vcf"
    once.write_text(filtered(tmp_path, arguments))
    assert filtered(tmp_path, arguments, once) == once.read_text()


def test_a_second_run_takes_back_what_the_first_said(tmp_path):
    strict = tmp_path / "strict.vcf"
    strict.write_text(filtered(tmp_path, ["--min-prob-snv", "1", "--min-prob-indel", "1", "--reasons"]))
    again = records(filtered(tmp_path, ["--min-prob-snv", "0", "--min-prob-indel", "0"], strict))
    fresh = records(filtered(tmp_path, ["--min-prob-snv", "0", "--min-prob-indel", "0"]))
    assert len(again) == len(fresh)
    for second, first in zip(again, fresh, strict=True):
        assert "LowPileup" not in second[6]
        assert "PILEUP_REASON" not in second[7]
        assert second[7] == first[7]


@pytest.mark.parametrize("kind", ["v", "z", "b", "u"])
def test_every_output_type_holds_the_same(kind, tmp_path):
    expected = filtered(tmp_path, [])
    target = tmp_path / f"out.{kind}"
    common = ["-b", "x", "-f", "x", "--no-version", "-q"]
    assert run(["filter", str(INPUT), *common, "-O", kind, "-o", str(target)]) == 0
    # Read back by the program itself: nothing is added where everything is there.
    assert filtered(tmp_path, [], target) == expected


def test_provenance_is_written_unless_refused(tmp_path):
    target = tmp_path / "out.vcf"
    assert run(["filter", str(INPUT), "-b", "x", "-f", "x", "-q", "-o", str(target)]) == 0
    header = [line for line in target.read_text().splitlines() if line.startswith("##")]
    assert any(line.startswith("##vcffilter_filterVersion=") for line in header)
    assert any(line.startswith("##vcffilter_filterCommand=") and "Date=" in line for line in header)
    assert sum(line.startswith("##vcffilter_model=<ID=fake-model,sha256=abab") for line in header) == 1


def records(text: str) -> list[list[str]]:
    return [line.split("\t") for line in text.splitlines() if not line.startswith("#")]


def test_each_alt_keeps_its_verdict_when_bcftools_splits_the_record(bcftools, tmp_path):
    whole = tmp_path / "whole.vcf"
    whole.write_text(filtered(tmp_path, ["--min-prob-snv", "0.1085", "--min-prob-indel", "0.1085", "--reasons"]))
    split = subprocess.run([bcftools, "norm", "-m", "-any", str(whole)], capture_output=True, text=True, check=True).stdout
    of_three = {row[4]: dict(pair.partition("=")[::2] for pair in row[7].split(";")) for row in records(split) if row[1] == "111"}
    assert {alt: found["PILEUP_FT"] for alt, found in of_three.items()} == {"C": "LowPileupSNV", "G": "PASS", "AT": "PASS"}
    assert {alt: found["PILEUP_AD"] for alt, found in of_three.items()} == {"C": "10,20", "G": "10,19", "AT": "10,20"}
    assert [found["PILEUP_ALT_SCORE"] for found in of_three.values()] == ["-3.917", "-3.913", "-3.906"]
    assert [found.get("PILEUP_ALT_REASON", ".") for found in of_three.values()] == ["low_mapq&read_end", ".", "."]
    # The line of docs/output.md.
    command = [bcftools, "view", "-H", "-e", 'INFO/PILEUP_FT~"LowPileup"', "-"]
    kept = records(subprocess.run(command, input=split, capture_output=True, text=True, check=True).stdout)
    assert [row[4] for row in kept if row[1] == "111"] == ["G", "AT"]
    assert any("PILEUP_STATUS" in row[7] for row in kept)
