"""Harvested alleles as arrays: every table of a harvest folder encoded from the reads that it names.

    python recipes/germline/dataset.py --data ../shared/data --harvest DIR [--harvest DIR2] --out CACHE

Tables are encoded once each and kept in CACHE; what is there is not made again. Knows nothing of training.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import logging
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

import vcffilter.kernels
from vcffilter.encoding.encoder import ChunkEncoder
from vcffilter.kernels.encode import ENCODER_VERSION, FEATURE_NAMES
from vcffilter.kernels.htslib import load_htslib
from vcffilter.kernels.tensor import CHANNEL_NAMES
from vcffilter.models.encoder_spec import EncoderSpec
from vcffilter.reads.alignment_file import AlignmentFile, ReadSelection, forbid_network_references, read_header
from vcffilter.reads.reference_file import ReferenceFile
from vcffilter.variants.alleles import AlleleChunk

logger = logging.getLogger("dataset")

#: Everything that the encoder makes, with one column of per-read facts: models take what they want of it.
FULL_SPEC = EncoderSpec(ENCODER_VERSION, FEATURE_NAMES, CHANNEL_NAMES, 49, 1)
_TABLE_NAME = re.compile(r"(?P<set>.+)\.f(?P<share>[0-9.]+)-s(?P<seed>[0-9]+)\.tsv$")


@dataclass(frozen=True)
class Alleles:
    """n labelled alleles; every array has n entries.

    features: float32 (n, features of FULL_SPEC). reads: uint8 (n, rows, 1, channels). label: 1 true, 0 false.
    hard: a caller's QUAL or TLOD was at least 1; score: the highest of them. share: of the read names; 1 = the set
    itself. seed: of the down-sampling. pos1: 1-based, as are ref and alt left-aligned. depth: reads that informed.
    """

    features: np.ndarray
    reads: np.ndarray
    label: np.ndarray
    hard: np.ndarray
    score: np.ndarray
    depth: np.ndarray
    share: np.ndarray
    seed: np.ndarray
    pos1: np.ndarray
    set_name: np.ndarray
    contig: np.ndarray
    ref: np.ndarray
    alt: np.ndarray
    callers: np.ndarray

    def __len__(self) -> int:
        return len(self.label)

    @property
    def is_snv(self) -> np.ndarray:
        """bool (n,): one base for one base."""
        return (np.char.str_len(self.ref) == 1) & (np.char.str_len(self.alt) == 1)

    @property
    def site(self) -> np.ndarray:
        """int64 (n,): the same number for all copies of one allele of one set."""
        parts = [self.set_name, self.contig, self.pos1.astype(str), self.ref, self.alt]
        names = parts[0]
        for part in parts[1:]:
            names = np.char.add(np.char.add(names, "|"), part)
        return np.unique(names, return_inverse=True)[1].astype(np.int64)

    def take(self, index: np.ndarray) -> Alleles:
        """The alleles at `index` (integers or bool mask)."""
        return Alleles(**{field.name: getattr(self, field.name)[index] for field in fields(self)})


def concatenate(parts: Sequence[Alleles]) -> Alleles:
    """One after the other."""
    return Alleles(**{field.name: np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(Alleles)})


def allele_chunk(contig: str, alleles: Sequence[tuple[int, str, str]]) -> AlleleChunk:
    """(pos1, ref, alt) of one contig, rising by position, as the scorer takes them."""

    def flat(texts: list[str]) -> tuple[np.ndarray, np.ndarray]:
        borders = np.concatenate([[0], np.cumsum([len(text) for text in texts])]).astype(np.int64)
        return borders, np.frombuffer("".join(texts).upper().encode(), np.uint8)

    ref_offset, ref_bases = flat([ref for _, ref, _ in alleles])
    alt_offset, alt_bases = flat([alt for _, _, alt in alleles])
    start0 = np.array([pos1 - 1 for pos1, _, _ in alleles], np.int64)
    index = np.arange(len(alleles), dtype=np.int32)
    return AlleleChunk(contig, start0, ref_offset, ref_bases, alt_offset, alt_bases, index, np.zeros_like(index))


def reference_of(data: Path, set_name: str, bam: Path) -> Path:
    """The reference that came with a set, or that lies beside its reads or the copies of them."""
    beside = [data / kind / set_name / "reference.fa.gz" for kind in ("real", "unlabelled")]
    beside += [bam.parent / "reference.fa.gz", bam.parent.parent / "ref.fa"]
    for path in beside:
        if path.exists():
            return path
    raise SystemExit(f"no reference for {set_name} under {data} nor beside {bam}")


def encode_table(table: Path, data: Path) -> Alleles | None:
    """Encode one harvest table; None when it holds no labelled allele."""
    match = _TABLE_NAME.match(table.name)
    if match is None:
        raise SystemExit(f"{table}: not named as harvest.py names its tables")
    with open(table) as lines:
        rows = [row for row in csv.DictReader(lines, delimiter="\t") if row["label"] in ("TP", "FP")]
    if not rows:
        return None
    reference = reference_of(data, match["set"], Path(rows[0]["bam"]))
    parts = [
        _encode_rows([row for row in rows if row["chrom"] == contig], reference, match)
        for contig in sorted({row["chrom"] for row in rows})
    ]
    return concatenate(parts)


def _encode_rows(rows: list[dict[str, str]], reference: Path, match: re.Match[str]) -> Alleles:
    rows.sort(key=lambda row: int(row["pos"]))
    contig, bam = rows[0]["chrom"], rows[0]["bam"]
    file = AlignmentFile(read_header(bam, str(reference)), str(reference), load_htslib(), ReadSelection())
    encoder = ChunkEncoder(FULL_SPEC, [file], ReferenceFile(str(reference)))
    encoded = encoder.encode(allele_chunk(contig, [(int(row["pos"]), row["ref"], row["alt"]) for row in rows]))
    encoder.close()
    assert encoded.reads is not None

    def text(name: str) -> np.ndarray:
        return np.array([row[name] for row in rows], np.str_)

    n = len(rows)
    return Alleles(
        features=encoded.features,
        reads=encoded.reads,
        label=(text("label") == "TP").astype(np.float32),
        hard=text("hard") == "1",
        score=np.array([float(row["max_qual"]) if row["max_qual"] not in ("", ".") else 0.0 for row in rows]),
        depth=encoded.n_informing,
        share=np.full(n, float(match["share"])),
        seed=np.full(n, int(match["seed"])),
        pos1=np.array([int(row["pos"]) for row in rows], np.int64),
        set_name=np.full(n, match["set"]),
        contig=text("chrom"),
        ref=text("ref"),
        alt=text("alt"),
        callers=text("callers"),
    )


def _load_cached(path: Path) -> Alleles:
    with np.load(path) as stored:
        return Alleles(**{field.name: stored[field.name] for field in fields(Alleles)})


def _kernels_source() -> bytes:
    """The text of all kernels: an encoding made by other kernels is not taken from the cache."""
    folder = Path(vcffilter.kernels.__file__).parent
    return b"".join(path.read_bytes() for path in sorted(folder.glob("*.py")))


def load_harvest(folders: Iterable[Path], data: Path, cache: Path) -> Alleles:
    """All tables of the harvest folders, encoded or from the cache. Copies of a set's own reads (share 1) are taken
    once, from the first folder that has them.
    """
    forbid_network_references()
    cache.mkdir(parents=True, exist_ok=True)
    parts: list[Alleles] = []
    seen: set[str] = set()
    layout = hashlib.sha256(repr(FULL_SPEC).encode() + _kernels_source())
    for folder in folders:
        tables = sorted(folder.glob("*.tsv")) or sorted((folder / "harvest").glob("*.tsv"))
        for table in tables:
            if table.name in seen:
                continue
            seen.add(table.name)
            digest = layout.copy()
            digest.update(table.read_bytes())
            path = cache / f"{table.stem}.{digest.hexdigest()[:12]}.npz"
            if not path.exists():
                alleles = encode_table(table, data)
                if alleles is None:
                    continue
                partial = path.with_name(f"partial.{path.name}")
                np.savez_compressed(partial, **{field.name: getattr(alleles, field.name) for field in fields(Alleles)})
                partial.rename(path)
                logger.info("%s: %d alleles encoded", table.name, len(alleles))
            parts.append(_load_cached(path))
    if not parts:
        raise SystemExit("no harvest tables found: run harvest.py first")
    return concatenate(parts)


def main() -> None:
    """Encode everything and say what there is."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="../shared/data")
    parser.add_argument("--harvest", type=Path, action="append", required=True, help="work folder of harvest.py; may be repeated")
    parser.add_argument("--out", type=Path, required=True, help="folder for the encoded tables")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    alleles = load_harvest(arguments.harvest, arguments.data.resolve(), arguments.out)
    for name in np.unique(alleles.set_name):
        chosen = alleles.set_name == name
        true = int(alleles.label[chosen].sum())
        logger.info(
            "%s: %d true, %d false (%d hard)",
            name,
            true,
            int(chosen.sum()) - true,
            int((chosen & alleles.hard & (alleles.label == 0)).sum()),
        )


if __name__ == "__main__":
    main()
