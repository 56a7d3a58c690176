"""VCF in and out with nothing between: through the filter's own reader, annotator and writer, and through pysam."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pysam

from vcffilter.annotation.annotator import Annotator
from vcffilter.annotation.declarations import Provenance
from vcffilter.annotation.settings import AnnotationSettings, Thresholds, annotation_keys
from vcffilter.pipeline.run import StageSeconds, run_stream
from vcffilter.variants.allele_chunk import AlleleChunk
from vcffilter.variants.allele_scores import AlleleScores
from vcffilter.variants.reader import VariantReader
from vcffilter.variants.writer import VariantWriter, output_spec


class ConstantScorer:
    """Scores at once, the same for every allele but every hundredth, which fails."""

    def score(self, chunk: AlleleChunk) -> AlleleScores:
        """0.9876, or 0.0123 where the position ends in 00."""
        probability = np.where(chunk.start0 % 100 == 0, np.float32(0.0123), np.float32(0.9876))
        log_odds = np.where(probability > 0.5, 4.3773, -4.3856)
        counts = np.tile(np.array([30, 14, 15], np.int32), (chunk.n_alleles, 1))
        return AlleleScores(probability, log_odds, counts, np.zeros(chunk.n_alleles, np.uint8))

    def close(self) -> None:
        """Nothing is open."""


def annotate_with_constant(calls: Path, out: Path, kind: str) -> StageSeconds:
    """Every record in, annotated, and out; seconds by stage. kind: as of -O."""
    settings = AnnotationSettings(annotation_keys(), Thresholds(0.5, 0.5))
    spec = output_spec(str(out), kind, None)
    with VariantReader(str(calls), declared_only=spec.is_bcf) as reader:
        annotator = Annotator(reader.header, settings, Provenance("constant", "0"), str(calls))
        with VariantWriter(spec, reader.header) as writer:
            seconds = run_stream(reader, ConstantScorer(), annotator, writer)
            writer.commit()
    return seconds


def pysam_copy(calls: Path, out: Path, kind: str) -> None:
    """The same file record by record through pysam, unchanged."""
    mode = {"z": "wz", "v": "w", "u": "wb0", "b": "wb"}[kind]
    with pysam.VariantFile(str(calls)) as records, pysam.VariantFile(str(out), mode, header=records.header) as copy:
        for record in records:
            copy.write(record)
