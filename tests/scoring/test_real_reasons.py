"""Reasons of calls whose reads were looked at one by one: docs/developers/reasons.md."""

from __future__ import annotations

from pathlib import Path

import pytest

from vcffilter.commands.main import run

CALLS = {
    "nygc-chr21": (
        (16633734, "T", "C", {"nearby_indel", "no_alt_reads"}),
        (16643808, "TGTAT", "CGTAG", {"linked_variants"}),
        (16747479, "G", "A", {"low_mapq", "mismatch_load", "allele_imbalance"}),
        (16747546, "CATATATA", "CATATA", {"mismatch_load", "tandem_repeat", "linked_variants"}),
        (16755263, "T", "C", {"nearby_indel"}),
        (16772131, "T", "A", {"mismatch_load", "linked_variants"}),
        (16772217, "C", "A", {"few_alt_reads"}),
    ),
    "nygc-chr22": (
        (16603968, "ACGC", "AC", {"nearby_indel", "no_alt_reads"}),
        (16665686, "C", "T", {"linked_variants"}),
        (16665687, "A", "G", {"linked_variants"}),
        (16724264, "A", "G", {"allele_imbalance", "linked_variants"}),
        (16724281, "A", "C", {"no_alt_reads"}),
    ),
}


@pytest.mark.parametrize("name", CALLS)
def test_reasons_are_true_to_the_reads(shared_data: Path, tmp_path: Path, name: str) -> None:
    folder, contig = shared_data / "real" / name, name.removeprefix("nygc-")
    source, out = tmp_path / "in.vcf", tmp_path / "out.vcf"
    lines = ["##fileformat=VCFv4.2", f"##contig=<ID={contig}>", "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO"]
    lines += [f"{contig}\t{pos1}\t.\t{ref}\t{alt}\t.\t.\t." for pos1, ref, alt, _ in CALLS[name]]
    source.write_text("\n".join(lines) + "\n")
    files = ["-b", str(folder / "reads.bam"), "-f", str(folder / "reference.fa.gz"), "-o", str(out)]
    strict = ["--min-prob-snv", "1", "--min-prob-indel", "1", "--reasons", "-q"]
    assert run(["filter", str(source), *files, *strict]) == 0
    rows = [line.split("\t") for line in out.read_text().splitlines() if not line.startswith("#")]
    found = [set(dict(pair.partition("=")[::2] for pair in row[7].split(";"))["PILEUP_REASON"].split(",")) for row in rows]
    assert found == [reasons for *_, reasons in CALLS[name]]
