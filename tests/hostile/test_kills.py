"""Kills and signals at random moments, and machines that give little: nothing under the final name, or all of it."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from random import Random

import pysam
import pytest
from fake_scorer import FakeScorer
from hostile_files import Inputs, header, program, quiet_environment, row

from vcffilter.commands.main import run
from vcffilter.pipeline import evidence

N = 20_000


@pytest.fixture
def long(inputs: Inputs) -> Path:
    """Some thousand records for the scorer without reads."""
    line = row().split("\t", 2)[2]
    text = header(contigs=("##contig=<ID=c1>\n",)) + "".join(f"c1\t{pos1}\t{line}" for pos1 in range(10, N + 10))
    (inputs.folder / "long.vcf").write_text(text)
    return inputs.folder / "long.vcf"


def forked(work: Callable[[], int]) -> int:
    """A child of this process that runs it with streams of its own; its pid."""
    pid = os.fork()
    if pid == 0:
        code = 70
        try:
            signal.signal(signal.SIGINT, signal.default_int_handler)
            os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
            code = work()
        finally:
            os._exit(code)
    return pid


def filtering(calls: Path, out: Path) -> Callable[[], int]:
    """A run that takes most of a second, with its index."""
    arguments = ["filter", str(calls), "-b", "x", "-f", "x", "-q", "-Oz", "-W", "--threads", "2", "-o", str(out)]
    return lambda: run(arguments)


def complete(out: Path) -> bool:
    """Whether the file holds every record and has its index."""
    with pysam.VariantFile(str(out)) as file:
        return sum(1 for _ in file.fetch("c1")) == N


def left(folder: Path, out: Path) -> set[str]:
    """What is there besides the input; hidden files, which nothing reads, apart."""
    return {path.name for path in folder.iterdir() if path.name.startswith(out.name)}


@pytest.fixture(autouse=True)
def _fake_scorer(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    if "long" in request.fixturenames:
        monkeypatch.setattr(evidence, "open_scorer", lambda options: FakeScorer(options.want_reasons, 0.02))


@pytest.mark.reliability("Kill and signals: kill -9 at random moments")
def test_kill_9_fifty_times(long: Path, tmp_path: Path, record_property) -> None:
    """Nothing has the final name, or the file is complete; never an index without its file."""
    random, out = Random(9), tmp_path / "out.vcf.gz"
    began = time.monotonic()
    os.waitpid(forked(filtering(long, out)), 0)
    assert complete(out)
    usual_s = time.monotonic() - began
    n_complete = 0
    for _ in range(50):
        for name in left(tmp_path, out):
            (tmp_path / name).unlink()
        pid = forked(filtering(long, out))
        time.sleep(random.uniform(0, 1.1) * usual_s)
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        names = left(tmp_path, out)
        if out.name in names:
            n_complete += 1
            assert complete(out)
            assert names == {out.name, f"{out.name}.csi"}
    assert n_complete < 50
    record_property("cases", 50)


@pytest.mark.reliability("Kill and signals: SIGTERM and SIGINT at random moments")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_signals_at_random_moments(long: Path, tmp_path: Path, record_property, number: int, code: int) -> None:
    """The shell's exit code, and nothing left, hidden files neither, or the run was done and all is there."""
    random, out = Random(int(number)), tmp_path / "out.vcf.gz"
    began = time.monotonic()
    os.waitpid(forked(filtering(long, out)), 0)
    usual_s = time.monotonic() - began
    n_ended = 0
    for _ in range(15):
        for path in tmp_path.glob("out*"):
            path.unlink()
        pid = forked(filtering(long, out))
        time.sleep(random.uniform(0.15, 1) * usual_s)
        os.kill(pid, number)
        _, status = os.waitpid(pid, 0)
        # Before the program has taken the signal over, it ends as any program does.
        found = os.waitstatus_to_exitcode(status)
        assert found in (0, code, -number), found
        n_ended += found == code
        names = sorted(path.name for path in tmp_path.iterdir() if path.name not in ("long.vcf", "other.bam"))
        assert names in ([], [out.name, f"{out.name}.csi"]), names
        # The signal may come when the files have their names already, and the program is about to end.
        assert (found == 0 or complete(out)) if names else found != 0
    assert n_ended > 3
    record_property("cases", 15)


# -- what little a machine may give


def limited(**limits: int) -> Callable[[], None]:
    """For preexec_fn: soft and hard limits, by the name after RLIMIT_."""

    def apply() -> None:
        for name, value in limits.items():
            resource.setrlimit(getattr(resource, f"RLIMIT_{name}"), (value, value))

    return apply


