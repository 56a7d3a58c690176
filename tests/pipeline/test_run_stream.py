"""The stream: order, bounded memory, and errors of every stage, with scorers that misbehave."""

from __future__ import annotations

import random
import threading
import time

import numpy as np
import pytest

from vcffilter.annotation.annotator import Annotator
from vcffilter.annotation.declarations import Provenance
from vcffilter.annotation.settings import AnnotationSettings, Thresholds, annotation_keys
from vcffilter.calibration.thresholds import choose_thresholds
from vcffilter.errors import ModelError, UsageError
from vcffilter.pipeline.run import run_stream
from vcffilter.variants.allele_scores import AlleleScores
from vcffilter.variants.reader import BatchLimits, VariantReader
from vcffilter.variants.writer import VariantWriter, output_spec

HEADER = "##fileformat=VCFv4.2\n##contig=<ID=1>\n##contig=<ID=2>\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"


class RecordingScorer:
    """Takes a random time; remembers what ran at once and how far ahead of the slowest chunk it was asked."""

    def __init__(self, slow_chunk: int = -1) -> None:
        self.lock = threading.Lock()
        self.running = self.most_running = self.started = 0
        self.slow_chunk = slow_chunk
        self.started_while_slow = 0

    def score(self, chunk):
        with self.lock:
            number = self.started
            self.started += 1
            self.running += 1
            self.most_running = max(self.most_running, self.running)
        if number == self.slow_chunk:
            time.sleep(0.5)
            self.started_while_slow = self.started - number
        time.sleep(random.Random(number).random() * 0.003)
        with self.lock:
            self.running -= 1
        probability = ((chunk.start0 * 7) % 10_000 / 10_000).astype(np.float32)
        n = chunk.n_alleles
        return AlleleScores(probability, np.zeros(n), np.ones((n, 3), np.int32), np.zeros(n, np.uint8))

    def close(self):
        pass


def stream(tmp_path, scorer, *, n_records=400, n_threads=1, limits=None, progress=None):
    source, target = tmp_path / "in.vcf", tmp_path / "out.vcf"
    lines = [f"{c}\t{p}\t.\tA\tC\t.\t.\t.\n" for c in (1, 2) for p in range(1, n_records // 2 + 1)]
    source.write_text(HEADER + "".join(lines))
    with VariantReader(str(source), limits=limits) as reader:
        chosen = AnnotationSettings(annotation_keys(), Thresholds(0.5, 0.5))
        annotator = Annotator(reader.header, chosen, Provenance("m", "0" * 64), reader.name)
        with VariantWriter(output_spec(str(target), None, None), reader.header) as writer:
            seconds = run_stream(reader, scorer, annotator, writer, n_threads=n_threads, progress=progress)
            writer.commit()
    return target.read_text(), seconds


@pytest.mark.parametrize("n_threads", [1, 2, 5])
@pytest.mark.parametrize("limits", [BatchLimits(7, 7, 1 << 20), BatchLimits(1, 1, 1), None])
def test_threads_and_chunks_change_nothing(tmp_path, n_threads, limits):
    expected, _ = stream(tmp_path, RecordingScorer())
    assert len(expected.splitlines()) > 400
    scorer = RecordingScorer()
    found, seconds = stream(tmp_path, scorer, n_threads=n_threads, limits=limits)
    assert found == expected
    assert scorer.most_running <= n_threads
    assert seconds.score > 0


def test_reading_does_not_run_ahead_of_a_slow_chunk(tmp_path):
    scorer = RecordingScorer(slow_chunk=3)
    stream(tmp_path, scorer, n_threads=2, limits=BatchLimits(2, 2, 1 << 20))
    assert 1 < scorer.started_while_slow <= 2 + 2 + 1


def test_error_of_a_worker_is_the_error_of_the_run(tmp_path):
    class Failing(RecordingScorer):
        def score(self, chunk):
            if self.started == 5:
                raise ModelError("the network has burnt")
            return super().score(chunk)

    threads_before = threading.active_count()
    with pytest.raises(ModelError, match="burnt"):
        stream(tmp_path, Failing(), n_threads=3, limits=BatchLimits(5, 5, 1 << 20))
    assert not (tmp_path / "out.vcf").exists()
    assert threading.active_count() == threads_before


def test_progress_tells_where_the_writer_is(tmp_path):
    told = []
    stream(tmp_path, RecordingScorer(), limits=BatchLimits(50, 50, 1 << 20), progress=lambda *what: told.append(what))
    assert told[-1] == (400, "2", 200)
    assert [n for n, _, _ in told] == sorted({n for n, _, _ in told})


CARD = [
    {"name": "a", "target_recall": 0.999, "thresholds": {"snv": 0.01, "indel": 0.02}},
    {"name": "b", "target_recall": 0.99, "thresholds": {"snv": 0.1, "indel": 0.2}},
    {"name": "c", "thresholds": {"snv": 0.9, "indel": 0.9}},
]


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        ({}, (0.3, 0.4)),
        ({"min_prob_snv": 0.7}, (0.7, 0.4)),
        ({"min_prob_indel": 0.0}, (0.3, 0.0)),
        ({"target_recall": 0.99}, (0.1, 0.2)),
        ({"target_recall": 0.995}, (0.01, 0.02)),
        ({"target_recall": 0.5, "min_prob_snv": 0.6}, (0.6, 0.2)),
    ],
)
def test_thresholds_come_from_the_user_then_the_card(chosen, expected):
    found = choose_thresholds({"snv": 0.3, "indel": 0.4}, CARD, **chosen)
    assert (found.snv, found.indel) == expected
    assert found.by_depth == expected * 2


