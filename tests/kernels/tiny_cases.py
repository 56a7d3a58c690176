"""Random tiny contigs, reads and calls: everything that alignments may hold, in a few hundred bases. Knows no kernel."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from random import Random

from encoding_files import Aligned
from twin.normalised_alleles import Called

CONTIG, OTHER_CONTIG = "tiny", "other"
_QUALITIES = (2, 9, 11, 15, 20, 25, 37, 40, 41, 93)


@dataclass(frozen=True)
class TinyCase:
    """contigs: bases by name, reads lie on the first. calls: by position, as a caller might write them."""

    contigs: dict[str, str]
    reads: tuple[Aligned, ...]
    calls: tuple[Called, ...]


@dataclass(frozen=True)
class _Event:
    """A change that some of the reads carry."""

    start0: int
    n_replaced: int
    new: str


def _sequence(random: Random, length: int) -> str:
    """Unique sequence, homopolymers, short and long repeats, a few N."""
    bases = ""
    while len(bases) < length:
        kind = random.choice(("unique", "unique", "run", "repeat", "repeat", "unknown"))
        if kind == "unique":
            bases += "".join(random.choices("ACGT", k=random.randint(5, 60)))
        elif kind == "run":
            bases += random.choice("ACGT") * random.randint(3, 25)
        elif kind == "repeat":
            bases += "".join(random.choices("ACGT", k=random.randint(2, 7))) * random.randint(2, 12)
        elif random.random() < 0.3:
            bases += "N" * random.randint(1, 4)
    return bases[:length]


def _event(random: Random, contig: str, start0: int) -> _Event:
    kind = random.choice(("snv", "insertion", "deletion", "mnp", "complex"))
    n_replaced = {"snv": 1, "insertion": 0, "mnp": random.randint(2, 4)}.get(kind, random.choice((1, 1, 2, 3, 5, 12)))
    n_replaced = min(n_replaced, len(contig) - start0)
    n_new = {"deletion": 0, "snv": n_replaced, "mnp": n_replaced}.get(kind, random.choice((1, 1, 2, 3, 6, 14)))
    if kind == "insertion" and random.random() < 0.6:
        # A copy of what stands there, as polymerase slips.
        return _Event(start0, 0, contig[start0 : start0 + n_new].replace("N", "A") or "A")
    return _Event(start0, n_replaced, "".join(random.choices("ACGT", k=n_new)))


class _ReadBuilder:
    """Walks along the reference and writes one read's bases and operations."""

    def __init__(self, random: Random, contig: str, events: dict[int, _Event]) -> None:
        self._random, self._contig, self._events = random, contig, events

    def _other_base(self, base: str) -> str:
        roll = self._random.random()
        if roll < 0.03:
            return self._random.choice("ACGTN")
        return base if base in "ACGT" else self._random.choice("ACGT")

    def _apply(self, event: _Event, bases: list[str], operations: list[str]) -> int:
        """Put an event in; returns the reference bases used."""
        n_matched = min(event.n_replaced, len(event.new))
        bases.extend(event.new)
        operations.extend("M" * n_matched + "I" * (len(event.new) - n_matched) + "D" * (event.n_replaced - n_matched))
        return event.n_replaced

    def _step(self, pos0: int, bases: list[str], operations: list[str]) -> int:
        random, contig = self._random, self._contig
        roll = random.random()
        if pos0 in self._events and random.random() < 0.6 and pos0 + self._events[pos0].n_replaced < len(contig):
            return self._apply(self._events[pos0], bases, operations)
        if roll < 0.006 and pos0 + 14 < len(contig):
            length = random.randint(1, 12)
            operations.extend("D" * length)
            return length
        if roll < 0.012:
            length = random.randint(1, 6)
            operations.extend("I" * length)
            bases.extend(random.choices("ACGT", k=length))
            return 0
        if roll < 0.016 and pos0 + 92 < len(contig):
            length = random.randint(15, 90)
            operations.extend("N" * length)
            return length
        return 0

    def aligned_part(self, start0: int, length: int) -> tuple[str, str]:
        """Bases and one operation letter for each step, from a position on; begins and ends with an aligned base."""
        bases: list[str] = []
        operations: list[str] = []
        pos0 = start0
        while len(bases) < length and pos0 < len(self._contig):
            if operations and operations[-1] == "M":
                used = self._step(pos0, bases, operations)
                pos0 += used
                if pos0 >= len(self._contig):
                    break
            bases.append(self._other_base(self._contig[pos0]))
            operations.append("M")
            pos0 += 1
        while operations and operations[-1] != "M":
            if operations.pop() == "I":
                bases.pop()
        return "".join(bases), "".join(operations)


def _clip(random: Random, flag: int) -> tuple[str, str]:
    """Bases and operation letters of one end's clip: soft ones as a rule, hard ones for supplementary alignments."""
    if random.random() < 0.7:
        return "", ""
    length = random.randint(1, 40)
    if flag & 2048:
        return "", "H" * length
    return "".join(random.choices("ACGT", k=length)), "S" * length


def _cigar(random: Random, operations: str) -> str:
    text = ""
    for operation, run in groupby(operations):
        letter = random.choice(("M", "M", "=")) if operation == "M" else operation
        text += f"{len(list(run))}{letter}"
    return text


