"""The work behind the API, on files that stay open: one model, and reads by name. Blocking; called from several threads at once.

Knows no HTTP. Everything is the product's own: the stream of `filter`, the scores of `Filter`, the pictures of `show`.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from vcffilter.api import Allele, Scores, score_alleles
from vcffilter.calibration.thresholds import choose_thresholds
from vcffilter.errors import ReadsFileError
from vcffilter.filter_job.job import filter_records
from vcffilter.filter_job.options import FilterOptions
from vcffilter.inspection.model_choice import AUTO, choose_model, facts_of_files
from vcffilter.inspection.read_facts import ReadFacts
from vcffilter.pictures.drawing import to_png, to_svg
from vcffilter.pictures.facts import CallFacts
from vcffilter.pictures.layout import draw_pileup
from vcffilter.pictures.painter import PileupSource
from vcffilter.pipeline.evidence import Evidence, EvidenceOptions, LoadedModel, load_model, open_evidence
from vcffilter.pipeline.pool import Pool
from vcffilter.reads.alignment_file import read_header
from vcffilter.reads.reference_file import ReferenceFile
from vcffilter.scoring.network import one_intra_op_thread
from vcffilter.scoring.shared_network import SharedNetwork
from vcffilter.serve.problems import Problem
from vcffilter.serve.settings import ServeSettings
from vcffilter.serve.spool import SpooledFile
from vcffilter.variants.htslib import set_log_level
from vcffilter.variants.reader import VariantReader
from vcffilter.variants.writer import OutputSpec

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vcffilter.annotation.settings import Thresholds
    from vcffilter.pipeline.evidence import EvidenceScorer
    from vcffilter.pipeline.summary import RunSummary

#: What messages and header lines call the files, whose paths are nobody's business.
_UPLOAD, _REFERENCE = "<upload>", "<reference>"
#: Selections of samples whose reads stay open at once, for all names together.
_MOST_SELECTIONS = 16


@dataclass(frozen=True)
class FilterRequest:
    """As the options of `pileup-filter filter` of the same names. kind: v, z or b, as -O. samples: none = all."""

    reads: str
    kind: Literal["v", "z", "b"] = "v"
    preset: str | None = None
    mode: str = "append"
    annotate_only: bool = False
    with_reasons: bool = False
    samples: tuple[str, ...] = ()
    allow_ref_mismatch: bool = False
    allow_unscored: bool = False


@dataclass(frozen=True)
class ReadSet:
    """Reads under a name. samples: of their @RG lines. contigs: of their headers. facts: as `facts_of_files`, by the name."""

    name: str
    paths: tuple[str, ...]
    samples: tuple[str, ...]
    contigs: tuple[str, ...]
    facts: dict[str, ReadFacts]


class Service:
    """Opens everything on construction. observe_batch: as `SharedNetwork` takes it. Raises VcffilterError."""

    def __init__(self, settings: ServeSettings, observe_batch: Callable[[int, int], None] | None = None) -> None:
        set_log_level(0)
        self.settings = settings
        self._open_things = ExitStack()
        # Before any thread starts, and as long as they live: parallelism comes from them, not from within torch.
        self._open_things.enter_context(one_intra_op_thread())
        self.reads = {name: _read_set(name, paths, settings.reference) for name, paths in settings.reads.items()}
        loaded = load_model(self._model_name(), settings.device, settings.stage)
        self.checkpoint = loaded.checkpoint
        self.network = SharedNetwork(loaded.network, observe_batch)
        self._model = LoadedModel(loaded.checkpoint, self.network, loaded.stage)
        self._references = Pool(lambda: ReferenceFile(settings.reference, _REFERENCE))
        self._lock = threading.Lock()
        self._evidence: OrderedDict[tuple[str, ...], Evidence] = OrderedDict()
        self._painters = {name: self._painter_pool(read_set) for name, read_set in self.reads.items()}
        for name in self.reads:
            self._evidence_of(name, (), ())

    def close(self) -> None:
        """Close every file and end the model's thread; nothing may be asked any more."""
        self.network.close()
        for pool in self._painters.values():
            pool.close()
        with self._lock:
            while self._evidence:
                self._evidence.popitem()[1].close()
        self._references.close()
        self._open_things.close()

    def read_set(self, name: str) -> ReadSet:
        """Reads by name. Raises Problem."""
        if name not in self.reads:
            raise Problem("unknown-reads", f"There is no {name!r}; /v1/reads lists the names.")
        return self.reads[name]

    def thresholds(self, preset: str | None) -> Thresholds:
        """Of a preset; None = the model's default."""
        card = self.checkpoint.metadata
        return choose_thresholds(card.thresholds, card.operating_points, presets=card.presets, preset=preset)

    def filter(self, upload: SpooledFile, answer: SpooledFile, asked: FilterRequest, go_on: Callable[[], None]) -> RunSummary:
        """Filter an uploaded VCF or BCF into another file, to the byte as `pileup-filter filter --no-version` does.

        go_on: called with every chunk; what it raises ends the run. Raises VcffilterError, Problem.
        """
        started = time.monotonic()
        names = self.read_set(asked.reads)
        chosen = FilterOptions(
            _UPLOAD, (), _REFERENCE, samples=",".join(asked.samples) or None, mode=asked.mode, preset=asked.preset,
            annotate_only=asked.annotate_only, with_reasons=asked.with_reasons, allow_unscored=asked.allow_unscored,
            allow_ref_mismatch=asked.allow_ref_mismatch, no_version=True, quiet=True, n_threads=self.settings.n_threads,
        )  # fmt: skip
        output = OutputSpec(_UPLOAD, asked.kind, descriptor=answer.descriptor)
        reader = VariantReader(
            _UPLOAD, descriptor=upload.descriptor, samples=list(asked.samples) or None, declared_only=output.is_bcf
        )
        with reader:
            options = EvidenceOptions(
                _UPLOAD, names.paths, _REFERENCE, asked.samples, allow_ref_mismatch=asked.allow_ref_mismatch,
                want_reasons=asked.with_reasons, columns_of=tuple(reader.header.sample_names()),
            )  # fmt: skip
            with self._scorer(asked.reads, options) as scorer:
                return filter_records(chosen, reader, scorer, output, started, facts=names.facts, go_on=go_on)

    def alleles_of(self, asked: Sequence[tuple[str, int, str | None, str | None]]) -> list[Allele]:
        """Alleles as asked for; of a position alone (contig, POS, None, None) its three SNVs. Raises Problem."""
        with self._references.lent() as reference:
            return [allele for one in asked for allele in _spelled_out(one, reference)]

    def score(
        self, reads: str, alleles: Iterable[Allele], preset: str | None, *, with_reasons: bool, go_on: Callable[[], None]
    ) -> Scores:
        """Scores as `Filter.score` gives them. Raises VcffilterError, Problem."""
        options = EvidenceOptions(
            "the alleles", self.read_set(reads).paths, _REFERENCE, allow_ref_mismatch=True, want_reasons=with_reasons
        )
        with self._scorer(reads, options) as scorer:
            return score_alleles(scorer, alleles, self.thresholds(preset), with_reasons=with_reasons, go_on=go_on)

    def picture(
        self, reads: str, allele: Allele, kind: Literal["svg", "png"], preset: str | None, go_on: Callable[[], None]
    ) -> bytes:
        """The reads over an allele, drawn as `pileup-filter show` does. Raises VcffilterError, Problem."""
        scores = self.score(reads, [allele], preset, with_reasons=True, go_on=go_on)
        contig, pos1, ref, alt = allele
        with self._painters[reads].lent() as painter:
            pileup = painter.pileup(contig, pos1, ref, alt)
        drawing = draw_pileup(pileup, call_facts(scores, self.thresholds(preset)))
        return to_png(drawing) if kind == "png" else to_svg(drawing).encode()

    # -- inside

    def _model_name(self) -> str:
        """The model as asked for, or the one that fits all reads."""
        if self.settings.model != AUTO:
            return self.settings.model
        return choose_model({name: one for read_set in self.reads.values() for name, one in read_set.facts.items()})

    def _painter_pool(self, names: ReadSet) -> Pool[PileupSource]:
        return Pool(lambda: PileupSource(names.paths, self.settings.reference))

    @contextmanager
    def _scorer(self, reads: str, options: EvidenceOptions) -> Iterator[EvidenceScorer]:
        """A scorer of this request's own, on files and a network that are shared."""
        with self._references.lent() as reference:
            yield self._evidence_of(reads, options.samples, options.columns_of).scorer(options, reference)

    def _evidence_of(self, reads: str, samples: tuple[str, ...], columns_of: tuple[str, ...]) -> Evidence:
        """The reads of these samples, opened when they are first asked for; those asked for longest ago are closed."""
        names = self.read_set(reads)
        several = columns_of if len(columns_of) > 1 else ()
        key = (reads, "each", *several) if several else (reads, "pooled", *samples)
        with self._lock:
            found = self._evidence.get(key)
            if found is None:
                found = self._open(names, samples, several)
                self._evidence[key] = found
                while len(self._evidence) > _MOST_SELECTIONS:
                    self._evidence.popitem(last=False)[1].close()
            self._evidence.move_to_end(key)
            return found

    def _open(self, names: ReadSet, samples: tuple[str, ...], columns_of: tuple[str, ...]) -> Evidence:
        options = EvidenceOptions(_UPLOAD, names.paths, self.settings.reference, samples, columns_of=columns_of)
        try:
            opened = open_evidence(options, self._model)
        except ReadsFileError as error:
            if not samples and not columns_of:
                raise
            raise Problem("unknown-sample", f"{error.what}.") from error
        return replace(opened, headers=tuple(replace(header, path=names.name) for header in opened.headers))


