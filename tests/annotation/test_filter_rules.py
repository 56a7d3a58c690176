"""FILTER and INFO against a plain model of the rules, over random records, scores, thresholds and modes."""

from __future__ import annotations

import math
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vcffilter.annotation import record_layout as layout
from vcffilter.annotation import record_verdicts as verdicts
from vcffilter.annotation.annotator import Annotator
from vcffilter.annotation.declarations import Provenance
from vcffilter.annotation.reason_vocabulary import REASON_NAMES
from vcffilter.annotation.settings import AnnotationSettings, FilterMode, Thresholds, annotation_keys
from vcffilter.errors import UsageError
from vcffilter.pipeline.run import run_stream
from vcffilter.variants.allele_scores import STATUS_CODE, STATUS_NAMES, AlleleScores
from vcffilter.variants.reader import BatchLimits, VariantReader
from vcffilter.variants.writer import VariantWriter, output_spec

HEADER = """##fileformat=VCFv4.2
##FILTER=<ID=q10,Description="q">
##FILTER=<ID=s50,Description="s">
##FILTER=<ID=LowPileupSNV,Description="an earlier run's">
##INFO=<ID=PILEUP_STATUS,Number=1,Type=String,Description="an earlier run's">
##contig=<ID=1>
#CHROM	POS	ID	REF	ALT	QUAL	FILTER	INFO
"""

unscored = st.sampled_from([STATUS_CODE["no_reads"], STATUS_CODE["allele_too_long"]])
#: An ALT: its bases, and either its probability in ten-thousandths or the reason it has none.
alts = st.tuples(st.sampled_from(["C", "AG", "ATT", "*", "<DEL>"]), st.one_of(st.integers(0, 10_000), unscored.map(lambda c: -c)))
filters = st.lists(st.sampled_from(["q10", "s50", "LowPileupSNV"]), unique=True)
records = st.tuples(st.one_of(st.just(["PASS"]), filters), st.lists(alts, min_size=1, max_size=3, unique_by=lambda alt: alt[0]))


class GivenScores:
    """Scores as the test says, by position and ALT."""

    def __init__(self, table, log_odds=None, n_reads=7):
        self.table, self.log_odds, self.n_reads = table, log_odds, n_reads

    def score(self, chunk):
        keys = [(int(p), int(a)) for p, a in zip(chunk.start0, chunk.alt_index, strict=True)]
        values = np.array([self.table[key] for key in keys], dtype=np.int64)
        probability = np.where(values >= 0, values / 10_000, np.nan).astype(np.float32)
        status = np.where(values >= 0, 0, -values).astype(np.uint8)
        log_odds = values / 1000 - 5 if self.log_odds is None else np.array([self.log_odds[key] for key in keys])
        counts = np.stack([np.full(len(values), self.n_reads), np.full(len(values), 2), 1 + chunk.alt_index], axis=1)
        return AlleleScores(probability, log_odds, counts.astype(np.int32), status, np.full(len(values), 5, np.uint32))

    def close(self):
        pass


def expected_filter(old, scored, mode, limits):
    """The rules once more, in plain words. limits: (SNV, indel). scored: (type, ten-thousandths) of each scored ALT."""
    earlier = [name for name in old if name not in ("PASS", "LowPileupSNV", "LowPileupIndel")]
    if not scored:
        return [name for name in old if name not in ("LowPileupSNV", "LowPileupIndel")]
    fails = all(step / 10_000 < limits[kind != "snv"] for kind, step in scored)
    ours = []
    if fails:
        kinds = {kind for kind, _ in scored}
        ours = [name for kind, name in (("snv", "LowPileupSNV"), ("indel", "LowPileupIndel")) if kind in kinds]
    if mode is FilterMode.RESET:
        return ours or ["PASS"]
    if mode is FilterMode.REPLACE and fails:
        return ours
    return earlier + ours or ["PASS"]


def annotate(rows, mode, thresholds, *, annotate_only=False, with_reasons=False, log_odds=None, n_reads=7):
    """Rows -> the written rows, as lists of columns."""
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "in.vcf", Path(folder) / "out.vcf"
        table, lines = {}, []
        for index, (old, row_alts) in enumerate(rows):
            for number, (_, value) in enumerate(row_alts):
                table[index * 10, number] = value
            text = ",".join(alt for alt, _ in row_alts)
            lines.append(f"1\t{index * 10 + 1}\t.\tA\t{text}\t.\t{';'.join(old) or '.'}\tPILEUP_STATUS=no_reads\n")
        source.write_text(HEADER + "".join(lines))
        chosen = AnnotationSettings(annotation_keys(), thresholds, mode, annotate_only, with_reasons)
        with VariantReader(str(source), limits=BatchLimits(n_records=2)) as reader:
            annotator = Annotator(reader.header, chosen, Provenance("m", "0" * 64), reader.name)
            with VariantWriter(output_spec(str(target), None, None), reader.header) as writer:
                run_stream(reader, GivenScores(table, log_odds, n_reads), annotator, writer, n_threads=2)
                writer.commit()
        return [line.split("\t") for line in target.read_text().splitlines() if line[0] != "#"], annotator.counts()


