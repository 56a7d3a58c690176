"""A gate made of shares: every depth sends the same share of its alleles to the network, and the card says so."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pysam
import pytest

from vcffilter.commands.main import run
from vcffilter.models.checkpoint import load_checkpoint
from vcffilter.simulation.sample import SampleReport
from vcffilter.training.gates import errors_by_stage, gate_of_share, shares_by_depth

DEPTHS = {"1-7 reads": (1, 7), "8-20 reads": (8, 20), "21 or more reads": (21, 1000)}
STAGES = ("trees", "network")
TREES = {"model": {"boosted_trees": 10, "learning_rate": 0.3, "extra_trees": 5, "extra_depth": 6, "left_out": []}}
FIT = {"epochs": 1, "batch_size": 256, "learning_rate": 1e-2, "ema_decay": 0.9, "seed": 3, "threads": 1}
MODEL = {"first": TREES, "second": {"architecture": "read_set", "config": {"hidden": [8], "n_members": 1}}, "gate_share": 0.15}


def train(folder: Path, capsys: pytest.CaptureFixture[str], folds: dict, model: dict) -> str:
    """What is said on stderr of an error; the weights are run/both.safetensors."""
    yaml = pytest.importorskip("yaml")
    config = {"model_id": "both", "data": ["*.h5"], "architecture": "cascade", "model": model, "fit": FIT, "calibration": "platt"}
    (folder / "config.yaml").write_text(yaml.safe_dump(config | {"out_of_fold": {"folds": folds}}))
    run(["train", str(folder / "config.yaml"), "-o", str(folder / "run")])
    return capsys.readouterr().err


@pytest.fixture
def trainers() -> None:
    for name in ("yaml", "h5py", "lightgbm", "sklearn"):
        pytest.importorskip(name)


def test_sparse_and_deep_alleles_send_the_same_share() -> None:
    draw = np.random.default_rng(1)
    depth = draw.integers(0, 60, 6000)
    first = draw.normal(0, 0.5 + depth / 8)  # the deeper, the surer
    gate = gate_of_share(first, depth, 0.1)
    assert [(band.kind, band.reads_from) for band in gate] == [(k, reads) for reads in (0, 8, 21) for k in ("other", "snv")]
    halves = [band.high for band in gate[::2]]
    assert halves == sorted(halves)
    assert halves[2] > 4 * halves[0]
    for one, two in zip(gate[::2], gate[1::2], strict=True):
        assert (one.low, one.high, one.share) == (two.low, two.high, two.share)
        assert one.low == -one.high
        assert one.share == pytest.approx(0.1, abs=0.005)


def test_a_depth_that_was_hardly_seen_has_the_borders_of_all() -> None:
    first = np.random.default_rng(1).normal(0, 3, 1000)
    depth = np.where(np.arange(1000) < 50, 4, 30)
    few, none, many = gate_of_share(first, depth, 0.2)[::2]
    assert few.high == none.high == round(float(np.quantile(np.abs(first), 0.2)), 2)
    assert many.share == pytest.approx(0.2, abs=0.005)


def test_shares_and_errors_of_the_card_by_depth() -> None:
    depth = np.repeat([3, 10, 30], 200)
    doubtful = np.tile(np.arange(200) < 100, 3)
    is_snv = np.tile(np.arange(200) % 4 > 0, 3)
    shares = shares_by_depth(doubtful & (depth < 21), depth, is_snv)
    assert shares["1-7 reads"] == shares["snv, 8-20 reads"] == shares["other, 1-7 reads"] == 0.5
    assert shares["21 or more reads"] == 0
    assert shares["all"] == pytest.approx(1 / 3, abs=1e-3)
    # All are true; the network says 0.5 of the deep ones, 0.9 is said of all others, 0.8 by trees alone.
    logits = np.where(doubtful & (depth == 30), 0.0, np.log(9.0))
    errors = errors_by_stage(logits, np.full(600, np.log(4.0)), np.ones(600), doubtful, depth)
    assert errors.pop("21 or more reads, network") == 0.5
    assert [errors.pop(f"{name}, network's by trees alone") for name in DEPTHS] == [0.2, 0.2, 0.2]
    assert set(errors.values()) == {0.1}
    assert len(errors) == 5


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"gate": [{"kind": "snv", "low": -1.0, "high": 1.0}]}, "either bands or gate_share"),
        ({"gate_share": 0}, "either bands or gate_share"),
        ({"gate_share": 0.95}, "gate_share is 0.95, not 0 to 0.9"),
        ({"gate_share": -0.1}, "gate_share is -0.1"),
        ({"gate_share": "some"}, "model.gate_share"),
    ],
)
def test_shares_that_make_no_gate(
    trainers: None, tmp_path: Path, capsys: pytest.CaptureFixture[str], change: dict, said: str
) -> None:
    assert said in train(tmp_path, capsys, {name: {"contigs": [name]} for name in "ab"}, MODEL | change)


def test_every_depth_has_its_share_through_the_network(
    trainers: None, simulated: SampleReport, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """From reads to weights and back to records, on all reads and on parts of them."""
    files = simulated.files
    common = ["-f", str(files.reference)]
    for number, share in enumerate(("1", "0.4", "0.12")):
        asked = ["--labels", str(files.labels), "--rows", "12", "--downsample", share, "-o", str(tmp_path / f"{number}.h5"), "-q"]
        assert run(["examples", str(files.calls), "-b", str(files.reads), *common, *asked]) == 0
    contig = pysam.FastaFile(str(files.reference)).references[0]
    folds = {"a": {"regions": [f"{contig}:1-10000"]}, "b": {"regions": [f"{contig}:10001-20000"]}}
    train(tmp_path, capsys, folds, MODEL)
    model = tmp_path / "run" / "both.safetensors"
    metadata = load_checkpoint(model).metadata
    assert [band["reads_from"] for band in metadata.config["gate"]] == [0, 0, 8, 8, 21, 21]
    for name in DEPTHS:
        assert metadata.evaluation["share of all copies in doubt"][name] == pytest.approx(0.15, abs=0.03)
    assert "21 or more reads, trees" in metadata.evaluation["calibration error by depth and stage, all copies"]
    run(["models", str(model)])
    card = capsys.readouterr().out
    assert "| kind | reads from | above | below | share |" in card
    assert "| snv | 21 | -" in card
    found: dict[str, list[str]] = {name: [] for name in DEPTHS}
    for share in (1, 0.4, 0.12):
        thinned = files.reads if share == 1 else tmp_path / "thin.bam"
        if share < 1:
            pysam.view("-b", "-s", f"{1 + share}", "-o", str(thinned), "--write-index", str(files.reads), catch_stdout=False)
        out = tmp_path / "out.vcf"
        assert run(["filter", str(files.calls), "-b", str(thinned), *common, "--model", str(model), "-o", str(out), "-q"]) == 0
        for depth, stage in stages_of(out):
            for name, (least, most) in DEPTHS.items():
                found[name] += [stage] * (least <= depth <= most)
    for name, stages in found.items():
        assert len(stages) > 60, name
        assert 0.01 < stages.count("network") / len(stages) < 0.35, name


def stages_of(out: Path) -> list[tuple[int, str]]:
    """(informing reads, who decided) of every scored ALT."""
    with pysam.VariantFile(str(out)) as records:
        told = [dict(one.info) for one in records if "PILEUP_STAGE" in one.info]
    return [pair for info in told for pair in zip(info["PILEUP_DP"], info["PILEUP_STAGE"], strict=True) if pair[1] in STAGES]
