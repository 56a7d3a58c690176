"""The pages that lead: every command is on its page, every file link leads somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from vcffilter.commands.main import main

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
LINK = re.compile(r"\]\(([^)\s]+)\)")


def headings(page: Path) -> set[str]:
    """Anchors of a page as forges make them of headings."""
    lines = [line.lstrip("#").strip() for line in page.read_text().splitlines() if line.startswith("#")]
    return {re.sub(r"[^\w\- ]", "", line.lower()).replace(" ", "-") for line in lines}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    for link in LINK.findall(page.read_text()):
        if "://" in link:
            continue
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        assert target.exists(), f"{link}: there is no such file"
        assert not anchor or anchor in headings(target), f"{link}: there is no such heading"


def test_every_command_is_on_its_page():
    text = (ROOT / "docs" / "commands.md").read_text()
    assert [name for name in main.list_commands(None) if f"\n## {name}\n" not in text] == []


def test_every_folder_has_its_line_in_the_house():
    text = (ROOT / "docs" / "developers" / "house.md").read_text()
    rooms = {f"vcffilter/{path.parent.name}" for path in (ROOT / "vcffilter").glob("*/__init__.py")}
    rooms |= {path.name for path in ROOT.iterdir() if path.is_dir() and not path.name.startswith(".") and any(path.rglob("*.py"))}
    rooms -= {"vcffilter", "build", "dist", "demo-output"}
    assert {room for room in rooms if f"| `{room}` |" not in text} == set()


def test_files_that_the_house_names_are_there():
    text = (ROOT / "docs" / "developers" / "house.md").read_text()
    named = set(re.findall(r"`([a-z_]+/[a-z_/]+\.py)`", text))
    assert len(named) > 15
    assert {name for name in named if not any((ROOT / folder / name).exists() for folder in ("", "vcffilter"))} == set()


def test_every_picture_of_the_gallery_was_looked_at():
    folder = ROOT / "docs" / "gallery"
    rows = [row.split("\t") for row in (folder / "sentences.tsv").read_text().splitlines()[1:]]
    page = (ROOT / "docs" / "gallery.md").read_text()
    assert sorted(row[0] for row in rows) == sorted(path.stem for path in folder.glob("*.svg"))
    assert all(f"gallery/{key}.svg" in page and sentence in page for key, _, sentence in rows)
    assert sum(path.stat().st_size for path in folder.iterdir()) < 3_000_000
