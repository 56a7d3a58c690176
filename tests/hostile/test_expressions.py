# ruff: noqa: E501
"""Every key that the filter writes works in `bcftools view -i/-e`, `filter` and `query`: the records are those that Python finds."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from hostile_files import Inputs, bcftools_view, header, info, other, records, ref, row

from vcffilter.commands.main import run

pytestmark = pytest.mark.reliability("bcftools chains: -i and -e on every key that is written")
SAMPLES = ("S", "T")
Record = dict[str, str]


@pytest.fixture(scope="module")
def filtered(sound_files: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """True and false calls, two ALTs, some not scored; two samples, of which the reads are of S; every key that there is."""
    inputs = Inputs(tmp_path_factory.mktemp("filtered"), *sound_files)
    rows = []
    for pos1 in range(200, 2800, 50):
        base = ref("c1", pos1)
        alts = (other(base), f"{other(base)},{base}AC", "*", "<DEL>", f"{base}ACG")[pos1 // 50 % 5]
        rows.append(row(pos1=pos1, ALT=alts, FILTER=("PASS", ".", "q10")[pos1 // 50 % 3], S="0/1\t0/1"))
    calls = inputs.calls(rows, header(more='##FILTER=<ID=q10,Description="q">\n', samples=SAMPLES))
    out = inputs.folder / "out.bcf"
    more = ["--reasons", "--sample-ft", "-q", "-o", str(out), "-b", f"S={inputs.reads}"]
    assert run(["filter", str(calls), "-f", str(inputs.reference), *more]) == 0
    return out


def numbers(record: Record, key: str) -> list[float]:
    """Values of a key; what is missing is left out."""
    return [float(value) for value in info(record).get(key, ".").split(",") if value != "."]


def of_sample(record: Record, key: str, column: str = "S1") -> list[str]:
    """Values of a FORMAT key of a sample; what is missing is left out."""
    keys = record["FORMAT"].split(":")
    values = dict(zip(keys, record[column].split(":"), strict=False)).get(key, ".")
    return [value for value in values.split(",") if value != "."]


#: Of several samples four keys stand in INFO and FORMAT, and bcftools asks which is meant (test_names_that_stand_twice).
#: expression -> whether it is true of a record.
EXPRESSIONS: dict[str, Callable[[Record], bool]] = {
    "INFO/PILEUP_PROB>0.5": lambda one: any(value > 0.5 for value in numbers(one, "PILEUP_PROB")),
    "INFO/PILEUP_PROB<0.01": lambda one: any(value < 0.01 for value in numbers(one, "PILEUP_PROB")),
    "MAX(INFO/PILEUP_PROB)<0.5": lambda one: bool(numbers(one, "PILEUP_PROB")) and max(numbers(one, "PILEUP_PROB")) < 0.5,
    "INFO/PILEUP_PROB[0]>=0.9": lambda one: info(one).get("PILEUP_PROB", ".").split(",")[0] not in (".",)
    and float(info(one)["PILEUP_PROB"].split(",")[0]) >= 0.9,
    'INFO/PILEUP_PROB="."': lambda one: "." in info(one).get("PILEUP_PROB", ".").split(","),
    "PILEUP_SCORE>0": lambda one: any(value > 0 for value in numbers(one, "PILEUP_SCORE")),
    "PILEUP_SCORE<=0": lambda one: any(value <= 0 for value in numbers(one, "PILEUP_SCORE")),
    "PILEUP_ALT_SCORE<-2": lambda one: any(value < -2 for value in numbers(one, "PILEUP_ALT_SCORE")),
    "INFO/PILEUP_DP>20": lambda one: any(value > 20 for value in numbers(one, "PILEUP_DP")),
    "INFO/PILEUP_AD[1]>=5": lambda one: len(numbers(one, "PILEUP_AD")) > 1 and info(one)["PILEUP_AD"].split(",")[1] != "."
    and int(info(one)["PILEUP_AD"].split(",")[1]) >= 5,
    "INFO/PILEUP_AD[0]>20": lambda one: info(one).get("PILEUP_AD", ".").split(",")[0] != "." and int(info(one)["PILEUP_AD"].split(",")[0]) > 20,
    'INFO/PILEUP_FT="PASS"': lambda one: "PASS" in info(one).get("PILEUP_FT", "").split(","),
    'INFO/PILEUP_FT~"LowPileup"': lambda one: "LowPileup" in info(one).get("PILEUP_FT", ""),
    'PILEUP_STATUS="unsupported_allele"': lambda one: info(one).get("PILEUP_STATUS") == "unsupported_allele",
    'PILEUP_STATUS!="."': lambda one: "PILEUP_STATUS" in info(one),
    'PILEUP_REASON="no_alt_reads"': lambda one: "no_alt_reads" in info(one).get("PILEUP_REASON", "").split(","),
    'PILEUP_ALT_REASON~"no_alt_reads"': lambda one: "no_alt_reads" in info(one).get("PILEUP_ALT_REASON", ""),
    'FILTER="LowPileupSNV"': lambda one: one["FILTER"] == "LowPileupSNV",
    'FILTER~"LowPileupSNV"': lambda one: "LowPileupSNV" in one["FILTER"].split(";"),
    'FILTER~"LowPileupIndel"': lambda one: "LowPileupIndel" in one["FILTER"].split(";"),
    'FILTER="PASS"': lambda one: one["FILTER"] == "PASS",
    "FMT/PILEUP_PROB[0:0]>0.5": lambda one: bool(of_sample(one, "PILEUP_PROB")) and float(of_sample(one, "PILEUP_PROB")[0]) > 0.5,
    "FMT/PILEUP_DP[0]>20": lambda one: any(int(value) > 20 for value in of_sample(one, "PILEUP_DP")),
    "FMT/PILEUP_AD[0:1]>=5": lambda one: len(of_sample(one, "PILEUP_AD")) > 1 and int(of_sample(one, "PILEUP_AD")[1]) >= 5,
    'FMT/PILEUP_FT[0]="PASS"': lambda one: of_sample(one, "PILEUP_FT") == ["PASS"],
    'FMT/PILEUP_DP[1]="."': lambda one: of_sample(one, "PILEUP_DP", "S2") == [],
}  # fmt: skip


def places(found: list[Record]) -> list[tuple[str, str, str]]:
    return [(one["CHROM"], one["POS"], one["ALT"]) for one in found]


def run_bcftools(*arguments: object) -> str:
    """Standard output of bcftools; nothing on stderr."""
    done = subprocess.run(["bcftools", *map(str, arguments)], check=True, capture_output=True, text=True)
    assert done.stderr == ""
    return done.stdout


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_expressions(filtered: Path, bcftools: str, record_property, expression: str) -> None:
    every = records(bcftools_view(filtered))
    true = [one for one in every if EXPRESSIONS[expression](one)]
    false = [one for one in every if not EXPRESSIONS[expression](one)]
    assert places(records(run_bcftools("view", "-i", expression, filtered))) == places(true)
    assert places(records(run_bcftools("view", "-e", expression, filtered))) == places(false)
    softly = records(run_bcftools("filter", "-m", "+", "-s", "soft", "-e", expression, filtered))
    assert places(softly) == places(every)
    assert [one for one in places(softly) if one in places([s for s in softly if "soft" in s["FILTER"]])] == places(true)
    queried = run_bcftools("query", "-i", expression, "-f", "%CHROM\t%POS\t%ALT\n", filtered)
    assert [tuple(line.split("\t")) for line in queried.splitlines()] == places(true)
    record_property("cases", 4)


def test_every_key_is_covered_and_occurs(filtered: Path) -> None:
    text = bcftools_view(filtered)
    declared = [line.partition("ID=")[2].partition(",")[0] for line in text.splitlines() if line.startswith("##") and "=<ID=PILEUP" in line]
    body = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
    for key in declared:
        assert any(key in expression for expression in EXPRESSIONS), key
        assert key in body, key
    assert len(declared) > 10


def test_query_prints_every_key(filtered: Path, bcftools: str) -> None:
    keys = ("PILEUP_PROB", "PILEUP_SCORE", "PILEUP_ALT_SCORE", "PILEUP_DP", "PILEUP_AD", "PILEUP_FT", "PILEUP_STATUS",
            "PILEUP_REASON", "PILEUP_ALT_REASON")  # fmt: skip
    form = "\t".join(f"%INFO/{key}" for key in keys) + "\n"
    expected = [[info(one).get(key, ".") for key in keys] for one in records(bcftools_view(filtered))]
    assert [line.split("\t") for line in run_bcftools("query", "-f", form, filtered).splitlines()] == expected


def test_names_that_stand_twice(filtered: Path, inputs: Inputs, bcftools: str) -> None:
    """Of one sample the bare name is enough; of several bcftools says that it is ambiguous (docs/output.md)."""
    assert inputs.filter(inputs.calls([row(), row(pos1=300)])) == 0
    assert places(records(run_bcftools("view", "-i", "PILEUP_PROB>0.5", inputs.out))) == [("c1", "250", other(ref("c1", 250)))]
    done = subprocess.run(["bcftools", "view", "-i", "PILEUP_PROB>0.5", filtered], capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "INFO/PILEUP_PROB" in done.stderr
