"""The simulated sample as its readers see it: files, reads, truth and calls that agree with each other."""

import hashlib
import subprocess
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pysam
import pytest

from vcffilter.errors import OutputError, ReferenceFileError, RegionError, UsageError
from vcffilter.inspection.read_facts import read_facts
from vcffilter.labelling.files import read_labels
from vcffilter.simulation.qualities import draw_qualities
from vcffilter.simulation.sample import simulate_sample
from vcffilter.simulation.settings import PRESETS, preset, with_options


def small(name="novaseq", **options):
    return with_options(preset(name), **({"seed": 3, "length": 6_000, "variant_rate": 1 / 150} | options))


def digests(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}


@pytest.fixture(scope="module")
def reads(simulated):
    with pysam.AlignmentFile(str(simulated.files.reads)) as alignments:
        return list(alignments.fetch(until_eof=True))


@pytest.fixture(scope="module")
def sequence(simulated) -> str:
    with pysam.FastaFile(str(simulated.files.reference)) as fasta:
        return fasta.fetch(fasta.references[0])


@pytest.fixture(scope="module")
def truth(simulated):
    with pysam.VariantFile(str(simulated.files.truth)) as variants:
        return list(variants)


def test_the_same_seed_gives_the_same_bytes(tmp_path):
    for name, seed in (("one", 3), ("two", 3), ("three", 4)):
        simulate_sample(tmp_path / name, small(seed=seed))
    one, two, three = (digests(tmp_path / name) for name in ("one", "two", "three"))
    assert one == two
    assert all(one[name] != three[name] for name in ("reads.bam", "truth.vcf.gz", "reference.fa", "calls.vcf.gz"))


def test_more_depth_leaves_reference_and_truth_alone(tmp_path):
    simulate_sample(tmp_path / "one", small(depth=5))
    simulate_sample(tmp_path / "two", small(depth=20))
    one, two = digests(tmp_path / "one"), digests(tmp_path / "two")
    assert {name for name in one if one[name] == two[name]} >= {"reference.fa", "truth.vcf.gz", "artefacts.bed", "confident.bed"}
    assert one["reads.bam"] != two["reads.bam"]


def test_reads_are_sorted_and_have_the_sample(simulated, reads):
    with pysam.AlignmentFile(str(simulated.files.reads)) as alignments:
        assert alignments.header["HD"]["SO"] == "coordinate"
        groups = {group["ID"]: group["SM"] for group in alignments.header["RG"]}
        assert alignments.has_index()
    assert set(groups.values()) == {"SIM"}
    assert {read.get_tag("RG") for read in reads} == set(groups)
    starts = [read.reference_start for read in reads]
    assert starts == sorted(starts)


def test_edit_distances_are_those_of_the_alignments(reads, sequence):
    for read in reads[::7]:
        if read.is_unmapped:
            continue
        edits = sum(n for op, n in read.cigartuples if op in (1, 2))
        pairs = read.get_aligned_pairs(matches_only=True)
        edits += sum(read.query_sequence[at_read] != sequence[at_ref] for at_read, at_ref in pairs)
        assert read.get_tag("NM") == edits
        assert read.cigartuples[0][0] in (0, 4)
        assert read.cigartuples[-1][0] in (0, 4)


def test_mates_know_each_other(reads):
    by_name = {}
    for read in reads:
        by_name.setdefault(read.query_name, []).append(read)
    assert all(len(pair) == 2 for pair in by_name.values())
    for one, other in by_name.values():
        assert one.is_read1 != other.is_read1
        assert one.is_reverse != other.is_reverse
        assert (one.next_reference_start, other.next_reference_start) == (other.reference_start, one.reference_start)
        assert one.mate_is_unmapped == other.is_unmapped
        assert one.mate_is_reverse == other.is_reverse
        assert one.template_length == -other.template_length


def test_the_library_is_as_asked_for(reads):
    mapped = [read for read in reads if not read.is_unmapped]
    depth = sum(read.query_alignment_length for read in mapped if not read.is_duplicate) / 20_000
    assert 24 < depth < 45  # 30 and what hidden copies add
    inserts = [read.template_length for read in mapped if read.is_proper_pair and read.template_length > 0]
    assert 400 < np.mean(inserts) < 450
    assert min(inserts) < 300  # overlapping mates
    assert 0.04 < np.mean([read.is_duplicate for read in reads]) < 0.2
    assert 0 < np.mean([read.mapping_quality < 20 for read in mapped]) < 0.25
    assert any(read.is_unmapped for read in reads)


