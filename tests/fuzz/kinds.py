# ruff: noqa: E501
"""The kinds of fuzz cases: which file is changed, how, and the command that then reads it."""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

import mutations
from base_files import EVERYTHING

Change = Callable[[Random, bytes], bytes]


@dataclass(frozen=True)
class Kind:
    """name: as `run.py --only` takes it. changed: file of the base folder that is changed. change: how. command: {base} is the
    folder of whole files, {changed} the changed file, {out} an empty folder. beside: files that lie beside the changed one under
    their own names. codes: exit codes that are an end as it should be.
    """

    name: str
    changed: str
    change: Change
    command: str
    beside: tuple[str, ...] = ()
    codes: tuple[int, ...] = (0, 1, 2)
    through_stdin: bool = False


_MODEL = "--model {base}/tiny.safetensors --threads 1 -q"
_FILTER = f"filter {{calls}} -b {{reads}} -f {{reference}} -o {{out}}/o.vcf {_MODEL}"


def _filter(
    calls: str = "{base}/calls.vcf", reads: str = "{base}/reads.bam", reference: str = "{base}/reference.fa", more: str = ""
) -> str:
    return f"{_FILTER} {more}".replace("{calls}", calls).replace("{reads}", reads).replace("{reference}", reference)


def _gzipped_text(random: Random, data: bytes) -> bytes:
    """Text changed within gzip (crai)."""
    return gzip.compress(mutations.change_text(random, gzip.decompress(data)), mtime=0)


def _bgzipped_text(random: Random, data: bytes) -> bytes:
    return mutations.bgzf(mutations.change_text(random, gzip.decompress(data)))


def _index(random: Random, data: bytes) -> bytes:
    """CSI and TBI are compressed: mostly changed within."""
    if data[:2] == b"\x1f\x8b" and random.random() < 0.8:
        return mutations.change_recompressed(random, data)
    return mutations.change_bytes(random, data)


#: Settings that say how long a training takes, and the most that one may ask for.
_WORK = re.compile(rb"(epochs|boosted_trees|extra_trees|extra_depth|n_folds)\W*([^\s,}]*)")
_MOST = {b"epochs": 1, b"boosted_trees": 4, b"extra_trees": 2, b"extra_depth": 4, b"n_folds": 2}


def _yaml(random: Random, data: bytes) -> bytes:
    """A configuration that would rightly train for hours is none that the program should refuse: it is drawn again."""
    asked = {name for name, _ in _WORK.findall(data)}
    while True:
        text = mutations.change_text(random, data, b":,[]{} ")
        found = _WORK.findall(text)
        if {name for name, _ in found} == asked and all(value.isdigit() and int(value) <= _MOST[name] for name, value in found):
            return text


_REGION = "-r sim1:100-2500"
_TRUTH = "--truth {base}/truth.vcf.gz --confident {base}/regions.bed -f {base}/reference.fa"
_STAGES = f"--model {{base}}/stages.safetensors {EVERYTHING}"
_KNOWN = "-f {base}/reference.fa -o {out}/l.tsv"
_EXPLAIN = "explain {base}/filtered.vcf --failed 2 -b {base}/reads.bam -f {base}/reference.fa -q"
_READS = "-b {base}/reads.bam -f {base}/reference.fa"

