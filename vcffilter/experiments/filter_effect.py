"""What cuts on out-of-fold scores would do to whole call sets: the filter's effect, truth that nobody called included."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from vcffilter.errors import TrainingError
from vcffilter.evaluation.counts import CountRow, count_rows
from vcffilter.evaluation.missed_depth import DepthCounter
from vcffilter.evaluation.tables import CallTable, TruthTable, joined
from vcffilter.evaluation.tabulation import tables_of
from vcffilter.experiments.config import CallSet
from vcffilter.training.dataset import ArrayDataset
from vcffilter.truth.matching import ContigMatching, matched_contigs
from vcffilter.truth.pairing import PairedFiles

_LABELS = {"TP": True, "FP": False}


class FilteredCallSets:
    """Call sets compared with their truth once, and counted again for each model.

    An example belongs to the call of its set with the same contig, position, type and label, in file order. Calls without an
    example stay as they are, as the filter leaves what it cannot score.
    """

    def __init__(self, call_sets: Sequence[CallSet], base: Path, data: ArrayDataset) -> None:
        self._contigs: list[tuple[ContigMatching, np.ndarray]] = []
        parts: list[tuple[CallTable, TruthTable]] = []
        for call_set in call_sets:
            inputs = PairedFiles(
                calls=str(base / call_set.calls),
                truth=str(base / call_set.truth),
                reference=str(base / call_set.reference),
                confident=str(base / call_set.confident) if call_set.confident else None,
            )
            examples = _examples_by_place(data, call_set.set)
            if not examples:
                raise TrainingError(f"no example comes from the set {call_set.set!r}", path=inputs.calls)
            with DepthCounter((), inputs.reference) as depths:
                for matching in matched_contigs(inputs):
                    self._contigs.append((matching, _example_of_call(matching, examples)))
                    parts.append(tables_of(matching, len(parts), {}, depths))
        self._parts = parts
        self.n_matched = sum(int((index >= 0).sum()) for _, index in self._contigs)

    def counts(self, passed: np.ndarray) -> list[CountRow]:
        """Rows before (ALL) and after (PASS) a filter. passed: bool (n_examples,)."""
        tables = []
        for (matching, index), (calls, truth) in zip(self._contigs, self._parts, strict=True):
            kept = _records_kept(calls, index, passed)
            found = np.stack([truth.found[:, 0], matching.found(kept)], 1)
            tables.append((dataclasses.replace(calls, passed=kept), dataclasses.replace(truth, found=found)))
        return count_rows(joined([calls for calls, _ in tables]), joined([truth for _, truth in tables]))


def _examples_by_place(data: ArrayDataset, set_name: str) -> dict[tuple[str, int, bool, bool], list[int]]:
    found: dict[tuple[str, int, bool, bool], list[int]] = {}
    for index in np.flatnonzero(data.set_name == set_name).tolist():
        key = str(data.contig[index]), int(data.pos0[index]), bool(data.is_snv[index]), bool(data.label[index] > 0.5)
        found.setdefault(key, []).append(index)
    return found


def _example_of_call(matching: ContigMatching, examples: dict[tuple[str, int, bool, bool], list[int]]) -> np.ndarray:
    """Index of each call's example, -1 where there is none; int64 (n_calls,)."""
    used: dict[tuple[str, int, bool, bool], int] = {}
    index = np.full(len(matching.calls), -1, np.int64)
    for number, (call, label) in enumerate(zip(matching.calls, matching.labels, strict=True)):
        if label.label not in _LABELS:
            continue
        key = matching.contig, call.pos1 - 1, call.is_snv, _LABELS[label.label]
        place = used.get(key, 0)
        if place < len(examples.get(key, ())):
            index[number] = examples[key][place]
            used[key] = place + 1
    return index


def _records_kept(calls: CallTable, index: np.ndarray, passed: np.ndarray) -> np.ndarray:
    """bool (n_calls,): a record fails when it has scored ALTs and all of them fail."""
    has_example = index >= 0
    passes = np.where(has_example, passed[np.maximum(index, 0)], False)
    _, record = np.unique(calls.record, return_inverse=True)
    n_records = int(record.max()) + 1 if len(record) else 0
    n_scored = np.bincount(record, has_example, n_records)
    n_passing = np.bincount(record, passes, n_records)
    return (calls.passed & ((n_scored == 0) | (n_passing > 0))[record]) if n_records else calls.passed
