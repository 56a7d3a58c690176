"""Puts scores into records: FILTER and INFO under the chosen settings, and the counts of what was done."""

from __future__ import annotations

import ctypes
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from vcffilter.annotation import record_layout as layout
from vcffilter.annotation import record_verdicts as verdicts
from vcffilter.annotation.alt_tally import AltCounts, AltTally
from vcffilter.annotation.background_tally import BackgroundAlts, BackgroundTally
from vcffilter.annotation.declarations import Provenance, Stale, declare
from vcffilter.annotation.reason_vocabulary import REASON_NAMES
from vcffilter.annotation.record_update import update_records
from vcffilter.annotation.settings import (
    BACKGROUND_FILTER,
    CONFIRM,
    DEEP_READS,
    INDEL_FILTER,
    SNV_FILTER,
    SURE,
    AnnotationSettings,
)
from vcffilter.errors import VariantFileError
from vcffilter.scoring.background_rules import BACKGROUND_NAMES, UNKNOWN, judge, least_share
from vcffilter.variants.allele_scores import STAGE_NAMES, STATUS_NAMES, AlleleScores, SampleScores
from vcffilter.variants.chunks import RecordChunk
from vcffilter.variants.header import VariantHeader

#: Values in one record's FILTER that there is room for.
_MOST_FILTERS = 65_536
_FAILING = (SNV_FILTER, INDEL_FILTER, BACKGROUND_FILTER)
#: By the codes of `record_layout`: from the third on the names of the bits, several of a sample whose ALTs fail by several.
_VERDICTS = (
    *(".", "PASS"),
    *(";".join(name for bit, name in enumerate(_FAILING) if code >> bit & 1) for code in range(1, layout.N_VERDICTS - 1)),
)
_TIERS = (".", SURE, CONFIRM)
#: Characters of all reasons together, joined.
_LONGEST_REASONS = sum(len(name) + 1 for name in REASON_NAMES)


@dataclass(frozen=True)
class AnnotationCounts:
    """What was written, so far.

    n_records: all. n_blocks: gVCF blocks, left alone. n_scored: records with a scored ALT.
    n_failed: of these, below the thresholds; n_failed_snv, n_failed_indel: with such an ALT among theirs; n_failed_noise: with
    one that passes but for the background. unscored_records, alleles: numbers by status name. alts: of the scored ones, by type.
    background: of the scored ones, by what they are there; None where there is none.
    stages: scored ALTs by the stage of the model that decided; empty where the model has none.
    """

    n_records: int
    n_blocks: int
    n_scored: int
    n_failed: int
    n_failed_snv: int
    n_failed_indel: int
    unscored_records: dict[str, int]
    alleles: dict[str, int]
    alts: dict[str, AltCounts]
    n_failed_noise: int = 0
    background: BackgroundAlts | None = None
    stages: dict[str, int] = field(default_factory=dict)


