"""Writes the manual pages (packaging/man) and shell completions (packaging/completions) of the program, from the program itself.

`--check` writes nothing and exits with 1 when a file is out of date. Run: python docs/make_manual.py [--check]
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

import click
from click.shell_completion import get_completion_class
from click_man.core import generate_man_page

from vcffilter.commands.main import main as program
from vcffilter.version import __version__

PACKAGING = Path(__file__).parents[1] / "packaging"
NAME, SUMMARY = "pileup-filter", "filter variant calls by their reads"
COMPLETIONS = {"bash": f"bash/{NAME}", "zsh": f"zsh/_{NAME}", "fish": f"fish/{NAME}.fish"}


def manual_pages() -> Iterator[tuple[Path, str]]:
    """(file, text) of the program's page and of one page a command."""
    lazy = click.Context(program)
    commands = {name: command for name in program.list_commands(lazy) if (command := program.get_command(lazy, name))}
    # The page lists the commands that a group holds; the program itself holds none before it is asked.
    group = click.Group(NAME, commands, help=program.help, params=program.params, short_help=SUMMARY)
    whole = click.Context(group, info_name=NAME)
    yield PACKAGING / "man" / f"{NAME}.1", _page(whole)
    for name, command in commands.items():
        yield PACKAGING / "man" / f"{NAME}-{name}.1", _page(click.Context(command, info_name=name, parent=whole))


def _page(context: click.Context) -> str:
    # A date would make the page another one every day.
    return generate_man_page(context, version=__version__, date=f"vcffilter {__version__}")


def completions() -> Iterator[tuple[Path, str]]:
    """(file, text) of the completion of each shell that click knows."""
    for shell, name in COMPLETIONS.items():
        kind = get_completion_class(shell)
        assert kind is not None
        yield PACKAGING / "completions" / name, kind(program, {}, NAME, "_PILEUP_FILTER_COMPLETE").source()


def main() -> int:
    """Write what differs, or say that something does."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--check", action="store_true", help="write nothing; exit 1 when a file is out of date")
    check = options.parse_args().check
    stale = [(path, text) for path, text in [*manual_pages(), *completions()] if not path.exists() or path.read_text() != text]
    for path, text in stale:
        if check:
            print(f"{path} is out of date: python docs/make_manual.py", file=sys.stderr)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
