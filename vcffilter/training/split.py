"""What a run trains on and what it holds out: example files parted by place, or calls and reads encoded anew every epoch."""

from __future__ import annotations

import dataclasses
import glob
import hashlib
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vcffilter.errors import TrainingError
from vcffilter.kernels.encode import ALL_FEATURES, ENCODER_VERSION, FEATURE_NAMES
from vcffilter.kernels.tensor import ALL_CHANNELS, CHANNEL_NAMES
from vcffilter.labelling.files import has_no_truth
from vcffilter.models.encoder_spec import EncoderSpec
from vcffilter.training.config import ExampleFiles, Selection, TrainConfig
from vcffilter.training.dataset import ArrayDataset, concatenate
from vcffilter.training.example_file import read_examples
from vcffilter.training.example_source import ExampleMaker, ExampleSource


@dataclass(frozen=True)
class Split:
    """Examples to train on and those held out, with the encoder they share.

    train_of_epoch: the training examples of a later epoch, where they change. hashes: sha256 of every file that was read.
    open_files: what is read from until the split is closed; use it with `with`. without_truth: names of the sets whose labels
    come from no truth.
    """

    train: ArrayDataset
    validation: ArrayDataset | None
    spec: EncoderSpec
    train_of_epoch: Callable[[int], ArrayDataset] | None
    hashes: dict[str, str]
    open_files: ExitStack
    without_truth: frozenset[str] = frozenset()

    def __enter__(self) -> Split:
        return self

    def __exit__(self, *_: object) -> None:
        self.open_files.close()


def load_split(config: TrainConfig, base: Path, spec: EncoderSpec | None) -> Split:
    """Part a run's examples. base: folder that relative paths start from. spec: the encoder that sources must use, if any.

    Raises TrainingError when nothing is given, files do not fit together, or a part is empty.
    """
    if bool(config.data) == bool(config.sources):
        raise TrainingError("a run needs either example files or sources", hint="List them under data: or under sources:")
    with ExitStack() as opened:
        if config.data:
            split = _split_of_files(config, base, opened)
        else:
            split = _split_of_sources(config, [_resolved(source, base) for source in config.sources], spec, opened)
        return dataclasses.replace(split, open_files=opened.pop_all())


def _split_of_files(config: TrainConfig, base: Path, opened: ExitStack) -> Split:
    parts, hashes, spec, first = [], {}, None, None
    without_truth: set[str] = set()
    for one in config.data:
        wanted = one if isinstance(one, ExampleFiles) else ExampleFiles(one)
        for path in _matching(base, wanted.files):
            file = read_examples(path, config.in_memory)
            opened.callback(file.examples.close)
            first = first or path
            spec = spec or file.spec
            if file.spec != spec:
                raise TrainingError(f"made by another encoder than {first}", path=str(path), hint="Make both anew")
            parts.append(_wanted(file.examples, wanted))
            without_truth |= file.without_truth
            hashes[str(path.relative_to(base) if path.is_relative_to(base) else path)] = _sha256_of_file(path)
    assert spec is not None
    examples = concatenate(parts)
    train, held = _trained_on(config, examples), _held_out(config, examples)
    return Split(train, held, spec, None, hashes, opened, frozenset(without_truth))


def _matching(base: Path, files: str) -> list[Path]:
    """The files that a name or pattern stands for, by name; raises TrainingError when a pattern fits none."""
    if not set("*?[") & set(files):
        return [base / files]
    found = sorted(Path(path) for path in glob.glob(str(Path(glob.escape(str(base))) / files)))
    if not found:
        raise TrainingError("no example file is called so", path=str(base / files), hint="Make one with: pileup-filter examples")
    return found


def _wanted(examples: ArrayDataset, wanted: ExampleFiles) -> ArrayDataset:
    if wanted.only != "all":
        examples = examples.take(examples.is_snv == (wanted.only == "snv"))
    if wanted.weight == 1:
        return examples
    return dataclasses.replace(examples, weight=examples.weight * np.float32(wanted.weight))


def _split_of_sources(
    config: TrainConfig, sources: Sequence[ExampleSource], spec: EncoderSpec | None, opened: ExitStack
) -> Split:
    if spec is None:
        features, channels = (ALL_FEATURES, ALL_CHANNELS) if config.phase_reach else (FEATURE_NAMES, CHANNEL_NAMES)
        shape = (channels, config.rows, config.columns) if config.rows else ((), 0, 0)
        spec = EncoderSpec(ENCODER_VERSION, features, *shape, phase_reach=config.phase_reach)
    makers = [opened.enter_context(ExampleMaker(source, spec)) for source in sources]

    def train_of_epoch(epoch: int) -> ArrayDataset:
        seed = config.fit.seed * 100_003 + epoch
        return _trained_on(config, concatenate([piece for maker in makers for piece in maker.examples(seed)]))

    full_depth = concatenate([piece for maker in makers for piece in maker.examples(0, full_depth=True)])
    files = sorted({path for source in sources for path in (source.calls, source.labels)})
    hashes = {Path(path).name: _sha256_of_file(Path(path)) for path in files}
    without_truth = frozenset(source.set_name for source in sources if has_no_truth(source.labels))
    return Split(train_of_epoch(0), _held_out(config, full_depth), spec, train_of_epoch, hashes, opened, without_truth)


def _resolved(source: ExampleSource, base: Path) -> ExampleSource:
    return dataclasses.replace(
        source,
        calls=str(base / source.calls),
        labels=str(base / source.labels),
        reads=tuple(str(base / path) for path in source.reads),
        reference=str(base / source.reference),
        set_name=source.set_name or Path(source.calls).name.split(".")[0],
    )


def _trained_on(config: TrainConfig, examples: ArrayDataset) -> ArrayDataset:
    return examples.take(~config.validation.mask(examples) & ~config.exclude.mask(examples))


def _held_out(config: TrainConfig, examples: ArrayDataset) -> ArrayDataset | None:
    if config.validation == Selection():
        return None
    chosen = config.validation.mask(examples) & ~config.exclude.mask(examples)
    if not chosen.any():
        raise TrainingError("no example lies in what is held out for validation", hint="Check names under validation:")
    return examples.take(chosen)


def _sha256_of_file(path: Path) -> str:
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
