"""The words of manual review: verdicts, tags, and what label a verdict is. Knows no files.

Verdicts and tags are those of Barnell et al. 2019 (Genetics in Medicine 21:972), the standard procedure for manual review of
somatic variants; for germline calls the verdict is "germline" or "fail".
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Verdict:
    """word: as stored. key: that gives it. label: in a labels file; training and calibration take TP and FP alone."""

    word: str
    name: str
    key: str
    label: str
    meaning: str


@dataclass(frozen=True)
class Tag:
    """word: as stored and as Barnell et al. write it. key: that sets it."""

    word: str
    name: str
    key: str
    meaning: str


VERDICTS = (
    Verdict("germline", "Germline, real", "g", "TP", "the ALT is real and was inherited"),
    Verdict("somatic", "Somatic, real", "s", "TP", "the ALT is real and of the tumour, or of some cells, alone"),
    Verdict("ambiguous", "Ambiguous", "a", "AMBIGUOUS", "the reads do not tell; no label for training"),
    Verdict("fail", "Fail", "f", "FP", "the ALT is not real: an artefact of sequencing or alignment"),
)
TAGS = (
    Tag("D", "Directional", "1", "found only, or mostly, on reads of one strand"),
    Tag("E", "Ends", "2", "found only near the ends of reads"),
    Tag("MM", "Multiple mismatches", "3", "its reads have further mismatches"),
    Tag("LM", "Low mapping", "4", "its reads, or most reads there, map badly"),
    Tag("MN", "Mononucleotide repeat", "5", "next to a run of one base"),
    Tag("DN", "Dinucleotide repeat", "6", "next to a repeat of two bases"),
    Tag("TR", "Tandem repeat", "7", "next to a repeat of three bases or more"),
    Tag("SSE", "Same start or end", "8", "its reads all begin, or end, at one place"),
    Tag("AI", "Adjacent indel", "9", "an indel beside it explains it"),
    Tag("MV", "Multiple variants", "0", "more than one ALT, or further variants on its reads"),
    Tag("HDR", "High discrepancy region", "q", "many mismatches all around, as of a paralogous place"),
    Tag("LVF", "Low variant frequency", "w", "few of the reads have it"),
    Tag("LCT", "Low count tumour", "e", "few reads there"),
    Tag("SI", "Short inserts", "r", "its reads are of short fragments, whose mates overlap"),
    Tag("SIO", "Short inserts only", "t", "all of its reads are of short fragments"),
    Tag("TN", "Tumour in normal", "y", "the normal sample shows it, too"),
    Tag("LCN", "Low count normal", "u", "few reads of the normal sample there"),
    Tag("NCN", "No count normal", "i", "no read of the normal sample there"),
    Tag("AO", "Ambiguous, other", "o", "another reason; say which in the note"),
)
VERDICT_OF_WORD = {verdict.word: verdict for verdict in VERDICTS}
_PLACE_OF_TAG = {tag.word: place for place, tag in enumerate(TAGS)}
#: The label where reviewers differ. As every word but TP and FP it keeps the allele out of training and calibration.
DISPUTED = "DISPUTED"


def label_of(words: Iterable[str]) -> str:
    """The label of an allele with these verdicts, one a reviewer: the one that all of them mean, else DISPUTED."""
    labels = {VERDICT_OF_WORD[word].label for word in words}
    return labels.pop() if len(labels) == 1 else DISPUTED


def tags_in_order(words: Iterable[str]) -> tuple[str, ...]:
    """Each tag once, in the order of TAGS. Raises KeyError on a word that is none."""
    return tuple(sorted(set(words), key=_PLACE_OF_TAG.__getitem__))


#: What a reason of the filter says, in a few words (docs/output.md has the whole), and the tags that a reviewer would set for it.
REASONS = {
    "no_alt_reads": ("no read speaks for the ALT", ""),
    "few_alt_reads": ("one to three reads for the ALT", "LCT, LVF"),
    "allele_imbalance": ("less than 35% of the reads that tell are for the ALT", "LVF"),
    "nearby_indel": ("an indel beside it explains it", "AI"),
    "linked_variants": ("its reads share other differences: a paralogous place, or variants together", "MV, MM, HDR"),
    "mismatch_load": ("its reads have many mismatches", "MM, HDR"),
    "homopolymer": ("at or in a run of one base", "MN"),
    "tandem_repeat": ("at or in a repeat", "DN, TR"),
    "strand_bias": ("its reads are of one strand", "D"),
    "low_mapq": ("its reads, or those around it, map badly", "LM"),
    "read_end": ("it lies near the ends of its reads", "E"),
    "few_distinct_starts": ("its reads begin at the same places", "SSE"),
    "clipped_reads": ("reads are soft-clipped there", ""),
    "low_base_quality": ("base qualities are low there", ""),
    "other": ("no single group of facts would save it", "AO"),
}
