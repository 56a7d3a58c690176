"""Example files of harvested alleles: every table of a harvest through `pileup-filter examples`.

    python recipes/germline/examples.py --data ../shared/data --work WORKDIR [--pileup]

Reads WORKDIR/harvest/SET.fSHARE-sSEED.tsv (harvest.py, certain.py, simulated.py) and writes an .h5 of each to
WORKDIR/examples/KIND; KIND is illumina, hifi or ont. What is there is made again only when its table or the encoder changed.
--pileup: with the reads' tensors and their phase, to WORKDIR/pileups/KIND, for cascades.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import logging
import re
import tempfile
from pathlib import Path

from harvest import platform_of

import vcffilter.kernels
from vcffilter.commands.main import run

logger = logging.getLogger("examples")

#: Bases on either side in which heterozygous columns are looked for, by platform: about a fragment's length, and for long reads
#: enough to meet two or three of them. The trees of illumina-germline were grown without phase, those of illumina-pileup with it.
PHASE_REACH = {"illumina": 0, "hifi": 3000, "ont": 3000}
PHASE_REACH_WITH_TENSORS = PHASE_REACH | {"illumina": 500}
#: Of the reads' tensors, for cascades.
TENSOR = [
    *("--rows", "33", "--columns", "33", "--channels"),
    "base,differs,base_quality,insertion,deletion,soft_clip,support,margin,mapping_quality,strand,event_quality,end_distance,"
    "clipped_bases,good_mismatches,poor_mismatches,other_indels,exact_indel,third_allele,mate,insert_size,spans,phase",
]
_TABLE_NAME = re.compile(r"(?P<set>.+)\.f(?P<share>[0-9.]+)-s(?P<seed>[0-9]+)\.tsv$")


def reference_of(data: Path, set_name: str, bam: Path) -> Path:
    """The reference that came with a set, or that lies beside its reads or the copies of them."""
    beside = [data / kind / set_name / "reference.fa.gz" for kind in ("real", "unlabelled")]
    beside += [bam.parent / "reference.fa.gz", bam.parent.parent / "ref.fa"]
    for path in beside:
        if path.exists():
            return path
    raise SystemExit(f"no reference for {set_name} under {data} nor beside {bam}")


def write_calls(rows: list[dict[str, str]], path: Path) -> None:
    """A VCF of the table's alleles, by contig and position; QUAL is the highest that any caller gave."""
    rows = sorted(rows, key=lambda row: (row["chrom"], int(row["pos"])))
    contigs = dict.fromkeys(row["chrom"] for row in rows)
    lines = ["##fileformat=VCFv4.2", *(f"##contig=<ID={contig}>" for contig in contigs)]
    lines.append("#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO")
    lines += ["\t".join((row["chrom"], row["pos"], ".", row["ref"], row["alt"], row["max_qual"], ".", ".")) for row in rows]
    path.write_text("\n".join(lines) + "\n")


def make_examples(table: Path, data: Path, work: Path, with_tensors: bool = False) -> Path | None:
    """The example file of one table; None when the table holds no labelled allele."""
    match = _TABLE_NAME.match(table.name)
    if match is None:
        raise SystemExit(f"{table}: not named as harvest.py names its tables")
    with open(table) as lines:
        rows = list(csv.DictReader(lines, delimiter="\t"))
    if not any(row["label"] in ("TP", "FP") for row in rows):
        return None
    platform = platform_of(match["set"])
    reach = (PHASE_REACH_WITH_TENSORS if with_tensors else PHASE_REACH)[platform]
    encoder = [*(TENSOR if with_tensors else ["--rows", "0"]), "--phase-reach", str(reach)]
    target = work / ("pileups" if with_tensors else "examples") / platform / f"{table.stem}.h5"
    stamp = target.with_suffix(".made-of")
    made_of = hashlib.sha256(table.read_bytes() + kernels_source() + " ".join(encoder).encode()).hexdigest()
    if target.exists() and stamp.exists() and stamp.read_text() == made_of:
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    bam = Path(rows[0]["bam"])
    with tempfile.TemporaryDirectory() as folder:
        calls = Path(folder) / "calls.vcf"
        write_calls(rows, calls)
        arguments = ["examples", str(calls), "-b", str(bam), "-f", str(reference_of(data, match["set"], bam))]
        arguments += ["--labels", str(table), "--set", match["set"], "--share", match["share"], "-q", *encoder]
        if run([*arguments, "-o", str(target)]) != 0:
            raise SystemExit(f"{table}: no examples could be made")
    stamp.write_text(made_of)
    return target


def kernels_source() -> bytes:
    """The text of all kernels: examples of other kernels are made again."""
    folder = Path(vcffilter.kernels.__file__).parent
    return b"".join(path.read_bytes() for path in sorted(folder.glob("*.py")))


def main() -> None:
    """Every table of a work folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="../shared/data")
    parser.add_argument("--work", type=Path, required=True, help="with the tables in harvest/")
    parser.add_argument("--pileup", action="store_true", help="with tensors, to pileups/ instead of examples/")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    tables = sorted((arguments.work / "harvest").glob("*.tsv"))
    if not tables:
        raise SystemExit(f"no tables in {arguments.work / 'harvest'}: run harvest.py first")
    for table in tables:
        target = make_examples(table, arguments.data.resolve(), arguments.work, arguments.pileup)
        logger.info("%s: %s", table.name, target or "no labelled allele")


if __name__ == "__main__":
    main()
