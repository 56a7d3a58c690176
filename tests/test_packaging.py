"""What is installed is everything that is there, and nothing is in the repository that is not ours."""

import configparser
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import click
import pytest

from vcffilter.commands.main import main

ROOT = Path(__file__).parents[1]
#: Folder in the repository -> where its modules are installed.
INSTALLED_AS = {"vcffilter": "vcffilter", "kernels": "vcffilter/kernels", "models": "vcffilter/models"}


def modules() -> set[str]:
    """Every module as the path that it should have in a wheel."""
    found = set()
    for folder, target in INSTALLED_AS.items():
        for path in (ROOT / folder).rglob("*.py"):
            found.add(f"{target}/{path.relative_to(ROOT / folder).as_posix()}")
    return found


def declared_packages() -> set[str]:
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    return set(setup["options"]["packages"].split())


def test_every_package_directory_is_declared():
    folders = {Path(module).parent.as_posix().replace("/", ".") for module in modules()}
    assert folders == declared_packages()


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> zipfile.ZipFile:
    """A wheel built from a copy, so that no build folder is left in the tree and no old one leaks into the wheel."""
    copy = tmp_path_factory.mktemp("source") / "project"
    copy.mkdir()
    for name in INSTALLED_AS:
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "packaging", copy / "packaging")
    for name in ("pyproject.toml", "setup.cfg", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy / name)
    output = tmp_path_factory.mktemp("wheel")
    code = f"from setuptools import build_meta; build_meta.build_wheel({str(output)!r})"
    done = subprocess.run([sys.executable, "-c", code], cwd=copy, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return zipfile.ZipFile(next(output.glob("*.whl")))


def test_the_wheel_has_every_module_and_weight(wheel):
    names = set(wheel.namelist())
    assert modules() - names == set()
    weights = {f"vcffilter/models/weights/{path.name}" for path in (ROOT / "models" / "weights").glob("*.*")}
    assert weights - names == set()
    assert "vcffilter/py.typed" in names
    of_pages = [path for end in ("html", "js", "css") for path in (ROOT / "vcffilter").rglob(f"*.{end}")]
    pages = {path.relative_to(ROOT).as_posix() for path in of_pages}
    assert {"vcffilter/report/page.html", "vcffilter/review/review.js"} <= pages <= names


def test_the_wheel_has_a_manual_page_a_command_and_completions(wheel):
    names = {name.partition(".data/data/share/")[2] for name in wheel.namelist()}
    pages = {f"man/man1/pileup-filter-{command}.1" for command in main.list_commands(click.Context(main))}
    assert pages | {"man/man1/pileup-filter.1", "bash-completion/completions/pileup-filter"} <= names
    assert {"zsh/site-functions/_pileup-filter", "fish/vendor_completions.d/pileup-filter.fish"} <= names


@pytest.mark.parametrize(
    ("words", "expected"), [("pileup-filter sim", "simulate"), ("pileup-filter filter --annot", "--annotate-only")]
)
def test_the_program_completes(words, expected):
    asked = {"_PILEUP_FILTER_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(len(words.split()) - 1)}
    done = subprocess.run(
        [sys.executable, "-m", "vcffilter"], env={**os.environ, **asked}, capture_output=True, text=True, check=False
    )
    assert f"plain,{expected}" in done.stdout


def test_the_wheel_has_nothing_at_the_top_but_the_package(wheel):
    tops = {name.split("/")[0] for name in wheel.namelist()}
    assert {top for top in tops if not top.endswith((".dist-info", ".data"))} == {"vcffilter"}


def test_the_wheel_declares_the_command(wheel):
    entry_points = next(name for name in wheel.namelist() if name.endswith("entry_points.txt"))
    assert "pileup-filter = vcffilter.commands.main:program" in wheel.read(entry_points).decode()


def test_no_reads_are_tracked_outside_of_test_data():
    if not (ROOT / ".git").exists():
        pytest.fail("the tests run from a git checkout")
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\n")
    reads = [name for name in tracked if name.endswith((".bam", ".cram"))]
    assert [name for name in reads if not name.startswith("tests/data/")] == []


def test_the_constraints_leave_torch_alone():
    pinned = {line.split("==")[0].lower() for line in (ROOT / "constraints.txt").read_text().splitlines() if "==" in line}
    assert "numpy" in pinned
    assert not {"torch", "torchvision"} & pinned
