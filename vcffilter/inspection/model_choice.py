"""Which model fits the reads: by their platform, as the models that ship were trained on them."""

from __future__ import annotations

from collections.abc import Sequence

from vcffilter.errors import ModelError
from vcffilter.inspection.read_facts import PLATFORMS, ReadFacts, read_facts
from vcffilter.models.training_ranges import TrainingRanges, shipped_platforms
from vcffilter.pipeline.run_warnings import RunWarning
from vcffilter.reads.alignment_file import forbid_network_references, read_header

#: What `--model` takes for "choose by the reads".
AUTO = "auto"
#: Names of the models that are chosen end so: trees alone. Those of two stages (`-pileup`) are taken by name only.
_CHOSEN = "-germline"
#: Files looked at; more of one run are like these.
_MOST_FILES = 4
#: So many times the indels per kb of the training samples, and so many at least, are another chemistry (R10.4: 6.5, R9.4: 32).
_MORE_INDELS, _FEWEST_INDELS = 3.0, 10.0


def facts_of_files(reads_paths: Sequence[str], reference_path: str) -> dict[str, ReadFacts]:
    """Facts of the first files with reads, by path. Raises ReadsFileError."""
    forbid_network_references()
    for path in reads_paths[:_MOST_FILES]:
        read_header(path, reference_path)  # says what is missing better than the reading would
    facts = {path: read_facts(path, reference_path) for path in reads_paths[:_MOST_FILES]}
    return {path: one for path, one in facts.items() if one is not None}


def models_for(platform: str) -> list[str]:
    """Names of the models that ship for a platform, the one that is chosen for it first."""
    names = [name for name, trained_on in shipped_platforms().items() if trained_on == platform]
    return sorted(names, key=lambda name: (not name.endswith(_CHOSEN), name))


def choose_model(facts: dict[str, ReadFacts]) -> str:
    """The model for these reads. Raises ModelError where none fits, or the files are of several platforms."""
    platforms = {one.platform for one in facts.values()}
    if len(platforms) != 1:
        seen = ", ".join(f"{path}: {PLATFORMS[one.platform]}" for path, one in facts.items()) or "no mapped reads"
        raise ModelError(f"no model can be chosen for the reads ({seen})", hint="Name it with --model")
    (platform,) = platforms
    fitting = models_for(platform)
    if not fitting:
        raise ModelError(
            f"no model that ships was trained on such reads: {described(next(iter(facts.values())))}",
            hint=f"There are: {_offered()}. Name one with --model, or train one: pileup-filter train",
        )
    return fitting[0]


def named_model(model: str, reads_paths: Sequence[str], reference_path: str) -> str:
    """The model as asked for, or where that is AUTO the one that fits the reads. Raises ReadsFileError, ModelError."""
    return choose_model(facts_of_files(reads_paths, reference_path)) if model == AUTO else model


def described(facts: ReadFacts) -> str:
    """Facts in words."""
    parts = [
        f"median length {facts.read_length:.0f}",
        f"{facts.paired_share:.0%} paired",
        f"{facts.indels_per_kb:.1f} indels per kb",
    ]
    if facts.platform == "rna":
        parts.append(f"{facts.spliced_share:.0%} spliced")
    return f"{PLATFORMS[facts.platform]}, {', '.join(parts)}"


def advice(platform: str, model_id: str) -> str:
    """What to do where the reads are of another platform than the model's."""
    fitting = models_for(platform)
    if not fitting or any(model_id.startswith(name) for name in fitting):
        return "No model that ships was trained on such data: trust its probabilities less, or train one (pileup-filter train)"
    return f"Use --model {fitting[0]}"


def platform_warning(facts: dict[str, ReadFacts], ranges: TrainingRanges, model_id: str) -> RunWarning | None:
    """A warning for the first file whose reads are of another platform than the model's, or of its platform with far more indels
    than any that it was trained on, such as an older chemistry.
    """
    _, most_indels = ranges.reads.get("indels_per_kb", (0.0, float("inf")))
    for path, one in facts.items():
        if one.platform != ranges.platform:
            return RunWarning(
                "foreign_data",
                f"the reads of {path} are {described(one)}; the model {model_id} was trained on {PLATFORMS[ranges.platform]}",
                advice(one.platform, model_id),
            )
        if one.indels_per_kb > max(_MORE_INDELS * most_indels, _FEWEST_INDELS):
            return RunWarning(
                "foreign_data",
                f"the reads of {path} are {described(one)}; the model {model_id} is for reads with at most {most_indels:.1f}",
                advice(one.platform, model_id),
            )
    return None


def _offered() -> str:
    return ", ".join(f"{name} ({PLATFORMS[platform]})" for name, platform in shipped_platforms().items())
