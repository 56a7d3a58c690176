"""One fuzz case: its files made, its command run in a forked child with limits, and how that ended judged.

The parent has loaded the program and compiled its kernels; a child begins in milliseconds. Linux and macOS only.
"""

from __future__ import annotations

import faulthandler
import gc
import os
import resource
import shutil
import signal
import sys
import time
import traceback
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from kinds import Kind

from vcffilter.commands.main import run

#: Of the child's own CPU time, and by the clock: on a busy machine a case waits.
TIME_LIMIT_S, WAIT_LIMIT_S = 20.0, 120.0
MEMORY_LIMIT_BYTES = 2 << 30
_GRACE_S = 20.0
_TRACEBACK_CODE = 70
_LONGEST_MESSAGE = 2000


@dataclass
class Case:
    """index: with seed and kind it makes the case again. pid, started: of its child. term_sent: when SIGTERM was sent."""

    kind: Kind
    seed: int
    index: int
    folder: Path
    arguments: list[str] = field(default_factory=list)
    pid: int = 0
    started: float = 0.0
    term_sent: float | None = None
    seconds: float = 0.0
    memory_bytes: int = 0

    @property
    def name(self) -> str:
        """As `run.py --only` takes it."""
        return f"{self.kind.name}:{self.index}"

    @property
    def stderr(self) -> Path:
        """The messages of the child."""
        return self.folder / "stderr"


def prepare(kind: Kind, seed: int, index: int, base: Path, folder: Path) -> Case:
    """The case's folder with the changed file, what lies beside it, and an empty folder for output."""
    random = Random(f"{seed}:{kind.name}:{index}")
    (folder / "out").mkdir(parents=True)
    for name in kind.beside:
        shutil.copyfile(base / name, folder / Path(name).name)
    changed = folder / Path(kind.changed).name
    changed.write_bytes(kind.change(random, (base / kind.changed).read_bytes()))
    # An index that is older than its file earns a warning only, but then every case would have one.
    for name in kind.beside:
        if changed.name in name or Path(name).suffix in (".bai", ".csi", ".tbi", ".crai", ".fai", ".gzi"):
            os.utime(folder / Path(name).name)
    if changed.suffix in (".bai", ".csi", ".tbi", ".crai", ".fai", ".gzi"):
        os.utime(changed)
    places = {"{base}": str(base), "{changed}": str(changed), "{folder}": str(folder), "{out}": str(folder / "out")}
    arguments = kind.command.split()
    for name, place in places.items():
        arguments = [argument.replace(name, place) for argument in arguments]
    return Case(kind, seed, index, folder, arguments)


def start(case: Case) -> None:
    """Fork the child that runs the command."""
    sys.stdout.flush()
    sys.stderr.flush()
    case.started = time.monotonic()
    case.pid = os.fork()
    if case.pid == 0:
        try:
            _child(case)
        finally:
            os._exit(_TRACEBACK_CODE)


def _child(case: Case) -> None:
    """Never returns. The streams go to files; the traceback of an exception that nobody caught is written and counted."""
    source = case.folder / Path(case.kind.changed).name if case.kind.through_stdin else os.devnull
    os.dup2(os.open(source, os.O_RDONLY), 0)
    os.dup2(os.open(case.folder / "stdout", os.O_WRONLY | os.O_CREAT), 1)
    os.dup2(os.open(case.stderr, os.O_WRONLY | os.O_CREAT | os.O_APPEND), 2)
    sys.argv = ["pileup-filter", *case.arguments]
    faulthandler.enable()
    faulthandler.dump_traceback_later(WAIT_LIMIT_S - 2)
    gc.freeze()
    _limit_memory()
    try:
        code = run(case.arguments)
        sys.stdout.flush()
    except BaseException:  # noqa: BLE001, what nobody caught is what is looked for
        traceback.print_exc()
        code = _TRACEBACK_CODE
    os._exit(code)


def _limit_memory() -> None:
    statm = Path("/proc/self/statm")
    if statm.exists():
        now = int(statm.read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
        resource.setrlimit(resource.RLIMIT_AS, (now + MEMORY_LIMIT_BYTES,) * 2)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def finished(case: Case) -> int | None:
    """The child's wait status once it has ended, else None; ends a child that is over its time."""
    pid, status, usage = os.wait4(case.pid, os.WNOHANG)
    now = time.monotonic()
    if pid:
        case.seconds = now - case.started
        case.memory_bytes = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
        return status
    if case.term_sent is None and (now - case.started > WAIT_LIMIT_S or _cpu_seconds(case.pid) > TIME_LIMIT_S):
        os.kill(case.pid, signal.SIGTERM)
        case.term_sent = now
    elif case.term_sent is not None and now - case.term_sent > _GRACE_S:
        os.kill(case.pid, signal.SIGKILL)
    return None


def _cpu_seconds(pid: int) -> float:
    """CPU time of a child so far; 0 where the system does not tell."""
    try:
        numbers = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(numbers[11]) + int(numbers[12])) / os.sysconf("SC_CLK_TCK")


def fault(case: Case, status: int) -> str | None:
    """What is wrong with how the case ended; None when nothing is."""
    if case.term_sent is not None:
        ends = "" if os.WIFEXITED(status) and os.WEXITSTATUS(status) == 128 + signal.SIGTERM else ", and SIGTERM did not end it"
        return f"hang: no end after {case.seconds:.0f} s{ends}"
    if os.WIFSIGNALED(status):
        return f"signal: {signal.Signals(os.WTERMSIG(status)).name}"
    code = os.WEXITSTATUS(status)
    said = case.stderr.read_bytes().decode(errors="replace")
    if "Traceback (most recent call last)" in said:
        return f"traceback: {said.strip().splitlines()[-1][:200]}"
    if code not in case.kind.codes:
        return f"exit code {code}"
    return _fault_of_message(case, code, said) or _fault_of_files(case, code)


def _fault_of_message(case: Case, code: int, said: str) -> str | None:
    messages = said.count("pileup-filter: error:")
    if code in (1, 2) and messages != 1 and not (case.kind.name.startswith("check") and (case.folder / "stdout").stat().st_size):
        return f"{messages} error messages"
    if code == 0 and messages:
        return "an error message, and exit code 0"
    message = said[said.find("pileup-filter: error:") :] if messages else ""
    if len(message) > _LONGEST_MESSAGE:
        return f"a message of {len(message):,} characters"
    if messages and not all(character.isprintable() or character == "\n" for character in message):
        return "a message with control characters"
    return None


def _fault_of_files(case: Case, code: int) -> str | None:
    """Nothing hidden stays; on failure no output; a run folder may stay, without weights."""
    out = case.folder / "out"
    left = sorted(str(path.relative_to(out)) for path in out.rglob("*") if path.is_file())
    if hidden := [name for name in left if Path(name).name.startswith(".") or name.endswith((".partial", ".tmp"))]:
        return f"temporary files stay: {', '.join(hidden)}"
    is_folder = case.kind.command.split()[0] in ("train", "compare")
    if code in (1, 2) and [name for name in left if not is_folder or name.endswith(".safetensors")]:
        return f"output in spite of exit code {code}: {', '.join(left)}"
    given = {"out", "stdout", "stderr", Path(case.kind.changed).name, *(Path(name).name for name in case.kind.beside)}
    if more := sorted(path.name for path in case.folder.iterdir() if path.name not in given):
        return f"files beside the input: {', '.join(more)}"
    return None
