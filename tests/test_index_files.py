"""Damaged BAI, CSI and TBI: named before htslib, which reads outside its memory or never comes back, gets them."""

from __future__ import annotations

import gzip
import shutil
import struct

import pysam
import pytest

from vcffilter.commands.main import run
from vcffilter.index_file import damage


@pytest.fixture
def indexes(simulated, tmp_path):
    """One whole index of each kind, its bytes uncompressed."""
    for source in (simulated.files.reads, simulated.files.calls):
        shutil.copy(source, tmp_path / source.name)
    bam, calls = str(tmp_path / simulated.files.reads.name), str(tmp_path / simulated.files.calls.name)
    pysam.index(bam)
    pysam.index("-c", bam, f"{bam}.csi")
    pysam.tabix_index(calls, preset="vcf", force=True)
    pysam.tabix_index(calls, preset="vcf", force=True, csi=True)
    kinds = {"bai": f"{bam}.bai", "bam csi": f"{bam}.csi", "tbi": f"{calls}.tbi", "csi": f"{calls}.csi"}
    contents = {}
    for kind, path in kinds.items():
        assert damage(path) is None
        with open(path, "rb") as file:
            data = file.read()
        contents[kind] = gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data
    return contents


@pytest.mark.parametrize("kind", ["bai", "bam csi", "tbi", "csi"])
def test_a_cut_index(indexes, kind, tmp_path):
    path = tmp_path / "cut"
    data = indexes[kind]
    # All but the last 8 bytes are needed; these count the reads without a place.
    for length in {*range(0, len(data) - 8, max(1, len(data) // 150)), len(data) - 9, len(data) - 1}:
        path.write_bytes(data[:length])
        assert damage(str(path)) is not None, length
    path.write_bytes(gzip.compress(data)[:-12])
    assert damage(str(path)) is not None


@pytest.mark.parametrize("kind", ["bai", "bam csi", "tbi", "csi"])
@pytest.mark.parametrize("value", [-1, 2**31 - 1, -(2**31)])
def test_counts_that_cannot_be(indexes, kind, value, tmp_path):
    """Each number of the first contig's head is replaced: what counts things is refused."""
    path = tmp_path / "changed"
    data = bytearray(indexes[kind])
    counts = {"bai": (4, 8), "bam csi": (4, 8, 12, 16), "tbi": (4, 32, 36 + 5), "csi": (4, 8, 12, 40)}[kind]
    for at in counts:
        changed = data.copy()
        changed[at : at + 4] = struct.pack("<i", value)
        path.write_bytes(changed)
        assert damage(str(path)) is not None, at


def test_filter_names_the_damaged_index(simulated, tmp_path, capfd):
    files = simulated.files
    bam, calls = tmp_path / "reads.bam", tmp_path / "calls.vcf.gz"
    shutil.copy(files.reads, bam)
    shutil.copy(files.calls, calls)
    whole = {".bai": open(f"{files.reads}.bai", "rb").read(), ".tbi": open(f"{files.calls}.tbi", "rb").read()}  # noqa: SIM115
    for index, name in ((".bai", "reads.bam"), (".tbi", "calls.vcf.gz")):
        (tmp_path / "reads.bam.bai").write_bytes(whole[".bai"])
        (tmp_path / "calls.vcf.gz.tbi").write_bytes(whole[".tbi"])
        (tmp_path / f"{name}{index}").write_bytes(whole[index][:40])
        target = tmp_path / "out.vcf"
        arguments = [str(calls), "-b", str(bam), "-f", str(files.reference), "-q", "-o", str(target)]
        assert run(["filter", *arguments]) == 1
        message = capfd.readouterr().err
        assert f"{name}{index} is damaged" in message
        assert "Index it again" in message
        assert not target.exists()
