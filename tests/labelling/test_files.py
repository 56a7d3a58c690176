import io

import pysam
import pytest

from vcffilter.errors import ContigNamingError, ReferenceFileError, RegionError, VariantFileError
from vcffilter.labelling.files import COLUMNS, LabelInputs, label_file, read_labels
from vcffilter.variants.intervals import Intervals, read_bed

SEQUENCES = {"one": "GATTACAGATCCCCCTTGACAGTACATGCATG", "two": "TTGACAGTACATGCATGCAAAAAAAAGTC"}


def vcf_text(records, contigs=SEQUENCES, samples=()):
    lines = ["##fileformat=VCFv4.2", '##FILTER=<ID=bad,Description="x">']
    lines += [f"##contig=<ID={name},length={len(SEQUENCES.get(name, 'A' * 40))}>" for name in contigs]
    lines.append('##FORMAT=<ID=GT,Number=1,Type=String,Description="x">')
    columns = ["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO"]
    if samples:
        columns += ["FORMAT", *samples]
    lines.append("\t".join(columns))
    return "\n".join(lines + ["\t".join(record) for record in records]) + "\n"


def record(contig, pos1, ref, alt, filters=".", *genotypes):
    fields = [contig, str(pos1), ".", ref, alt, ".", filters, "."]
    return [*fields, "GT", *genotypes] if genotypes else fields


@pytest.fixture
def folder(tmp_path):
    fasta = tmp_path / "ref.fa"
    fasta.write_text("".join(f">{name}\n{sequence}\n" for name, sequence in SEQUENCES.items()))
    pysam.faidx(str(fasta))
    return tmp_path


def write(folder, name, text):
    path = folder / name
    path.write_text(text)
    return path


def run_on(calls, truth, reference):
    return label_file(calls, LabelInputs(truth, reference), io.StringIO())


def run(folder, calls, truth, bed=None, **options):
    output = io.StringIO()
    inputs = LabelInputs(
        write(folder, "truth.vcf", truth),
        folder / "ref.fa",
        None if bed is None else write(folder, "confident.bed", bed),
        **options,
    )
    counts = label_file(write(folder, "calls.vcf", calls), inputs, output)
    header, *rows = output.getvalue().splitlines()
    assert header.split("\t") == list(COLUMNS)
    return counts, [row.split("\t") for row in rows]


def test_a_truth_of_other_contigs_is_said(folder, caplog):
    """Every call would be labelled false, and nothing would say why."""
    calls, truth = vcf_text([record("one", 5, "A", "G")]), vcf_text([record("two", 3, "G", "C")])
    counts, _ = run(folder, calls, truth)
    assert counts["FP"] == 1
    assert "truth.vcf has no variant on the contigs of the calls (one)" in caplog.text
    caplog.clear()
    run(folder, calls + "\t".join(record("two", 3, "G", "C")) + "\n", truth)
    assert "no variant" not in caplog.text


def test_one_line_per_alt_in_file_order_with_the_alleles_as_written(folder):
    calls = vcf_text(
        [
            record("one", 5, "A", "G,T,*"),
            record("one", 13, "cc", "c"),
            record("one", 20, "C", "<NON_REF>"),
            record("two", 3, "G", "C"),
        ]
    )
    truth = vcf_text([record("one", 5, "A", "G"), record("one", 10, "TC", "T"), record("two", 3, "G", "C")])
    counts, rows = run(folder, calls, truth)
    assert rows == [
        ["one", "5", "A", "G", "TP", "exact", "1", "1"],
        ["one", "5", "A", "T", "FP", "no_match", "1", "2"],
        ["one", "5", "A", "*", ".", "unsupported_allele", "1", "3"],
        ["one", "13", "cc", "c", "TP", "exact", "2", "1"],
        ["one", "20", "C", "<NON_REF>", ".", "unsupported_allele", "3", "1"],
        ["two", "3", "G", "C", "TP", "exact", "4", "1"],
    ]
    assert counts == {"TP": 3, "FP": 1, ".": 2}


def test_confident_regions_are_by_contig(folder):
    calls = vcf_text([record("one", 5, "A", "G"), record("two", 6, "A", "G")])
    counts, _ = run(folder, calls, vcf_text([]), bed="track name=x\none\t0\t30\n")
    assert counts == {"FP": 1, "OUT": 1}


def test_truth_that_is_filtered_or_not_carried_is_no_truth(folder):
    calls = vcf_text([record("one", 5, "A", "G"), record("one", 7, "A", "G"), record("one", 9, "A", "G,T")])
    truth = vcf_text(
        [
            record("one", 5, "A", "G", "bad", "0/1"),
            record("one", 7, "A", "G", "PASS", "0/0"),
            record("one", 9, "A", "G,T", "PASS", "0/2"),
        ],
        samples=["S"],
    )
    _, rows = run(folder, calls, truth)
    assert [row[4] for row in rows] == ["FP", "FP", "FP", "TP"]


