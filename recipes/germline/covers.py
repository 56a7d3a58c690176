"""Covers of a model's trees: how many alleles of the call sets come to each node, for `pileup-filter explain`.

python recipes/germline/covers.py illumina-germline [SET ...]

writes models/weights/NAME.covers.npz. The call sets are those of NAME.ranges.json, or the ones named: every caller's VCF of these
folders, with all their reads. Thinned copies and simulated reads, which the trees also grew on, are left out.
"""

from __future__ import annotations

import sys

import numpy as np
from training_ranges import DATA, features_of

from vcffilter.explanation.covers import count_covers, covers_path, write_covers
from vcffilter.models.checkpoint import WEIGHTS_DIR, load_checkpoint
from vcffilter.models.training_ranges import ranges_path, read_ranges


def main() -> None:
    model, *named = sys.argv[1:]
    weights = WEIGHTS_DIR / f"{model}.safetensors"
    sets = named or read_ranges(ranges_path(weights)).sets
    features = np.concatenate([one for name in sets for one in features_of(model, DATA / name)])
    covers = count_covers(load_checkpoint(model).build(), features, f"{len(features):,} calls of {', '.join(sets)}")
    write_covers(covers_path(weights), covers)
    print(f"{covers_path(weights)}: {covers.about}")


if __name__ == "__main__":
    main()
