"""`doctor` tells a sound installation from a broken one, and fills the cache; `models` lists what ships and prints cards."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys

import numpy as np
import pytest

from vcffilter.commands.main import run
from vcffilter.errors import ModelError
from vcffilter.inspection import doctor
from vcffilter.kernels import jit
from vcffilter.models.checkpoint import WEIGHTS_DIR, available_weights
from vcffilter.models.encoder_spec import EncoderSpec
from vcffilter.models.golden_scores import GoldenScores, golden_path, read_golden


def examined(capfd, *arguments: str, code: int = 0) -> dict:
    assert run(["doctor", "--json", *arguments]) == code
    return json.loads(capfd.readouterr().out)


def of_topic(data: dict, topic: str) -> list[dict]:
    return [finding for finding in data["findings"] if finding["topic"] == topic]


def test_this_installation_is_sound(capfd):
    data = examined(capfd)
    assert data["verdict"] == "ok"
    for topic in ("program", "packages", "optional", "htslib", "bridge", "cache", "device"):
        assert of_topic(data, topic), topic
    assert len(of_topic(data, "model")) == len(available_weights())
    assert all("score as when it was released" in finding["text"] for finding in of_topic(data, "model"))


def test_text_ends_with_the_verdict(capfd):
    assert run(["doctor"]) == 0
    text = capfd.readouterr().out
    assert "ok   htslib:    BAM by" in text
    assert text.rstrip().endswith("Sound.")


def test_other_scores_are_a_failure(capfd, monkeypatch):
    def moved(path):
        golden = read_golden(path)
        return GoldenScores(golden.features, golden.logits + 0.01)

    monkeypatch.setattr("vcffilter.models.golden_scores.read_golden", moved)
    data = examined(capfd, code=1)
    assert all(finding["level"] == "failure" for finding in of_topic(data, "model"))
    assert "scores fixed inputs otherwise" in of_topic(data, "model")[0]["text"]


@pytest.mark.parametrize("content", ["", "{}", '{"features": [[1]], "logits": [1, 2]}', '{"features": 1, "logits": [1]}'])
def test_a_damaged_file_of_fixed_scores_is_named(content, tmp_path):
    path = tmp_path / "x.golden.json"
    path.write_text(content)
    with pytest.raises(ModelError, match="fixed scores"):
        read_golden(path)


def test_fixed_inputs_differ_from_each_other_and_tensors_are_fixed():
    golden = read_golden(golden_path(WEIGHTS_DIR / "illumina-germline.safetensors"))
    assert np.ptp(golden.logits) > 1
    spec = EncoderSpec(1, ("a",), ("b",), rows=3, columns=5)
    reads = GoldenScores(np.zeros((2, 1), np.float32), np.zeros(2)).reads(spec)
    assert reads.shape == (2, 3, 5, 1)
    assert reads.ravel()[:4].tolist() == [99, 218, 15, 223]


def test_a_cache_that_others_can_write_to_is_a_failure(capfd, monkeypatch, tmp_path):
    tmp_path.chmod(0o777)
    monkeypatch.setattr(jit, "cache_folder", lambda: tmp_path)
    (finding,) = of_topic(examined(capfd, code=1), "cache")
    assert "others can write there" in finding["text"]
    monkeypatch.setattr(jit, "cache_folder", lambda: None)
    (finding,) = of_topic(examined(capfd, code=3), "cache")
    assert finding["level"] == "warning"
    assert "NUMBA_CACHE_DIR" in finding["hint"]


def test_a_missing_package_is_named_with_what_installs_it(capfd, monkeypatch):
    there = doctor._version
    monkeypatch.setattr(doctor, "_version", lambda name: None if name in ("click", "h5py") else there(name))
    data = examined(capfd, code=1)
    assert any(finding["hint"] == "pip install click" for finding in of_topic(data, "packages"))
    assert "h5py (training examples)" in of_topic(data, "optional")[0]["text"]


def test_no_gpu_is_said_where_one_is_asked_for(capfd):
    import torch

    if torch.cuda.is_available():
        pytest.skip("needs a machine without a GPU")
    (finding,) = of_topic(examined(capfd, "--device", "cuda", code=1), "device")
    assert "--device cpu" in finding["hint"]


def test_compile_fills_an_empty_cache(tmp_path):
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path / "cache")}
    done = subprocess.run(
        [sys.executable, "-m", "vcffilter", "doctor", "--compile"], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "ok   compile:   every kernel that a run needs is compiled" in done.stdout
    assert len(list((tmp_path / "cache").rglob("*.nbc"))) > 10


def test_models_are_listed_with_their_cuts(capfd):
    assert run(["models"]) == 0
    text = capfd.readouterr().out
    for name in available_weights():
        assert f"{name}: Germline calls" in text
    assert "reads    hifi, 16498 to 20623 bases" in text
    assert text.count("  default  ") == len(available_weights())
    costs = r"lost \d+ of \d+ true \(at most \d+\.\d%\), removed \d+ of \d+ false \(at least \d+\.\d%\)"
    assert len(re.findall(costs, text)) == 3 * len(available_weights())
    assert len(re.findall(r"  sure     --tier 0\.\d+: .* false, at most \d+\.\d\d%;", text)) >= len(available_weights())


@pytest.mark.parametrize("name", available_weights())
def test_a_card_is_printed_as_it_ships(name, capfd):
    assert run(["models", name]) == 0
    assert capfd.readouterr().out == (WEIGHTS_DIR / f"{name}.md").read_text()


def test_an_unknown_model_is_named(capfd):
    assert run(["models", "nothing"]) == 1
    assert "There are: " in capfd.readouterr().err
