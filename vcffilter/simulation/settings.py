"""What a simulated sample is like: frozen settings and the named presets. Knows no sequence and no file."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from vcffilter.errors import UsageError

#: Chance per read that a homopolymer of this many bases is read too short or too long; between the points log-linear.
ILLUMINA_RUN_ERRORS = (
    (1, 4e-6), (4, 6e-5), (6, 1.5e-4), (8, 8e-4), (10, 8e-3), (12, 2e-2), (15, 6e-2), (20, 0.2), (30, 0.4),
)  # fmt: skip
PCR_RUN_ERRORS = (
    (1, 8e-6), (4, 1e-4), (6, 5e-4), (8, 3e-3), (10, 2e-2), (12, 6e-2), (15, 0.16), (20, 0.35), (30, 0.5),
)  # fmt: skip
HIFI_RUN_ERRORS = (
    (1, 4e-4), (3, 2e-3), (4, 1.5e-2), (5, 2.5e-2), (6, 5e-2), (8, 0.10), (11, 0.18), (13, 0.28), (18, 0.42), (24, 0.6),
)  # fmt: skip
#: As measured on reads of R10.4.1 and R9.4.1 of all qualities; R9.4.1 between tracts is higher by what `event_spacing` costs.
ONT_RUN_ERRORS = (
    (1, 4.7e-3), (2, 1.1e-2), (3, 2e-2), (4, 3.5e-2), (5, 4.5e-2), (6, 8e-2), (8, 0.18), (10, 0.3), (12, 0.42), (16, 0.55),
)  # fmt: skip
ONT_R9_RUN_ERRORS = (
    (1, 3.5e-2), (2, 7e-2), (3, 0.12), (4, 0.19), (5, 0.3), (6, 0.43), (8, 0.55), (12, 0.6),
)  # fmt: skip


@dataclass(frozen=True)
class ReadSettings:
    """The library and the machine.

    read_length: bases of a read (its mean for single long reads). length_sd: spread of long reads, 0 for a fixed length.
    insert_mean, insert_sd: fragment length in bases. depth: mean reads per base over both haplotypes.
    quality_model: novaseq (4 bins), novaseq8 (8 bins), hiseq (unbinned), hifi, ont, ont-r9.
    run_errors: (run length, chance of a length error) points. run_deletion_share: share of them that lose bases.
    event_spacing: two length errors of one read lie at least this many bases apart.
    coverage_spread: sigma of the log of the local depth. duplicate_rate: share of fragments copied and flagged.
    chimera_rate: share of fragments with a foreign end. extended_cigar: write = and X instead of M.
    """

    read_length: int = 150
    length_sd: float = 0.0
    paired: bool = True
    insert_mean: float = 430.0
    insert_sd: float = 95.0
    depth: float = 30.0
    quality_model: str = "novaseq"
    run_errors: tuple[tuple[int, float], ...] = ILLUMINA_RUN_ERRORS
    run_deletion_share: float = 0.62
    event_spacing: int = 15
    coverage_spread: float = 0.18
    duplicate_rate: float = 0.08
    chimera_rate: float = 0.004
    polymerase_error_rate: float = 4e-6
    extended_cigar: bool = False
    platform: str = "ILLUMINA"


@dataclass(frozen=True)
class VariantSettings:
    """How many variants are planted, and of which kind. Rates per reference base, shares of all planted sites."""

    rate: float = 1 / 600
    indel_share: float = 0.15
    mnp_share: float = 0.02
    complex_share: float = 0.015
    multiallelic_share: float = 0.015
    repeat_indel_share: float = 0.55
    transition_share: float = 2 / 3
    homozygous_share: float = 0.38
    cluster_share: float = 0.12
    max_indel_length: int = 40


@dataclass(frozen=True)
class ArtefactSettings:
    """How many sites of each artefact are planted per 100 kb at scale 1; `scale` multiplies all of them."""

    scale: float = 1.0
    hidden_copies: float = 2.0
    strand_damage: float = 16.0
    strand_error: float = 18.0
    read_end_error: float = 14.0
    breakpoints: float = 4.0
    polymerase_jackpots: float = 12.0
    low_mapq_regions: float = 2.0
    shifted_gap_share: float = 0.12

    def count(self, name: str, length: int) -> float:
        """Expected number of sites of one artefact on `length` bases."""
        return float(getattr(self, name)) * self.scale * length / 100_000


@dataclass(frozen=True)
class CallerSettings:
    """Thresholds of the careless caller: what the least supported record looks like."""

    min_alt_reads: int = 2
    min_alt_fraction: float = 0.06
    min_base_qual: int = 6
    min_mapq: int = 1
    max_depth: int = 2000
    unshifted_share: float = 0.05


@dataclass(frozen=True)
class SimulationSettings:
    """One simulated sample, complete: the same settings and seed give the same bytes."""

    seed: int = 1
    length: int = 100_000
    contig: str = "sim1"
    sample: str = "SIM"
    spliced: bool = False
    reads: ReadSettings = field(default_factory=ReadSettings)
    variants: VariantSettings = field(default_factory=VariantSettings)
    artefacts: ArtefactSettings = field(default_factory=ArtefactSettings)
    caller: CallerSettings = field(default_factory=CallerSettings)


PRESETS: dict[str, SimulationSettings] = {
    "novaseq": SimulationSettings(),
    "novaseq8": SimulationSettings(reads=ReadSettings(quality_model="novaseq8")),
    "hiseq": SimulationSettings(
        reads=ReadSettings(
            read_length=101, insert_mean=390, insert_sd=40, quality_model="hiseq", run_errors=PCR_RUN_ERRORS, duplicate_rate=0.12
        )
    ),
    "short": SimulationSettings(
        reads=ReadSettings(
            read_length=76, insert_mean=180, insert_sd=45, quality_model="hiseq", run_errors=PCR_RUN_ERRORS, coverage_spread=0.5
        )
    ),
    "hifi": SimulationSettings(
        reads=ReadSettings(
            read_length=14_000, length_sd=2_500, paired=False, quality_model="hifi", run_errors=HIFI_RUN_ERRORS,
            run_deletion_share=0.6, duplicate_rate=0.0, chimera_rate=0.0, coverage_spread=0.05, extended_cigar=True,
            platform="PACBIO",
        ),
        artefacts=ArtefactSettings(strand_damage=2, strand_error=4, read_end_error=0, polymerase_jackpots=0),
        caller=CallerSettings(min_alt_fraction=0.15, min_alt_reads=3),
    ),
    "ont": SimulationSettings(
        reads=ReadSettings(
            read_length=30_000, length_sd=17_000, paired=False, quality_model="ont", run_errors=ONT_RUN_ERRORS,
            run_deletion_share=0.53, duplicate_rate=0.0, chimera_rate=0.002, coverage_spread=0.08, platform="ONT",
        ),
        artefacts=ArtefactSettings(strand_damage=0, strand_error=40, read_end_error=0, polymerase_jackpots=0),
        caller=CallerSettings(min_alt_fraction=0.15, min_alt_reads=3),
    ),
    "ont-r9": SimulationSettings(
        reads=ReadSettings(
            read_length=40_000, length_sd=22_000, paired=False, quality_model="ont-r9", run_errors=ONT_R9_RUN_ERRORS,
            run_deletion_share=0.64, event_spacing=6, duplicate_rate=0.0, chimera_rate=0.002, coverage_spread=0.08,
            platform="ONT",
        ),
        artefacts=ArtefactSettings(strand_damage=0, strand_error=60, read_end_error=0, polymerase_jackpots=0),
        caller=CallerSettings(min_alt_fraction=0.2, min_alt_reads=3),
    ),
    "rna": SimulationSettings(
        spliced=True,
        reads=ReadSettings(
            read_length=100, insert_mean=220, insert_sd=50, quality_model="hiseq", run_errors=PCR_RUN_ERRORS, duplicate_rate=0.2,
            coverage_spread=0.6,
        ),
    ),
}  # fmt: skip


def preset(name: str) -> SimulationSettings:
    """Settings by name; `UsageError` names the presets there are."""
    if name not in PRESETS:
        raise UsageError(f"there is no preset {name!r}", hint=f"choose one of {', '.join(PRESETS)}")
    return PRESETS[name]


def with_options(
    settings: SimulationSettings,
    *,
    seed: int | None = None,
    length: int | None = None,
    depth: float | None = None,
    read_length: int | None = None,
    sample: str | None = None,
    variant_rate: float | None = None,
    artefact_scale: float | None = None,
) -> SimulationSettings:
    """A copy of `settings` in which each option that is not None replaces the preset's value."""
    reads = replace(
        settings.reads,
        depth=settings.reads.depth if depth is None else depth,
        read_length=settings.reads.read_length if read_length is None else read_length,
    )
    variants = settings.variants if variant_rate is None else replace(settings.variants, rate=variant_rate)
    artefacts = settings.artefacts if artefact_scale is None else replace(settings.artefacts, scale=artefact_scale)
    return replace(
        settings,
        seed=settings.seed if seed is None else seed,
        length=settings.length if length is None else length,
        sample=settings.sample if sample is None else sample,
        reads=reads,
        variants=variants,
        artefacts=artefacts,
    )
