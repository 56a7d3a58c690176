"""Several samples through the whole filter: each scored as if it were alone, whatever file its reads are in."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pysam
import pytest

from vcffilter.commands.main import run
from vcffilter.simulation.sample import simulate_sample
from vcffilter.simulation.settings import preset, with_options

NAMES = ("mother", "father", "child")
Key = tuple[str, int, str, str]


@dataclass(frozen=True)
class Trio:
    """Reads of each, the reference, and one VCF with all of their calls."""

    folder: Path
    bam: dict[str, Path]
    reference: Path
    calls: Path


def write_bam(path: Path, sources: list[tuple[Path, int | None]], sample: str) -> Path:
    """Reads of some files under one sample; of a file either all, or those fragments whose number leaves this remainder by 2."""
    with pysam.AlignmentFile(str(sources[0][0])) as first:
        header = first.header.to_dict()
    header["RG"] = [{"ID": f"{sample}.1", "SM": sample}]
    reads = []
    for source, remainder in sources:
        with pysam.AlignmentFile(str(source)) as file:
            for read in file:
                if remainder is None or sum(read.query_name.encode()) % 2 == remainder:
                    read.set_tag("RG", f"{sample}.1")
                    reads.append(read)
    reads.sort(key=lambda read: (read.reference_start, read.query_name, read.flag))
    with pysam.AlignmentFile(str(path), "wb", header=header) as output:
        for read in reads:
            output.write(pysam.AlignedSegment.from_dict(read.to_dict(), output.header))
    pysam.index(str(path))
    return path


def join(paths: list[Path], target: Path) -> Path:
    """One file with the read groups and reads of several."""
    headers = [pysam.AlignmentFile(str(path)).header.to_dict() for path in paths]
    together = headers[0] | {"RG": [group for header in headers for group in header["RG"]]}
    lines = sorted((read.reference_start, read.to_string()) for path in paths for read in pysam.AlignmentFile(str(path)))
    with pysam.AlignmentFile(str(target), "wb", header=together) as output:
        for _, line in lines:
            output.write(pysam.AlignedSegment.fromstring(line, output.header))
    pysam.index(str(target))
    return target


def alleles_of(vcf: Path) -> dict[tuple[str, int, str], list[str]]:
    found: dict[tuple[str, int, str], list[str]] = {}
    with pysam.VariantFile(str(vcf)) as records:
        for record in records:
            found.setdefault((record.contig, record.pos, record.ref), []).extend(record.alts)
    return found


def write_joint(path: Path, header_of: Path, calls: dict[str, dict[tuple[str, int, str], list[str]]]) -> Path:
    """One record per place and REF; a sample carries every ALT that its own calls have there."""
    with pysam.VariantFile(str(header_of)) as source:
        contigs = [f"##contig=<ID={name},length={contig.length}>" for name, contig in source.header.contigs.items()]
    lines = ["##fileformat=VCFv4.2", *contigs, '##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">']
    lines.append("\t".join(["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT", *calls]))
    for place in sorted({place for found in calls.values() for place in found}, key=lambda place: place[1:]):
        alts = list(dict.fromkeys(alt for found in calls.values() for alt in found.get(place, [])))
        genotypes = [
            "/".join(["0", *(str(1 + alts.index(alt)) for alt in found[place])]) if place in found else "0/0"
            for found in calls.values()
        ]
        lines.append("\t".join([place[0], str(place[1]), ".", place[2], ",".join(alts), "50", ".", ".", "GT", *genotypes]))
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture(scope="module")
def trio(tmp_path_factory: pytest.TempPathFactory) -> Trio:
    """Two simulated parents on one reference; the child has half of the fragments of each."""
    folder = tmp_path_factory.mktemp("trio")
    first = with_options(preset("novaseq"), seed=5, length=10_000, variant_rate=1 / 150, artefact_scale=3.0)
    mother = simulate_sample(folder / "mother", first).files
    father = simulate_sample(folder / "father", with_options(first, seed=6), fasta=str(mother.reference), region=None).files
    bam = {
        "mother": write_bam(folder / "mother.bam", [(mother.reads, None)], "mother"),
        "father": write_bam(folder / "father.bam", [(father.reads, None)], "father"),
        "child": write_bam(folder / "child.bam", [(mother.reads, 0), (father.reads, 1)], "child"),
    }
    of_parents = {"mother": alleles_of(mother.calls), "father": alleles_of(father.calls)}
    shared = [item for number, item in enumerate(sorted(of_parents["mother"].items())) if number % 2]
    of_child: dict[tuple[str, int, str], list[str]] = dict(shared)
    for place, alts in of_parents["father"].items():
        of_child[place] = list(dict.fromkeys([*of_child.get(place, []), *alts]))
    calls = write_joint(folder / "joint.vcf", mother.calls, of_parents | {"child": of_child})
    return Trio(folder, bam, mother.reference, calls)


def filtered(trio: Trio, target: Path, *more: object, reads: list[object] | None = None, calls: Path | None = None) -> str:
    reads = [trio.bam[name] for name in NAMES] if reads is None else reads
    files = [text for path in reads for text in ("-b", str(path))]
    arguments = ["filter", str(calls or trio.calls), *files, "-f", str(trio.reference), "-q", "--no-version", "-o", str(target)]
    assert run([*arguments, *map(str, more)]) == 0
    return target.read_text()


@pytest.fixture(scope="module")
def joint(trio: Trio) -> str:
    """What the filter makes of the trio's calls."""
    return filtered(trio, trio.folder / "filtered.vcf", "--sample-ft")


