"""Reference examples of a model: labelled alleles of its training sets, of which `pileup-filter explain` names the nearest.

python recipes/germline/reference_examples.py illumina-germline

writes models/weights/NAME.examples.npz. The sets are those of NAME.ranges.json, every caller's VCF with its labels, with all
reads; every allele once. Of each kind (true or false, SNV or not) at most MOST are kept, drawn with a fixed seed.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from training_ranges import DATA

from vcffilter.explanation.nearest import examples_path, reference_examples, write_reference_examples
from vcffilter.models.checkpoint import WEIGHTS_DIR, load_checkpoint
from vcffilter.models.training_ranges import ranges_path, read_ranges
from vcffilter.reads.alignment_file import forbid_network_references
from vcffilter.training.dataset import ArrayDataset, concatenate
from vcffilter.training.example_source import ExampleMaker, ExampleSource

MOST, SEED = 1000, 1


def labelled(model: str, folder: Path) -> list[ArrayDataset]:
    """Examples of every caller of a set."""
    found, spec = [], load_checkpoint(model).metadata.encoder
    for labels in sorted(folder.glob("*.labels.tsv")):
        calls = str(folder / labels.name.replace(".labels.tsv", ".vcf.gz"))
        reads, reference = (str(folder / "reads.bam"),), str(folder / "reference.fa.gz")
        with ExampleMaker(ExampleSource(calls, str(labels), reads, reference, folder.name), spec) as maker:
            found += [piece for piece in maker.examples(SEED) if len(piece)]
    return found


def chosen(data: ArrayDataset) -> np.ndarray:
    """Indices: every allele once, at most MOST of a kind."""
    keys = np.array([data.set_name, data.contig, data.pos0.astype(str), data.allele.astype(str)])
    _, first = np.unique(keys, axis=1, return_index=True)
    rng = np.random.default_rng(SEED)
    kind = 2 * (data.label[first] >= 0.5) + data.is_snv[first]
    kept = []
    for one in range(4):
        members = np.sort(first[kind == one])
        kept.append(members if len(members) <= MOST else rng.choice(members, MOST, replace=False))
    return np.sort(np.concatenate(kept))


def main() -> None:
    (model,) = sys.argv[1:]
    forbid_network_references()
    weights = WEIGHTS_DIR / f"{model}.safetensors"
    sets = read_ranges(ranges_path(weights)).sets
    data = concatenate([piece for name in sets for piece in labelled(model, DATA / name)])
    data = data.take(chosen(data))
    about = f"{len(data):,} labelled alleles of {', '.join(sets)}"
    places = (data.contig.astype(str), data.set_name.astype(str), data.pos0 + 1)
    names = load_checkpoint(model).metadata.encoder.features
    made = reference_examples(data.features, names, data.label >= 0.5, data.is_snv, places, about)
    write_reference_examples(examples_path(weights), made)
    print(f"{examples_path(weights)}: {about}; {int(data.label.sum())} true")


if __name__ == "__main__":
    main()
