"""The weights of two stages that ship, through every command: what each says of them is what the filter wrote."""

from __future__ import annotations

import contextlib
import json
import re
import tarfile
from dataclasses import dataclass
from pathlib import Path

import pysam
import pytest

from vcffilter.commands.main import run
from vcffilter.models.checkpoint import load_checkpoint
from vcffilter.pictures.selection import CallFile
from vcffilter.review.answers import fact_rows
from vcffilter.review.call_index import CallIndex, Wanted, index_calls
from vcffilter.review.verdict_store import VerdictStore
from vcffilter.simulation.sample import SampleFiles, SampleReport, simulate_sample
from vcffilter.simulation.settings import preset, with_options

MODEL = "illumina-pileup"


@dataclass(frozen=True)
class Filtered:
    """A filtered file and what --summary says of the run."""

    path: Path
    summary: dict

    def calls(self, stage: str | None = None) -> dict[str, float]:
        """Log-odds by CHROM:POS of biallelic calls, no MNPs (whose score may be that of their parts)."""
        with pysam.VariantFile(str(self.path)) as records:
            return {
                f"{record.contig}:{record.pos}": record.info["PILEUP_SCORE"]
                for record in records
                if len(record.alts) == 1 and (len(record.ref) != len(record.alts[0]) or len(record.ref) == 1)
                and record.info.get("PILEUP_STAGE", ".")[0] in ((stage,) if stage else ("trees", "network"))
            }  # fmt: skip


def files_of(files: SampleFiles) -> list[str]:
    return ["-b", str(files.reads), "-f", str(files.reference)]


def filtered(files: SampleFiles, folder: Path, *more: str, model: str = MODEL) -> Filtered:
    path, summary = folder / "filtered.vcf.gz", folder / "summary.json"
    arguments = ["filter", str(files.calls), *files_of(files), "--model", model, "-q", "--summary", str(summary)]
    assert run([*arguments, *more, "-Oz", "-o", str(path)]) == 0
    return Filtered(path, json.loads(summary.read_text()))


def explained(capsys: pytest.CaptureFixture, files: SampleFiles, found: Filtered, places: list[str]) -> dict[str, dict]:
    """By CHROM:POS, of a file that says which model filtered it."""
    capsys.readouterr()
    assert run(["explain", str(found.path), *files_of(files), "--json", "-q", *places]) == 0
    every = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert len(every) == len(places)
    return dict(zip(places, every, strict=True))


@pytest.fixture(scope="module")
def files(simulated: SampleReport) -> SampleFiles:
    return simulated.files


@pytest.fixture(scope="module")
def both(files: SampleFiles, tmp_path_factory: pytest.TempPathFactory) -> Filtered:
    return filtered(files, tmp_path_factory.mktemp("both"))


@pytest.fixture(scope="module")
def trees(files: SampleFiles, tmp_path_factory: pytest.TempPathFactory) -> Filtered:
    return filtered(files, tmp_path_factory.mktemp("trees"), "--stage", "trees")


def test_explain_explains_what_was_written_whichever_stage_decided(files, both, capsys):
    """The reads of the phase of a call lie further around than those over it."""
    by_trees, by_network = list(both.calls("trees"))[:1], list(both.calls("network"))[:1]
    assert len(by_trees) == len(by_network) == 1
    for place, found in explained(capsys, files, both, by_trees + by_network).items():
        assert found["log_odds"] == pytest.approx(both.calls()[place], abs=2e-4)
        names = {fact["name"] for fact in found["facts"]}
        assert any(name.startswith("reads:") for name in names) == (place in by_network)


@pytest.mark.long
def test_explain_explains_the_trees_where_they_alone_decided(files, both, trees, capsys):
    by_network = list(both.calls("network"))[:3]
    for place, found in explained(capsys, files, trees, by_network).items():
        assert found["log_odds"] == pytest.approx(trees.calls()[place], abs=2e-4)
        assert trees.calls()[place] != both.calls()[place]


def test_show_says_which_stage_decided(files, both, capsys):
    place = next(iter(both.calls("network")))
    assert run(["show", str(both.path), *files_of(files), place]) == 0
    assert "; decided by the network" in capsys.readouterr().out


