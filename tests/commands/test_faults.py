"""Faults made on purpose: one message with what, where and what to do; the right exit code; no half-written file."""

from __future__ import annotations

import gzip
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
from fake_scorer import FakeScorer

from vcffilter.commands.main import run
from vcffilter.errors import ReadsFileError
from vcffilter.pipeline import evidence

INPUT = Path(__file__).parent / "golden" / "input.vcf"
PROGRAM = [sys.executable, str(Path(__file__).parent / "fake_scorer.py")]
COMMON = ["-b", "x", "-f", "x", "-q"]
HEADER = (
    "##fileformat=VCFv4.2\n##contig=<ID=1,length=99999>\n##contig=<ID=2>\n"
    '##INFO=<ID=DP,Number=1,Type=Integer,Description="d">\n'
    '##FORMAT=<ID=GT,Number=1,Type=String,Description="g">\n'
)
SITES = HEADER + "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"


@pytest.fixture(autouse=True)
def _fake_scorer(monkeypatch):
    monkeypatch.setattr(evidence, "open_scorer", lambda options: FakeScorer(options.want_reasons))


def line(contig: str, pos1: int, ref: str = "A", alt: str = "C") -> str:
    return f"{contig}\t{pos1}\t.\t{ref}\t{alt}\t.\t.\tDP=3\n"


def failure(capfd, tmp_path, *arguments: str, code: int = 1) -> str:
    """Run into a file; returns the message. The file must not be there."""
    target = tmp_path / "out.vcf"
    assert run(["filter", *arguments, *COMMON, "-o", str(target)]) == code
    assert not target.exists()
    assert not list(tmp_path.glob(".*"))
    output = capfd.readouterr()
    assert output.out == ""
    assert output.err.count("pileup-filter: error:") == 1
    return output.err


MALFORMED = {
    "position": "1\tx\t.\tA\tC\t.\t.\tDP=3\n",
    "columns": "1\t20\t.\tA\n",
}


@pytest.mark.parametrize("kind", MALFORMED)
def test_malformed_record(kind, capfd, tmp_path):
    source = tmp_path / "in.vcf"
    source.write_text(SITES + line("1", 10) + MALFORMED[kind] + line("1", 30))
    message = failure(capfd, tmp_path, str(source))
    assert "in.vcf, record 2" in message
    assert "last good record is at 1:10" in message


def test_line_that_ends_before_its_samples(capfd, tmp_path):
    source = tmp_path / "in.vcf"
    source.write_text(
        HEADER + "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tS\n1\t10\t.\tA\tC\t.\t.\tDP=3\tGT\t0/1\n" + line("1", 20)
    )
    message = failure(capfd, tmp_path, str(source))
    assert "record 2" in message
    assert "columns" in message


def test_blanks_instead_of_tabs(capfd, tmp_path):
    path = tmp_path / "blanks.vcf"
    path.write_text(SITES + line("1", 5).replace("\t", " "))
    assert run(["filter", str(path), *COMMON]) == 1
    assert "Columns stand between tabs" in capfd.readouterr().err


def test_regions_of_another_spelling_and_of_plain_gzip(capfd, tmp_path):
    text = SITES.replace("ID=1,", "ID=chr21,")
    path = tmp_path / "calls.vcf.gz"
    path.write_bytes(gzip.compress(text.encode()))
    assert run(["filter", str(path), *COMMON, "-r", "21:5-10"]) == 1
    assert "here it is chr21, not 21" in capfd.readouterr().err
    assert run(["filter", str(path), *COMMON, "-r", "chr21:5-10"]) == 1
    assert f"bcftools view -Oz -o {tmp_path}/calls.bgzip.vcf.gz {path}, " in capfd.readouterr().err


def test_unsorted_positions(capfd, tmp_path):
    source = tmp_path / "in.vcf"
    source.write_text(SITES + line("1", 10) + line("1", 30) + line("1", 20))
    message = failure(capfd, tmp_path, str(source))
    assert "1:20" in message
    assert "after 1:30" in message
    assert "bcftools sort" in message


def test_contig_in_two_pieces(capfd, tmp_path):
    source = tmp_path / "in.vcf"
    source.write_text(SITES + line("1", 10) + line("2", 30) + line("1", 20))
    message = failure(capfd, tmp_path, str(source))
    assert "not sorted" in message
    assert "record 3" in message


