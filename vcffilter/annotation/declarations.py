"""Header lines: what the keys mean, which program and model wrote them.

Nothing is declared twice, and no line of others is changed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import asdict, astuple, dataclass

from vcffilter.annotation.settings import (
    BACKGROUND_FILTER,
    CONFIRM,
    INDEL_FILTER,
    SNV_FILTER,
    SURE,
    AnnotationKeys,
    AnnotationSettings,
    Thresholds,
)
from vcffilter.errors import VariantFileError
from vcffilter.variants.header import Declaration, VariantHeader

_MODEL_LINE, _TIER_LINE, _BAND_LINE = "vcffilter_model", "vcffilter_tier", "vcffilter_bands"
_BACKGROUND_LINE = "vcffilter_background"
_SCORE_MEANING = "Log-odds of the best "


@dataclass(frozen=True)
class Provenance:
    """model_id, model_sha256: what scored. info_prefix: of the keys. version, command: of the program; None = not recorded.

    stage: of a model of two stages, which of them decided: `both` or `trees`.
    """

    model_id: str
    model_sha256: str
    info_prefix: str = "PILEUP"
    version: str | None = None
    command: str | None = None
    stage: str | None = None


@dataclass(frozen=True)
class Stale:
    """What an earlier run may have left in the records. info, formats: keys of ours. filters: verdicts of ours."""

    info: bool
    filters: bool
    formats: bool


@dataclass(frozen=True)
class _Line:
    """A declaration to make. kind: INFO or FORMAT."""

    kind: str
    key: str
    declaration: Declaration
    meaning: str

    def text(self) -> str:
        number, value_type = self.declaration.number, self.declaration.type
        return f'##{self.kind}=<ID={self.key},Number={number},Type={value_type},Description="{self.meaning}">'


def declare(header: VariantHeader, settings: AnnotationSettings, provenance: Provenance, path: str) -> Stale:
    """Add the declarations and the provenance to a header, before its first record is read.

    Returns what the header already knew of ours. Raises VariantFileError when a key is there with another meaning.
    """
    keys = settings.keys
    wanted = [*_info_lines(settings), *(_sample_lines(keys, settings) if settings.with_samples else ())]
    present = [header.declaration(line.kind, line.key) for line in wanted]
    for line, declaration in zip(wanted, present, strict=True):
        _refuse_other_meaning(line, declaration, path)
    _refuse_foreign_score(header, keys, path)
    stale = Stale(
        info=any(header.info_declaration(key) is not None for key in astuple(keys)),
        filters=any(header.has_filter(name) for name in (SNV_FILTER, INDEL_FILTER, BACKGROUND_FILTER)),
        formats=any(header.declaration("FORMAT", key) == declaration for key, declaration in sample_declarations(keys).items()),
    )
    for line, declaration in zip(wanted, present, strict=True):
        if declaration is None:
            header.append(line.text())
    if not settings.annotate_only:
        for name, kind in ((SNV_FILTER, "an SNV"), (INDEL_FILTER, "an indel, MNP or complex allele")):
            if not header.has_filter(name):
                header.append(
                    f'##FILTER=<ID={name},Description="No scored ALT reaches its minimum {keys.probability}, {kind} among them">'
                )
        if settings.background_decides and not header.has_filter(BACKGROUND_FILTER):
            meaning = "No scored ALT passes, one that would is noise in the background"
            header.append(f'##FILTER=<ID={BACKGROUND_FILTER},Description="{meaning}">')
    _append_provenance(header, settings, provenance)
    header.sync()
    return stale


def _info_lines(settings: AnnotationSettings) -> Iterator[_Line]:
    keys = settings.keys
    yield _Line(
        "INFO",
        keys.probability,
        Declaration("A", "Float"),
        "Calibrated probability that the ALT is real, from the reads at the site",
    )
    yield _Line("INFO", keys.score, Declaration("1", "Float"), f"{_SCORE_MEANING}{keys.probability} of the record")
    yield _Line("INFO", keys.depth, Declaration("A", "Integer"), "Reads that informed the score of the ALT")
    yield _Line(
        "INFO",
        keys.allele_depth,
        Declaration("R", "Integer"),
        f"Of the reads in {keys.depth}, those for REF against every scored ALT, and those for each ALT",
    )
    names = f"{INDEL_FILTER} or {BACKGROUND_FILTER}" if settings.background_decides else INDEL_FILTER
    joined = ", " if settings.background_decides else " or "
    yield _Line("INFO", keys.verdict, Declaration("A", "String"), f"Verdict on each ALT: PASS, {SNV_FILTER}{joined}{names}")
    yield _Line("INFO", keys.alt_score, Declaration("A", "Float"), f"Log-odds of each {keys.probability}")
    yield _Line("INFO", keys.status, Declaration("1", "String"), "Why no ALT of the record was scored")
    if settings.tier is not None:
        meaning = f"{SURE}: so probable and with so many reads that no confirmation is needed, by {_TIER_LINE}; {CONFIRM}: others"
        yield _Line("INFO", keys.tier, Declaration("A", "String"), meaning)
    if settings.bands is not None:
        meaning = f"Per cents of true calls kept between which the ALT lies, by the cuts of {_BAND_LINE}"
        yield _Line("INFO", keys.band, Declaration("A", "String"), meaning)
    if settings.background:
        yield from _background_lines(keys)
    if settings.with_stage:
        meaning = "Which stage of the model decided on each ALT: trees (site features), or network (its reads), where trees doubt"
        yield _Line("INFO", keys.stage, Declaration("A", "String"), meaning)
    if settings.with_reasons:
        yield _Line("INFO", keys.reason, Declaration(".", "String"), "Why the record failed")
        yield _Line("INFO", keys.alt_reason, Declaration("A", "String"), "Why each failing ALT fails, values joined by &")


def _background_lines(keys: AnnotationKeys) -> Iterator[_Line]:
    meaning = f"The ALT in the reads of {_BACKGROUND_LINE}: support, noise or none; . where they are too few to say"
    yield _Line("INFO", keys.background, Declaration("A", "String"), meaning)
    meaning = "Reads of the background for the ALT, of all samples together"
    yield _Line("INFO", keys.background_alt_reads, Declaration("A", "Integer"), meaning)
    meaning = "Reads of the background for or against the ALT, of all samples together"
    yield _Line("INFO", keys.background_reads, Declaration("A", "Integer"), meaning)


def sample_declarations(keys: AnnotationKeys) -> dict[str, Declaration]:
    """How the keys of each sample are declared."""
    return {
        keys.probability: Declaration("A", "Float"),
        keys.allele_depth: Declaration("R", "Integer"),
        keys.depth: Declaration("1", "Integer"),
        keys.verdict: Declaration("1", "String"),
    }


def _sample_lines(keys: AnnotationKeys, settings: AnnotationSettings) -> Iterator[_Line]:
    meanings = {
        keys.probability: "Calibrated probability that the sample has the ALT that its genotype names, from its own reads",
        keys.allele_depth: f"Of the reads in {keys.depth}, those for REF against every ALT scored here, and those for each ALT",
        keys.depth: "Most reads of the sample that informed the score of one of its ALTs",
    }
    if settings.with_sample_verdicts:
        meanings[keys.verdict] = f"Verdict on the sample: PASS, {SNV_FILTER} or {INDEL_FILTER}, where all of its scored ALTs fail"
    declarations = sample_declarations(keys)
    for key, meaning in meanings.items():
        yield _Line("FORMAT", key, declarations[key], meaning)


def _refuse_other_meaning(line: _Line, present: Declaration | None, path: str) -> None:
    wanted = line.declaration
    if present is not None and present != wanted:
        raise VariantFileError(
            f"{line.kind}/{line.key} is declared there as Number={present.number},Type={present.type}, "
            f"not Number={wanted.number},Type={wanted.type} as written by this program",
            path=path,
            hint="Write under other names with --info-prefix or --score-key",
        )


def _refuse_foreign_score(header: VariantHeader, keys: AnnotationKeys, path: str) -> None:
    """A score named by the user must not take the place of what another program wrote under that name."""
    if header.has_filter(keys.score):
        raise VariantFileError(f"{keys.score} is the name of a FILTER there", path=path, hint="Give another --score-key")
    meaning = header.info_description(keys.score)
    if meaning is not None and not meaning.startswith(_SCORE_MEANING):
        raise VariantFileError(
            f"INFO/{keys.score} is there already and not of this program ({meaning!r}): it would be overwritten",
            path=path,
            hint=f"Give another --score-key, or first remove it with: bcftools annotate -x INFO/{keys.score}",
        )


def _append_provenance(header: VariantHeader, settings: AnnotationSettings, provenance: Provenance) -> None:
    if provenance.version is not None:
        header.append(f"##vcffilter_filterVersion={provenance.version}")
    if provenance.command is not None:
        header.append(f"##vcffilter_filterCommand={' '.join(provenance.command.split())}")
    identifier = re.sub(r"[^0-9A-Za-z_.+-]", "_", provenance.model_id)
    # htslib takes one line per ID, and the last run's values are what the records hold.
    header.remove_structured(_MODEL_LINE, identifier)
    header.append(
        f"##{_MODEL_LINE}=<ID={identifier},sha256={provenance.model_sha256},info_prefix={provenance.info_prefix},"
        f"{_thresholds(settings.thresholds)}{'' if provenance.stage is None else f',stage={provenance.stage}'}>"
    )
    _append_tier(header, settings)
    _append_bands(header, settings)
    _append_background(header, settings)


def _append_tier(header: VariantHeader, settings: AnnotationSettings) -> None:
    """What the tier of this run is; that of an earlier run no longer holds."""
    keys, tier = settings.keys, settings.tier
    header.remove_structured(_TIER_LINE, keys.tier)
    if tier is not None:
        header.append(
            f"##{_TIER_LINE}=<ID={keys.tier},min_{keys.probability}={tier.probability:g},min_{keys.depth}={tier.n_reads},"
            f"false={tier.n_false},of={tier.n},false_at_most={tier.false_at_most:g}>"
        )


def _append_bands(header: VariantHeader, settings: AnnotationSettings) -> None:
    """The borders of this run's bands; those of an earlier run no longer hold."""
    keys, bands = settings.keys, settings.bands
    header.remove_structured(_BAND_LINE, keys.band)
    if bands is not None:
        kept, snv, indel = (":".join(f"{number:g}" for number in row) for row in (bands.recalls, bands.snv, bands.indel))
        header.append(f"##{_BAND_LINE}=<ID={keys.band},kept={kept},min_prob_snv={snv},min_prob_indel={indel}>")


def _append_background(header: VariantHeader, settings: AnnotationSettings) -> None:
    """Whose reads this run's background is; that of an earlier run no longer holds."""
    key = settings.keys.background
    header.remove_structured(_BACKGROUND_LINE, key)
    if settings.background:
        names = ",".join(re.sub(r'[\\"\x00-\x1f]', "_", name) for name in settings.background)
        decides = "yes" if settings.background_decides else "no"
        header.append(f'##{_BACKGROUND_LINE}=<ID={key},decides={decides},samples="{names}">')


def _thresholds(thresholds: Thresholds) -> str:
    return ",".join(f"min_prob_{name}={value:g}" for name, value in asdict(thresholds).items() if value is not None)
