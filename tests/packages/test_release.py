"""sdist, wheel, SBOM and hashes; the wheel as installed into a clean environment."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import tarfile
import zipfile
from pathlib import Path

import pytest

from vcffilter.version import __version__


@pytest.mark.reliability("packages: doctor and the demo with the wheel in a clean environment")
def test_the_wheel_works_in_a_clean_environment(program, findings, tmp_path):
    found = Path(shutil.which("pileup-filter"))
    assert found.parent.parent.name.endswith("-wheel")
    by_topic = [(one["topic"], one["text"]) for one in findings]
    assert any(topic == "compile" and "every kernel" in text for topic, text in by_topic), by_topic
    assert sum(topic == "model" and "score as when it was released" in text for topic, text in by_topic) >= 2
    said = program("pileup-filter", "demo", "-o", tmp_path / "demo")
    assert "Against the planted truth" in said
    assert (tmp_path / "demo" / "filtered.vcf.gz").stat().st_size > 1000


def test_the_wheel_is_made_of_the_sdist(dist):
    (wheel,), (sdist,) = dist.glob("vcffilter-*.whl"), dist.glob("vcffilter-*.tar.gz")
    with zipfile.ZipFile(wheel) as archive:
        modules = {name for name in archive.namelist() if name.endswith((".py", ".safetensors"))}
    with tarfile.open(sdist) as archive:
        inside = {name.partition("/")[2] for name in archive.getnames()}
    assert len(modules) > 200
    at_home = {re.sub(r"^vcffilter/(kernels|models)/", r"\1/", name) for name in modules}
    assert at_home <= inside
    assert {"LICENSE", "README.md", "pyproject.toml", "setup.cfg"} <= inside


def test_the_sbom_names_the_wheel_and_what_it_needs(dist):
    content = json.loads((dist / f"vcffilter-{__version__}-py3-none-any.cdx.json").read_text())
    (wheel,) = dist.glob("vcffilter-*.whl")
    root = content["metadata"]["component"]
    assert (root["name"], root["version"]) == ("vcffilter", __version__)
    assert root["hashes"] == [{"alg": "SHA-256", "content": hashlib.sha256(wheel.read_bytes()).hexdigest()}]
    assert root["licenses"][0]["license"]["id"] == "MIT"
    found = {one["name"] for one in content["components"]}
    assert {"click", "cyvcf2", "numba", "numpy", "pysam", "safetensors", "torch"} <= found
    assert not found & {"pytest", "multiqc", "ruff"}


def test_the_hashes_are_of_every_file(dist):
    lines = [line.split() for line in (dist / "SHA256SUMS").read_text().splitlines()]
    assert {name for _, name in lines} == {path.name for path in dist.iterdir()} - {"SHA256SUMS"}
    for digest, name in lines:
        assert hashlib.sha256((dist / name).read_bytes()).hexdigest() == digest, name
