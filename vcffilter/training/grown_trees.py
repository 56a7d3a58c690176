"""Decision trees grown on site features by LightGBM and scikit-learn, as one network: what the shipped weights are.

Knows arrays and these two libraries (of the extra [train]); whoever runs the network needs neither.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from vcffilter.errors import MissingExtraError, TrainingError, install_hint
from vcffilter.kernels.encode import ALL_FEATURES, LIBRARY_FEATURES
from vcffilter.kernels.phase import PHASE_FEATURES, PHASE_RATIO
from vcffilter.models.encoder_spec import EncoderSpec
from vcffilter.models.ensemble import combine
from vcffilter.models.network import Network
from vcffilter.training.config import parse_settings
from vcffilter.training.dataset import ArrayDataset
from vcffilter.training.forests import from_lightgbm, from_sklearn, step_tree, to_network

#: Of architecture names that are grown and not trained by gradients.
PREFIX = "trees:"
KINDS = ("both", "lightgbm", "extratrees")
PHASE_USES = ("all", "ratio", "added")
#: An added ratio counts within these limits, in steps of a quarter; its share in the ensemble changes nothing but a factor.
_RATIO_CENTRES = np.arange(-12, 13) / 4.0
_RATIO_SHARE = 0.1


@dataclass(frozen=True)
class TreesConfig:
    """How `trees:both` is grown; the defaults are those of the shipped weights.

    boosted_*, leaves (of one tree), learning_rate: of LightGBM. extra_*: of ExtraTrees. *_depth: steps from the root, 0 = no
    limit. extra_weight: what ExtraTrees count beside LightGBM: their leaves are averages and shy of certainty, counted twice
    their logit has about the other's spread. left_out: site features that a second half of the same size does not see; empty =
    no second half. unseen: site features that no tree sees. phase: what is done with the features of phase, where the examples
    have them: trees see "all", the "ratio" alone, or none and the ratio is "added" to what they say, by phase_weight: a ratio
    that tells little of most alleles is not chosen by trees where it tells much.
    """

    boosted_trees: int = 200
    leaves: int = 15
    boosted_depth: int = 6
    learning_rate: float = 0.07
    extra_trees: int = 80
    extra_depth: int = 14
    extra_weight: float = 2.0
    left_out: tuple[str, ...] = LIBRARY_FEATURES
    unseen: tuple[str, ...] = ()
    phase: str = "ratio"
    phase_weight: float = 0.2

    def __post_init__(self) -> None:
        if self.phase not in PHASE_USES:
            raise TrainingError(f"phase is {self.phase!r}", hint=f"Known are: {', '.join(PHASE_USES)}")

    @property
    def unseen_of_phase(self) -> tuple[str, ...]:
        """Features of phase that no tree sees."""
        return {"all": (), "ratio": tuple(name for name in PHASE_FEATURES if name != PHASE_RATIO), "added": PHASE_FEATURES}[
            self.phase
        ]


@dataclass(frozen=True)
class Grown:
    """architecture, config: as in a checkpoint. module: in evaluation mode."""

    architecture: str
    config: dict[str, Any]
    module: Network


def is_grown(architecture: str) -> bool:
    """Whether an architecture's name means trees to be grown."""
    return architecture.startswith(PREFIX)


def check_kind(architecture: str) -> None:
    """Raises TrainingError when there are no such trees."""
    kind = architecture.removeprefix(PREFIX)
    if kind not in KINDS:
        raise TrainingError(f"unknown trees {kind!r}", hint=f"Known are: {', '.join(PREFIX + name for name in KINDS)}")


def grow_network(
    architecture: str, settings: dict[str, Any], train: ArrayDataset, spec: EncoderSpec, seed: int = 0, threads: int = 1
) -> Grown:
    """Grow what `architecture` names on the examples' site features.

    settings: of `trees:both` those of TreesConfig, of the others the library classifier's own. Raises TrainingError on unknown
    settings, MissingExtraError where a library is missing.
    """
    check_kind(architecture)
    label = (train.label > 0.5).astype(int)
    weight = None if np.all(train.weight == 1.0) else train.weight
    try:
        if architecture == PREFIX + "both":
            config = parse_settings(TreesConfig, settings, "model", None)
            return grow_both(np.nan_to_num(train.features), label, config, spec, seed, threads, weight)
        return _grow_one(architecture, {"random_state": seed, "n_jobs": threads, **settings}, train.features, label, weight, spec)
    except (TypeError, ValueError) as error:
        raise TrainingError(f"{architecture} cannot be grown with these settings ({error})") from error
    except ImportError as error:
        raise MissingExtraError(
            f"{architecture} needs {error.name}", hint=install_hint("lightgbm scikit-learn", "train")
        ) from error