@pytest.mark.parametrize("n_records", [1, 5000])
def test_missing_end_of_file_block(n_records, capfd, tmp_path):
    whole, cut = tmp_path / "whole.vcf.gz", tmp_path / "cut.vcf.gz"
    plain = tmp_path / "plain.vcf"
    plain.write_text(SITES + "".join(line("1", 10 + i) for i in range(n_records)))
    assert run(["filter", str(plain), *COMMON, "-o", str(whole)]) == 0
    cut.write_bytes(whole.read_bytes()[:-28])
    assert "truncated" in failure(capfd, tmp_path, str(cut))
    with open(cut, "rb") as stream:
        piped = subprocess.run([*PROGRAM, "0", "filter", "-", *COMMON], stdin=stream, capture_output=True, check=False)
    assert piped.returncode == 1
    assert b"end-of-file block" in piped.stderr
    with open(whole, "rb") as stream:
        piped = subprocess.run([*PROGRAM, "0", "filter", "-", *COMMON], stdin=stream, capture_output=True, check=False)
    assert piped.returncode == 0


@pytest.mark.parametrize("suffix", ["vcf.gz", "bcf", "plain.gz"])
def test_stream_cut_within_a_block(suffix, tmp_path):
    plain, whole = tmp_path / "plain.vcf", tmp_path / f"whole.{suffix}"
    plain.write_text(SITES + "".join(line("1", 10 + i) for i in range(50_000)))
    if suffix == "plain.gz":
        whole.write_bytes(gzip.compress(plain.read_bytes()))
    else:
        assert run(["filter", str(plain), *COMMON, "-o", str(whole)]) == 0
    data = whole.read_bytes()
    piped = subprocess.run(
        [*PROGRAM, "0", "filter", "-", *COMMON], input=data[: len(data) * 2 // 3], capture_output=True, check=False
    )
    assert piped.returncode == 1
    assert b"last good record is at 1:" in piped.stderr


def test_bcf_that_its_header_cannot_describe(capfd, tmp_path):
    source = tmp_path / "in.vcf"
    source.write_text(SITES + line("1", 10) + line("3", 30))
    assert run(["filter", str(source), *COMMON, "-o", str(tmp_path / "fine.vcf")]) == 0
    message = failure(capfd, tmp_path, str(source), "-Ob")
    assert "contig is not declared" in message
    assert "-Oz" in message


@pytest.mark.parametrize("content", [b"", b"hello\n", b"BAM\1"])
def test_no_vcf(content, capfd, tmp_path):
    source = tmp_path / "in.vcf"
    source.write_bytes(content)
    assert "no VCF or BCF" in failure(capfd, tmp_path, str(source))


def test_missing_input(capfd, tmp_path):
    assert "No such file" in failure(capfd, tmp_path, str(tmp_path / "absent.vcf"))


def test_regions_need_an_index(capfd, tmp_path):
    assert "bgzip" in failure(capfd, tmp_path, str(INPUT), "-r", "chr1")
    compressed = tmp_path / "in.vcf.gz"
    assert run(["filter", str(INPUT), *COMMON, "-o", str(compressed)]) == 0
    message = failure(capfd, tmp_path, str(compressed), "-r", "chr1")
    assert "bcftools index" in message


def test_key_with_another_meaning(capfd, tmp_path):
    source = tmp_path / "in.vcf"
    taken = '##INFO=<ID=PILEUP_PROB,Number=1,Type=String,Description="other">\n'
    source.write_text(SITES.replace("##contig=<ID=1", taken + "##contig=<ID=1"))
    message = failure(capfd, tmp_path, str(source))
    assert "PILEUP_PROB" in message
    assert "--info-prefix" in message


def test_unknown_sample_names_those_there_are(capfd, tmp_path):
    message = failure(capfd, tmp_path, str(INPUT), "-s", "S9")
    assert "S9" in message
    assert "S1, S2" in message


def test_error_of_the_scorer_ends_the_run(capfd, tmp_path, monkeypatch):
    def fail(self, chunk):
        raise ReadsFileError("the index is gone", path="reads.bam", hint="Index it with: samtools index reads.bam")

    monkeypatch.setattr(FakeScorer, "score", fail)
    assert "reads.bam: the index is gone. Index it with" in failure(capfd, tmp_path, str(INPUT))


def test_scorer_is_closed_and_earlier_output_kept_when_the_run_fails(tmp_path, monkeypatch, capfd):
    scorers = []
    monkeypatch.setattr(evidence, "open_scorer", lambda options: scorers.append(FakeScorer()) or scorers[-1])
    source, target = tmp_path / "in.vcf", tmp_path / "out.vcf"
    source.write_text(SITES + line("1", 10) + line("1", 5))
    target.write_text("an earlier run's output")
    assert run(["filter", str(source), *COMMON, "-o", str(target)]) == 1
    assert target.read_text() == "an earlier run's output"
    assert scorers[0].closed
    assert "not sorted" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--nonsense"], "--nonsense"),
        (["-O", "x"], "unknown output type"),
        (["-W"], "compressed output"),
        (["-Ob", "-W=tbi"], "csi"),
        (["--info-prefix", "9x"], "INFO key"),
        (["--min-prob-snv", "2"], "2"),
        (["-r", "a", "-R", "b"], "not both"),
        (["--mode", "other"], "other"),
    ],
)
def test_usage_errors_exit_with_2(arguments, says, capfd, tmp_path):
    assert says in failure(capfd, tmp_path, str(INPUT), *arguments, code=2)


