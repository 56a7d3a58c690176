"""The Dockerfiles as far as they can be tried without an engine: linted, and what they install run as they would run it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from packaged import ROOT, tools

DOCKER = ROOT / "packaging" / "docker"

#: A root file system that can only be read, /tmp included, a user that owns nothing, and one folder for output.
_READ_ONLY = """
mount --make-rprivate /
mount --bind "$OUTPUT" "$OUTPUT"
mount -o remount,bind,ro /
for place in /tmp /var/tmp; do ! touch "$place/probe" 2> /dev/null || exit 99; done
cd /
exec setpriv --reuid 10001 --regid 10001 --clear-groups --inh-caps=-all,+dac_read_search --ambient-caps=-all,+dac_read_search "$@"
"""


def test_the_linter_finds_nothing():
    tools(["hadolint", DOCKER / "Dockerfile", DOCKER / "Dockerfile.gpu"])


def test_the_two_differ_in_torch_alone():
    def lines(name: str) -> list[str]:
        text = (DOCKER / name).read_text()
        return [line for line in text.splitlines() if not line.startswith("#") or "hadolint" in line]

    cpu, gpu = lines("Dockerfile"), lines("Dockerfile.gpu")
    only_gpu = [line for line in gpu if line not in cpu]
    only_cpu = [line for line in cpu if line not in gpu]
    assert [re.sub(r"whl/\w+$", "whl/X", line) for line in only_cpu] == [
        "  PYTHONUNBUFFERED=1",
        "ARG TORCH_INDEX=https://download.pytorch.org/whl/X",
    ]
    assert len(only_gpu) == 4
    assert (DOCKER / "Dockerfile.dockerignore").read_text() == (DOCKER / "Dockerfile.gpu.dockerignore").read_text()


def test_what_is_copied_makes_a_wheel(tmp_path):
    """The build context is what .dockerignore lets through."""
    kept = [line[1:] for line in (DOCKER / "Dockerfile.dockerignore").read_text().splitlines() if line.startswith("!")]
    for name in kept:
        source = ROOT / name
        copy = shutil.copytree if source.is_dir() else shutil.copy
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        copy(source, tmp_path / name)
    build = "from setuptools import build_meta; build_meta.build_wheel('wheels')"
    subprocess.run([sys.executable, "-c", build], cwd=tmp_path, check=True, capture_output=True)
    assert len(list((tmp_path / "wheels").glob("vcffilter-*.whl"))) == 1


@pytest.mark.parametrize("name", ["Dockerfile", "Dockerfile.gpu"])
def test_sources_have_times_that_a_layer_can_keep_before_kernels_are_compiled(tmp_path, name):
    """numba takes what it kept only where the time of the source is the same to the fraction, which layers cut off."""
    text = (DOCKER / name).read_text()
    cut = re.search(r"&& (find \S+/vcffilter .*) \\\n  && { pileup-filter doctor --compile", text)
    assert cut is not None
    source = tmp_path / "kernels" / "one.py"
    source.parent.mkdir()
    source.touch()
    os.utime(source, (7.75, 7.75))
    subprocess.run(re.sub(r"(?<=find )\S+", str(tmp_path), cut[1]), shell=True, check=True)  # noqa: S602
    assert source.stat().st_mtime_ns == 7_000_000_000


@pytest.mark.reliability("containers: runs on a read-only root file system, as a user that owns nothing")
@pytest.mark.parametrize("cache", ["none", "set"])
def test_it_runs_where_nothing_can_be_written(sample, tmp_path_factory, cache):
    """After `doctor --compile`, as in the image. cache: NUMBA_CACHE_DIR, as workflows set it."""
    if os.geteuid() != 0 or subprocess.run(["unshare", "--mount", "true"], check=False, capture_output=True).returncode != 0:
        pytest.skip("needs root and a mount namespace, to make the root file system read-only")
    output = tmp_path_factory.mktemp("output")
    os.chown(output, 10001, 10001)
    program = Path(shutil.which("pileup-filter"))
    kept = {name: os.environ[name] for name in ("NUMBA_CPU_NAME", "NUMBA_CPU_FEATURES")}
    environment = {"PATH": f"{program.parent}:/usr/bin:/bin", "HOME": "/tmp", "OUTPUT": str(output), **kept}
    if cache == "set":
        environment["NUMBA_CACHE_DIR"] = f"{output}/kernels"
    arguments = ["filter", sample / "calls.vcf.gz", "-b", sample / "reads.bam", "-f", sample / "reference.fa", "-v", "-Oz"]
    done = subprocess.run(
        ["unshare", "--mount", "bash", "-euc", _READ_ONLY, "_", program, *arguments, "-o", output / "out.vcf.gz"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "compiling" not in done.stderr
    assert (output / "out.vcf.gz").stat().st_uid == 10001
