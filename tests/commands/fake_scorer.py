"""A scorer without reads or network, put where the command asks for the real one: probabilities follow from the allele alone.

Run as a program it is `pileup-filter` with that scorer, for tests that need a process.
"""

from __future__ import annotations

import sys
import time
from types import ModuleType, SimpleNamespace

import numpy as np

from vcffilter.variants.allele_chunk import AlleleChunk
from vcffilter.variants.allele_scores import STATUS_CODE, AlleleScores


class FakeScorer:
    """Probability = (POS0 * 7919 + ALT length * 13 + first ALT base) mod 10001, in ten-thousandths; "log-odds" = a thousandth of
    that number, less 5.
    """

    headers = ()
    reference = None
    metadata = SimpleNamespace(model_id="fake-model", description="", encoder=SimpleNamespace(features=()), training={})
    model_path = ""
    columns = None
    stage = None
    explained_below = 0.5
    model_id = "fake-model"
    model_sha256 = "ab" * 32
    thresholds = {"snv": 0.5, "indel": 0.4}
    presets = {
        "presets": {"strict": {"thresholds": {"snv": 0.7, "indel": 0.8}}},
        "sure": [
            {"probability": 0.6, "reads": 1, "n": 500, "n_false": 9, "false_at_most": 0.032, "share_of_true": 0.7},
            {"probability": 0.6, "reads": 20, "n": 300, "n_false": 1, "false_at_most": 0.016, "share_of_true": 0.4},
            {"probability": 0.9, "reads": 20, "n": 90, "n_false": 0, "false_at_most": 0.0328, "share_of_true": 0.1},
        ],
    }
    operating_points = (
        {"name": "sensitive", "target_recall": 0.999, "thresholds": {"snv": 0.05, "indel": 0.02}},
        {"name": "strict", "target_recall": 0.9, "thresholds": {"snv": 0.9, "indel": 0.8}},
    )

    def __init__(self, want_reasons: bool = False, delay_seconds: float = 0.0) -> None:
        self.want_reasons = want_reasons
        self.delay_seconds = delay_seconds
        self.chunk_sizes: list[int] = []
        self.closed = False

    def score(self, chunk: AlleleChunk) -> AlleleScores:
        self.chunk_sizes.append(chunk.n_alleles)
        time.sleep(self.delay_seconds)
        steps = [
            probability_step(int(chunk.start0[i]), bytes(chunk.alt_bases[chunk.alt_offset[i] : chunk.alt_offset[i + 1]]))
            for i in range(chunk.n_alleles)
        ]
        probability = (np.array(steps, dtype=np.float64) / 10_000).astype(np.float32)
        log_odds = np.array(steps, dtype=np.float64) / 1000 - 5
        status = np.zeros(chunk.n_alleles, dtype=np.uint8)
        no_reads = chunk.start0 % 17 == 0
        status[no_reads] = STATUS_CODE["no_reads"]
        probability[no_reads] = np.nan
        reasons = (chunk.start0 % 8).astype(np.uint32) if self.want_reasons else None
        counts = np.stack([chunk.start0 % 50, chunk.start0 % 20, chunk.start0 % 30 - chunk.alt_index % 2], axis=1)
        return AlleleScores(probability, log_odds, counts.astype(np.int32), status, reasons)

    def close(self) -> None:
        self.closed = True


def probability_step(start0: int, alt: bytes) -> int:
    return (start0 * 7919 + len(alt) * 13 + alt[0]) % 10_001


def main() -> int:
    from vcffilter.commands.main import run

    delay_seconds = float(sys.argv.pop(1))
    # In the place of the module that brings torch and the encoder, so that a process starts fast.
    evidence = ModuleType("vcffilter.pipeline.evidence")
    evidence.EvidenceOptions = SimpleNamespace
    evidence.open_scorer = lambda options: FakeScorer(options.want_reasons, delay_seconds)
    sys.modules[evidence.__name__] = evidence
    return run()


if __name__ == "__main__":
    sys.exit(main())
