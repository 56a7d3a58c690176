"""Examples from a simulated sample: by the command, down-sampled, appended; and a run straight from the reads."""

from __future__ import annotations

import contextlib
import csv
import os
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from vcffilter.commands.main import run as run_command
from vcffilter.errors import TrainingError
from vcffilter.kernels.encode import ENCODER_VERSION, FEATURE_NAMES
from vcffilter.models.checkpoint import load_checkpoint
from vcffilter.models.encoder_spec import EncoderSpec
from vcffilter.training.downsampled_reads import kept_names
from vcffilter.training.example_file import read_examples
from vcffilter.training.example_source import ExampleMaker, ExampleSource

yaml = pytest.importorskip("yaml")
pytest.importorskip("h5py")


@pytest.fixture
def make(simulated, tmp_path):
    files = simulated.files

    def run(*options, output="examples.h5"):
        arguments = ["examples", str(files.calls), "-b", str(files.reads), "-f", str(files.reference)]
        arguments += ["--labels", str(files.labels), "-o", str(tmp_path / output), "-q", *options]
        code = run_command(arguments)
        return code, read_examples(tmp_path / output) if code == 0 else None

    return run


def labelled(simulated):
    """How often each (pos0, label) of TP and FP occurs."""
    with open(simulated.files.labels) as lines:
        rows = [row for row in csv.reader(lines, delimiter="\t") if row[4] in ("TP", "FP")]
    return Counter((int(row[1]) - 1, row[4]) for row in rows)


def test_every_labelled_call_with_reads_becomes_an_example(make, simulated):
    code, file = make()
    assert code == 0
    examples, expected = file.examples, labelled(simulated)
    got = Counter(zip(examples.pos0.tolist(), np.where(examples.label > 0.5, "TP", "FP").tolist(), strict=True))
    assert got <= expected
    assert got.total() > 0.95 * expected.total()
    assert file.spec.features == FEATURE_NAMES
    assert examples.features.shape == (len(examples), len(FEATURE_NAMES))
    assert examples.reads.shape[1:] == (49, 1, file.spec.n_channels)
    assert 20 < np.median(examples.depth) < 40
    assert examples.is_snv.any()
    assert not examples.is_snv.all()
    assert set(examples.group) == set(examples.contig)
    assert set(examples.set_name) == {simulated.files.calls.name.split(".")[0]}


def test_downsampling_sees_that_share_of_the_fragments(make):
    _, full = make()
    _, half = make("--downsample", "0.5", output="half.h5")
    _, again = make("--downsample", "0.5", output="again.h5")
    _, other = make("--downsample", "0.5", "--seed", "2", output="other.h5")
    assert np.array_equal(half.examples.features, again.examples.features)
    assert not np.array_equal(half.examples.depth, other.examples.depth)
    common = np.isin(full.examples.pos0, half.examples.pos0)
    assert half.examples.depth.mean() / full.examples.depth[common].mean() == pytest.approx(0.5, abs=0.05)


