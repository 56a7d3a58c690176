"""Twin of kernels/tensor.py: the pileup tensor of one allele, each cell a dictionary of channels."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from twin.bases import mixed, text_hash
from twin.normalised_alleles import Allele
from twin.read_features import Differences, end_distance, event_quality, five_prime_share
from twin.reads import DELETION, INSERTION, MATCH, PAIRED, PROPER_PAIR, SOFT_CLIP, SUPPLEMENTARY, Read
from twin.reference import Contig
from twin.support import MATE_COUNTED, SUPPORTS_ALT, SUPPORTS_REF, Site, SiteRead

_BASE_LEVEL = {"A": 60, "C": 120, "G": 180, "T": 240}
_MATE_BITS = 0xC0

#: One row: channels by column, and channels of the whole row.
Row = tuple[list[dict[str, int]], dict[str, int]]


def _scaled(value: float, largest: float) -> int:
    """0..largest to 0..255, cut off at both ends."""
    return int(min(max(value, 0.0), largest) * 255.0 / largest)


def _smallest(slots: list[int], n_kept: int, key: Callable[[int], int]) -> list[int]:
    """All slots in their order, or where there are too many those with the smallest keys, by key."""
    return slots if len(slots) <= n_kept else sorted(slots, key=key)[:n_kept]


def choose_rows(site: Site, allele: Allele, n_rows: int) -> list[int]:
    """Slots shown: ALT supporters first, who keep up to half of the rows, more where the others leave room."""
    alt = [slot for slot, one in enumerate(site.reads) if one.group == SUPPORTS_ALT]
    other = [slot for slot, one in enumerate(site.reads) if one.group not in (SUPPORTS_ALT, MATE_COUNTED)]
    if len(alt) + len(other) <= n_rows:
        return alt + other

    def key(slot: int) -> int:
        read = site.reads[slot].read
        return mixed(text_hash(read.name) ^ mixed(allele.start0) ^ (read.flag & _MATE_BITS))

    n_alt = min(len(alt), max(n_rows // 2, n_rows - len(other)))
    return _smallest(alt, n_alt, key) + _smallest(other, n_rows - n_alt, key)


def _mate_level(read: Read) -> int:
    level = 60
    if read.mate_elsewhere:
        level = 240
    elif read.flag & PAIRED:
        level = 120 if read.flag & PROPER_PAIR else 180
    return level - (30 if read.flag & SUPPLEMENTARY else 0)


def _read_channels(site_read: SiteRead, allele: Allele, shown: Differences) -> dict[str, int]:
    read, index = site_read.read, site_read.covering.event_index
    return {
        "present": 255,
        "support": {SUPPORTS_ALT: 255, SUPPORTS_REF: 128}.get(site_read.group, 64),
        "margin": 128 + 2 * site_read.margin,
        "mapping_quality": _scaled(min(read.mapq, 60), 60.0),
        "strand": 240 if read.is_reverse else 80,
        "event_quality": _scaled(event_quality(site_read, allele), 60.0),
        "end_distance": _scaled(end_distance(read, index), 100.0),
        "five_prime": _scaled(five_prime_share(read, index), 1.0),
        "clipped_bases": _scaled(read.soft_left + read.soft_right, 100.0),
        "good_mismatches": _scaled(shown.n_good, 15.0),
        "poor_mismatches": _scaled(shown.n_poor, 15.0),
        "other_indels": _scaled(shown.n_indels - site_read.exact_indel, 5.0),
        "exact_indel": 255 * site_read.exact_indel,
        "third_allele": 255 * site_read.third,
        "mate": _mate_level(read),
        "insert_size": _scaled(read.insert_size, 1000.0),
        "haplotype_tag": 120 * read.haplotype_tag,
        "spans": 255 * site_read.spans,
    }


def _base_cell(read: Read, index: int, expected: str, is_clip: bool) -> dict[str, int]:
    base = read.bases[index]
    return {
        "base": _BASE_LEVEL.get(base, 30),
        "differs": 255 * (base != expected and "N" not in (base, expected)),
        "base_quality": _scaled(read.qualities[index], 60.0),
        "soft_clip": 255 * is_clip,
    }


def _read_columns(read: Read, first0: int, n_columns: int, contig: Contig) -> list[dict[str, int]]:
    """A read's alignment in the columns from a position on; clips lie beside the alignment.

    An insertion shows in the column before it, unless it lies at the very border of the window.
    """
    row: list[dict[str, int]] = [{} for _ in range(n_columns)]
    for piece in read.pieces:
        start0 = piece.pos0
        if piece.operation == SOFT_CLIP and piece.query_index == 0:
            start0 -= piece.length
        inside = range(max(start0, first0), min(start0 + piece.length, first0 + n_columns))
        if piece.operation in (MATCH, SOFT_CLIP):
            for pos0 in inside:
                index = piece.query_index + pos0 - start0
                row[pos0 - first0] = _base_cell(read, index, contig.base(pos0), piece.operation == SOFT_CLIP)
        elif piece.operation == DELETION:
            for pos0 in inside:
                row[pos0 - first0] = {"deletion": 255}
        elif piece.operation == INSERTION and first0 < piece.pos0 < first0 + n_columns:
            row[piece.pos0 - 1 - first0]["insertion"] = _scaled(piece.length, 20.0)
    return row


def _reference_row(allele: Allele, first0: int, n_columns: int, contig: Contig) -> Row:
    """The reference bases, with the allele itself marked."""
    columns = []
    for pos0 in range(first0, first0 + n_columns):
        replaced = allele.start0 <= pos0 < allele.end0
        cell = {
            "base": _BASE_LEVEL.get(contig.base(pos0), 30),
            "differs": 255 * replaced,
            "deletion": 255 * (replaced and pos0 - allele.start0 >= len(allele.alt)),
            "insertion": _scaled(allele.change, 20.0) if pos0 == allele.end0 - 1 else 0,
        }
        columns.append(cell)
    return columns, {"present": 255, "support": 1}


def tensor(
    allele: Allele,
    contig: Contig,
    site: Site,
    shown: dict[int, Differences],
    n_rows: int,
    n_columns: int,
    channels: Sequence[str],
    phase_level: dict[int, int],
) -> list[list[list[int]]]:
    """Nested lists (rows, columns, channels). The middle column is the left-most position of the event.

    phase_level: byte of the channel `phase` by slot; empty where none is asked for.
    """
    first0 = allele.start0 - n_columns // 2
    rows = [_reference_row(allele, first0, n_columns, contig)]
    for slot in choose_rows(site, allele, n_rows - 1):
        site_read = site.reads[slot]
        columns = _read_columns(site_read.read, first0, n_columns, contig)
        rows.append((columns, {**_read_channels(site_read, allele, shown[slot]), "phase": phase_level.get(slot, 0)}))
    empty: Row = ([{} for _ in range(n_columns)], {})
    rows += [empty] * (n_rows - len(rows))
    return [[[{**whole, **cell}.get(name, 0) for name in channels] for cell in columns] for columns, whole in rows]