def scored_alts(row_alts):
    plain = [(alt, value) for alt, value in row_alts if alt not in ("*", "<DEL>")]
    return [("snv" if len(alt) == 1 else "indel", value) for alt, value in plain if value >= 0]


def info(row):
    return dict(pair.partition("=")[::2] for pair in row[7].split(";") if pair != ".")


probabilities = st.integers(0, 10_000).map(lambda step: step / 10_000)


@settings(max_examples=60, deadline=None)
@given(st.lists(records, min_size=1, max_size=6), st.sampled_from(FilterMode), probabilities, probabilities)
def test_filter_follows_the_rules(rows, mode, snv, indel):
    written, counts = annotate(rows, mode, Thresholds(snv, indel))
    assert len(written) == len(rows) == counts.n_records
    n_failed = 0
    for row, (old, row_alts) in zip(written, rows, strict=True):
        expected = expected_filter(old, scored_alts(row_alts), mode, (snv, indel))
        assert row[6] == (";".join(expected) or ".")
        n_failed += any(name.startswith("LowPileup") for name in expected)
    assert counts.n_failed == n_failed
    assert counts.n_scored == sum(bool(scored_alts(row_alts)) for _, row_alts in rows)


@settings(max_examples=30, deadline=None)
@given(
    st.lists(records, min_size=1, max_size=6),
    st.tuples(probabilities, probabilities, probabilities, probabilities),
    st.sampled_from([1, 20, 21, 60]),
)
def test_alts_of_many_reads_have_thresholds_of_their_own(rows, limits, n_reads):
    written, _ = annotate(rows, FilterMode.APPEND, Thresholds(*limits), n_reads=n_reads)
    of_depth = limits[2:] if n_reads > 20 else limits[:2]
    for row, (old, row_alts) in zip(written, rows, strict=True):
        expected = expected_filter(old, scored_alts(row_alts), FilterMode.APPEND, of_depth)
        assert row[6] == (";".join(expected) or ".")


@settings(max_examples=40, deadline=None)
@given(st.lists(records, min_size=1, max_size=6))
def test_info_holds_scores_or_a_status(rows):
    written, counts = annotate(rows, FilterMode.APPEND, Thresholds(0.5, 0.5))
    for row, (_, row_alts) in zip(written, rows, strict=True):
        found = info(row)
        scored = scored_alts(row_alts)
        if not scored:
            assert set(found) == {"PILEUP_STATUS"}
            assert found["PILEUP_STATUS"] in STATUS_NAMES[1:]
            continue
        assert set(found) == {"PILEUP_PROB", "PILEUP_SCORE", "PILEUP_DP", "PILEUP_AD", "PILEUP_FT", "PILEUP_ALT_SCORE"}
        for (alt, value), probability, depth in zip(
            row_alts, found["PILEUP_PROB"].split(","), found["PILEUP_DP"].split(","), strict=True
        ):
            if alt in ("*", "<DEL>") or value < 0:
                assert (probability, depth) == (".", ".")
            else:
                assert float(probability) == value / 10_000
                assert depth == "7"
        assert_each_alt_has_its_own(row_alts, found)
        assert float(found["PILEUP_SCORE"]) == pytest.approx(max(step for _, step in scored) / 1000 - 5, abs=1e-5)
    assert counts.alleles.get("scored", 0) == sum(len(scored_alts(row_alts)) for _, row_alts in rows)
    assert sum(counts.unscored_records.values()) == counts.n_records - counts.n_scored


def assert_each_alt_has_its_own(row_alts, found):
    """Reads, verdict and score of each ALT, at thresholds of 0.5."""
    for_ref, *for_alt = found["PILEUP_AD"].split(",")
    assert for_ref == "2"
    columns = (for_alt, found["PILEUP_FT"].split(","), found["PILEUP_ALT_SCORE"].split(","))
    for number, ((alt, value), n_reads, verdict, score) in enumerate(zip(row_alts, *columns, strict=True)):
        if alt in ("*", "<DEL>") or value < 0:
            assert (n_reads, verdict, score) == (".", ".", ".")
            continue
        failing = "LowPileupSNV" if len(alt) == 1 else "LowPileupIndel"
        assert (n_reads, verdict) == (str(1 + number), "PASS" if value >= 5000 else failing)
        assert float(score) == pytest.approx(value / 1000 - 5, abs=1e-5)