class Annotator:
    """Declares its keys in the header on construction, before the first record is read; then `annotate` chunk by chunk.

    Raises VariantFileError when the header has a key of the same name with another meaning.
    """

    def __init__(self, header: VariantHeader, settings: AnnotationSettings, provenance: Provenance, path: str) -> None:
        stale = declare(header, settings, provenance, path)
        self._path = path
        self.settings = settings
        self._texts: list[ctypes.Array] = []  # keeps alive what the plan points to
        self._n_columns = len(header.sample_names())
        snv, indel, deep_snv, deep_indel = map(float, settings.thresholds.by_depth)
        sure, sure_reads = (1.0, 0) if settings.tier is None else (float(settings.tier.probability), settings.tier.n_reads)
        bands = _band_thresholds(settings)
        self._thresholds = layout.JudgedBy(snv, indel, deep_snv, deep_indel, DEEP_READS, sure, sure_reads, bands)
        self._bands = (".", *(() if settings.bands is None else settings.bands.names))
        self._plan = self._make_plan(header, stale)
        self._words = self._make_words()
        self._scratch = layout.empty_scratch(0, 0, 0)
        self._counts = np.zeros(layout.COUNT_SIZE, dtype=np.int64)
        self._tally = AltTally()
        self._background_tally = BackgroundTally(settings.background) if settings.background else None
        self._stages = np.zeros(len(STAGE_NAMES), np.int64)

    def of_best_carriers(self, chunk: RecordChunk, samples: SampleScores) -> AlleleScores:
        """For each ALT the scores of the sample that stand for the site, by the rule of `record_verdicts.judge_samples`."""
        _, best = self._judge(chunk, samples)
        return samples.of_samples(best)

    def annotate(self, chunk: RecordChunk, scores: AlleleScores) -> None:
        """Change the chunk's records in place. Scores are in the order of `chunk.alleles`."""
        alts = _of_all_alts(chunk, scores, self._least_share(scores, chunk.alleles.n_alleles))
        samples = self._of_samples(chunk, scores.samples)
        self._make_room(int(np.diff(chunk.alt_first).max(initial=0)), len(samples.columns) > 0)
        failed_at = update_records(
            self._plan,
            self._thresholds,
            chunk.records.addresses,
            chunk.alt_first,
            chunk.is_block,
            alts,
            samples,
            self._words,
            self._scratch,
            self._counts,
        )
        if failed_at >= 0:
            raise VariantFileError(
                "FILTER and INFO of this record cannot be changed",
                path=self._path,
                contig=chunk.records.contig,
                pos1=chunk.records.pos0(failed_at) + 1,
            )
        scored = alts.status == 0
        self._stages += np.bincount(alts.stage[scored], minlength=len(STAGE_NAMES))
        self._tally.add(alts.is_snv[scored], alts.verdict[scored] != layout.VERDICT_PASS, alts.probability[scored])
        if self._background_tally is not None and scores.background is not None:
            self._background_tally.add(scores.background, scores.status == 0, alts.verdict[alts.is_sent])

    def counts(self) -> AnnotationCounts:
        """What was written so far."""
        counts = self._counts
        return AnnotationCounts(
            n_records=int(counts[layout.COUNT_RECORDS]),
            n_blocks=int(counts[layout.COUNT_BLOCKS]),
            n_scored=int(counts[layout.COUNT_SCORED]),
            n_failed=int(counts[layout.COUNT_FAILED]),
            n_failed_snv=int(counts[layout.COUNT_FAILED_SNV]),
            n_failed_indel=int(counts[layout.COUNT_FAILED_INDEL]),
            unscored_records=_by_status(counts[layout.COUNT_STATUS : layout.COUNT_ALT_STATUS]),
            alleles=_by_status(counts[layout.COUNT_ALT_STATUS :]),
            alts=self._tally.counts(),
            n_failed_noise=int(counts[layout.COUNT_FAILED_NOISE]),
            background=None if self._background_tally is None else self._background_tally.counts(),
            stages=dict(zip(STAGE_NAMES[1:], map(int, self._stages[1:]), strict=True)) if self.settings.with_stage else {},
        )

    def _make_plan(self, header: VariantHeader, stale: Stale) -> np.ndarray:
        settings, keys = self.settings, self.settings.keys
        plan = np.zeros(layout.PLAN_SIZE, dtype=np.int64)
        plan[layout.PLAN_HEADER] = header.address
        plan[layout.PLAN_KEY_PROBABILITY] = self._address(keys.probability)
        plan[layout.PLAN_KEY_SCORE] = self._address(keys.score)
        plan[layout.PLAN_KEY_DEPTH] = self._address(keys.depth)
        plan[layout.PLAN_KEY_ALLELE_DEPTH] = self._address(keys.allele_depth)
        plan[layout.PLAN_KEY_VERDICT] = self._address(keys.verdict)
        plan[layout.PLAN_KEY_ALT_SCORE] = self._address(keys.alt_score)
        plan[layout.PLAN_KEY_STATUS] = self._address(keys.status)
        if header.info_declaration(keys.reason) is not None:
            plan[layout.PLAN_KEY_REASON] = self._address(keys.reason)
        if header.info_declaration(keys.alt_reason) is not None:
            plan[layout.PLAN_KEY_ALT_REASON] = self._address(keys.alt_reason)
        if header.info_declaration(keys.tier) is not None:
            plan[layout.PLAN_KEY_TIER] = self._address(keys.tier)
        plan[layout.PLAN_WITH_TIER] = settings.tier is not None
        if header.info_declaration(keys.band) is not None:
            plan[layout.PLAN_KEY_BAND] = self._address(keys.band)
        plan[layout.PLAN_WITH_BAND] = settings.bands is not None
        if header.info_declaration(keys.background) is not None:
            plan[layout.PLAN_KEY_BACKGROUND] = self._address(keys.background)
        if header.info_declaration(keys.background_alt_reads) is not None:
            plan[layout.PLAN_KEY_BACKGROUND_ALT_READS] = self._address(keys.background_alt_reads)
        if header.info_declaration(keys.background_reads) is not None:
            plan[layout.PLAN_KEY_BACKGROUND_READS] = self._address(keys.background_reads)
        plan[layout.PLAN_WITH_BACKGROUND] = len(settings.background) > 0
        if header.info_declaration(keys.stage) is not None:
            plan[layout.PLAN_KEY_STAGE] = self._address(keys.stage)
        plan[layout.PLAN_WITH_STAGE] = settings.with_stage
        plan[layout.PLAN_FILTER_PASS] = header.identifier("PASS")
        plan[layout.PLAN_FILTER_SNV] = header.identifier(SNV_FILTER)
        plan[layout.PLAN_FILTER_INDEL] = header.identifier(INDEL_FILTER)
        plan[layout.PLAN_FILTER_NOISE] = header.identifier(BACKGROUND_FILTER)
        plan[layout.PLAN_MODE] = settings.mode
        plan[layout.PLAN_ANNOTATE_ONLY] = settings.annotate_only
        plan[layout.PLAN_STALE_INFO] = stale.info
        plan[layout.PLAN_STALE_FILTER] = stale.filters
        plan[layout.PLAN_STALE_FORMAT] = stale.formats and self._n_columns > 0
        plan[layout.PLAN_WITH_SAMPLE_VERDICTS] = settings.with_sample_verdicts
        plan[layout.PLAN_WITH_REASONS] = settings.with_reasons
        return plan

    def _make_words(self) -> layout.Words:
        status = np.array([self._address(name) for name in STATUS_NAMES], dtype=np.int64)
        vocabularies = _VERDICTS, REASON_NAMES, _TIERS, self._bands, BACKGROUND_NAMES, STAGE_NAMES
        return layout.Words(status, *(array for words in vocabularies for array in _joined(words)))

    def _judge(self, chunk: RecordChunk, samples: SampleScores) -> tuple[np.ndarray, np.ndarray]:
        """(verdict of each sample on each ALT, the sample that stands for the site)."""
        is_snv = chunk.alt_is_snv[chunk.alt_status == 0]
        verdict = np.empty(samples.status.shape, np.uint8)
        best = np.empty(len(is_snv), np.int64)
        verdicts.judge_samples(
            self._thresholds,
            is_snv,
            self._least_share(samples, len(is_snv)),
            samples.status,
            samples.probability,
            samples.log_odds,
            samples.counts,
            verdict,
            best,
        )
        return verdict, best

    def _least_share(self, scores: AlleleScores | SampleScores, n_alleles: int) -> np.ndarray:
        """float64 (n_alleles,), of the ALTs that were scored or might have been; see `record_layout.AltScores`."""
        if scores.background is None or not self.settings.background_decides:
            return np.zeros(n_alleles)
        return least_share(scores.background)

    def _of_samples(self, chunk: RecordChunk, samples: SampleScores | None) -> layout.SampleAlts:
        """What the kernel writes for each sample."""
        if samples is None:
            samples = SampleScores.without_carriers(np.zeros(0, np.int64), 0)
            verdict = samples.status
        else:
            verdict, _ = self._judge(chunk, samples)
        sent = chunk.alt_status == 0
        place = np.where(sent, np.cumsum(sent) - 1, -1)
        return layout.SampleAlts(samples.columns, self._n_columns, place, verdict, samples.probability, samples.counts)

    def _make_room(self, n_alts: int, with_samples: bool) -> None:
        """Scratch for a record of so many ALTs, of every sample at once where they are written."""
        n_values = (n_alts + 1) * (self._n_columns if with_samples else 1)
        if len(self._scratch.ints) >= n_values:
            return
        longest = max(len(name) for name in (*_FAILING, *BACKGROUND_NAMES, *self._bands)) + 1
        n_text = (n_alts + 1) * (_LONGEST_REASONS if self.settings.with_reasons else longest)
        if self.settings.with_sample_verdicts:
            n_text = max(n_text, self._n_columns * max(map(len, _VERDICTS)))
        self._scratch = layout.empty_scratch(2 * n_values, 2 * n_text, _MOST_FILTERS)

    def _address(self, text: str) -> int:
        self._texts.append(ctypes.create_string_buffer(text.encode()))
        return ctypes.addressof(self._texts[-1])


