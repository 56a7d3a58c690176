"""Indels of one haplotype judged together: what would happen to every visible call set of short reads.

    python benchmarks/linked_indels.py --data ../shared/data --harvest WORK [--document docs/developers/linked.md]

A study, not what the filter does. Indels of one caller that lie near each other form a group, whatever their labels, and each is
judged by the highest or by the mean log-odds of its group; or only those whose reads are the same; or only those that no read
supports. Probabilities are of weights that never saw the chromosome, cuts those of the default that ships. WORK: as of
cut_study.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pysam
from accuracy_data import Key, contig_of
from common import Report, Table, parser, put_tables
from cut_data import CallSet, Copy, call_sets, short_read_copies
from cut_figures import Rule, by_type, f1, passed, rule_figures

from vcffilter.models.checkpoint import load_checkpoint
from vcffilter.variants.allele_scores import READS_FOR_ALT

REACHES = (10, 30, 100)
#: A read's own indel or clip counts for a call so many bases from its REF.
_SHOWN_WITHIN = 10
#: Calls have the same reads where so many of the fewer are reads of both.
_SAME = 0.5
_INSERTED, _DELETED, _CLIPPED = 1, 2, 4
_FEWEST_TRUE = 5
_LIMIT = 1e-6

Reads = dict[Key, frozenset[str]]


@dataclass(frozen=True)
class Judgement:
    """reach: bases between two REFs of a group, at most. same_reads: only calls that the same reads show. mean: of log-odds; the
    highest otherwise. unsupported: only calls that no read supports are judged so.
    """

    reach: int
    same_reads: bool
    mean: bool
    unsupported: bool = False

    @property
    def name(self) -> str:
        """For the table."""
        kind = "mean log-odds" if self.mean else "highest"
        which = (", the same reads" if self.same_reads else "") + (", where no read supports" if self.unsupported else "")
        return f"{kind} within {self.reach} bases{which}"


JUDGEMENTS = tuple(
    Judgement(reach, same, mean, unsupported)
    for mean, unsupported in ((False, False), (False, True), (True, False))
    for same in (False, True)
    for reach in REACHES
)


def groups(keys: Sequence[Key], reads: Reads, judgement: Judgement) -> list[list[int]]:
    """Indices of the calls that are judged together, two or more each. keys: of one caller, in order."""
    open_groups: list[list[int]] = []
    closed: list[list[int]] = []
    for index in (index for index, (_, ref, alt) in enumerate(keys) if len(ref) != len(alt)):
        near = [group for group in open_groups if any(keys[index][0] - _end1(keys[one]) <= judgement.reach for one in group)]
        closed += [group for group in open_groups if group not in near]
        joined = [group for group in near if any(_linked(keys[one], keys[index], reads, judgement) for one in group)]
        open_groups = [group for group in near if group not in joined] + [[*(one for group in joined for one in group), index]]
    return [sorted(group) for group in closed + open_groups if len(group) > 1]


def _end1(key: Key) -> int:
    """The last base of REF."""
    return key[0] + len(key[1]) - 1


def _linked(one: Key, other: Key, reads: Reads, judgement: Judgement) -> bool:
    if other[0] - _end1(one) > judgement.reach:
        return False
    if not judgement.same_reads:
        return True
    fewer = min(len(reads[one]), len(reads[other]))
    return fewer > 0 and len(reads[one] & reads[other]) >= _SAME * fewer


def together(keys: Sequence[Key], probability: np.ndarray, n_alt: np.ndarray, reads: Reads, judgement: Judgement) -> np.ndarray:
    """float64 (n,): probabilities of the calls of one caller, judged so. NaN stays, and counts for none.

    n_alt: int (n,), reads that support the call.
    """
    log_odds = np.log(np.clip(probability, _LIMIT, 1 - _LIMIT)) - np.log1p(-np.clip(probability, _LIMIT, 1 - _LIMIT))
    out = probability.copy()
    for group in groups(keys, reads, judgement):
        known = [index for index in group if not np.isnan(log_odds[index])]
        if len(known) > 1:
            value = np.mean(log_odds[known]) if judgement.mean else np.max(log_odds[known])
            changed = [index for index in known if not judgement.unsupported or n_alt[index] == 0]
            out[changed] = 1 / (1 + np.exp(-value))
    return out


def reads_that_show(bam: Path, contig: str, keys: Sequence[Key]) -> Reads:
    """Names of the fragments that are aligned with an indel or a clip at each call that is no SNV, by their alignments alone."""
    found: Reads = {}
    with pysam.AlignmentFile(str(bam)) as alignments:
        for key in keys:
            if len(key[1]) == len(key[2]):
                continue
            start0, end0 = key[0] - 1 - _SHOWN_WITHIN, key[0] - 1 + len(key[1]) + _SHOWN_WITHIN
            reads = alignments.fetch(contig, max(start0, 0), end0)
            names = {read.query_name for read in reads if not read.is_duplicate and _differs(read, start0, end0)}
            found[key] = frozenset(name for name in names if name)
    return found


def _differs(read: pysam.AlignedSegment, start0: int, end0: int) -> bool:
    at0 = read.reference_start
    for operation, length in read.cigartuples or ():
        ends0 = at0 + length if operation in (0, _DELETED, 3, 7, 8) else at0
        if operation in (_INSERTED, _DELETED, _CLIPPED) and at0 < end0 and ends0 >= start0:
            return True
        at0 = ends0
    return False


@dataclass(frozen=True)
class Judged:
    """Call sets as they are, and by each judgement; n_groups: of its calls, by judgement."""

    now: list[CallSet]
    by: dict[Judgement, list[CallSet]]
    n_groups: dict[Judgement, int]


def judged(data: Path, harvest: Sequence[Path]) -> Judged:
    """Score everything once."""
    now: list[CallSet] = []
    by: dict[Judgement, list[CallSet]] = {one: [] for one in JUDGEMENTS}
    n_groups = dict.fromkeys(JUDGEMENTS, 0)
    for copy, keys, scores in short_read_copies(data, harvest):
        probability, n_alt = scores.probability.astype(np.float64), scores.counts[:, READS_FOR_ALT]
        now += call_sets(data, copy, keys, probability, scores.n_reads)
        reads = reads_that_show(copy.bam, contig_of(data / "real" / copy.set_name), keys)
        for alone, indices in _of_callers(copy, keys):
            called = [keys[index] for index in indices]
            for judgement in JUDGEMENTS:
                p = together(called, probability[indices], n_alt[indices], reads, judgement)
                by[judgement] += call_sets(data, alone, called, p, scores.n_reads[indices])
                n_groups[judgement] += len(groups(called, reads, judgement))
    return Judged(now, by, n_groups)


def _of_callers(copy: Copy, keys: list[Key]) -> Iterator[tuple[Copy, np.ndarray]]:
    place = {key: index for index, key in enumerate(keys)}
    for caller, records in copy.records.items():
        indices = np.array(sorted({place[key] for key, _, _ in records}), np.int64)
        yield replace(copy, records={caller: records}), indices


def result_table(found: Judged, rule: Rule) -> Table:
    """One row a judgement, beside each call by itself."""
    columns = [
        "judged by",
        "groups",
        "mean F1, whole reads",
        "worse than as called (by > 0.002)",
        "at most by",
        "mean F1, all copies",
    ]
    columns += ["call sets better than now", "worse", "true lost", "newly kept", "newly lost"]
    columns += ["false removed", "newly removed", "newly kept"]
    table = Table("Linked indels judged together: every visible call set, whole reads and thinned copies", columns)
    table.note = (
        f"Newly: beside each by itself. Call sets of {_FEWEST_TRUE} true calls or more, set by set. The same reads: of the "
        f"fragments that are aligned with an indel or a clip within {_SHOWN_WITHIN} bases of each of two calls, half of the "
        "fewer are of both."
    )
    rows = [("each by itself", 0, found.now), *((one.name, found.n_groups[one], sets) for one, sets in found.by.items())]
    for name, n_groups, sets in rows:
        judged_sets = [one for one in sets if one.label.sum() >= _FEWEST_TRUE]
        whole = rule_figures([one for one in judged_sets if one.share == 1], rule)
        worse = f"{whole['made_worse']} ({whole['made_worse_by_more']})"
        counts = [0] * 6
        better = against = 0
        for one, before in zip(sets, found.now, strict=True):
            kept, was, true = passed(one, rule), passed(before, rule), one.label == 1
            masks = (
                true & ~kept,
                true & kept & ~was,
                true & ~kept & was,
                ~true & ~kept,
                ~true & ~kept & was,
                ~true & kept & ~was,
            )
            counts = [total + int(mask.sum()) for total, mask in zip(counts, masks, strict=True)]
            if true.sum() >= _FEWEST_TRUE:
                change = f1(true, kept) - f1(true, was)
                better, against = better + (change > 1e-9), against + (change < -1e-9)
        means = [f"{whole['f1']:.4f}", worse, f"{whole['most_worse']:.4f}", f"{rule_figures(judged_sets, rule)['f1']:.4f}"]
        table.add(name, n_groups, *means, better, against, *counts)
    return table


def lost_table(found: Judged, rule: Rule) -> Table:
    """What each judgement does to the call sets of whole reads that the default makes worse."""
    columns = [
        "call set",
        "caller",
        "F1 as called",
        "each by itself",
        *(one.name for one in JUDGEMENTS if one.reach == max(REACHES)),
    ]
    table = Table("The call sets that the default makes worse", columns)
    for number, one in enumerate(found.now):
        true = one.label == 1
        scores = [f1(true, np.ones(len(true), bool)), f1(true, passed(one, rule))]
        if one.share == 1 and true.sum() >= _FEWEST_TRUE and scores[1] < scores[0] - 1e-9:
            scores += [f1(true, passed(found.by[way][number], rule)) for way in JUDGEMENTS if way.reach == max(REACHES)]
            table.add(one.set_name, one.caller, *(f"{score:.4f}" for score in scores))
    return table


def main() -> None:
    """Print the tables and keep them; with --document, put them into the page between its markers."""
    options = parser(__doc__)
    options.add_argument("--harvest", type=Path, action="append", default=[], help="work folder of harvest.py; may be repeated")
    options.add_argument("--document", type=Path)
    arguments = options.parse_args()
    rule = by_type(**load_checkpoint("illumina-germline").metadata.thresholds)
    found = judged(arguments.data.resolve(), arguments.harvest)
    report = Report("linked_indels", arguments)
    made = [result_table(found, rule), lost_table(found, rule)]
    for table in made:
        report.add(table)
    report.save()
    if arguments.document:
        put_tables(made, arguments.document, "joint")


if __name__ == "__main__":
    main()
