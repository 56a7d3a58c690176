"""Calls and truth in one VCF with the GA4GH fields BD and BK, as hap.py writes them, for a browser or another program."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import IO, Any

import pysam

from vcffilter.evaluation.context import SNV
from vcffilter.evaluation.mistakes import outcome_of
from vcffilter.evaluation.tables import FALSE, OUTSIDE, TRUE, CallTable, TruthTable
from vcffilter.files import UnfinishedFile
from vcffilter.truth.call_sets import HETEROZYGOUS, HOMOZYGOUS, NOT_CARRIED, UNKNOWN_ZYGOSITY
from vcffilter.truth.matching import ContigMatching
from vcffilter.truth.pairing import open_reference
from vcffilter.truth.variant_file import VariantFile

_GENOTYPES = {UNKNOWN_ZYGOSITY: "./.", NOT_CARRIED: "0/0", HETEROZYGOUS: "0/1", HOMOZYGOUS: "1/1"}
_DECISIONS = {TRUE: "TP", FALSE: "FP", OUTSIDE: "UNK"}
# Of how a match was found: the very allele, or a haplotype that neighbours spell together.
_MATCH_KINDS = {"exact": "am", "haplotype": "lm"}
_FILTER = re.compile(r"^##FILTER=<ID=([^,>]+),.*?Description=\"(.*)\".*>$", re.MULTILINE)
_NOTHING = "./.:.:.:."
_HEADER = """##fileformat=VCFv4.2
##INFO=<ID=OUTCOME,Number=1,Type=String,Description="true_kept, true_lost, false_removed or false_kept by FILTER">
##INFO=<ID=LOST,Number=0,Type=Flag,Description="The calls spell this truth allele, those that passed do not">
##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype of the ALT alone">
##FORMAT=<ID=BD,Number=1,Type=String,Description="Decision: TP, FP, FN, UNK outside the confident regions, N not counted">
##FORMAT=<ID=BK,Number=1,Type=String,Description="Kind of match: am allele, lm local haplotype, . none">
##FORMAT=<ID=BVT,Number=1,Type=String,Description="SNP or INDEL">
"""


@dataclass
class _Line:
    filters: str = "."
    info: list[str] = field(default_factory=list)
    truth: str = _NOTHING
    query: str = _NOTHING


class VerdictFile:
    """Written contig by contig, plain or, by its name, BGZF; give `add` to `tabulate`. Appears when the block ends without error.

    The truth's BD says whether the calls that passed spell it. contigs: names and lengths in the reference's order.
    """

    def __init__(self, path: str, contigs: dict[str, int], filters: dict[str, str]) -> None:
        self._file = UnfinishedFile(path)
        self._stream = _open(str(self._file.path), is_compressed=path.endswith((".gz", ".bgz")))
        lines = [f'##FILTER=<ID={name},Description="{text}">\n' for name, text in filters.items()]
        lines += [f"##contig=<ID={name},length={length}>\n" for name, length in contigs.items()]
        columns = "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tTRUTH\tQUERY\n"
        self._stream.write("".join([_HEADER, *lines, columns]).encode())

    def __enter__(self) -> VerdictFile:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._stream.close()
        if kind is None:
            self._file.publish()
        self._file.discard()

    def add(self, matching: ContigMatching, calls: CallTable, truth: TruthTable) -> None:
        """Write one contig's lines by position."""
        self._stream.write("".join(_lines(matching, calls, truth)).encode())


@contextlib.contextmanager
def open_verdict_file(path: str | None, calls: str, reference: str) -> Iterator[VerdictFile | None]:
    """A VerdictFile with the FILTERs of the calls and the contigs of the reference; None without a path."""
    if path is None:
        yield None
        return
    with VariantFile(calls) as file:
        filters = dict(_FILTER.findall(file.header_text))
    with open_reference(reference) as fasta:
        contigs = dict(zip(fasta.references, fasta.lengths, strict=True))
    with VerdictFile(path, contigs, filters) as verdicts:
        yield verdicts


def _open(path: str, *, is_compressed: bool) -> IO[bytes] | Any:
    if is_compressed:
        return pysam.BGZFile(path, "wb", None)
    return open(path, "wb")  # noqa: SIM115 (closed by VerdictFile)


def _lines(matching: ContigMatching, calls: CallTable, truth: TruthTable) -> Iterator[str]:
    by_allele: dict[tuple[int, str, str], _Line] = {}
    for index, call in enumerate(matching.calls):
        line = by_allele.setdefault(call.allele, _Line())
        label, how = int(calls.label[index]), matching.labels[index].how
        kind = _MATCH_KINDS.get(how, ".") if label == TRUE else "."
        line.query = f"{_GENOTYPES[call.zygosity]}:{_DECISIONS.get(label, 'N')}:{kind}:{_type(calls.facts.kind[index])}"
        line.filters = call.filters
        outcome = outcome_of(label, bool(calls.passed[index]))
        line.info = [f"OUTCOME={outcome}"] if outcome else []
    for index, item in enumerate(matching.truth):
        line = by_allele.setdefault(item.allele, _Line())
        before, after = truth.found[index].tolist()
        counted = truth.excluded is None or not truth.excluded[index]
        decision = "N" if not counted else "TP" if after else "FN"
        kind = "." if not after else "am" if line.query != _NOTHING else "lm"
        line.truth = f"{_GENOTYPES[item.zygosity]}:{decision}:{kind}:{_type(truth.facts.kind[index])}"
        if before and not after:
            line.info.append("LOST")
    for (pos0, ref, alt), line in sorted(by_allele.items(), key=lambda item: item[0]):
        info = ";".join(line.info) or "."
        columns = [matching.contig, str(pos0 + 1), ".", ref, alt, ".", line.filters, info, "GT:BD:BK:BVT", line.truth, line.query]
        yield "\t".join(columns) + "\n"


def _type(kind: int) -> str:
    return "SNP" if kind == SNV else "INDEL"
