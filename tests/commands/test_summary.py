"""What `--summary` holds is what the written file holds, and says whose calls and which model."""

from __future__ import annotations

import json

import cyvcf2
import numpy as np
import pytest

from vcffilter.commands.main import run


@pytest.fixture(scope="module", params=[[], ["-r", "sim1:1-9000"]], ids=["all", "part"])
def filtered(simulated, tmp_path_factory, request):
    """(the records, the summary, the options) of a run on the simulated sample."""
    folder, files = tmp_path_factory.mktemp("summary"), simulated.files
    out, summary = folder / "out.vcf", folder / "s.json"
    arguments = ["filter", str(files.calls), "-b", str(files.reads), "-f", str(files.reference), "-q", "-o", str(out)]
    assert run([*arguments, "--summary", str(summary), *request.param]) == 0
    return list(cyvcf2.VCF(str(out))), json.loads(summary.read_text()), request.param


def test_it_names_samples_calls_part_and_model(filtered, simulated):
    _, content, options = filtered
    assert content["report"] == "pileup-filter filter summary"
    assert content["calls"] == str(simulated.files.calls)
    assert content["part"] == (" ".join(options) or None)
    assert content["samples"] == cyvcf2.VCF(str(simulated.files.calls)).samples
    assert content["read_samples"] == content["samples"]
    assert content["model"]["id"] == "illumina-germline"


def test_its_counts_of_alts_are_those_of_the_records(filtered):
    records, content, _ = filtered
    verdicts = {"snv": [], "indel": []}
    probabilities = {"snv": [], "indel": []}
    for record in records:
        of_alts = record.INFO.get("PILEUP_FT", "").split(",")
        values = np.atleast_1d(record.INFO.get("PILEUP_PROB", np.nan))
        for alt, verdict, value in zip(record.ALT, of_alts, values, strict=True):
            if verdict != ".":
                kind = "snv" if len(alt) == len(record.REF) == 1 else "indel"
                verdicts[kind].append(verdict)
                probabilities[kind].append(round(float(value), 4))
    for kind, found in content["alts"].items():
        n_passed = verdicts[kind].count("PASS")
        assert n_passed > 0
        assert (found["scored"], found["passed"]) == (len(verdicts[kind]), n_passed)
        assert found["failed"] == len(verdicts[kind]) - n_passed > 0
        steps = np.rint(10_000 * np.array(probabilities[kind])).astype(int)
        assert found["by_probability"] == np.bincount(np.minimum(steps // 500, 19), minlength=20).tolist()
