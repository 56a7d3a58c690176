"""Which calls of a filtered file a command is about, and the files of their pictures: what `show` and `explain` share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from vcffilter.commands import options
from vcffilter.commands.options import option
from vcffilter.errors import UsageError

if TYPE_CHECKING:
    from vcffilter.pictures.drawing import Drawing
    from vcffilter.pictures.facts import CallFacts
    from vcffilter.pictures.selection import CallFile

_WHICH = "Which calls"

#: The files that calls are explained by, and which calls are meant, beside places.
of_chosen_calls = (
    options.reads,
    options.reference,
    option("-s", "--samples", group="Input", metavar="LIST", help="Only the reads of these samples' read groups."),
    option("--info-prefix", group="Input", default="PILEUP", show_default=True, metavar="TEXT", help="Of the INFO keys."),
    option("--failed", group=_WHICH, type=click.IntRange(1), metavar="N",
           help="The N failing ALTs that the caller was surest of (QUAL)."),
    option("--borderline", group=_WHICH, type=click.IntRange(1), metavar="N",
           help="The N ALTs nearest to their threshold."),
    option("--lost", group=_WHICH, type=click.Path(path_type=Path), metavar="TSV",
           help="Failing ALTs that these labels (pileup-filter label) call true."),
)  # fmt: skip


def chosen_calls(
    calls: CallFile, places: tuple[str, ...], failed: int | None, borderline: int | None, lost: Path | None
) -> list[CallFacts]:
    """Calls by place, then those of the three kinds; each once."""
    if not (places or failed or borderline or lost):
        raise UsageError("nothing was chosen", hint="Name places (chr20:10008921), or use --failed N, --borderline N, --lost TSV")

    found: list[CallFacts] = []
    if places:
        found += calls.at(places)
    if failed:
        found += calls.failed(failed)
    if borderline:
        found += calls.borderline(borderline)
    if lost is not None:
        found += calls.lost(lost)
    return list(dict.fromkeys(found))


def write_pictures(folder: Path, kinds: tuple[str, ...], facts: CallFacts, drawing: Drawing, text: str, suffix: str = "") -> None:
    """One file of each kind; text is what a .txt file holds."""
    from vcffilter.files import make_folder, write_bytes
    from vcffilter.pictures.drawing import to_png, to_svg

    make_folder(folder)
    for kind in kinds:
        content = to_png(drawing) if kind == "png" else (to_svg(drawing) if kind == "svg" else text).encode()
        write_bytes(folder / f"{facts.file_stem}{suffix}.{kind}", content)
