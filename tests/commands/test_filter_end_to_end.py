"""`pileup-filter filter` with its real scorer: pipes, files, threads, batches and shards, CRAM, and faults on purpose."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pysam
import pytest

from vcffilter.simulation.sample import SampleFiles, SampleReport


def run(*arguments: object, stdin: bytes | None = None, **environment: str) -> subprocess.CompletedProcess[bytes]:
    """The command in its own process, as users run it."""
    command = [sys.executable, "-m", "vcffilter", *map(str, arguments)]
    return subprocess.run(command, input=stdin, capture_output=True, env={**os.environ, **environment}, check=False)


def filter_of(
    sample: SampleFiles, *more: object, calls: object = None, reads: object = None, reference: object = None
) -> list[object]:
    """Arguments of `filter` on a sample; any file can be replaced."""
    return [
        "filter",
        calls or sample.calls,
        "-b",
        reads or sample.reads,
        "-f",
        reference or sample.reference,
        "--no-version",
        *more,
    ]


def text_of(path: Path) -> bytes:
    """A compressed VCF's text."""
    return gzip.decompress(path.read_bytes())


def body(vcf: bytes) -> list[bytes]:
    """The records of a VCF's text."""
    return [line for line in vcf.splitlines() if not line.startswith(b"#")]


@pytest.fixture(scope="module")
def files(simulated: SampleReport) -> SampleFiles:
    """The sample's paths."""
    return simulated.files


@pytest.fixture(scope="module")
def plain(files: SampleFiles) -> bytes:
    """Output of the plain file form."""
    result = run(*filter_of(files))
    assert result.returncode == 0, result.stderr.decode()
    return result.stdout


def test_every_record_comes_out_scored_and_in_order(files: SampleFiles, plain: bytes) -> None:
    with pysam.VariantFile(str(files.calls)) as before:
        sites = [(record.contig, record.pos, record.ref, record.alts) for record in before]
    lines = [line.decode().split("\t") for line in body(plain)]
    assert [(line[0], int(line[1]), line[3], tuple(line[4].split(","))) for line in lines] == sites
    assert all("PILEUP_PROB=" in line[7] and "PILEUP_DP=" in line[7] for line in lines)


def test_true_calls_score_above_false_ones(files: SampleFiles, plain: bytes) -> None:
    labels = {}
    for line in Path(files.labels).read_text().splitlines()[1:]:
        chrom, pos, ref, alt, label = line.split("\t")[:5]
        labels[chrom, pos, ref, alt] = label
    probability: dict[str, list[float]] = {"TP": [], "FP": []}
    for line in body(plain):
        chrom, pos, _, ref, alts, _, _, info = line.decode().split("\t")[:8]
        values = dict(item.split("=") for item in info.split(";") if "=" in item)["PILEUP_PROB"].split(",")
        for alt, value in zip(alts.split(","), values, strict=True):
            label = labels.get((chrom, pos, ref, alt))
            if label in probability and value != ".":
                probability[label].append(float(value))
    pairs = [(true, false) for true in probability["TP"] for false in probability["FP"]]
    assert len(pairs) > 500
    assert sum(true > false for true, false in pairs) / len(pairs) > 0.9


@pytest.mark.parametrize("n_threads", [1, 2])
def test_threads_change_nothing(files: SampleFiles, plain: bytes, n_threads: int) -> None:
    assert run(*filter_of(files, "--threads", n_threads)).stdout == plain


def test_a_batch_size_of_older_scripts_is_taken_and_said_to_be_without_effect(files: SampleFiles, plain: bytes) -> None:
    done = run(*filter_of(files, "--batch-size", 7))
    assert done.stdout == plain
    assert b"--batch-size has no effect" in done.stderr


def test_stdin_gives_the_records_of_the_file(files: SampleFiles, plain: bytes) -> None:
    piped = run(*filter_of(files, calls="-"), stdin=text_of(files.calls))
    assert piped.returncode == 0
    assert body(piped.stdout) == body(plain)


