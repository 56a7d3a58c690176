"""Verdicts as a labels file, which `examples`, `train` and `calibrate` read; and as a table with all that reviewers said."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import TextIO

from vcffilter.labelling.files import COLUMNS
from vcffilter.review.verdict_store import GivenVerdict
from vcffilter.review.vocabulary import label_of

_TABLE = ("chrom", "pos", "ref", "alt", "reviewer", "verdict", "tags", "note", "given_at")


def write_labels(verdicts: Iterable[GivenVerdict], output: TextIO) -> Counter[str]:
    """One line an allele; verdicts: in the order of the VCF, those of one allele together. Returns how many got each label."""
    counts: Counter[str] = Counter()
    output.write("\t".join(COLUMNS) + "\n")
    for key, group in groupby(verdicts, key=lambda verdict: verdict.key):
        of_allele = list(group)
        label = label_of(verdict.verdict for verdict in of_allele)
        counts[label] += 1
        place = of_allele[-1]
        fields = (key.contig, key.pos1, key.ref, key.alt, label, "review", place.record_number, place.alt_number)
        output.write("\t".join(map(str, fields)) + "\n")
    return counts


def verdict_lines(verdicts: Iterable[GivenVerdict]) -> Iterator[str]:
    """A table with a header, one line a verdict."""
    yield "\t".join(_TABLE) + "\n"
    for verdict in verdicts:
        key = verdict.key
        fields = (
            key.contig, str(key.pos1), key.ref, key.alt, verdict.reviewer, verdict.verdict, ",".join(verdict.tags),
            " ".join(verdict.note.split()), verdict.given_at,
        )  # fmt: skip
        yield "\t".join(fields) + "\n"