@pytest.mark.long
def test_the_report_counts_both_stages(both, tmp_path):
    page, numbers = tmp_path / "report.html", tmp_path / "report.json"
    assert run(["report", str(both.path), "-o", str(page), "--json", str(numbers)]) == 0
    by_stage = json.loads(numbers.read_text())["by_stage"]
    assert {name: sum(counts.values()) for name, counts in by_stage.items()} == both.summary["stages"]
    assert re.search(r">Decided by</th>.*>trees</th><td>\d+</td>.*>network</th>", page.read_text(), re.DOTALL)


def test_the_page_of_review_says_which_stage_decided(both, tmp_path):
    with contextlib.closing(VerdictStore(tmp_path / "verdicts")):
        index_calls(CallFile(str(both.path)), tmp_path / "index")
        with contextlib.closing(CallIndex(tmp_path / "index", tmp_path / "verdicts")) as index:
            told = [dict(fact_rows(index.call(number + 1))).get("Decided by") for number in range(index.count(Wanted()))]
    assert {stage: told.count(stage) for stage in ("trees", "network")} == both.summary["stages"]


@pytest.mark.long
def test_the_report_of_a_model_of_one_stage_speaks_of_none(files, tmp_path):
    numbers = tmp_path / "report.json"
    found = filtered(files, tmp_path, model="illumina-germline")
    assert run(["report", str(found.path), "-o", str(tmp_path / "report.html"), "--json", str(numbers)]) == 0
    assert "by_stage" not in json.loads(numbers.read_text())
    assert "Decided by" not in (tmp_path / "report.html").read_text()


@pytest.mark.long
def test_a_test_case_names_the_model_that_scores_it(files, both, tmp_path):
    place, archive = next(iter(both.calls("network"))), tmp_path / "case.tar.gz"
    for model, named in ((MODEL, MODEL), ("auto", "illumina-germline")):
        assert run(["testcase", str(both.path), place, *files_of(files), "--model", model, "-o", str(archive)]) == 0
        with tarfile.open(archive) as content:
            content.extractall(tmp_path / named, filter="data")
        folder = tmp_path / named / "testcase"
        assert f" -f reference.fa --model {named} --reasons\n" in (folder / "README.txt").read_text()
    case = tmp_path / MODEL / "testcase"
    given = ["-b", str(case / "reads1.bam"), "-f", str(case / "reference.fa"), "--model", MODEL]
    assert run(["filter", str(case / "calls.vcf"), *given, "-q", "-o", str(tmp_path / "again.vcf")]) == 0
    pos1 = int(json.loads((case / "testcase.json").read_text())["place"].rpartition(":")[2])
    with pysam.VariantFile(str(tmp_path / "again.vcf")) as records:
        (record,) = (record for record in records if record.pos == pos1)
    assert record.info["PILEUP_SCORE"] == pytest.approx(both.calls()[place], abs=1e-4)
    assert record.info["PILEUP_STAGE"] == ("network",)


def test_check_names_both_stages(files, capsys):
    assert run(["check", str(files.calls), *files_of(files), "--model", MODEL]) == 0
    assert f"model:     {MODEL}, trained on illumina reads" in capsys.readouterr().out


@pytest.mark.long
@pytest.mark.parametrize("model", [MODEL, "auto"])
def test_calibrated_anew_it_keeps_its_stages(files, both, tmp_path, model, capsys):
    new = tmp_path / "new.safetensors"
    labels = ["--labels", str(files.calls.parent / "calls.labels.tsv")]
    assert run(["calibrate", str(files.calls), *files_of(files), *labels, "--model", model, "-q", "-o", str(new)]) == 0
    if model == "auto":
        assert load_checkpoint(str(new)).metadata.model_id == "illumina-germline-calibrated"
        return
    by_stage = {stage: filtered(files, tmp_path, "--stage", stage, model=str(new)) for stage in ("both", "trees")}
    assert by_stage["both"].summary["stages"] == both.summary["stages"]
    assert by_stage["trees"].summary["stages"]["network"] == 0
    moved = [place for place, log_odds in by_stage["both"].calls().items() if log_odds != both.calls()[place]]
    assert len(moved) > 0.9 * len(both.calls())


