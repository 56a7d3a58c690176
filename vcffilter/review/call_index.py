"""The calls of a VCF in a SQLite file beside the verdicts, so that any of them is found without reading the VCF again.

Made in one pass in bounded memory, and anew when the VCF has changed. Knows no reads and no pages.
"""

from __future__ import annotations

import contextlib
import math
import os
import random
import sqlite3
import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

from vcffilter.errors import OutputError, RegionError
from vcffilter.files import UnfinishedFile
from vcffilter.pictures.facts import CallFacts
from vcffilter.pictures.selection import CallFile, closeness
from vcffilter.progress import ProgressCallback, no_progress

_LAYOUT = 5
_COLUMNS = (
    "contig", "pos1", "ref", "alt", "record_number", "alt_number", "qual_phred", "filters", "genotype", "sample", "probability",
    "log_odds", "threshold", "own_verdict", "n_reads", "status", "reasons", "stage", "kind", "verdict", "doubt",
    "shuffled",
)  # fmt: skip
_PLACE = {name: column for column, name in enumerate(_COLUMNS)}
_Row = TypeVar("_Row")
_TABLES = f"""
CREATE TABLE calls (id INTEGER PRIMARY KEY, {", ".join(_COLUMNS)});
CREATE TABLE marks (name TEXT, value TEXT, id INTEGER, PRIMARY KEY (name, value, id)) WITHOUT ROWID;
CREATE TABLE facets (name TEXT, value TEXT, n INTEGER);
CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT);
"""
_INDEXES = """
CREATE INDEX by_place ON calls (contig, pos1);
CREATE INDEX by_doubt ON calls (doubt, id);
CREATE INDEX by_shuffled ON calls (shuffled, id);
CREATE INDEX by_qual ON calls (qual_phred, id);
CREATE INDEX by_kind ON calls (kind, doubt, id);
CREATE INDEX by_verdict ON calls (verdict, doubt, id);
ANALYZE;
"""
#: Calls with verdicts are few, whatever the file holds: they are found from the verdicts.
_SAME = "v.contig = c.contig AND v.pos1 = c.pos1 AND v.ref = c.ref AND v.alt = c.alt"
_JUDGED = f"SELECT c.id FROM review.verdicts v CROSS JOIN calls c ON {_SAME}"
_REVIEWED = {
    "open": f"id NOT IN ({_JUDGED} WHERE v.reviewer = ?)",
    "done": f"id IN ({_JUDGED} WHERE v.reviewer = ?)",
    "disputed": f"id IN ({_JUDGED} GROUP BY c.id HAVING count(DISTINCT v.verdict) > 1)",
}
#: Values of FILTER that most calls have; only the others are looked up in `marks`.
_COMMON_FILTERS = ("PASS", ".")
_BATCH = 5000
#: Sorted last by `doubt` and by QUAL: calls that have none.
_NO_DOUBT, _NO_QUAL = 1e9, -1.0
FACETS = ("kind", "verdict", "status", "filters", "reason", "contig")
KINDS = ("SNV", "insertion", "deletion", "other")
VERDICTS_OF_FILTER = ("passes", "fails", "not scored")
#: Order -> (key, whether it falls).
ORDERS = {"doubt": ("doubt", False), "file": ("id", False), "qual": ("qual_phred", True), "random": ("shuffled", False)}


@dataclass(frozen=True)
class IndexedCall:
    """A call with its number in the index, and where it stands in the file: record and ALT, both from 1."""

    number: int
    record_number: int
    alt_number: int
    kind: str
    facts: CallFacts


@dataclass(frozen=True)
class Wanted:
    """Which calls are looked through, and in what order. "" = any.

    kind: one of KINDS. verdict: one of VERDICTS_OF_FILTER. status: why it was not scored. filters, reason: a value. contig: a
    name. order: one of ORDERS.
    review: "", "open" (no verdict of `reviewer`), "done" or "disputed" (reviewers differ).
    """

    kind: str = ""
    verdict: str = ""
    status: str = ""
    filters: str = ""
    reason: str = ""
    contig: str = ""
    review: str = ""
    order: str = "doubt"
    reviewer: str = ""