def test_four_shards_give_the_records_of_the_whole(files: SampleFiles, plain: bytes) -> None:
    text = text_of(files.calls).splitlines(keepends=True)
    header = b"".join(line for line in text if line.startswith(b"#"))
    records = [line for line in text if not line.startswith(b"#")]
    quarter = -(-len(records) // 4)
    joined: list[bytes] = []
    for first in range(0, len(records), quarter):
        joined += body(run(*filter_of(files, calls="-"), stdin=header + b"".join(records[first : first + quarter])).stdout)
    assert joined == body(plain)


def test_bcftools_pipe_of_the_issue(files: SampleFiles, bcftools: str, tmp_path: Path) -> None:
    script = (
        f"set -o pipefail; {bcftools} mpileup -f {files.reference} {files.reads} 2>/dev/null | {bcftools} call -mv -Ou | "
        f"{sys.executable} -m vcffilter filter - -b {files.reads} -f {files.reference} -Ou | {bcftools} view -f PASS -H"
    )
    result = subprocess.run(["bash", "-c", script], capture_output=True, check=False)
    assert result.returncode == 0, result.stderr.decode()
    assert len(result.stdout.splitlines()) > 20
    assert all(line.split(b"\t")[6] == b"PASS" for line in result.stdout.splitlines())


def test_cram_gives_the_records_of_the_bam_without_network(files: SampleFiles, plain: bytes, tmp_path: Path) -> None:
    cram = tmp_path / "reads.cram"
    reference = tmp_path / "elsewhere.fa"
    shutil.copy(files.reference, reference)
    shutil.copy(f"{files.reference}.fai", f"{reference}.fai")
    pysam.view("-C", "-T", str(reference), "-o", str(cram), str(files.reads), catch_stdout=False)
    pysam.index(str(cram))
    reference.unlink()
    result = run(*filter_of(files, reads=cram), REF_PATH="http://127.0.0.1:9/%s", REF_CACHE=str(tmp_path / "cache"))
    assert result.returncode == 0, result.stderr.decode()
    assert result.stdout == plain


def test_the_same_reads_in_two_files_give_the_same_records(files: SampleFiles, plain: bytes, tmp_path: Path) -> None:
    halves = [tmp_path / "odd.bam", tmp_path / "even.bam"]
    with pysam.AlignmentFile(str(files.reads)) as reads:
        outputs = [pysam.AlignmentFile(str(path), "wb", template=reads) for path in halves]
        for read in reads:
            outputs[sum(read.query_name.encode()) % 2].write(read)
    for output, path in zip(outputs, halves, strict=True):
        output.close()
        pysam.index(str(path))
    swapped = [run(*filter_of(files, "-b", halves[1 - first], reads=halves[first])).stdout for first in (0, 1)]
    assert swapped[0] == swapped[1]
    assert [line.split(b"\t")[6] for line in body(swapped[0])] == [line.split(b"\t")[6] for line in body(plain)]


def test_reasons_are_given_to_failing_records(files: SampleFiles) -> None:
    result = run(*filter_of(files, "--reasons", "--min-prob-snv", "0.9", "--min-prob-indel", "0.9"))
    failing = [line.split(b"\t") for line in body(result.stdout) if b"LowPileup" in line.split(b"\t")[6]]
    assert failing
    assert all(b"PILEUP_REASON=" in line[7] for line in failing if _probability(line) < 0.5)


def _probability(line: list[bytes]) -> float:
    values = dict(item.split(b"=", 1) for item in line[7].split(b";") if b"=" in item)[b"PILEUP_PROB"]
    return max(float(value) for value in values.split(b",") if value != b".")


def test_summary_counts_what_is_in_the_file(files: SampleFiles, plain: bytes, tmp_path: Path) -> None:
    path = tmp_path / "summary.json"
    result = run(*filter_of(files, "-o", tmp_path / "out.vcf.gz", "--summary", path))
    assert result.returncode == 0
    summary = json.loads(path.read_text())
    assert summary["records"]["total"] == len(body(plain))
    assert summary["records"]["failed"] == sum(b"LowPileup" in line.split(b"\t")[6] for line in body(plain))


def test_contigs_without_reads_are_no_error(files: SampleFiles, tmp_path: Path) -> None:
    empty = tmp_path / "empty.bam"
    with pysam.AlignmentFile(str(files.reads)) as reads, pysam.AlignmentFile(str(empty), "wb", template=reads):
        pass
    pysam.index(str(empty))
    result = run(*filter_of(files, reads=empty), "--allow-unscored")
    assert result.returncode == 0
    assert body(result.stdout)
    assert all(b"PILEUP_STATUS=no_reads" in line and b"PILEUP_PROB" not in line for line in body(result.stdout))
    before = body(text_of(files.calls))
    assert [line.split(b"\t")[6] for line in body(result.stdout)] == [line.split(b"\t")[6] for line in before]


class TestFaults:
    """One message with what, where and what to do; exit 1; nothing under the final name."""

    def fails(self, tmp_path: Path, arguments: list[object], *expected: str, stdin: bytes | None = None) -> None:
        out = tmp_path / "out.vcf.gz"
        result = run(*arguments, "-o", out, stdin=stdin)
        message = result.stderr.decode()
        assert result.returncode == 1, message
        assert "Traceback" not in message
        errors = [line for line in message.splitlines() if "error:" in line]
        assert len(errors) == 1, message
        for part in expected:
            assert part in errors[0]
        assert not out.exists()
        assert [path for path in tmp_path.iterdir() if path.name.startswith("out.vcf.gz")] == []

    def test_no_index(self, files: SampleFiles, tmp_path: Path) -> None:
        bam = tmp_path / "noindex.bam"
        shutil.copy(files.reads, bam)
        self.fails(tmp_path, filter_of(files, reads=bam), str(bam), "no index", "samtools index")

    def test_no_fasta_index(self, files: SampleFiles, tmp_path: Path) -> None:
        fasta = tmp_path / "noindex.fa"
        shutil.copy(files.reference, fasta)
        self.fails(tmp_path, filter_of(files, reference=fasta), str(fasta), "samtools faidx")

    def test_missing_reads(self, files: SampleFiles, tmp_path: Path) -> None:
        self.fails(tmp_path, filter_of(files, reads=tmp_path / "nowhere.bam"), "nowhere.bam", "no such file")

    def test_other_contig_names(self, files: SampleFiles, tmp_path: Path) -> None:
        contig = pysam.AlignmentFile(str(files.reads)).references[0]
        renamed = text_of(files.calls).replace(contig.encode(), b"chr" + contig.encode())
        self.fails(tmp_path, filter_of(files, calls="-"), f"'chr{contig}'", f"'{contig}'", "rename-chrs", stdin=renamed)

    def test_ref_of_another_reference(self, files: SampleFiles, tmp_path: Path) -> None:
        text = text_of(files.calls).splitlines(keepends=True)
        header = [line for line in text if line.startswith(b"#")]
        fields = next(line for line in text if not line.startswith(b"#")).split(b"\t")
        fields[3], fields[4] = {b"A": (b"C", b"G"), b"C": (b"G", b"T"), b"G": (b"T", b"A"), b"T": (b"A", b"C")}[fields[3][:1]]
        wrong = b"".join(header) + b"\t".join(fields)
        where = f"{fields[0].decode()}:{fields[1].decode()}"
        self.fails(tmp_path, filter_of(files, calls="-"), where, "REF", "--allow-ref-mismatch", stdin=wrong)
        allowed = run(*filter_of(files, "--allow-ref-mismatch", calls="-"), stdin=wrong)
        assert allowed.returncode == 0
        assert b"PILEUP_STATUS=ref_mismatch" in allowed.stdout

    def test_sample_that_the_reads_lack(self, files: SampleFiles, tmp_path: Path) -> None:
        text = text_of(files.calls)
        sample = pysam.VariantFile(str(files.calls)).header.samples[0].encode()
        other = text.replace(b"FORMAT\t" + sample, b"FORMAT\tNOBODY")
        self.fails(tmp_path, filter_of(files, "-s", "NOBODY", calls="-"), "NOBODY", sample.decode(), stdin=other)

    def test_truncated_bam(self, files: SampleFiles, tmp_path: Path) -> None:
        bam = tmp_path / "cut.bam"
        bam.write_bytes(Path(files.reads).read_bytes()[:-2000])
        shutil.copy(f"{files.reads}.bai", f"{bam}.bai")
        self.fails(tmp_path, filter_of(files, reads=bam), str(bam), "truncated")

    def test_truncated_vcf(self, files: SampleFiles, tmp_path: Path) -> None:
        vcf = tmp_path / "cut.vcf.gz"
        vcf.write_bytes(Path(files.calls).read_bytes()[:-40])
        self.fails(tmp_path, filter_of(files, calls=vcf), str(vcf), "truncated")

    def test_unknown_model(self, files: SampleFiles, tmp_path: Path) -> None:
        self.fails(tmp_path, filter_of(files, "--model", "no-such-model"), "no-such-model", "illumina-germline")