@pytest.mark.long
def test_of_several_samples_the_site_has_the_stage_of_its_best_carrier(files, both, tmp_path):
    """Two samples: one with all reads, one with a third of its fragments."""
    sparse = tmp_path / "sparse.bam"
    with pysam.AlignmentFile(str(files.reads)) as source:
        header = source.header.to_dict() | {"RG": [{"ID": "sparse", "SM": "sparse"}]}
        with pysam.AlignmentFile(str(sparse), "wb", header=header) as target:
            for read in source:
                if sum(read.query_name.encode()) % 3 == 0:
                    read.set_tag("RG", "sparse")
                    target.write(pysam.AlignedSegment.from_dict(read.to_dict(), target.header))
    pysam.index(str(sparse))
    lines = pysam.VariantFile(str(files.calls))
    calls = {name: tmp_path / f"{name}.vcf" for name in ("SIM", "sparse", "joint")}
    head = str(lines.header).splitlines()
    rows = [str(record).rstrip("\n").split("\t") for record in lines]
    for name, path in calls.items():
        names = ("SIM", "sparse") if name == "joint" else (name,)
        fields = ["\t".join([*row[:9], *([row[9]] * len(names))]) for row in rows]
        path.write_text("\n".join([*head[:-1], "\t".join([*head[-1].split("\t")[:9], *names]), *fields]) + "\n")
    reads = {"SIM": ["-b", str(files.reads)], "sparse": ["-b", str(sparse)]}
    reads["joint"] = [*reads["SIM"], *reads["sparse"]]
    found = {}
    for name, path in calls.items():
        out = tmp_path / f"{name}.out.vcf"
        asked = ["filter", str(path), *reads[name], "-f", str(files.reference), "--model", MODEL, "-q", "-o", str(out)]
        assert run(asked) == 0
        with pysam.VariantFile(str(out)) as records:
            found[name] = [
                list(zip(record.info.get("PILEUP_PROB", ()), record.info.get("PILEUP_STAGE", ()), strict=True))
                for record in records
            ]
    n_moved = 0
    for joint, whole, few in zip(found["joint"], found["SIM"], found["sparse"], strict=True):
        for site, one, other in zip(joint, whole, few or [(-1.0, ".")] * len(whole), strict=True):
            if site[0] is None:  # neither carries it
                continue
            best = max(one, other, key=lambda sample: -1.0 if sample[0] is None else sample[0])
            assert site == best
            n_moved += one[1] != other[1]
    assert n_moved > 5


@pytest.mark.long
@pytest.mark.parametrize(("sample", "model"), [("hifi", "hifi-pileup"), ("ont", "ont-pileup")])
def test_long_reads_are_filtered_and_explained(tmp_path, capsys, sample, model):
    made = simulate_sample(tmp_path / "reads", with_options(preset(sample), seed=3, length=20_000, variant_rate=1 / 300)).files
    found = filtered(made, tmp_path, model=model)
    assert found.summary["stages"]["network"] > 0
    places = [*list(found.calls("trees"))[:2], *list(found.calls("network"))[:2]]
    for place, one in explained(capsys, made, found, places).items():
        assert one["log_odds"] == pytest.approx(found.calls()[place], abs=2e-4)


@pytest.mark.long
def test_weights_of_both_stages_are_fine_tuned(files, tmp_path, capsys, caplog):
    """The trees stay, the network learns; what comes out has both stages, and explains itself by the same trees' counts."""
    examples = tmp_path / "examples.h5"
    labels = ["--labels", str(files.calls.parent / "calls.labels.tsv"), "-q"]
    for number, more in enumerate(([], ["--append"])):
        named = ["--set", f"set{number}", "--model", MODEL, *more, "-o", str(examples)]
        assert run(["examples", str(files.calls), *files_of(files), *labels, *named]) == 0
    config = tmp_path / "train.yaml"
    fit = {"epochs": 1, "threads": 1}
    config.write_text(json.dumps({"model_id": "tuned", "data": [str(examples)], "validation": {"sets": ["set1"]}, "fit": fit}))
    assert run(["train", str(config), "-q", "--init", MODEL, "-o", str(tmp_path / "run")]) == 0
    tuned = tmp_path / "run" / "tuned.safetensors"
    before, after = load_checkpoint(MODEL), load_checkpoint(str(tuned))
    changed = {name for name, tensor in after.tensors.items() if not tensor.equal(before.tensors[name])}
    assert changed
    assert all(name.startswith("second.") for name in changed)
    found = filtered(files, tmp_path, model=str(tuned))
    assert found.summary["stages"]["network"] > 10
    place = next(iter(found.calls("network")))
    capsys.readouterr()
    assert run(["explain", str(found.path), *files_of(files), "--model", str(tuned), "--json", place]) == 0
    assert json.loads(capsys.readouterr().out)["log_odds"] == pytest.approx(found.calls()[place], abs=2e-4)
    assert f"that {MODEL} grew on" in caplog.text
