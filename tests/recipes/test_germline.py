"""The recipe of the shipped weights: its configurations, and the road from a harvest's tables to weights on simulated reads."""

from __future__ import annotations

import csv
import gzip
import json
from pathlib import Path

import numpy as np
import pytest
from examples import make_examples

from vcffilter.commands.main import run
from vcffilter.models.checkpoint import load_checkpoint
from vcffilter.training.config import TrainConfig, load_train_config
from vcffilter.training.dataset import ArrayDataset, concatenate
from vcffilter.training.example_file import read_examples
from vcffilter.training.fit import predict
from vcffilter.training.grown_trees import TreesConfig, grow_both
from vcffilter.training.out_of_fold import fold_of

yaml = pytest.importorskip("yaml")
pytest.importorskip("h5py")
pytest.importorskip("lightgbm")
pytest.importorskip("sklearn")

RECIPE = Path(__file__).parents[2] / "recipes" / "germline"


def configuration(name: str) -> TrainConfig:
    return load_train_config(RECIPE / f"{name}.yaml")


def places(*rows: tuple[str, str, int]) -> ArrayDataset:
    """Examples at (set, contig, pos1)."""
    sets, contigs, positions = zip(*rows, strict=True)
    return ArrayDataset.create(
        np.zeros((len(rows), 1)), np.zeros(len(rows)), set_name=sets, contig=contigs, pos0=np.array(positions) - 1
    )


def test_chromosomes_are_held_out_together_whatever_the_set():
    examples = places(
        ("nygc-chr21", "chr21", 1),
        ("na19401-nygc-chr21", "chr21", 1),
        ("nygc-chr21b", "chr21", 1),
        ("nygc-chr22", "chr22", 1),
        ("na19401-nygc-chr22", "chr22", 1),
        ("broad8x-chr20", "20", 1),
        ("sim-hiseq-9x", "chr20", 1),
        ("na12878-hiseq-slices", "chr4", 1),
    )
    expected = ["chr21", "chr21", "chr21", "chr22", "chr22", "chr20", "", ""]
    assert fold_of(examples, configuration("illumina").out_of_fold).tolist() == expected


def test_quarters_of_hifi_part_at_their_borders():
    revio = "hifi-revio-chr20"
    examples = places(
        *((revio, "chr20", pos1) for pos1 in (8_995_001, 9_022_000, 9_022_001, 9_050_001, 9_077_000, 9_077_001, 9_105_000)),
        ("chm13-hifi-chr20", "chr20", 100_000),
        ("sim-hifi-40x", "chr20", 1_100_000),
        ("sim-hifi-12x", "chr20", 4_200_000),
    )
    expected = ["quarter1", "quarter1", "quarter2", "quarter3", "quarter3", "quarter4", "quarter4", "chm13", "", ""]
    assert fold_of(examples, configuration("hifi").out_of_fold).tolist() == expected


CLIPS = ["alt_clipped", "all_clipped", "alt_clipped_bases", "all_clipped_bases"]


def test_quarters_of_ont_part_at_their_borders_and_simulated_reads_lie_in_none():
    r10, r94 = "ont-r10-chr20", "hg002-ont-r94-chr20-59m"
    borders = ((r10, (5_056_000, 5_059_400, 5_069_000)), (r94, (59_013_500, 59_044_000, 59_072_000)))
    examples = places(
        *((name, "chr20", pos1 + step) for name, of_set in borders for pos1 in of_set for step in (0, 1)),
        ("sim-ont-40x", "chr20", 100_000),
        ("sim-ont-r9-12x", "chr20", 100_000),
    )
    of_set = ["quarter1", "quarter2", "quarter2", "quarter3", "quarter3", "quarter4"]
    assert fold_of(examples, configuration("ont").out_of_fold).tolist() == [*of_set, *of_set, "", ""]


@pytest.mark.parametrize("name", ["hifi", "hifi-without-revio", "ont"])
def test_long_reads_tell_no_tree_how_often_they_are_clipped(name):
    assert configuration(name).model == {"unseen": CLIPS}
    contrasts = {"clipped_contrast", "clipped_bases_contrast"}
    if name != "hifi-without-revio":
        shipped = load_checkpoint(f"{name}-germline")
        used = set()
        for member in range(4):
            left = shipped.tensors[f"members.{member}.left"].numpy()
            splits = left != np.arange(len(left))
            used |= set(shipped.tensors[f"members.{member}.feature"].numpy()[splits].tolist())
        names = {shipped.metadata.encoder.features[index] for index in used}
        assert not names & set(CLIPS)
        assert names & contrasts