KINDS = (
    Kind("vcf-text", "calls.vcf", mutations.change_text, _filter("{changed}")),
    Kind("vcf-stdin", "calls.vcf", mutations.change_text, _filter("-", more="-Ob"), through_stdin=True),
    Kind("vcf-to-bcf", "filtered.vcf", mutations.change_text, _filter("{changed}", more="-Ob --reasons --mode reset")),
    Kind("vcf.gz-bytes", "made/calls.vcf.gz", mutations.change_bytes, _filter("{changed}", more="-Oz -W")),
    Kind("vcf.gz-within", "calls.vcf.gz", _bgzipped_text, _filter("{changed}", more=_REGION), ("calls.vcf.gz.tbi",)),
    Kind("bcf-bytes", "packed.bcf", mutations.change_bytes, _filter("{changed}", more="-Ou")),
    Kind("bcf-within", "calls.bcf", mutations.change_bcf, _filter("{changed}", more="--reasons")),
    Kind("bcf-region", "calls.bcf", mutations.change_bcf, _filter("{changed}", more=f"{_REGION} -s SIM -Ob"), ("calls.bcf.csi",)),
    Kind("tbi", "calls.vcf.gz.tbi", _index, _filter("{folder}/calls.vcf.gz", more=_REGION), ("calls.vcf.gz",)),
    Kind("csi", "calls.csi.vcf.gz.csi", _index, _filter("{folder}/calls.csi.vcf.gz", more=_REGION), ("calls.csi.vcf.gz",)),
    Kind("bcf-csi", "calls.bcf.csi", _index, _filter("{folder}/calls.bcf", more=_REGION), ("calls.bcf",)),
    Kind("bam-bytes", "made/reads.bam", mutations.change_bytes, _filter(reads="{changed}"), ("made/reads.bam.bai",)),
    Kind("bam-within", "reads.bam", mutations.change_bam, _filter(reads="{changed}", more="--reasons"), ("reads.bam.bai",)),
    Kind("bai", "reads.bam.bai", _index, _filter(reads="{folder}/reads.bam"), ("reads.bam",)),
    Kind("bam-csi", "reads.csi.bam.csi", _index, _filter(reads="{folder}/reads.csi.bam"), ("reads.csi.bam",)),
    Kind("cram-bytes", "reads.cram", mutations.change_bytes, _filter(reads="{changed}"), ("reads.cram.crai",)),
    Kind("cram-within", "plain.cram", mutations.change_cram, _filter(reads="{changed}"), ("plain.cram.crai",)),
    Kind("cram31-within", "reads31.cram", mutations.change_cram, _filter(reads="{changed}"), ("reads31.cram.crai",)),
    Kind("crai", "reads.cram.crai", _gzipped_text, _filter(reads="{folder}/reads.cram"), ("reads.cram",)),
    Kind("fasta", "reference.fa", mutations.change_text, _filter(reference="{changed}"), ("reference.fa.fai",)),
    Kind("fasta-cram", "reference.fa", mutations.change_text, _filter(reads="{base}/reads.cram", reference="{changed}"), ("reference.fa.fai",)),
    Kind("fasta.gz", "reference.fa.gz", mutations.change_bytes, _filter(reference="{changed}"), ("reference.fa.gz.fai", "reference.fa.gz.gzi")),
    Kind("fai", "reference.fa.fai", mutations.change_text, _filter(reference="{folder}/reference.fa"), ("reference.fa",)),
    Kind("gzi", "reference.fa.gz.gzi", mutations.change_bytes, _filter(reference="{folder}/reference.fa.gz"), ("reference.fa.gz", "reference.fa.gz.fai")),
    Kind("bed-targets", "regions.bed", mutations.change_text, _filter(more="-T {changed}")),
    Kind("bed-regions", "regions.bed", mutations.change_text, _filter("{base}/calls.vcf.gz", more="-R {changed}")),
    Kind("sample-map", "samples.tsv", mutations.change_text, _filter(more="--sample-map {changed}")),
    Kind("model-bytes", "tiny.safetensors", mutations.change_bytes, _filter(more="--model {changed}")),
    Kind("model-header", "tiny.safetensors", mutations.change_safetensors_header, _filter(more="--model {changed}")),
    Kind("model-tensors", "tiny.safetensors", mutations.change_tensors, _filter(more="--model {changed}")),
    Kind("forest-header", "shipped.safetensors", mutations.change_safetensors_header, _filter(more="--model {changed} --reasons")),
    Kind("forest-tensors", "shipped.safetensors", mutations.change_tensors, _filter(more="--model {changed} --reasons")),
    Kind("train-yaml", "train.yaml", _yaml, "train {changed} -o {out}/run -q", ("examples.h5",)),
    Kind("compare-yaml", "compare.yaml", _yaml, "compare {changed} -o {out}/run -q", ("examples.h5",)),
    Kind("examples-h5", "examples.h5", mutations.change_bytes, "train {folder}/train.yaml -o {out}/run -q", ("train.yaml",)),
    Kind("labels", "calls.labels.tsv", mutations.change_text, f"examples {{base}}/calls.vcf {_READS} --labels {{changed}} --rows 0 -o {{out}}/e.h5 -q"),
    Kind("label-truth", "truth.vcf", mutations.change_text, "label {base}/calls.vcf --truth {changed} -f {base}/reference.fa -o {out}/l.tsv"),
    Kind("label-calls", "calls.vcf", mutations.change_text, f"label {{changed}} {_TRUTH} -o {{out}}/l.tsv"),
    Kind("evaluate", "filtered.vcf", mutations.change_text, f"evaluate {{changed}} {_TRUTH} --bootstrap 0 --no-html -o {{out}}/e -q"),
    Kind("evaluate-bed", "regions.bed", mutations.change_text, "evaluate {base}/filtered.vcf --truth {base}/truth.vcf.gz --confident {changed} -f {base}/reference.fa --bootstrap 0 --no-html -q"),
    Kind("calibrate", "calls.labels.tsv", mutations.change_text, f"calibrate {{base}}/calls.vcf {_READS} --labels {{changed}} --force --minimum-examples 2 --model {{base}}/tiny.safetensors -o {{out}}/m.safetensors -q"),
    Kind("report", "filtered.vcf", mutations.change_text, "report {changed} -o {out}/r.html -q"),
    Kind("check-calls", "calls.vcf", mutations.change_text, f"check {{changed}} {_READS} --model {{base}}/tiny.safetensors", codes=(0, 1, 2, 3)),
    Kind("check-reads", "reads.bam", mutations.change_bam, "check {base}/calls.vcf -b {changed} -f {base}/reference.fa --model {base}/tiny.safetensors", ("reads.bam.bai",), codes=(0, 1, 2, 3)),
    Kind("check-fasta", "reference.fa", mutations.change_text, "check {base}/calls.vcf -b {base}/reads.bam -f {changed} --model {base}/tiny.safetensors", ("reference.fa.fai",), codes=(0, 1, 2, 3)),
    # Others' reads
    Kind("background-bam", "background.bam", mutations.change_bam, _filter(more="--background {changed} --background-filter"), ("background.bam.bai",)),
    Kind("background-cram", "background.cram", mutations.change_cram, _filter(more="--background OTHER={changed}"), ("background.cram.crai",)),
    Kind("background-bai", "background.bam.bai", _index, _filter(more="--background {folder}/background.bam"), ("background.bam",)),
    # Two stages, cuts and phase in checkpoints
    Kind("stages-bytes", "stages.safetensors", mutations.change_bytes, _filter(more="--model {changed}")),
    Kind("stages-header", "stages.safetensors", mutations.change_safetensors_header, _filter(more="--model {changed} --reasons")),
    Kind("stages-tensors", "stages.safetensors", mutations.change_tensors, _filter(more="--model {changed} --reasons")),
    Kind("stages-trees", "stages.safetensors", mutations.change_safetensors_header, _filter(more="--model {changed} --stage trees")),
    Kind("stages-reads", "reads.bam", mutations.change_bam, _filter(reads="{changed}", more=_STAGES), ("reads.bam.bai",)),
    Kind("card-tier", "stages.safetensors", mutations.change_card, _filter(more="--model {changed} --tier 0.02 --bands 95,99,99.9")),
    Kind("card-preset", "shipped.safetensors", mutations.change_card, _filter(more="--model {changed} --preset strict")),
    Kind("card-recall", "phase.safetensors", mutations.change_card, _filter(more="--model {changed} --target-recall 0.99")),
    Kind("card-models", "stages.safetensors", mutations.change_card, "models {changed}"),
    Kind("phase-header", "phase.safetensors", mutations.change_safetensors_header, _filter(more="--model {changed} --reasons")),
    Kind("phase-tensors", "phase.safetensors", mutations.change_tensors, _filter(more="--model {changed}")),
    Kind("phase-reads", "reads.bam", mutations.change_bam, _filter(reads="{changed}", more="--model {base}/phase.safetensors"), ("reads.bam.bai",)),
    Kind("phase-examples", "reads.bam", mutations.change_bam, "examples {base}/calls.vcf -b {changed} -f {base}/reference.fa --labels {base}/calls.labels.tsv --rows 9 --phase-reach 500 -o {out}/e.h5 -q", ("reads.bam.bai",)),
    # Everything that a record was given, read again
    Kind("again", "everything.vcf", mutations.change_text, _filter("{changed}", more=_STAGES)),
    Kind("again-report", "everything.vcf", mutations.change_text, "report {changed} -o {out}/r.html -q"),
    Kind("again-evaluate", "everything.vcf", mutations.change_text, f"evaluate {{changed}} {_TRUTH} --bootstrap 0 --no-html -o {{out}}/e -q"),
    # Labels without truth
    Kind("resource", "resource.vcf.gz", _bgzipped_text, f"label {{base}}/calls.vcf --resource {{changed}} -b {{base}}/reads.bam {_KNOWN}", ("resource.vcf.gz.tbi",)),
    Kind("resource-bcf", "resource.bcf", mutations.change_bcf, f"label {{base}}/calls.vcf --resource {{changed}} -b {{base}}/reads.bam {_KNOWN}", ("resource.bcf.csi",)),
    Kind("resource-tbi", "resource.vcf.gz.tbi", _index, f"label {{base}}/calls.vcf --resource {{folder}}/resource.vcf.gz {_KNOWN}", ("resource.vcf.gz",)),
    Kind("resource-calls", "everything.vcf", mutations.change_text, f"label {{changed}} --resource {{base}}/resource.vcf.gz -b {{base}}/reads.bam --max-prob 0.01 {_KNOWN}"),
    Kind("resource-reads", "reads.bam", mutations.change_bam, f"label {{base}}/calls.vcf --resource {{base}}/resource.vcf.gz -b {{changed}} {_KNOWN}", ("reads.bam.bai",)),
    Kind("resource-witness", "background.bam", mutations.change_bam, f"label {{base}}/calls.vcf --resource {{base}}/resource.vcf.gz -b {{base}}/reads.bam --witness {{changed}} {_KNOWN}", ("background.bam.bai",)),
    # Training of trees and of two stages
    Kind("trees-yaml", "trees.yaml", _yaml, "train {changed} -o {out}/run -q", ("examples.h5",)),
    Kind("cascade-yaml", "cascade.yaml", _yaml, "train {changed} -o {out}/run -q", ("pileups.h5",)),
    Kind("pileups-h5", "pileups.h5", mutations.change_bytes, "train {folder}/cascade.yaml -o {out}/run -q", ("cascade.yaml",)),
    # What lies beside weights, to explain them
    Kind("explain-covers", "shipped.covers.npz", mutations.change_npz, f"{_EXPLAIN} --model {{folder}}/shipped.safetensors", ("shipped.safetensors", "shipped.examples.npz")),
    Kind("explain-examples", "shipped.examples.npz", mutations.change_npz, f"{_EXPLAIN} --model {{folder}}/shipped.safetensors", ("shipped.safetensors", "shipped.covers.npz")),
    Kind("explain-stages", "stages.safetensors", mutations.change_tensors, f"{_EXPLAIN} --model {{changed}}", ("stages.covers.npz",)),
)  # fmt: skip