def test_thresholds_of_deep_alts_give_way_to_the_user():
    card = {"snv": 0.1, "indel": 0.2, "snv_deep": 0.3, "indel_deep": 0.4}
    assert choose_thresholds(card, []).by_depth == (0.1, 0.2, 0.3, 0.4)
    assert choose_thresholds(card, [], min_prob_indel=0.7).by_depth == (0.1, 0.7, 0.3, 0.7)
    rows = [{"name": "a", "target_recall": 0.99, "thresholds": {"snv": 0.5, "indel": 0.6, "snv_deep": 0.7, "indel_deep": 0.8}}]
    assert choose_thresholds(card, rows, target_recall=0.99).by_depth == (0.5, 0.6, 0.7, 0.8)


PRESETS = {
    "presets": {"balanced": {"thresholds": {"snv": 0.2, "indel": 0.3}}, "strict": {"thresholds": {"snv": 0.7, "indel": 0.8}}}
}


def test_presets_are_thresholds_by_name():
    card = {"snv": 0.2, "indel": 0.3}
    assert choose_thresholds(card, [], presets=PRESETS, preset="strict").by_depth == (0.7, 0.8, 0.7, 0.8)
    assert choose_thresholds(card, [], presets=PRESETS, preset="strict", min_prob_snv=0.1).by_depth == (0.1, 0.8, 0.1, 0.8)
    with pytest.raises(UsageError, match="both"):
        choose_thresholds(card, CARD, presets=PRESETS, preset="strict", target_recall=0.99)


def test_a_card_from_before_presets_has_its_default_only():
    card = {"snv": 0.1, "indel": 0.2, "snv_deep": 0.3, "indel_deep": 0.4}
    assert choose_thresholds(card, [], presets={}, preset="balanced").by_depth == (0.1, 0.2, 0.3, 0.4)
    with pytest.raises(ModelError, match="no preset 'strict'") as caught:
        choose_thresholds(card, [], presets={}, preset="strict")
    assert "calibrate" in str(caught.value.hint)


def test_recall_that_no_operating_point_reaches():
    with pytest.raises(ModelError, match=r"0\.99, 0\.999"):
        choose_thresholds({}, CARD, target_recall=0.9999)
