"""The worked RNA-seq example: its configuration, its table, and its steps on a tiny simulated sample with the shipped weights."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from vcffilter.commands.main import run
from vcffilter.models.checkpoint import load_checkpoint
from vcffilter.training.config import load_train_config

EXAMPLE = Path(__file__).parents[2] / "recipes" / "rna"


def configuration(folder: Path, held_out: str, half: str) -> Path:
    text = (EXAMPLE / "rna.yaml").read_text().replace("HELD_OUT", held_out).replace("HALF", half)
    path = folder / "rna.yaml"
    path.write_text(text)
    return path


def test_the_held_out_half_is_neither_trained_on_nor_chosen_by(tmp_path):
    pytest.importorskip("yaml")
    config = load_train_config(configuration(tmp_path, "chr22:17600001-17640000", "left"))
    assert config.exclude.regions == ("chr22:17600001-17640000",)
    assert config.validation.sets == ("simulated-7",)
    script = (EXAMPLE / "run.sh").read_text()
    assert all(name in script for name in ("simulated-7", *config.exclude.regions))


def test_table(tmp_path):
    def count(subset, filter_name, true, false):
        names = {"Type": "ALL", "Subtype": "*", "Subset": subset, "Filter": filter_name}
        return names | {"QUERY.TP": true, "QUERY.FP": false}

    score = {
        "group": "all", "score": "PILEUP_PROB", "n_true": 10, "n_false": 4, "auroc": 0.9, "auroc_low": 0.8, "auroc_high": 1.0,
        "calibration_error": 0.05,
    }  # fmt: skip
    for name in ("haplotypecaller", "bcftools", "freebayes", "freebayes-sensitive", "simulated"):
        for when, left in (("before", 4), ("calibrated", 2), ("after", 1)):
            folder = tmp_path / f"report-{when}-{name}"
            folder.mkdir()
            data = {"counts": [count("*", "ALL", 10, 4), count("*", "PASS", 9, left)], "scores": [score]}
            (folder / "evaluation.json").write_text(json.dumps(data))
    done = subprocess.run([sys.executable, str(EXAMPLE / "table.py"), str(tmp_path)], capture_output=True, text=True, check=True)
    lines = done.stdout.splitlines()
    first = [cell.strip() for cell in lines[2].split("|")[1:-1]]
    kept = "9 (60-98%)"
    assert first == ["haplotypecaller", "all", "10", "4", kept, "0 (0-49%)", kept, "2 (15-85%)", kept, "3 (30-95%)"]
    assert "| haplotypecaller | all | 10 | 4 | 0.900 (0.800-1.000) | 0.900 (0.800-1.000) | 0.050 | 0.050 | 0.050 |" in lines


def test_the_steps_run(tmp_path, capfd):
    yaml = pytest.importorskip("yaml")
    pytest.importorskip("h5py")
    for seed in (6, 7):
        folder = tmp_path / f"simulated-{seed}"
        size = ["--length", "60000", "--depth", "8", "--artefacts", "3", "--variant-rate", "0.005"]
        assert run(["simulate", "--preset", "rna", "--seed", str(seed), *size, "-o", str(folder)]) == 0
        inputs = [str(folder / "calls.vcf.gz"), "-b", str(folder / "reads.bam"), "-f", str(folder / "reference.fa")]
        labels = ["--labels", str(folder / "calls.labels.tsv")]
        more = ["--set", f"simulated-{seed}", "--model", "illumina-germline", "-o", str(tmp_path / f"simulated-{seed}.h5"), "-q"]
        assert run(["examples", *inputs, *labels, *more]) == 0
    path = configuration(tmp_path, "sim1:1-1000", "left")
    settings = yaml.safe_load(path.read_text())
    settings["data"] = ["simulated-6.h5", "simulated-7.h5"]
    settings["fit"] |= {"epochs": 2, "freeze_stem_epochs": 1}
    path.write_text(yaml.safe_dump(settings))
    assert run(["train", str(path), "--init", "illumina-germline", "-o", str(tmp_path / "run"), "-q"]) == 0
    weights = tmp_path / "run" / "rna-without-left.safetensors"
    calibrated = tmp_path / "rna-left.safetensors"
    options = ["--method", "platt", "--minimum-examples", "10", "-o", str(calibrated), "--force", "-q"]
    assert run(["calibrate", *inputs, *labels, "--model", str(weights), *options]) == 0
    before, after = load_checkpoint("illumina-germline"), load_checkpoint(calibrated)
    assert after.metadata.architecture == before.metadata.architecture
    assert any(not tensor.equal(after.tensors[name]) for name, tensor in before.tensors.items())
    assert run(["filter", *inputs, "--model", str(calibrated), "-o", str(tmp_path / "after.vcf.gz"), "-q", "--threads", "1"]) == 0
    (tmp_path / "disputed.bed").write_text("sim1\t1000\t30000\n")
    capfd.readouterr()
    truth = [
        "--truth",
        str(folder / "truth.vcf.gz"),
        "--confident",
        str(folder / "confident.bed"),
        "-f",
        str(folder / "reference.fa"),
    ]
    assert run(["evaluate", str(tmp_path / "after.vcf.gz"), *truth, "--exclude", str(tmp_path / "disputed.bed"), "-q"]) == 0
    assert "| ALL " in capfd.readouterr().out