def _grow_one(
    architecture: str,
    settings: dict[str, Any],
    features: np.ndarray,
    label: np.ndarray,
    weight: np.ndarray | None,
    spec: EncoderSpec,
) -> Grown:
    if architecture == PREFIX + "lightgbm":
        from lightgbm import LGBMClassifier

        boosted = LGBMClassifier(**{"verbose": -1, **settings}).fit(features, label, sample_weight=weight)
        return Grown("forest", *from_lightgbm(boosted, spec))
    from sklearn.ensemble import ExtraTreesClassifier

    extra = ExtraTreesClassifier(**{"n_estimators": 300, "min_samples_leaf": 2, **settings})
    return Grown("forest", *from_sklearn(extra.fit(features, label, sample_weight=weight), spec))


def grow_both(
    features: np.ndarray,
    label: np.ndarray,
    config: TreesConfig,
    spec: EncoderSpec,
    seed: int = 0,
    threads: int = 1,
    weight: np.ndarray | None = None,
) -> Grown:
    """An `ensemble` of `forest` members. features: float32 (n, n_features of the spec). label: (n,), 0 or 1.

    Raises TrainingError when a feature to leave out has a name that no encoder gives.
    """
    halves = [_blinded(features, spec, "unseen", config.unseen + config.unseen_of_phase)]
    if config.left_out:
        halves.append(_blinded(halves[0], spec, "left_out", config.left_out))
    members = []
    for number, seen in enumerate(halves):
        boosted, extra = fit_classifiers(seen, label, config, seed + number, threads, weight)
        members += [("forest", *from_lightgbm(boosted, spec)), ("forest", *from_sklearn(extra, spec))]
    shares = np.array([1.0, config.extra_weight] * len(halves))
    shares /= shares.sum()
    if config.phase == "added" and PHASE_RATIO in spec.features:
        members.append(("forest", *_added_ratio(config.phase_weight, spec)))
        shares = np.append(shares * (1.0 - _RATIO_SHARE), _RATIO_SHARE)
    return Grown("ensemble", *combine(members, spec, weights=shares.tolist()))


def _added_ratio(weight: float, spec: EncoderSpec) -> tuple[dict[str, Any], Network]:
    """A forest of one tree that gives the ratio of phase as log-odds, so that its share adds `weight` of it to the others'."""
    values = weight * np.log(10.0) * _RATIO_CENTRES * (1.0 - _RATIO_SHARE) / _RATIO_SHARE
    return to_network([step_tree(spec.features.index(PHASE_RATIO), _RATIO_CENTRES, values)], spec, "logit")


def _blinded(features: np.ndarray, spec: EncoderSpec, setting: str, names: tuple[str, ...]) -> np.ndarray:
    """A copy in which these features never differ: what never differs is never split on."""
    unknown = sorted(set(names) - set(ALL_FEATURES) - set(spec.features))
    if unknown:
        raise TrainingError(f"{setting} names no site feature: {', '.join(unknown)}", hint="The model card lists their names")
    blinded = features.copy()
    blinded[:, [number for number, name in enumerate(spec.features) if name in names]] = 0.0
    return blinded


def fit_classifiers(
    features: np.ndarray, label: np.ndarray, config: TreesConfig, seed: int, threads: int, weight: np.ndarray | None = None
) -> tuple[Any, Any]:
    """(LightGBM classifier, ExtraTrees classifier), fitted. The same arguments give the same trees."""
    from lightgbm import LGBMClassifier
    from sklearn.ensemble import ExtraTreesClassifier

    boosted = LGBMClassifier(
        n_estimators=config.boosted_trees,
        num_leaves=config.leaves,
        max_depth=config.boosted_depth or -1,
        learning_rate=config.learning_rate,
        subsample=0.8,
        subsample_freq=1,
        colsample_bytree=0.5,
        min_child_samples=10,
        reg_lambda=5,
        n_jobs=threads,
        random_state=seed,
        deterministic=True,
        force_row_wise=True,
        verbose=-1,
    )
    extra = ExtraTreesClassifier(
        config.extra_trees,
        max_depth=config.extra_depth or None,
        min_samples_leaf=2,
        max_features=0.3,
        n_jobs=threads,
        random_state=seed,
    )
    return boosted.fit(features, label, sample_weight=weight), extra.fit(features, label, sample_weight=weight)
