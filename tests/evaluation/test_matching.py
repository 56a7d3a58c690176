"""Calls against truth: what is found, missed, false and outside, and in which subset it is counted."""

import csv
import io

import numpy as np
import pytest
from call_set_files import SEQUENCES, line, mnp, other, snv, truth_line, write_files

from vcffilter.errors import ContigNamingError, ReferenceFileError, VariantFileError
from vcffilter.evaluation.context import homopolymer_bases, in_tandem_repeat
from vcffilter.evaluation.counts import count_rows, find_row
from vcffilter.evaluation.tables import FALSE, OUTSIDE, TRUE
from vcffilter.evaluation.tabulation import EvaluationInputs, tabulate
from vcffilter.labelling.files import read_labels
from vcffilter.truth.placement import place

FAILED = "LowPileupSNV"


def run(folder, calls, truth, **options):
    files = write_files(folder, calls, truth)
    inputs = EvaluationInputs(str(files.calls), str(files.truth), str(files.reference), str(files.confident), **options)
    return tabulate(inputs)


def counts(tables, kind, subset="*", subtype="*", strata=()):
    """(TRUTH.TOTAL, TRUTH.TP, QUERY.TP, QUERY.FP, QUERY.UNK) before and after filtering."""
    rows = count_rows(*tables, strata)
    found = [find_row(rows, kind, name, subset, subtype) for name in ("ALL", "PASS")]
    return [(row.truth_total, row.truth_tp, row.query_tp, row.query_fp, row.query_outside) for row in found]


def test_before_and_after_filtering(tmp_path):
    calls = [
        line(snv(50)),  # true, passes
        line(snv(100), filters=FAILED),  # true, lost to the filter
        line(snv(150)),  # false, passes
        line(snv(180, 2), filters=FAILED),  # false, removed
        line(snv(950)),  # outside the confident regions
    ]
    truth = [truth_line(allele) for allele in (snv(50), snv(100), snv(300), snv(960), snv(70, contig="chr2"))]
    tables = run(tmp_path, calls, truth)
    # chr1:300 and all of chr2 were never called; chr1:960 is outside.
    assert counts(tables, "SNP") == [(4, 2, 2, 2, 1), (4, 1, 1, 1, 1)]
    assert tables[0].label.tolist() == [TRUE, TRUE, FALSE, FALSE, OUTSIDE]
    row = find_row(count_rows(*tables), "SNP", "PASS")
    assert (row.recall, row.precision) == (0.25, 0.5)
    assert row.f1 == pytest.approx(1 / 3)


def test_another_spelling_finds_the_truth_and_its_loss_is_seen(tmp_path):
    truth = [truth_line(snv(50)), truth_line(snv(51))]
    assert counts(run(tmp_path, [line(mnp(50))], truth), "ALL") == [(2, 2, 1, 0, 0)] * 2
    lost = run(tmp_path, [line(mnp(50), filters=FAILED)], truth)
    assert counts(lost, "ALL") == [(2, 2, 1, 0, 0), (2, 0, 0, 0, 0)]
    # The truth takes depth and caller's belief from the call that spells it.
    assert lost[1].facts.depth.tolist() == [30, 30]
    assert lost[1].facts.hard.tolist() == [1, 1]


def test_a_multiallelic_record_has_one_filter_and_a_probability_per_alt(tmp_path):
    contig, pos1, ref, alt = snv(50)
    both = (contig, pos1, ref, f"{alt},{other(ref, 2)}")
    calls, truth = run(tmp_path, [line(both, probability="0.9,0.1", depth="20,5", genotype="1/2")], [truth_line(snv(50))])
    assert calls.probability.tolist() == pytest.approx([0.9, 0.1])
    assert calls.facts.depth.tolist() == [20, 5]
    assert calls.label.tolist() == [TRUE, FALSE]
    assert calls.record.tolist() == [0, 0]
    assert truth.found.all()


def test_hard_easy_and_never_called(tmp_path):
    calls = [line(snv(50), qual="20"), line(snv(100), qual="0.3"), line(snv(150), qual=".")]
    tables = run(tmp_path, calls, [truth_line(snv(50)), truth_line(snv(300))])
    assert tables[0].facts.hard.tolist() == [1, 0, 1]
    assert counts(tables, "SNP", "hard")[0] == (1, 1, 1, 1, 0)
    assert counts(tables, "SNP", "easy")[0] == (0, 0, 0, 1, 0)
    assert counts(tables, "SNP", "never_called")[0] == (1, 0, 0, 0, 0)


def test_tlod_stands_in_for_qual(tmp_path):
    record = line(snv(50), qual=".").replace("PILEUP_DP=30", "PILEUP_DP=30;TLOD=0.5")
    calls, _ = run(tmp_path, [record], [truth_line(snv(50))])
    assert calls.caller_score.tolist() == [0.5]
    assert calls.facts.hard.tolist() == [0]


def test_depth_bands_and_sizes(tmp_path):
    deletion = ("chr1", 49, SEQUENCES["chr1"][48:56], SEQUENCES["chr1"][48])
    calls = [line(deletion, depth=7), line(snv(100), depth=8), line(snv(150), depth=21)]
    tables = run(tmp_path, calls, [truth_line(deletion), truth_line(snv(100)), truth_line(snv(300))])
    assert counts(tables, "INDEL", "depth_1_7", "DEL")[0] == (1, 1, 1, 0, 0)
    assert counts(tables, "INDEL", "*", "D6_15")[0] == (1, 1, 1, 0, 0)
    assert counts(tables, "SNP", "depth_8_20")[0] == (1, 1, 1, 0, 0)
    assert counts(tables, "SNP", "depth_21_plus")[0] == (0, 0, 0, 1, 0)
    assert counts(tables, "SNP", "depth_unknown")[0] == (1, 0, 0, 0, 0)


