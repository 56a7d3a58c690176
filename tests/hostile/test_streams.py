# ruff: noqa: E501
"""Pipes that break and disks that fill: non-zero, the last good position, and nothing under the final name."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hostile_files import Inputs, bcftools_view, header, quiet_environment, row

FAKE = [sys.executable, str(Path(__file__).parents[1] / "commands" / "fake_scorer.py"), "0", "filter"]
COMMON = ["-b", "x", "-f", "x", "-q"]
pytestmark = pytest.mark.reliability("Broken streams and disks: producers, readers, disks")
N = 40_000


@pytest.fixture(scope="module")
def long(tmp_path_factory: pytest.TempPathFactory, bcftools: str) -> dict[str, Path]:
    """Records enough to fill every buffer between two programs, by format."""
    folder = tmp_path_factory.mktemp("long")
    text = header(contigs=("##contig=<ID=c1>\n",))
    line = row().split("\t", 2)[2]
    (folder / "v").write_text(text + "".join(f"c1\t{pos1}\t{line}" for pos1 in range(10, N + 10)))
    for kind in "zbu":
        bcftools_view(folder / "v", f"-O{kind}", "-o", folder / kind)
    return {kind: folder / kind for kind in "vzbu"}


def shell(script: str, **more: object) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(["bash", "-c", script], capture_output=True, check=False, env=quiet_environment(), **more)  # type: ignore[call-overload]


def last_good(message: bytes) -> int:
    """POS of the last good record that a message names."""
    found = re.search(rb"c1:(\d+)", message)
    assert found, message
    return int(found[1])


@pytest.mark.parametrize("kind", "vzbu")
def test_head(long: dict[str, Path], kind: str) -> None:
    """`| head` ends both programs as SIGPIPE does, and quietly."""
    for command in ([*FAKE, str(long["v"]), *COMMON, "-O", kind], ["bcftools", "view", "-O", kind, str(long["v"])]):
        done = shell(f"{' '.join(command)} | head -c 1000 >/dev/null; echo ${{PIPESTATUS[0]}}")
        assert done.stdout == b"141\n", (command, done.stderr)
        assert done.stderr == b""


@pytest.mark.parametrize("kind", "vzbu")
def test_a_producer_that_dies(long: dict[str, Path], tmp_path: Path, kind: str) -> None:
    """The stream is cut where it died. Of raw BCF nobody can tell; pipefail does (docs/troubleshooting.md)."""
    data, out = long[kind].read_bytes(), tmp_path / "out"
    cut = data[: len(data) * 2 // 3]
    done = subprocess.run([*FAKE, "-", *COMMON, "-o", str(out)], input=cut, capture_output=True, check=False)
    assert done.returncode == 1, done.stderr
    assert not list(tmp_path.iterdir())
    assert done.stderr.count(b"error:") == 1
    assert N * 0.3 < last_good(done.stderr) < N * 0.95


@pytest.mark.parametrize("through_a_pipe", [False, True])
@pytest.mark.parametrize("kind", "zb")
def test_a_missing_end_block(long: dict[str, Path], tmp_path: Path, kind: str, through_a_pipe: bool) -> None:
    path, out = tmp_path / f"cut.{'vcf.gz' if kind == 'z' else 'bcf'}", tmp_path / "out"
    path.write_bytes(long[kind].read_bytes()[:-28])
    given = "-" if through_a_pipe else str(path)
    done = subprocess.run([*FAKE, given, *COMMON, "-o", str(out)], input=path.read_bytes(), capture_output=True, check=False)
    assert done.returncode == 1
    assert b"end-of-file block" in done.stderr
    assert [one.name for one in tmp_path.iterdir()] == [path.name]


def test_a_producer_that_fails_at_once(tmp_path: Path) -> None:
    out = tmp_path / "out.vcf"
    done = shell(f"set -o pipefail; bcftools view /no/such/file 2>/dev/null | {' '.join(FAKE)} - {' '.join(COMMON)} -o {out}")
    assert done.returncode != 0
    assert done.stderr.count(b"error:") == 1
    assert not out.exists()


@pytest.mark.parametrize("kind", ["v", *(pytest.param(kind, marks=pytest.mark.long) for kind in "zbu")])
def test_a_full_disk(long: dict[str, Path], tmp_path: Path, kind: str) -> None:
    """A limit on the size of files stands for the disk; the record that could not go is named, and nothing stays."""
    limited = "import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); resource.setrlimit(resource.RLIMIT_FSIZE, (60000, 60000))"
    program = f"{limited}; import sys; sys.dont_write_bytecode = True; sys.path.insert(0, {str(Path(FAKE[1]).parent)!r}); import fake_scorer; sys.exit(fake_scorer.main())"
    command = [sys.executable, "-c", program, *FAKE[2:], str(long["v"]), *COMMON, "-O", kind, "-o", str(tmp_path / "out")]
    done = subprocess.run(command, capture_output=True, check=False, env=quiet_environment())
    assert done.returncode == 1, done.stderr
    assert re.search(rb"out, c1:\d+, record \d+: the record cannot be written: File too large", done.stderr), done.stderr
    assert not list(tmp_path.iterdir())


def test_a_full_disk_for_real(long: dict[str, Path], tmp_path: Path) -> None:
    """A file system of 64 kB, where it may be mounted."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if os.geteuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", str(disk)], check=False, capture_output=True).returncode:
        pytest.skip("needs the right to mount a file system")
    try:
        done = subprocess.run([*FAKE, str(long["v"]), *COMMON, "-o", str(disk / "out.vcf")], capture_output=True, check=False)
        assert done.returncode == 1
        assert b"No space left on device. Free some space" in done.stderr
        assert not list(disk.iterdir())
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_the_reader_of_a_fifo_goes(long: dict[str, Path], tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    done = shell(f"(head -c 100 {fifo} >/dev/null) & {' '.join(FAKE)} {long['v']} {' '.join(COMMON)} -o {fifo}")
    assert done.returncode == 141, done.stderr
    assert done.stderr == b""


def test_what_went_out_before_a_bad_record_is_whole(inputs: Inputs, long: dict[str, Path]) -> None:
    """On stdout what was written stays, and is records up to the last good one."""
    text = long["v"].read_bytes().splitlines(keepends=True)
    text[30_000] = b"c1\tnothing\n"
    done = subprocess.run([*FAKE, "-", *COMMON], input=b"".join(text), capture_output=True, check=False)
    assert done.returncode == 1
    lines = [line for line in done.stdout.splitlines() if not line.startswith(b"#")]
    assert 0 < len(lines) <= last_good(done.stderr) - 9
    assert [line.split(b"\t")[1] for line in lines] == [str(pos1).encode() for pos1 in range(10, len(lines) + 10)]
