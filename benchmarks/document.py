"""Puts the measured tables into docs/developers/benchmarks.md, between the markers that name them; the prose around them is kept.

Run: python benchmarks/document.py
A block begins with `<!-- table: RESULT / START OF THE TITLE -->` or `<!-- machine: RESULT -->` and ends with `<!-- end -->`.
"""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path
from typing import Any

from common import RESULTS, Table

_BLOCK = re.compile(r"<!-- (table|machine): ([^/>]+?)(?: / ([^>]+?))? -->\n.*?<!-- end -->", re.DOTALL)


def filled(text: str, results: Path) -> str:
    """The document with every block made anew. SystemExit names a block without its result."""

    def fill(match: re.Match[str]) -> str:
        kind, name, title = match.group(1), match.group(2), match.group(3)
        path = results / f"{name}.json"
        if not path.is_file():
            raise SystemExit(f"{path} does not exist: run the benchmark first")
        data = json.loads(path.read_text())
        body = _machine(data) if kind == "machine" else _table(data, title)
        heading = match.group(0).split("\n", 1)[0]
        return f"{heading}\n{body}\n<!-- end -->"

    return _BLOCK.sub(fill, text)


def _machine(data: dict[str, Any]) -> str:
    return "\n".join(f"- {key.replace('_', ' ')}: {value}" for key, value in data["machine"].items())


def _table(data: dict[str, Any], title: str) -> str:
    found = [table for table in data["tables"] if table["title"].startswith(title)]
    if len(found) != 1:
        raise SystemExit(f"{len(found)} tables begin with {title!r}")
    made = Table(found[0]["title"], found[0]["columns"], found[0]["rows"], found[0]["note"])
    machine = data["machine"]
    load = f"load average {machine['load_average_at_start']} to {machine['load_average_at_end']}"
    facts = "; ".join(str(value) for value in data["facts"].values())
    source = f"`{data['command']}` ({machine['ended']}, {load}{'; ' + facts if facts else ''})"
    return f"{made.markdown()}\n{source}"


def main() -> None:
    """Rewrite the document."""
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("--results", type=Path, default=RESULTS)
    options.add_argument("--document", type=Path, default=RESULTS.parents[1] / "docs" / "developers" / "benchmarks.md")
    arguments = options.parse_args()
    arguments.document.write_text(filled(arguments.document.read_text(), arguments.results))
    print(f"written: {arguments.document}")


if __name__ == "__main__":
    main()
