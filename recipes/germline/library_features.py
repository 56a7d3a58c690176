"""Which site features tell libraries apart, whatever the label: the ways in which a model could learn the library.

    python recipes/germline/library_features.py hifi=WORKDIR/real/examples/hifi ...
    [--out docs/developers/library-features.md]

For every platform's folder of example files (examples.py) and every site feature: the AUROC with which the feature alone tells
two real sets apart, among false alleles and among true ones; 0.5 says nothing, 1 tells them apart (either way round). A library
that supplies one label only turns such a feature into the label. Prints Markdown, with what the recipe leaves out and why.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np

from vcffilter.kernels.encode import ALL_FEATURES, LIBRARY_FEATURES
from vcffilter.training.config import load_train_config
from vcffilter.training.dataset import ArrayDataset, concatenate
from vcffilter.training.example_file import read_examples
from vcffilter.training.metrics import auroc

#: Alleles of one label that a set must have to be compared.
FEWEST = 20
#: From here a feature is listed in the page; all are computed.
LISTED_FROM = 0.8

INTRODUCTION = """# Features that know the library

Printed by `recipes/germline/library_features.py` from the real sets that the shipped weights were trained on, whole reads and
thinned copies together.

A number is the AUROC with which one site feature alone tells two sets of reads apart **among alleles of one label** (of several
pairs of sets, the pair told best): 0.5 says nothing, 1 tells the sets apart without a mistake. Depth does so and is no harm by
itself. Harm comes when a set supplies one label only: then a feature that tells the sets apart tells the label, in training and
nowhere else. CHM13 is such a set (no true variant), so for HiFi the column of false alleles is the one to look at. Features below
{listed} in every column are not listed.

What the recipe does about it:

- **seen by half of the trees**: absolute base qualities, likelihoods made of them, insert sizes, distances from read ends
  (`left_out`, the default of `trees:both`).
- **seen by none** (`unseen` of the platform's YAML): absolute numbers of soft clips, in long reads. 99.7% of the Revio reads are
  clipped and 10% of CHM13's, by how the sets were cut out and aligned. Contrasts between ALT's reads and all others stay: they
  compare reads of one library.
- Everything else stays: thinned copies give every set several depths, and figures with one library left out
  ([long reads, measured](platforms.md)) show what remains.
"""


@dataclass(frozen=True)
class Separation:
    """How well one feature tells sets apart. false, true: AUROC of 0.5 to 1 of the pair it tells best; NaN without a pair."""

    name: str
    false: float
    true: float

    @property
    def most(self) -> float:
        return float(np.nanmax([self.false, self.true, 0.5]))


def separations(examples: ArrayDataset) -> list[Separation]:
    """Of every feature, in the encoder's order."""
    of_label = {label: _best_pairs(examples, label) for label in (0, 1)}
    # Without a reach of phase the last ones are not there.
    names = ALL_FEATURES[: examples.features.shape[1]]
    return [Separation(name, of_label[0][i], of_label[1][i]) for i, name in enumerate(names)]


def _best_pairs(examples: ArrayDataset, label: int) -> np.ndarray:
    """float64 (n_features,): the highest AUROC between two sets among alleles of one label."""
    chosen = (examples.label > 0.5) == bool(label)
    sets = [name for name in np.unique(examples.set_name) if (chosen & (examples.set_name == name)).sum() >= FEWEST]
    best = np.full(examples.features.shape[1], np.nan)
    for one, other in combinations(sets, 2):
        both = chosen & np.isin(examples.set_name, (one, other))
        of_one = (examples.set_name[both] == one).astype(float)
        for number in range(len(best)):
            value = auroc(of_one, np.nan_to_num(examples.features[both, number]))
            best[number] = np.fmax(best[number], max(value, 1 - value))
    return best


def treatment(name: str, unseen: tuple[str, ...]) -> str:
    """What the recipe does with a feature."""
    if name in unseen:
        return "seen by none"
    return "seen by half of the trees" if name in LIBRARY_FEATURES else ""


def render(platform: str, examples: ArrayDataset, unseen: tuple[str, ...]) -> str:
    """One platform's section."""
    rows = sorted(separations(examples), key=lambda row: -row.most)
    sets = [
        f"{name} ({int((label == 1).sum())} true, {int((label == 0).sum())} false)"
        for name in np.unique(examples.set_name).tolist()
        for label in [np.round(examples.label[examples.set_name == name])]
    ]
    lines = [f"## {platform}", "", f"Sets, with their examples: {', '.join(sets)}.", ""]
    lines += ["| feature | among false | among true | in training |", "|---|---|---|---|"]
    listed = [row for row in rows if row.most >= LISTED_FROM or row.name in unseen]
    lines += [f"| `{row.name}` | {_cell(row.false)} | {_cell(row.true)} | {treatment(row.name, unseen)} |" for row in listed]
    lines += ["", f"{len(rows) - len(listed)} of {len(rows)} features are not listed."]
    return "\n".join(lines)


def _cell(value: float) -> str:
    return "-" if np.isnan(value) else f"{value:.2f}"


def unseen_of(config: Path) -> tuple[str, ...]:
    """Features that a configuration hides from all trees."""
    return tuple(load_train_config(config).model.get("unseen", ()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("examples", nargs="+", metavar="PLATFORM=FOLDER", help="example files of a platform")
    parser.add_argument("--out", type=Path, help="also write the page there")
    arguments = parser.parse_args()
    sections = [INTRODUCTION.format(listed=LISTED_FROM)]
    for argument in arguments.examples:
        platform, _, folder = argument.partition("=")
        files = sorted(Path(folder).glob("*.h5"))
        if not files:
            raise SystemExit(f"no example files in {folder}: run examples.py first")
        examples = concatenate([read_examples(path).examples for path in files])
        config = Path(__file__).with_name(f"{platform}.yaml")
        sections.append(render(platform, examples, unseen_of(config) if config.exists() else ()) + "\n")
    text = "\n".join(sections)
    if arguments.out:
        arguments.out.write_text(text)
    print(text)


if __name__ == "__main__":
    main()