@pytest.mark.parametrize("name", ["hifi", "ont"])
def test_settings_of_long_reads_are_those_of_the_shipped_weights(name):
    config, shipped = configuration(name), load_checkpoint(f"{name}-germline").metadata
    assert (config.architecture, config.fit.seed, config.recall_snv, config.recall_indel) == ("trees:both", 1, None, None)
    assert [getattr(one, "only", "all") for one in config.data] == ["all", "indel"]
    assert (shipped.description, tuple(shipped.limits)) == (config.description, config.limits)
    assert shipped.training["grown"] == {"architecture": config.architecture, "model": config.model}
    assert shipped.training["fit"]["seed"] == config.fit.seed


@pytest.mark.parametrize("name", ["illumina"])
def test_settings_are_those_of_the_shipped_weights(name):
    config = configuration(name)
    assert config.model_id == f"{name}-germline"
    assert (config.architecture, config.model, config.fit.seed) == ("trees:both", {}, 1)
    assert (config.recall_snv, config.recall_indel) == (None, None)
    # Simulated SNVs are not trained on.
    assert [getattr(one, "only", "all") for one in config.data] == ["all", "indel"]
    shipped = load_checkpoint(config.model_id).metadata
    assert shipped.description == config.description
    assert tuple(shipped.limits) == config.limits
    settings = json.loads(shipped.training["recipe"])
    assert TreesConfig(**{**settings["trees"], "left_out": tuple(settings["trees"]["left_out"])}) == TreesConfig()
    assert settings["seed"] == config.fit.seed


def write_table(simulated, path: Path, bam: Path) -> int:
    """A harvest's table of the simulated sample's labelled calls; returns how many there are."""
    with open(simulated.files.labels) as lines:
        rows = [row for row in csv.reader(lines, delimiter="\t") if row[4] in ("TP", "FP")]
    with gzip.open(simulated.files.calls, "rt") as lines:
        records = [line.split("\t") for line in lines if not line.startswith("#")]
    quality = {(fields[1], fields[3], alt): fields[5] for fields in records for alt in fields[4].split(",")}
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w") as table:
        table.write("chrom\tpos\tref\talt\tlabel\tcallers\tmax_qual\thard\thow\tbam\n")
        for chrom, pos, ref, alt, label, *_ in rows:
            score = float(quality[pos, ref, alt])
            table.write(f"{chrom}\t{pos}\t{ref}\t{alt}\t{label}\tcalls\t{score:.3f}\t{int(score >= 1)}\tshipped\t{bam}\n")
    return len(rows)


def test_from_tables_to_weights(simulated, tmp_path):
    """The shipped recipe's road by commands gives the forest that its trees give when they are grown by hand."""
    work = tmp_path / "real"
    reads = tmp_path / "reads" / "reads.bam"
    reads.parent.mkdir()
    reads.symlink_to(simulated.files.reads)
    Path(f"{reads}.bai").symlink_to(f"{simulated.files.reads}.bai")
    (reads.parent / "reference.fa.gz").symlink_to(simulated.files.reference)
    Path(f"{reads.parent / 'reference.fa.gz'}.fai").symlink_to(f"{simulated.files.reference}.fai")
    made = []
    for set_name, share in (("broad8x-chr20", "1.00"), ("nygc-chr21", "1.00"), ("nygc-chr21", "0.50"), ("nygc-chr22", "1.00")):
        table = work / "harvest" / f"{set_name}.f{share}-s0.tsv"
        n_rows = write_table(simulated, table, reads)
        target = make_examples(table, tmp_path, work)
        examples = read_examples(target).examples
        assert 0.95 * n_rows < len(examples) <= n_rows
        assert set(examples.set_name.tolist()) == {set_name}
        assert set(examples.share.tolist()) == {float(share)}
        made.append(target)
    changed = made[0].stat().st_mtime_ns
    assert make_examples(work / "harvest" / "broad8x-chr20.f1.00-s0.tsv", tmp_path, work).stat().st_mtime_ns == changed
    settings = yaml.safe_load((RECIPE / "illumina.yaml").read_text())
    settings["data"] = settings["data"][:1]
    (tmp_path / "illumina.yaml").write_text(yaml.safe_dump(settings))
    assert run(["train", str(tmp_path / "illumina.yaml"), "-o", str(tmp_path / "run"), "-q"]) == 0
    checkpoint = load_checkpoint(tmp_path / "run" / "illumina-germline.safetensors")
    files = [read_examples(path) for path in sorted(made)]
    examples = concatenate([file.examples for file in files])
    expected = grow_both(np.nan_to_num(examples.features), examples.label, TreesConfig(), files[0].spec, seed=1)
    assert checkpoint.metadata.config == expected.config
    assert all(tensor.equal(checkpoint.tensors[name]) for name, tensor in expected.module.state_dict().items())
    assert checkpoint.metadata.thresholds == checkpoint.metadata.presets["presets"]["balanced"]["thresholds"]
    assert np.isfinite(predict(checkpoint.build(), examples)).all()