LIMITS = {
    "24 open files": ({"NOFILE": 24}, (0, 1)),
    "64 open files": ({"NOFILE": 64}, (0,)),
    "200 MB of memory": ({"AS": 200 << 20}, (1,)),
    "500 MB of memory": ({"AS": 500 << 20}, (1,)),
    "a stack of 256 kB": ({"STACK": 256 << 10}, (0, 1)),
    "no core files": ({"CORE": 0}, (0,)),
    "no locked memory": ({"MEMLOCK": 0}, (0,)),
}


@pytest.mark.reliability("First runs and limits: ulimit on files, memory, stack")
@pytest.mark.parametrize("name", LIMITS)
def test_low_limits(inputs: Inputs, name: str) -> None:
    """The real program in a process of its own: success or one message, never a signal or a traceback."""
    limits, codes = LIMITS[name]
    command = program("filter", inputs.calls([row()]), *inputs.options("-q", "--threads", "1", "-o", inputs.out))
    environment = quiet_environment(OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS="1")
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, preexec_fn=limited(**limits))
    assert done.returncode in codes, done.stderr[-2000:]
    assert done.stderr.count("pileup-filter: error:") == done.returncode, done.stderr[-2000:]
    assert "Traceback" not in done.stderr, done.stderr[-2000:]
    assert inputs.out.exists() == (done.returncode == 0)


@pytest.mark.reliability("First runs and limits: no HOME, TMPDIR, locale or working folder")
@pytest.mark.parametrize("how", ["no HOME", "HOME is a file", "TMPDIR is not there", "nobody's locale"])
def test_a_bare_environment(inputs: Inputs, how: str) -> None:
    environment = quiet_environment()
    if how == "no HOME":
        environment.pop("HOME", None)
    elif how == "HOME is a file":
        environment["HOME"] = str(inputs.reference)
    elif how == "TMPDIR is not there":
        environment["TMPDIR"] = "/nonexistent"
    else:
        environment |= {"LC_ALL": "xx_YY.koi8", "LANG": "C", "PYTHONUTF8": "0"}
    command = program("filter", inputs.calls([row()]), *inputs.options("-q", "-o", inputs.out))
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "Traceback" not in done.stderr
    assert inputs.out.exists()


@pytest.mark.reliability("First runs and limits: no HOME, TMPDIR, locale or working folder")
def test_a_working_folder_that_is_gone(inputs: Inputs, tmp_path: Path) -> None:
    """MKL ends the process without a word of what is wrong, so it is said before."""
    folder = tmp_path / "here"
    folder.mkdir()
    command = program("filter", inputs.calls([row()]), *inputs.options("-q", "-o", inputs.out))
    script = f'cd {folder} && rmdir {folder} && "$@"'
    done = subprocess.run(["bash", "-c", script, "bash", *command], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr == "pileup-filter: error: the working folder is gone. Change to one that is there: cd\n"


@pytest.mark.long
@pytest.mark.reliability("First runs and limits: six first runs at once on an empty cache")
def test_six_first_runs_at_once(inputs: Inputs, tmp_path: Path, record_property) -> None:
    cache = tmp_path / "cache"
    cache.mkdir()
    calls = inputs.calls([row(), row(pos1=500)])
    environment = quiet_environment(NUMBA_CACHE_DIR=str(cache))
    outputs = [tmp_path / f"{n}.vcf" for n in range(6)]
    running = [
        subprocess.Popen(program("filter", calls, *inputs.options("-q", "-o", out)), stderr=subprocess.PIPE, env=environment)
        for out in outputs
    ]
    for process in running:
        _, said = process.communicate(timeout=1800)
        assert process.returncode == 0, said
        assert b"Traceback" not in said
    assert len({out.read_bytes() for out in outputs}) == 1
    record_property("cases", 6)


@pytest.mark.long
@pytest.mark.reliability("First runs and limits: a cache folder that is a file, cannot be made, is another user's")
@pytest.mark.parametrize("how", ["a file", "not to be made", "another user's"])
def test_cache_folders_that_cannot_be_used(inputs: Inputs, tmp_path: Path, how: str) -> None:
    """The run goes on; code of another user is never loaded."""
    cache = tmp_path / "cache"
    if how == "a file":
        cache.write_text("kept")
    elif how == "not to be made":
        cache = Path("/proc/nowhere/cache")
    else:
        cache.mkdir(mode=0o777)
        cache.chmod(0o777)
        if os.geteuid() == 0:
            os.chown(cache, 65534, 65534)
    command = program("filter", inputs.calls([row()]), *inputs.options("-q", "-o", inputs.out))
    environment = quiet_environment(NUMBA_CACHE_DIR=str(cache))
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode in (0, 1), done.stderr[-2000:]
    assert "Traceback" not in done.stderr
    assert done.stderr.count("pileup-filter: error:") == done.returncode