def call_facts(scores: Scores, thresholds: Thresholds) -> CallFacts:
    """What stands beside the picture of the one allele that was scored."""
    contig, pos1, ref, alt = scores.alleles[0]
    cut = thresholds.of_alleles(np.array([len(ref) == len(alt) == 1]), scores.n_reads)
    status = scores.status[0]
    return CallFacts(
        contig, pos1, ref, alt, probability=float(scores.probability[0]), log_odds=float(scores.log_odds[0]),
        threshold=float(cut[0]), n_reads=int(scores.n_reads[0]), status="" if status == "scored" else status,
        reasons=scores.reasons[0],
    )  # fmt: skip


def _read_set(name: str, paths: Sequence[str], reference: str) -> ReadSet:
    """Raises VcffilterError where a file cannot be used."""
    headers = [read_header(path, reference) for path in paths]
    samples = tuple(dict.fromkeys(sample for header in headers for sample in header.groups_of_sample if sample))
    contigs = tuple(dict.fromkeys(contig for header in headers for contig in header.contigs))
    facts = list(facts_of_files(paths, reference).values())
    shown = {name if index == 0 else f"{name} ({index + 1})": one for index, one in enumerate(facts)}
    return ReadSet(name, tuple(paths), samples, contigs, shown)


def _spelled_out(asked: tuple[str, int, str | None, str | None], reference: ReferenceFile) -> list[Allele]:
    contig, pos1, ref, alt = asked
    if ref is not None and alt is not None:
        return [(contig, pos1, ref, alt)]
    if ref is not None or alt is not None:
        raise Problem("bad-request", f"{contig}:{pos1} has one of ref and alt: give both, or the position alone.")
    base = reference.base(contig, pos1 - 1)
    return [(contig, pos1, base, other) for other in "ACGT" if other != base]
