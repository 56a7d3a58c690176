"""The first request of a server, made by itself: kernels are loaded, or compiled, before anybody waits for them."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from vcffilter.reads.alignment_file import first_read_place
from vcffilter.serve.service import FilterRequest, ReadSet, Service
from vcffilter.serve.spool import Spool

_HEADER = '##fileformat=VCFv4.2\n##contig=<ID={contig}>\n##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">\n'
_COLUMNS = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\t{samples}\n"


def warm_up(service: Service, spool: Spool) -> None:
    """Filter, score and draw one call under the first reads that have any. Raises VcffilterError where that fails."""
    for names in service.reads.values():
        place = _place_of_a_read(names, service.settings.reference)
        if place is not None:
            with _no_remarks():
                _try(service, spool, names, place)
            return


def _try(service: Service, spool: Spool, names: ReadSet, place: tuple[str, int]) -> None:
    alleles = service.alleles_of([(*place, None, None)])
    for samples in _columns(names):
        _filter(service, spool, names, alleles[0], samples)
    service.picture(names.name, alleles[0], "svg", None, _go_on)


@contextmanager
def _no_remarks() -> Iterator[None]:
    """What a run says of the calls that it is given is of no interest where they are made up."""
    logger = logging.getLogger("vcffilter.pipeline")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(before)


def _place_of_a_read(names: ReadSet, reference: str) -> tuple[str, int] | None:
    """(contig, POS) under the first mapped read."""
    places = (first_read_place(path, reference) for path in names.paths)
    return next(((contig, pos0 + 1) for contig, pos0 in filter(None, places)), None)


def _columns(names: ReadSet) -> Iterator[tuple[str, ...]]:
    """Columns of calls of one sample, and of two: these are other kernels."""
    yield names.samples[:1] or ("one",)
    if names.samples:
        yield (names.samples[0], names.samples[0] + "-other")


def _filter(service: Service, spool: Spool, names: ReadSet, allele: tuple[str, int, str, str], samples: tuple[str, ...]) -> None:
    contig, pos1, ref, alt = allele
    genotypes = "\t".join("0/1" for _ in samples)
    lines = _HEADER.format(contig=contig) + _COLUMNS.format(samples="\t".join(samples))
    lines += f"{contig}\t{pos1}\t.\t{ref}\t{alt}\t50\tPASS\t.\tGT\t{genotypes}\n"
    upload, answer = spool.new(), spool.new()
    try:
        upload.append(lines.encode())
        asked = FilterRequest(names.name, with_reasons=True, allow_ref_mismatch=True, allow_unscored=True)
        service.filter(upload, answer, asked, _go_on)
    finally:
        upload.close()
        answer.close()


def _go_on() -> None:
    """There is no hurry."""
