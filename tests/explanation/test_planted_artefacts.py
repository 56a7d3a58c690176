"""What the simulator planted is named: strand, read ends, mapping quality, stutter. Trees with shuffled leaves name nothing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from vcffilter.explanation.covers import find_covers, forests_of
from vcffilter.explanation.explainer import Explainer
from vcffilter.explanation.families import FAMILIES, by_family
from vcffilter.labelling.files import read_labels
from vcffilter.models.checkpoint import load_checkpoint
from vcffilter.pictures.painter import PileupSource
from vcffilter.pictures.selection import CallFile
from vcffilter.scoring.network import NetworkScorer
from vcffilter.simulation.sample import simulate_sample
from vcffilter.simulation.settings import preset, with_options

MODEL = "illumina-germline"
#: Kind of artefact -> the family that is true of it. (Damage of one orientation of the fragment is seen by no site feature.)
TRUE_FAMILY = {"strand_error": "strand_bias", "read_end_error": "read_end", "low_mapq": "low_mapq"}
TOP = 3


@dataclass(frozen=True)
class FalseCalls:
    """features, is_snv, depth: of the false calls. kinds: what was planted at each."""

    features: np.ndarray
    is_snv: np.ndarray
    depth: np.ndarray
    kinds: list[set[str]]

    def families(self, module) -> np.ndarray:
        """Contributions by family under a network with the shipped splits."""
        scorer = NetworkScorer(load_checkpoint(MODEL), "cpu")
        explainer = Explainer(module, scorer, find_covers(module))
        found = explainer.contributions(self.features, self.is_snv, self.depth)
        return by_family(found.of_feature, explainer.feature_names)


@pytest.fixture(scope="module")
def false_calls(tmp_path_factory):
    options = {"seed": 11, "length": 60_000, "variant_rate": 1 / 400, "artefact_scale": 6.0}
    files = simulate_sample(tmp_path_factory.mktemp("planted"), with_options(preset("novaseq"), **options)).files
    rows = [line.split("\t") for line in files.artefacts.read_text().splitlines()]
    spans = [(int(start0), int(end0), kind) for _, start0, end0, kind in rows]
    labels = read_labels(files.labels)
    encoder = load_checkpoint(MODEL).metadata.encoder
    features, is_snv, depth, kinds = [], [], [], []
    with PileupSource([str(files.reads)], str(files.reference)) as source:
        for call in CallFile(str(files.calls)).calls():
            if labels.get((call.contig, call.pos1, call.ref, call.alt)) != "FP":
                continue
            encoded = source.encoded(call.contig, call.pos1, call.ref, call.alt, encoder)
            if encoded.n_informing[0]:
                features.append(encoded.features[0])
                is_snv.append(len(call.ref) == len(call.alt) == 1)
                depth.append(encoded.n_informing[0])
                kinds.append({kind for start0, end0, kind in spans if start0 <= call.pos1 - 1 < end0})
    return FalseCalls(np.array(features), np.array(is_snv), np.array(depth), kinds)


@pytest.fixture(scope="module")
def families(false_calls):
    return false_calls.families(load_checkpoint(MODEL).build())


def shuffled(seed):
    """The shipped trees, the values of all leaves of a forest exchanged at random."""
    module = load_checkpoint(MODEL).build()
    for forest in forests_of(module).values():
        leaves = np.flatnonzero(forest.left.numpy() == np.arange(forest.config.n_nodes))
        values = forest.value.detach().numpy()
        values[leaves] = np.random.default_rng(seed).permutation(values[leaves])
    return module


def named_share(families, chosen, family):
    """Of the chosen calls those where a family is among the three that speak most against the call."""
    ranks = families[chosen].argsort(axis=1).argsort(axis=1)[:, FAMILIES.index(family)]
    return float(np.mean((ranks < TOP) & (families[chosen][:, FAMILIES.index(family)] < 0)))


def shares(families, false_calls):
    planted = {kind: np.array([kind in kinds for kinds in false_calls.kinds]) for kind in TRUE_FAMILY}
    assert all(chosen.sum() >= 15 for chosen in planted.values())
    return [named_share(families, planted[kind], family) for kind, family in TRUE_FAMILY.items()]


def telling(families, false_calls, kind):
    """Chance that a family speaks more against a call where its artefact was planted than against another false call."""
    column = families[:, FAMILIES.index(TRUE_FAMILY[kind])]
    planted = np.array([kind in kinds for kinds in false_calls.kinds])
    return float(np.mean(column[planted][:, None] < column[~planted][None, :]))


def test_planted_artefacts_are_named(families, false_calls):
    assert min(shares(families, false_calls)) >= 0.7


def test_a_family_tells_its_artefact_from_the_others(families, false_calls):
    for kind in ("strand_error", "read_end_error"):
        assert telling(families, false_calls, kind) > 0.9


def test_stutter_is_named(families, false_calls):
    names = load_checkpoint(MODEL).metadata.encoder.features
    in_run = ~false_calls.is_snv & (false_calls.features[:, names.index("run_at_event")] >= 8)
    assert in_run.sum() >= 5
    of_repeats = [FAMILIES.index(name) for name in ("homopolymer", "tandem_repeat")]
    ranks = families[in_run].argsort(axis=1).argsort(axis=1)[:, of_repeats]
    assert np.mean(ranks.min(axis=1) < TOP) >= 0.7


def test_shuffled_leaves_name_nothing(families, false_calls):
    by_chance = [false_calls.families(shuffled(seed)) for seed in range(4)]
    assert np.mean([shares(one, false_calls) for one in by_chance]) < 0.5 * np.mean(shares(families, false_calls))
    for kind in ("strand_error", "read_end_error"):
        assert 0.2 < np.mean([telling(one, false_calls, kind) for one in by_chance]) < 0.75
