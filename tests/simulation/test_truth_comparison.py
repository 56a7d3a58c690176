"""The demo's table: what filtering did, counted against the planted truth."""

import pysam
import pytest

from vcffilter.labelling.files import read_labels
from vcffilter.simulation.comparison import compare_with_truth


def write_filtered(simulated, path, fails):
    """The calls, with a FILTER where fails(label) says so."""
    labels = read_labels(simulated.files.labels)
    with pysam.VariantFile(str(simulated.files.calls)) as calls:
        calls.header.filters.add("Low", None, None, "low")
        with pysam.VariantFile(str(path), "wz", header=calls.header) as output:
            for record in calls:
                found = {labels[record.chrom, record.pos, record.ref, alt] for alt in record.alts}
                record.filter.add("Low" if fails(found) else "PASS")
                output.write(record)
    return path


def test_an_ideal_filter(simulated, tmp_path):
    counts = compare_with_truth(
        simulated.files, write_filtered(simulated, tmp_path / "f.vcf.gz", lambda found: "TP" not in found)
    )
    for count in counts.values():
        assert count.tp_after == count.tp_before > 0
        # What is left stands in records that have a real ALT, too.
        assert count.fp_after < 0.3 * count.fp_before
        assert count.found_after == count.found_before > 0.9 * count.planted
        precision, recall, f1 = count.scores(after=True)
        assert precision > count.scores(after=False)[0] + 0.1
        assert f1 == pytest.approx(2 * precision * recall / (precision + recall))


def test_a_filter_that_fails_everything(simulated, tmp_path):
    counts = compare_with_truth(simulated.files, write_filtered(simulated, tmp_path / "f.vcf.gz", lambda found: True))
    for count in counts.values():
        assert (count.tp_after, count.fp_after, count.found_after) == (0, 0, 0)
        assert count.scores(after=True) == (0.0, 0.0, 0.0)
        assert count.tp_before > 0