def test_repeat_context_and_strata(tmp_path):
    bed = tmp_path / "mine.bed"
    bed.write_text("chr1\t0\t60\nchr1\t210\t220\n")
    homopolymer_loss = ("chr1", 200, "GA", "G")
    repeat_loss = ("chr1", 400, "TAC", "T")
    calls = [line(snv(50)), line(homopolymer_loss), line(repeat_loss)]
    tables = run(tmp_path, calls, [truth_line(homopolymer_loss)], strata={"mine": str(bed)})
    assert counts(tables, "INDEL", "homopolymer_10_plus")[0] == (1, 1, 1, 0, 0)
    assert counts(tables, "INDEL", "tandem_repeat")[0] == (0, 0, 0, 1, 0)
    # The lost A could be written anywhere in the run, which reaches the second interval.
    assert counts(tables, "ALL", "mine", strata=("mine",))[0] == (1, 1, 1, 1, 0)


@pytest.mark.parametrize(
    ("sequence", "pos0", "ref", "alt", "run_length", "repeat"),
    [
        ("GCTGACTTTTTTTGACTCAG", 6, "T", "A", 7, False),
        ("GCTGACTTTTTTTGACTCAG", 5, "C", "G", 7, False),  # beside the run
        ("GCTGACTTTTTTTGACTCAG", 2, "T", "A", 1, False),
        ("GGTCACACACACACACATGG", 3, "CACA", "CA", 1, True),
        ("GGTCAGCAGCAGCAGCTTGG", 2, "TCAG", "T", 2, True),
        ("GGTCAGCAGATTTGACTGAC", 2, "TCAG", "T", 1, False),  # two copies are none
        ("NNNNNNNNNNNNNNNNNNNN", 5, "N", "A", 0, False),
    ],
)
def test_runs_and_repeats(sequence, pos0, ref, alt, run_length, repeat):
    assert sequence[pos0 : pos0 + len(ref)] == ref
    span = place(pos0, ref, alt, sequence).span
    assert homopolymer_bases(span, sequence) == run_length
    assert in_tandem_repeat(span, sequence) is repeat


def test_only_what_the_sample_carries(tmp_path):
    calls = [line(snv(50)), line(snv(150), genotype="0/0")]
    assert len(run(tmp_path, calls, [truth_line(snv(50))])[0].label) == 2
    assert len(run(tmp_path, calls, [truth_line(snv(50))], sample="S1")[0].label) == 1
    with pytest.raises(VariantFileError, match="S9"):
        run(tmp_path, calls, [truth_line(snv(50))], sample="S9")


def test_files_that_do_not_belong_together(tmp_path):
    files = write_files(tmp_path, [line(snv(50))], [truth_line(snv(50))])
    renamed = tmp_path / "renamed.vcf"
    renamed.write_text(files.truth.read_text().replace("chr", ""))
    with pytest.raises(ContigNamingError):
        tabulate(EvaluationInputs(str(files.calls), str(renamed), str(files.reference)))
    shifted = [line(snv(pos1)).replace("chr1", "chr2") for pos1 in range(20, 190, 8)]
    with pytest.raises(ReferenceFileError, match="not the calls' reference"):
        run(tmp_path, shifted, [truth_line(snv(50))])
    with pytest.raises(VariantFileError, match="not sorted"):
        run(tmp_path, [line(snv(50)), line(snv(60, contig="chr2")), line(snv(70))], [truth_line(snv(50))])


@pytest.mark.parametrize("caller", ["freebayes", "mutect2"])
def test_real_calls_agree_with_vcfeval(shared_data, caller):
    folder = shared_data / "real" / "nygc-chr22"
    calls, truth = tabulate(
        EvaluationInputs(
            str(folder / f"{caller}.vcf.gz"),
            str(folder / "truth.vcf.gz"),
            str(folder / "reference.fa.gz"),
            str(folder / "confident.bed"),
        )
    )
    expected = list(read_labels(folder / f"{caller}.labels.tsv").values())
    n_true, n_false = int((calls.label == TRUE).sum()), int((calls.label == FALSE).sum())
    disputed = expected.count("DISPUTED")
    assert abs(n_true - expected.count("TP")) <= 3 + disputed
    assert abs(n_false - expected.count("FP")) <= 3 + disputed
    assert truth.found[:, 0].mean() > 0.98
    assert np.all(truth.found[:, 1] <= truth.found[:, 0])


def test_columns_are_named_as_hap_py_names_them(tmp_path):
    from vcffilter.evaluation.report import csv_text

    rows = count_rows(*run(tmp_path, [line(snv(50))], [truth_line(snv(50))]))
    first = next(csv.DictReader(io.StringIO(csv_text([row.columns() for row in rows]))))
    wanted = {
        "Type", "Subtype", "Subset", "Filter", "TRUTH.TOTAL", "TRUTH.TP", "TRUTH.FN", "QUERY.TOTAL", "QUERY.FP",
        "METRIC.Recall", "METRIC.Precision", "METRIC.F1_Score", "METRIC.Recall.AtLeast", "METRIC.Precision.AtLeast",
    }  # fmt: skip
    assert wanted <= set(first)
