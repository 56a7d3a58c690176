"""Names of files and keys that must not be taken, and files that come together or not at all."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from fake_scorer import FakeScorer

from vcffilter.commands import main as commands
from vcffilter.commands.main import run
from vcffilter.pipeline import evidence

INPUT = Path(__file__).parent / "golden" / "input.vcf"
PROGRAM = [sys.executable, str(Path(__file__).parent / "fake_scorer.py"), "0", "filter"]
COMMON = ["-b", "x", "-f", "x", "-q"]


@pytest.fixture(autouse=True)
def _fake_scorer(monkeypatch):
    monkeypatch.setattr(evidence, "open_scorer", lambda options: FakeScorer(options.want_reasons))


@pytest.fixture
def inputs(tmp_path):
    """Files that a run reads, with their indexes."""
    for name in ("r.bam", "r.bam.bai", "r.bai", "f.fa", "f.fa.fai", "m.safetensors", "t.bed"):
        (tmp_path / name).write_text("kept")
    (tmp_path / "t.bed").write_text("chr1\t0\t500\n")
    shutil.copy(INPUT, tmp_path / "in.vcf")
    return tmp_path


def arguments(folder, *more):
    files = ["-b", folder / "r.bam", "-f", folder / "f.fa", "--model", folder / "m.safetensors", "-T", folder / "t.bed"]
    return ["filter", str(folder / "in.vcf"), *map(str, files), "-q", *map(str, more)]


@pytest.mark.parametrize(
    "name", ["r.bam", "r.bam.bai", "r.bai", "f.fa", "f.fa.fai", "m.safetensors", "t.bed", "in.vcf", "link", "hard"]
)
@pytest.mark.parametrize("option", ["-o", "--summary"])
def test_no_output_over_an_input(inputs, capfd, name, option):
    (inputs / "link").symlink_to("r.bam")
    os.link(inputs / "r.bam", inputs / "hard")
    before = {path.name: path.read_bytes() for path in inputs.iterdir()}
    assert run(arguments(inputs, option, inputs / name)) == 2
    assert {path.name: path.read_bytes() for path in inputs.iterdir()} == before
    assert "written over" in capfd.readouterr().err


@pytest.mark.parametrize(
    "command",
    [
        ["label", "in.vcf", "--truth", "in.vcf", "-f", "f.fa", "-o", "f.fa"],
        ["examples", "in.vcf", "--labels", "t.bed", "-b", "r.bam", "-f", "f.fa", "-o", "r.bam"],
    ],
)
def test_other_commands_write_over_no_input_either(inputs, monkeypatch, capfd, command):
    monkeypatch.chdir(inputs)
    assert run(command) == 2
    assert "written over" in capfd.readouterr().err
    assert Path(command[-1]).read_text() == "kept"


def test_no_two_outputs_of_one_name(inputs, capfd):
    os.symlink(inputs, inputs / "same")
    assert run(arguments(inputs, "-o", inputs / "out.vcf", "--summary", inputs / "same" / "out.vcf")) == 2
    assert run(arguments(inputs, "-Oz", "-W", "-o", inputs / "out.gz", "--summary", inputs / "out.gz.csi")) == 2
    assert run(arguments(inputs, "-o", "/dev/null", "--summary", "/dev/null")) == 0
    assert "written over" in capfd.readouterr().err


def test_the_index_of_a_device(capfd):
    assert run(["filter", str(INPUT), *COMMON, "-Oz", "-o", "/dev/null", "-W"]) == 2
    assert "--write-index" in capfd.readouterr().err
    assert not Path("/dev/null.csi").exists()


@pytest.mark.parametrize("blocked", ["out.vcf.gz.csi", "summary.json"])
def test_no_output_without_its_index_or_summary(tmp_path, capfd, blocked):
    (tmp_path / blocked).mkdir()
    target = tmp_path / "out.vcf.gz"
    assert run(["filter", str(INPUT), *COMMON, "-Oz", "-W", "-o", str(target), "--summary", str(tmp_path / "summary.json")]) == 1
    assert [path.name for path in tmp_path.iterdir()] == [blocked]
    assert blocked in capfd.readouterr().err


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_no_output_where_the_disk_is_full_for_the_summary(tmp_path, capfd):
    assert run(["filter", str(INPUT), *COMMON, "-o", str(tmp_path / "out.vcf"), "--summary", "/dev/full"]) == 1
    assert list(tmp_path.iterdir()) == []


def test_summary_and_output_come_together(tmp_path):
    assert run(["filter", str(INPUT), *COMMON, "-o", str(tmp_path / "out.vcf"), "--summary", str(tmp_path / "s.json")]) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.vcf", "s.json"]
    assert json.loads((tmp_path / "s.json").read_text())["records"]["total"] > 0


@pytest.mark.parametrize(
    "more",
    [
        ["--score-key", "END"],
        ["--score-key", "CNN_2D\n"],
        ["--score-key", "LowPileupSNV"],
        ["--info-prefix", ""],
        ["--info-prefix", "A\n"],
    ],
)
def test_keys_that_mean_something_else(tmp_path, capfd, more):
    assert run(["filter", str(INPUT), *COMMON, *more, "-o", str(tmp_path / "out.vcf")]) == 2
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("declared", "key", "code"),
    [
        ('##INFO=<ID=QD,Number=1,Type=Float,Description="Variant Confidence/Quality by Depth">', "QD", 1),
        ('##FILTER=<ID=q7,Description="Low">', "q7", 1),
        ('##INFO=<ID=QD,Number=1,Type=Float,Description="Variant Confidence/Quality by Depth">', "CNN_2D", 0),
    ],
)
def test_a_key_of_the_caller_is_not_overwritten(tmp_path, capfd, declared, key, code):
    source, target = tmp_path / "in.vcf", tmp_path / "out.vcf"
    source.write_text(INPUT.read_text().replace("\n", f"\n{declared}\n", 1))
    assert run(["filter", str(source), *COMMON, "--score-key", key, "-o", str(target)]) == code
    assert target.exists() == (code == 0)
    if code == 0:  # a second run finds the key as its own
        assert run(["filter", str(target), *COMMON, "--score-key", key, "-o", str(tmp_path / "again.vcf")]) == 0
    else:
        assert key in capfd.readouterr().err


# -- text that is cut, pipes, streams that are closed


@pytest.mark.parametrize("through_a_pipe", [False, True])
def test_a_last_line_without_its_end(tmp_path, through_a_pipe):
    source, target = tmp_path / "in.vcf", tmp_path / "out.vcf"
    text = INPUT.read_bytes()
    for content, code in ((text, 0), (text[:-1], 1), (text[:-3], 1)):
        source.write_bytes(content)
        target.unlink(missing_ok=True)
        given = "-" if through_a_pipe else str(source)
        done = subprocess.run([*PROGRAM, given, *COMMON, "-o", str(target)], input=content, capture_output=True, check=False)
        assert done.returncode == code, done.stderr
        assert target.exists() == (code == 0)
        if code:
            assert b"no line end" in done.stderr
            assert (b"pipefail" if through_a_pipe else b"echo >>") in done.stderr


def test_a_named_pipe_is_opened_once(tmp_path):
    """Its writer ends by SIGPIPE when the pipe is opened to look at it and closed again."""
    fifo = tmp_path / "calls"
    os.mkfifo(fifo)
    for _ in range(3):
        program = f"import os, time; f = os.open({str(fifo)!r}, os.O_WRONLY); time.sleep(0.3); "
        program += f"os.write(f, open({str(INPUT)!r}, 'rb').read())"
        writer = subprocess.Popen([sys.executable, "-c", program], stderr=subprocess.DEVNULL)
        done = subprocess.run([*PROGRAM, str(fifo), *COMMON], capture_output=True, check=False, timeout=60)
        assert writer.wait(timeout=60) == 0
        assert done.returncode == 0, done.stderr
        assert done.stdout.count(b"\n") > INPUT.read_bytes().count(b"\n")


def test_regions_of_a_pipe_are_refused_and_a_region_file_may_be_one(tmp_path, capfd):
    os.mkfifo(tmp_path / "calls")
    command = ["bash", "-c", '"$@" -T <(printf "chr1\\t100\\t105\\n"; sleep 0.1)', "bash", *PROGRAM, str(INPUT), *COMMON]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert {line.split("\t")[1] for line in done.stdout.splitlines() if line[0] != "#"} <= {
        "100",
        "101",
        "102",
        "103",
        "104",
        "105",
    }


@pytest.mark.parametrize("closed", ["0<&-", "1>&-", "2>&-"])
def test_closed_streams(tmp_path, closed):
    target = tmp_path / "out.vcf"
    given, output = ("-", str(target)) if closed[0] == "0" else (str(INPUT), "-" if closed[0] == "1" else str(target))
    command = ["bash", "-c", f'"$@" {closed}', "bash", *PROGRAM, given, "-b", "x", "-f", "x", "-o", output]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == {"0": 2, "1": 1, "2": 0}[closed[0]], done.stderr
    assert "Traceback" not in done.stderr
    assert target.exists() == (closed[0] == "2")
    if closed[0] == "2":
        assert target.read_text().startswith("##fileformat")


def test_coordinates_beyond_64_bits(tmp_path, capfd):
    (tmp_path / "t.bed").write_text(f"chr1\t0\t{10**30}\n")
    for option, value in (("-t", f"chr1:1-{10**30}"), ("-T", str(tmp_path / "t.bed"))):
        assert run(["filter", str(INPUT), *COMMON, option, value, "-o", str(tmp_path / "out.vcf")]) == 0
    assert run(["filter", str(INPUT), *COMMON, "-t", "chr1:\u00b2-9", "-o", str(tmp_path / "out.vcf")]) == 1


def test_arguments_that_are_not_utf8(tmp_path):
    folder = tmp_path / os.fsdecode(b"M\xfcller")
    folder.mkdir()
    shutil.copy(INPUT, folder / "in.vcf")
    done = subprocess.run(
        [*PROGRAM, str(folder / "in.vcf"), *COMMON, "-o", str(folder / "o.vcf")], capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert b"M\xfcller" in (folder / "o.vcf").read_bytes()


# -- signals


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_stuck_worker_does_not_hold_the_process(number, code, tmp_path):
    program = [sys.executable, PROGRAM[1], "3600", "filter"]
    process = subprocess.Popen(
        [*program, str(INPUT), *COMMON, "-o", str(tmp_path / "out.vcf")],
        stderr=subprocess.DEVNULL,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    deadline = time.monotonic() + 60
    while not list(tmp_path.iterdir()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    time.sleep(0.3)
    process.send_signal(number)
    try:
        assert process.wait(timeout=30) == code
    finally:
        process.kill()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_after_the_end_of_the_work_is_too_late(monkeypatch, number):
    """It comes while logging is shut down: the exit code is that of the work, nothing is raised, and handlers are as before."""
    before = signal.getsignal(number)
    monkeypatch.setattr(commands.logging, "shutdown", lambda: os.kill(os.getpid(), number))
    assert commands.run(["--version"]) == 0
    assert signal.getsignal(number) is before


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_between_two_steps_of_the_end_is_an_exit_code(number, code):
    """It comes where no command catches it any more. In a process of its own, which then ends."""
    program = (
        "import os, sys\n"
        "from vcffilter.commands import main\n"
        "work = main._run\n"
        f"main._run = lambda arguments: (work(arguments), os.kill(os.getpid(), {int(number)}))[0]\n"
        "sys.exit(main.run(['--version']))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (code, "")


@pytest.mark.parametrize("code", [0, 2])
def test_what_a_signal_did_before_it_does_again_after(code):
    """In a process that goes on, as a notebook or a test does."""
    before = signal.getsignal(signal.SIGTERM)
    assert run(["models"] if code == 0 else ["no-such-command"]) == code
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_main_thread_stuck_in_c_ends_too(tmp_path):
    """SIGTERM reaches no Python code while the main thread is inside a C function; here one that waits for a writer. What is
    half-written goes all the same.
    """
    program = (
        "import ctypes, sys; from vcffilter.commands.signals import SignalWatch; import signal; "
        "from vcffilter.files import UnfinishedFile; "
        "signal.signal(signal.SIGTERM, lambda *_: None); watch = SignalWatch([signal.SIGTERM])\n"
        f"with UnfinishedFile({str(tmp_path / 'out')!r}):\n"
        " print('ready', flush=True)\n libc = ctypes.CDLL(None)\n while True: libc.sleep(3600)"
    )
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"ready\n"
    process.stdout.close()
    assert len(list(tmp_path.iterdir())) == 1
    process.send_signal(signal.SIGTERM)
    try:
        assert process.wait(timeout=30) == 143
    finally:
        process.kill()
    assert list(tmp_path.iterdir()) == []
