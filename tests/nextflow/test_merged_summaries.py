"""The summaries of a call set's shards as one: no Nextflow is needed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from cohort import Cohort
from engine import PIPELINE

_SCRIPT = PIPELINE / "bin/merge_summaries.py"


def _merge(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, _SCRIPT, *arguments], capture_output=True, text=True)


def _summary(folder: Path, name: str, alleles: dict[str, int]) -> Path:
    total = sum(alleles.values())
    path = folder / f"{name}.json"
    path.write_text(json.dumps({"calls": "calls.vcf.gz", "records": {"total": total}, "alleles": alleles, "warnings": []}))
    return path


def test_counts_of_shards_are_those_of_the_whole(cohort: Cohort, tmp_path: Path) -> None:
    sample = cohort.samples[1]
    for name, options in (("whole", []), ("a", ["-r", "chrA"]), ("b", ["-r", "chrB"])):
        cohort.filtered(sample, "--summary", tmp_path / f"{name}.json", *options)

    merged = json.loads(_merge(tmp_path / "a.json", tmp_path / "b.json").stdout)

    whole = json.loads((tmp_path / "whole.json").read_text())
    same = ("report", "model", "thresholds", "samples", "records", "alleles", "alts", "part")
    assert {key: merged[key] for key in same} == {key: whole[key] for key in same}
    assert merged["shards"] == 2


def test_a_shard_without_reads_is_fine_a_call_set_is_not(tmp_path: Path) -> None:
    full, void = _summary(tmp_path, "full", {"scored": 900}), _summary(tmp_path, "void", {"no_reads": 500, "ref_mismatch": 10})
    nothing = _summary(tmp_path, "nothing", {})

    assert _merge(full, void, nothing).returncode == 0
    refused = _merge(void, nothing)
    assert refused.returncode == 1
    assert refused.stderr.startswith("calls.vcf.gz: 0 of 510 ALTs could be scored (no_reads 500, ref_mismatch 10). Do calls,")
    assert _merge("--allow-unscored", void, nothing).returncode == 0
