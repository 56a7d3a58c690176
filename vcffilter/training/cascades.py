"""A `cascade` from labelled examples: trees first, then a network on the reads of what the trees leave in doubt.

The network never sees a logit of trees that grew on its own examples: every example of a fold has that of trees which left the
fold out. It is trained once without each fold, for calibration and to compare both stages, and once on all folds. Examples that
lie in no fold (simulated ones, say) grow trees and are shown to no network. Knows examples and networks; no files but the states
to resume from.
"""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch

from vcffilter.calibration.maps import sigmoid
from vcffilter.errors import TrainingError
from vcffilter.models.cascade import FIRST_LOGIT, KINDS, CascadeConfig, Gate, GateBand, second_features, second_spec
from vcffilter.models.encoder_spec import EncoderSpec
from vcffilter.models.ensemble import Member
from vcffilter.models.members import MemberHead
from vcffilter.models.network import Network
from vcffilter.models.plain_data import Range
from vcffilter.models.registry import build, config_to_json, parse_config
from vcffilter.training.config import parse_settings
from vcffilter.training.dataset import ArrayDataset, without_reads
from vcffilter.training.fit import FitConfig, FitResult, fit, predict
from vcffilter.training.gates import gate_of_share
from vcffilter.training.grown_trees import Grown, check_kind, grow_network
from vcffilter.training.metrics import summarise_groups
from vcffilter.training.out_of_fold import HeldOut, copies_of

logger = logging.getLogger(__name__)

ARCHITECTURE = "cascade"


@dataclass(frozen=True)
class FirstStage:
    """architecture, model: trees as a run of their own would grow them."""

    architecture: str = "trees:both"
    model: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class CascadeTraining:
    """`model:` of a run of a cascade.

    gate: bands of the trees' raw logit between which an allele is in doubt (see `vcffilter.models.cascade.GateBand`). gate_share:
    in place of them, the share of the alleles that is in doubt at every depth (see `vcffilter.training.gates`). second:
    architecture and settings of the network on the reads. second_features: site features that it sees; empty = all. first: the
    trees. pretraining: how the network learns to tell true from false alleles of all kinds, the sure ones too, before its head is
    made anew and learns what the trees get wrong; null = it starts from random weights. Of both, `teacher_share` is the share of
    the loss against the probability of trees that did not see the example: it holds the network back.
    """

    second: Member
    gate: Annotated[tuple[GateBand, ...], Range(0, 200)] = ()
    gate_share: float = 0.0
    second_features: tuple[str, ...] = ()
    first: FirstStage = field(default_factory=FirstStage)
    pretraining: FitConfig | None = None

    def __post_init__(self) -> None:
        if bool(self.gate) == bool(self.gate_share):
            raise TrainingError("gate: either bands or gate_share must be given", hint="gate_share: 0.1 is a tenth of each depth")
        if not 0 <= self.gate_share <= 0.9:
            raise TrainingError(f"gate_share is {self.gate_share:g}, not 0 to 0.9", hint="0.05 to 0.15 is what pays")


@dataclass(frozen=True)
class HeldOutTwice:
    """n examples that lie in folds, each scored without its fold.

    shown: the examples; their last site feature is the first stage's logit. first: float64 (n,), the first stage's logits.
    logits: float64 (n,), those of both. fold: str (n,). gate: what is in doubt. doubtful: bool (n,), whether the second stage had
    a say.
    """

    shown: ArrayDataset
    first: np.ndarray
    logits: np.ndarray
    fold: np.ndarray
    gate: tuple[GateBand, ...]
    doubtful: np.ndarray

    def both(self) -> HeldOut:
        """Scored by both stages."""
        return HeldOut(self.shown, self.logits, self.fold)

    def first_alone(self) -> HeldOut:
        """Scored by the first stage."""
        return HeldOut(self.shown, self.first, self.fold)


@dataclass(frozen=True)
class TrainedCascade:
    """config: of the `cascade`. module: trained on everything, in evaluation mode. result: of the second stage's training."""

    config: dict[str, Any]
    module: Network
    result: FitResult
    held: HeldOutTwice


class Corrected(Network):
    """(site features with the first stage's logit behind them, reads) -> that logit, corrected by the second stage.

    What `fit` trains: the loss is of both stages' logit, the weights are the second stage's alone.
    """

    minimum_columns = 1

    def __init__(self, second: Network, gate: Gate, seen: tuple[int, ...]) -> None:
        super().__init__()
        self.second = second
        self.gate = gate
        self._seen = seen

    def is_stem(self, parameter_name: str) -> bool:
        """Whether a parameter belongs to the second stage's stem."""
        return self.second.is_stem(parameter_name.partition(".")[2])

    def fit_inputs(self, features: np.ndarray, reads: np.ndarray | None) -> None:
        """Set knots and scales of the second stage."""
        self.second.fit_inputs(self._given(torch.from_numpy(features)).numpy(), reads)

    def member_logits(self, features: torch.Tensor, reads: torch.Tensor | None) -> torch.Tensor:
        """(n, n_members): both stages' logit by each member of the second stage."""
        first, taper = features[:, -1:], self.gate.taper(features[:, -1], features[:, :-1])[:, None]
        return first + taper * self.second.member_logits(self._given(features), reads)

    def forward(self, features: torch.Tensor, reads: torch.Tensor | None) -> torch.Tensor:
        """Logits of both stages, float32 (n,)."""
        given = self._given(features)
        return self.gate.combine(features[:, -1], self.second(given, reads), features[:, :-1])

    def _given(self, features: torch.Tensor) -> torch.Tensor:
        return second_features(self._seen, features[:, :-1], features[:, -1])


