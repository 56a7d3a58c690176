"""Alleles planted in reads: bases, qualities, alignment, mates and order, and that a caller finds them again."""

import random
import subprocess
import sys
from pathlib import Path

import pysam
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

RECIPE = Path(__file__).parents[2] / "benchmarks" / "recipe"
sys.path.insert(0, str(RECIPE))

import planted  # noqa: E402
from alleles import as_vcf  # noqa: E402
from planted_reads import PlantedAllele, haplotype_of, plant_in_file, plant_in_reads  # noqa: E402
from planted_sites import SiteSettings, choose_alleles  # noqa: E402
from planting import aligned_bases, cigar, edit_distance, mismatch_text  # noqa: E402

from vcffilter.labelling.files import read_labels  # noqa: E402
from vcffilter.simulation.sample import SampleReport  # noqa: E402
from vcffilter.truth.normalise import Edit, Span, equivalent_span, left_align  # noqa: E402
from vcffilter.variants.intervals import Intervals, read_bed  # noqa: E402

#: 400 bases without repeats to speak of, but for ten A from 200 to 210.
_RANDOM = random.Random(5)
REFERENCE = "".join(_RANDOM.choice("ACGT") for _ in range(199)) + "C" + "A" * 10 + "G"
REFERENCE += "".join(_RANDOM.choice("ACGT") for _ in range(400 - len(REFERENCE)))
HEADER = pysam.AlignmentHeader.from_dict({"HD": {"SO": "coordinate"}, "SQ": [{"SN": "c", "LN": len(REFERENCE)}]})
BOTH = (0, 1)


def make_read(start0: int, cigar_text: str, bases: str, flag: int = 0, name: str = "r", **tags: object) -> pysam.AlignedSegment:
    read = pysam.AlignedSegment(HEADER)
    read.query_name, read.flag = name, flag
    read.reference_id, read.reference_start, read.mapping_quality = 0, start0, 60
    read.query_sequence = bases
    read.query_qualities = pysam.qualitystring_to_array("".join(chr(35 + i % 40) for i in range(len(bases))))
    if not flag & 4:
        read.cigarstring = cigar_text
    for tag, value in tags.items():
        read.set_tag(tag, value)
    return read


def plain(start0: int, length: int, flag: int = 0, name: str = "r", **tags: object) -> pysam.AlignedSegment:
    return make_read(start0, f"{length}M", REFERENCE[start0 : start0 + length], flag, name, **tags)


def plant(read: pysam.AlignedSegment, edit: Edit) -> pysam.AlignedSegment:
    [changed] = plant_in_reads([read], [PlantedAllele(edit, BOTH)], "c", REFERENCE, seed=1)
    return changed


def other(base: str) -> str:
    return "ACGT"[("ACGT".index(base) + 1) % 4]


def haplotype(edit: Edit) -> str:
    return REFERENCE[: edit.start0] + edit.alt + REFERENCE[edit.end0 :]


def unique_insertion(start0: int, length: int) -> Edit:
    """An insertion with one spelling only, that begins with no base of the reference there."""
    first = next(base for base in "ACGT" if base not in (REFERENCE[start0], REFERENCE[start0 - 1]))
    return Edit(start0, start0, first * length)


def unique_deletion(start0: int, length: int) -> Edit:
    while (
        left_align(Edit(start0, start0 + length, ""), REFERENCE).start0 != start0
        or REFERENCE[start0] == REFERENCE[start0 + length]
    ):
        start0 += 1
    return Edit(start0, start0 + length, "")


def test_snv_changes_one_base_and_no_quality() -> None:
    edit = Edit(60, 61, other(REFERENCE[60]))
    before = plain(30, 100)
    qualities = list(before.query_qualities)
    read = plant(before, edit)
    assert read.query_sequence == haplotype(edit)[30:130]
    assert list(read.query_qualities) == qualities
    assert (read.reference_start, read.cigarstring) == (30, "100M")


def test_error_of_the_read_stays() -> None:
    edit = Edit(60, 61, other(REFERENCE[60]))
    error = other(edit.alt)
    read = make_read(30, "100M", REFERENCE[30:60] + error + REFERENCE[61:130])
    before = read.to_string()
    assert plant(read, edit).to_string() == before


@pytest.mark.parametrize("flag", [0, 16])
def test_deletion_is_filled_at_the_end_sequenced_last(flag: int) -> None:
    edit = unique_deletion(80, 6)
    read = plant(plain(30, 100, flag), edit)
    start0 = 24 if flag else 30
    assert read.reference_start == start0
    assert read.query_sequence == haplotype(edit)[start0 : start0 + 100]
    assert read.cigarstring == f"{edit.start0 - start0}M6D{100 - edit.start0 + start0}M"


