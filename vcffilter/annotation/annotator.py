"""Puts scores into records: FILTER and INFO under the chosen settings, and the counts of what was done."""

from __future__ import annotations

import ctypes
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from vcffilter.annotation import record_update as update
from vcffilter.annotation.declarations import Provenance, declare
from vcffilter.annotation.reason_vocabulary import REASON_NAMES
from vcffilter.annotation.settings import INDEL_FILTER, SNV_FILTER, AnnotationSettings
from vcffilter.errors import VariantFileError
from vcffilter.models.threshold_classes import DEEP_READS
from vcffilter.variants.alleles import STATUS_NAMES, AlleleScores
from vcffilter.variants.chunks import RecordChunk
from vcffilter.variants.header import VariantHeader
from vcffilter.variants.htslib import MISSING_FLOAT_BITS, MISSING_INT32

#: Values in one record's FILTER that there is room for.
_MOST_FILTERS = 65_536


@dataclass(frozen=True)
class AnnotationCounts:
    """What was written, so far.

    n_records: all. n_blocks: gVCF blocks, left alone. n_scored: records with a scored ALT.
    n_failed: of these, below the thresholds; n_failed_snv, n_failed_indel: with such an ALT among theirs.
    unscored_records, alleles: numbers by status name.
    """

    n_records: int
    n_blocks: int
    n_scored: int
    n_failed: int
    n_failed_snv: int
    n_failed_indel: int
    unscored_records: dict[str, int]
    alleles: dict[str, int]


class Annotator:
    """Declares its keys in the header on construction, before the first record is read; then `annotate` chunk by chunk.

    Raises VariantFileError when the header has a key of the same name with another meaning.
    """

    def __init__(self, header: VariantHeader, settings: AnnotationSettings, provenance: Provenance, path: str) -> None:
        stale = declare(header, settings, provenance, path)
        self._path = path
        self.settings = settings
        self._texts: list[ctypes.Array] = []  # keeps alive what the plan points to
        self._score = np.zeros(1, dtype=np.float32)
        self._filters = np.zeros(_MOST_FILTERS, dtype=np.int32)
        self._text = np.zeros(sum(len(name) + 1 for name in REASON_NAMES) + 1, dtype=np.uint8)
        self._plan = self._make_plan(header, stale.info, stale.filters)
        self._status_names = np.array([self._address(name) for name in STATUS_NAMES], dtype=np.int64)
        self._reason_names = np.frombuffer("".join(REASON_NAMES).encode(), dtype=np.uint8)
        self._reason_first = np.cumsum([0, *(len(name) for name in REASON_NAMES)], dtype=np.int64)
        self._counts = np.zeros(update.COUNT_SIZE, dtype=np.int64)

    def annotate(self, chunk: RecordChunk, scores: AlleleScores) -> None:
        """Change the chunk's records in place. Scores are in the order of `chunk.alleles`."""
        sent = chunk.alt_status == 0
        n_alts = len(sent)
        status = chunk.alt_status.copy()
        status[sent] = scores.status
        probability = np.full(n_alts, np.nan, dtype=np.float32)
        probability[sent] = scores.probability
        log_odds = np.full(n_alts, np.nan, dtype=np.float32)
        log_odds[sent] = scores.log_odds
        depth = np.full(n_alts, MISSING_INT32, dtype=np.int32)
        depth[sent] = scores.n_reads
        reasons = np.zeros(n_alts, dtype=np.uint32)
        if scores.reasons is not None:
            reasons[sent] = scores.reasons
        unscored = status != 0
        if np.isnan(probability[~unscored] + log_odds[~unscored]).any():
            raise ValueError("the scorer calls an allele scored and gives it no probability")
        depth[unscored] = MISSING_INT32
        bits = probability.view(np.uint32).copy()
        bits[unscored] = MISSING_FLOAT_BITS
        failed_at = update.update_records(
            self._plan,
            tuple(map(float, self.settings.thresholds.by_depth)),
            DEEP_READS,
            chunk.records.addresses,
            chunk.alt_first,
            sent,
            status,
            chunk.alt_is_indel,
            chunk.is_block,
            probability,
            log_odds,
            bits.ctypes.data,
            depth.ctypes.data,
            reasons,
            self._status_names,
            self._reason_names,
            self._reason_first,
            self._score,
            self._filters,
            self._text,
            self._counts,
        )
        if failed_at >= 0:
            raise VariantFileError(
                "FILTER and INFO of this record cannot be changed",
                path=self._path,
                contig=chunk.records.contig,
                pos1=chunk.records.pos0(failed_at) + 1,
            )

    def counts(self) -> AnnotationCounts:
        """What was written so far."""
        counts = self._counts
        return AnnotationCounts(
            n_records=int(counts[update.COUNT_RECORDS]),
            n_blocks=int(counts[update.COUNT_BLOCKS]),
            n_scored=int(counts[update.COUNT_SCORED]),
            n_failed=int(counts[update.COUNT_FAILED]),
            n_failed_snv=int(counts[update.COUNT_FAILED_SNV]),
            n_failed_indel=int(counts[update.COUNT_FAILED_INDEL]),
            unscored_records=_by_status(counts[update.COUNT_STATUS : update.COUNT_ALT_STATUS]),
            alleles=_by_status(counts[update.COUNT_ALT_STATUS :]),
        )

    def _make_plan(self, header: VariantHeader, stale_info: bool, stale_filters: bool) -> np.ndarray:
        settings, keys = self.settings, self.settings.keys
        plan = np.zeros(update.PLAN_SIZE, dtype=np.int64)
        plan[update.PLAN_HEADER] = header.address
        plan[update.PLAN_KEY_PROBABILITY] = self._address(keys.probability)
        plan[update.PLAN_KEY_SCORE] = self._address(keys.score)
        plan[update.PLAN_KEY_DEPTH] = self._address(keys.depth)
        plan[update.PLAN_KEY_STATUS] = self._address(keys.status)
        if header.info_declaration(keys.reason) is not None:
            plan[update.PLAN_KEY_REASON] = self._address(keys.reason)
        plan[update.PLAN_FILTER_PASS] = header.identifier("PASS")
        plan[update.PLAN_FILTER_SNV] = header.identifier(SNV_FILTER)
        plan[update.PLAN_FILTER_INDEL] = header.identifier(INDEL_FILTER)
        plan[update.PLAN_MODE] = settings.mode
        plan[update.PLAN_ANNOTATE_ONLY] = settings.annotate_only
        plan[update.PLAN_STALE_INFO] = stale_info
        plan[update.PLAN_STALE_FILTER] = stale_filters
        plan[update.PLAN_WITH_REASONS] = settings.with_reasons
        plan[update.PLAN_SCRATCH_SCORE] = self._score.ctypes.data
        plan[update.PLAN_SCRATCH_FILTERS] = self._filters.ctypes.data
        plan[update.PLAN_SCRATCH_TEXT] = self._text.ctypes.data
        return plan

    def _address(self, text: str) -> int:
        self._texts.append(ctypes.create_string_buffer(text.encode()))
        return ctypes.addressof(self._texts[-1])


def _by_status(counts: Iterable[int]) -> dict[str, int]:
    return {name: int(count) for name, count in zip(STATUS_NAMES, counts, strict=True) if count}
