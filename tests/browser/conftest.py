"""A real browser, and pages that it opens. `make test-browser` runs these; `make test` leaves the folder out (pyproject.toml)."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service

from vcffilter.commands.main import run
from vcffilter.simulation.sample import SampleReport

ROOT = Path(__file__).parents[2]
WIDE, NARROW = 1600, 400
_SWITCHES = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip


@dataclass
class ReviewServer:
    """`pileup-filter review` as a process of its own, which can be killed and started again on its port."""

    arguments: list[str]
    log: Path
    port: int = 0
    address: str = ""
    process: subprocess.Popen | None = field(default=None, repr=False)

    def start(self) -> str:
        """Start it and wait for the address that it prints."""
        with self.log.open("w") as stderr:
            command = [sys.executable, "-m", "vcffilter", "review", *self.arguments, "--port", str(self.port)]
            self.process = subprocess.Popen(command, stderr=stderr)
        deadline = time.monotonic() + 90
        while time.monotonic() < deadline and self.process.poll() is None:
            said = [line for line in self.log.read_text().splitlines() if line.startswith("Open ")]
            if said and self.log.read_text().endswith("\n"):
                self.address = said[-1].removeprefix("Open ")
                self.port = int(self.address.split(":")[2].split("/")[0])
                return self.address
            time.sleep(0.05)
        raise AssertionError(f"the server did not start: {self.log.read_text()}")

    def kill(self) -> None:
        """As a machine that goes down would."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self) -> int:
        """As Ctrl-C does; the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        return self.process.wait(timeout=20)


@pytest.fixture(scope="session")
def filtered(simulated: SampleReport, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("browser") / "filtered.vcf.gz"
    files = simulated.files
    arguments = ["filter", str(files.calls), "-b", str(files.reads), "-f", str(files.reference), "--reasons", "-q"]
    assert run([*arguments, "-Oz", "-o", str(path)]) == 0
    return path


@pytest.fixture(scope="session")
def report_page(simulated: SampleReport, filtered: Path) -> str:
    page = filtered.with_name("report.html")
    reads = ["-b", str(simulated.files.reads), "-f", str(simulated.files.reference)]
    assert run(["report", str(filtered), *reads, "--list", "10", "-o", str(page), "-q"]) == 0
    return page.as_uri()


@contextmanager
def _server(simulated: SampleReport, filtered: Path, folder: Path) -> Iterator[ReviewServer]:
    files = simulated.files
    reads = ["-b", str(files.reads), "-f", str(files.reference), "--verdicts", str(folder / "verdicts")]
    review = ReviewServer([str(filtered), *reads], folder / "server.log")
    review.start()
    yield review
    review.stop()


@pytest.fixture(scope="session")
def server(
    simulated: SampleReport, filtered: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ReviewServer]:
    """One that tests share: each judges under a name of its own."""
    with _server(simulated, filtered, tmp_path_factory.mktemp("server")) as review:
        yield review


@pytest.fixture
def own_server(simulated: SampleReport, filtered: Path, tmp_path: Path) -> Iterator[ReviewServer]:
    """One that the test may kill; its verdicts are in the test's folder."""
    with _server(simulated, filtered, tmp_path) as review:
        yield review


@contextmanager
def open_browser(width: int, folder: Path) -> Iterator[webdriver.Chrome]:
    """Chromium with a window of this width and a profile of its own."""
    programs = {name: shutil.which(name) for name in ("chromium", "chromedriver")}
    missing = [name for name, path in programs.items() if path is None]
    assert not missing, f"{', '.join(missing)} is not installed: apt install chromium chromium-driver"
    options = webdriver.ChromeOptions()
    options.binary_location = programs["chromium"]
    for switch in (*_SWITCHES, f"--window-size={width},1000", f"--user-data-dir={folder / f'profile-{width}'}"):
        options.add_argument(switch)
    options.add_experimental_option("prefs", {"download.default_directory": str(folder / "downloads")})
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(programs["chromedriver"]))
    try:
        # A window of a desktop is never narrower than 500 pixels, what it shows can be.
        metrics = {"width": width, "height": 1000, "deviceScaleFactor": 1, "mobile": False}
        driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        yield driver
    finally:
        driver.quit()


@pytest.fixture(scope="session")
def browser_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Profiles and downloads."""
    return tmp_path_factory.mktemp("chromium")


@pytest.fixture(scope="session")
def browsers(browser_folder: Path) -> Iterator[dict[int, webdriver.Chrome]]:
    """A wide and a narrow window, for all tests."""
    with open_browser(WIDE, browser_folder) as wide, open_browser(NARROW, browser_folder) as narrow:
        yield {WIDE: wide, NARROW: narrow}


@pytest.fixture
def wide(browsers: dict[int, webdriver.Chrome]) -> webdriver.Chrome:
    return browsers[WIDE]
