"""`--background`: alleles planted in others' reads, told apart beside a score that does not know them; what they may decide."""

from __future__ import annotations

import functools
import json
import random
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pysam
import pytest

from vcffilter import Filter
from vcffilter.commands.main import run
from vcffilter.errors import UsageError
from vcffilter.pipeline import evidence
from vcffilter.pipeline.background import Background, BackgroundOptions, open_background
from vcffilter.variants.allele_chunk import AlleleChunk

_LENGTH, _READ = 3000, 100
#: POS - 1 and what of the reads is changed there: a base, or one base of a run lost.
_SEEN, _NOISY, _STRONG, _RARE, _SPARSE, _RUN = SITES = (300, 600, 900, 1200, 1500, 2000)
_RUN_LENGTH = 8
_OTHER = {"A": "C", "C": "A", "G": "T", "T": "G"}
_THIRD = {"A": "G", "C": "G", "G": "A", "T": "A"}
Plan = dict[int, tuple[int, int]]


@dataclass(frozen=True)
class Planted:
    """A reference, calls at every site, and the reads of the sample that was called."""

    folder: Path
    bases: str
    reference: str
    calls: str
    reads: str

    def write(
        self, name: str, sample: str | None, plan: Plan, *, kind: str = "bam", contig: str = "chr1", longer: int = 0
    ) -> str:
        """Reads over some sites: of each (those that show the ALT, others). A lost base is the run's last one."""
        path = str(self.folder / f"{name}.{kind}")
        header: dict[str, object] = {"HD": {"VN": "1.6", "SO": "coordinate"}, "SQ": [{"SN": contig, "LN": _LENGTH + longer}]}
        if sample is not None:
            header["RG"] = [{"ID": "g", "SM": sample}]
        mode = "wc" if kind == "cram" else "wb"
        with pysam.AlignmentFile(path, mode, header=header, reference_filename=self.reference) as file:
            for number, (start0, pos0, shows) in enumerate(sorted(_starts(plan))):
                read = pysam.AlignedSegment(file.header)
                read.query_name, read.reference_id, read.reference_start, read.mapping_quality = f"r{number}", 0, start0, 60
                read.flag = 16 * (number % 2)
                read.cigarstring, read.query_sequence = self._written(start0, pos0, shows)
                read.query_qualities = pysam.qualitystring_to_array("I" * len(read.query_sequence))
                if sample is not None:
                    read.set_tag("RG", "g")
                file.write(read)
        pysam.index(path)
        return path

    def _written(self, start0: int, pos0: int, shows: bool) -> tuple[str, str]:
        """(CIGAR, bases) of a read."""
        bases = self.bases[start0 : start0 + _READ]
        at = pos0 - start0
        if not shows:
            return f"{_READ}M", bases
        if pos0 != _RUN:
            return f"{_READ}M", bases[:at] + _OTHER[bases[at]] + bases[at + 1 :]
        last = at + _RUN_LENGTH
        return f"{last}M1D{_READ - last - 1}M", bases[:last] + bases[last + 1 :]