def info_probabilities(text: str) -> dict[Key, str]:
    """PROB of every scored ALT, from INFO."""
    found: dict[Key, str] = {}
    for line in text.splitlines():
        fields = line.split("\t")
        info = dict(pair.partition("=")[::2] for pair in fields[7].split(";")) if line[0] != "#" else {}
        for alt, probability in zip(fields[4].split(",") if info else (), info.get("PILEUP_PROB", ".").split(","), strict=False):
            if probability != ".":
                found[fields[0], int(fields[1]), fields[3], alt] = probability
    return found


def test_a_lone_sample_has_scores_of_its_own_when_asked(trio: Trio) -> None:
    reads: list[object] = [trio.bam["child"]]
    asked = filtered(trio, trio.folder / "asked.vcf", "-s", "child", "--sample-ft", reads=reads)
    pooled = filtered(trio, trio.folder / "pooled.vcf", "-s", "child", reads=reads)
    own = {allele: probability for allele, (probability, _) in values(asked, "child").items()}
    assert len(own) > 20
    assert info_probabilities(asked) == own
    assert {allele: info_probabilities(pooled)[allele] for allele in own} == own
    assert "PILEUP_STATUS=no_carrier" in asked
    assert values(pooled, "child") == {}


def values(text: str, sample: str) -> dict[Key, tuple[str, str]]:
    """(PROB, AD for the ALT) of every ALT that a sample has a score for, from FORMAT."""
    found: dict[Key, tuple[str, str]] = {}
    columns: list[str] = []
    for line in text.splitlines():
        if line.startswith("#CHROM"):
            columns = line.split("\t")
        if line.startswith("#"):
            continue
        fields = line.split("\t")
        own = dict(zip(fields[8].split(":"), fields[columns.index(sample)].split(":"), strict=True))
        if "PILEUP_PROB" not in own:
            continue
        depth = [*own["PILEUP_AD"].split(","), *["."] * 9][1:]
        for alt, probability, n_alt in zip(fields[4].split(","), own["PILEUP_PROB"].split(","), depth, strict=False):
            if probability != ".":
                found[fields[0], int(fields[1]), fields[3], alt] = (probability, n_alt)
    return found


def info_values(text: str) -> dict[Key, tuple[str, str]]:
    """The same from INFO."""
    found: dict[Key, tuple[str, str]] = {}
    for line in text.splitlines():
        fields = line.split("\t")
        if line.startswith("#") or "PILEUP_PROB" not in fields[7]:
            continue
        own = dict(pair.partition("=")[::2] for pair in fields[7].split(";"))
        columns = (fields[4].split(","), own["PILEUP_PROB"].split(","), own["PILEUP_AD"].split(",")[1:])
        for alt, probability, n_alt in zip(*columns, strict=True):
            found[fields[0], int(fields[1]), fields[3], alt] = (probability, n_alt)
    return found


@pytest.mark.parametrize("sample", NAMES)
def test_each_sample_scores_as_it_does_alone(trio: Trio, joint: str, tmp_path: Path, sample: str) -> None:
    alone = info_values(filtered(trio, tmp_path / "alone.vcf", "-s", sample, reads=[trio.bam[sample]]))
    own = values(joint, sample)
    assert len(own) > 60
    assert {key: alone[key] for key in own} == own
    # ... and has none for what its genotype does not name.
    with pysam.VariantFile(str(trio.calls)) as records:
        carried = {
            (record.contig, record.pos, record.ref, alt)
            for record in records
            for number, alt in enumerate(record.alts, 1)
            if number in record.samples[sample]["GT"]
        }
    assert set(own) == carried & set(alone)


