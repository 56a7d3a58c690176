"""The Python face of the program, for notebooks and scripts: score alleles, filter a file, draw the reads behind a call.

Computes nothing itself: what the command line does, it does. Heavy libraries are imported when they are used.
"""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from types import TracebackType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from matplotlib.figure import Figure

    from vcffilter.annotation.settings import Thresholds
    from vcffilter.calibration.bands import Bands
    from vcffilter.calibration.tiers import Tier
    from vcffilter.explanation.call_explainer import CallExplainer, CallExplanation
    from vcffilter.explanation.occlusion import Evidence
    from vcffilter.models.checkpoint import Checkpoint
    from vcffilter.pictures.drawing import Drawing
    from vcffilter.pictures.facts import CallFacts
    from vcffilter.pictures.painter import PileupSource
    from vcffilter.pictures.pileup import Pileup
    from vcffilter.pipeline.background import Background
    from vcffilter.pipeline.evidence import EvidenceScorer
    from vcffilter.pipeline.summary import RunSummary
    from vcffilter.variants.allele_scores import AlleleScores
    from vcffilter.variants.background_counts import BackgroundCounts

#: (contig, POS, REF, ALT), POS 1-based, as in a VCF.
Allele = tuple[str, int, str, str]
_COLUMNS = ("contig", "pos", "ref", "alt")
#: Alleles scored at once: bounds the memory, changes no score.
_CHUNK = 2048


@dataclass(frozen=True)
class Scores:
    """What the model says of some alleles, in the order given.

    probability: float32 (n,), calibrated; NaN where not scored. log_odds: float64 (n,). n_reads, ref_reads, alt_reads: int32
    (n,), reads that informed the score, and those of them for REF and ALT. passes: bool (n,), at the thresholds of the `Filter`;
    False where not scored. status: why an allele was not scored, "scored" otherwise. reasons: why it looks false, () where it
    does not or where it was not asked for. features: float32 (n, n_features), what the model was given; NaN where not scored.
    feature_names: of its columns (docs/method.md says what they are). tier, band: as PILEUP_TIER and PILEUP_BAND have them, "."
    where not scored; () where the `Filter` was not asked for them. stage: as PILEUP_STAGE; () of a model of one stage.
    background: as PILEUP_BACKGROUND has it, with the reads behind it; () and None where there is none.
    """

    alleles: tuple[Allele, ...]
    probability: np.ndarray
    log_odds: np.ndarray
    n_reads: np.ndarray
    ref_reads: np.ndarray
    alt_reads: np.ndarray
    passes: np.ndarray
    status: tuple[str, ...]
    reasons: tuple[tuple[str, ...], ...]
    features: np.ndarray
    feature_names: tuple[str, ...]
    tier: tuple[str, ...] = ()
    band: tuple[str, ...] = ()
    stage: tuple[str, ...] = ()
    background: tuple[str, ...] = ()
    background_reads: np.ndarray | None = None
    background_alt_reads: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.alleles)

    def to_frame(self) -> pd.DataFrame:
        """A pandas frame, one row an allele. Raises MissingExtraError without pandas."""
        frame = _pandas().DataFrame(list(self.alleles), columns=list(_COLUMNS))
        for name in ("probability", "log_odds", "n_reads", "ref_reads", "alt_reads", "passes"):
            frame[name] = getattr(self, name)
        frame = frame.assign(status=list(self.status), reasons=[",".join(names) for names in self.reasons])
        words = {name: list(found) for name in ("tier", "band", "stage", "background") if (found := getattr(self, name))}
        frame = frame.assign(**words)
        for name in ("background_alt_reads", "background_reads"):
            if getattr(self, name) is not None:
                frame[name] = getattr(self, name)
        return frame


