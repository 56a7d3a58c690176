"""From harvested alleles to weights: trees as one torch module, calibration, thresholds, folds.

    python recipes/germline/train.py --data ../shared/data --harvest DIR --out WORKDIR [--kind illumina|hifi]
    [--folds] [--install]

Every model is trained on a set of groups (chromosomes) and never sees the others, in no step: trees, calibration and
thresholds. Calibration and thresholds of each come from models that left out one of its own
groups in turn. What is finished in WORKDIR is not made again. --folds also makes the weights that benchmarks/accuracy.py
scores with; --install copies weights and folds into the project.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import logging
import platform
import shutil
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from dataset import Alleles, load_harvest

from vcffilter.calibration.maps import Calibration, fit_calibration
from vcffilter.calibration.operating_points import FEWEST_TRUE, operating_points, threshold_classes, threshold_for_recall
from vcffilter.kernels.encode import ENCODER_VERSION, FEATURE_NAMES
from vcffilter.models.card import render_card
from vcffilter.models.checkpoint import load_checkpoint, save_checkpoint
from vcffilter.models.encoder_spec import EncoderSpec
from vcffilter.models.metadata import CheckpointMetadata
from vcffilter.models.network import Network
from vcffilter.training.dataset import ArrayDataset
from vcffilter.training.fit import predict
from vcffilter.training.grown_trees import TreesConfig, grow_both
from vcffilter.version import __version__

logger = logging.getLogger("train")

PROJECT = Path(__file__).resolve().parents[2]
#: Groups that every model trains on: no benchmark region lies in them.
ALWAYS = "always"
#: Kinds whose groups are pieces of one region: too few true alleles in each to read a threshold from it alone.
GROUPS_TOGETHER = ("hifi-germline",)
#: No default threshold of ALTs with many reads is above this.
HIGHEST_DEEP = 0.5


@dataclass(frozen=True)
class Recipe:
    """How one kind of weights is made.

    trees, seed: how they are grown. simulated_snvs: train on those too, not only on simulated indels.
    kept_snv, kept_indel: share of true ones to keep by default.
    """

    name: str
    trees: TreesConfig = TreesConfig()
    seed: int = 1
    simulated_snvs: bool = False
    kept_snv: float = 0.998
    kept_indel: float = 0.99

    @property
    def spec(self) -> EncoderSpec:
        """What the model takes: site features, no reads."""
        return EncoderSpec(ENCODER_VERSION, FEATURE_NAMES)


RECIPES = {"illumina": Recipe("illumina-germline"), "hifi": Recipe("hifi-germline", kept_snv=0.995, kept_indel=0.98)}


def illumina_group(alleles: Alleles) -> np.ndarray:
    """The chromosome that is held out together; simulated and unlabelled slices are in every training."""
    short = {"chr20": "chr20", "20": "chr20", "chr21": "chr21", "21": "chr21", "chr22": "chr22", "22": "chr22"}
    known = [short.get(contig, ALWAYS) for contig in alleles.contig.tolist()]
    labelled = ~(np.char.startswith(alleles.set_name, "sim-") | (np.char.find(alleles.set_name, "-slices") >= 0))
    return np.where(labelled, np.array(known), ALWAYS)


#: Borders (0-based) of the quarters of hifi-revio-chr20 that are held out in turn.
HIFI_BORDERS = (9_022_000, 9_050_000, 9_077_000)


def hifi_group(alleles: Alleles) -> np.ndarray:
    """Quarters of hifi-revio-chr20; chm13; simulated reads are in every training."""
    quarter = np.searchsorted(np.array(HIFI_BORDERS), alleles.pos1 - 1, side="right")
    names = np.array(["quarter1", "quarter2", "quarter3", "quarter4"])[quarter]
    names = np.where(np.char.startswith(alleles.set_name, "chm13"), "chm13", names)
    return np.where(np.char.startswith(alleles.set_name, "sim-"), ALWAYS, names)


def train_model(alleles: Alleles, recipe: Recipe, threads: int) -> tuple[dict[str, Any], Network]:
    """Config of `ensemble` and the trained module."""
    grown = grow_both(np.nan_to_num(alleles.features), alleles.label, recipe.trees, recipe.spec, recipe.seed, threads)
    return grown.config, grown.module


class Workshop:
    """Trains models on sets of groups, each once, and keeps them in a folder."""

    def __init__(self, alleles: Alleles, group: np.ndarray, recipe: Recipe, folder: Path, threads: int) -> None:
        self.alleles, self.group, self.recipe = alleles, group, recipe
        self._folder, self._threads = folder, threads
        self.groups = tuple(sorted(set(group.tolist()) - {ALWAYS}))
        folder.mkdir(parents=True, exist_ok=True)
        digest = hashlib.sha256(repr(recipe).encode())
        for column in (alleles.features, alleles.label, alleles.pos1):
            digest.update(np.ascontiguousarray(column).tobytes())
        self.data_sha256 = digest.hexdigest()

    def model(self, groups: Sequence[str]) -> tuple[dict[str, Any], Network]:
        """The model that saw these groups (and those in every training) and no other."""
        name = "+".join(sorted(groups)) or "none"
        path = self._folder / f"{self.recipe.name}.{name}.{self.data_sha256[:10]}.safetensors"
        if path.exists():
            checkpoint = load_checkpoint(path)
            return checkpoint.metadata.config, checkpoint.build()
        begin = time.monotonic()
        chosen = np.isin(self.group, [*groups, ALWAYS])
        config, module = train_model(self.alleles.take(chosen), self.recipe, self._threads)
        save_checkpoint(path, module, CheckpointMetadata(name, "ensemble", config, self.recipe.spec))
        logger.info("%s on %s: %d alleles, %.0f s", self.recipe.name, name, chosen.sum(), time.monotonic() - begin)
        return config, module

    def logits(self, groups: Sequence[str], index: np.ndarray) -> np.ndarray:
        """Logits of the alleles at `index` by the model of these groups."""
        _, module = self.model(groups)
        features = np.nan_to_num(self.alleles.features[index])
        return predict(module, ArrayDataset.create(features, np.zeros(len(index)))).astype(np.float64)

    def held_out_logits(self, groups: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """(indices, logits): alleles of these groups, each scored by a model of the other groups among them."""
        indices, logits = [], []
        for held_out in groups:
            index = np.flatnonzero(self.group == held_out)
            indices.append(index)
            logits.append(self.logits([name for name in groups if name != held_out], index))
        return np.concatenate(indices), np.concatenate(logits)


def default_thresholds(alleles: Alleles, group: np.ndarray, probability: np.ndarray, recipe: Recipe) -> dict[str, float]:
    """Per class (type, deep or not) the highest threshold that keeps the recipe's share of true ones in every group, and of
    those with few reads in every group at every share of reads. Of kinds in GROUPS_TOGETHER in all groups together.

    Never above 0.5 where reads are many: what is rather true than not passes, however well true ones did here.
    """
    if recipe.name in GROUPS_TOGETHER:
        group = np.full(len(alleles), "together")
    cells = [group == one for one in np.unique(group)]
    thresholds = {}
    for name, of_class in threshold_classes(alleles.is_snv, alleles.depth).items():
        kept = recipe.kept_snv if name.startswith("snv") else recipe.kept_indel
        is_deep = name.endswith("_deep")
        parts = [cell & of_class & (alleles.label > 0.5) for cell in cells]
        if not is_deep and recipe.name not in GROUPS_TOGETHER:
            parts += [part & (alleles.share == share) for part in parts for share in np.unique(alleles.share)]
        # In smaller cells the share would hang on the one worst example.
        parts = [part for part in parts if part.sum() >= FEWEST_TRUE]
        lowest = [threshold_for_recall(probability[part], alleles.label[part], kept) for part in parts]
        if is_deep:
            lowest += [HIGHEST_DEEP] if lowest else [thresholds[name.removesuffix("_deep")]]
        thresholds[name] = float(min(lowest, default=0.5))
    return thresholds


def finish(
    workshop: Workshop, groups: Sequence[str], model_id: str, description: str, limits: list[str]
) -> tuple[CheckpointMetadata, Network]:
    """The model of these groups with calibration, thresholds and everything for the card."""
    recipe = workshop.recipe
    config, module = workshop.model(groups)
    index, logit = workshop.held_out_logits(groups)
    held, group = workshop.alleles.take(index), workshop.group[index]
    calibration = calibrate(held, group, logit)
    probability = calibration.probabilities(logit, held.is_snv)
    whole = held.share == 1
    evaluation = {
        "held-out groups, whole reads": _numbers(held.take(whole), probability[whole]),
        "held-out groups, all copies": _numbers(held, probability),
    }
    names, counts = np.unique(workshop.alleles.set_name[np.isin(workshop.group, [*groups, ALWAYS])], return_counts=True)
    metadata = CheckpointMetadata(
        model_id=model_id,
        architecture="ensemble",
        config=config,
        encoder=recipe.spec,
        calibration=calibration.to_json(),
        thresholds=default_thresholds(held, group, probability, recipe),
        operating_points=operating_points(probability, held.label, held.is_snv, held.depth),
        training={
            "alleles per set": {str(name): int(count) for name, count in zip(names, counts, strict=True)},
            "groups": ", ".join(groups),
            "data_sha256": workshop.data_sha256,
            "recipe": json.dumps(asdict(recipe), sort_keys=True),
            "versions": f"vcffilter {__version__}, torch {torch.__version__}, python {platform.python_version()}",
        },
        evaluation=evaluation,
        description=description,
        limits=limits,
    )
    return metadata, module


def calibrate(held: Alleles, group: np.ndarray, logit: np.ndarray) -> Calibration:
    """Per type; copies of one allele share its weight in part, since they are not independent."""
    _, copy, counts = np.unique(held.site, return_inverse=True, return_counts=True)
    weights = 1.0 / np.sqrt(counts[copy])
    return fit_calibration(logit, held.label, held.is_snv, weights, method="platt")


def _numbers(alleles: Alleles, probability: np.ndarray) -> dict[str, float]:
    from vcffilter.training.metrics import summarise_groups

    facts = summarise_groups(alleles.label, _log_odds(probability), alleles.is_snv, alleles.hard)
    return {name: round(value, 4) for name, value in facts.items() if not np.isnan(value)}


def _log_odds(probability: np.ndarray) -> np.ndarray:
    clipped = np.clip(probability, 1e-7, 1 - 1e-7)
    return np.log(clipped) - np.log1p(-clipped)


def main() -> None:
    """Train, calibrate, save; install when asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="../shared/data")
    parser.add_argument("--harvest", type=Path, action="append", required=True, help="work folder of harvest.py; may be repeated")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--kind", choices=sorted(RECIPES), default="illumina")
    parser.add_argument("--folds", action="store_true", help="also the weights of the benchmark's folds")
    parser.add_argument("--install", action="store_true", help="copy weights and folds into the project")
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    alleles = load_harvest(arguments.harvest, arguments.data.resolve(), arguments.out / "encoded")
    KINDS[arguments.kind](alleles, arguments)


