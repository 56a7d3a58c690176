"""Whether a BAI, CSI or TBI is built as its format says. Knows nothing of the file that it belongs to.

htslib takes counts and lengths of an index for granted: a damaged one makes it read outside its memory or never come back. So an
index is walked through here before htslib gets it, some tenths of a second for that of a whole genome.
"""

from __future__ import annotations

import gzip
import os
import struct
import zlib

from vcffilter.errors import VcffilterError

_ENDINGS_OF_READS, _ENDINGS_OF_VARIANTS = (".bai", ".csi"), (".csi", ".tbi")
_GZIP_START = b"\x1f\x8b"
#: Deepest binning whose bin numbers fit into 32 bits.
_MOST_LEVELS = 9
_FIXED_MIN_SHIFT, _FIXED_LEVELS = 14, 5
_CHUNK_BYTES, _INTERVAL_BYTES, _TBI_NUMBERS = 16, 8, 7
#: The number behind the last bin stands for two pairs of counts.
_COUNTS_CHUNKS = 2


class _Damaged(Exception):
    """What is wrong, in a few words."""


def refuse_damaged_index_of_reads(path: str, error_class: type[VcffilterError]) -> None:
    """Raise where an index beside a BAM is damaged."""
    _refuse_damaged(path, _ENDINGS_OF_READS, "samtools index", error_class)


def refuse_damaged_index_of_variants(path: str, error_class: type[VcffilterError]) -> None:
    """Raise where an index beside a VCF.gz or BCF is damaged."""
    _refuse_damaged(path, _ENDINGS_OF_VARIANTS, "bcftools index -f", error_class)


def _refuse_damaged(path: str, endings: tuple[str, ...], command: str, error_class: type[VcffilterError]) -> None:
    stem = os.path.splitext(path)[0]
    for index in (name + ending for ending in endings for name in (path, stem)):
        what = damage(index) if os.path.isfile(index) else None
        if what is not None:
            raise error_class(f"its index {index} is damaged ({what})", path=path, hint=f"Index it again: {command} {path}")


def damage(index: str) -> str | None:
    """What is wrong with an index; None for one that is whole. Raises OSError where it cannot be read."""
    try:
        with open(index, "rb") as file:
            data = file.read()
        _walk(gzip.decompress(data) if data.startswith(_GZIP_START) else data)
    except (EOFError, zlib.error, gzip.BadGzipFile):
        return "its compression ends too early or is corrupt"
    except struct.error:
        return "it ends too early"
    except _Damaged as error:
        return str(error)
    return None


def _walk(data: bytes) -> None:
    magic = data[:4]
    min_shift, n_levels, at = _FIXED_MIN_SHIFT, _FIXED_LEVELS, 4
    n_names = None
    if magic == b"CSI\x01":
        min_shift, n_levels, n_aux = struct.unpack_from("<3i", data, at)
        if not 0 <= n_levels <= _MOST_LEVELS or not 0 < min_shift <= 62 - 3 * n_levels:
            raise _Damaged("its bins have no possible size")
        at += 12
        if n_aux and n_aux >= 4 * _TBI_NUMBERS:
            n_names = _check_names(data, at, at + n_aux)
        at += _within(data, at, n_aux, 1)
    elif magic == b"TBI\x01":
        # Behind the number of contigs, which comes first here.
        names_at = at + 4
        n_names = _check_names(data, names_at, len(data))
    elif magic != b"BAI\x01":
        raise _Damaged("it begins like none")
    (n_contigs,) = struct.unpack_from("<i", data, at)
    at += _within(data, at, n_contigs, 0) + 4
    if magic == b"TBI\x01":
        at += 4 * _TBI_NUMBERS + struct.unpack_from("<i", data, at + 4 * (_TBI_NUMBERS - 1))[0]
    if n_names is not None and n_names < n_contigs:
        raise _Damaged("it has fewer names than contigs")
    for _ in range(n_contigs):
        at = _walk_contig(data, at, n_levels, is_csi=magic == b"CSI\x01")
    if len(data) - at not in (0, 8):
        raise _Damaged("it does not end where it should")


def _check_names(data: bytes, at: int, end: int) -> int:
    """Number of contig names; `at`: format, three columns, letter of comments, lines to skip, bytes of the names."""
    numbers = struct.unpack_from(f"<{_TBI_NUMBERS}i", data, at)
    first = at + 4 * _TBI_NUMBERS
    n_bytes = numbers[-1]
    if n_bytes < 0 or first + n_bytes > end:
        raise _Damaged("its names are longer than it")
    names = data[first : first + n_bytes]
    if names and names[-1]:
        raise _Damaged("its last name does not end")
    if any(number < 0 for number in numbers[1:6]) or not numbers[1] or not numbers[2]:
        raise _Damaged("its columns are no numbers of columns")
    return names.count(0)


def _walk_contig(data: bytes, at: int, n_levels: int, *, is_csi: bool) -> int:
    """The offset behind the bins and intervals of one contig."""
    n_bins_at_most = ((1 << 3 * (n_levels + 1)) - 1) // 7
    head = struct.Struct("<IQi" if is_csi else "<Ii")
    (n_bins,) = struct.unpack_from("<i", data, at)
    at += 4
    if not 0 <= n_bins <= n_bins_at_most + 1:
        raise _Damaged("a contig has an impossible number of bins")
    seen = set()
    for _ in range(n_bins):
        number, *_, n_chunks = head.unpack_from(data, at)
        at += head.size
        if number > n_bins_at_most + 1 or number in seen:
            raise _Damaged("a bin has an impossible number")
        seen.add(number)
        if number == n_bins_at_most + 1 and n_chunks != _COUNTS_CHUNKS:
            raise _Damaged("a contig's counts are not two pairs")
        at += _within(data, at, n_chunks, _CHUNK_BYTES)
    if is_csi:
        return at
    (n_intervals,) = struct.unpack_from("<i", data, at)
    return at + 4 + _within(data, at + 4, n_intervals, _INTERVAL_BYTES)


def _within(data: bytes, at: int, count: int, size: int) -> int:
    """Bytes of so many things; raises where they would lie beyond the end."""
    if count < 0 or at + count * size > len(data):
        raise _Damaged("it counts more than it holds")
    return count * size
