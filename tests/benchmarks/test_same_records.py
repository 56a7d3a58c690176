"""The comparison of two versions: what counts as the same record, and that every kind of difference is seen."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from reliability_log import read
from same_records import differences

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "same_records.py"
HEADER = "##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tS1\n"
RECORD = "chr1\t5\t.\tA\tC\t30\tPASS\tDP=8;PILEUP_PROB=0.9\tGT:DP\t0/1:8\n"


@pytest.mark.parametrize(
    ("old", "new", "changed", "added"),
    [
        (RECORD, RECORD, {}, {}),
        (RECORD, RECORD.replace("DP=8;PILEUP_PROB=0.9", "PILEUP_PROB=0.9;DP=8;PILEUP_AD=4,4"), {}, {"INFO/PILEUP_AD": 1}),
        (RECORD, RECORD.replace("0.9", "0.8999"), {"INFO/PILEUP_PROB": 1}, {}),
        (RECORD, RECORD.replace(";PILEUP_PROB=0.9", ""), {"INFO/PILEUP_PROB": 1}, {}),
        (RECORD, RECORD.replace("PASS", "LowPileupSNV"), {"FILTER": 1}, {}),
        (RECORD, RECORD.replace("\t30\t", "\t31\t"), {"QUAL": 1}, {}),
        (RECORD, RECORD.replace("0/1:8", "0/1:9"), {"FORMAT/DP": 1}, {}),
        (RECORD, RECORD.replace("GT:DP", "GT:DP:FT").replace("0/1:8", "0/1:8:PASS"), {}, {"FORMAT/FT": 1}),
        (RECORD.replace("DP=8;PILEUP_PROB=0.9", "."), RECORD, {}, {"INFO/DP": 1, "INFO/PILEUP_PROB": 1}),
        (RECORD, "", {"record": 1}, {}),
        ("", RECORD, {"record": 1}, {}),
    ],
)  # fmt: skip
def test_what_differs_is_counted_by_key(tmp_path, old, new, changed, added):
    for name, text in (("old", old), ("new", new)):
        (tmp_path / name).write_text(HEADER + text)
    found = differences(tmp_path / "old", tmp_path / "new")
    assert (found.n_records, dict(found.changed), dict(found.added)) == (1, changed, added)
    assert set(found.example) == set(changed)


@pytest.fixture
def data(tmp_path):
    folder = tmp_path / "data" / "real" / "hifi-tiny"
    folder.mkdir(parents=True)
    for name in ("caller.vcf.gz", "other.vcf.gz", "truth.vcf.gz"):
        (folder / name).write_text(RECORD)
    return tmp_path / "data"


def command(folder, name, line):
    """A stand-in for pileup-filter: CALLS is its second argument, the output its last."""
    path = folder / name
    path.write_text(f'#!/bin/sh\ncalls=$2; arguments="$*"; for out; do :; done\n{line}\n')
    path.chmod(0o755)
    return str(path)


def compare(old, new, data, *options, **environment):
    command = [sys.executable, str(SCRIPT), old, new, "--data", str(data), *options]
    return subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, **environment})


def test_exit_codes(tmp_path, data):
    same = command(tmp_path, "same", 'cp "$calls" "$out"')
    other = command(tmp_path, "other", 'sed s/PASS/Low/ "$calls" > "$out"')
    broken = command(tmp_path, "broken", "echo no reads >&2; exit 3")
    done = compare(same, same, data)
    assert done.returncode == 0, done.stderr
    assert "2 records of 2 call sets compared; 0 call sets not; keys that differ: none" in done.stdout
    assert "truth" not in done.stdout
    done = compare(same, other, data, "--caller", "other")
    assert done.returncode == 1
    assert "| FILTER | 1 | 1 | hifi-tiny/other: chr1:5 A>C PASS -> Low |" in done.stdout
    assert compare(same, other, data, "--expected", "FILTER").returncode == 0
    done = compare(same, broken, data)
    assert done.returncode == 1
    assert "new: exit code 3: no reads" in done.stdout
    assert compare(same, same, data, "--set", "no-such-set").returncode == 2


def test_long_reads_get_their_weights(tmp_path, data):
    model = command(tmp_path, "model", 'case "$arguments" in *"--model hifi-germline"*) cp "$calls" "$out";; *) exit 1;; esac')
    assert compare(model, model, data).returncode == 0


def test_counts_are_left_for_the_reliability_page(tmp_path, data):
    same = command(tmp_path, "same", 'cp "$calls" "$out"')
    one_other = command(
        tmp_path, "one", 'case "$calls" in *other*) word=PASS;; *) word=NONE;; esac; sed s/$word/Low/ "$calls" > "$out"'
    )
    broken = command(tmp_path, "broken", "exit 3")
    seen = {}
    for name, new, options in (
        ("same", same, ()), ("one", one_other, ()), ("expected", one_other, ("--expected", "FILTER")), ("broken", broken, ()),
    ):  # fmt: skip
        folder = tmp_path / f"{name}.log"
        compare(same, new, data, "--reliability", "old beside new", *options, VCFFILTER_RELIABILITY=str(folder))
        (line,) = read(folder)["same-records"]
        assert line.line == "Determinism: the same records, old beside new"
        assert "same_records.py" in line.command
        seen[name] = line.cases, line.failures
    assert seen == {"same": (2, 0), "one": (2, 1), "expected": (2, 0), "broken": (2, 2)}
    folder = tmp_path / "none"
    compare(same, same, data, VCFFILTER_RELIABILITY=str(folder))
    assert not folder.exists()
