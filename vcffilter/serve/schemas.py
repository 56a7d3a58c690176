"""What requests and answers look like: the models behind the API's own description. Holds no logic."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from vcffilter.serve.settings import READS_NAME

Preset = Literal["sensitive", "balanced", "strict"]
ReadsName = Annotated[str, Field(pattern=f"^{READS_NAME}$", description="A name that /v1/reads lists.")]
Contig = Annotated[str, Field(pattern=r"^[!-~]{1,255}$")]
Position = Annotated[int, Field(ge=1, le=2**31 - 1, description="1-based, as POS in a VCF.")]
Bases = Annotated[str, Field(pattern=r"^[A-Za-z]{1,10000}$")]
Alternate = Annotated[str, Field(pattern=r"^[!-~]{1,10000}$")]
PresetOption = Annotated[Preset | None, Field(description="The cut. Without it: the model's own.")]


class FilterOptions(BaseModel):
    """As the options of `pileup-filter filter` of these names."""

    model_config = ConfigDict(extra="forbid")

    reads: ReadsName
    output: Annotated[Literal["vcf", "vcf.gz", "bcf"], Field(description="The answer's format.")] = "vcf"
    preset: PresetOption = None
    mode: Literal["append", "replace", "reset"] = "append"
    annotate_only: bool = False
    reasons: bool = False
    samples: Annotated[str | None, Field(max_length=10_000, description="Comma-separated; as -s.")] = None
    allow_ref_mismatch: bool = False
    allow_unscored: bool = False


class PictureOptions(BaseModel):
    """One allele, and how it is drawn."""

    model_config = ConfigDict(extra="forbid")

    reads: ReadsName
    contig: Contig
    pos: Position
    ref: Bases
    alt: Bases
    format: Literal["svg", "png"] = "svg"
    preset: PresetOption = None


class Call(BaseModel):
    """An allele, or a position alone: then its three SNVs are scored."""

    model_config = ConfigDict(extra="forbid")

    contig: Contig
    pos: Position
    ref: Bases | None = None
    alt: Alternate | None = None


class ScoreRequest(BaseModel):
    """Alleles against reads."""

    model_config = ConfigDict(extra="forbid")

    reads: ReadsName
    alleles: Annotated[list[Call], Field(description="In any order; the answer has them in this order.")]
    preset: PresetOption = None
    reasons: bool = True


class Model(BaseModel):
    """What scored."""

    id: str
    sha256: str


class ScoredAllele(BaseModel):
    """probability: calibrated; null where not scored. status: scored, or why not. stage: of a model of two stages, which one
    decided ("." where not scored); null of any other.
    """

    contig: str
    pos: int
    ref: str
    alt: str
    probability: float | None
    log_odds: float | None
    n_reads: int
    ref_reads: int
    alt_reads: int
    passes: bool
    status: str
    reasons: list[str]
    stage: str | None


class ScoreAnswer(BaseModel):
    """thresholds: probability below which an ALT fails, by type."""

    model: Model
    thresholds: dict[str, float]
    alleles: list[ScoredAllele]


class ReadsEntry(BaseModel):
    """samples: of the @RG lines."""

    name: str
    samples: list[str]
    n_contigs: int


class ReadsAnswer(BaseModel):
    """What can be asked about."""

    reads: list[ReadsEntry]


class State(BaseModel):
    """Of the server."""

    status: str


class ServiceInfo(BaseModel):
    """As GA4GH service-info 1.0.0 has it."""

    model_config = ConfigDict(extra="allow")

    id: str
    name: str
    type: dict[str, str]
    description: str
    organization: dict[str, str]
    documentationUrl: str
    version: str
    models: list[Model]


class ProblemBody(BaseModel):
    """RFC 9457."""

    model_config = ConfigDict(extra="allow")

    type: str
    title: str
    status: int
    detail: str


def schemas_of(*models: type[BaseModel]) -> dict[str, Any]:
    """JSON Schema of models that the API's description names without FastAPI's help, by name."""
    found: dict[str, Any] = {}
    for model in models:
        schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
        found |= schema.pop("$defs", {})
        found[model.__name__] = schema
    return found
