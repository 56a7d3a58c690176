"""Which calls of a VCF are drawn, and the facts that stand beside them. Knows no reads and no drawing."""

from __future__ import annotations

import heapq
import math
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vcffilter.annotation.model_line import thresholds_of
from vcffilter.annotation.settings import DEEP_READS
from vcffilter.errors import RegionError, UsageError
from vcffilter.pictures.facts import CallFacts
from vcffilter.reads.contig_names import other_spelling
from vcffilter.truth.variant_file import VariantFile

if TYPE_CHECKING:
    import cyvcf2

_PLAIN_ALLELE = re.compile(r"[ACGTNacgtn]+")
_WARNING_LINE = re.compile(r"^##vcffilter_filterWarning=(.*)$", re.MULTILINE)
_CONTIG_LINE = re.compile(r"^##contig=<(?:[^>]*,)?ID=([^,>]+)", re.MULTILINE)
_MODEL_LINE = re.compile(r"^##vcffilter_model=<(.*)>$", re.MULTILINE)


@dataclass(frozen=True)
class Cuts:
    """Thresholds that a filtered file's header names; empty where it names none. deep: those of many reads, of older models."""

    thresholds: dict[str, float]
    deep: dict[str, float] = field(default_factory=dict)

    def of(self, ref: str, alt: str, n_reads: float = 0) -> float | None:
        """The threshold of an ALT, by its type and the reads that informed it (NaN = unknown)."""
        kind = "snv" if len(ref) == len(alt) == 1 else "indel"
        return self.deep.get(kind, self.thresholds.get(kind)) if n_reads >= DEEP_READS else self.thresholds.get(kind)