def run_illumina(alleles: Alleles, arguments: argparse.Namespace) -> None:
    """illumina-germline, and one checkpoint per held-out chromosome."""
    recipe = RECIPES["illumina"]
    alleles = select_short_reads(alleles, recipe)
    workshop = Workshop(alleles, illumina_group(alleles), recipe, arguments.out / "models", arguments.threads)
    limits = [
        "Trained on NA12878 and NA19401 Illumina reads (NovaSeq 2x150 and HiSeq 2x101), 4x to 38x, and their thinned copies.",
        "One or two ALT reads at under 10x, long homopolymers and segmental duplications stay the hard cases.",
        "Germline, diploid: not for somatic, pooled or mosaic calls.",
    ]
    text = "Germline calls on Illumina short reads, any caller. LightGBM and ExtraTrees on site features, as tensors."
    jobs = [("illumina-germline", workshop.groups)]
    if arguments.folds:
        jobs += [(f"illumina-without-{one}", tuple(name for name in workshop.groups if name != one)) for one in workshop.groups]
    _run_jobs(workshop, jobs, text, limits, arguments)


def run_hifi(alleles: Alleles, arguments: argparse.Namespace) -> None:
    """hifi-germline, one checkpoint per held-out quarter, and one that never saw CHM13."""
    recipe = RECIPES["hifi"]
    alleles = alleles.take(_is_long(alleles) & _wanted(alleles, recipe))
    workshop = Workshop(alleles, hifi_group(alleles), recipe, arguments.out / "models", arguments.threads)
    limits = [
        "Trained on 107 kb of HG002 Revio reads (45x), 200 kb of CHM13 reads (8x, no true variant), and their thinned copies.",
        "Homopolymer indels of under 10x are the hard case; false SNVs were few in training.",
    ]
    text = "Germline calls on PacBio HiFi reads, any caller. LightGBM and ExtraTrees on site features, as tensors."
    quarters = [name for name in workshop.groups if name != "chm13"]
    jobs = [("hifi-germline", workshop.groups)]
    if arguments.folds:
        jobs += [(f"hifi-without-{one}", tuple(name for name in workshop.groups if name != one)) for one in quarters]
        jobs.append(("hifi-without-chm13", tuple(quarters)))
    _run_jobs(workshop, jobs, text, limits, arguments)


