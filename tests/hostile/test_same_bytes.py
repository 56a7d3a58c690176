"""The same records, byte for byte, however a run is made: threads, batches, shards, pipes, BAM or CRAM, environment."""

from __future__ import annotations

import gzip
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pysam
import pytest
from hostile_files import bcftools_view, program, quiet_environment

from vcffilter.commands.main import run
from vcffilter.simulation.sample import SampleFiles, SampleReport
from vcffilter.variants.reader import BatchLimits, VariantReader

pytestmark = pytest.mark.reliability("Determinism: threads, batches, shards, pipes, BAM and CRAM, environment")


def body(path: Path) -> list[str]:
    """Record lines."""
    return [line for line in bcftools_view("-H", path).splitlines()]


def filtered(sample: SampleFiles, out: Path, *more: object, calls: object = None, reads: tuple[object, ...] = ()) -> list[str]:
    """Records of a run in this process."""
    files = [word for path in (reads or (sample.reads,)) for word in ("-b", str(path))]
    arguments = ["filter", str(calls or sample.calls), *files, "-f", str(sample.reference), "-q", "--reasons", "-o", str(out)]
    assert run([*arguments, *map(str, more)]) == 0
    return body(out)


@pytest.fixture(scope="module")
def plain(simulated: SampleReport, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Of one thread and nothing special."""
    found = filtered(simulated.files, tmp_path_factory.mktemp("plain") / "out.bcf", "--threads", 1)
    assert len(found) > 100
    return found


@pytest.mark.parametrize("n_threads", [2, 3, 16])
def test_threads(simulated: SampleReport, plain: list[str], tmp_path: Path, n_threads: int) -> None:
    assert filtered(simulated.files, tmp_path / "out.bcf", "--threads", n_threads) == plain


@pytest.mark.parametrize("limits", [BatchLimits(1), BatchLimits(7, 5), BatchLimits(100, 3, 500), BatchLimits(4096, 1, 1)])
def test_batches(simulated: SampleReport, plain: list[str], tmp_path: Path, monkeypatch, limits: BatchLimits) -> None:
    made: Callable[..., None] = VariantReader.__init__
    changed = lambda self, *given, **named: made(self, *given, **{**named, "limits": limits})  # noqa: E731
    monkeypatch.setattr(VariantReader, "__init__", changed)
    assert filtered(simulated.files, tmp_path / "out.bcf", "--threads", 2) == plain


@pytest.mark.parametrize("version", ["3.0", "3.1"])
def test_cram(simulated: SampleReport, plain: list[str], tmp_path: Path, samtools: str, version: str) -> None:
    """As samtools writes it; lossless, so the records are those of the BAM."""
    cram = tmp_path / "reads.cram"
    command = [samtools, "view", "-C", "-T", str(simulated.files.reference), "--output-fmt-option", f"version={version}"]
    subprocess.run([*command, "-o", str(cram), str(simulated.files.reads)], check=True)
    subprocess.run([samtools, "index", str(cram)], check=True)
    assert cram.read_bytes()[4:6] == bytes(map(int, version.split(".")))
    assert filtered(simulated.files, tmp_path / "out.bcf", reads=(cram,)) == plain


def test_reads_in_two_files(simulated: SampleReport, plain: list[str], tmp_path: Path) -> None:
    halves = [tmp_path / "odd.bam", tmp_path / "even.bam"]
    with pysam.AlignmentFile(str(simulated.files.reads)) as reads:
        outputs = [pysam.AlignmentFile(str(path), "wb", template=reads) for path in halves]
        for number, read in enumerate(reads):
            outputs[number % 2].write(read)
    for output, path in zip(outputs, halves, strict=True):
        output.close()
        pysam.index(str(path))
    assert filtered(simulated.files, tmp_path / "out.bcf", reads=tuple(halves)) == plain
    assert filtered(simulated.files, tmp_path / "out.bcf", reads=tuple(reversed(halves))) == plain


@pytest.mark.parametrize("n_shards", [2, 13])
def test_shards(simulated: SampleReport, plain: list[str], tmp_path: Path, n_shards: int) -> None:
    """BED lines as -R and -T: a record is in the shard that holds its POS."""
    places = [line.split("\t")[:2] for line in bcftools_view("-H", simulated.files.calls).splitlines()]
    contig, starts0 = places[0][0], [int(pos1) - 1 for _, pos1 in places]
    cuts = [0, *sorted({starts0[len(starts0) * n // n_shards] for n in range(1, n_shards)}), 10**9]
    found = []
    for number, (start0, end0) in enumerate(zip(cuts, cuts[1:], strict=False)):
        bed = tmp_path / f"{number}.bed"
        bed.write_text(f"{contig}\t{start0}\t{end0}\n")
        found += filtered(simulated.files, tmp_path / f"{number}.bcf", "-R", bed, "-T", bed)
    assert found == plain


@pytest.mark.parametrize("kind", ["vcf", "bcf", "vcf.gz"])
def test_formats_in(simulated: SampleReport, plain: list[str], tmp_path: Path, kind: str) -> None:
    source = tmp_path / f"in.{kind}"
    bcftools_view("-O", {"vcf": "v", "bcf": "b", "vcf.gz": "z"}[kind], "-o", source, simulated.files.calls)
    assert filtered(simulated.files, tmp_path / "out.bcf", calls=source) == plain


ENVIRONMENTS = {
    "hash seed 0": {"PYTHONHASHSEED": "0"},
    "hash seed 12345, Turkish, far away": {"PYTHONHASHSEED": "12345", "LC_ALL": "tr_TR.UTF-8", "TZ": "Pacific/Kiritimati"},
    "eight OpenMP threads, dirty memory": {"OMP_NUM_THREADS": "8", "MKL_NUM_THREADS": "8", "MALLOC_PERTURB_": "165"},
}


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_stdin_in_other_environments(simulated: SampleReport, plain: list[str], tmp_path: Path, name: str) -> None:
    """In a process of its own, from stdin to stdout."""
    files = simulated.files
    command = program("filter", "-", "-b", files.reads, "-f", files.reference, "-q", "--reasons", "-Ob")
    text = gzip.decompress(Path(files.calls).read_bytes())
    environment = {**quiet_environment(), **ENVIRONMENTS[name]}
    done = subprocess.run(command, input=text, capture_output=True, check=False, env=environment, cwd=os.sep)
    assert done.returncode == 0, done.stderr
    (tmp_path / "out.bcf").write_bytes(done.stdout)
    assert body(tmp_path / "out.bcf") == plain
