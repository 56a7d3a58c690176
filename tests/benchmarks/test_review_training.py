"""The table of docs/review.md is what was measured, and what is measured is what a file holds."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("fastapi")

import review_training

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
HEADER = """##fileformat=VCFv4.2
##contig=<ID=1,length=1000>
##INFO=<ID=PILEUP_PROB,Number=A,Type=Float,Description="x">
##INFO=<ID=PILEUP_ALT_SCORE,Number=A,Type=Float,Description="x">
##INFO=<ID=PILEUP_FT,Number=A,Type=String,Description="x">
#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO
"""


def test_the_page_has_what_was_measured():
    data = json.loads((BENCHMARKS / "results" / "review_training.json").read_text())
    text = review_training.PAGE.read_text()
    assert review_training.document(text, data) == text
    assert len(data["repeats"]) == 3


def test_files_are_measured_by_hand(tmp_path):
    path = tmp_path / "f.vcf"
    rows = [
        (1, "C", "0.9", "2.2", "PASS"), (2, "C,G", "0.8,0.1", "1.4,-2.2", "PASS,LowPileupSNV"),
        (3, "C", "0.2", "-1.4", "LowPileupSNV"), (4, "C", ".", ".", "."), (5, "C", "0.7", "0.8", "PASS"),
    ]  # fmt: skip
    lines = [f"1\t{pos}\t.\tA\t{alt}\t5\t.\tPILEUP_PROB={p};PILEUP_ALT_SCORE={s};PILEUP_FT={v}\n" for pos, alt, p, s, v in rows]
    path.write_text(HEADER + "".join(lines))
    labels = {(1, "C"): "TP", (2, "C"): "FP", (2, "G"): "FP", (3, "C"): "TP", (4, "C"): "TP"}
    truth = {("1", pos1, "A", alt): label for (pos1, alt), label in labels.items()}
    found = review_training.measured_by(path, truth)
    assert (found["real"], found["false"], found["real_kept"], found["false_removed"]) == (2, 2, 1, 1)
    assert found["auroc"] == pytest.approx(0.75)


def test_a_simulated_reviewer_judges_on_the_page(tmp_path):
    """The whole way on a small sample, up to the labels; training and measuring have tests of their own."""
    command = [sys.executable, "-m", "vcffilter", "simulate", "--length", "6000", "--artefacts", "4", "-o", str(tmp_path / "s")]
    subprocess.run(command, check=True, capture_output=True)
    sample = review_training.Sample(tmp_path / "s")
    calls = Path(sample.calls)
    reviewer = review_training.Reviewer("Ann", ("file", "random"))
    with review_training.review_page(calls, sample, tmp_path / "verdicts") as address:
        review_training.judge(address, reviewer, review_training.alleles_of(calls), sample.truth, 5)
    review_training.program("review", calls, "--verdicts", tmp_path / "verdicts", "--export", tmp_path / "labels.tsv")
    given = review_training.read_labels(tmp_path / "labels.tsv")
    known = {allele: label for allele, label in given.items() if label in ("TP", "FP")}
    assert len(known) == 5
    assert known.items() <= sample.truth.items()


def test_what_is_held_out_has_both_labels():
    labels = {("1", 10 * place, "A", "C"): "TP" if place in (3, 9, 10) else "FP" for place in range(16)}
    assert review_training.held_out(labels) == "1:80-110"