class CallIndex:
    """The indexed calls of one VCF, with the verdicts attached for queries. For any thread."""

    def __init__(self, path: Path, verdicts_path: Path) -> None:
        self._lock = threading.Lock()
        self._connection = sqlite3.connect(path, check_same_thread=False)
        self._connection.execute("ATTACH DATABASE ? AS review", (str(verdicts_path),))
        self._connection.execute("PRAGMA query_only = 1")
        self._connection.execute("PRAGMA busy_timeout = 5000")

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def fact(self, name: str) -> str:
        """A fact of the VCF: model, samples (joined by tabs), warnings (joined by newlines)."""
        rows = self._rows("SELECT value FROM facts WHERE name = ?", (name,))
        return str(rows[0][0]) if rows else ""

    def facet(self, name: str) -> list[tuple[str, int]]:
        """Values of one of FACETS, and how many ALTs have each; contigs in the file's order."""
        return [(value, n) for value, n in self._rows("SELECT value, n FROM facets WHERE name = ? ORDER BY rowid", (name,))]

    def call(self, number: int) -> IndexedCall | None:
        """A call by its number."""
        rows = self._rows(f"SELECT id, {', '.join(_COLUMNS)} FROM calls WHERE id = ?", (number,))
        return _call_of(rows[0]) if rows else None

    def count(self, wanted: Wanted) -> int:
        """How many calls are wanted."""
        condition, values = _condition(wanted)
        return int(self._rows(f"SELECT count(*) FROM calls WHERE {condition}", values)[0][0])

    def beside(self, wanted: Wanted, number: int | None, *, forward: bool = True) -> int | None:
        """The wanted call after (or before) one in the wanted order; the first (or last) of all where number is None."""
        key, falls = ORDERS[wanted.order]
        condition, values = _condition(wanted)
        direction = "DESC" if falls == forward else "ASC"
        if number is not None:
            place = self._rows(f"SELECT {key}, id FROM calls WHERE id = ?", (number,))
            if not place:
                return None
            condition += f" AND ({key}, id) {'<' if falls == forward else '>'} (?, ?)"
            values = (*values, *place[0])
        query = f"SELECT id FROM calls WHERE {condition} ORDER BY {key} {direction}, id {direction} LIMIT 1"
        rows = self._rows(query, values)
        return int(rows[0][0]) if rows else None

    def at(self, text: str) -> int | None:
        """The first call at "CHROM:POS", else the nearest on that contig; None where the contig has none. Raises RegionError."""
        contig, pos1 = place_of(text)
        nearest = [
            row
            for sign, order in ((">=", "ASC"), ("<", "DESC"))
            for row in self._rows(
                f"SELECT id, pos1 FROM calls WHERE contig = ? AND pos1 {sign} ? ORDER BY pos1 {order}, id LIMIT 1", (contig, pos1)
            )
        ]
        return int(min(nearest, key=lambda row: abs(row[1] - pos1))[0]) if nearest else None

    def neighbours(self, call: IndexedCall, distance: int = 500, most: int = 20) -> list[IndexedCall]:
        """Other calls within so many bases, nearest first."""
        facts = call.facts
        rows = self._rows(
            f"SELECT id, {', '.join(_COLUMNS)} FROM calls WHERE contig = ? AND pos1 BETWEEN ? AND ? AND id != ? "
            "ORDER BY abs(pos1 - ?), id LIMIT ?",
            (facts.contig, facts.pos1 - distance, facts.pos1 + distance, call.number, facts.pos1, most),
        )
        return [_call_of(row) for row in rows]

    def number_of(self, contig: str, pos1: int, ref: str, alt: str) -> int | None:
        """The call of an allele as it is spelled in the VCF."""
        query = "SELECT id FROM calls WHERE contig = ? AND pos1 = ? AND ref = ? AND alt = ? LIMIT 1"
        rows = self._rows(query, (contig, pos1, ref, alt))
        return int(rows[0][0]) if rows else None

    def _rows(self, query: str, values: Sequence[Any] = ()) -> list[Any]:
        with self._lock:
            return self._connection.execute(query, values).fetchall()


