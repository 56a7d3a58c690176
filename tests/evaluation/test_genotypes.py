"""Genotypes of matched alleles: as haplotypes where neighbours are spelled differently, else allele by allele."""

import pytest
from call_set_files import SEQUENCES, line, mnp, snv, truth_line, write_files

from vcffilter.evaluation.counts import count_rows, find_row
from vcffilter.evaluation.tabulation import EvaluationInputs, tabulate

DELETION = ("chr1", 200, "GA", "G")
SAME_DELETION_TO_THE_RIGHT = ("chr1", 210, "AA", "A")


def row(folder, calls, truth):
    files = write_files(folder, calls, truth)
    inputs = EvaluationInputs(
        str(files.calls), str(files.truth), str(files.reference), str(files.confident), match_genotypes=True
    )
    return find_row(count_rows(*tabulate(inputs)), "ALL", "ALL")


def alternative(pos1):
    """Both SNVs at one position as a record with two ALTs."""
    contig, pos, ref, alt = snv(pos1)
    return contig, pos, ref, f"{alt},{snv(pos1, 2)[3]}"


@pytest.mark.parametrize(
    ("call", "called_as", "truth", "is_right"),
    [
        (snv(50), "0/1", [(snv(50), "1|0")], True),
        (snv(50), "1/1", [(snv(50), "0/1")], False),
        (snv(50), "0/1", [(snv(50), "1/1")], False),
        (snv(50), "1", [(snv(50), "1/1")], True),  # haploid
        (snv(50), "./.", [(snv(50), "1/1")], True),  # no genotype, no mistake
        (snv(50), "0/0", [(snv(50), "0/1")], False),
        (SAME_DELETION_TO_THE_RIGHT, "0/1", [(DELETION, "0/1")], True),
        (SAME_DELETION_TO_THE_RIGHT, "1/1", [(DELETION, "0/1")], False),
        (mnp(50), "0/1", [(snv(50), "0/1"), (snv(51), "0/1")], True),
        (mnp(50), "1/1", [(snv(50), "0/1"), (snv(51), "0/1")], False),
        (mnp(50), "0/1", [(snv(50), "1/1"), (snv(51), "0/1")], False),
        (alternative(50), "1/2", [(snv(50), "0/1"), (snv(50, 2), "0/1")], True),
    ],
)
def test_genotype_of_one_record(tmp_path, call, called_as, truth, is_right):
    assert SEQUENCES["chr1"][199:201] == "GA"
    counted = row(tmp_path, [line(call, genotype=called_as)], [truth_line(*one) for one in truth])
    n_alts = call[3].count(",") + 1
    assert counted.query_tp == (n_alts if is_right else 0)
    assert counted.query_fp == counted.n_wrong_genotype == (0 if is_right else n_alts)
    assert counted.truth_tp == (len(truth) if is_right else 0)


def test_a_wrong_genotype_does_not_spoil_a_neighbour(tmp_path):
    calls = [line(snv(50), genotype="1/1"), line(snv(60), genotype="0/1")]
    counted = row(tmp_path, calls, [truth_line(snv(50), "0/1"), truth_line(snv(60), "0/1")])
    assert (counted.query_tp, counted.query_fp, counted.truth_tp) == (1, 1, 1)


def test_a_complex_site_spelled_in_two_ways(tmp_path):
    # One haplotype carries both SNVs, the other only the first: an MNP beside an SNV, or a homozygous and a heterozygous SNV.
    contig, pos1, ref, alt = mnp(50)
    both = (contig, pos1, ref, f"{alt},{alt[0]}{ref[1]}")
    truth = [truth_line(snv(50), "1/1"), truth_line(snv(51))]
    counted = row(tmp_path, [line(both, probability="0.9,0.9", genotype="1/2")], truth)
    assert (counted.query_fp, counted.truth_tp) == (0, 2)