def test_low_qualities_are_wrong_more_often(reads, sequence, truth):
    near = np.zeros(len(sequence), bool)
    for record in truth:
        near[max(0, record.start - 20) : record.stop + 20] = True
    seen, wrong = Counter(), Counter()
    for read in reads:
        if read.is_unmapped or read.mapping_quality < 60:
            continue
        quals = read.query_qualities
        for at_read, at_ref in read.get_aligned_pairs(matches_only=True):
            if not near[at_ref]:
                seen[quals[at_read]] += 1
                wrong[quals[at_read]] += read.query_sequence[at_read] != sequence[at_ref]
    rates = [wrong[qual] / seen[qual] for qual in (12, 23, 37)]
    assert set(seen) <= {2, 12, 23, 37}
    assert rates[0] > 3 * rates[1] > 3 * rates[2] > 0
    assert seen[37] > 0.9 * sum(seen.values())


def test_planted_variants_stand_in_the_reads(simulated, truth):
    shares = {1: [], 2: []}
    with pysam.AlignmentFile(str(simulated.files.reads)) as alignments:
        for record in truth:
            if len(record.ref) != 1 or any(len(alt) != 1 for alt in record.alts) or len(record.alts) > 1:
                continue
            counts = alignments.count_coverage(record.chrom, record.start, record.stop, quality_threshold=20)
            depth = sum(column[0] for column in counts)
            if depth >= 15:
                shares[sum(record.samples[0].allele_indices)].append(counts["ACGT".index(record.alts[0])][0] / depth)
    assert len(shares[1]) > 15
    assert len(shares[2]) > 10
    assert 0.35 < np.median(shares[1]) < 0.6
    assert np.median(shares[2]) > 0.95


def test_some_reads_hide_a_true_indel(simulated, truth):
    """Near their ends they show mismatches or are clipped where others have the gap."""
    gapped = hidden = 0
    with pysam.AlignmentFile(str(simulated.files.reads)) as alignments:
        for record in truth:
            if record.samples[0].allele_indices != (1, 1) or abs(len(record.ref) - len(record.alts[0])) < 2:
                continue
            for read in alignments.fetch(record.chrom, record.start, record.stop + 1):
                has_gap = any(op in (1, 2) for op, _ in read.cigartuples or ())
                gapped += has_gap
                hidden += not has_gap
    assert gapped > hidden > 0


def test_truth_is_left_aligned_and_varied(simulated, truth, sequence):
    kinds = Counter()
    for record in truth:
        assert sequence[record.start : record.stop] == record.ref
        for alt in record.alts:
            assert record.ref[-1] != alt[-1] or len(record.alts) > 1
            kinds[(len(alt) > len(record.ref)) - (len(alt) < len(record.ref))] += 1
    starts = [record.start for record in truth]
    assert starts == sorted(starts)
    assert all(kinds[kind] > 0 for kind in (-1, 0, 1))
    assert len(truth) == simulated.n_variants


def test_calls_are_true_and_false_and_labelled(simulated):
    labels = read_labels(simulated.files.labels)
    counts = Counter(labels.values())
    assert counts["FP"] >= 0.3 * (counts["TP"] + counts["FP"])
    assert counts["TP"] >= 0.9 * simulated.n_variants
    with pysam.VariantFile(str(simulated.files.calls)) as calls:
        records = list(calls)
    keys = {(record.chrom, record.pos, record.ref, alt) for record in records for alt in record.alts}
    assert keys == set(labels)
    hard = [
        record for record in records for alt in record.alts
        if labels[record.chrom, record.pos, record.ref, alt] == "FP" and record.qual >= 20
    ]  # fmt: skip
    assert len(hard) >= 10
    for record in records:
        assert len(record.samples[0]["AD"]) == 1 + len(record.alts)
        assert record.samples[0]["DP"] == record.info["DP"]


