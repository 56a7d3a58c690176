"""A call set and its truth, or resources in place of it, one contig after the other, and the reference they are on.

Must not know how alleles are matched.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import pysam

from vcffilter.errors import ReferenceFileError
from vcffilter.reads.reference_file import check_fasta
from vcffilter.truth.call_sets import CalledAllele, CallsFile, TruthAllele, TruthFile
from vcffilter.truth.normalise import Allele, is_sequence
from vcffilter.truth.placement import is_on
from vcffilter.truth.resources import ResourceFile
from vcffilter.truth.variant_file import VariantFile, check_contig_names
from vcffilter.variants.intervals import EMPTY, Intervals, read_bed

logger = logging.getLogger(__name__)

# So many REFs off the reference, and more than half of a contig's, are another reference; fewer are IUPAC letters.
_FEW_MISMATCHES = 10


@dataclass(frozen=True)
class PairedFiles:
    """What is compared. confident: BED, None = everywhere. sample, truth_sample: None = the first. info_prefix: of the calls'
    INFO keys. exclude: BED or VCF files of what is counted neither as true nor as false.
    """

    calls: str
    truth: str
    reference: str
    confident: str | None = None
    sample: str | None = None
    truth_sample: str | None = None
    info_prefix: str = "PILEUP"
    exclude: tuple[str, ...] = ()


class ContigPair(NamedTuple):
    """One contig: its called and its truth alleles, where the truth is complete (None = everywhere), its bases in upper case."""

    contig: str
    calls: list[CalledAllele]
    truth: list[TruthAllele]
    confident: Intervals | None
    sequence: str


def paired_contigs(
    files: PairedFiles, *, missed_contigs: bool = False, also_named: Mapping[str, set[str]] | None = None
) -> Iterator[ContigPair]:
    """The contigs of the calls as they come; with missed_contigs then those that only the truth has.

    also_named: contigs of further files, by path, whose naming must fit. Raises VariantFileError, ReferenceFileError,
    RegionError, ContigNamingError.
    """
    confident = None if files.confident is None else read_bed(files.confident)
    with (
        CallsFile(files.calls, files.sample, files.info_prefix) as calls,
        TruthFile(files.truth, files.truth_sample) as truth,
        open_reference(files.reference) as reference,
    ):
        _check_names(files, calls, truth, reference, confident, also_named or {})
        seen: dict[str, int] = {}
        for contig, alleles in calls.contigs_in_order():
            sequence = _sequence(reference, contig, files.reference)
            _check_reference(contig, alleles, sequence, files.reference)
            true = truth.alleles(contig)
            seen[contig] = len(true)
            yield ContigPair(contig, alleles, true, _inside(confident, contig), sequence)
        if seen and not any(seen.values()):
            logger.warning(
                "warning: %s has no variant on the contigs of the calls (%s), so no call can be true. "
                "Is it the truth of these calls?",
                files.truth, ", ".join(list(seen)[:3]) + (f" and {len(seen) - 3} more" if len(seen) > 3 else ""),
            )  # fmt: skip
        wanted = truth.contigs if confident is None else truth.contigs & set(confident)
        for contig in sorted((wanted & set(reference.references)) - set(seen)) if missed_contigs else ():
            missed = truth.alleles(contig)
            if missed:
                sequence = _sequence(reference, contig, files.reference)
                yield ContigPair(contig, [], missed, _inside(confident, contig), sequence)


class ResourcedContig(NamedTuple):
    """One contig: its called alleles, what the resources have near them, its bases in upper case."""

    contig: str
    calls: list[CalledAllele]
    known: list[Allele]
    sequence: str


def resourced_contigs(
    calls_path: str, resource_paths: Sequence[str], reference_path: str, info_prefix: str = "PILEUP"
) -> Iterator[ResourcedContig]:
    """The contigs of the calls as they come, with what indexed resource VCFs have near them, whoever carries it.

    Raises VariantFileError, ReferenceFileError, ContigNamingError.
    """
    with ExitStack() as opened:
        calls = opened.enter_context(CallsFile(calls_path, prefix=info_prefix))
        resources = [opened.enter_context(ResourceFile(path)) for path in resource_paths]
        reference = opened.enter_context(open_reference(reference_path))
        for resource in resources:
            check_contig_names(calls, resource.contigs, resource.path)
        check_contig_names(calls, set(reference.references), reference_path)
        for contig, alleles in calls.contigs_in_order():
            sequence = _sequence(reference, contig, reference_path)
            _check_reference(contig, alleles, sequence, reference_path)
            spans = [(pos0, pos0 + len(ref)) for pos0, ref, _ in (call.allele for call in alleles)]
            known = sorted({allele for resource in resources for allele in resource.alleles_near(contig, spans)})
            yield ResourcedContig(contig, alleles, known, sequence)


def open_reference(path: str | Path) -> pysam.FastaFile:
    """Open an indexed FASTA. Raises ReferenceFileError that says how to index it."""
    check_fasta(str(path))
    try:
        return pysam.FastaFile(str(path))
    except (OSError, ValueError) as error:
        raise ReferenceFileError(
            f"cannot be opened ({error})", path=str(path), hint=f"Index it with: samtools faidx {path}"
        ) from error


def _check_names(
    files: PairedFiles,
    calls: VariantFile,
    truth: TruthFile,
    reference: pysam.FastaFile,
    confident: Mapping[str, Intervals] | None,
    also_named: Mapping[str, set[str]],
) -> None:
    check_contig_names(calls, truth.contigs, files.truth)
    check_contig_names(calls, set(reference.references), files.reference)
    if confident is not None and files.confident is not None:
        check_contig_names(calls, set(confident), files.confident)
    for path, contigs in also_named.items():
        check_contig_names(calls, contigs, path)


def _inside(confident: Mapping[str, Intervals] | None, contig: str) -> Intervals | None:
    return None if confident is None else confident.get(contig, EMPTY)


def _sequence(reference: pysam.FastaFile, contig: str, path: str) -> str:
    if contig not in reference.references:
        raise ReferenceFileError(
            f"has no contig {contig!r}, which the calls use",
            path=path,
            hint="Give the FASTA that the reads were aligned to",
        )
    return str(reference.fetch(contig)).upper()


def _check_reference(contig: str, calls: Sequence[CalledAllele], sequence: str, path: str) -> None:
    """A few records off the reference are a warning (IUPAC letters); most of a contig is an error."""
    alleles = [call.allele for call in calls]
    with_sequence = [(pos0, ref) for pos0, ref, alt in alleles if is_sequence(alt) and alt != ref]
    wrong = [pos0 for pos0, ref in with_sequence if not is_on(pos0, ref, sequence)]
    if not wrong:
        return
    if len(wrong) > _FEW_MISMATCHES and 2 * len(wrong) > len(with_sequence):
        raise ReferenceFileError(
            f"is not the calls' reference: REF differs for {len(wrong)} of {len(with_sequence)} alleles",
            path=path,
            contig=contig,
            pos1=wrong[0] + 1,
            hint="Give the FASTA that the reads were aligned to",
        )
    logger.warning(
        "%s: REF of %d alleles is not the reference's (first at %s:%d): not compared", path, len(wrong), contig, wrong[0] + 1
    )