def _starts(plan: Plan) -> list[tuple[int, int, bool]]:
    """(start, site, whether it shows the ALT) of every read; all over their site, and over no other."""
    return [
        (pos0 - 20 - 60 * number // (n_showing + n_others), pos0, number % (n_showing + n_others) < n_showing)
        for pos0, (n_showing, n_others) in plan.items()
        for number in range(n_showing + n_others)
    ]


@pytest.fixture(scope="module", autouse=True)
def _one_model() -> Iterator[None]:
    """The model is read once for all runs of this file."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(evidence, "load_model", functools.lru_cache(evidence.load_model))
        yield


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Planted:
    folder = tmp_path_factory.mktemp("planted")
    drawn = random.Random(7)
    bases = "".join(drawn.choice("ACGT") for _ in range(_LENGTH))
    bases = f"{bases[:_RUN]}C{'A' * _RUN_LENGTH}G{bases[_RUN + _RUN_LENGTH + 2 :]}"
    reference = folder / "reference.fa"
    reference.write_text(f">chr1\n{bases}\n")
    pysam.faidx(str(reference))
    rows = [(pos0, bases[pos0], _OTHER[bases[pos0]]) for pos0 in SITES if pos0 != _RUN]
    # Two ALTs in one record: the second is in nobody's reads.
    rows = [(pos0, ref, f"{alt},{_THIRD[ref]}" if pos0 == _SEEN else alt) for pos0, ref, alt in rows]
    rows.append((_RUN, "CA", "C"))
    calls = folder / "calls.vcf"
    calls.write_text(
        f"##fileformat=VCFv4.2\n##contig=<ID=chr1,length={_LENGTH}>\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
        + "".join(f"chr1\t{pos0 + 1}\t.\t{ref}\t{alt}\t50\t.\t.\n" for pos0, ref, alt in rows)
    )
    empty = Planted(folder, bases, str(reference), str(calls), "")
    # Weak as noise is at _NOISY and in the run, heterozygous elsewhere.
    own = dict.fromkeys(SITES, (12, 12)) | {_NOISY: (4, 26), _RUN: (4, 26)}
    return Planted(folder, bases, str(reference), str(calls), empty.write("child", "child", own))


@pytest.fixture(scope="module")
def other(planted: Planted) -> str:
    """Reads of another person: every value."""
    plan = {_SEEN: (11, 13), _NOISY: (3, 27), _STRONG: (3, 27), _RARE: (0, 24), _SPARSE: (0, 6), _RUN: (4, 26)}
    return planted.write("other", "other", plan)


def filtered(planted: Planted, *more: str, code: int = 0, calls: str | None = None) -> str:
    target = planted.folder / "out.vcf"
    files = [calls or planted.calls, "-b", planted.reads, "-f", planted.reference, "-o", str(target)]
    assert run(["filter", *files, "--no-version", *more]) == code
    return target.read_text() if code == 0 else ""


def info(text: str) -> dict[int, dict[str, str]]:
    """INFO of every record and its FILTER, by POS - 1."""
    rows = [line.split("\t") for line in text.splitlines() if line[0] != "#"]
    return {int(row[1]) - 1: dict(pair.partition("=")[::2] for pair in row[7].split(";")) | {"FILTER": row[6]} for row in rows}


#: So that the score decides nothing.
_ALL_PASS = ("--min-prob-snv", "0", "--min-prob-indel", "0")


def test_every_value_and_what_stands_behind_it(planted: Planted, other: str) -> None:
    found = info(filtered(planted, "--background", other))
    values = {pos0: row["PILEUP_BACKGROUND"] for pos0, row in found.items()}
    assert values == {
        _SEEN: "support,none", _NOISY: "noise", _STRONG: "noise", _RARE: "none", _SPARSE: ".", _RUN: "noise"
    }  # fmt: skip
    reads = {pos0: (row["PILEUP_BACKGROUND_AD"], row["PILEUP_BACKGROUND_DP"]) for pos0, row in found.items()}
    # The reads lose the run's last base, the call its first; reads with the other ALT tell nothing of the second.
    assert reads[_RUN] == ("4", "30")
    assert reads[_SEEN] == ("11,0", "24,13")
    assert reads[_NOISY] == ("3", "30")
    assert reads[_SPARSE] == ("0", "6")


def test_no_score_and_no_verdict_knows_the_background(planted: Planted, other: str) -> None:
    without, beside = info(filtered(planted)), info(filtered(planted, "--background", other))
    kept = {pos0: {key: value for key, value in row.items() if "BACKGROUND" not in key} for pos0, row in beside.items()}
    assert kept == without
    assert "BACKGROUND" not in "".join(key for row in without.values() for key in row)


@pytest.mark.parametrize("kind", ["bam", "cram"])
def test_threads_and_formats_change_nothing(planted: Planted, other: str, kind: str) -> None:
    expected = filtered(planted, "--background", other, "--threads", "1")
    same, mode = str(planted.folder / f"same.{kind}"), "wc" if kind == "cram" else "wb"
    with (
        pysam.AlignmentFile(other) as reads,
        pysam.AlignmentFile(same, mode, template=reads, reference_filename=planted.reference) as copy,
    ):
        for read in reads:
            copy.write(read)
    pysam.index(same)
    assert filtered(planted, "--background", same, "--threads", "3") == expected


def test_counts_do_not_depend_on_chunks(planted: Planted, other: str) -> None:
    background = opened(planted, other)
    alleles = [(pos0, planted.bases[pos0], _OTHER[planted.bases[pos0]]) for pos0 in SITES if pos0 != _RUN]
    try:
        whole = background.count(AlleleChunk.from_alleles("chr1", alleles))
        apart = [background.count(AlleleChunk.from_alleles("chr1", [one])) for one in alleles]
    finally:
        background.close()
    np.testing.assert_array_equal(whole.showing, np.hstack([one.showing for one in apart]))
    np.testing.assert_array_equal(whole.telling, np.hstack([one.telling for one in apart]))
    assert whole.showing.tolist() == [[11, 3, 3, 0, 0]]


def opened(planted: Planted, *paths: str) -> Background:
    return open_background(BackgroundOptions(planted.calls, paths, planted.reference))


def test_noise_decides_when_asked_and_only_where_it_explains_the_sample(planted: Planted, other: str) -> None:
    text = filtered(planted, "--background", other, "--background-filter", *_ALL_PASS)
    found = info(text)
    assert {pos0: row["FILTER"] for pos0, row in found.items()} == {
        _SEEN: "PASS", _NOISY: "BackgroundNoise", _STRONG: "PASS", _RARE: "PASS", _SPARSE: "PASS", _RUN: "BackgroundNoise"
    }  # fmt: skip
    assert found[_NOISY]["PILEUP_FT"] == "BackgroundNoise"
    assert found[_STRONG]["PILEUP_FT"] == "PASS"
    assert '##FILTER=<ID=BackgroundNoise,Description="' in text
    assert '##vcffilter_background=<ID=PILEUP_BACKGROUND,decides=yes,samples="other">' in text
    # What fails by its own score is said to.
    low = info(filtered(planted, "--background", other, "--background-filter", "--min-prob-snv", "1", "--min-prob-indel", "0"))
    assert low[_NOISY]["FILTER"] == "LowPileupSNV"
    assert low[_RUN]["FILTER"] == "BackgroundNoise"


def test_a_record_is_saved_by_another_alt(planted: Planted, tmp_path: Path) -> None:
    """The first ALT of the record is noise, the second the sample's and nobody else's."""
    ref = planted.bases[_NOISY]
    calls = tmp_path / "calls.vcf"
    header = "".join(line for line in Path(planted.calls).read_text().splitlines(keepends=True) if line[0] == "#")
    calls.write_text(f"{header}chr1\t{_NOISY + 1}\t.\t{ref}\t{_OTHER[ref]},{_THIRD[ref]}\t50\t.\t.\n")
    noisy = planted.write("noisy", "noisy", {_NOISY: (3, 27)})
    found = info(filtered(planted, "--background", noisy, "--background-filter", *_ALL_PASS, calls=str(calls)))[_NOISY]
    assert (found["PILEUP_FT"], found["FILTER"]) == ("BackgroundNoise,PASS", "PASS")


def test_nothing_is_left_of_an_earlier_background(planted: Planted, other: str, tmp_path: Path) -> None:
    once = tmp_path / "once.vcf"
    once.write_text(filtered(planted, "--background", other, "--background-filter", *_ALL_PASS))
    again = filtered(planted, *_ALL_PASS, calls=str(once))
    assert info(again) == info(filtered(planted, *_ALL_PASS))
    assert "##vcffilter_background" not in again
    annotated = filtered(planted, "--background", other, calls=str(once))
    assert "decides=no" in annotated
    assert "decides=yes" not in annotated


def test_of_several_samples_the_one_that_shows_most_counts(planted: Planted, other: str, tmp_path: Path) -> None:
    second = planted.write("second", "second", {_SEEN: (0, 24), _RARE: (2, 28), _SPARSE: (0, 20)})
    summary = tmp_path / "summary.json"
    both = info(filtered(planted, "--background", other, "--background", second, "--summary", str(summary)))
    values = {pos0: row["PILEUP_BACKGROUND"] for pos0, row in both.items()}
    assert values[_SEEN] == "support,none"
    assert values[_RARE] == "noise"
    # One has too few reads to say that nobody has it.
    assert values[_SPARSE] == "."
    assert (both[_RARE]["PILEUP_BACKGROUND_AD"], both[_RARE]["PILEUP_BACKGROUND_DP"]) == ("2", "54")
    told = json.loads(summary.read_text())["background"]
    assert [(sample["name"], sample["files"]) for sample in told["samples"]] == [("other", [other]), ("second", [second])]
    assert told["samples"][0]["alts"] == {"support": 1, "noise": 3, "none": 2, ".": 1}
    assert told["samples"][1]["alts"] == {"support": 0, "noise": 1, "none": 3, ".": 3}
    assert told["alts"]["support"]["passed"] + told["alts"]["support"]["failed"] == 1
    assert not told["decides"]


def test_files_of_one_sample_are_read_together(planted: Planted) -> None:
    halves = [planted.write(f"half{number}", "half", {_RARE: (0, 6)}) for number in range(2)]
    together = info(filtered(planted, *(text for path in halves for text in ("--background", path))))[_RARE]
    apart = info(filtered(planted, "--background", halves[0], "--background", f"another={halves[1]}"))[_RARE]
    assert (together["PILEUP_BACKGROUND"], together["PILEUP_BACKGROUND_DP"]) == ("none", "12")
    assert (apart["PILEUP_BACKGROUND"], apart["PILEUP_BACKGROUND_DP"]) == (".", "12")


def test_rare_alleles_are_told_apart(planted: Planted, other: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    summary = tmp_path / "summary.json"
    filtered(planted, "--background", other, "--background-filter", "--summary", str(summary), *_ALL_PASS)
    told = json.loads(summary.read_text())
    assert told["background"]["alts"] == {
        "support": {"passed": 1, "failed": 0, "failed_by_background": 0},
        "noise": {"passed": 1, "failed": 0, "failed_by_background": 2},
        "none": {"passed": 2, "failed": 0, "failed_by_background": 0},
        ".": {"passed": 1, "failed": 0, "failed_by_background": 0},
    }
    assert (told["records"]["failed"], told["records"]["failed_snv"], told["records"]["failed_background"]) == (2, 0, 2)
    line = capfd.readouterr().err
    assert "support 1, noise 3, none 2, too few reads 1; of the rare (none) 2 passed, 0 failed" in line
    assert "2 failed as BackgroundNoise" in line


def test_each_sample_of_the_calls_is_judged_by_its_own_share(planted: Planted, other: str, tmp_path: Path) -> None:
    """One carrier's reads are no more than the noise, the other's are; the site passes by the other."""
    sister = planted.write("sister", "sister", {_NOISY: (14, 14), _RUN: (4, 26)})
    calls = tmp_path / "two.vcf"
    calls.write_text(
        Path(planted.calls).read_text()
        .replace("#CHROM", '##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">\n#CHROM')
        .replace("INFO\n", "INFO\tFORMAT\tchild\tsister\n").replace("\t.\t.\n", "\t.\t.\tGT\t0/1\t0/1\n")
    )  # fmt: skip
    text = filtered(
        planted, "-b", sister, "--background", other, "--background-filter", "--sample-ft", *_ALL_PASS, calls=str(calls)
    )
    rows = {int(row[1]) - 1: row for row in (line.split("\t") for line in text.splitlines() if line[0] != "#")}
    verdicts = {pos0: [sample.split(":")[-1] for sample in row[9:]] for pos0, row in rows.items()}
    assert (rows[_NOISY][6], verdicts[_NOISY]) == ("PASS", ["BackgroundNoise", "PASS"])
    assert (rows[_RUN][6], verdicts[_RUN]) == ("BackgroundNoise", ["BackgroundNoise"] * 2)


def test_the_sample_itself_is_no_background(planted: Planted, other: str, capfd: pytest.CaptureFixture[str]) -> None:
    filtered(planted, "--background", planted.reads, code=2)
    assert "is given as -b and as --background" in capfd.readouterr().err
    copy = planted.write("copy", "child", {_SEEN: (3, 3)})
    filtered(planted, "--background", copy, code=2)
    assert "holds reads of child (@RG SM), which is the sample that is scored" in capfd.readouterr().err
    filtered(planted, "--background", f"cousin={copy}")
    filtered(planted, "--background", other, "--background", other, code=2)
    assert "is given twice" in capfd.readouterr().err
    filtered(planted, "--background-filter", code=2)
    assert "Give the reads of others with --background FILE" in capfd.readouterr().err


def test_files_that_do_not_fit_are_refused(planted: Planted, capfd: pytest.CaptureFixture[str]) -> None:
    filtered(planted, "--background", planted.write("renamed", "renamed", {_SEEN: (3, 3)}, contig="1"), code=1)
    assert "renamed.bam" in capfd.readouterr().err
    filtered(planted, "--background", planted.write("build", "build", {_SEEN: (3, 3)}, longer=50), code=1)
    assert "its chr1 has 3,050 bases" in capfd.readouterr().err
    filtered(planted, "--background", "missing.bam", code=1)
    assert "missing.bam: no such file" in capfd.readouterr().err


def test_check_says_which_files_are_fit(planted: Planted, other: str, capfd: pytest.CaptureFixture[str]) -> None:
    def checked(*background: str) -> tuple[int, str]:
        given = [planted.calls, "-b", planted.reads, "-f", planted.reference]
        code = run(["check", *given, *(word for path in background for word in ("--background", path))])
        return code, capfd.readouterr().out

    without, fits = checked(), checked(other)
    assert "background" not in without[1]
    assert fits[0] == without[0]
    assert f"ok   background: {other}: BAM, indexed, of other" in fits[1]
    build = planted.write("build", "build", {_SEEN: (3, 3)}, longer=50)
    code, said = checked(other, build, planted.reads)
    assert code == 1
    assert f"ok   background: {other}" in said
    assert "FAIL background: " in said
    assert "its chr1 has 3,050 bases" in said
    code, said = checked(other, planted.reads)
    assert code == 1
    assert f"FAIL background: {planted.reads} is given as -b and as --background" in said


def test_reads_of_nobody_are_those_of_their_file(planted: Planted) -> None:
    nameless = planted.write("nameless", None, {_RARE: (0, 20)})
    text = filtered(planted, "--background", nameless)
    assert f'samples="{nameless}"' in text
    assert info(text)[_RARE]["PILEUP_BACKGROUND"] == "none"


def test_de_novo_candidates_as_the_page_finds_them(planted: Planted, tmp_path: Path, bcftools: str) -> None:
    """The page's expressions, run on a child whose parents both lack one allele, and one of whom hides another."""
    father = planted.write("father", "father", {_SEEN: (12, 12), _STRONG: (0, 24), _RARE: (0, 24), _SPARSE: (1, 20)})
    mother = planted.write("mother", "mother", {_SEEN: (0, 24), _STRONG: (0, 6), _RARE: (0, 24), _SPARSE: (0, 24)})
    found = tmp_path / "found.vcf"
    found.write_text(filtered(planted, "--background", father, "--background", mother, *_ALL_PASS))
    page = (Path(__file__).parents[2] / "docs" / "background.md").read_text()
    (asked,) = (line.split("'")[1] for line in page.splitlines() if line.strip().startswith("bcftools view -f PASS -i 'GT="))
    without_genotypes = asked.removeprefix('GT="alt" && INFO/PILEUP_PROB>0.9 && ')
    assert without_genotypes != asked
    split = subprocess.run([bcftools, "norm", "-m", "-any", str(found)], capture_output=True, check=True)
    command = [bcftools, "view", "-H", "-f", "PASS", "-i", without_genotypes]
    candidates = subprocess.run(command, input=split.stdout, capture_output=True, check=True).stdout.decode()
    alleles = [tuple(line.split("\t")[1:5:3]) for line in candidates.splitlines()]
    # Nobody's: the child's own, and the ALT beside one that the father has.
    assert alleles == [(str(_SEEN + 1), _THIRD[planted.bases[_SEEN]]), (str(_RARE + 1), _OTHER[planted.bases[_RARE]])]


def test_python_says_the_same(planted: Planted, other: str) -> None:
    alleles = [("chr1", pos0 + 1, planted.bases[pos0], _OTHER[planted.bases[pos0]]) for pos0 in (_STRONG, _SEEN, _NOISY)]
    with Filter(planted.reads, planted.reference, background=other, background_filter=True, preset="sensitive") as model:
        scores = model.score([*alleles, ("chr1", 5, planted.bases[4], "<DEL>")])
    assert scores.background == ("noise", "support", "noise", ".")
    assert scores.background_alt_reads.tolist() == [3, 11, 3, 0]
    assert scores.background_reads.tolist() == [30, 24, 30, 0]
    assert scores.passes.tolist() == [True, True, False, False]
    with pytest.raises(UsageError, match="the background is to decide, and there is none"):
        Filter(planted.reads, planted.reference, background_filter=True)
