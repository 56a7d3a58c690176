"""Writes docs/commands.md from what the program's own --help says. `--check` only says whether the file is up to date.

Run: python docs/make_commands.py [--check]
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import click
from click.testing import CliRunner

from vcffilter.commands.main import main as program

PAGE = Path(__file__).with_name("commands.md")
INTRODUCTION = """# Commands

What `pileup-filter --help` and `pileup-filter COMMAND --help` print; `python -m vcffilter` is the same program.
Written by `docs/make_commands.py`.

Manual pages and completions for bash, zsh and fish are installed under the environment's `share`. Where
the shell does not look there, as in a virtual environment:

```
man -M "$VIRTUAL_ENV/share/man" pileup-filter-filter
source "$VIRTUAL_ENV/share/bash-completion/completions/pileup-filter"
```
"""
WIDTH = 110


def help_of(*command: str) -> str:
    """What `pileup-filter COMMAND --help` prints in a terminal of `WIDTH` columns."""
    arguments = [*command, "--help"]
    shown = CliRunner().invoke(program, arguments, prog_name="pileup-filter", terminal_width=WIDTH, max_content_width=WIDTH)
    assert shown.exit_code == 0, shown.output
    return shown.output


def page() -> str:
    """The whole page."""
    parts = [INTRODUCTION, f"```\n{help_of()}```\n"]
    parts += [f"## {name}\n\n```\n{help_of(name)}```\n" for name in program.list_commands(click.Context(program))]
    return "\n".join(parts)


def main() -> int:
    """Write the page, or compare it."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--check", action="store_true", help="write nothing; exit 1 when the page is out of date")
    text = page()
    if options.parse_args().check:
        return 0 if PAGE.exists() and PAGE.read_text() == text else 1
    PAGE.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