def test_filter_follows_the_best_carrier(joint: str) -> None:
    n_saved = 0
    for line in joint.splitlines():
        if line.startswith("#"):
            continue
        fields = line.split("\t")
        verdicts = [column.split(":")[-1] for column in fields[9:]]
        assert (fields[6] == "PASS") == ("PASS" in verdicts)
        n_saved += fields[6] == "PASS" and any(verdict.startswith("Low") for verdict in verdicts)
    assert n_saved > 0, "no site where one carrier passes and another fails: the test shows too little"


def test_one_file_with_three_read_groups_gives_the_same(trio: Trio, joint: str, tmp_path: Path) -> None:
    together = join(list(trio.bam.values()), tmp_path / "together.bam")
    assert filtered(trio, tmp_path / "out.vcf", "--sample-ft", reads=[together]) == joint


def test_threads_change_nothing(trio: Trio, joint: str, tmp_path: Path) -> None:
    assert filtered(trio, tmp_path / "out.vcf", "--sample-ft", "--threads", 2) == joint


def test_two_files_of_one_sample_are_read_together(trio: Trio, joint: str, tmp_path: Path) -> None:
    halves = [write_bam(tmp_path / f"{half}.bam", [(trio.bam["mother"], half)], "mother") for half in (0, 1)]
    text = filtered(trio, tmp_path / "out.vcf", reads=[*halves, trio.bam["father"], trio.bam["child"]])
    assert values(text, "mother") == values(joint, "mother")
    assert values(text, "child") == values(joint, "child")


def test_samples_without_reads_are_missing_and_fail_nothing(trio: Trio, joint: str, tmp_path: Path) -> None:
    text = filtered(trio, tmp_path / "out.vcf", reads=[trio.bam["mother"]])
    assert values(text, "father") == values(text, "child") == {}
    assert values(text, "mother") == values(joint, "mother")
    for line in text.splitlines():
        fields = line.split("\t")
        if not line.startswith("#") and fields[9].startswith("0/0"):
            assert fields[6:8] == [".", "PILEUP_STATUS=no_carrier"]


def test_one_sample_of_several_with_all_of_their_files(trio: Trio, tmp_path: Path) -> None:
    alone = filtered(trio, tmp_path / "alone.vcf", "-s", "father", reads=[trio.bam["father"]])
    assert filtered(trio, tmp_path / "out.vcf", "-s", "father") == alone
    assert "FORMAT=<ID=PILEUP" not in alone
    two = filtered(trio, tmp_path / "two.vcf", "-s", "child,mother")
    assert len(values(two, "child")) > 60
    assert len(values(two, "mother")) > 60


def test_without_genotypes_every_sample_is_scored(trio: Trio, tmp_path: Path) -> None:
    calls = tmp_path / "calls.vcf"
    lines = trio.calls.read_text().splitlines()
    calls.write_text(
        "\n".join(line if line.startswith("#") else line[: line.rindex("GT")] + "GT\t./.\t.\t./." for line in lines) + "\n"
    )
    text = filtered(trio, tmp_path / "out.vcf", calls=calls)
    of_all = [values(text, name) for name in NAMES]
    assert len(of_all[0]) == len(of_all[1]) == len(of_all[2]) > 100


