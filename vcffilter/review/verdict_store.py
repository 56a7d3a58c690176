"""Reviewers' verdicts in a SQLite file: each is on disk before it is answered. Knows no reads, no pages and no VCF.

An allele is known by its place and bases as the VCF spells them, so that verdicts outlive another filtering of the same calls.
`history` keeps everything that was ever given; `verdicts` what holds, one for each allele and reviewer.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from vcffilter.errors import VcffilterError

_LAYOUT = 1
_KEY = "contig, pos1, ref, alt, reviewer"
_TABLES = f"""
CREATE TABLE IF NOT EXISTS verdicts (
  contig TEXT, pos1 INTEGER, ref TEXT, alt TEXT, reviewer TEXT, record_number INTEGER, alt_number INTEGER, verdict TEXT,
  tags TEXT, note TEXT, given_at TEXT, history_id INTEGER, PRIMARY KEY ({_KEY}));
CREATE TABLE IF NOT EXISTS history (
  id INTEGER PRIMARY KEY, contig TEXT, pos1 INTEGER, ref TEXT, alt TEXT, reviewer TEXT, record_number INTEGER,
  alt_number INTEGER, verdict TEXT, tags TEXT, note TEXT, given_at TEXT, undone_at TEXT);
CREATE INDEX IF NOT EXISTS of_reviewer ON history (reviewer, id);
CREATE INDEX IF NOT EXISTS of_allele ON history ({_KEY}, id);
"""


@dataclass(frozen=True)
class AlleleKey:
    """An ALT as the VCF spells it."""

    contig: str
    pos1: int
    ref: str
    alt: str


@dataclass(frozen=True)
class GivenVerdict:
    """record_number, alt_number: where the ALT stood in the VCF, from 1. verdict, tags: words of review.vocabulary.

    given_at: UTC, ISO 8601.
    """

    key: AlleleKey
    reviewer: str
    record_number: int
    alt_number: int
    verdict: str
    tags: tuple[str, ...] = ()
    note: str = ""
    given_at: str = ""


class VerdictStore:
    """The file of verdicts, made when absent. For any thread, and for several programs at once. Raises VcffilterError."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        try:
            self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None, timeout=10)
            # WAL survives a killed program; FULL also a machine that goes down.
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = FULL")
            layout = self._connection.execute("PRAGMA user_version").fetchone()[0]
            tables = {name for (name,) in self._connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        except sqlite3.Error as error:
            raise self._unusable(str(error)) from error
        if layout > _LAYOUT or (layout == 0 and tables):
            self._connection.close()
            raise self._unusable("it is of another program, or of a later version of this one")
        with self._writing():
            for statement in filter(str.strip, _TABLES.split(";")):
                self._connection.execute(statement)
            self._connection.execute(f"PRAGMA user_version = {_LAYOUT}")

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def give(self, verdict: GivenVerdict) -> None:
        """Keep a verdict, in place of the reviewer's earlier one on the allele. It is on disk when this returns."""
        given_at = verdict.given_at or datetime.now(UTC).isoformat(timespec="seconds")
        key = verdict.key
        values = (
            key.contig, key.pos1, key.ref, key.alt, verdict.reviewer, verdict.record_number, verdict.alt_number,
            verdict.verdict, json.dumps(verdict.tags), verdict.note, given_at,
        )  # fmt: skip
        with self._writing():
            columns = f"{_KEY}, record_number, alt_number, verdict, tags, note, given_at"
            marks = ", ".join("?" * len(values))
            number = self._connection.execute(f"INSERT INTO history ({columns}) VALUES ({marks})", values).lastrowid
            self._connection.execute(
                f"INSERT OR REPLACE INTO verdicts ({columns}, history_id) VALUES ({marks}, ?)", (*values, number)
            )

    def undo(self, reviewer: str) -> AlleleKey | None:
        """Take back the reviewer's last verdict that is not taken back yet; what held before holds again. None: there is none."""
        with self._writing():
            last = self._connection.execute(
                "SELECT id, contig, pos1, ref, alt FROM history WHERE reviewer = ? AND undone_at IS NULL "
                "ORDER BY id DESC LIMIT 1",
                (reviewer,),
            ).fetchone()
            if last is None:
                return None
            number, *allele = last
            now = datetime.now(UTC).isoformat(timespec="seconds")
            self._connection.execute("UPDATE history SET undone_at = ? WHERE id = ?", (now, number))
            same = "contig = ? AND pos1 = ? AND ref = ? AND alt = ? AND reviewer = ?"
            columns = f"{_KEY}, record_number, alt_number, verdict, tags, note, given_at"
            self._connection.execute(f"DELETE FROM verdicts WHERE {same}", (*allele, reviewer))
            self._connection.execute(
                f"INSERT INTO verdicts ({columns}, history_id) SELECT {columns}, id FROM history "
                f"WHERE {same} AND undone_at IS NULL ORDER BY id DESC LIMIT 1",
                (*allele, reviewer),
            )
        return AlleleKey(*allele)

    def of_allele(self, key: AlleleKey) -> list[GivenVerdict]:
        """What holds for an allele, by reviewer."""
        where = "WHERE contig = ? AND pos1 = ? AND ref = ? AND alt = ? ORDER BY reviewer"
        return self._verdicts(where, (key.contig, key.pos1, key.ref, key.alt))

    def all(self) -> list[GivenVerdict]:
        """All that holds, in the order of the VCF, then by reviewer."""
        return self._verdicts("ORDER BY record_number, alt_number, contig, pos1, ref, alt, reviewer")

    def counts(self) -> dict[str, dict[str, int]]:
        """Verdicts by reviewer and word."""
        counts: dict[str, dict[str, int]] = {}
        with self._lock:
            rows = self._connection.execute("SELECT reviewer, verdict, count(*) FROM verdicts GROUP BY 1, 2 ORDER BY 1, 2")
            for reviewer, word, n in rows.fetchall():
                counts.setdefault(reviewer, {})[word] = n
        return counts

    def _verdicts(self, rest: str, values: Sequence[Any] = ()) -> list[GivenVerdict]:
        columns = f"{_KEY}, record_number, alt_number, verdict, tags, note, given_at"
        with self._lock:
            rows = self._connection.execute(f"SELECT {columns} FROM verdicts {rest}", values).fetchall()
        return [_given(row) for row in rows]

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """One transaction; on disk when the block has ended."""
        with self._lock:
            try:
                self._connection.execute("BEGIN IMMEDIATE")
                try:
                    yield
                except BaseException:
                    self._connection.execute("ROLLBACK")
                    raise
                self._connection.execute("COMMIT")
            except sqlite3.Error as error:
                raise self._unusable(str(error)) from error

    def _unusable(self, why: str) -> VcffilterError:
        return VcffilterError(f"verdicts cannot be kept there: {why}", path=str(self.path), hint="Say where: --verdicts FILE")


def _given(row: Sequence[Any]) -> GivenVerdict:
    contig, pos1, ref, alt, reviewer, record_number, alt_number, verdict, tags, note, given_at = row
    key = AlleleKey(contig, pos1, ref, alt)
    return GivenVerdict(key, reviewer, record_number, alt_number, verdict, tuple(json.loads(tags)), note, given_at)
