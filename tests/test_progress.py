"""Progress: shares and times left, on a terminal only."""

from __future__ import annotations

import io
import os
import pty
import subprocess
import sys

import pytest

from vcffilter.progress import ProgressLine, duration_text, progress_line, progress_text


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def test_a_share_and_a_time_left():
    text = progress_text(2_500, 10_000, "chr20:17", "records", 5.0)
    assert text == "2,500 of 10,000 (25%) records, chr20:17, 500 records/s, 15 s left"


def test_without_a_total_neither_share_nor_time_left():
    assert progress_text(2_500, None, "chr20:17", "records", 5.0) == "2,500 records, chr20:17, 500 records/s"


def test_more_than_the_index_counted_is_no_more_than_all():
    assert "(100%)" in progress_text(11, 10, "", "models", 5.0)


@pytest.mark.parametrize(("seconds", "text"), [(0.4, "0 s"), (59, "59 s"), (200, "3 min 20 s"), (7_500, "2 h 5 min")])
def test_durations(seconds, text):
    assert duration_text(seconds) == text


def test_the_line_is_overwritten_and_taken_away():
    stream = Terminal()
    line = ProgressLine(stream, "records", interval_seconds=0.0, patience_seconds=0.0)
    line(1, 100, "a")
    line(2, 100, "b")
    line.clear()
    parts = stream.getvalue().split("\r")
    assert "1 of 100 (1%) records, a" in parts[1]
    assert "2 of 100 (2%) records, b" in parts[2]
    assert parts[-2].strip() == "" == parts[-1]
    assert len(parts[-2]) >= len(parts[2].rstrip())


def test_nothing_where_there_is_no_terminal():
    stream = io.StringIO()
    with progress_line(stream, "records") as progress:
        progress(1, 2, "x")
    assert stream.getvalue() == ""


def test_quick_work_shows_nothing():
    stream = Terminal()
    with progress_line(stream, "records") as progress:
        progress(1, 2, "x")
    assert stream.getvalue() == ""


def test_a_command_shows_it_on_a_terminal(tmp_path):
    """simulate with its clock turned forward, so that it need not last."""
    code = (
        "import itertools, sys, time\n"
        "from vcffilter import progress\n"
        "clock = itertools.count(0.0, 3.0)\n"
        "progress.time = type('clock', (), {'monotonic': staticmethod(lambda: next(clock))})\n"
        "from vcffilter.commands.main import run\n"
        f"sys.exit(run(['simulate', '-o', {str(tmp_path)!r}, '--length', '3000', '--depth', '5']))\n"
    )
    controller, terminal = pty.openpty()
    done = subprocess.run([sys.executable, "-c", code], stderr=terminal, stdout=subprocess.PIPE, check=False)
    os.close(terminal)
    said = b""
    while True:
        try:
            piece = os.read(controller, 4096)
        except OSError:  # the terminal is closed
            break
        if not piece:
            break
        said += piece
    os.close(controller)
    assert done.returncode == 0, said
    assert b"%) fragments" in said
