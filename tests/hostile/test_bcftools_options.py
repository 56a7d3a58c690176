# ruff: noqa: E501
"""The same arguments to `pileup-filter filter --annotate-only` and to `bcftools view`: the same records, columns, formats, indexes.

The scorer is that of tests/commands: what is compared is the way of the records.
"""

from __future__ import annotations

import gzip
import itertools
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from random import Random

import pysam
import pytest
from fake_scorer import FakeScorer
from hostile_files import CONTIG_LINES, CONTIGS, bcftools_view, header, ref, without_ours

from vcffilter.commands.main import run
from vcffilter.pipeline import evidence

pytestmark = pytest.mark.reliability("bcftools chains: the same options as bcftools view")
FAKE = f"{sys.executable} {Path(__file__).parents[1] / 'commands' / 'fake_scorer.py'} 0"
SAMPLES = ("A", "B", "C c", "D")
FILES = ("in.vcf", "in.vcf.gz", "in.bcf")


@pytest.fixture(autouse=True)
def _fake_scorer(monkeypatch: pytest.MonkeyPatch, bcftools: str) -> None:
    monkeypatch.setattr(evidence, "open_scorer", lambda options: FakeScorer(options.want_reasons))


@dataclass(frozen=True)
class Calls:
    """One call set in every format, with indexes; what else lies in the folder: files of regions and samples."""

    folder: Path

    def __getitem__(self, name: str) -> Path:
        return self.folder / name


@pytest.fixture(scope="module")
def calls(tmp_path_factory: pytest.TempPathFactory, bcftools: str) -> Calls:
    """SNVs, indels, blocks and deletions of up to 400 bases at random places of two contigs; four samples."""
    folder, random = tmp_path_factory.mktemp("calls"), Random(5)
    rows = []
    for contig, bases in CONTIGS.items():
        for pos1 in sorted(random.choices(range(1, len(bases) - 400), k=150)):
            length = random.choice((1, 1, 1, 2, 30, 400))
            alt = random.choice(("A", "C", "G", "T", ref(contig, pos1) + "AC", "<DEL>", "*,A"))
            info = f"DP={random.randrange(90)}" + (f";END={pos1 + 300}" if alt == "<DEL>" else "")
            genotypes = "\t".join(random.choice(("0/0", "0/1", "1/1", "./.", "0|1")) for _ in SAMPLES)
            fields = [contig, str(pos1), ".", ref(contig, pos1, length), alt, "50", random.choice((".", "PASS", "q10")), info, "GT"]
            rows.append("\t".join(fields) + f"\t{genotypes}\n")
    more = '##FILTER=<ID=q10,Description="q">\n##INFO=<ID=END,Number=1,Type=Integer,Description="e">\n'
    (folder / "in.vcf").write_text(header(contigs=CONTIG_LINES, more=more, samples=SAMPLES) + "".join(rows))
    for name, kind, index in (("in.vcf.gz", "-Oz", "-t"), ("in.bcf", "-Ob", "-c")):
        bcftools_view(folder / "in.vcf", kind, "-o", folder / name)
        subprocess.run(["bcftools", "index", index, str(folder / name)], check=True)
    (folder / "some.bed").write_text("c1\t99\t400\nc1\t400\t402\nc2\t0\t50\nc2\t700\t900\textra\t0\t+\n")
    (folder / "some.bed.gz").write_bytes(gzip.compress((folder / "some.bed").read_bytes()))
    (folder / "some.tsv").write_text("# contig, first, last\nc1\t100\t400\nc2\t1\t50\n")
    (folder / "places.tsv").write_text("".join(f"{row.split(chr(9))[0]}\t{row.split(chr(9))[1]}\n" for row in rows[::9]))
    (folder / "crossing.bed").write_text("c1\t500\t900\nc1\t300\t700\nc1\t650\t660\n")
    (folder / "names").write_text("D\nB\n")
    return Calls(folder)


def both(calls: Calls, source: str, arguments: list[str], target: Path) -> tuple[list[str], list[str]]:
    """Lines of ours, less what the filter adds, and of bcftools'. `@NAME` among the arguments is a file of the folder."""
    given = [word.replace("@", f"{calls.folder}/") for word in arguments]
    command = ["filter", str(calls[source]), "-b", "x", "-f", "x", "-q", "--no-version", "--annotate-only", "-o", str(target), *given]
    assert run(command) == 0
    # -I: counts in INFO (AC, AN) stay as the caller wrote them, which is what the filter does.
    expected = bcftools_view("-I", calls[source], *given)
    return without_ours(bcftools_view(target)), expected.splitlines()