def test_calls_please_bcftools(simulated, bcftools):
    command = [bcftools, "norm", "-c", "e", "-f", str(simulated.files.reference), str(simulated.files.calls)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_artefacts_lie_where_the_file_says(simulated):
    """Most false substitutions stand on a planted artefact."""
    spans = [line.split("\t") for line in simulated.files.artefacts.read_text().splitlines()]
    assert {"hidden_copy", "strand_damage", "strand_error", "read_end_error"} <= {span[3] for span in spans}
    inside = outside = 0
    for (_, pos1, ref, alt), label in read_labels(simulated.files.labels).items():
        if label == "FP" and len(ref) == len(alt) == 1:
            hit = any(int(start) < pos1 <= int(end) for _, start, end, _ in spans)
            inside, outside = inside + hit, outside + (not hit)
    assert inside > 2 * outside


LONG = ("hifi", "ont", "ont-r9")


@pytest.mark.parametrize("name", list(PRESETS))
def test_every_preset_makes_a_sample(name, tmp_path):
    report = simulate_sample(tmp_path, small(name, length=20_000 if name in (*LONG, "rna") else 6_000))
    operations = Counter()
    with pysam.AlignmentFile(str(report.files.reads)) as alignments:
        for read in alignments.fetch(until_eof=True):
            operations.update(op for op, _ in read.cigartuples or ())
            lengths = read.query_length
    assert report.n_reads > 0
    assert (7 in operations) == (name == "hifi")
    assert (3 in operations) == (name == "rna")
    assert name in LONG or lengths == PRESETS[name].reads.read_length


@pytest.mark.parametrize(
    ("name", "platform", "per_kb"),
    # As measured on real reads: R10.4 5 (6.5 at the start of the file), R9.4 35, HiFi up to 2.3.
    [("hifi", "hifi", (0.3, 2.5)), ("ont", "ont", (4, 9)), ("ont-r9", "ont", (20, 45))],
)
def test_long_reads_have_the_indels_of_their_platform(name, platform, per_kb, tmp_path):
    files = simulate_sample(tmp_path, small(name, length=60_000)).files
    facts = read_facts(str(files.reads), str(files.reference))
    assert facts.platform == platform
    assert per_kb[0] < facts.indels_per_kb < per_kb[1]


@pytest.mark.parametrize(("name", "low", "high"), [("ont", 30, 40), ("ont-r9", 17, 27)])
def test_nanopore_bases_are_wrong_half_as_often_as_their_quality_says(name, low, high):
    class Reads:
        length = np.full(40, 5_000)
        read_of_base = np.repeat(np.arange(40), 5_000)
        is_first = np.ones(40, bool)

    quality, wrong = draw_qualities(np.random.default_rng(1), name, Reads, np.arange(200_000))
    assert low < np.median(quality) < high
    assert 0.03 < (quality < 10).mean() < 0.25
    assert wrong[quality <= 40] == pytest.approx(0.55 * 10.0 ** (-quality[quality <= 40].astype(float) / 10), rel=1e-3)


def test_cram_holds_the_reads_of_the_bam(tmp_path):
    for name, cram in (("bam", False), ("cram", True)):
        simulate_sample(tmp_path / name, small(length=4_000), cram=cram, compress_reference=cram)
    with (
        pysam.AlignmentFile(str(tmp_path / "bam" / "reads.bam")) as one,
        pysam.AlignmentFile(
            str(tmp_path / "cram" / "reads.cram"), reference_filename=str(tmp_path / "cram" / "reference.fa.gz")
        ) as other,
    ):
        for left, right in zip(one.fetch(until_eof=True), other.fetch(until_eof=True), strict=True):
            assert left.query_name == right.query_name
            assert left.query_sequence == right.query_sequence
            assert left.query_qualities == right.query_qualities
            assert left.cigarstring == right.cigarstring
            assert left.flag == right.flag


def test_a_slice_of_a_given_reference(tmp_path, sequence, simulated):
    contig = "sim1"
    report = simulate_sample(tmp_path / "slice", small(), fasta=str(simulated.files.reference), region=f"{contig}:1,001-6000")
    with pysam.FastaFile(str(report.files.reference)) as fasta:
        assert fasta.fetch(contig) == sequence[1_000:6_000]


@pytest.mark.parametrize("region", ["other", "sim1:0-10", "sim1:9-3", "sim1:a-b"])
def test_a_region_that_is_none(tmp_path, simulated, region):
    with pytest.raises(RegionError):
        simulate_sample(tmp_path, small(), fasta=str(simulated.files.reference), region=region)


def test_a_reference_that_is_not_there(tmp_path):
    with pytest.raises(ReferenceFileError, match="faidx"):
        simulate_sample(tmp_path, small(), fasta=str(tmp_path / "missing.fa"))


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError):
        simulate_sample(tmp_path / "file" / "folder", small())


def test_unknown_names(tmp_path):
    with pytest.raises(UsageError, match="novaseq"):
        preset("sequel")
    settings = small()
    with pytest.raises(UsageError, match="hiseq"):
        simulate_sample(tmp_path, replace(settings, reads=replace(settings.reads, quality_model="none")))


def test_no_depth_at_all(tmp_path):
    report = simulate_sample(tmp_path, small(depth=0))
    assert (report.n_reads, report.n_calls, report.labels) == (0, 0, {})


def test_spliced_samples_on_short_contigs(tmp_path):
    # A hidden copy that lies wholly inside an intron leaves a spliced molecule without bases.
    for seed in (1, 4, 5):
        settings = with_options(preset("rna"), seed=seed, length=30_000, artefact_scale=3, depth=8)
        assert simulate_sample(tmp_path / str(seed), settings).n_reads > 0


def test_a_contig_too_short_for_a_gene_is_refused(tmp_path):
    with pytest.raises(UsageError, match="too few for a gene"):
        simulate_sample(tmp_path, with_options(preset("rna"), length=2_000))
