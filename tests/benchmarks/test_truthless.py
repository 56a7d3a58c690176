"""The tables of docs/training.md are what was measured, and what is measured is what examples hold."""

from __future__ import annotations

import json

import numpy as np
import pysam
import pytest

pytest.importorskip("h5py")

import truthless
from common import RESULTS

from vcffilter.training.dataset import ArrayDataset


def test_the_page_has_what_was_measured():
    data = json.loads((RESULTS / "truthless.json").read_text())
    text = truthless.PAGE.read_text()
    assert truthless.document(text, data) == text
    assert [case["case"] for case in data] == [case.name for case in truthless.CASES]


def test_an_allele_counts_once_and_is_hard_where_one_caller_believed_it():
    hard, pos0, allele = [False, True, True, False], [7, 7, 9, 9], [1, 1, 1, 2]
    examples = ArrayDataset.create(
        np.arange(4)[:, None], np.ones(4), hard=hard, pos0=pos0, allele=allele, contig="1", set_name="s"
    )  # fmt: skip
    assert truthless.once(examples).features[:, 0].tolist() == [1, 2, 3]


def test_figures_are_of_hard_calls_of_all_folds():
    def fold(label, logits, kept, hard):
        n = len(label)
        return truthless.Scored(
            np.array(label), np.ones(n, bool), np.array(hard), np.array(logits), np.full(n, 0.5), np.array(kept)
        )  # fmt: skip

    first = fold([1.0, 0.0], [2.0, 1.0], [True, False], [True, True])
    second = fold([1.0, 0.0], [0.0, 9.0], [False, True], [True, False])
    found = truthless.measured([first, second])
    assert (found["true"], found["false"], found["true_lost"], found["false_removed"]) == (2, 1, 1, 1)
    assert found["auroc"] == 0.5
    assert found["ece"] == pytest.approx(1 / 6)


def test_a_resource_holds_a_share_of_the_truth_and_of_the_false_calls(tmp_path):
    header = '##fileformat=VCFv4.2\n##FILTER=<ID=bad,Description="x">\n##contig=<ID=1,length=9000>\n'
    rows = "".join(f"1\t{pos}\t.\tA\tC\t.\t{'PASS' if pos % 2 else 'bad'}\t.\n" for pos in range(1, 2001))
    (tmp_path / "truth.vcf").write_text(header + "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n" + rows)
    pysam.tabix_index(str(tmp_path / "truth.vcf"), preset="vcf", force=True)
    (tmp_path / "x.labels.tsv").write_text("".join(f"1\t{pos}\tA\tG\tFP\n1\t{pos}\tA\tT\tTP\n" for pos in range(1, 1001)))
    path = truthless.write_resource(tmp_path, 0.05, 1, tmp_path / "work" / "known.vcf")
    with pysam.VariantFile(path) as known:
        alts = [(record.pos, record.alts[0]) for record in known]
    assert {pos % 2 for pos, alt in alts if alt == "C"} == {1}
    assert 550 < sum(alt == "C" for _, alt in alts) < 650
    assert 25 < sum(alt == "G" for _, alt in alts) < 80
    assert not any(alt == "T" for _, alt in alts)


def test_undecided_calls_become_false_ones_of_little_weight(tmp_path):
    path = tmp_path / "labels.tsv"
    ways = ("TP\tresource", "UNK\tundecided", "UNK\tin_dispute")
    rows = [f"1\t{number}\tA\tC\t{way}\t{number}\t1\t0.5" for number, way in enumerate(ways, 1)]
    path.write_text("\n".join(["\t".join((*truthless.COLUMNS, "weight")), *rows]) + "\n")
    found = truthless.read_label_rows(truthless.with_undecided(path, tmp_path / "all.tsv"))
    assert [(row.label, row.weight) for row in found.values()] == [("TP", 0.5), ("FP", truthless.UNDECIDED_WEIGHT), ("UNK", 0.5)]
