"""Fixtures shared by all tests, and the rule that CI sets about skipping.

VCFFILTER_ALLOWED_SKIPS, when set, holds the reasons (separated by ;) for which tests may skip; any other skip fails the run.
Tests marked `reliability` are counted for docs/reliability.md (reliability_log.py).
"""

from __future__ import annotations

import logging
import os
import shutil
from pathlib import Path

import pytest
from reliability_log import Line, log

from vcffilter.simulation.sample import SampleReport, simulate_sample
from vcffilter.simulation.settings import preset, with_options


@pytest.fixture(autouse=True)
def _loggers_as_imported() -> None:
    """What a command says of how much to log (-q, -v) does not reach the next test, not even from a module's fixture."""
    for name in ("vcffilter", "vcffilter.training.fit"):
        logging.getLogger(name).setLevel(logging.NOTSET)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of the real data sets, which is not part of the project; tests that need it skip without it."""
    folder = Path(__file__).parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"real data not found at {folder}")
    return folder


@pytest.fixture(scope="session")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> SampleReport:
    """A small simulated sample (20 kb, 30x, many variants and artefacts); read it, never write to it."""
    settings = with_options(preset("novaseq"), seed=11, length=20_000, variant_rate=1 / 200, artefact_scale=3.0)
    return simulate_sample(tmp_path_factory.mktemp("simulated"), settings)


@pytest.fixture(scope="session")
def bcftools() -> str:
    return _program("bcftools")


@pytest.fixture(scope="session")
def samtools() -> str:
    return _program("samtools")


def _program(name: str) -> str:
    """Path of a program; the test skips where it is missing."""
    path = shutil.which(name)
    if path is None:
        pytest.skip(f"{name} is not installed")
    return path


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "reliability(line): of docs/reliability.md; the test's cases are counted under it")
    config.stash[_TRIED] = {}


_TRIED = pytest.StashKey[dict[str, Line]]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]):
    report = yield
    mark = item.get_closest_marker("reliability")
    if mark is not None and (report.when == "call" or report.failed) and not report.skipped:
        line = item.config.stash[_TRIED].setdefault(mark.args[0], Line(mark.args[0]))
        line.add(failed=report.failed, seconds=report.duration, cases=dict(item.user_properties).get("cases", 1))
    return report


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail a run in which tests skipped for reasons that VCFFILTER_ALLOWED_SKIPS does not name; leave what marked tests tried
    under the suite's name (VCFFILTER_RELIABILITY_SUITE).
    """
    if tried := session.config.stash[_TRIED]:
        log(os.environ.get("VCFFILTER_RELIABILITY_SUITE", "tests"), tried.values())
    allowed = os.environ.get("VCFFILTER_ALLOWED_SKIPS")
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if allowed is None or reporter is None:
        return
    reasons = [reason for reason in allowed.split(";") if reason]
    for report in reporter.stats.get("skipped", []):
        why = str(report.longrepr[-1] if isinstance(report.longrepr, tuple) else report.longrepr)
        if not any(reason in why for reason in reasons):
            reporter.write_line(f"skipped, which is not allowed here: {report.nodeid}: {why}", red=True)
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
