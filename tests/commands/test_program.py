"""The program around its subcommands: help, version, summary, exit codes."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from fake_scorer import FakeScorer

from vcffilter.commands.main import run
from vcffilter.pipeline import evidence
from vcffilter.version import __version__

INPUT = Path(__file__).parent / "golden" / "input.vcf"
ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["filter", "--help"]])
def test_help_loads_nothing_heavy(arguments):
    """What makes help fast, without a clock."""
    program = (
        "import sys; from vcffilter.commands.main import run; code = run(sys.argv[1:]); "
        "print(sorted({'torch', 'numba', 'numpy', 'pysam', 'llvmlite'} & set(sys.modules))); sys.exit(code)"
    )
    result = subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=False)
    assert result.returncode == 0
    assert result.stdout.splitlines()[-1] == "[]"
    assert "pileup-filter" in result.stdout


def test_module_is_the_program():
    result = subprocess.run([sys.executable, "-m", "vcffilter", "--version"], capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout.strip()) == (0, f"pileup-filter, version {__version__}")


#: A run that leaves something for every step on the way out; torch as if it had been loaded.
_LEAVING = """
import atexit, sys, threading, time, types
from vcffilter.commands import main

class Late:
    def __del__(self):
        print("torn down")

def work(arguments):
    atexit.register(print, "at exit")
    threading.Thread(target=lambda: (time.sleep(0.2), print("worker done"))).start()
    main.kept = Late()
    print("written")
    return 7

main._run = work
if sys.argv[1] == "with torch":
    sys.modules["torch"] = types.ModuleType("torch")
sys.exit(main.program())
"""


@pytest.mark.parametrize(("loaded", "more"), [("with torch", []), ("without", ["torn down"])])
def test_the_process_ends_at_once_when_all_is_done(loaded, more):
    """Threads, what is to be done at exit, output and exit code are as ever; libraries are not taken apart one by one."""
    result = subprocess.run([sys.executable, "-c", _LEAVING, loaded], stdout=subprocess.PIPE, text=True, check=False)
    assert result.returncode == 7
    assert result.stdout.splitlines() == ["written", "worker done", "at exit", *more]


@pytest.mark.parametrize("arguments", [["nonsense"], ["filter", "--reads"], ["filter", "-f", "x"]])
def test_usage_errors(arguments, capfd):
    assert run(arguments) == 2
    assert "pileup-filter: error:" in capfd.readouterr().err


def test_every_subcommand_of_the_table_is_there(capfd):
    from vcffilter.commands.main import main

    context = main.make_context("pileup-filter", [], resilient_parsing=True)
    for name in main.list_commands(context):
        assert main.get_command(context, name).name == name


def test_summary_counts_what_was_written(tmp_path, monkeypatch, capfd):
    monkeypatch.setattr(evidence, "open_scorer", lambda options: FakeScorer(options.want_reasons))
    target, report = tmp_path / "out.vcf", tmp_path / "summary.json"
    arguments = ["filter", str(INPUT), "-b", "x", "-f", "x", "-o", str(target), "--summary", str(report)]
    assert run(arguments) == 0
    rows = [line.split("\t") for line in target.read_text().splitlines() if line[0] != "#"]
    found = json.loads(report.read_text())
    assert found["report"] == "pileup-filter filter summary"
    assert found["model"] == {"id": FakeScorer.model_id, "sha256": FakeScorer.model_sha256}
    records = found["records"]
    assert records["total"] == len(rows)
    assert records["scored"] == sum("PILEUP_PROB" in row[7] for row in rows)
    assert records["failed"] == sum("LowPileup" in row[6] for row in rows)
    assert records["failed_snv"] == sum("LowPileupSNV" in row[6] for row in rows)
    assert records["failed_indel"] == sum("LowPileupIndel" in row[6] for row in rows)
    for name, number in records["not_scored"].items():
        assert number == sum(f"PILEUP_STATUS={name}" in row[7] for row in rows)
    assert records["total"] == records["scored"] + sum(records["not_scored"].values()) + records["gvcf_blocks"]
    assert found["peak_memory_bytes"] > 1 << 20
    line = capfd.readouterr().err
    assert f"{len(rows)} records" in line
    assert f"no_reads {records['not_scored']['no_reads']}" in line


def test_quiet_says_nothing(tmp_path, monkeypatch, capfd):
    monkeypatch.setattr(evidence, "open_scorer", lambda options: FakeScorer(options.want_reasons))
    assert run(["filter", str(INPUT), "-b", "x", "-f", "x", "-q", "-o", str(tmp_path / "out.vcf")]) == 0
    assert capfd.readouterr() == ("", "")


def test_summary_that_cannot_be_written(tmp_path, monkeypatch, capfd):
    monkeypatch.setattr(evidence, "open_scorer", lambda options: FakeScorer(options.want_reasons))
    arguments = ["filter", str(INPUT), "-b", "x", "-f", "x", "-o", str(tmp_path / "out.vcf")]
    assert run([*arguments, "--summary", str(tmp_path / "absent" / "s.json")]) == 1
    assert "summary" in capfd.readouterr().err


def test_a_clone_that_is_not_installed_says_how_to_install_it(tmp_path):
    shutil.copytree(ROOT / "vcffilter", tmp_path / "vcffilter", ignore=shutil.ignore_patterns("__pycache__"))
    code = (
        "import runpy, sys\n"
        "sys.meta_path = [finder for finder in sys.meta_path if 'editable' not in repr(finder)]\n"
        "sys.argv = ['vcffilter', 'filter', '--help']\n"
        "runpy.run_module('vcffilter', run_name='__main__')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "vcffilter.kernels" in done.stderr
    assert f"pip install -e {tmp_path}" in done.stderr
    assert "Traceback" not in done.stderr
