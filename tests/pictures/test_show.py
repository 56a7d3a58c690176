"""Pictures show what the reads show: every cell against pysam's view of the read, counts against the score's, forms that open."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from io import BytesIO

import cyvcf2
import numpy as np
import pysam
import pytest
from PIL import Image

from vcffilter.commands.main import run
from vcffilter.errors import VariantFileError
from vcffilter.evaluation.filter_run import filter_run
from vcffilter.pictures.drawing import to_png, to_svg
from vcffilter.pictures.facts import CallFacts
from vcffilter.pictures.layout import draw_pileup
from vcffilter.pictures.painter import PileupSource
from vcffilter.pictures.pileup import DELETED, GROUPS, NO_INSERTION, NOTHING
from vcffilter.pictures.selection import CallFile, Cuts, trimmed
from vcffilter.pictures.terminal import pileup_text

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def filtered(simulated, tmp_path_factory):
    """The simulated calls, filtered with reasons."""
    path = tmp_path_factory.mktemp("show") / "filtered.vcf.gz"
    files = simulated.files
    arguments = ["filter", str(files.calls), "-b", str(files.reads), "-f", str(files.reference), "--reasons", "-q"]
    assert run([*arguments, "-Oz", "-o", str(path)]) == 0
    return str(path)


@pytest.fixture(scope="module")
def source(simulated):
    with PileupSource([str(simulated.files.reads)], str(simulated.files.reference)) as opened:
        yield opened


def calls_of_each_kind(filtered, per_kind=8):
    """SNVs, insertions, deletions of the file."""
    kinds: dict[int, list[CallFacts]] = {-1: [], 0: [], 1: []}
    for call in CallFile(filtered).calls():
        kinds[int(np.sign(len(call.alt) - len(call.ref)))].append(call)
    chosen = [call for calls in kinds.values() for call in calls[:per_kind]]
    assert len(chosen) > 2 * per_kind
    return chosen


def rows_by_pysam(path, contig, first0, last0):
    """For every usable read of the window: {pos0: (base, quality)} of aligned bases, and the deleted positions."""
    found = []
    with pysam.AlignmentFile(path) as file:
        for read in file.fetch(contig, first0, last0):
            if read.flag & 0xF04:
                continue
            bases, deleted = {}, set()
            for query, pos0 in read.get_aligned_pairs():
                if pos0 is None or not first0 <= pos0 < last0:
                    continue
                if query is None:
                    deleted.add(pos0)
                else:
                    bases[pos0] = (read.query_sequence[query], read.query_qualities[query])
            found.append((bases, deleted, read.mapping_quality, read.is_reverse))
    return found


def test_every_cell_is_a_base_of_a_read(filtered, source, simulated):
    for call in calls_of_each_kind(filtered):
        pileup = source.pileup(call.contig, call.pos1, call.ref, call.alt, most_rows=500)
        assert pileup.n_hidden == 0
        columns = np.flatnonzero(~pileup.is_inserted)
        first0, last0 = int(pileup.pos0[0]), int(pileup.pos0[-1]) + 1
        assert list(pileup.pos0[columns]) == list(range(first0, last0))
        expected = rows_by_pysam(str(simulated.files.reads), call.contig, first0, last0)
        rows = pileup.rows
        for row in range(len(rows.group)):
            aligned = [c for c in columns if rows.base[row, c] not in (NOTHING, DELETED) and not rows.is_clipped[row, c]]
            bases = {int(pileup.pos0[c]): (chr(rows.base[row, c]), int(rows.quality_phred[row, c])) for c in aligned}
            deleted = {int(pileup.pos0[c]) for c in columns if rows.base[row, c] == DELETED}
            drawn = (bases, deleted, int(rows.mapq[row]), bool(rows.is_reverse[row]))
            assert drawn in expected, f"{call.place}: row {row} is no read of the file"
            expected.remove(drawn)


def test_groups_are_the_scores_own(filtered, source):
    counts, depths = {}, {}
    for record in cyvcf2.VCF(filtered):
        depths[record.CHROM, record.POS, record.REF, record.ALT[0]] = record.INFO.get("PILEUP_AD")
        counts[record.CHROM, record.POS, record.REF, record.ALT[0]] = record.INFO.get("PILEUP_DP")
    checked = 0
    for call in calls_of_each_kind(filtered):
        n_reads = counts[call.contig, call.pos1, call.ref, call.alt]
        if isinstance(n_reads, tuple):
            continue
        pileup = source.pileup(call.contig, call.pos1, call.ref, call.alt)
        assert sum(pileup.n_reads[:3]) == (n_reads or 0)
        n_ref, n_alt = depths[call.contig, call.pos1, call.ref, call.alt]
        assert (pileup.n_reads[1], pileup.n_reads[0]) == (n_ref, n_alt)
        checked += 1
    assert checked > 10


def test_haplotypes_spell_the_call(filtered, source):
    for call in calls_of_each_kind(filtered):
        pileup = source.pileup(call.contig, call.pos1, call.ref, call.alt)
        no_base = (NO_INSERTION, DELETED)
        reference = "".join(chr(base) for base in pileup.reference if base not in no_base)
        alternate = "".join(chr(base) for base in pileup.alternate if base not in no_base)
        at = call.pos1 - 1 - int(pileup.pos0[0])
        assert reference[at : at + len(call.ref)] == call.ref
        assert alternate == reference[:at] + call.alt + reference[at + len(call.ref) :]


def test_reads_that_do_not_fit_are_counted(filtered, source):
    call = calls_of_each_kind(filtered)[0]
    whole = source.pileup(call.contig, call.pos1, call.ref, call.alt, most_rows=500)
    cut = source.pileup(call.contig, call.pos1, call.ref, call.alt, most_rows=5)
    assert cut.n_reads == whole.n_reads
    assert len(cut.rows.group) == 5
    assert cut.n_hidden == sum(whole.n_reads) - 5 > 0
    assert "not shown" in pileup_text(cut, call, colour=False)
    assert "not drawn" in to_svg(draw_pileup(cut, call))


def test_text_without_colour_is_plain_and_coloured_text_says_the_same(filtered, source):
    call = calls_of_each_kind(filtered)[0]
    pileup = source.pileup(call.contig, call.pos1, call.ref, call.alt)
    plain, coloured = pileup_text(pileup, call, colour=False), pileup_text(pileup, call, colour=True)
    assert "\x1b" not in plain
    stripped = re.sub(r"\x1b\[[0-9;]*m", "", coloured)
    assert [line.rstrip() for line in stripped.splitlines()] == plain.splitlines()
    assert call.place in plain.splitlines()[0]


def test_svg_opens_and_differences_carry_letters(filtered, source):
    snv = next(call for call in calls_of_each_kind(filtered) if len(call.ref) == len(call.alt) == 1)
    pileup = source.pileup(snv.contig, snv.pos1, snv.ref, snv.alt)
    document = ElementTree.fromstring(to_svg(draw_pileup(pileup, snv)))
    assert document.find(f"{SVG}title").text == snv.place
    texts = [element.text for element in document.iter(f"{SVG}text")]
    column = int(np.flatnonzero(pileup.is_event)[0])
    n_different = int((pileup.rows.base[:, column] == ord(snv.alt)).sum())
    assert n_different > 0
    # Besides the reads the ALT haplotype carries it once at least.
    assert texts.count(snv.alt) > n_different
    assert any("show ALT" in text or "shows ALT" in text for text in texts)


def test_png_has_the_size_of_the_drawing(filtered, source):
    call = calls_of_each_kind(filtered)[0]
    drawing = draw_pileup(source.pileup(call.contig, call.pos1, call.ref, call.alt), call)
    with Image.open(BytesIO(to_png(drawing, scale=2))) as image:
        assert image.size == (round(drawing.width * 2), round(drawing.height * 2))
        assert len(image.convert("RGB").getcolors(1 << 20)) > 5


def arguments_of(filtered, simulated, *more):
    return ["show", filtered, *more, "-b", str(simulated.files.reads), "-f", str(simulated.files.reference)]


def test_command_writes_what_was_chosen(filtered, simulated, tmp_path, capsys):
    folder = tmp_path / "pictures"
    kinds = ["--format", "svg", "--format", "png", "--format", "txt"]
    assert run(arguments_of(filtered, simulated, "--failed", "3", "-o", str(folder), *kinds)) == 0
    files = sorted(path.suffix for path in folder.iterdir())
    assert files == [".png"] * 3 + [".svg"] * 3 + [".txt"] * 3
    for path in folder.glob("*.txt"):
        assert "fails" in path.read_text().splitlines()[2]
    assert "3 calls drawn" in capsys.readouterr().err


def test_facts_are_the_files_own(filtered):
    record = next(record for record in cyvcf2.VCF(filtered) if record.INFO.get("PILEUP_ALT_REASON") and len(record.ALT) == 1)
    call = next(call for call in CallFile(filtered).calls() if (call.pos1, call.alt) == (record.POS, record.ALT[0]))
    assert call.reasons == tuple(record.INFO["PILEUP_ALT_REASON"].split("&"))
    assert call.own_verdict == record.INFO["PILEUP_FT"]
    assert call.probability == pytest.approx(record.INFO["PILEUP_PROB"])
    assert call.n_reads == record.INFO["PILEUP_DP"]
    assert f"because of {', '.join(call.reasons)}" in call.lines()[1]


def test_channels_are_drawn_beside_the_reads(filtered, simulated, tmp_path, capsys):
    call = next(iter(CallFile(filtered).calls()))
    place = f"{call.contig}:{call.pos1}"
    more = ["-o", str(tmp_path), "--channels", "base,support,strand"]
    assert run(arguments_of(filtered, simulated, place, *more)) == 0
    document = ElementTree.parse(tmp_path / f"{call.file_stem}_channels.svg")
    texts = [element.text for element in document.iter(f"{SVG}text")]
    assert {"base", "support", "strand"} <= set(texts)
    assert run(arguments_of(filtered, simulated, place, "-o", str(tmp_path), "--channels", "colour")) == 1
    assert "colour" in capsys.readouterr().err
    assert run(arguments_of(filtered, simulated, place, "--channels", "base")) == 2


def test_failed_are_those_the_caller_was_surest_of(filtered):
    calls = CallFile(filtered)
    failing = [call for call in calls.calls() if call.verdict == "fails"]
    assert len(failing) > 5
    best = calls.failed(4)
    assert [call.qual_phred for call in best] == sorted((call.qual_phred for call in failing), reverse=True)[:4]


def test_borderline_lie_next_to_the_threshold(filtered):
    calls = CallFile(filtered)

    def distance(call):
        odds = [min(max(p, 1e-6), 1 - 1e-6) for p in (call.probability, call.threshold)]
        return abs(np.log(odds[0] / (1 - odds[0])) - np.log(odds[1] / (1 - odds[1])))

    near = calls.borderline(5)
    others = [distance(call) for call in calls.calls() if call not in near and not np.isnan(call.probability)]
    assert max(distance(call) for call in near) <= min(others)


def test_lost_are_true_calls_that_fail(filtered, simulated, tmp_path):
    calls = CallFile(filtered)
    failing = [call for call in calls.calls() if call.verdict == "fails"][:2]
    passing = next(call for call in calls.calls() if call.verdict == "passes")
    table = tmp_path / "labels.tsv"
    rows = [(*trimmed(call.contig, call.pos1, call.ref, call.alt), label) for call, label in zip(
        [*failing, passing], ["TP", "FP", "TP"], strict=True)]  # fmt: skip
    table.write_text("".join("\t".join(map(str, row)) + "\n" for row in rows))
    assert calls.lost(table) == failing[:1]


def test_older_models_have_other_thresholds_for_many_reads():
    cuts = Cuts({"snv": 0.1, "indel": 0.2}, {"snv": 0.5})
    assert [cuts.of("A", "C", n_reads) for n_reads in (20, 21, np.nan)] == [0.1, 0.5, 0.1]
    assert cuts.of("A", "CC", 40) == 0.2


@pytest.mark.parametrize("bad", ["/=both", "", "nan", "1.5", "0.2.3"])
def test_a_threshold_of_the_header_that_is_no_probability(filtered, tmp_path, capsys, bad):
    changed = tmp_path / "changed.vcf"
    with pysam.VariantFile(str(filtered)) as file:
        text = str(file.header) + "".join(map(str, file))
    changed.write_text(re.sub("min_prob_snv=[^,>]*", f"min_prob_snv={bad}", text))
    assert run(["report", str(changed), "-o", str(tmp_path / "page.html"), "-q"]) == 1
    assert f"names min_prob_snv={bad}, which is no probability" in capsys.readouterr().err
    with pytest.raises(VariantFileError, match="no probability"):
        filter_run(str(changed))


def test_places_and_what_is_not_there(filtered, simulated, capsys):
    call = next(iter(CallFile(filtered).calls()))
    assert run(arguments_of(filtered, simulated, f"{call.contig}:{call.pos1}")) == 0
    assert call.place in capsys.readouterr().out
    assert run(arguments_of(filtered, simulated, f"{call.contig}:1")) == 1
    said = capsys.readouterr().err
    assert f"{call.contig}:1: no call of plain bases is there" in said
    assert f"The nearest call is at {call.place.split()[0]}" in said
    assert run(arguments_of(filtered, simulated, f"chr{call.contig}:{call.pos1}")) == 1
    assert f"The file names this contig '{call.contig}'" in capsys.readouterr().err
    assert run(arguments_of(filtered, simulated, f"7:{call.pos1}")) == 1
    assert f"The file has calls on {call.contig}" in capsys.readouterr().err
    assert run(arguments_of(filtered, simulated, "nonsense")) == 1
    assert "Write places as" in capsys.readouterr().err
    assert run(arguments_of(filtered, simulated)) == 2
    assert "nothing was chosen" in capsys.readouterr().err


def test_an_unfiltered_file_has_no_failed_calls(simulated, capsys):
    assert run(arguments_of(str(simulated.files.calls), simulated, "--failed", "3")) == 2
    assert "has not been filtered" in capsys.readouterr().err


def test_names_of_files_stay_in_their_folder():
    assert "/" not in CallFacts("../x/y", 5, "A", "C").file_stem
    assert not CallFacts("..", 5, "A", "C").file_stem.startswith(".")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (("1", 5, "AC", "A"), ("1", 5, "AC", "A")),
        (("1", 5, "GAC", "GA"), ("1", 6, "AC", "A")),
        (("1", 5, "ACT", "GCT"), ("1", 5, "A", "G")),
    ],
)
def test_trimmed(given, expected):
    assert trimmed(*given) == expected


def test_every_group_has_a_heading(filtered, source):
    call = calls_of_each_kind(filtered)[0]
    pileup = source.pileup(call.contig, call.pos1, call.ref, call.alt)
    text = pileup_text(pileup, call, colour=False)
    assert [f"-- {name}: {count} reads" in text for name, count in zip(GROUPS, pileup.n_reads, strict=True)] == [True] * 4


def test_a_window_that_was_moved_shows_the_reads_there(simulated):
    """Against pysam's view: every read over the moved window has its row; those over the call keep their group and support."""
    files = simulated.files
    call = next(call for call in CallFile(str(files.calls)).calls() if call.pos1 > 2000 and len(call.ref) == len(call.alt) == 1)
    allele = call.contig, call.pos1, call.ref, call.alt
    with PileupSource([str(files.reads)], str(files.reference)) as source:
        at_call = source.pileup(*allele, n_columns=61, most_rows=500)
        moved = {shift: source.pileup(*allele, n_columns=61, most_rows=500, shift=shift) for shift in (-700, -40, 55, 1900)}
        again = source.pileup(*allele, n_columns=61, most_rows=500)
    assert np.array_equal(at_call.rows.base, again.rows.base)
    margins = sorted(at_call.rows.margin_phred.tolist())
    with pysam.AlignmentFile(str(files.reads)) as alignments:
        for shift, pileup in moved.items():
            assert pileup.pos0[0] == at_call.pos0[0] + shift
            assert pileup.pos0[-1] == at_call.pos0[-1] + shift
            first0, last0 = int(pileup.pos0[0]), int(pileup.pos0[-1])
            over = [
                read for read in alignments.fetch(call.contig, first0, last0 + 1) if not read.flag & 0xF04
            ]
            drawn = (pileup.rows.base[:, ~pileup.is_inserted] != NOTHING) & ~pileup.rows.is_clipped[:, ~pileup.is_inserted]
            assert int(drawn.any(1).sum()) == len(over)
            bases = [{p: read.query_sequence[q] for q, p in read.get_aligned_pairs(matches_only=True)} for read in over]
            for column in np.flatnonzero(~pileup.is_inserted)[::7]:
                of_pysam = sorted(ord(read[pos0]) for read in bases if (pos0 := int(pileup.pos0[column])) in read)
                cells = pileup.rows.base[:, column][~pileup.rows.is_clipped[:, column]]
                assert sorted(cells[(cells != NOTHING) & (cells != DELETED)].tolist()) == of_pysam
            beside = pileup.rows.group == len(GROUPS)
            assert (pileup.rows.margin_phred[beside] == 0).all()
            assert set(pileup.rows.margin_phred[~beside].tolist()) <= set(margins)
            drawing = to_svg(draw_pileup(pileup, call))
            assert f"{int(beside.sum())} not over the call" in drawing
            ElementTree.fromstring(drawing)
    assert (moved[-40].rows.group < len(GROUPS)).any()
    assert not moved[1900].is_event.any()


def test_a_window_stays_on_its_contig(simulated):
    files = simulated.files
    calls = list(CallFile(str(files.calls)).calls())
    with PileupSource([str(files.reads)], str(files.reference)) as source:
        for call, shift in ((calls[0], -2000), (calls[-1], 2000)):
            pileup = source.pileup(call.contig, call.pos1, call.ref, call.alt, n_columns=61, shift=shift)
            assert len(pileup.pos0) >= 61
            assert pileup.pos0[0] >= 0


def test_the_mark_of_the_allele_covers_no_position(simulated):
    """A wide allele lies under a number of the ruler: the number is painted over the mark."""
    files = simulated.files
    call = next(iter(CallFile(str(files.calls)).calls()))
    with PileupSource([str(files.reads)], str(files.reference)) as source:
        drawing = draw_pileup(source.pileup(call.contig, call.pos1, call.ref, call.alt), call)
    order = [getattr(shape, "text", getattr(shape, "fill", "")) for shape in drawing.shapes]
    assert order.index("#fff3c4") < order.index(call.contig[:12])
