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
#: What came later than the first network: everything that a record can be given at once.
EVERYTHING = "--tier 0.02 --bands 95,99,99.9 --background {base}/background.bam --background-filter --reasons --sample-ft"
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
_FOLDS = {"folds": {"a": {"contigs": ["chr1"]}, "b": {"contigs": ["chr2"]}}}
_FEW_TREES = {
    "boosted_trees": 4, "extra_trees": 2, "extra_depth": 4, "learning_rate": 0.3, "left_out": ["feature_1"], "unseen": [],
}  # fmt: skip
_TREES = {
    "model_id": "trees-1", "data": [{"files": "exam*.h5", "only": "all", "weight": 0.5}], "architecture": "trees:both",
    "model": _FEW_TREES, "out_of_fold": _FOLDS, "calibration": "platt", "recall_indel": None, "description": "Small.",
    "fit": {"seed": 1, "threads": 1},
}  # fmt: skip
_CASCADE = {
    "model_id": "stages-1", "data": ["pileups.h5"], "in_memory": False, "architecture": "cascade", "out_of_fold": _FOLDS,
    "model": {
        "first": {"architecture": "trees:both", "model": _FEW_TREES | {"left_out": []}},
        "second": {"architecture": "read_set", "config": {"hidden": [4], "n_members": 1}},
        "gate": [{"kind": kind, "low": -2.0, "high": 2.0, "reads_from": 0} for kind in ("snv", "other")],
        "pretraining": {"epochs": 1, "batch_size": 64, "threads": 1, "augmentation": {"keep_reads_from": 0.5}},
    },
    "fit": {"epochs": 1, "batch_size": 64, "teacher_share": 0.5, "device": "cpu", "threads": 1}, "calibration": "platt",
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
    _shipped(folder)
    _training(folder)
    _others(folder, made.reference)
    _resource(folder)
    everything = [*EVERYTHING.format(base=folder).split(), "--model", folder / "stages.safetensors"]
    for name, more in (("filtered.vcf", ["--reasons"]), ("everything.vcf", everything)):
        words = ["filter", folder / "calls.vcf", "-b", folder / "reads.bam", "-f", folder / "reference.fa", *more]
        if run([str(word) for word in [*words, "--threads", 1, "-q", "-o", folder / name]]) != 0:
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
    _plain_bam(reads, folder / "reads.bam")
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


def _plain_bam(reads: Path, target: Path) -> None:
    """Uncompressed within BGZF: the index stays right where a change keeps the length."""
    target.write_bytes(mutations.bgzf(gzip.decompress(reads.read_bytes())))
    pysam.index(str(target))


def _others(folder: Path, reference: Path) -> None:
    """Reads of somebody else on the same reference."""
    settings = with_options(preset("novaseq"), seed=6, length=3000, depth=12, artefact_scale=3.0, sample="OTHER")
    reads = simulate_sample(folder / "others", settings, fasta=str(reference)).files.reads
    _plain_bam(reads, folder / "background.bam")
    pysam.view("-C", "-T", str(reference), "-o", str(folder / "background.cram"), str(reads), catch_stdout=False)
    pysam.index(str(folder / "background.cram"))


def _resource(folder: Path) -> None:
    """Two of three alleles of the truth, without samples."""
    lines = (folder / "truth.vcf").read_bytes().splitlines(keepends=True)
    head = [line for line in lines if line.startswith(b"##")]
    records = [line.split(b"\t")[:8] for line in lines if not line.startswith(b"#")]
    kept = [b"\t".join(fields).rstrip(b"\n") + b"\n" for number, fields in enumerate(records) if number % 3]
    text = b"".join([*head, b"#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n", *kept])
    (folder / "resource.vcf.gz").write_bytes(mutations.bgzf(text))
    pysam.tabix_index(str(folder / "resource.vcf.gz"), preset="vcf", force=True)
    with (
        pysam.VariantFile(str(folder / "resource.vcf.gz")) as source,
        pysam.VariantFile(str(folder / "packed-resource.bcf"), "wb", header=source.header) as bcf,
    ):
        for record in source:
            bcf.write(record)
    (folder / "resource.bcf").write_bytes(mutations.bgzf(gzip.decompress((folder / "packed-resource.bcf").read_bytes())))
    pysam.tabix_index(str(folder / "resource.bcf"), preset="bcf", force=True)


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


def _shipped(folder: Path) -> None:
    """Trees, trees that see phase, and two stages, with what lies beside them to explain a score."""
    for name, shipped in (("shipped", "illumina-germline"), ("phase", "hifi-germline"), ("stages", "illumina-pileup")):
        path = Path(load_checkpoint(shipped).path)
        shutil.copy(path, folder / f"{name}.safetensors")
        for ending in (".covers.npz", ".examples.npz"):
            shutil.copy(path.with_name(shipped + ending), folder / (name + ending))


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
    features[:, 2], features[:, 3] = examples.is_snv, np.log2(7)
    reads = random.integers(1, 255, (n, 5, 1, 3), dtype=np.uint8)
    seen = ("feature_0", "feature_1", "is_snv", "log_depth")
    spec = EncoderSpec(1, seen, ("base_quality", "support", "mapping_quality"), 5, 1)
    write_examples(folder / "pileups.h5", replace(examples, features=features, reads=reads), spec)
    configs = {"train": _TRAIN, "compare": _COMPARE, "trees": _TREES, "cascade": _CASCADE}
    for name, config in configs.items():
        (folder / f"{name}.yaml").write_text(_yaml(config))


def _yaml(config: dict) -> str:
    """One key a line, so that changes to lines change keys."""
    lines = []
    for key, value in config.items():
        if isinstance(value, dict):
            lines += [f"{key}:", *(f"  {name}: {json.dumps(inner)}" for name, inner in value.items())]
        else:
            lines.append(f"{key}: {json.dumps(value)}")
    return "\n".join(lines) + "\n"