class CallFile:
    """A VCF or BCF whose calls are looked for. prefix: of the INFO keys. Raises VariantFileError where it cannot be read."""

    def __init__(self, path: str, prefix: str = "PILEUP") -> None:
        self.path = path
        self._prefix = prefix
        with VariantFile(path) as file:
            header = file.header_text
            self.samples = tuple(file.samples)
        self._is_scored = f"##INFO=<ID={prefix}_PROB," in header
        self.cuts = _cuts_of(header, path)
        self.model_id = _model_field(header, "ID")
        #: Of a model of two stages which of them the run let decide: `both` or `trees`; else "".
        self.stage = _model_field(header, "stage")
        self.contigs = tuple(_CONTIG_LINE.findall(header))
        self.warnings = tuple(_WARNING_LINE.findall(header))

    def calls(self) -> Iterator[CallFacts]:
        """Every ALT of plain bases, in the order of the file."""
        return (facts for _, _, facts in self.numbered_calls())

    def numbered_calls(self) -> Iterator[tuple[int, int, CallFacts]]:
        """`calls` with the number of the record in the file and of the ALT in the record, both from 1."""
        with VariantFile(self.path) as file:
            for number, record in enumerate(file.records(), 1):
                try:
                    yield from [(number, alt_number, facts) for alt_number, facts in self._facts(record)]
                except UnicodeDecodeError as error:
                    raise file.not_utf8(record.CHROM, record.POS, number) from error

    def at(self, places: Iterable[str]) -> list[CallFacts]:
        """ALTs of the records at "CHROM:POS" (1-based), in the order asked for. Raises RegionError where there is none."""
        wanted = [_place(text) for text in places]
        found: dict[tuple[str, int], list[CallFacts]] = {place: [] for place in wanted}
        for facts in self.calls():
            if (facts.contig, facts.pos1) in found:
                found[facts.contig, facts.pos1].append(facts)
        for contig, pos1 in wanted:
            if not found[contig, pos1]:
                hint = self._where_calls_are(contig, pos1)
                raise RegionError("no call of plain bases is there", path=self.path, contig=contig, pos1=pos1, hint=hint)
        return [facts for place in dict.fromkeys(wanted) for facts in found[place]]

    def _where_calls_are(self, contig: str, pos1: int) -> str:
        """What to ask for instead of a place without a call."""
        there = [call for call in self.calls() if call.contig == contig]
        if there:
            nearest = min(there, key=lambda call: abs(call.pos1 - pos1))
            return f"The nearest call is at {contig}:{nearest.pos1}"
        contigs = list(dict.fromkeys(call.contig for call in self.calls()))
        other = other_spelling(contig, contigs)
        if other is not None:
            return f"The file names this contig {other!r}"
        return f"The file has calls on {', '.join(contigs[:3]) or 'no contig'}{', ...' if len(contigs) > 3 else ''}"

    def failed(self, n: int) -> list[CallFacts]:
        """The n failing ALTs that the caller was surest of, surest first."""
        self.need_scores()
        return _largest(n, self.calls(), lambda call: caller_score(call) if call.verdict == "fails" else None)

    def passing(self, n: int) -> list[CallFacts]:
        """The n passing ALTs that the caller was surest of, surest first."""
        self.need_scores()
        return _largest(n, self.calls(), lambda call: caller_score(call) if call.verdict == "passes" else None)

    def borderline(self, n: int) -> list[CallFacts]:
        """The n ALTs whose log-odds lie nearest to their threshold's."""
        self.need_scores()
        return _largest(n, self.calls(), closeness)

    def lost(self, labels: Path) -> list[CallFacts]:
        """Failing ALTs that a table of labels (chrom, pos, ref, alt, label) says are true."""
        self.need_scores()
        true = set(_true_alleles(labels))
        return [call for call in self.calls() if call.verdict == "fails" and _trimmed(call) in true]

    def need_scores(self) -> None:
        """Raise UsageError unless the file was filtered."""
        if not self._is_scored or not self.cuts.thresholds:
            raise UsageError(
                f"{self.path} has not been filtered: it has no {self._prefix}_PROB, or no thresholds in its header",
                hint="Run pileup-filter filter first (show and explain of places, such as chr20:10008921, need no scores)",
            )

    def _facts(self, record: cyvcf2.Variant) -> Iterator[tuple[int, CallFacts]]:
        info = record.INFO
        probabilities = _values(info.get(f"{self._prefix}_PROB"))
        log_odds = _values(info.get(f"{self._prefix}_ALT_SCORE"))
        n_reads = _values(info.get(f"{self._prefix}_DP"))
        reasons = info.get(f"{self._prefix}_ALT_REASON") or ""
        verdicts = (info.get(f"{self._prefix}_FT") or "").split(",")
        stages = (info.get(f"{self._prefix}_STAGE") or "").split(",")
        genotype, sample = self._carrier(record)
        for index, alt in enumerate(record.ALT):
            if not _PLAIN_ALLELE.fullmatch(alt) or not _PLAIN_ALLELE.fullmatch(record.REF):
                continue
            reads = _at(n_reads, index)
            yield index + 1, CallFacts(
                contig=record.CHROM, pos1=record.POS, ref=record.REF, alt=alt, qual_phred=record.QUAL,
                filters=";".join(record.FILTERS) if record.FILTERS else ".", genotype=genotype, sample=sample,
                probability=_at(probabilities, index), log_odds=_at(log_odds, index),
                threshold=self.cuts.of(record.REF, alt, reads),
                n_reads=None if math.isnan(reads) else int(reads), own_verdict=_word(verdicts, index),
                status=info.get(f"{self._prefix}_STATUS") or "",
                reasons=_reasons(reasons, index), alt_number=index + 1, stage=_word(stages, index),
            )  # fmt: skip

    def _carrier(self, record: cyvcf2.Variant) -> tuple[str, str]:
        """Genotype as written and name of the first sample that carries an ALT; the only sample is not named."""
        genotypes = record.genotypes if self.samples and "GT" in record.FORMAT else []
        for name, genotype in zip(self.samples, genotypes, strict=False):
            alleles = genotype[:-1]
            if any(allele > 0 for allele in alleles):
                mark = "|" if genotype[-1] else "/"
                return mark.join("." if allele < 0 else str(allele) for allele in alleles), name if len(self.samples) > 1 else ""
        return "", ""


def _cuts_of(header: str, path: str) -> Cuts:
    lines = _MODEL_LINE.findall(header)
    found = thresholds_of(lines[-1], path) if lines else {}

    def named(ending: str) -> dict[str, float]:
        return {kind: found[kind + ending] for kind in ("snv", "indel") if kind + ending in found}

    return Cuts(named(""), named("_deep"))


