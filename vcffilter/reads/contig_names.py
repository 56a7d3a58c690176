"""Whether two files name the same contigs alike, and what to say when they do not. Knows no file formats."""

from __future__ import annotations

from collections.abc import Iterable

from vcffilter.errors import ContigNamingError

_MITOCHONDRION = {"M", "MT"}


def other_spelling(contig: str, available: Iterable[str]) -> str | None:
    """The name under which `available` has a contig that is there in the other of the two usual namings, or None."""
    bare = contig.removeprefix("chr")
    bare_names = _MITOCHONDRION if bare in _MITOCHONDRION else {bare}
    candidates = {name for bare_name in bare_names for name in (bare_name, f"chr{bare_name}")}
    candidates.discard(contig)
    return next((name for name in available if name in candidates), None)


def check_naming(contig: str, variants_path: str, path: str, available: Iterable[str]) -> None:
    """Raise ContigNamingError when `path` has `contig` only under another name (20 against chr20)."""
    other = other_spelling(contig, available)
    if other is not None:
        raise ContigNamingError(
            f"the calls name a contig '{contig}', but this file names it '{other}'",
            path=path,
            contig=contig,
            hint=f"Use files of one naming, or rename the contigs of {variants_path} with: bcftools annotate --rename-chrs MAP "
            f"(a line for each contig, such as '{contig} {other}')",
        )