@pytest.mark.parametrize("flag", [0, 16])
def test_insertion_is_cut_at_the_end_sequenced_last(flag: int) -> None:
    edit = unique_insertion(80, 5)
    before = plain(30, 100, flag)
    qualities = list(before.query_qualities)
    read = plant(before, edit)
    start0 = 35 if flag else 30
    assert read.reference_start == start0
    assert read.cigarstring == f"{80 - start0}M5I{100 - 5 - (80 - start0)}M"
    assert read.query_sequence == haplotype(edit)[start0 : start0 + 100]
    # The bases that were there before keep their qualities.
    kept = list(read.query_qualities)
    assert kept[: 80 - start0] == qualities[start0 - 30 : 50]
    assert kept[85 - start0 :] == qualities[50 : 50 + 100 - (85 - start0)]


@pytest.mark.parametrize("edit", [unique_insertion(126, 6), unique_deletion(126, 6)])
def test_gap_close_to_the_end_becomes_clip_or_mismatches(edit: Edit) -> None:
    read = plant(plain(30, 100), edit)
    operations = {operation for operation, _ in read.cigartuples}
    assert not operations & {1, 2}
    assert read.query_length == 100
    assert read.query_sequence == haplotype(edit)[30:130]


def test_one_base_too_few_to_clip_stays_as_mismatch() -> None:
    edit = unique_insertion(129, 3)
    read = plant(plain(30, 100, MD="100", NM=0), edit)
    assert read.cigarstring == "100M"
    assert (read.get_tag("MD"), read.get_tag("NM")) == (f"99{REFERENCE[129]}0", 1)


def test_end_inside_a_repeat_shows_nothing() -> None:
    edit = Edit(200, 200, "A")
    read = plain(130, 76)
    before = read.query_sequence, read.cigarstring
    read = plant(read, edit)
    assert (read.query_sequence, read.cigarstring) == before


def test_molecule_that_would_begin_in_the_deletion_begins_behind_it() -> None:
    edit = unique_deletion(80, 6)
    read = plant(plain(edit.start0 + 2, 100), edit)
    assert read.reference_start == edit.end0
    assert read.cigarstring == "100M"
    assert read.query_sequence == REFERENCE[edit.end0 : edit.end0 + 100]


def test_clipped_bases_stay_clipped_and_are_cut_first() -> None:
    junk = "ACGTACGT"
    read = plant(make_read(30, "100M8S", REFERENCE[30:130] + junk), unique_insertion(80, 5))
    assert read.cigarstring == "50M5I50M3S"
    assert read.query_sequence.endswith(junk[:3])


def test_clipped_end_is_not_filled() -> None:
    edit = unique_deletion(80, 4)
    read = plant(make_read(30, "100M8S", REFERENCE[30:130] + "ACGTACGT"), edit)
    assert read.cigarstring == f"{edit.start0 - 30}M4D{130 - edit.end0}M8S"


def test_hard_clip_and_extended_cigar_are_kept() -> None:
    edit = Edit(60, 61, other(REFERENCE[60]))
    read = plant(make_read(30, "7H100=", REFERENCE[30:130], 2048), edit)
    assert read.cigarstring == "7H30=1X69="


@pytest.mark.parametrize(
    ("edit", "expected"), [(Edit(200, 201, ""), "2D"), (Edit(200, 200, "A"), None), (Edit(200, 203, ""), "4D")]
)
def test_indel_of_the_read_in_the_repeat_is_added(edit: Edit, expected: str | None) -> None:
    own = make_read(150, "50M1D50M", REFERENCE[150:200] + REFERENCE[201:251])
    read = plant(own, edit)
    net = f"50M{expected}" if expected else "100M"
    assert read.cigarstring.startswith(net)
    assert read.query_length == 100


@pytest.mark.parametrize("edit", [unique_insertion(80, 5), unique_deletion(80, 4), Edit(80, 81, other(REFERENCE[80]))])
def test_tags_follow_the_alignment(edit: Edit) -> None:
    read = plant(plain(30, 100, MD="100", NM=0, AS=100, BQ="@" * 100, RG="g", XS=3), edit)
    assert not read.has_tag("AS")
    assert not read.has_tag("BQ")
    assert (read.get_tag("RG"), read.get_tag("XS")) == ("g", 3)
    assert read.get_tag("NM") == max(len(edit.alt), edit.end0 - edit.start0)
    assert read.get_reference_sequence().upper() == REFERENCE[read.reference_start : read.reference_end]


