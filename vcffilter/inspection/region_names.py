"""Contigs that the user asks for and the calls do not have. Knows names only."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

from vcffilter.inspection.samples import named
from vcffilter.pipeline.run_warnings import RunWarning
from vcffilter.reads.contig_names import other_spelling
from vcffilter.variants.intervals import Regions

#: What is left of a position with commas where these part regions: 000, 000-16.
_THOUSANDS = re.compile(r"\d{3}(-\d{1,3})?")


def unknown_regions(regions: Regions | None, option: str, is_file: bool, contigs: Collection[str]) -> Iterator[RunWarning]:
    """A warning where a contig of a region is not in the header of the calls.

    option: as the user wrote it, such as "-r". is_file: a BED of a whole genome may name contigs that the calls lack, so there
    only other spellings of theirs count, or that none is known. contigs: of the calls' header; empty = it declares none.
    """
    if regions is None or regions.excluded or not contigs:
        return
    absent = [name for name in regions.by_contig if name not in contigs]
    others = {name: other for name in absent if (other := other_spelling(name, contigs)) is not None}
    if is_file and len(absent) < len(regions.by_contig):
        absent = list(others)
    if not absent:
        return
    if not is_file and any(_THOUSANDS.fullmatch(name) for name in absent):
        advice = "Commas stand between regions: write positions without them, such as chr20:1000000-2000000"
    else:
        advice = f"The calls have {named(list(contigs))}; no record of the others can be found"
    spelled = f"; here it is {next(iter(others.values()))}, not {next(iter(others))}" if others else ""
    yield RunWarning(
        "region_contig_unknown",
        f"{option} names {'contigs' if len(absent) > 1 else 'a contig'} that the calls do not have: {named(absent)}{spelled}",
        advice,
    )
