"""The whole files that fuzz cases change: one small simulated sample in every format that the program reads."""

from __future__ import annotations

import gzip
import json
import shutil
from dataclasses import replace
from pathlib import Path

import mutations
import numpy as np
import pysam

from vcffilter.commands.main import run
from vcffilter.models.checkpoint import encode_checkpoint, load_checkpoint
from vcffilter.models.encoder_spec import EncoderSpec
from vcffilter.models.registry import build
from vcffilter.simulation.sample import simulate_sample
from vcffilter.simulation.settings import preset, with_options
from vcffilter.training.dataset import ArrayDataset
from vcffilter.training.example_file import write_examples

CONTIG = "sim1"
_TRAIN = {
    "model_id": "tiny-1", "data": ["examples.h5"], "architecture": "site_mlp", "model": {"hidden": [8]}, "recall_snv": 0.95,
    "validation": {"contigs": ["chr2"]}, "exclude": {"regions": ["chr1:1-1000"]}, "limits": ["A toy."],
    "fit": {"epochs": 1, "batch_size": 128, "learning_rate": 0.005, "ema_decay": 0.9, "device": "cpu", "threads": 1},
}  # fmt: skip
_COMPARE = {
    "data": ["examples.h5"], "n_folds": 2, "group_by": "region", "region_bases": 2000, "metric": "hard_auroc", "seed": 1,
    "experiments": [{"name": "mlp", "architecture": "site_mlp", "model": {"hidden": [4]}}],
    "fit": {"epochs": 1, "batch_size": 128, "device": "cpu", "threads": 1},
}  # fmt: skip


def make_base_files(folder: Path) -> None:
    """Fill the folder. The kinds of cases (kinds.py) name its files."""
    settings = with_options(preset("novaseq"), seed=5, length=3000, depth=20, variant_rate=1 / 120, artefact_scale=3.0)
    made = simulate_sample(folder / "made", settings).files
    _calls(folder, made.calls)
    _reads(folder, made.reads, made.reference)
    _reference(folder, made.reference)
    for path in (made.truth, Path(f"{made.truth}.tbi"), made.labels):
        shutil.copy(path, folder / path.name)
    (folder / "truth.vcf").write_bytes(gzip.decompress(made.truth.read_bytes()))
    (folder / "regions.bed").write_text(
        f"{CONTIG}\t0\t900\tfirst\n{CONTIG}\t800\t1500\n# a comment\n{CONTIG}\t2000\t3000\tlast\t0\t+\n"
    )
    (folder / "samples.tsv").write_text("SIM\tSIM\nOTHER\tSIM2\n")
    _model(folder / "tiny.safetensors")
    forest = load_checkpoint("illumina-germline")
    shutil.copy(forest.path, folder / "shipped.safetensors")
    _training(folder)
    filtered = ["filter", folder / "calls.vcf", "-b", folder / "reads.bam", "-f", folder / "reference.fa"]
    more = ["--reasons", "--threads", 1, "-q", "-o", folder / "filtered.vcf"]
    if run([str(word) for word in filtered + more]) != 0:
        raise RuntimeError("the files that nothing was changed in do not pass through filter")


def _calls(folder: Path, calls: Path) -> None:
    text = gzip.decompress(calls.read_bytes())
    (folder / "calls.vcf").write_bytes(text)
    (folder / "calls.vcf.gz").write_bytes(mutations.bgzf(text))
    pysam.tabix_index(str(folder / "calls.vcf.gz"), preset="vcf", force=True)
    shutil.copy(folder / "calls.vcf.gz", folder / "calls.csi.vcf.gz")
    pysam.tabix_index(str(folder / "calls.csi.vcf.gz"), preset="vcf", force=True, csi=True)
    with (
        pysam.VariantFile(str(calls)) as source,
        pysam.VariantFile(str(folder / "packed.bcf"), "wb", header=source.header) as bcf,
    ):
        for record in source:
            bcf.write(record)
    (folder / "calls.bcf").write_bytes(mutations.bgzf(gzip.decompress((folder / "packed.bcf").read_bytes())))
    pysam.tabix_index(str(folder / "calls.bcf"), preset="bcf", force=True)


def _reads(folder: Path, reads: Path, reference: Path) -> None:
    (folder / "reads.bam").write_bytes(mutations.bgzf(gzip.decompress(reads.read_bytes())))
    pysam.index(str(folder / "reads.bam"))
    shutil.copy(folder / "reads.bam", folder / "reads.csi.bam")
    pysam.index("-c", str(folder / "reads.csi.bam"))
    for name, version, level in (("reads.cram", "3.0", "5"), ("plain.cram", "3.0", "0"), ("reads31.cram", "3.1", "5")):
        with (
            pysam.AlignmentFile(str(reads)) as source,
            pysam.AlignmentFile(
                str(folder / name), "wc", template=source, reference_filename=str(reference),
                format_options=[f"version={version}".encode(), f"level={level}".encode(), b"seqs_per_slice=100"],
            ) as cram,
        ):  # fmt: skip
            for read in source:
                cram.write(read)
        pysam.index(str(folder / name))


def _reference(folder: Path, reference: Path) -> None:
    shutil.copy(reference, folder / "reference.fa")
    (folder / "reference.fa.gz").write_bytes(mutations.bgzf(reference.read_bytes(), 6))
    for name in ("reference.fa", "reference.fa.gz"):
        pysam.faidx(str(folder / name))


def _model(path: Path) -> None:
    """A network of few numbers with a read tensor: loaded in milliseconds."""
    shipped = load_checkpoint("hifi-germline").metadata
    spec = replace(shipped.encoder, channels=("base_quality", "support", "mapping_quality"), rows=9, columns=1)
    config = {"hidden": [8], "n_members": 1}
    metadata = replace(shipped, architecture="read_set", config=config, encoder=spec)
    path.write_bytes(encode_checkpoint(build("read_set", config, spec), metadata))


def _training(folder: Path) -> None:
    random = np.random.default_rng(1)
    n = 300
    features = random.normal(size=(n, 4)).astype(np.float32)
    label = (features[:, 0] + random.logistic(size=n) > 0).astype(np.float32)
    examples = ArrayDataset.create(
        features, label, None, is_snv=random.random(n) < 0.6, hard=random.random(n) < 0.9, depth=np.full(n, 6),
        pos0=np.arange(n) * 100, contig=np.where(np.arange(n) < 200, "chr1", "chr2"), set_name="a",
    )  # fmt: skip
    write_examples(folder / "examples.h5", examples, EncoderSpec(1, tuple(f"feature_{number}" for number in range(4))))
    for name, config in (("train.yaml", _TRAIN), ("compare.yaml", _COMPARE)):
        (folder / name).write_text(_yaml(config))


def _yaml(config: dict) -> str:
    """One key a line, so that changes to lines change keys."""
    lines = []
    for key, value in config.items():
        if isinstance(value, dict):
            lines += [f"{key}:", *(f"  {name}: {json.dumps(inner)}" for name, inner in value.items())]
        else:
            lines.append(f"{key}: {json.dumps(value)}")
    return "\n".join(lines) + "\n"
