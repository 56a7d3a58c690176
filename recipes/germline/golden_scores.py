"""Writes the fixed inputs and their logits beside each model that ships, by which `pileup-filter doctor` tests a machine.

python recipes/germline/golden_scores.py [NAME ...]

Run it whenever weights change, and training_ranges.py before it: the inputs lie within the ranges of the training data.
"""

from __future__ import annotations

import json
import re
import sys

import numpy as np

from vcffilter.files import write_text
from vcffilter.models.checkpoint import available_weights, load_checkpoint
from vcffilter.models.golden_scores import GoldenScores, fixed_features, golden_path
from vcffilter.models.training_ranges import training_ranges
from vcffilter.scoring.two_stages import open_network

N_ALLELES = 24


def golden(name: str) -> GoldenScores:
    """Inputs and logits of one model, on the CPU."""
    checkpoint = load_checkpoint(name)
    ranges = training_ranges(checkpoint.metadata, checkpoint.path)
    assert ranges is not None, f"{name} has no ranges"
    spec = checkpoint.metadata.encoder
    features = fixed_features(ranges.features, spec.features, N_ALLELES)
    blank = GoldenScores(features, np.zeros(N_ALLELES))
    return GoldenScores(features, open_network(checkpoint, "cpu").logits(features, blank.reads(spec)))


def main() -> None:
    for name in sys.argv[1:] or available_weights():
        path = golden_path(load_checkpoint(name).path)
        text = json.dumps(golden(name).to_json(), indent=1)
        write_text(path, re.sub(r"\[\s+([^][]*?)\s+\]", lambda found: f"[{' '.join(found[1].split())}]", text) + "\n")
        print(path)


if __name__ == "__main__":
    main()
