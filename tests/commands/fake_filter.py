"""Runs `filter` with the fake scorer over made-up records of three ALTs, and reads what was written of each ALT."""

from __future__ import annotations

from pathlib import Path

from vcffilter.commands.main import run

_HEADER = "##fileformat=VCFv4.2\n##contig=<ID=chr1>\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"


def filtered(folder: Path, *options: str, source: Path | None = None, code: int = 0) -> str:
    """The output's text; of a run that must end with another code, nothing. source: instead of the made-up records."""
    target = folder / "out.vcf"
    if source is None:
        source = folder / "calls.vcf"
        source.write_text(_HEADER + "".join(f"chr1\t{pos}\t.\tA\tG,*,AT\t9\t.\t.\n" for pos in range(18, 200)))
    assert run(["filter", str(source), "-b", "x", "-f", "x", "--no-version", "-o", str(target), *options]) == code
    return target.read_text() if code == 0 else ""


def info_of_alts(text: str, *keys: str) -> list[tuple[str, ...]]:
    """(ALT, values of these INFO keys) of every ALT of every scored record, as written."""
    found: list[tuple[str, ...]] = []
    for line in text.splitlines():
        columns = line.split("\t")
        info = dict(pair.partition("=")[::2] for pair in columns[7].split(";")) if line[0] != "#" else {}
        if "PILEUP_PROB" in info:
            found += zip(columns[4].split(","), *(info[key].split(",") for key in keys), strict=True)
    return found