class CascadeTrainer:
    """One run's settings.

    threads: of the trees. state_folder: where unfinished networks keep their state; None = nowhere. on_step: told of every
    network and forest that is done.
    """

    def __init__(
        self,
        settings: CascadeTraining,
        fit_config: FitConfig,
        spec: EncoderSpec,
        threads: int,
        state_folder: Path | None = None,
        on_step: Callable[[str], None] = lambda what: None,
    ) -> None:
        check_kind(settings.first.architecture)
        second = settings.second
        self._second = second["architecture"]
        self._second_config = config_to_json(parse_config(self._second, second.get("config", {})))
        self._settings = settings
        self._fit = fit_config
        self._spec = spec
        self._threads = threads
        self._state_folder = state_folder
        self._on_step = on_step
        self._seen = tuple(_position(spec, name) for name in settings.second_features)

    def train(self, examples: ArrayDataset, fold: np.ndarray) -> TrainedCascade:
        """fold: str (n,), of each example, empty for those that only grow trees. Raises TrainingError."""
        held = self.score_out_of_fold(examples, fold)
        result = self._network(held, np.ones(len(held.doubtful), bool), "everything")
        config, module = self._joined(self._grow(examples), result.module, held.gate)
        return TrainedCascade(config, module, result, held)

    def score_out_of_fold(self, examples: ArrayDataset, fold: np.ndarray, learns: np.ndarray | None = None) -> HeldOutTwice:
        """Every example of a fold scored by both stages without its fold.

        learns: bool (n,), what may be trained on; the others are only scored. None = all.
        """
        if examples.reads is None:
            raise TrainingError("a cascade needs examples with reads", hint="Make them with: pileup-filter examples --rows 33")
        learns = np.ones(len(examples), bool) if learns is None else learns
        first = np.full(len(examples), np.nan, np.float32)
        for name in _names(fold):
            trees = self._grow(examples.take((fold != name) & learns))
            first[fold == name] = predict(trees.module, _features_only(examples.take(fold == name)))
            self._on_step(f"trees without {name}")
        folded = np.flatnonzero(fold != "")
        shown = _with_first(examples.take(folded), first[folded])
        known = first[folded].astype(np.float64)
        gate = self._chosen_gate(known[learns[folded]], shown.depth[learns[folded]])
        held = HeldOutTwice(shown, known, known.copy(), fold[folded], gate, self._doubtful(shown, gate))
        for name in _names(fold):
            corrected = self._network(held, (held.fold != name) & learns[folded], f"without-{name}").module
            scored = np.flatnonzero((held.fold == name) & held.doubtful)
            held.logits[scored] = predict(corrected, _in_memory(shown, scored))
            self._on_step(f"network without {name}")
        _compare(held)
        return held

    def _grow(self, examples: ArrayDataset) -> Grown:
        first = self._settings.first
        grown = grow_network(
            first.architecture, first.model, _features_only(examples), without_reads(self._spec), self._fit.seed, self._threads
        )
        logger.info("%s: grown on %d examples", first.architecture, len(examples))
        return grown

    def _network(self, held: HeldOutTwice, trained_on: np.ndarray, name: str) -> FitResult:
        """A `Corrected`, trained on the doubtful ones of some examples."""
        gate = Gate(held.gate, self._spec)
        corrected = Corrected(self._starting_network(held, trained_on, name), gate, self._seen)
        train = _weighed(_in_memory(held.shown, np.flatnonzero(held.doubtful & trained_on)))
        logger.info("%s (%s): trained on %d examples in doubt", self._second, name, len(train))
        return self._fitted(corrected, train, self._fit, name, self._settings.pretraining is None)

    def _starting_network(self, held: HeldOutTwice, trained_on: np.ndarray, name: str) -> Network:
        with torch.random.fork_rng([]):
            torch.manual_seed(self._fit.seed)
            network = _silent(self._fresh(held.gate))
            head = {key: value.detach().clone() for key, value in network.named_parameters() if not network.is_stem(key)}
        if self._settings.pretraining is not None:
            everything = _weighed(_in_memory(held.shown, np.flatnonzero(trained_on)))
            told = dataclasses.replace(everything, features=second_features(self._seen, *_parted(everything.features)).numpy())
            self._fitted(network, told, self._settings.pretraining, f"{name}-pretraining", fit_inputs=True)
            network.load_state_dict({key: head.get(key, tensor) for key, tensor in network.state_dict().items()})
        return network

    def _fresh(self, gate: tuple[GateBand, ...]) -> Network:
        config = CascadeConfig({"architecture": "forest"}, self._member(), gate, self._settings.second_features)
        return build(self._second, self._second_config, second_spec(config, self._spec))

    def _member(self) -> Member:
        return {"architecture": self._second, "config": self._second_config}

    def _fitted(self, module: Network, train: ArrayDataset, config: FitConfig, name: str, fit_inputs: bool) -> FitResult:
        state = None if self._state_folder is None else self._state_folder / f"state-{name}.safetensors"
        return fit(
            module,
            train,
            None,
            config,
            fit_inputs=fit_inputs,
            channels=self._spec.channels,
            feature_names=(*self._spec.features, FIRST_LOGIT),
            state_path=state,
        )

    def _joined(self, trees: Grown, corrected: Network, gate: tuple[GateBand, ...]) -> tuple[dict[str, Any], Network]:
        """(config of `cascade`, module in evaluation mode) of both stages."""
        assert isinstance(corrected, Corrected)
        config = {
            "first": {"architecture": trees.architecture, "config": trees.config},
            "second": self._member(),
            "gate": [dataclasses.asdict(band) for band in gate],
            "second_features": list(self._settings.second_features),
        }
        module = build(ARCHITECTURE, config, self._spec)
        module.get_submodule("first").load_state_dict(trees.module.state_dict())
        module.get_submodule("second").load_state_dict(corrected.second.state_dict())
        return config, module.eval()

    def _chosen_gate(self, first: np.ndarray, depth: np.ndarray) -> tuple[GateBand, ...]:
        if self._settings.gate:
            return self._settings.gate
        gate = gate_of_share(first, depth, self._settings.gate_share)
        told = (f"{band.high:g} from {band.reads_from} reads on" for band in gate[:: len(KINDS)])
        logger.info("%.1f%% of each depth in doubt: logits nearer to 0 than %s", 100 * self._settings.gate_share, ", ".join(told))
        return gate

    def _doubtful(self, shown: ArrayDataset, gate: tuple[GateBand, ...]) -> np.ndarray:
        features, first = _parted(shown.features)
        doubtful = Gate(gate, self._spec).doubtful(first, features).numpy()
        if not doubtful.any():
            raise TrainingError("the trees leave nothing in doubt", hint="Widen the bands under model: gate:")
        return doubtful


