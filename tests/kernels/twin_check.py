"""Comparison of the encoder with the twin, allele by allele, with a message that says where they part."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from encoding_files import Shape
from twin.encode import Encoded, TwinEncoder
from twin.normalised_alleles import Called
from twin.reads import Read, read_file, together
from twin.reference import Contig

from vcffilter.encoding.encoder import EncodedAlleles


def twin_reads(bams: Sequence[str], reference: str, contig: str, start0: int, end0: int, shape: Shape) -> list[Read]:
    """Reads over an interval as the twin sees them."""
    selection = shape.selection
    return together(
        [
            read_file(bam, reference, contig, start0, end0, selection.use_supplementary, selection.want_haplotype_tag)
            for bam in bams
        ]
    )


def twin_encode(bams: Sequence[str], reference: str, contig: str, alleles: Sequence[Called], shape: Shape) -> list[Encoded]:
    """The twin's answer for every allele."""
    first0 = max(min(allele.start0 for allele in alleles) - 1000, 0)
    last0 = max(allele.start0 + len(allele.ref) for allele in alleles) + 1000
    reads = twin_reads(bams, reference, contig, first0, last0, shape)
    twin = TwinEncoder(Contig(reference, contig), reads, shape.rows, shape.columns, shape.channels, shape.phase_reach)
    return [twin.encode(allele) for allele in alleles]


def _expected_counts(twin: Sequence[Encoded], records: Sequence[int]) -> list[list[int]]:
    """Reads that inform, for REF against every ALT of the record that has reads, and for ALT."""
    left: dict[int, frozenset[object]] = {}
    for expected, record in zip(twin, records, strict=True):
        if expected.n_informing:
            left[record] = left.get(record, expected.for_ref) & expected.for_ref
    pairs = zip(twin, records, strict=True)
    return [[one.n_informing, len(left[record]), one.n_alt] if one.n_informing else [0, 0, 0] for one, record in pairs]


def differences_from_twin(
    encoded: EncodedAlleles,
    twin: Sequence[Encoded],
    alleles: Sequence[Called],
    shape: Shape,
    records: Sequence[int] | None = None,
) -> list[str]:
    """A line for everything in which the encoder and the twin differ. records: number of each allele's; None = one for each."""
    found = []
    counts = _expected_counts(twin, range(len(alleles)) if records is None else records)
    for index, (expected, allele) in enumerate(zip(twin, alleles, strict=True)):
        where = f"{allele.start0 + 1} {allele.ref}>{allele.alt}"
        if encoded.problem[index] != expected.problem:
            found.append(f"{where}: problem {encoded.problem[index]}, twin {expected.problem}")
        if encoded.counts[index].tolist() != counts[index]:
            found.append(f"{where}: counts {encoded.counts[index]}, twin {counts[index]}")
        if expected.features:
            assert set(expected.features) == set(shape.features)
        for column, name in enumerate(shape.features):
            value, wanted = encoded.features[index, column], expected.features.get(name, np.float32(0))
            if value != wanted:
                found.append(f"{where}: {name} {value!r}, twin {wanted!r}")
        if encoded.reads is not None:
            for row, column, channel in np.argwhere(encoded.reads[index] != expected.reads):
                cells = encoded.reads[index, row, column, channel], expected.reads[row, column, channel]
                found.append(f"{where}: row {row} column {column} {shape.channels[channel]} {cells[0]}, twin {cells[1]}")
    return found


def assert_agrees(
    bams: Sequence[str],
    reference: str,
    contig: str,
    alleles: Sequence[Called],
    encoded: EncodedAlleles,
    shape: Shape,
    records: Sequence[int] | None = None,
) -> None:
    """The encoder and the twin say the same of every allele."""
    found = differences_from_twin(encoded, twin_encode(bams, reference, contig, alleles, shape), alleles, shape, records)
    assert not found, "\n".join([f"{len(found)} differences", *found[:20]])
