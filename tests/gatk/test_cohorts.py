"""Cohorts: what is left of scores when files are joined, before and after (docs/gatk.md says which is better)."""

from __future__ import annotations

import subprocess

import pytest
from records import filters, query

FORMATS = ("PILEUP_PROB", "PILEUP_AD", "PILEUP_DP", "PILEUP_FT")


@pytest.fixture(scope="module")
def one_by_one(samples, called_blocks, filtered):
    """The gVCF of each sample, filtered with the sample's own column."""
    return [
        filtered(blocks, [sample], sample.folder / "filtered.g.vcf.gz", "--sample-ft")
        for sample, blocks in zip(samples, called_blocks, strict=True)
    ]


def joined_by_gatk(files, sample, gatk, folder):
    combined, output = folder / "combined.g.vcf.gz", folder / "joint.vcf.gz"
    gatk("CombineGVCFs", "-R", sample.reference, *(option for file in files for option in ("-V", file)), "-O", combined)
    gatk("GenotypeGVCFs", "-R", sample.reference, "-V", combined, "-O", output)
    return output


def test_the_column_of_a_lone_sample_says_what_info_says(one_by_one):
    for path in one_by_one:
        columns = "%INFO/PILEUP_PROB %INFO/PILEUP_AD[ %PILEUP_PROB %PILEUP_AD]"
        rows = [row for row in query(path, columns) if row[0] != "."]
        assert len(rows) > 20
        for info_probability, info_depth, probability, depth in rows:
            assert (info_probability, info_depth) == (probability, depth)


@pytest.mark.reliability("cohorts: filter each sample, bcftools merge")
def test_bcftools_merge_keeps_every_samples_scores(one_by_one, tmp_path):
    variants = []
    for number, path in enumerate(one_by_one):
        # gVCF blocks are not for bcftools merge without a reference; records of variants are what it joins here.
        variants.append(tmp_path / f"{number}.vcf.gz")
        subprocess.run(["bcftools", "view", "-i", "N_ALT>1", "-Oz", "-o", variants[-1], path], check=True)
        subprocess.run(["bcftools", "index", "-t", variants[-1]], check=True)
    merged = tmp_path / "merged.vcf.gz"
    subprocess.run(["bcftools", "merge", "-Oz", "-o", merged, *variants], check=True, capture_output=True)
    for number, path in enumerate(variants):
        for key in FORMATS:
            alone = {(pos, value.split(",")[0]) for pos, value in query(path, f"%POS[ %{key}]") if value != "."}
            together = {(row[0], row[1 + number].split(",")[0]) for row in query(merged, f"%POS[ %{key}]")}
            assert len(alone) > 20
            # A missing value at a site of the other sample alone is no loss.
            assert alone <= together
    # docs/gatk.md: FILTER is all files' together, INFO one file's, and not that of all samples.
    by_file = [filters(path) for path in variants]
    shared = [call for call in filters(merged) if all(call in found for found in by_file)]
    assert shared
    for call in shared:
        assert filters(merged)[call] - {"PASS"} == set.union(*(found[call] for found in by_file)) - {"PASS"}
    own, *_, together = ({(pos, alt): value for pos, alt, value in query(path, "%POS %ALT %INFO/PILEUP_PROB")}
                         for path in (*variants, merged))  # fmt: skip
    assert any(together[call] != own[call] for call in shared)


@pytest.mark.reliability("cohorts: filter each sample, CombineGVCFs, GenotypeGVCFs")
def test_gatk_keeps_the_samples_scores_and_neither_info_nor_filter(samples, one_by_one, gatk, tmp_path):
    joint = joined_by_gatk(one_by_one, samples[0], gatk, tmp_path)
    n_kept = 0
    for number, path in enumerate(one_by_one):
        keys = " ".join(f"[%{key}]" for key in FORMATS)
        # Alleles of the sample alone, <NON_REF> taken away; sites where another sample changes REF or adds an ALT are left out.
        of_one = {
            (row[0], row[1], row[2].removesuffix(",<NON_REF>")): _one_alt(row[3:])
            for row in query(path, f"%POS %REF %ALT {keys}")
        }
        together = query(joint, f"%POS %REF %ALT [%GT] {keys}", "-s", samples[number].name, "-i", "N_ALT=1")
        for pos, ref, alt, genotype, *values in together:
            if "1" in genotype and (pos, ref, alt) in of_one:
                assert values == of_one[pos, ref, alt]
                n_kept += 1
    assert n_kept > 50
    assert not any(values & {"LowPileupSNV", "LowPileupIndel"} for values in filters(joint).values())
    # One number where REF and each ALT have one: bcftools would refuse it, and docs/gatk.md warns of it.
    assert any(depth != "." and "," not in depth for (depth,) in query(joint, "%INFO/PILEUP_AD"))


def _one_alt(values):
    """Of PILEUP_PROB, AD, DP and FT, what concerns REF and the first ALT."""
    probability, depth, informing, verdict = values
    return [probability.split(",")[0], ",".join(depth.split(",")[:2]), informing, verdict]


@pytest.mark.reliability("cohorts: CombineGVCFs, GenotypeGVCFs, then filter with the reads of all")
def test_after_joining_each_carrier_has_its_score(samples, called_blocks, gatk, filtered, tmp_path):
    joint = joined_by_gatk(called_blocks, samples[0], gatk, tmp_path)
    output = filtered(joint, samples, tmp_path / "filtered.vcf.gz", "--sample-ft")
    gatk("ValidateVariants", "-R", samples[0].reference, "-V", output)
    n_scored = 0
    for _, *columns in query(output, "%POS[ %GT:%PILEUP_PROB]", "-i", "N_ALT=1"):
        for column in columns:
            genotype, _, probability = column.partition(":")
            carries = "1" in genotype
            assert (probability != ".") == carries
            n_scored += carries
    assert n_scored > 50