def _flag(random: Random, mate: int) -> int:
    """mate: 0 unpaired, 1 or 2."""
    flag = random.choice((0, 16))
    if mate:
        flag |= 1 | (64 if mate == 1 else 128) | random.choice((2, 2, 2, 0)) | random.choice((0, 0, 0, 8)) | 32
    return flag | random.choice((0,) * 22 + (256, 512, 1024, 2048, 2048))


def _read(random: Random, builder: _ReadBuilder, name: str, mate: int, start0: int, length: int) -> Aligned | None:
    flag = _flag(random, mate)
    bases, operations = builder.aligned_part(start0, length)
    if not bases:
        return None
    left, left_operations = _clip(random, flag)
    right, right_operations = _clip(random, flag)
    bases = left + bases + right
    tags: list[tuple[str, object]] = []
    if random.random() < 0.5:
        tags.append(("HP", random.randint(0, 3)))
    if random.random() < 0.8:
        tags.append(("RG", random.choice(("g1", "g2"))))
    has_qualities = random.random() > 0.04
    return Aligned(
        name=name,
        start0=start0,
        cigar=_cigar(random, left_operations + operations + right_operations),
        bases=bases,
        qualities=tuple(random.choices(_QUALITIES, k=len(bases))) if has_qualities else (),
        flag=flag,
        mapq=random.choice((0, 3, 29, 30, 60, 60, 60, 255)),
        mate_start0=random.randint(0, 50) if mate else -1,
        mate_contig=random.choice((0, 0, 0, 1)),
        template_length=random.choice((-1, 1)) * random.choice((0, 80, 350, 7000, 1 << 29)),
        tags=tuple(tags),
    )


def _reads(random: Random, contig: str, builder: _ReadBuilder, n_fragments: int, max_length: int) -> list[Aligned]:
    reads: list[Aligned | None] = []
    for number in range(n_fragments):
        name = "r" * random.randint(0, 20) + str(number)
        start0 = random.randrange(len(contig))
        length = random.randint(1, max_length)
        if random.random() < 0.4:
            reads.append(_read(random, builder, name, 0, start0, length))
            continue
        mate_start0 = min(max(start0 + random.randint(-5, max_length), 0), len(contig) - 1)
        reads.append(_read(random, builder, name, 1, start0, length))
        reads.append(_read(random, builder, name, 2, mate_start0, length))
    return [read for read in reads if read is not None]


def written(random: Random, contig: str, event: _Event) -> Called | None:
    """An event as a call, with padding on either side as it comes; None where that is impossible."""
    left = random.choice((0, 1, 1, 1, 5)) if event.n_replaced and event.new else random.choice((1, 1, 4))
    right = random.choice((0, 0, 0, 1, 6))
    start0 = event.start0 - left
    if start0 < 0:
        left, right, start0 = event.start0, right + 1, 0
    ref = contig[start0 : event.start0 + event.n_replaced + right]
    alt = contig[start0 : event.start0] + event.new + contig[event.start0 + event.n_replaced :][:right]
    return Called(start0, ref, alt) if ref and alt else None


def _odd_calls(random: Random, contig: str) -> list[Called]:
    """Calls that cannot be used, or only just: at the ends, beyond them, wrong REF, REF = ALT, too long."""
    last0 = len(contig) - 1
    there = random.randrange(len(contig))
    wrong = "A" if contig[there] != "A" else "C"
    calls = [
        Called(0, contig[0], contig[0] + "T"),
        Called(0, contig[0], "G"),
        Called(last0, contig[last0], "C"),
        Called(last0, contig[last0], contig[last0] + "AC"),
        Called(last0, contig[last0] + "A", contig[last0]),
        Called(last0 + 1, "A", "C"),
        Called(last0 + 2000, "A", "C"),
        Called(there, wrong, "ACT"),
        Called(there, contig[there], contig[there]),
        Called(there, contig[there], contig[there] + ("ACGGT" * 26)[:128]),
        Called(there, contig[there], contig[there] + ("ACGGT" * 26)[:129]),
        Called(0, contig, contig[0]),
        Called(there, contig[there], "N"),
    ]
    return random.sample(calls, 4)


def tiny_case(seed: int, n_fragments: int = 25, contig_length: int = 300, max_length: int = 120) -> TinyCase:
    """The same arguments give the same case."""
    random = Random(seed)
    contig = _sequence(random, contig_length)
    places = sorted(random.sample(range(contig_length), min(8, contig_length)))
    if random.random() < 0.5:
        # Close together: nearby indels that explain each other.
        places = sorted({min(places[0] + step, contig_length - 1) for step in (0, 2, 3, 9, 25)})
    events = {place: _event(random, contig, place) for place in places}
    reads = _reads(random, contig, _ReadBuilder(random, contig, events), n_fragments, max_length)
    calls = [written(random, contig, event) for event in events.values() for _ in range(2)]
    calls += [written(random, contig, _event(random, contig, random.randrange(contig_length))) for _ in range(2)]
    kept = [call for call in calls if call is not None] + _odd_calls(random, contig)
    return TinyCase({CONTIG: contig, OTHER_CONTIG: "ACGT" * 30}, tuple(reads), tuple(sorted(kept, key=lambda call: call.start0)))