def test_unmapped_and_spliced_reads_are_left_alone() -> None:
    edit = Edit(60, 61, other(REFERENCE[60]))
    for read in (make_read(30, "", REFERENCE[30:130], 4), make_read(30, "50M40N50M", REFERENCE[30:80] + REFERENCE[120:170])):
        before = read.to_string()
        assert plant(read, edit).to_string() == before


def make_pair(name: str, start0: int, second0: int, length: int = 60) -> list[pysam.AlignedSegment]:
    pair = [plain(start0, length, 99, name, MC=f"{length}M"), plain(second0, length, 147, name, MC=f"{length}M")]
    size = second0 + length - start0
    for read, mate, sign in ((pair[0], pair[1], 1), (pair[1], pair[0], -1)):
        read.next_reference_id, read.next_reference_start, read.template_length = 0, mate.reference_start, sign * size
    return pair


def test_mates_agree_on_allele_place_and_cigar() -> None:
    edit = unique_deletion(100, 5)
    pairs = [make_pair(f"p{i}", 60, 80) for i in range(40)]
    reads = plant_in_reads([read for pair in pairs for read in pair], [PlantedAllele(edit, (1,))], "c", REFERENCE, seed=3)
    for first, second in pairs:
        carries = haplotype_of(first.query_name, 3) == 1
        assert ("D" in first.cigarstring) == ("D" in second.cigarstring) == carries
        assert first.next_reference_start == second.reference_start
        assert second.get_tag("MC") == first.cigarstring
        assert first.template_length == -second.template_length == second.reference_end - first.reference_start
    starts = [read.reference_start for read in reads]
    assert starts == sorted(starts)


def test_half_of_the_names_carry_a_heterozygous_allele() -> None:
    share = sum(haplotype_of(f"read{i}", 7) for i in range(2000)) / 2000
    assert 0.45 < share < 0.55


@st.composite
def edits(draw: st.DrawFn) -> Edit:
    start0 = draw(st.integers(60, 300))
    if draw(st.booleans()):
        return left_align(Edit(start0, start0 + draw(st.integers(1, 12)), ""), REFERENCE)
    return left_align(Edit(start0, start0, draw(st.text("ACGT", min_size=1, max_size=12))), REFERENCE)


@settings(max_examples=200, deadline=None)
@given(edits(), st.integers(20, 300), st.booleans(), st.sampled_from([0, 6]))
def test_every_changed_read_is_sound(edit: Edit, start0: int, reverse: bool, clip: int) -> None:
    read = make_read(
        start0, f"{clip}S80M" if clip else "80M", "T" * clip + REFERENCE[start0 : start0 + 80], 16 * reverse, MD="80", NM=0
    )
    before = read.to_string()
    plant(read, edit)
    columns = aligned_bases(read)
    assert columns is not None
    assert read.infer_query_length() == read.query_length == len(read.query_qualities)
    assert read.get_tag("MD") == mismatch_text(columns.columns, REFERENCE)
    assert read.get_tag("NM") == edit_distance(columns.columns, REFERENCE)
    assert read.cigartuples == cigar(columns, REFERENCE, extended=False)
    if read.to_string() != before:
        shown = "".join(column.base for column in columns.columns)
        if not clip:
            assert read.query_length == 80
            assert read.query_sequence in haplotype(edit)
        assert shown in haplotype(edit) or shown in read.query_sequence


@settings(max_examples=20, deadline=None)
@given(st.randoms(use_true_random=False), edits())
def test_names_that_touch_nothing_are_unchanged(rng: random.Random, edit: Edit) -> None:
    pairs = [make_pair(f"p{i}", rng.randrange(0, 200), rng.randrange(200, 340)) for i in range(30)]
    reads = sorted((read for pair in pairs for read in pair), key=lambda read: read.reference_start)
    before = {(read.query_name, read.flag): read.to_string() for read in reads}
    span = equivalent_span(edit, REFERENCE)
    away = {
        name
        for name in {read.query_name for read in reads}
        if all(r.reference_end <= span.start0 or r.reference_start >= span.end0 for r in reads if r.query_name == name)
    }
    changed = plant_in_reads(reads, [PlantedAllele(edit, (0,))], "c", REFERENCE, seed=2)
    assert len(changed) == len(before)
    for read in changed:
        if read.query_name in away or haplotype_of(read.query_name, 2) == 1:
            assert read.to_string() == before[read.query_name, read.flag]