class TestNames:
    """Whose reads a file holds, where its read groups do not say so in the words of the calls."""

    @pytest.fixture
    def stranger(self, trio: Trio, tmp_path: Path) -> Path:
        """The mother's reads under another name."""
        return write_bam(tmp_path / "stranger.bam", [(trio.bam["mother"], None)], "M-17")

    def test_given_on_the_command_line(self, trio: Trio, joint: str, tmp_path: Path, stranger: Path) -> None:
        reads = [f"mother={stranger}", trio.bam["father"], trio.bam["child"]]
        assert filtered(trio, tmp_path / "out.vcf", "--sample-ft", reads=reads) == joint
        assert filtered(trio, tmp_path / "one.vcf", "-s", "mother", reads=reads[:1])

    @pytest.mark.parametrize("by_file", [False, True])
    def test_given_in_a_map(self, trio: Trio, joint: str, tmp_path: Path, stranger: Path, by_file: bool) -> None:
        table = tmp_path / "map.tsv"
        table.write_text(f"# whose\n{stranger if by_file else 'M-17'}\tmother\nnobody\telse\n")
        reads = [stranger, trio.bam["father"], trio.bam["child"]]
        assert filtered(trio, tmp_path / "out.vcf", "--sample-ft", "--sample-map", table, reads=reads) == joint

    def fails(self, trio: Trio, tmp_path: Path, capsys, code: int, *expected: str, more=(), reads=()) -> None:
        files = [text for path in reads for text in ("-b", str(path))]
        arguments = [
            "filter",
            str(trio.calls),
            *files,
            "-f",
            str(trio.reference),
            "-o",
            str(tmp_path / "out.vcf"),
            *map(str, more),
        ]
        assert run(arguments) == code
        message = capsys.readouterr().err
        assert all(part in message for part in expected), message
        assert not (tmp_path / "out.vcf").exists()

    def test_nobody_known_is_refused(self, trio: Trio, tmp_path: Path, stranger: Path, capsys) -> None:
        expected = ("M-17", "mother, father, child", "-b NAME=FILE", "--sample-map")
        self.fails(trio, tmp_path, capsys, 1, *expected, reads=[stranger])

    def test_a_name_that_the_calls_lack_is_refused(self, trio: Trio, tmp_path: Path, stranger: Path, capsys) -> None:
        self.fails(trio, tmp_path, capsys, 2, "no sample of the calls", "mother", reads=[f"mothr={stranger}"])

    def test_a_map_that_helps_nobody_is_refused(self, trio: Trio, tmp_path: Path, stranger: Path, capsys) -> None:
        table = tmp_path / "map.tsv"
        table.write_text("X\tmother\n")
        self.fails(trio, tmp_path, capsys, 2, "--sample-map", "M-17", more=["--sample-map", table], reads=[stranger])
        table.write_text("X mother\n")
        self.fails(trio, tmp_path, capsys, 2, "line", "a tab", more=["--sample-map", table], reads=[stranger])

    def test_reads_of_others_are_named(self, trio: Trio, tmp_path: Path, stranger: Path, capsys, caplog) -> None:
        reads = [stranger, trio.bam["father"]]
        self.fails(trio, tmp_path, capsys, 1, "reads_left_out", more=["--strict"], reads=reads)
        assert "reads of M-17 are left out" in caplog.text

    def test_a_file_named_with_an_equals_sign(self, trio: Trio, joint: str, tmp_path: Path) -> None:
        odd = write_bam(tmp_path / "mother=x.bam", [(trio.bam["mother"], None)], "mother")
        reads = [odd, trio.bam["father"], trio.bam["child"]]
        assert filtered(trio, tmp_path / "out.vcf", "--sample-ft", reads=reads) == joint


@pytest.fixture(scope="module")
def merged(shared_data: Path, bcftools: str, tmp_path_factory: pytest.TempPathFactory) -> Trio:
    """Two real people, called apart by HaplotypeCaller and merged."""
    sets = {"NA19401": shared_data / "real/na19401-nygc-chr21", "NA12878": shared_data / "real/nygc-chr21b"}
    folder = tmp_path_factory.mktemp("merged")
    calls = {
        sample: {place: alts for place, alts in alleles_of(path / "haplotypecaller.vcf.gz").items()}
        for sample, path in sets.items()
    }
    joint = write_joint(folder / "joint.vcf", sets["NA12878"] / "haplotypecaller.vcf.gz", calls)
    reference = sets["NA19401"] / "reference.fa.gz"
    return Trio(folder, {sample: path / "reads.bam" for sample, path in sets.items()}, reference, joint)


def test_real_people_score_as_they_do_alone(merged: Trio, tmp_path: Path) -> None:
    """Pooled, both of these true calls failed: at 0.21 and 0.27."""
    text = filtered(merged, tmp_path / "out.vcf", reads=list(merged.bam.values()))
    for sample, bam in merged.bam.items():
        alone = info_values(filtered(merged, tmp_path / "alone.vcf", "-s", sample, reads=[bam]))
        own = values(text, sample)
        assert len(own) > 5
        assert {key: alone[key] for key in own} == own
    assert float(values(text, "NA19401")["chr21", 16577346, "ATATAT", "A"][0]) > 0.7
    assert float(values(text, "NA12878")["chr21", 16583167, "A", "C"][0]) > 0.99
    passing = {int(line.split("\t")[1]) for line in text.splitlines() if "\tPASS\t" in line}
    assert {16577346, 16583167} <= passing