def place_of(text: str) -> tuple[str, int]:
    """(contig, pos1) of "CHROM:POS"; what follows POS after a blank or a dash is left out. Raises RegionError."""
    contig, _, rest = text.strip().rpartition(":")
    digits = rest.replace(",", "").split("-")[0].split(" ")[0]
    if not contig or not (digits.isascii() and digits.isdigit()):
        raise RegionError(f"place '{text[:80]}' cannot be understood", hint="Write places as chr20:10008921")
    return contig, int(digits)


def _condition(wanted: Wanted) -> tuple[str, tuple[Any, ...]]:
    """What a call must fulfil, as SQL."""
    parts, values = ["1"], []
    for column in ("kind", "verdict", "status", "contig"):
        value = getattr(wanted, column)
        if value:
            parts.append(f"{column} = ?")
            values.append(value)
    if wanted.filters in _COMMON_FILTERS:
        parts.append("filters = ?")
        values.append(wanted.filters)
    elif wanted.filters:
        parts.append("id IN (SELECT id FROM marks WHERE name = 'filters' AND value = ?)")
        values.append(wanted.filters)
    if wanted.reason:
        parts.append("id IN (SELECT id FROM marks WHERE name = 'reason' AND value = ?)")
        values.append(wanted.reason)
    if wanted.review:
        parts.append(_REVIEWED[wanted.review])
        values += [wanted.reviewer] if wanted.review in ("open", "done") else []
    return " AND ".join(parts), tuple(values)


def _call_of(row: Sequence[Any]) -> IndexedCall:
    values = dict(zip(("id", *_COLUMNS), row, strict=True))
    facts = CallFacts(
        contig=values["contig"], pos1=values["pos1"], ref=values["ref"], alt=values["alt"],
        qual_phred=None if values["qual_phred"] == _NO_QUAL else values["qual_phred"], filters=values["filters"],
        genotype=values["genotype"], sample=values["sample"], probability=_number(values["probability"]),
        log_odds=_number(values["log_odds"]), threshold=values["threshold"], own_verdict=values["own_verdict"],
        n_reads=values["n_reads"], status=values["status"],
        reasons=tuple(values["reasons"].split(",")) if values["reasons"] else (), stage=values["stage"],
    )  # fmt: skip
    return IndexedCall(values["id"], values["record_number"], values["alt_number"], values["kind"], facts)


def _number(value: float | None) -> float:
    return math.nan if value is None else value


def index_calls(calls: CallFile, path: Path, progress: ProgressCallback = no_progress) -> None:
    """Write the index of a VCF, unless the one that is there is of the same file as it is now. Raises VcffilterError."""
    mark = _mark_of(calls.path)
    if _is_current(path, mark):
        return
    with UnfinishedFile(path) as unfinished:
        try:
            with contextlib.closing(sqlite3.connect(unfinished.path)) as connection:
                connection.executescript(f"PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; {_TABLES}")
                _fill(connection, calls, mark, progress)
                connection.executescript(_INDEXES)
                connection.commit()
        except sqlite3.Error as error:
            what = f"the calls cannot be listed: {error}"
            raise OutputError(what, path=str(path), hint="Say where: --verdicts FILE") from error
        unfinished.publish()


