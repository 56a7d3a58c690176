"""The honest baseline: LightGBM averaged with ExtraTrees on the same site features, the same alleles, the same folds."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent / "recipe"))
from dataset import load_harvest
from train import ALWAYS, RECIPES, illumina_group, select_short_reads
from trees import fit_forest

Key = tuple[int, str, str]


def forest_logits(harvest: Sequence[Path], data: Path, cache: Path) -> dict[tuple[str, str, Key], float]:
    """(set, copy, allele) -> logit by a forest that never saw the allele's chromosome; the set itself is copy f1.00-s0."""
    alleles = select_short_reads(load_harvest(harvest, data, cache), RECIPES["illumina"])
    group = illumina_group(alleles)
    features = np.nan_to_num(alleles.features)
    digest = hashlib.sha256(features.tobytes() + alleles.label.tobytes())
    stored = cache / f"forest.{digest.hexdigest()[:12]}.json"
    if stored.exists():
        return {(name, copy, (pos1, ref, alt)): logit for name, copy, pos1, ref, alt, logit in json.loads(stored.read_text())}
    logits = {}
    for held_out in sorted(set(group.tolist()) - {ALWAYS}):
        train, test = group != held_out, np.flatnonzero(group == held_out)
        predict = fit_forest(features[train], alleles.label[train], RECIPES["illumina"].seed)
        for index, logit in zip(test.tolist(), predict(features[test]), strict=True):
            copy = f"f{alleles.share[index]:.2f}-s{alleles.seed[index]}"
            key = (int(alleles.pos1[index]), str(alleles.ref[index]), str(alleles.alt[index]))
            logits[str(alleles.set_name[index]), copy, key] = float(logit)
    stored.write_text(json.dumps([(name, copy, *key, logit) for (name, copy, key), logit in logits.items()]))
    return logits