def test_copies_of_a_range_differ_and_samples_share_a_file(make):
    _, one = make("--rows", "0")
    code, file = make("--append", "--rows", "0", "--set", "thin", "--group", "g", "--downsample", "0.3-0.9", "--copies", "3")
    assert code == 0
    examples = file.examples
    thin = examples.take(examples.set_name == "thin")
    assert len(examples) == len(one.examples) + len(thin)
    assert np.array_equal(examples.features[: len(one.examples)], one.examples.features)
    assert 2 * len(one.examples) < len(thin) <= 3 * len(one.examples)
    assert set(thin.group) == {"g"}
    assert len({tuple(depths) for depths in np.array_split(thin.depth[: 3 * (len(thin) // 3)], 3)}) == 3
    assert make("--append", "--rows", "9")[0] == 1  # another encoder


def test_shares_and_alleles_are_kept_with_the_examples(make):
    _, file = make("--rows", "0", "--share", "0.5", "--downsample", "0.5")
    assert set(file.examples.share.tolist()) == {0.25}
    _, again = make("--rows", "0", output="again.h5")
    assert set(again.examples.share.tolist()) == {1.0}
    places = list(zip(again.examples.pos0.tolist(), again.examples.allele.tolist(), strict=True))
    assert len(set(places)) == len(places) > len(set(again.examples.pos0.tolist()))
    thin = set(zip(file.examples.pos0.tolist(), file.examples.allele.tolist(), strict=True))
    assert thin <= set(places)
    assert make("--share", "0")[0] == 2


def test_labels_without_truth_count_less_and_the_card_says_so(make, simulated, tmp_path):
    make("--rows", "0", "--set", "judged", output="mixed.h5")
    lines = simulated.files.labels.read_text().splitlines()
    weaker = tmp_path / "weaker.tsv"
    weaker.write_text("\n".join([f"{lines[0]}\tweight", *(f"{line}\t0.25" for line in lines[1:])]) + "\n")
    _, file = make("--rows", "0", "--set", "guessed", "--labels", str(weaker), "--append", output="mixed.h5")
    examples = file.examples
    assert file.without_truth == {"guessed"}
    assert set(zip(examples.set_name.tolist(), examples.weight.tolist(), strict=True)) == {("judged", 1), ("guessed", 0.25)}

    held_out = f"{examples.contig[0]}:1-5000"
    config = {"model_id": "a", "data": ["mixed.h5"], "architecture": "site_mlp", "fit": {"epochs": 1}, "limits": ["A toy."]}
    (tmp_path / "a.yaml").write_text(yaml.safe_dump(config | {"validation": {"regions": [held_out]}}))
    assert run_command(["train", str(tmp_path / "a.yaml"), "-o", str(tmp_path / "run"), "-q"]) == 0
    metadata = load_checkpoint(tmp_path / "run" / "a.safetensors").metadata
    n = int((examples.pos0 >= 5000).sum())
    learned, measured, toy = metadata.limits
    assert learned == f"No truth: labels from resources and reads for {n // 2} of {n} examples trained on (guessed)."
    assert "measured on labels without truth" in measured
    assert toy == "A toy."
    assert metadata.training["data"]["train examples without truth"] == n // 2


def test_a_library_user_keeps_his_environment(simulated, monkeypatch):
    monkeypatch.setenv("REF_PATH", "/somewhere")
    monkeypatch.setenv("REF_CACHE", "/elsewhere")
    files = simulated.files
    source = ExampleSource(str(files.calls), str(files.labels), (str(files.reads),), str(files.reference))
    with ExampleMaker(source, EncoderSpec(ENCODER_VERSION, FEATURE_NAMES)) as maker:
        assert next(maker.examples(1)).features.any()
    assert os.environ["REF_PATH"] == "/somewhere"
    assert os.environ["REF_CACHE"] == "/elsewhere"


def test_the_command_forbids_references_from_the_network(make, monkeypatch):
    monkeypatch.setenv("REF_PATH", "/somewhere")
    monkeypatch.setenv("REF_CACHE", "/elsewhere")
    assert make("--rows", "0")[0] == 0
    assert os.environ["REF_PATH"] == os.devnull
    assert "REF_CACHE" not in os.environ


def open_files(folder):
    """What this process has open under a folder."""
    found = []
    for entry in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):
            found.append(os.readlink(entry))
    return sorted(name for name in found if name.startswith(str(folder)))


def test_a_run_closes_what_it_opened(make, simulated, tmp_path):
    make()
    reads = simulated.files.reads.parent
    before = open_files(reads)
    config = {"model_id": "a", "data": ["examples.h5"], "in_memory": False, "architecture": "site_mlp", "fit": {"epochs": 1}}
    sources = [
        {"calls": str(simulated.files.calls), "labels": str(simulated.files.labels), "reads": [str(simulated.files.reads)],
         "reference": str(simulated.files.reference)},
    ]  # fmt: skip
    for number, changes in enumerate([{}, {"validation": {"contigs": ["none"]}}, {"data": [], "sources": sources, "rows": 0}]):
        (tmp_path / "config.yaml").write_text(yaml.safe_dump(config | changes))
        code = run_command(["train", str(tmp_path / "config.yaml"), "-o", str(tmp_path / f"run{number}"), "-q"])
        assert code == (1 if number == 1 else 0)
        assert open_files(tmp_path) == []
        assert open_files(reads) == before


def test_a_damaged_example_file_is_named_and_closed(make, tmp_path):
    import h5py

    make()
    with h5py.File(tmp_path / "examples.h5", "r+") as file:
        del file["depth"]
    with pytest.raises(TrainingError, match="examples.h5: the example file is damaged"):
        read_examples(tmp_path / "examples.h5", in_memory=False)
    assert open_files(tmp_path) == []


def test_names_are_kept_by_chance_and_seed():
    names = np.random.default_rng(0).integers(0, 2**63, 20_000).astype(np.uint64)
    kept = kept_names(names, 0.3, 1)
    assert kept.mean() == pytest.approx(0.3, abs=0.02)
    assert np.array_equal(kept, kept_names(names, 0.3, 1))
    assert (kept & kept_names(names, 0.3, 2)).mean() == pytest.approx(0.09, abs=0.02)
    assert not (kept & ~kept_names(names, 0.5, 1)).any()


def test_channels_are_chosen_by_name(make):
    options = ("--rows", "5", "--columns", "3")
    some, every = make(*options, "--channels", "support,base")[1], make(*options, output="all.h5")[1]
    assert some.spec.channels == ("support", "base")
    chosen = [every.spec.channels.index(name) for name in some.spec.channels]
    assert np.array_equal(some.examples.reads, every.examples.reads[..., chosen])


@pytest.mark.parametrize(
    "options",
    [
        *(["--downsample", "2"], ["--downsample", "0.5-0.1"], ["--downsample", "x"], ["--columns", "2"], ["--rows", "-1"]),
        *(["--channels", "colour"], ["--channels", "base,base"], ["--channels", "base,phase"]),
    ],
)
def test_wrong_options_are_usage_errors(make, options):
    assert make(*options)[0] == 2


def test_labels_of_other_calls_are_said(make, tmp_path, capfd):
    (tmp_path / "labels.tsv").write_text("chrom\tpos\tref\talt\tlabel\nchr99\t1\tA\tC\tTP\n")
    assert make("--labels", str(tmp_path / "labels.tsv"))[0] == 1
    assert "labels.tsv" in capfd.readouterr().err


def test_training_straight_from_the_reads(simulated, tmp_path):
    files = simulated.files
    source = {"calls": str(files.calls), "labels": str(files.labels), "reads": [str(files.reads)]}
    source |= {"reference": str(files.reference), "downsample": [0.3, 1.0]}
    contig = Path(f"{files.reference}.fai").read_text().split("\t")[0]
    config = {
        "model_id": "direct",
        "sources": [source],
        "rows": 16,
        "model": {"hidden": [8], "n_members": 2},
        "validation": {"regions": [f"{contig}:1-8000"]},
        "fit": {"epochs": 3, "batch_size": 32, "device": "cpu", "metric": "log_loss"},
    }
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(config))
    hashes = []
    for name in "ab":
        assert run_command(["train", str(tmp_path / "config.yaml"), "-o", str(tmp_path / name), "-q"]) == 0
        hashes.append(load_checkpoint(tmp_path / name / "direct.safetensors").sha256)
    assert hashes[0] == hashes[1]
    metadata = load_checkpoint(tmp_path / "a" / "direct.safetensors").metadata
    assert metadata.encoder.rows == 16
    assert metadata.training["data"]["validation examples"] > 0
