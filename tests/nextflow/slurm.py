"""A Slurm of one node on this machine. Configuration, key and sockets are in one folder: nothing outside it is touched.

Run: python tests/nextflow/slurm.py FOLDER COMMAND...      runs the command within it (SLURM_CONF), then ends it
"""

from __future__ import annotations

import contextlib
import getpass
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

#: From the start of the daemons until the node is idle.
_START_SECONDS = 30
_PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "sinfo")
_CONFIGURATION = """
ClusterName=tests
SlurmctldHost={host}(127.0.0.1)
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CryptoType=crypto/munge
SlurmUser={user}
SlurmdUser={user}
SlurmctldPort={controller_port}
SlurmdPort={node_port}
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/pgid
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerParameters=sched_interval=1,batch_sched_delay=1
MailProg=/bin/true
ReturnToService=2
MpiDefault=none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} RealMemory={memory_mb} State=UNKNOWN
PartitionName=tests Nodes={host} Default=YES MaxTime=INFINITE State=UP
"""


class NoSlurm(Exception):
    """The daemons do not start here; the text says why."""


@dataclass(frozen=True)
class Slurm:
    """environment: with it sbatch and its like speak to this Slurm."""

    folder: Path
    environment: dict[str, str]

    def query(self, *command: str) -> str:
        """What a Slurm command says."""
        return subprocess.run(command, env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True).stdout


@contextlib.contextmanager
def running_slurm(folder: Path) -> Iterator[Slurm]:
    """A Slurm that takes jobs; ended on leaving. Raises NoSlurm."""
    missing = [name for name in _PROGRAMS if _find(name) is None]
    if missing:
        raise NoSlurm(f"not installed: {', '.join(missing)} (apt install slurm-wlm munge)")
    folder.mkdir(parents=True, exist_ok=True)
    configuration = _configure(folder)
    slurm = Slurm(folder, {**os.environ, "SLURM_CONF": str(configuration)})
    daemons: list[subprocess.Popen[bytes]] = []
    try:
        _start(slurm, configuration, daemons)
        yield slurm
    finally:
        for daemon in reversed(daemons):
            daemon.terminate()
        for daemon in reversed(daemons):
            try:
                daemon.wait(10)
            except subprocess.TimeoutExpired:
                daemon.kill()


def _find(name: str) -> str | None:
    return shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin:/sbin")


def _configure(folder: Path) -> Path:
    for name in ("state", "spool"):
        (folder / name).mkdir(exist_ok=True)
    controller_port, node_port = _free_ports(2)
    configuration = folder / "slurm.conf"
    host = socket.gethostname().partition(".")[0]
    memory_mb = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20
    text = _CONFIGURATION.format(
        host=host,
        folder=folder,
        user=getpass.getuser(),
        controller_port=controller_port,
        node_port=node_port,
        cpus=os.cpu_count(),
        memory_mb=memory_mb * 9 // 10,
    )
    configuration.write_text(text)
    key = folder / "munge.key"
    key.write_bytes(secrets.token_bytes(128))
    key.chmod(0o600)
    return configuration


def _free_ports(n: int) -> list[int]:
    sockets = [socket.socket() for _ in range(n)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()


def _start(slurm: Slurm, configuration: Path, daemons: list[subprocess.Popen[bytes]]) -> None:
    """munged, then the controller and the node; returns when the node is idle."""
    folder = slurm.folder
    places = [f"--{name}={folder}/munge.{name.removesuffix('-file')}" for name in ("socket", "key-file", "pid-file", "seed-file")]
    # --force: the folder may be anybody's to enter, which munged doubts.
    commands = [
        ["munged", "--foreground", "--force", f"--log-file={folder}/munged.log", *places],
        ["slurmctld", "-D", "-f", str(configuration)],
        ["slurmd", "-D", "-f", str(configuration)],
    ]
    for command in commands:
        with (folder / f"{command[0]}.out").open("wb") as said:
            program = _find(command[0]) or command[0]
            arguments = [program, *command[1:]]
            # A session of its own: Ctrl-C is ours to handle.
            daemon = subprocess.Popen(arguments, env=slurm.environment, stdout=said, stderr=said, start_new_session=True)
            daemons.append(daemon)
        if command[0] == "munged":
            _wait(lambda: (folder / "munge.socket").exists(), daemons, folder)
    _wait(lambda: slurm.query("sinfo", "--noheader", "--format=%t").strip() == "idle", daemons, folder)


def _wait(done: Callable[[], bool], daemons: list[subprocess.Popen[bytes]], folder: Path) -> None:
    end = time.monotonic() + _START_SECONDS
    while not done():
        if time.monotonic() > end or any(daemon.poll() is not None for daemon in daemons):
            raise NoSlurm(f"the daemons do not start: {_last_words(folder)}")
        time.sleep(0.2)


def _last_words(folder: Path) -> str:
    lines = []
    for path in sorted([*folder.glob("*.log"), *folder.glob("*.out")]):
        said = path.read_text(errors="replace").strip().splitlines()
        lines += [f"{path.name}: {line}" for line in said[-2:]]
    return "; ".join(lines)


def main() -> int:
    """Run a command in a Slurm of its own."""
    folder, *command = sys.argv[1:]
    try:
        with running_slurm(Path(folder).absolute()) as slurm:
            return subprocess.run(command, env=slurm.environment).returncode
    except NoSlurm as error:
        print(f"slurm.py: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