def parse_cascade(model: dict[str, Any]) -> CascadeTraining:
    """`model:` of a run; raises TrainingError that names the key."""
    parsed: CascadeTraining = parse_settings(CascadeTraining, model, "model", None)
    return parsed


def _compare(held: HeldOutTwice) -> None:
    """Say what the second stage changed, fold by fold."""
    examples = held.shown
    for name in (*_names(held.fold), "all folds"):
        chosen = (held.fold == name) | (name == "all folds")
        label, snv, hard = examples.label[chosen], examples.is_snv[chosen], examples.hard[chosen]
        before, after = (summarise_groups(label, logits[chosen], snv, hard) for logits in (held.first, held.logits))
        logger.info(
            "%s: hard AUROC %.4f -> %.4f, non-SNVs %.4f -> %.4f, log-loss %.4f -> %.4f, %.1f%% in doubt",
            name,
            *(facts[key] for key in ("hard_auroc", "hard_indel_auroc", "log_loss") for facts in (before, after)),
            100 * held.doubtful[chosen].mean(),
        )  # fmt: skip


def _silent(network: Network) -> Network:
    """The same network, whose output is 0 until it has learnt something: a cascade starts as its first stage."""
    for part in network.modules():
        if isinstance(part, MemberHead):
            torch.nn.init.zeros_(part.out_weight)
    return network


def _names(fold: np.ndarray) -> list[str]:
    return sorted(set(fold.tolist()) - {""})


def _features_only(examples: ArrayDataset) -> ArrayDataset:
    return dataclasses.replace(examples, reads=None)


def _with_first(examples: ArrayDataset, first: np.ndarray) -> ArrayDataset:
    """The first stage's logit behind the site features, and its probability as the teacher (see `FitConfig.teacher_share`)."""
    features = np.concatenate([np.nan_to_num(examples.features), first[:, None]], axis=1)
    return dataclasses.replace(examples, features=features, teacher=sigmoid(first).astype(np.float32))


def _parted(features: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
    """(site features, the first stage's logit)."""
    return torch.from_numpy(features[:, :-1]), torch.from_numpy(np.ascontiguousarray(features[:, -1]))


def _weighed(examples: ArrayDataset) -> ArrayDataset:
    """Copies of one allele share their weight in part, since they are no independent facts."""
    weight = examples.weight / np.sqrt(copies_of(examples))
    return dataclasses.replace(examples, weight=weight.astype(np.float32))


def _in_memory(examples: ArrayDataset, index: np.ndarray) -> ArrayDataset:
    """The examples at `index`, their tensors read from disk once."""
    reads = examples.read_rows(index)
    return dataclasses.replace(_features_only(examples).take(index), reads=reads)


def _position(spec: EncoderSpec, name: str) -> int:
    if name not in spec.features:
        raise TrainingError(f"second_features names no site feature: {name}", hint="The model card lists their names")
    return spec.features.index(name)