class Filter:
    """A model with the reads and the reference that it looks at.

    reads: BAM or CRAM files with index, of one sample. reference: FASTA with .fai. model: a name (`pileup-filter models`), a
    .safetensors file, or "auto". preset: cut of the model's card; None = its default. samples: of the reads' @RG lines; empty =
    all reads. reasons: whether they are looked for. tier: as --tier, the share of false calls among those that need no
    confirmation. bands: as --bands, but shares of true calls kept, such as (0.99, 0.999). stage: as --stage, "trees" or "both",
    of a model of two stages. background: BAM or CRAM files of others, as --background; background_filter: as on the command
    line, of `filter_file` and of `Scores.passes`. A context manager; from one thread at a time. Raises VcffilterError.

    >>> with Filter("reads.bam", "reference.fa") as model:
    ...     scores = model.score([("chr20", 10008921, "A", "G")])
    ...     model.filter_file("calls.vcf.gz", "filtered.vcf.gz")
    """

    def __init__(
        self,
        reads: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
        reference: str | os.PathLike[str],
        *,
        model: str = "illumina-germline",
        preset: str | None = None,
        device: str = "auto",
        samples: Sequence[str] = (),
        reasons: bool = True,
        tier: float | None = None,
        bands: Sequence[float] | None = None,
        stage: str | None = None,
        background: str | os.PathLike[str] | Sequence[str | os.PathLike[str]] = (),
        background_filter: bool = False,
    ) -> None:
        self._reads, self._background_paths = _paths(reads), _paths(background)
        self._background_filter = background_filter
        if background_filter and not self._background_paths:
            from vcffilter.errors import UsageError

            raise UsageError("the background is to decide, and there is none", hint="Give background=, or leave it out")
        self._reference = os.fspath(reference)
        self._preset, self._device, self._samples, self._want_reasons = preset, device, tuple(samples), reasons
        self._stage = stage
        self._tier, self._bands = tier, None if bands is None else tuple(bands)
        self._model = self._chosen_model(model)
        self._scorer: EvidenceScorer | None = None
        self._background: Background | None = None
        self._source: PileupSource | None = None
        self._explainer: CallExplainer | None = None

    def __enter__(self) -> Filter:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close every file."""
        if self._scorer is not None:
            self._scorer.close()
            self._scorer = None
        if self._background is not None:
            self._background.close()
            self._background = None
        if self._source is not None:
            self._source.close()
            self._source = None
        self._explainer = None

    @property
    def model_id(self) -> str:
        """Name of the model that scores."""
        return self._opened().model_id

    @property
    def thresholds(self) -> dict[str, float]:
        """Probability below which an ALT fails: "snv", and "indel" for all else."""
        chosen = self._thresholds()
        return {"snv": chosen.snv, "indel": chosen.indel}

    def score(self, alleles: Iterable[Allele]) -> Scores:
        """Score alleles: (contig, POS, REF, ALT), in any order. Scores are those of a VCF with these records."""
        tier, bands = self._chosen_tier(), self._chosen_bands()
        scores = score_alleles(
            self._opened(), alleles, self._thresholds(), with_reasons=self._want_reasons,
            background=self._opened_background(), background_filter=self._background_filter,
        )  # fmt: skip
        return replace(scores, tier=_tier_words(scores, tier), band=_band_names(scores, bands))

    def score_frame(self, frame: pd.DataFrame) -> pd.DataFrame:
        """A frame with columns contig, pos, ref, alt, and the scores beside them; its index is kept."""
        scores = self.score(frame[list(_COLUMNS)].itertuples(index=False, name=None)).to_frame()
        scores.index = frame.index
        return frame.join(scores.drop(columns=list(_COLUMNS)))

    def filter_file(self, calls: str | os.PathLike[str], output: str | os.PathLike[str], **options: Any) -> RunSummary:
        """Filter a VCF or BCF as `pileup-filter filter` does; the output's name says its format.

        options: fields of `vcffilter.filter_job.options.FilterOptions`, such as mode="replace", write_index="tbi".
        """
        from vcffilter.filter_job.job import run_filter
        from vcffilter.filter_job.options import FilterOptions

        asked = {
            "samples": ",".join(self._samples) or None,
            "model": self._model,
            "device": self._device,
            "preset": self._preset,
            "tier": self._tier,
            "bands": self._bands,
            "stage": self._stage,
            "background_paths": self._background_paths,
            "background_filter": self._background_filter,
            "with_reasons": self._want_reasons,
            "quiet": True,
            **options,
        }
        chosen = FilterOptions(os.fspath(calls), self._reads, self._reference, output=os.fspath(output), **asked)
        return run_filter(chosen, time.monotonic())

    def pileup(self, allele: Allele, *, n_columns: int = 81, most_rows: int = 60) -> Pileup:
        """The reads over an allele as arrays, grouped by what they support."""
        contig, pos1, ref, alt = allele
        return self._drawn().pileup(contig, pos1, ref, alt, n_columns=n_columns, most_rows=most_rows)

    def explain(self, allele: Allele) -> CallExplanation:
        """What makes the log-odds of an allele, in parts that add up, of trees and networks, as `pileup-filter explain` has it.

        `explanation.base` and the sum of `explanation.families` are `explanation.log_odds`. Raises VcffilterError where no reads
        inform the allele, ModelError where the model's trees were not counted.
        """
        return self._explained(allele)[1]

    def explain_text(self, allele: Allele) -> str:
        """The same as lines of text. Raises as `explain`."""
        from vcffilter.explanation.text import explanation_text

        return explanation_text(self.explain(allele), self._facts(allele))

    def svg(self, allele: Allele, *, explained: bool = False) -> str:
        """The reads over an allele, drawn, as SVG text (in a notebook: IPython.display.SVG). explained: `explain` beside."""
        from vcffilter.pictures.drawing import to_svg

        return to_svg(self._drawing(allele, explained=explained))

    def figure(self, allele: Allele, *, explained: bool = False) -> Figure:
        """As `svg`, as a matplotlib figure. Raises MissingExtraError without matplotlib."""
        from vcffilter.evaluation.plots import require_matplotlib
        from vcffilter.pictures.drawing import to_pixels

        require_matplotlib()
        from matplotlib.figure import Figure

        pixels = to_pixels(self._drawing(allele, explained=explained), scale=2)
        figure = Figure(figsize=(pixels.shape[1] / 200, pixels.shape[0] / 200), dpi=200)
        axis = figure.add_axes((0, 0, 1, 1))
        axis.imshow(pixels)
        axis.set_axis_off()
        return figure

    # -- inside

    def _chosen_model(self, model: str) -> str:
        from vcffilter.inspection.model_choice import named_model

        return named_model(model, self._reads, self._reference)

    def _opened(self) -> EvidenceScorer:
        if self._scorer is None:
            from vcffilter.pipeline.evidence import EvidenceOptions, open_scorer

            options = EvidenceOptions(
                "the alleles", self._reads, self._reference, self._samples, self._model, self._stage, self._device,
                allow_ref_mismatch=True, want_reasons=self._want_reasons,
            )  # fmt: skip
            self._scorer = open_scorer(options)
        return self._scorer

    def _opened_background(self) -> Background | None:
        if self._background is None and self._background_paths:
            from vcffilter.pipeline.background import BackgroundOptions, open_background

            options = BackgroundOptions(
                "the alleles", self._background_paths, self._reference, reads_paths=self._reads,
                scored_names=self._opened().scored_names,
            )  # fmt: skip
            self._background = open_background(options)
        return self._background

    def _drawn(self) -> PileupSource:
        if self._source is None:
            from vcffilter.pictures.painter import PileupSource

            self._source = PileupSource(self._reads, self._reference, self._samples)
        return self._source

    def _drawing(self, allele: Allele, *, explained: bool) -> Drawing:
        from vcffilter.explanation.picture import draw_explained
        from vcffilter.pictures.layout import draw_pileup

        if explained:
            evidence, found = self._explained(allele)
            return draw_explained(evidence, self._facts(allele), found, self.model_id)
        return draw_pileup(self.pileup(allele), self._facts(allele))

    def _explained(self, allele: Allele) -> tuple[Evidence, CallExplanation]:
        from vcffilter.errors import VcffilterError
        from vcffilter.explanation.picture import evidence_of

        contig, pos1, ref, alt = allele
        evidence = evidence_of(self._drawn(), self._opened().metadata.encoder, contig, pos1, ref, alt)
        if evidence is None:
            raise VcffilterError(f"no reads inform {ref[:20]}>{alt[:20]}: nothing to explain", contig=contig, pos1=pos1)
        return evidence, self._opened_explainer().explain(evidence, (contig, pos1))

    def _opened_explainer(self) -> CallExplainer:
        if self._explainer is None:
            from vcffilter.errors import ModelError
            from vcffilter.explanation.call_explainer import CallExplainer
            from vcffilter.explanation.covers import find_covers
            from vcffilter.explanation.nearest import find_examples
            from vcffilter.explanation.saliency import has_trees
            from vcffilter.scoring.two_stages import open_network

            checkpoint = self._chosen_checkpoint()
            module = checkpoint.build()
            covers = find_covers(module, checkpoint.path) if has_trees(module) else None
            if covers is None and has_trees(module):
                raise ModelError(
                    "no file has the counts of the model's trees, which their explanation is measured against",
                    path=self._model,
                    hint="pileup-filter train writes NAME.covers.npz beside the weights; pileup-filter explain can do without",
                )
            scorer = open_network(checkpoint, "cpu")
            self._explainer = CallExplainer(module, scorer, covers, find_examples(checkpoint.path))
        return self._explainer

    def _chosen_checkpoint(self) -> Checkpoint:
        from vcffilter.models.checkpoint import load_checkpoint
        from vcffilter.models.stages import first_alone, is_staged

        checkpoint = load_checkpoint(self._model)
        return first_alone(checkpoint) if self._stage == "trees" and is_staged(checkpoint) else checkpoint

    def _thresholds(self) -> Thresholds:
        from vcffilter.calibration.thresholds import choose_thresholds

        scorer = self._opened()
        return choose_thresholds(scorer.thresholds, scorer.operating_points, presets=scorer.presets, preset=self._preset)

    def _chosen_tier(self) -> Tier | None:
        from vcffilter.calibration.tiers import choose_tier

        return None if self._tier is None else choose_tier(self._opened().presets, self._tier)

    def _chosen_bands(self) -> Bands | None:
        from vcffilter.calibration.bands import choose_bands

        return None if self._bands is None else choose_bands(self._opened().operating_points, self._bands)

    def _facts(self, allele: Allele) -> CallFacts:
        from vcffilter.pictures.facts import CallFacts

        contig, pos1, ref, alt = allele
        scores = self.score([allele])
        is_snv = _is_snv([allele])
        return CallFacts(
            contig, pos1, ref, alt, probability=float(scores.probability[0]), log_odds=float(scores.log_odds[0]),
            threshold=float(self._thresholds().of_alleles(is_snv, scores.n_reads)[0]), n_reads=int(scores.n_reads[0]),
            status="" if scores.status[0] == "scored" else scores.status[0], reasons=scores.reasons[0],
        )  # fmt: skip


def score_alleles(
    scorer: EvidenceScorer,
    alleles: Iterable[Allele],
    thresholds: Thresholds,
    *,
    with_reasons: bool,
    go_on: Callable[[], None] | None = None,
    background: Background | None = None,
    background_filter: bool = False,
) -> Scores:
    """Scores of alleles in any order, by a scorer that was opened for one sample or none and, with_reasons, finds them.

    go_on: called now and then; what it raises ends the work. background: others' reads, open; background_filter: what their noise
    explains does not pass.
    """
    import numpy as np

    from vcffilter.variants.allele_chunk import AlleleChunk, unscorable
    from vcffilter.variants.allele_scores import STATUS_CODE, AlleleScores

    given = [(str(contig), int(pos1), str(ref), str(alt)) for contig, pos1, ref, alt in alleles]
    statuses = [unscorable(pos1, ref, alt) for _, pos1, ref, alt in given]
    unsent = {index: why for index, why in enumerate(statuses) if why is not None}
    order = sorted((index for index in range(len(given)) if index not in unsent), key=lambda index: given[index][:2])
    parts: list[AlleleScores] = []
    for _, of_contig in itertools.groupby(order, key=lambda index: given[index][0]):
        indices = list(of_contig)
        for begin in range(0, len(indices), _CHUNK):
            if go_on is not None:
                go_on()
            piece = [given[index] for index in indices[begin : begin + _CHUNK]]
            chunk = AlleleChunk.from_alleles(piece[0][0], [(pos1 - 1, ref, alt) for _, pos1, ref, alt in piece])
            scores = scorer.score(chunk)
            assert isinstance(scores, AlleleScores), "reads are pooled where no samples' columns are named"
            parts.append(scores if background is None else replace(scores, background=background.count(chunk)))
    parts.append(AlleleScores.unscored([STATUS_CODE[why] for why in unsent.values()]))
    place = np.empty(len(given), np.int64)
    place[[*order, *unsent]] = np.arange(len(given))
    collected = _collected(given, parts, place, scorer.metadata.encoder.features, thresholds, with_reasons)
    if background is None:
        return collected
    return _with_background(collected, _joined_background(parts, len(background.samples), place), decides=background_filter)


def _collected(
    given: list[Allele],
    parts: list[AlleleScores],
    place: np.ndarray,
    feature_names: Sequence[str],
    thresholds: Thresholds,
    with_reasons: bool,
) -> Scores:
    """place: int64 (n,), where in the parts, one after the other, each given allele is."""
    import numpy as np

    from vcffilter.annotation.reason_vocabulary import REASON_NAMES
    from vcffilter.variants.allele_scores import READS_FOR_ALT, READS_FOR_REF, STATUS_NAMES

    def joined(name: str, empty: np.ndarray, missing: float = 0) -> np.ndarray:
        # Where a contig is missing nothing was asked for reasons, and there are no features.
        found = [(len(part.status), getattr(part, name)) for part in parts]
        filled = [np.full((n, *empty.shape[1:]), missing, empty.dtype) if one is None else one for n, one in found]
        return np.concatenate([empty, *filled])[place]

    probability = joined("probability", np.empty(0, np.float32))
    counts = joined("counts", np.empty((0, 3), np.int32))
    bits = joined("reasons", np.empty(0, np.uint32)) if with_reasons else np.zeros(len(given), np.uint32)
    is_snv = _is_snv(given)
    # NaN compares as False: what was not scored does not pass.
    passes = probability >= thresholds.of_alleles(is_snv, joined("n_reads", np.empty(0, np.int32)))
    status = joined("status", np.empty(0, np.uint8))
    features = joined("features", np.empty((0, len(feature_names)), np.float32), np.nan)
    features[status != 0] = np.nan
    return Scores(
        tuple(given), probability, joined("log_odds", np.empty(0)), joined("n_reads", np.empty(0, np.int32)),
        counts[:, READS_FOR_REF], counts[:, READS_FOR_ALT], passes,
        tuple(STATUS_NAMES[code] for code in status),
        tuple(tuple(name for bit, name in enumerate(REASON_NAMES) if int(mask) >> bit & 1) for mask in bits),
        features, tuple(feature_names), stage=_stage_names(parts, place),
    )  # fmt: skip


def _joined_background(parts: list[AlleleScores], n_samples: int, place: np.ndarray) -> BackgroundCounts:
    """Counts of all alleles; 0 of those that were not sent. place: as in `_collected`."""
    import numpy as np

    from vcffilter.variants.background_counts import BackgroundCounts

    known = [part.background or BackgroundCounts.without_reads(n_samples, len(part.status)) for part in parts]
    telling, showing = (np.hstack([getattr(counts, name) for counts in known])[:, place] for name in ("telling", "showing"))
    return BackgroundCounts(telling, showing)


def _with_background(scores: Scores, counts: BackgroundCounts, *, decides: bool) -> Scores:
    """decides: what the background explains as noise does not pass."""
    from vcffilter.scoring.background_rules import BACKGROUND_NAMES, is_explained, judge, least_share

    words = _where_scored(scores, [BACKGROUND_NAMES[code] for code in judge(counts)])
    passes = scores.passes
    if decides:
        passes = passes & ~is_explained(scores.alt_reads, scores.ref_reads, least_share(counts))
    return replace(
        scores, passes=passes, background=words, background_reads=counts.telling.sum(axis=0),
        background_alt_reads=counts.showing.sum(axis=0),
    )  # fmt: skip


def _is_snv(alleles: Sequence[Allele]) -> np.ndarray:
    import numpy as np

    return np.array([len(ref) == len(alt) == 1 for _, _, ref, alt in alleles], bool)


def _stage_names(parts: Sequence[AlleleScores], place: np.ndarray) -> tuple[str, ...]:
    """Of each allele the stage that decided; nothing of a model of one stage. place: as `_collected` has it."""
    import numpy as np

    from vcffilter.variants.allele_scores import STAGE_NAMES

    if all(part.stage is None for part in parts):
        return ()
    codes = np.concatenate([np.zeros(len(part.status), np.uint8) if part.stage is None else part.stage for part in parts])
    return tuple(STAGE_NAMES[code] for code in codes[place])


def _tier_words(scores: Scores, tier: Tier | None) -> tuple[str, ...]:
    """Of each allele whether it needs confirmation; one that fails is never sure."""
    from vcffilter.annotation.settings import CONFIRM, SURE

    if tier is None:
        return ()
    sure = scores.passes & tier.holds(scores.probability, scores.n_reads)
    return _where_scored(scores, [SURE if holds else CONFIRM for holds in sure])


def _band_names(scores: Scores, bands: Bands | None) -> tuple[str, ...]:
    if bands is None:
        return ()
    return _where_scored(scores, [bands.names[place] for place in bands.places(scores.probability, _is_snv(scores.alleles))])


def _where_scored(scores: Scores, words: Iterable[str]) -> tuple[str, ...]:
    return tuple(word if status == "scored" else "." for status, word in zip(scores.status, words, strict=True))


def _paths(given: str | os.PathLike[str] | Sequence[str | os.PathLike[str]]) -> tuple[str, ...]:
    several = [given] if isinstance(given, str | os.PathLike) else list(given)
    return tuple(os.fspath(path) for path in several)


def _pandas() -> Any:
    from vcffilter.errors import MissingExtraError

    try:
        import pandas
    except ImportError as error:
        raise MissingExtraError("frames need pandas", hint="Install it with: pip install 'vcffilter[frame]'") from error
    return pandas