KINDS = {"illumina": run_illumina, "hifi": run_hifi}


def _wanted(alleles: Alleles, recipe: Recipe) -> np.ndarray:
    """Simulated SNV errors are too regular and cost more than they give; simulated indels teach stutter."""
    return ~np.char.startswith(alleles.set_name, "sim-") | ~alleles.is_snv | recipe.simulated_snvs


def select_short_reads(alleles: Alleles, recipe: Recipe) -> Alleles:
    """What illumina-germline trains on."""
    return alleles.take(~_is_long(alleles) & _wanted(alleles, recipe))


def _is_long(alleles: Alleles) -> np.ndarray:
    return np.char.find(alleles.set_name, "hifi") >= 0


def _run_jobs(
    workshop: Workshop, jobs: list[tuple[str, tuple[str, ...]]], text: str, limits: list[str], arguments: argparse.Namespace
) -> None:
    for model_id, groups in jobs:
        metadata, module = finish(workshop, groups, model_id, text, limits)
        path = arguments.out / f"{model_id}.safetensors"
        save_checkpoint(path, module, metadata)
        card = arguments.out / f"{model_id}.md"
        card.write_text(render_card(load_checkpoint(path)))
        logger.info("%s: thresholds %s", model_id, metadata.thresholds)
        if arguments.install:
            is_fold = "-without-" in model_id
            target = PROJECT / ("benchmarks/folds" if is_fold else "models/weights")
            target.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, target / path.name)
            if not is_fold:
                shutil.copy(card, target / card.name)


if __name__ == "__main__":
    main()
