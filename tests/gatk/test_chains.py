"""The filter between GATK's tools, as docs/gatk.md shows it: what the next tool takes, and what it leaves of ours."""

from __future__ import annotations

import shutil
import subprocess

import pytest
from records import filters, query

OURS = {"LowPileupSNV", "LowPileupIndel"}


@pytest.fixture(scope="module")
def somatic(samples, gatk):
    """Mutect2's calls of the first sample."""
    output = samples[0].folder / "mutect2.vcf.gz"
    gatk("Mutect2", "-R", samples[0].reference, "-I", samples[0].reads, "-O", output)
    return output


@pytest.mark.reliability("GATK: HaplotypeCaller, filter, FilterVariantTranches, ValidateVariants, SelectVariants")
def test_the_place_of_cnn_score_variants(samples, called, gatk, filtered, tmp_path):
    sample = samples[0]
    scored = filtered(called, [sample], tmp_path / "scored.vcf.gz", "--score-key", "CNN_2D")
    tranches, selected = tmp_path / "tranches.vcf.gz", tmp_path / "selected.vcf.gz"
    cuts = ("--info-key", "CNN_2D", "--snp-tranche", "99", "--indel-tranche", "98")
    gatk("FilterVariantTranches", "-V", scored, "--resource", sample.truth, *cuts, "-O", tranches)
    gatk("ValidateVariants", "-R", sample.reference, "-V", tranches)
    gatk("SelectVariants", "-R", sample.reference, "-V", tranches, "--exclude-filtered", "-O", selected)

    before, after = filters(scored), filters(tranches)
    assert list(before) == list(after)
    for call, values in before.items():
        assert values & OURS == after[call] & OURS
    failed_by_ours = [call for call, values in before.items() if values & OURS]
    cut_by_tranche = [call for call, values in after.items() if any(value.startswith("CNN_2D_") for value in values)]
    assert failed_by_ours
    assert cut_by_tranche
    passing = {call for call, values in after.items() if values == {"PASS"}}
    assert set(filters(selected)) == passing
    assert len(passing) > len(after) / 2
    scores = [float(score) for (score,) in query(scored, "%INFO/CNN_2D", "-i", 'INFO/CNN_2D!="."')]
    assert len(scores) == len(before)


@pytest.mark.reliability("GATK: FilterMutectCalls, then filter")
def test_after_filter_mutect_calls_both_verdicts_stand(samples, somatic, gatk, filtered, tmp_path):
    sample = samples[0]
    theirs = tmp_path / "theirs.vcf.gz"
    gatk("FilterMutectCalls", "-R", sample.reference, "-V", somatic, "-O", theirs)
    both = filtered(theirs, [sample], tmp_path / "both.vcf.gz")
    gatk("ValidateVariants", "-R", sample.reference, "-V", both, "--validation-type-to-exclude", "ALLELES")
    before, after = filters(theirs), filters(both)
    assert any(values & OURS for values in after.values())
    assert any(values - OURS - {"PASS"} for values in before.values())
    for call, values in after.items():
        assert values - OURS - {"PASS"} == before[call] - {"PASS"}


@pytest.mark.reliability("GATK: filter, then FilterMutectCalls")
def test_before_filter_mutect_calls_only_info_is_left(samples, somatic, gatk, filtered, tmp_path):
    sample = samples[0]
    ours = filtered(somatic, [sample], tmp_path / "ours.vcf.gz")
    shutil.copy(f"{somatic}.stats", f"{ours}.stats")
    both = tmp_path / "both.vcf.gz"
    gatk("FilterMutectCalls", "-R", sample.reference, "-V", ours, "-O", both)
    columns = "%POS %ALT %INFO/PILEUP_FT"
    assert query(both, columns) == query(ours, columns)
    assert any(values & OURS for values in filters(ours).values())
    # FilterMutectCalls writes FILTER anew: docs/gatk.md says so, and to filter last.
    assert not any(values & OURS for values in filters(both).values())


@pytest.mark.reliability("GATK: bands like tranches")
def test_bands_are_nested_as_tranches_are(samples, called, gatk, filtered, tmp_path):
    output = filtered(called, [samples[0]], tmp_path / "bands.vcf.gz", "--bands", "95,99,99.9")
    gatk("ValidateVariants", "-R", samples[0].reference, "-V", output)
    of_band: dict[str, list[float]] = {}
    for probability, band in query(output, "%INFO/PILEUP_PROB %INFO/PILEUP_BAND", "-i", 'TYPE="snp" && N_ALT=1'):
        of_band.setdefault(band, []).append(float(probability))
    assert len(of_band) >= 2
    ordered = [of_band[band] for band in sorted(of_band)]
    for surer, less_sure in zip(ordered, ordered[1:], strict=False):
        assert min(surer) > max(less_sure)


def test_bcftools_cuts_by_bands(samples, called, filtered, tmp_path):
    output = filtered(called, [samples[0]], tmp_path / "bands.vcf.gz", "--annotate-only", "--bands", "99,99.5,99.9")
    wanted = 'INFO/PILEUP_BAND~"to99.00" || INFO/PILEUP_BAND~"to99.50"'
    cut = tmp_path / "cut.vcf.gz"
    subprocess.run(["bcftools", "filter", "-s", "Beyond99.5", "-i", wanted, "-Oz", "-o", cut, output], check=True)
    found = query(cut, "%FILTER %INFO/PILEUP_BAND", "-i", "N_ALT=1")
    assert {values for values, _ in found} == {"PASS", "Beyond99.5"}
    for values, band in found:
        assert (values == "Beyond99.5") == (band in ("99.50to99.90", "99.90to100.00"))