BY_INDEX = [
    ["-r", "c1"], ["-r", "c2:700"], ["-r", "c2:700-"], ["-r", "c1:500-900"], ["-r", "c1:500-900,c2"],
    ["-r", "c1:500-900,c1:300-700,c1:650-660"], ["-r", "c1:2,990-3,000"], ["-r", "c1:1-1"],
    ["--regions", "c1:100-200"], ["--regions=c1:100-200"], ["-rc1:100-200"], ["-R", "@some.bed"], ["-R", "@some.bed.gz"],
    ["-R", "@some.tsv"], ["-R", "@places.tsv"], ["-R", "@crossing.bed"], ["--regions-file", "@some.bed"],
    ["-r", "c1:300-900", "-t", "c1:500-600"], ["-R", "@some.bed", "-T", "@some.bed"], ["-r", "c1", "-t", "^c1:500-600"],
]  # fmt: skip
BY_STREAM = [
    ["-t", "c1"], ["-t", "c2:700"], ["-t", "c2:700-"], ["-t", "c1:500-900,c2"], ["-t", "^c1"], ["-t", "^c1:500-900"],
    ["-t", "^c1:500-900,c2:1-100"], ["-t", "c3"], ["-t", "^c3"], ["--targets", "c1:1-300"], ["--targets=^c1:1-300"],
    ["-T", "@some.bed"], ["-T", "^@some.bed"], ["-T", "@some.bed.gz"], ["-T", "@some.tsv"], ["-T", "^@some.tsv"],
    ["-T", "@places.tsv"], ["-T", "^@places.tsv"], ["-T", "@crossing.bed"], ["--targets-file", "@some.bed"],
    ["-s", "A"], ["-s", "A,D"], ["-s", "C c"], ["-s", "^A"], ["-s", "^B,D"], ["--samples", "B"], ["--samples=^A,B,D"],
    ["-S", "@names"], ["-S", "^@names"], ["--samples-file", "@names"], ["-s", "A", "-t", "c1:1-300"],
]  # fmt: skip


@pytest.mark.parametrize("source", FILES[1:])
@pytest.mark.parametrize("arguments", BY_INDEX, ids=" ".join)
def test_regions(calls: Calls, tmp_path: Path, source: str, arguments: list[str]) -> None:
    mine, theirs = both(calls, source, arguments, tmp_path / "out.vcf")
    assert mine == theirs


@pytest.mark.parametrize("source", FILES)
@pytest.mark.parametrize("arguments", BY_STREAM, ids=" ".join)
def test_targets_and_samples(calls: Calls, tmp_path: Path, source: str, arguments: list[str]) -> None:
    mine, theirs = both(calls, source, arguments, tmp_path / "out.vcf")
    if "names" in arguments[-1] and "^" not in arguments[-1]:
        # bcftools writes columns in the order asked for (D, B); the filter keeps that of the file.
        theirs = bcftools_view("-I", calls[source], "-s", "B,D").splitlines()
    assert mine == theirs


def test_columns_keep_the_order_of_the_file(calls: Calls, tmp_path: Path) -> None:
    """What differs from bcftools, on purpose."""
    mine, theirs = both(calls, "in.vcf", ["-s", "D,A"], tmp_path / "out.vcf")
    assert mine != theirs
    assert mine == bcftools_view("-I", calls["in.vcf"], "-s", "A,D").splitlines()


def test_records_keep_the_order_of_the_file(calls: Calls, tmp_path: Path) -> None:
    """bcftools gives contigs in the order of the regions: such output has to be sorted again."""
    mine, theirs = both(calls, "in.bcf", ["-r", "c2:1-200,c1:1-200"], tmp_path / "out.vcf")
    assert mine != theirs
    assert mine == bcftools_view("-I", calls["in.bcf"], "-r", "c1:1-200,c2:1-200").splitlines()


@pytest.mark.parametrize("arguments", [["-s", "Z"], ["-s", "^Z"], ["-s", "A,Z"], ["-S", "@absent"], ["-T", "@absent"], ["-t", "c1:9-3"],
                                       ["-O", "x"], ["-O", "z99"], ["-r", "c9"], ["-r", "c2:-700"]], ids=" ".join)  # fmt: skip
def test_what_bcftools_refuses_is_refused(calls: Calls, tmp_path: Path, capfd, arguments: list[str]) -> None:
    given = [word.replace("@", f"{calls.folder}/") for word in arguments]
    target = tmp_path / "out"
    code = run(["filter", str(calls["in.vcf.gz"]), "-b", "x", "-f", "x", "-q", "-o", str(target), *given])
    assert code in (1, 2)
    assert not target.exists()
    assert capfd.readouterr().err.count("error:") == 1
    done = subprocess.run(["bcftools", "view", "-o", str(target), *given, str(calls["in.vcf.gz"])], capture_output=True, check=False)
    # bcftools takes a region of a contig that is not there, and one that ends before it begins, for no records.
    assert done.returncode != 0 or arguments in (["-r", "c9"], ["-t", "c1:9-3"])