def _band_thresholds(settings: AnnotationSettings) -> np.ndarray:
    """Thresholds between bands, float64 (2, n): of SNVs, and of others."""
    bands = settings.bands
    return np.zeros((2, 0)) if bands is None else np.array([bands.snv, bands.indel], np.float64)


def _of_all_alts(chunk: RecordChunk, scores: AlleleScores, least_share: np.ndarray) -> layout.AltScores:
    """The scores, with those ALTs between them that were not sent to the scorer. least_share: of those that were."""
    sent = chunk.alt_status == 0
    n_alts = len(sent)
    status = chunk.alt_status.copy()
    status[sent] = scores.status
    probability = np.full(n_alts, np.nan, dtype=np.float32)
    probability[sent] = scores.probability
    log_odds = np.full(n_alts, np.nan, dtype=np.float32)
    log_odds[sent] = scores.log_odds
    counts = np.zeros((n_alts, 3), dtype=np.int32)
    counts[sent] = scores.counts
    reasons = np.zeros(n_alts, dtype=np.uint32)
    if scores.reasons is not None:
        reasons[sent] = scores.reasons
    background = np.full(n_alts, UNKNOWN, np.uint8)
    background_counts = np.zeros((n_alts, 2), np.int32)
    if scores.background is not None:
        background[sent] = np.where(scores.status == 0, judge(scores.background), UNKNOWN)
        background_counts[sent, 0] = scores.background.showing.sum(axis=0)
        background_counts[sent, 1] = scores.background.telling.sum(axis=0)
    shares = np.zeros(n_alts)
    shares[sent] = least_share
    if np.isnan((probability + log_odds)[status == 0]).any():
        raise ValueError("the scorer calls an allele scored and gives it no probability")
    stage = np.zeros(n_alts, dtype=np.uint8)
    if scores.stage is not None:
        stage[sent] = scores.stage
    verdict = np.empty(n_alts, dtype=np.uint8)
    known = status, probability, log_odds, counts, reasons, background, background_counts, shares
    return layout.AltScores(sent, chunk.alt_is_snv, *known, verdict, stage)


def _joined(words: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Words as one uint8 array, and the borders between them."""
    first = np.cumsum([0, *(len(word) for word in words)], dtype=np.int64)
    return np.frombuffer("".join(words).encode(), dtype=np.uint8), first


def _by_status(counts: Iterable[int]) -> dict[str, int]:
    return {name: int(count) for name, count in zip(STATUS_NAMES, counts, strict=True) if count}
