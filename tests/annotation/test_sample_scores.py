"""Several samples: what goes into FORMAT, and how INFO and FILTER follow from it, against a plain model of the rules."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

import numpy as np
import pysam
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vcffilter.annotation.annotator import Annotator
from vcffilter.annotation.declarations import Provenance
from vcffilter.annotation.settings import AnnotationSettings, FilterMode, Thresholds, annotation_keys
from vcffilter.errors import VariantFileError
from vcffilter.pipeline.run import run_stream
from vcffilter.variants.allele_chunk import AlleleChunk
from vcffilter.variants.allele_scores import STATUS_CODE, SampleScores
from vcffilter.variants.chunks import take_chunk
from vcffilter.variants.reader import BatchLimits, VariantReader
from vcffilter.variants.writer import VariantWriter, output_spec

SAMPLES = ("S1", "S2", "S3", "S4")
#: Columns with reads: S1, S3 and S4.
COLUMNS = np.array([0, 2, 3])
HEADER = (
    "##fileformat=VCFv4.2\n##contig=<ID=1>\n"
    '##FORMAT=<ID=GT,Number=1,Type=String,Description="g">\n##FORMAT=<ID=GQ,Number=1,Type=Integer,Description="q">\n'
    "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\t" + "\t".join(SAMPLES) + "\n"
)
NO_READS = STATUS_CODE["no_reads"]
genotypes = st.sampled_from(["0/1", "0|1", "1/2", "./1", "1", "0/0", "./.", ".", "2/2", "3/1", "0/1/2"])
alts = st.lists(st.sampled_from(["C", "AG", "ATT", "*", "<DEL>"]), min_size=1, max_size=3, unique=True)
#: One record: ALTs, genotypes (None = no GT), and for each sample with reads and each ALT (probability in ten-thousandths or -1
#: for no reads; reads).
values = st.lists(st.tuples(st.integers(-1, 10_000), st.integers(1, 40)), min_size=9, max_size=9)
records = st.tuples(alts, st.one_of(st.none(), st.tuples(*[genotypes] * len(SAMPLES))), values)
thresholds = st.tuples(*[st.integers(0, 10_000).map(lambda step: step / 10_000)] * 4).map(lambda four: Thresholds(*four))


class GivenScores:
    """Scores as the test says, of carriers alone."""

    def __init__(self, table: dict[tuple[int, int, int], tuple[int, int]]) -> None:
        self.table = table

    def score(self, chunk: AlleleChunk) -> SampleScores:
        assert chunk.carriers is not None
        scores = SampleScores.without_carriers(COLUMNS, chunk.n_alleles)
        for sample, allele in np.argwhere(chunk.carriers):
            step, n_reads = self.table[int(chunk.start0[allele]), int(sample), int(chunk.alt_index[allele])]
            scores.status[sample, allele] = NO_READS if step < 0 else 0
            if step >= 0:
                scores.probability[sample, allele] = step / 10_000
                scores.log_odds[sample, allele] = step / 1000 - 5
                scores.counts[sample, allele] = n_reads, 1 + sample, n_reads - 1
                scores.reasons[sample, allele] = 1 << int(sample)
        return scores

    def close(self) -> None:
        pass


def written(rows, limits, kind="v", folder=None, **more):
    """Rows -> the records of the output, read by pysam."""
    with tempfile.TemporaryDirectory() as scratch:
        source, target = Path(scratch) / "in.vcf", Path(folder or scratch) / f"out.{kind}"
        table, lines = {}, []
        for index, (row_alts, row_genotypes, row_values) in enumerate(rows):
            for number, value in enumerate(row_values):
                table[index * 10, number // 3, number % 3] = value
            columns = ["GQ", "7", "8", ".", "9"] if row_genotypes is None else ["GT", *row_genotypes]
            lines.append(f"1\t{index * 10 + 1}\t.\tA\t{','.join(row_alts)}\t.\t.\t.\t" + "\t".join(columns) + "\n")
        source.write_text(HEADER + "".join(lines))
        run(source, target, GivenScores(table), limits, kind, **more)
        with pysam.VariantFile(str(target)) as output:
            return [record.copy() for record in output]


def run(source, target, scorer, limits, kind="v", *, mode=FilterMode.APPEND, reasons=False, columns=COLUMNS):
    chosen = AnnotationSettings(annotation_keys(), limits, mode, False, reasons, columns is not None, columns is not None)
    with VariantReader(str(source), limits=BatchLimits(n_records=2)) as reader:
        annotator = Annotator(reader.header, chosen, Provenance("m", "0" * 64), reader.name)
        with VariantWriter(output_spec(str(target), kind, None), reader.header) as writer:
            run_stream(reader, scorer, annotator, writer, n_threads=2, columns=columns)
            writer.commit()


def carried(genotype, alt):
    return str(alt + 1) in genotype.replace("|", "/").split("/")


def expected_of(row, limits):
    """{(sample, alt): (probability, reads for REF, for ALT, informing, verdict)} of what is scored."""
    row_alts, row_genotypes, row_values = row
    known = row_genotypes is not None and any(c.isdigit() for genotype in row_genotypes for c in genotype)
    found = {}
    for sample, column in enumerate(COLUMNS):
        for alt, bases in enumerate(row_alts):
            step, n_reads = row_values[sample * 3 + alt]
            if bases in ("*", "<DEL>") or step < 0 or (known and not carried(row_genotypes[column], alt)):
                continue
            is_indel, is_deep = len(bases) > 1, n_reads > 20
            limit = limits.by_depth[is_indel + 2 * is_deep]
            verdict = ("LowPileupIndel" if is_indel else "LowPileupSNV") if step / 10_000 < limit else "PASS"
            found[SAMPLES[column], alt] = (step / 10_000, 1 + sample, n_reads - 1, n_reads, verdict)
    return found


def plain(value):
    return value if isinstance(value, tuple) else (value,)


def close_to(found, expected):
    return (found is None and expected is None) or abs(found - expected) < 1e-6


@settings(max_examples=80, deadline=None)
@given(st.lists(records, min_size=1, max_size=5), thresholds, st.sampled_from("vb"))
def test_every_sample_has_its_own_and_the_site_the_best(rows, limits, kind):
    for row, record in zip(rows, written(rows, limits, kind), strict=True):
        expected = expected_of(row, limits)
        n_alts = len(row[0])
        if not expected:
            assert "PILEUP_STATUS" in record.info
            assert not [key for key in record.format if key.startswith("PILEUP")]
            continue
        for sample in SAMPLES:
            fields = record.samples[sample]
            mine = {alt: values for (name, alt), values in expected.items() if name == sample}
            if not mine:
                assert all(set(plain(fields[key])) <= {None, "."} for key in record.format if key.startswith("PILEUP"))
                continue
            probability, depth = plain(fields["PILEUP_PROB"]), plain(fields["PILEUP_AD"])
            for alt in range(n_alts):
                own = mine.get(alt)
                assert close_to(probability[alt], own and own[0])
                assert depth[alt + 1] == (own and own[2])
            verdicts = {own[4] for own in mine.values()}
            assert fields["PILEUP_FT"] == ("PASS" if "PASS" in verdicts else ";".join(sorted(verdicts, reverse=True)))
            assert depth[0] == next(iter(mine.values()))[1]
            assert fields["PILEUP_DP"] == max(own[3] for own in mine.values())
        # The site: of each ALT the carrier that passes with the largest probability, else the largest.
        for alt in range(n_alts):
            of_alt = [values for (_, number), values in expected.items() if number == alt]
            best = max(of_alt, key=lambda values: (values[4] == "PASS", values[0]), default=None)
            assert close_to(record.info["PILEUP_PROB"][alt], best and best[0])
            assert (record.info["PILEUP_FT"][alt] or ".") == (best[4] if best else ".")
            if best and sum(values[:1] == best[:1] for values in of_alt) == 1:
                assert record.info["PILEUP_AD"][alt + 1] == best[2]
                assert record.info["PILEUP_DP"][alt] == best[3]
        passes = any(values[4] == "PASS" for values in expected.values())
        assert (list(record.filter) == ["PASS"]) == passes
        assert passes == any(record.samples[sample]["PILEUP_FT"] == "PASS" for sample in SAMPLES)


def test_an_alt_without_carrier_is_said_so_and_left_alone():
    rows = [(["C"], ("0/0", "0/1", "./.", "0/0"), [(9000, 9)] * 9), (["C"], ("0/1", "0/1", "./.", "0/0"), [(-1, 9)] * 9)]
    first, second = written(rows, Thresholds(0.5, 0.5))
    assert first.info["PILEUP_STATUS"] == "no_carrier"
    assert second.info["PILEUP_STATUS"] == "no_reads"
    assert list(first.filter) == list(second.filter) == []


def test_reasons_are_those_of_the_best_carrier():
    steps = [(1000, 9), (1000, 9), (1000, 9), (3000, 9), (1000, 9), (1000, 9), (2000, 9), (1000, 9), (1000, 9)]
    (record,) = written([(["C"], ("0/1", "0/1", "0/1", "0/1"), steps)], Thresholds(0.5, 0.5), reasons=True)
    assert record.info["PILEUP_PROB"] == (np.float32(0.3),)
    assert record.info["PILEUP_REASON"] == ("low_mapq",)  # bit 1, of S3


def test_a_second_run_takes_back_what_the_first_wrote(tmp_path):
    row = (["C", "AG"], ("0/1", "0/1", "1/2", "./."), [(9000, 9)] * 9)
    table = {(0, number // 3, number % 3): value for number, value in enumerate(row[2])}
    source, once, twice, pooled = (tmp_path / f"{name}.vcf" for name in ("in", "once", "twice", "pooled"))
    source.write_text(HEADER + "1\t1\t.\tA\tC,AG\t.\t.\t.\tGT\t0/1\t0/1\t1/2\t./.\n")
    run(source, once, GivenScores(table), Thresholds(0.5, 0.5))
    run(once, twice, GivenScores(table), Thresholds(0.5, 0.5))
    assert twice.read_text() == once.read_text()
    assert "PILEUP_PROB:" in once.read_text()

    class Pooled(GivenScores):
        def score(self, chunk):
            assert chunk.carriers is None
            return SampleScores.without_carriers(COLUMNS, chunk.n_alleles).of_samples(np.zeros(chunk.n_alleles, np.int64))

    run(once, pooled, Pooled({}), Thresholds(0.5, 0.5), columns=None)
    assert [line.split("\t")[8] for line in pooled.read_text().splitlines() if line[0] != "#"] == ["GT"]


def test_bcftools_splits_what_samples_have(bcftools, tmp_path):
    rows = [(["C", "AG"], ("0/1", "0/0", "1/2", "./2"), [(9000, 9), (1000, 8), (7000, 7)] * 3)]
    written(rows, Thresholds(0.5, 0.5), folder=tmp_path)
    command = [bcftools, "norm", "-m", "-any", str(tmp_path / "out.v")]
    split = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    fields = "%ALT[ %PILEUP_PROB|%PILEUP_AD|%PILEUP_DP|%PILEUP_FT]\n"
    shown = subprocess.run([bcftools, "query", "-f", fields], input=split, capture_output=True, text=True, check=True).stdout
    assert shown.splitlines() == [
        "C 0.9|1,8|9|PASS .|.|.|. 0.9|2,8|9|PASS .|3,.|8|LowPileupIndel",
        "AG .|1,.|9|PASS .|.|.|. 0.1|2,7|9|PASS 0.1|3,7|8|LowPileupIndel",
    ]


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(1, 200), st.lists(st.lists(st.integers(-1, 200), min_size=1, max_size=3), min_size=4, max_size=4)),
        min_size=1,
        max_size=6,
    )
)
def test_carriers_are_those_of_the_genotypes(rows):
    """Also with so many ALTs that BCF takes two bytes for an allele, and with ploidy of one to three in one record."""
    lines, expected = [], []
    for index, (n_alts, row_genotypes) in enumerate(rows):
        within = [[min(allele, n_alts) for allele in alleles] for alleles in row_genotypes]
        texts = ["/".join("." if allele < 0 else str(allele) for allele in alleles) for alleles in within]
        names = ",".join("A" + "C" * (number + 1) for number in range(n_alts))
        lines.append(f"1\t{index + 1}\t.\tA\t{names}\t.\t.\t.\tGT\t" + "\t".join(texts) + "\n")
        unknown = all(allele < 0 for alleles in within for allele in alleles)
        expected.append(np.array([[unknown or alt + 1 in within[column] for alt in range(n_alts)] for column in COLUMNS]))
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "in.vcf"
        source.write_text(HEADER + "".join(lines))
        with VariantReader(str(source)) as reader:
            found = [take_chunk(reader.header, batch, COLUMNS).alleles.carriers for batch in reader.batches()]
    np.testing.assert_array_equal(np.concatenate(found, axis=1), np.concatenate(expected, axis=1))


def test_a_subset_of_a_chunk_is_the_chunk_of_the_subset():
    texts = ["A", "ACG", "TT", "G"]
    offset = np.cumsum([0, *map(len, texts)])
    pool = np.frombuffer("".join(texts).encode(), np.uint8)
    chunk = AlleleChunk("1", np.arange(4), offset, pool, offset, pool, np.arange(4, dtype=np.int32), np.zeros(4, np.int32))
    part = chunk.subset(np.array([1, 3]))
    assert part.start0.tolist() == [1, 3]
    assert part.ref_offset.tolist() == [0, 3, 4]
    assert bytes(part.alt_bases) == b"ACGG"
    assert chunk.subset(np.zeros(0, np.int64)).n_alleles == 0


def test_a_key_of_another_meaning_is_refused(tmp_path):
    source = tmp_path / "in.vcf"
    declared = '##FORMAT=<ID=PILEUP_PROB,Number=1,Type=String,Description="x">\n'
    source.write_text(HEADER.replace("##contig", declared + "##contig", 1))
    chosen = AnnotationSettings(annotation_keys(), Thresholds(0.5, 0.5), with_samples=True)
    with VariantReader(str(source)) as reader, pytest.raises(VariantFileError, match="FORMAT/PILEUP_PROB"):
        Annotator(reader.header, chosen, Provenance("m", "0" * 64), reader.name)


def test_batches_shrink_with_the_samples_that_are_scored(tmp_path):
    source = tmp_path / "in.vcf"
    source.write_text(HEADER + "".join(f"1\t{index + 1}\t.\tA\tC\t.\t.\t.\tGT\t.\t.\t.\t.\n" for index in range(2000)))

    def largest(n_samples: int) -> int:
        with VariantReader(str(source), limits=BatchLimits(n_alts=1000)) as reader:
            reader.share_room(n_samples)
            return max(batch.n_records for batch in reader.batches())

    assert [largest(n) for n in (1, 32, 64, 5000)] == [1000, 1000, 500, 64]