# -- formats and indexes

KINDS = ("-Ov", "-Oz", "-Ob", "-Ou")
#: Each format once on each side; the other pairs with `make test-all`.
PAIRS = (("-Ov", "-Ou"), ("-Oz", "-Ob"), ("-Ob", "-Oz"), ("-Ou", "-Ov"))
CHAINS = [pytest.param(*pair, marks=() if pair in PAIRS else pytest.mark.long) for pair in itertools.product(KINDS, KINDS)]


OUTPUTS = ["-Ov", "-O v", "-Oz", "-Oz0", "-Oz1", "-Oz9", "-O z", "-O z9", "-Ob", "-Ob1", "-Ou", "-O u", "-Ov3",
           "--output-type z", "--output-type=b", "--output-type=b0"]  # fmt: skip


def kind_of(path: Path) -> tuple[bool, bytes]:
    """(compressed, first bytes of what is inside)."""
    data = path.read_bytes()
    compressed = data[:2] == b"\x1f\x8b"
    return compressed, (gzip.decompress(data) if compressed else data)[:5]


@pytest.mark.parametrize("source", FILES)
@pytest.mark.parametrize("output", OUTPUTS)
def test_formats(calls: Calls, tmp_path: Path, source: str, output: str) -> None:
    target, theirs = tmp_path / "out", tmp_path / "theirs"
    words = output.split(" ")
    command = ["filter", str(calls[source]), "-b", "x", "-f", "x", "-q", "--no-version", "--annotate-only", "-o", str(target)]
    assert run([*command, *words]) == 0
    bcftools_view(*words, "-o", theirs, calls[source])
    assert kind_of(target) == kind_of(theirs)
    assert without_ours(bcftools_view(target)) == bcftools_view(theirs).splitlines()


@pytest.mark.parametrize("name", ["out.vcf", "out.vcf.gz", "out.vcf.bgz", "out.bcf", "out", "out.txt"])
def test_formats_by_name(calls: Calls, tmp_path: Path, name: str) -> None:
    target, theirs = tmp_path / name, tmp_path / f"theirs-{name}"
    assert run(["filter", str(calls["in.bcf"]), "-b", "x", "-f", "x", "-q", "--annotate-only", "-o", str(target)]) == 0
    bcftools_view("-o", theirs, calls["in.bcf"])
    assert kind_of(target) == kind_of(theirs)


@pytest.mark.parametrize(("words", "index"), [(["-Oz", "-W"], "csi"), (["-Oz", "-W=tbi"], "tbi"), (["-Oz", "-W=csi"], "csi"),
                                              (["-Ob", "-W"], "csi"), (["-Ob", "--write-index"], "csi"),
                                              (["-Oz", "--write-index=tbi"], "tbi")])  # fmt: skip
def test_indexes(calls: Calls, tmp_path: Path, words: list[str], index: str) -> None:
    """bcftools 1.16 has no -W: its index of the same file finds the same records."""
    target = tmp_path / "out"
    assert run(["filter", str(calls["in.vcf"]), "-b", "x", "-f", "x", "-q", "-o", str(target), *words]) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", f"out.{index}"]
    for region in ("c1", "c2:700-900", "c1:1-1", "c2:1490-1500"):
        expected = bcftools_view("-H", calls["in.bcf"], "-r", region)
        assert bcftools_view("-H", target, "-r", region).count("\n") == expected.count("\n")
    stats = subprocess.run(["bcftools", "index", "-s", str(target)], check=True, capture_output=True, text=True)
    assert [line.split("\t")[::2] for line in stats.stdout.splitlines()] == [["c1", "150"], ["c2", "150"]]


@pytest.mark.parametrize(("before", "output"), CHAINS)
def test_every_format_both_ways_in_a_chain(calls: Calls, before: str, output: str) -> None:
    """bcftools view | filter | bcftools view, as one shell line with pipefail."""
    first = f"bcftools view --no-version {before} {calls['in.bcf']}"
    ours = f"{FAKE} filter - -b x -f x -q --no-version --annotate-only {output}"
    script = f"set -o pipefail; {first} | {ours} | bcftools view --no-version"
    done = subprocess.run(["bash", "-c", script], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    assert without_ours(done.stdout.decode()) == bcftools_view(calls["in.bcf"]).splitlines()


def test_pysam_and_cyvcf2_read_what_was_written(calls: Calls, tmp_path: Path) -> None:
    for words in (["-Ov"], ["-Oz"], ["-Ob"], ["-Ou"]):
        target = tmp_path / "out"
        assert run(["filter", str(calls["in.vcf"]), "-b", "x", "-f", "x", "-q", "-o", str(target), *words]) == 0
        with pysam.VariantFile(str(target)) as file:
            assert sum(1 for _ in file) == 300