def test_truth_sample_is_chosen_by_name(folder):
    calls = vcf_text([record("one", 5, "A", "G")])
    truth = vcf_text([record("one", 5, "A", "G", "PASS", "0/0", "1/1")], samples=["first", "second"])
    assert run(folder, calls, truth)[0] == {"FP": 1}
    assert run(folder, calls, truth, sample="second")[0] == {"TP": 1}
    with pytest.raises(VariantFileError, match="first, second"):
        run(folder, calls, truth, sample="third")


def test_indexed_truth_gives_the_same(folder):
    calls = vcf_text([record("one", 5, "A", "G"), record("two", 3, "G", "C")])
    truth = vcf_text([record("one", 5, "A", "G"), record("two", 3, "G", "C")])
    plain = run(folder, calls, truth)
    packed = folder / "packed.vcf.gz"
    pysam.tabix_compress(str(folder / "truth.vcf"), str(packed))
    pysam.tabix_index(str(packed), preset="vcf")
    output = io.StringIO()
    assert label_file(folder / "calls.vcf", LabelInputs(packed, folder / "ref.fa"), output) == plain[0]


def test_other_contig_names_are_named(folder):
    calls = vcf_text([record("chrone", 5, "A", "G")], contigs=["chrone"])
    with pytest.raises(ContigNamingError, match="'chrone'.*'one'"):
        run(folder, calls, vcf_text([record("one", 5, "A", "G")]))


def test_a_contig_that_comes_back_is_an_error(folder):
    calls = vcf_text([record("one", 5, "A", "G"), record("two", 5, "A", "G"), record("one", 9, "A", "G")])
    with pytest.raises(VariantFileError, match="one:9, record 3: .*bcftools sort"):
        run(folder, calls, vcf_text([]))


def test_another_reference_is_an_error(folder):
    calls = vcf_text([record("one", pos1, "N", "G") for pos1 in range(1, 20)])
    with pytest.raises(ReferenceFileError, match="one:1: .*19 of 19"):
        run(folder, calls, vcf_text([]))


def test_reference_without_the_contig_is_an_error(folder):
    calls = vcf_text([record("three", 5, "A", "G")], contigs=["one", "three"])
    with pytest.raises(ReferenceFileError, match="three"):
        run(folder, calls, vcf_text([]))


def test_a_cut_file_is_an_error_and_not_a_short_answer(folder):
    packed = folder / "calls.vcf.gz"
    text = vcf_text([record("one", 1 + index % 30, "ACGT"[index % 4], "G") for index in range(20000)])
    write(folder, "long.vcf", text)
    pysam.tabix_compress(str(folder / "long.vcf"), str(packed))
    packed.write_bytes(packed.read_bytes()[:-200])
    inputs = LabelInputs(write(folder, "truth.vcf", vcf_text([])), folder / "ref.fa")
    with pytest.raises(VariantFileError, match="truncated"):
        label_file(packed, inputs, io.StringIO())


def test_missing_files_are_named(folder):
    with pytest.raises(VariantFileError, match="nothing.vcf"):
        run_on(folder / "nothing.vcf", write(folder, "t.vcf", vcf_text([])), folder / "ref.fa")
    with pytest.raises(ReferenceFileError, match="no.fa: no such file"):
        run_on(folder / "t.vcf", folder / "t.vcf", folder / "no.fa")
    with pytest.raises(ReferenceFileError, match="samtools faidx"):
        run_on(folder / "t.vcf", folder / "t.vcf", write(folder, "bare.fa", ">one\nACGT\n"))


def test_bad_bed_line_is_named(folder):
    with pytest.raises(RegionError, match="line 2"):
        read_bed(write(folder, "bad.bed", "one\t1\t2\none 5\n"))


def test_intervals_merge_and_touching_ones_are_one():
    intervals = Intervals([(10, 20), (0, 10), (30, 40), (35, 50), (60, 60)])
    assert (intervals.start0.tolist(), intervals.end0.tolist()) == ([0, 30], [20, 50])
    assert intervals.contains(5, 15)
    assert not intervals.contains(15, 21)
    assert not intervals.contains(20, 20)


def test_labels_are_read_with_and_without_header(folder):
    rows = "one\t5\tA\tG\tTP\n"
    expected = {("one", 5, "A", "G"): "TP"}
    assert read_labels(write(folder, "a.tsv", "chrom\tpos\tref\talt\tlabel\n" + rows)) == expected
    assert read_labels(write(folder, "b.tsv", rows)) == expected
    with pytest.raises(VariantFileError, match="line 2"):
        read_labels(write(folder, "c.tsv", rows + "oops\n"))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"one\t5\tA\t\xe9\tTP\n", "not text in UTF-8"),
        # `²`.isdigit() is true, and int() refuses it.
        ("one\t²\tA\tG\tTP\n".encode(), "line 1"),
        (b"one\t-5\tA\tG\tTP\n", "line 1"),
    ],
)
def test_what_is_no_labels_file_is_an_error_not_a_traceback(folder, content, message):
    path = folder / "labels.tsv"
    path.write_bytes(content)
    with pytest.raises(VariantFileError, match=message):
        read_labels(path)


def test_missing_labels_are_named(folder):
    with pytest.raises(VariantFileError, match="nothing.tsv: the labels cannot be read: No such file"):
        read_labels(folder / "nothing.tsv")