@settings(max_examples=30, deadline=None)
@given(st.lists(records, min_size=1, max_size=6), st.sampled_from(FilterMode))
def test_annotate_only_leaves_filter_alone(rows, mode):
    written, _ = annotate(rows, mode, Thresholds(0.5, 0.5), annotate_only=True)
    assert [row[6] for row in written] == [";".join(old) or "." for old, _ in rows]


def test_threshold_is_exact_in_spite_of_float32():
    steps = np.arange(10_001)
    probability = (steps / 10_000).astype(np.float32)[None]
    status, log_odds, counts = (
        np.zeros((1, len(steps)), np.uint8),
        np.zeros((1, len(steps))),
        np.zeros((1, len(steps), 3), np.int32),
    )
    verdict, best = np.empty((1, len(steps)), np.uint8), np.empty(len(steps), np.int64)
    is_snv = np.ones(len(steps), bool)
    for step in range(0, 10_001, 73):
        for beyond, threshold in ((0, step / 10_000), (1, step / 10_000 + 0.00001)):
            limits = layout.JudgedBy(*[threshold] * 4, deep_reads=21, sure=1.0, sure_reads=0, bands=np.zeros((2, 0)))
            verdicts.judge_samples(limits, is_snv, np.zeros(len(is_snv)), status, probability, log_odds, counts, verdict, best)
            np.testing.assert_array_equal(verdict[0] == layout.VERDICT_PASS, steps >= step + beyond)


def test_reasons_are_written_where_a_record_fails():
    rows = [([], [("C", 1000)]), ([], [("C", 9000)]), ([], [("C", -STATUS_CODE["no_reads"])])]
    written, _ = annotate(rows, FilterMode.APPEND, Thresholds(0.5, 0.5), with_reasons=True)
    reasons = [info(row).get("PILEUP_REASON") for row in written]
    assert reasons == [f"{REASON_NAMES[0]},{REASON_NAMES[2]}", None, None]


def test_status_of_a_record_is_that_of_its_plain_alt():
    rows = [([], [("*", 0), ("C", -STATUS_CODE["allele_too_long"])]), ([], [("*", 0), ("<DEL>", 0)])]
    written, _ = annotate(rows, FilterMode.APPEND, Thresholds(0.5, 0.5))
    assert [info(row)["PILEUP_STATUS"] for row in written] == ["allele_too_long", "unsupported_allele"]


@pytest.mark.parametrize("value", [-0.1, 1.5, math.nan])
def test_threshold_must_be_a_probability(value):
    with pytest.raises(UsageError):
        Thresholds(value, 0.5)


@pytest.mark.parametrize(("prefix", "score_key"), [("1X", None), ("A B", None), ("X", "a;b"), ("X", "X_DP"), ("", "9")])
def test_keys_must_be_allowed(prefix, score_key):
    with pytest.raises(UsageError):
        annotation_keys(prefix, score_key)


def test_the_score_tells_apart_calls_of_one_probability():
    sure, wrong = 10_000, 0
    rows = [([], [("C", sure)]), ([], [("C", sure)]), ([], [("C", wrong), ("AG", sure)])]
    log_odds = {(0, 0): 9.8765, (10, 0): 12.3457, (20, 0): -15.4321, (20, 1): 30.0}
    written, _ = annotate(rows, FilterMode.APPEND, Thresholds(0.5, 0.5), log_odds=log_odds)
    assert [info(row)["PILEUP_SCORE"] for row in written] == ["9.8765", "12.3457", "30"]


def test_a_scorer_that_gives_no_probability_is_found_out():
    class Broken(GivenScores):
        def score(self, chunk):
            n = chunk.n_alleles
            nothing = np.full(n, np.nan, np.float32)
            return AlleleScores(nothing, nothing, np.zeros((n, 3), np.int32), np.zeros(n, np.uint8))

    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "in.vcf"
        source.write_text(HEADER + "1\t1\t.\tA\tC\t.\t.\t.\n")
        chosen = AnnotationSettings(annotation_keys(), Thresholds(0.5, 0.5))
        with VariantReader(str(source)) as reader:
            annotator = Annotator(reader.header, chosen, Provenance("m", "0" * 64), reader.name)
            with (
                VariantWriter(output_spec(f"{folder}/out.vcf", None, None), reader.header) as writer,
                pytest.raises(ValueError, match="no probability"),
            ):
                run_stream(reader, Broken({}), annotator, writer)
