"""Labelled calls of one sample with their reads, as examples: the encoder's arrays, labels and where they come from."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter

import numpy as np

from vcffilter.encoding.encoder import ChunkEncoder
from vcffilter.errors import TrainingError
from vcffilter.kernels.htslib import load_htslib
from vcffilter.kernels.normalised_alleles import FINE
from vcffilter.labelling.files import read_label_rows
from vcffilter.models.encoder_spec import EncoderSpec
from vcffilter.reads.alignment_file import ReadSelection, read_header, refuse_duplicates
from vcffilter.reads.contig_names import check_naming
from vcffilter.reads.reference_file import ReferenceFile
from vcffilter.training.dataset import ArrayDataset, allele_number
from vcffilter.training.downsampled_reads import DownsampledFile
from vcffilter.truth.call_sets import CallsFile
from vcffilter.variants.allele_chunk import AlleleChunk

#: Alleles encoded at once; each such piece draws its own share of reads when a range is asked for.
PIECE = 512
_BASES = re.compile(r"[ACGTNacgtn]+\Z")
_LABELS = {"TP": 1.0, "FP": 0.0}
#: A caller that gives less than this does not believe in its own call.
HARD_SCORE = 1.0


@dataclass(frozen=True)
class ExampleSource:
    """One sample's labelled calls.

    calls: VCF or BCF. labels: written by `pileup-filter label`; only TP and FP become examples. reads: BAM or CRAM files.
    set_name: kept with each example. group: unit that is held out together; empty = the contig. downsample: lowest and highest
    share of the fragments that are seen. copies: how often each allele is made, each time with other fragments. samples: of the
    reads' @RG lines; empty = all reads. share: of the sample's fragments that the reads hold, when they were thinned before.
    """

    calls: str
    labels: str
    reads: tuple[str, ...]
    reference: str
    set_name: str = ""
    group: str = ""
    downsample: tuple[float, float] = (1.0, 1.0)
    copies: int = 1
    samples: tuple[str, ...] = ()
    share: float = 1.0

    def __post_init__(self) -> None:
        low, high = self.downsample
        if not 0 < low <= high <= 1:
            raise TrainingError(f"downsample {low} to {high} is no range within 0 and 1")
        if self.copies < 1:
            raise TrainingError("copies must be positive")
        if not 0 < self.share <= 1:
            raise TrainingError(f"share {self.share:g} does not lie within 0 and 1")


@dataclass(frozen=True)
class LabelledAllele:
    """pos1, ref, alt: as the VCF writes them. label: 1 true, 0 false. is_hard: the caller itself believed it.

    weight: share in the loss.
    """

    pos1: int
    ref: str
    alt: str
    label: float
    is_hard: bool
    weight: float = 1.0


class ExampleMaker:
    """Makes a source's examples, as often as wanted, with other reads each time. Close it when done, or use it with `with`.

    A CRAM's reference may come from the network unless the caller has forbidden that
    (`vcffilter.reads.alignment_file.forbid_network_references`).
    """

    def __init__(self, source: ExampleSource, spec: EncoderSpec) -> None:
        self.source = source
        self._alleles = list(labelled_alleles(source))
        if not self._alleles:
            raise TrainingError(
                "no call has a label TP or FP", path=source.calls, hint=f"Are the labels in {source.labels} of these calls?"
            )
        selection = ReadSelection(want_haplotype_tag="haplotype_tag" in spec.channels, samples=source.samples)
        refuse_duplicates(source.reads)
        headers = [read_header(path, source.reference) for path in source.reads]
        for contig, _ in self._alleles:
            for header in headers:
                check_naming(contig, source.calls, header.path, header.contigs)
        htslib = load_htslib()
        self._files = [DownsampledFile(header, source.reference, htslib, selection) for header in headers]
        reference = ReferenceFile(source.reference)
        for contig, _ in self._alleles:
            if contig not in reference.length_of_contig:
                check_naming(contig, source.calls, source.reference, reference.length_of_contig)
                raise TrainingError("the reference lacks a contig of the calls", path=source.reference, contig=contig)
        self._encoder = ChunkEncoder(spec, self._files, reference)

    def __enter__(self) -> ExampleMaker:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close reads and reference."""
        self._encoder.close()

    @property
    def n_labelled(self) -> int:
        """Labelled alleles of the source; those without reads become no example."""
        return sum(len(alleles) for _, alleles in self._alleles)

    def examples(self, seed: int, full_depth: bool = False) -> Iterator[ArrayDataset]:
        """Pieces of up to PIECE examples, in file order. seed: of the fragments seen. full_depth: see all of them, once."""
        for copy in range(1 if full_depth else self.source.copies):
            for number, (contig, alleles) in enumerate(self._alleles):
                for begin in range(0, len(alleles), PIECE):
                    rng = np.random.default_rng([seed, copy, number, begin])
                    share = 1.0 if full_depth else float(rng.uniform(*self.source.downsample))
                    for file in self._files:
                        file.draw(share, int(rng.integers(2**63)))
                    yield self._encode(contig, alleles[begin : begin + PIECE], share * self.source.share)

    def _encode(self, contig: str, alleles: list[LabelledAllele], share: float) -> ArrayDataset:
        called = [(allele.pos1 - 1, allele.ref, allele.alt) for allele in alleles]
        encoded = self._encoder.encode(AlleleChunk.from_alleles(contig, called))
        usable = (encoded.n_informing > 0) & (encoded.problem == FINE)
        examples = ArrayDataset.create(
            encoded.features,
            np.array([allele.label for allele in alleles], np.float32),
            encoded.reads,
            weight=[allele.weight for allele in alleles],
            is_snv=[len(allele.ref) == len(allele.alt) == 1 for allele in alleles],
            hard=[allele.is_hard for allele in alleles],
            depth=encoded.n_informing,
            share=share,
            allele=[allele_number(allele.ref, allele.alt) for allele in alleles],
            pos0=[allele.pos1 - 1 for allele in alleles],
            contig=contig,
            group=self.source.group or contig,
            set_name=self.source.set_name,
        )
        return examples.take(usable)


def labelled_alleles(source: ExampleSource) -> Iterator[tuple[str, list[LabelledAllele]]]:
    """(contig, labelled alleles) of runs of records on one contig, rising by position."""
    labels = read_label_rows(source.labels)
    current, alleles = "", list[LabelledAllele]()
    with CallsFile(source.calls) as calls:
        for _, siblings in groupby(calls.alleles(), key=attrgetter("record_number")):
            record = list(siblings)
            if record[0].contig != current:
                if alleles:
                    yield current, alleles
                current, alleles = record[0].contig, []
            # What the caller gave no score for it believed in.
            is_hard = not max(item.caller_score for item in record) < HARD_SCORE
            for item in record:
                row = labels.get((item.contig, item.pos1, item.ref, item.alt))
                label = None if row is None else _LABELS.get(row.label)
                if row is not None and label is not None and _BASES.match(item.ref) and _BASES.match(item.alt):
                    alleles.append(LabelledAllele(item.pos1, item.ref, item.alt, label, is_hard, row.weight))
    if alleles:
        yield current, alleles