def _fill(connection: sqlite3.Connection, calls: CallFile, mark: str, progress: ProgressCallback) -> None:
    facets: dict[str, Counter[str]] = {name: Counter() for name in FACETS}
    insert = f"INSERT INTO calls VALUES (?, {', '.join('?' * len(_COLUMNS))})"
    for batch in _batched(enumerate(_rows_of(calls), 1), _BATCH):
        connection.executemany(insert, [(number, *row) for number, row in batch])
        connection.executemany("INSERT OR IGNORE INTO marks VALUES (?, ?, ?)", list(_counted(batch, facets)))
        last = batch[-1][1]
        progress(last[_PLACE["record_number"]], None, last[_PLACE["contig"]])
    for name, counter in facets.items():
        rows = counter.items() if name == "contig" else sorted(counter.items())
        connection.executemany("INSERT INTO facets VALUES (?, ?, ?)", [(name, value, n) for value, n in rows])
    facts = {
        "mark": mark, "model": calls.model_id, "samples": "\t".join(calls.samples), "warnings": "\n".join(calls.warnings),
    }  # fmt: skip
    connection.executemany("INSERT INTO facts VALUES (?, ?)", facts.items())
    connection.execute(f"PRAGMA user_version = {_LAYOUT}")


def _rows_of(calls: CallFile) -> Iterator[tuple[Any, ...]]:
    draw = random.Random(1)
    for record_number, alt_number, facts in calls.numbered_calls():
        verdict = facts.verdict if facts.verdict in ("passes", "fails") else "not scored"
        near = closeness(facts)
        yield (
            facts.contig, facts.pos1, facts.ref, facts.alt, record_number, alt_number,
            _NO_QUAL if facts.qual_phred is None else facts.qual_phred, facts.filters, facts.genotype, facts.sample,
            None if math.isnan(facts.probability) else facts.probability,
            None if math.isnan(facts.log_odds) else facts.log_odds, facts.threshold, facts.own_verdict, facts.n_reads,
            facts.status, ",".join(facts.reasons), facts.stage, _kind(facts.ref, facts.alt), verdict,
            _NO_DOUBT if near is None else -near, draw.random(),
        )  # fmt: skip


def _kind(ref: str, alt: str) -> str:
    if len(ref) == len(alt):
        return "SNV" if len(ref) == 1 else "other"
    short, long = sorted((ref.upper(), alt.upper()), key=len)
    if not long.startswith(short[:1]):
        return "other"
    return "insertion" if len(alt) > len(ref) else "deletion"


def _counted(
    batch: Iterable[tuple[int, tuple[Any, ...]]], facets: dict[str, Counter[str]]
) -> Iterator[tuple[str, str, int]]:
    """Count the values of numbered rows; what `marks` has of them."""
    for number, row in batch:
        for name in ("kind", "verdict", "status", "contig"):
            if row[_PLACE[name]]:
                facets[name][row[_PLACE[name]]] += 1
        for name, values in (("filters", row[_PLACE["filters"]].split(";")), ("reason", row[_PLACE["reasons"]].split(","))):
            for value in filter(None, values):
                facets[name][value] += 1
                if name == "reason" or value not in _COMMON_FILTERS:
                    yield name, value, number


def _batched(rows: Iterable[_Row], size: int) -> Iterator[list[_Row]]:
    """Rows in lists of at most `size`."""
    remaining = iter(rows)
    while batch := list(islice(remaining, size)):
        yield batch


def _mark_of(path: str) -> str:
    """What changes when a file does."""
    facts = os.stat(path)
    return f"{os.path.realpath(path)}\t{facts.st_size}\t{facts.st_mtime_ns}"


def _is_current(path: Path, mark: str) -> bool:
    if not path.exists():
        return False
    try:
        with contextlib.closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as connection:
            layout = connection.execute("PRAGMA user_version").fetchone()[0]
            return layout == _LAYOUT and connection.execute("SELECT value FROM facts WHERE name = 'mark'").fetchone() == (mark,)
    except sqlite3.Error:
        return False