@pytest.mark.parametrize(
    "arguments", [["-t", "chr1:x-y"], ["-t", "chr1:9-3"], ["-T", "absent.bed"], ["--target-recall", "0.9999"], ["-R", str(INPUT)]]
)
def test_what_cannot_be_exits_with_1(arguments, capfd, tmp_path):
    failure(capfd, tmp_path, str(INPUT), *arguments)


# -- output that fails


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize("kind", ["v", "z", "b", "u"])
def test_full_disk_behind_stdout(kind):
    with open("/dev/full", "wb") as full:
        result = subprocess.run(
            [*PROGRAM, "0", "filter", str(INPUT), *COMMON, "-O", kind], stdout=full, stderr=subprocess.PIPE, check=False
        )
    assert result.returncode == 1
    assert b"No space left on device" in result.stderr


@pytest.mark.parametrize("kind", ["v", "z", "b"])
def test_full_disk_behind_a_file(kind, tmp_path):
    """A small file-size limit stands for the disk: the write fails the same way, without root."""
    source, target = tmp_path / "in.vcf", tmp_path / "out.vcf"
    bases = ("A", "C", "G", "T")
    source.write_text(
        SITES + "".join(line("1", 10 + i, "A", "ACGT"[i % 4] + bases[i * 7919 % 4] + bases[i // 3 % 4]) for i in range(30_000))
    )
    program = "import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); "
    program += "resource.setrlimit(resource.RLIMIT_FSIZE, (30000, 30000)); sys.dont_write_bytecode = True; "
    program += f"sys.path.insert(0, {str(Path(__file__).parent)!r}); import fake_scorer; sys.exit(fake_scorer.main())"
    result = subprocess.run(
        [sys.executable, "-c", program, "0", "filter", str(source), *COMMON, "-O", kind, "-o", str(target)],
        capture_output=True,
        check=False,
    )
    assert result.returncode == 1, result.stderr
    assert b"File too large" in result.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.vcf"]


@pytest.mark.parametrize("kind", ["v", "z", "b", "u"])
def test_closed_pipe_exits_with_141(kind, tmp_path):
    source = tmp_path / "in.vcf"
    source.write_text(SITES + "".join(line("1", 10 + i) for i in range(60_000)))
    process = subprocess.Popen(
        [*PROGRAM, "0", "filter", str(source), *COMMON, "-O", kind], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    process.stdout.read(10)
    process.stdout.close()
    message = process.stderr.read()
    process.stderr.close()
    assert process.wait(timeout=60) == 141
    assert message == b""


def test_no_such_directory(capfd):
    assert run(["filter", str(INPUT), *COMMON, "-o", "/no/such/directory/out.vcf"]) == 1
    assert "/no/such/directory/out.vcf" in capfd.readouterr().err


def test_no_write_permission(capfd):
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "in.vcf"
        shutil.copy(INPUT, source)
        source.chmod(0o444)
        assert run(["filter", str(source), *COMMON, "-o", str(Path(folder) / "fine.vcf")]) == 0
        os.chmod(folder, 0o555)
        is_root = os.geteuid() == 0
        try:
            if is_root:  # who may write everywhere
                os.seteuid(65534)
            code = run(["filter", str(source), *COMMON, "-o", str(Path(folder) / "out.vcf")])
        finally:
            if is_root:
                os.seteuid(0)
            os.chmod(folder, 0o755)
    assert code == 1
    message = capfd.readouterr().err
    assert "out.vcf" in message
    assert "Permission denied" in message


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_interrupted_run_leaves_nothing_behind(number, code, tmp_path):
    source, target = tmp_path / "in.vcf", tmp_path / "out.vcf"
    source.write_text(SITES + "".join(line("1", 10 + i) for i in range(400_000)))
    process = subprocess.Popen(
        [*PROGRAM, "0.5", "filter", str(source), *COMMON, "--threads", "2", "-o", str(target)],
        stderr=subprocess.PIPE,
        # A shell's background job ignores SIGINT, and so would everything that it starts.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    deadline = time.monotonic() + 60
    while not list(tmp_path.glob(".out.vcf.*")):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    time.sleep(0.1)
    process.send_signal(number)
    assert process.wait(timeout=60) == code
    process.stderr.close()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.vcf"]
