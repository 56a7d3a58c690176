"""The cut for an expected false discovery rate, and `--fdr`: a file read twice."""

import io

import numpy as np
import pytest
from fake_scorer import FakeScorer

from vcffilter.commands.main import run
from vcffilter.pipeline import evidence
from vcffilter.pipeline.first_pass import ProbabilityCounts
from vcffilter.variants.allele_scores import AlleleScores

HEADER = "##fileformat=VCFv4.2\n##contig=<ID=chr1>\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"


def counts_of(*chunks):
    counts = ProbabilityCounts()
    for values in chunks:
        p = np.array(values, np.float32)
        counts.add(AlleleScores(p, np.zeros(len(p)), np.ones((len(p), 3), np.int32), np.isnan(p).astype(np.uint8)))
    return counts


@pytest.mark.parametrize("rate", [0.01, 0.05, 0.2])
def test_the_cut_is_the_lowest_that_keeps_the_rate(rate):
    p = np.round(np.random.default_rng(3).beta(0.4, 0.4, 3000), 4)
    cut = counts_of(p[:1000], p[1000:]).cut_for_rate(rate)
    assert (1 - p[p >= cut]).mean() <= rate + 1e-9
    lower = p[p < cut].max()
    assert (1 - p[p >= lower]).mean() > rate


def test_what_passes_is_counted():
    counts = counts_of([0.9, 0.8, np.nan], [0.1])
    assert counts.total == 3
    assert counts.expected(0.8) == (2, pytest.approx(0.3))


def test_nothing_passes_where_nothing_is_sure_enough():
    assert counts_of([0.5, 0.6]).cut_for_rate(0.1) == 1.0
    assert counts_of([]).cut_for_rate(0.1) == 1.0
    assert counts_of([1.0, 0.2]).cut_for_rate(0.001) == 1.0


def test_of_several_samples_the_best_counts():
    counts = ProbabilityCounts()
    p = np.array([[0.9, 0.1, np.nan], [0.2, np.nan, np.nan]], np.float32)
    counts.add(AlleleScores(p, np.zeros((2, 3)), np.ones((2, 3, 3), np.int32), np.isnan(p).astype(np.uint8)))
    assert counts.total == 2
    assert counts.expected(0.9)[0] == 1


@pytest.fixture
def calls(tmp_path, monkeypatch):
    monkeypatch.setattr(evidence, "open_scorer", lambda options: FakeScorer(options.want_reasons))
    path = tmp_path / "calls.vcf"
    path.write_text(HEADER + "".join(f"chr1\t{pos}\t.\tA\tG\t9\t.\t.\n" for pos in range(18, 900)))
    return path


def filtered(calls, tmp_path, *options):
    target = tmp_path / "out.vcf"
    assert run(["filter", str(calls), "-b", "x", "-f", "x", "-o", str(target), "--allow-unscored", *options]) == 0
    lines = [line.split("\t") for line in target.read_text().splitlines() if not line.startswith("#")]
    scored = [line for line in lines if "PILEUP_PROB=" in line[7] and "PILEUP_PROB=." not in line[7]]
    passed = [line[6] == "PASS" for line in scored]
    probability = [float(line[7].split("PILEUP_PROB=")[1].split(";")[0]) for line in scored]
    return np.array(probability), np.array(passed)


@pytest.mark.parametrize("threads", ["1", "3"])
def test_fdr_of_this_file(calls, tmp_path, caplog, threads):
    p, passed = filtered(calls, tmp_path, "--fdr", "0.1", "--threads", threads)
    assert (1 - p[passed]).mean() <= 0.1
    assert (1 - p[p >= p[~passed].max()]).mean() > 0.1
    assert f"{passed.sum()} of {len(p)}" in caplog.text


def test_a_threshold_of_the_user_has_the_last_word(calls, tmp_path):
    p, passed = filtered(calls, tmp_path, "--fdr", "0.1", "--min-prob-snv", "0.25")
    assert p[passed].min() < 0.26


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["-", "--fdr", "0.1"], "a stream cannot be read twice"),
        (["CALLS", "--fdr", "0.1", "--preset", "strict"], "each choose the thresholds"),
        (["CALLS", "--fdr", "0.1", "--target-recall", "0.9"], "each choose the thresholds"),
    ],
)
def test_what_fdr_cannot_be(calls, options, said, capfd, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO())
    arguments = [str(calls) if one == "CALLS" else one for one in options]
    assert run(["filter", *arguments, "-b", "x", "-f", "x"]) == 2
    assert said in capfd.readouterr().err
