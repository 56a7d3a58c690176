"""A caller that believes nearly everything: low thresholds, no look at strand, mates, read ends or mapping quality.

Walks a pileup and writes a VCF with the fields that callers write. What it gets wrong is what the filter is for.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pysam

from vcffilter.simulation.pileup import WindowEvidence, window_evidence
from vcffilter.simulation.reference import Reference
from vcffilter.simulation.settings import CallerSettings
from vcffilter.simulation.spellings import shift_range, shifted
from vcffilter.simulation.vcf_text import vcf_header, write_vcf
from vcffilter.truth.normalise import Edit, spelled

_WINDOW = 20_000
_GAP_LOG_ERROR = -2.5
_PRIOR_HET, _PRIOR_HOM = 1e-3, 5e-4
#: Neighbouring alleles are one allele when this share of the reads of either carries both.
_SHARED_READS = 0.8
_FORMAT = "GT:GQ:DP:AD"


@dataclass(frozen=True)
class _Candidate:
    """One allele with support. edit: where and what. reads: who carries it. log_wrong: summed log10 chance that they all err."""

    edit: Edit
    reads: frozenset[int]
    log_wrong: float


@dataclass(frozen=True)
class _Site:
    """A record to write: alleles that share a place, and what supports each."""

    pos0: int
    ref: str
    alts: tuple[str, ...]
    alt_counts: tuple[int, ...]
    log_wrong: tuple[float, ...]
    depth: int
    mean_mapq: float


def call_variants(
    rng: np.random.Generator,
    reads_path: Path,
    fasta_path: Path,
    reference: Reference,
    sample: str,
    settings: CallerSettings,
    output: Path,
) -> int:
    """Writes the calls of one contig as an indexed VCF.gz; returns the number of records."""
    text = reference.bases.tobytes().decode()
    lines = []
    with pysam.AlignmentFile(str(reads_path), reference_filename=str(fasta_path)) as alignments:
        for start0 in range(0, len(reference), _WINDOW):
            end0 = min(start0 + _WINDOW, len(reference))
            evidence = window_evidence(alignments, reference.contig, text, reference.bases, start0, end0, settings)
            for site in _sites(rng, evidence, text, settings):
                lines.append((site.pos0, _record(reference.contig, site)))
    lines.sort()
    header = vcf_header(reference, sample, _HEADER_LINES)
    write_vcf(output, header, [line for _, line in lines])
    return len(lines)


_HEADER_LINES = (
    "##source=vcffilter-careless-caller",
    '##INFO=<ID=DP,Number=1,Type=Integer,Description="Reads over the site">',
    '##INFO=<ID=AF,Number=A,Type=Float,Description="Share of reads with the allele">',
    '##INFO=<ID=MQ,Number=1,Type=Float,Description="Mean mapping quality">',
    '##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">',
    '##FORMAT=<ID=GQ,Number=1,Type=Integer,Description="Genotype quality">',
    '##FORMAT=<ID=DP,Number=1,Type=Integer,Description="Reads over the site">',
    '##FORMAT=<ID=AD,Number=R,Type=Integer,Description="Reads with each allele">',
)


def _sites(rng: np.random.Generator, evidence: WindowEvidence, text: str, settings: CallerSettings) -> Iterator[_Site]:
    candidates = _joined(_candidates(evidence, text, settings), text)
    groups: dict[tuple[int, bool], list[tuple[_Candidate, str, str]]] = {}
    for candidate in candidates:
        pos0, ref, alt = spelled(text, candidate.edit)
        movable = shift_range(text, pos0, ref, alt)
        if movable and rng.random() < settings.unshifted_share:
            pos0, ref, alt = shifted(text, pos0, ref, alt, int(rng.integers(1, movable + 1)))
        # Substitutions and gaps at one place stay separate records, as most callers write them.
        groups.setdefault((pos0, len(ref) == len(alt)), []).append((candidate, ref, alt))
    for (pos0, _), members in groups.items():
        longest = max((ref for _, ref, _ in members), key=len)
        members.sort(key=lambda member: (-len(member[0].reads), member[2]))
        at = min(max(pos0 - evidence.start0, 0), len(evidence.depth) - 1)
        depth = max(int(evidence.depth[at]), *(len(candidate.reads) for candidate, _, _ in members))
        yield _Site(
            pos0,
            longest,
            tuple(alt + longest[len(ref) :] for _, ref, alt in members),
            tuple(len(candidate.reads) for candidate, _, _ in members),
            tuple(candidate.log_wrong for candidate, _, _ in members),
            depth,
            float(evidence.mapq_sum[at] / max(1, evidence.depth[at])),
        )


def _candidates(evidence: WindowEvidence, text: str, settings: CallerSettings) -> list[_Candidate]:
    found = []
    for (pos0, code), reads in evidence.reads_of_base.items():
        at = pos0 - evidence.start0
        if text[pos0] != "N" and _enough(len(reads), int(evidence.depth[at]), settings):
            edit = Edit(pos0, pos0 + 1, "ACGT"[code])
            found.append(_Candidate(edit, frozenset(reads), float(evidence.log_error[at, code])))
    for edit, reads in evidence.reads_of_gap.items():
        at = edit.start0 - 1 - evidence.start0
        # A gap whose anchor lies in another window is that window's.
        if not 0 <= at < len(evidence.depth):
            continue
        plain = set(edit.alt) | set(text[edit.start0 - 1 : edit.end0 + 1]) <= set("ACGT")
        if plain and _enough(len(reads), int(evidence.depth[at]), settings):
            found.append(_Candidate(edit, frozenset(reads), _GAP_LOG_ERROR * len(reads)))
    return sorted(found, key=lambda candidate: candidate.edit)


def _enough(n_reads: int, depth: int, settings: CallerSettings) -> bool:
    return n_reads >= settings.min_alt_reads and n_reads >= settings.min_alt_fraction * depth


def _joined(candidates: list[_Candidate], text: str) -> list[_Candidate]:
    """Neighbours that the same reads carry become one MNP or complex allele."""
    joined: list[_Candidate] = []
    for candidate in candidates:
        for i in range(len(joined) - 1, max(-1, len(joined) - 4), -1):
            before = joined[i]
            both = before.reads & candidate.reads
            touches = before.edit.end0 == candidate.edit.start0
            if touches and len(both) >= _SHARED_READS * max(len(before.reads), len(candidate.reads)):
                edit = Edit(before.edit.start0, candidate.edit.end0, before.edit.alt + candidate.edit.alt)
                if text[edit.start0 : edit.end0] != edit.alt:
                    joined[i] = _Candidate(edit, both, max(before.log_wrong, candidate.log_wrong))
                    break
        else:
            joined.append(candidate)
    return joined


def _record(contig: str, site: _Site) -> str:
    """One VCF line."""
    ref_count = max(0, site.depth - sum(site.alt_counts))
    qual, genotype, genotype_qual = _genotype(ref_count, site.alt_counts, site.log_wrong)
    fractions = ",".join(f"{count / site.depth:.3g}" for count in site.alt_counts)
    counts = ",".join(str(count) for count in (ref_count, *site.alt_counts))
    return (
        f"{contig}\t{site.pos0 + 1}\t.\t{site.ref}\t{','.join(site.alts)}\t{qual:.2f}\t.\t"
        f"DP={site.depth};AF={fractions};MQ={site.mean_mapq:.1f}\t{_FORMAT}\t{genotype}:{genotype_qual}:{site.depth}:{counts}"
    )


def _genotype(ref_count: int, alt_counts: tuple[int, ...], log_wrong: tuple[float, ...]) -> tuple[float, str, int]:
    """(QUAL, GT, GQ) from independent errors: the plain diploid model."""
    best = int(np.argmax(alt_counts))
    second = [i for i in range(len(alt_counts)) if i != best and alt_counts[i] >= 0.25 * (ref_count + sum(alt_counts))]
    n_alt = sum(alt_counts)
    none = sum(log_wrong)
    het = (n_alt + ref_count) * np.log10(0.5) + np.log10(_PRIOR_HET)
    hom = -3.0 * ref_count + np.log10(_PRIOR_HOM)
    total = np.logaddexp.reduce(np.array([none, het, hom]) * np.log(10)) / np.log(10)
    qual = max(0.0, min(3000.0, -10 * (none - total)))
    genotype_qual = int(min(99, 10 * abs(het - hom)))
    if second and hom < het:
        return qual, "/".join(str(i + 1) for i in sorted((best, second[0]))), genotype_qual
    return qual, (f"{best + 1}/{best + 1}" if hom > het else f"0/{best + 1}"), genotype_qual
