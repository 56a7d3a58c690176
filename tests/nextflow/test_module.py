"""The module as nf-core gets it: the runs of its nf-test file by real Nextflow, and its syntax; nf-test is on GitHub only."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable

import pytest
from engine import ROOT, Engine
from module_snapshot import SNAPSHOT, TESTS, contents, run_module


@pytest.mark.reliability("Nextflow: the module's nf-test file: its runs by real Nextflow, against its snapshot")
def test_snapshot_is_what_nextflow_makes(engine: Engine, record_property: Callable[[str, object], None]) -> None:
    real = run_module(engine)
    stub = run_module(Engine(engine.folder / "stub"), "-stub")
    assert real.exit_code == 0, real.said
    assert stub.exit_code == 0, stub.said

    made = contents(real, stub)

    record_property("cases", len(made))
    assert {name: entry["content"] for name, entry in json.loads(SNAPSHOT.read_text()).items()} == made


def test_nf_test_file_is_groovy_and_names_the_snapshots() -> None:
    """Its syntax only."""
    jars = ROOT / "build/nextflow/25.04.4"
    subprocess.run([ROOT / ".ci/nextflow", "-version"], check=True, stdout=subprocess.PIPE)
    expression = "new org.codehaus.groovy.control.CompilationUnit().with { addSource(new File(args[0])); compile(3) }"
    command = ["java", "-cp", f"{jars}/*", "groovy.ui.GroovyMain", "-e", expression, TESTS / "main.nf.test"]
    finished = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert finished.returncode == 0, finished.stdout
    tests = [line.split('"')[1] for line in (TESTS / "main.nf.test").read_text().splitlines() if line.strip().startswith("test(")]
    assert tests == list(json.loads(SNAPSHOT.read_text()))