def _model_field(header: str, name: str) -> str:
    """What the last run's line about its model says under a name; "" where there is none."""
    lines = _MODEL_LINE.findall(header)
    match = re.search(rf"(?:^|,){name}=([^,]*)", lines[-1]) if lines else None
    return match[1] if match else ""


def _place(text: str) -> tuple[str, int]:
    contig, _, position = text.rpartition(":")
    digits = position.replace(",", "")
    if not contig or not (digits.isascii() and digits.isdigit()):
        raise RegionError(f"place '{text}' cannot be understood", hint="Write places as chr20:10008921")
    return contig, int(digits)


def _values(value: Any) -> tuple[Any, ...]:
    return value if isinstance(value, tuple) else (value,)


def _at(values: tuple[Any, ...], index: int) -> float:
    """A number of an ALT, NaN where missing. htslib's missing floats come as None or NaN."""
    value = values[index] if index < len(values) else None
    return math.nan if value is None or value == -(2**31) else float(value)


def _word(words: list[str], index: int) -> str:
    """A word of an ALT, "" where missing."""
    return words[index] if index < len(words) and words[index] != "." else ""


def _reasons(text: str, index: int) -> tuple[str, ...]:
    """Reasons of one ALT: PILEUP_ALT_REASON has one entry an ALT, values joined by &."""
    parts = text.split(",")
    return tuple(parts[index].split("&")) if index < len(parts) and parts[index] not in ("", ".") else ()


class TopCalls:
    """The n calls of the largest keys among those offered, the earlier first among equals; a key of None leaves a call out."""

    def __init__(self, n: int, key: Callable[[CallFacts], float | None]) -> None:
        self._n = n
        self._key = key
        self._best: list[tuple[float, int, CallFacts]] = []
        self._n_offered = 0

    def offer(self, call: CallFacts) -> None:
        """Keep the call if it is among the best so far."""
        score = self._key(call)
        self._n_offered += 1
        if score is None:
            return
        entry = (score, -self._n_offered, call)
        if len(self._best) < self._n:
            heapq.heappush(self._best, entry)
        elif self._n and entry[:2] > self._best[0][:2]:
            heapq.heapreplace(self._best, entry)

    def chosen(self) -> list[CallFacts]:
        """The best, in falling order."""
        return [call for _, _, call in sorted(self._best, key=lambda entry: entry[:2], reverse=True)]


def _largest(n: int, calls: Iterable[CallFacts], key: Callable[[CallFacts], float | None]) -> list[CallFacts]:
    top = TopCalls(n, key)
    for call in calls:
        top.offer(call)
    return top.chosen()


def caller_score(call: CallFacts) -> float:
    """QUAL; the least of all where the caller wrote none."""
    return -math.inf if call.qual_phred is None else call.qual_phred


def closeness(call: CallFacts) -> float | None:
    """How near a call lies to its threshold, in log-odds, negative; None where it has no probability or threshold."""
    if math.isnan(call.probability) or call.threshold is None:
        return None
    return -abs(_log_odds(call.probability) - _log_odds(call.threshold))


def _log_odds(probability: float) -> float:
    bounded = min(max(probability, 1e-6), 1 - 1e-6)
    return math.log(bounded / (1 - bounded))


def _true_alleles(labels: Path) -> Iterator[tuple[str, int, str, str]]:
    from vcffilter.labelling.files import read_labels

    return (trimmed(*allele) for allele, label in read_labels(labels).items() if label == "TP")


def _trimmed(call: CallFacts) -> tuple[str, int, str, str]:
    return trimmed(call.contig, call.pos1, call.ref, call.alt)


def trimmed(contig: str, pos1: int, ref: str, alt: str) -> tuple[str, int, str, str]:
    """An allele without the bases that REF and ALT share at their ends, so that different records of one allele agree."""
    ref, alt = ref.upper(), alt.upper()
    while len(ref) > 1 and len(alt) > 1 and ref[-1] == alt[-1]:
        ref, alt = ref[:-1], alt[:-1]
    while len(ref) > 1 and len(alt) > 1 and ref[0] == alt[0]:
        pos1, ref, alt = pos1 + 1, ref[1:], alt[1:]
    return contig, pos1, ref, alt