def test_chosen_alleles_keep_away_and_are_normalised() -> None:
    rng = random.Random(9)
    reference = "".join(rng.choice("ACGT") * rng.choice((1, 1, 1, 6)) for _ in range(20_000))
    taken, allowed = [Span(5_000, 5_010)], Intervals([(1_000, 30_000)])
    alleles = choose_alleles(reference, allowed, taken, 3, SiteSettings(bases_per_allele=200))
    assert alleles == choose_alleles(reference, allowed, taken, 3, SiteSettings(bases_per_allele=200))
    assert len(alleles) > 50
    spans = [equivalent_span(one.edit, reference) for one in alleles]
    for one, span in zip(alleles, spans, strict=True):
        assert left_align(one.edit, reference) == one.edit
        assert one.edit.alt != reference[one.edit.start0 : one.edit.end0]
        assert allowed.contains(span.start0, span.end0)
        assert span.end0 + 60 <= 5_000 or span.start0 >= 5_010 + 60
    assert all(after.start0 - before.end0 >= 60 for before, after in zip(spans, spans[1:], strict=False))
    assert {len(one.haplotypes) for one in alleles} == {1, 2}


def test_bcftools_finds_what_was_planted(simulated: SampleReport, tmp_path: Path, bcftools: str) -> None:
    files = simulated.files
    with pysam.FastaFile(str(files.reference)) as fasta:
        contig = fasta.references[0]
        reference = fasta.fetch(contig).upper()
    with pysam.VariantFile(str(files.truth)) as truth:
        taken = [Span(record.start, record.stop) for record in truth]
    alleles = choose_alleles(reference, Intervals([(1_000, 19_000)]), taken, 5, SiteSettings(bases_per_allele=150))
    assert len(alleles) >= 10
    reads = tmp_path / "reads.bam"
    plant_in_file(Path(files.reads), reads, alleles, contig, reference, seed=5)
    truth_path = tmp_path / "truth.vcf"
    rows = [as_vcf(one.edit, reference) for one in alleles]
    lines = [
        "##fileformat=VCFv4.2",
        f"##contig=<ID={contig},length={len(reference)}>",
        "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO",
    ]
    truth_path.write_text("\n".join(lines + [f"{contig}\t{pos}\t.\t{ref}\t{alt}\t.\tPASS\t." for pos, ref, alt in rows]) + "\n")
    calls = tmp_path / "calls.vcf"
    script = f"{bcftools} mpileup -f {files.reference} -a AD {reads} | {bcftools} call -mv -o {calls}"
    subprocess.run(["bash", "-o", "pipefail", "-c", script], check=True, capture_output=True)
    labels = tmp_path / "labels.tsv"
    command = ["pileup-filter", "label", str(calls), "--truth", str(truth_path), "-f", str(files.reference), "-o", str(labels)]
    subprocess.run(command, check=True, capture_output=True)
    found = sum(label == "TP" for label in read_labels(labels).values())
    assert found >= 0.9 * len(alleles)


def test_sample_holds_known_and_planted_truth_and_is_made_once(simulated: SampleReport, tmp_path: Path) -> None:
    files = simulated.files
    with pysam.FastaFile(str(files.reference)) as fasta:
        contig = fasta.references[0]
        reference = fasta.fetch(contig).upper()
    known = planted.known_lines(files.truth, contig)
    taken = planted.spans_of(planted.alleles_of(known), reference)
    allowed = Intervals([(1_000, 19_000)])
    source = planted.Source("x", files.directory, contig, reference, allowed, taken, known)
    folder = planted.make_sample(source, tmp_path, seed=4)
    assert folder.name == "planted-x"
    with pysam.VariantFile(str(folder / "truth.vcf.gz")) as records:
        rows = [("PLANTED" in record.info, record.pos) for record in records.fetch(contig)]
    assert sum(not is_planted for is_planted, _ in rows) == len(known)
    near = read_bed(folder / "confident.bed")[contig]
    places = [pos1 for is_planted, pos1 in rows if is_planted]
    assert len(places) >= 5
    assert all(near.contains(pos1 - 1, pos1) for pos1 in places)
    assert sum(near.end0) - sum(near.start0) < 18_000
    made = (folder / "reads.bam").stat().st_mtime_ns
    assert planted.make_sample(source, tmp_path, seed=4) == folder
    assert (folder / "reads.bam").stat().st_mtime_ns == made
