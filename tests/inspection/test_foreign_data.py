"""Data unlike the model's: by the reads' platform, by site features, in summary and header; and the model that reads choose."""

from __future__ import annotations

import json
from types import SimpleNamespace

import numpy as np
import pysam
import pytest

from vcffilter.commands.main import run
from vcffilter.errors import ModelError
from vcffilter.inspection.foreign_data import ForeignFeatures
from vcffilter.inspection.model_choice import choose_model, platform_warning
from vcffilter.inspection.read_facts import PLATFORMS, ReadFacts, facts_of, read_facts
from vcffilter.models.checkpoint import WEIGHTS_DIR, available_weights, load_checkpoint
from vcffilter.models.training_ranges import TrainingRanges, ranges_path, shipped_platforms, training_ranges

ILLUMINA = ReadFacts(1000, 150, 1.0, 0.0, 0.3)
HIFI = ReadFacts(500, 16_000, 0.0, 0.0, 2.0)
ONT = ReadFacts(500, 30_000, 0.0, 0.0, 6.5)
RNA = ReadFacts(1000, 76, 1.0, 0.2, 0.3)
NAMES = [f"f{i}" for i in range(8)]
RANGES = TrainingRanges("illumina", {name: (0.0, 1.0) for name in NAMES}, {})


def judged(n_outside: int, n_alts: int = 200) -> ForeignFeatures:
    features = np.full((n_alts, 8), 0.5, np.float32)
    features[:, :n_outside] = 2.0
    judge = ForeignFeatures(RANGES, NAMES)
    for part in np.array_split(features, 3):
        judge.saw(part)
    return judge


@pytest.mark.parametrize(("n_outside", "warns"), [(0, False), (2, False), (3, True), (8, True)])
def test_three_features_outside_are_foreign(n_outside, warns):
    judge = judged(n_outside)
    assert judge.unlike() == NAMES[:n_outside]
    warning = judge.warning("m", "Do this")
    assert (warning is not None) == warns
    if warning is not None:
        assert f"{n_outside} of 8 facts about the first 200 ALTs" in warning.text
        assert "f0, f1, f2" in warning.text
    assert judge.n_outside == (200 if n_outside >= 5 else 0)


def test_few_alts_are_no_evidence():
    assert judged(8, n_alts=30).warning("m", "") is None


def test_features_without_a_range_are_left_out():
    judge = ForeignFeatures(RANGES, ["other", *NAMES])
    judge.saw(np.full((60, 9), 9.0, np.float32))
    assert judge.unlike() == NAMES


def test_the_median_counts_and_the_ends_are_within():
    judge = ForeignFeatures(RANGES, NAMES)
    judge.saw(np.concatenate([np.zeros((60, 8)), np.ones((60, 8)), np.full((59, 8), 50)]).astype(np.float32))
    assert judge.unlike() == []
    assert judge.n_outside == 59


@pytest.mark.parametrize(("facts", "platform"), [(ILLUMINA, "illumina"), (HIFI, "hifi"), (ONT, "ont"), (RNA, "rna")])
def test_platforms(facts, platform):
    assert facts.platform == platform
    warning = platform_warning({"r.bam": facts}, RANGES, "illumina-germline")
    assert (warning is None) == (platform == "illumina")
    if platform == "hifi":
        assert warning.hint == "Use --model hifi-germline"
    if platform == "rna":
        assert "No model that ships was trained on such data" in warning.hint
        assert "20% spliced" in warning.text


@pytest.mark.parametrize(("indels_per_kb", "warns"), [(6.5, False), (18.0, False), (32.0, True)])
def test_another_chemistry_of_the_platform(indels_per_kb, warns):
    ranges = TrainingRanges("ont", {}, {"indels_per_kb": (6.4, 6.5)})
    facts = {"r.bam": ReadFacts(500, 30_000, 0.0, 0.0, indels_per_kb)}
    warning = platform_warning(facts, ranges, "ont-germline")
    assert (warning is not None) == warns
    if warning is not None:
        assert "32.0 indels per kb; the model ont-germline is for reads with at most 6.5" in warning.text
        assert "No model that ships" in warning.hint
    assert platform_warning(facts, TrainingRanges("ont", {}, {}), "older") is None


def test_the_reads_choose_the_model():
    assert choose_model({"a": ILLUMINA, "b": ILLUMINA}) == "illumina-germline"
    assert choose_model({"a": HIFI}) == "hifi-germline"
    assert choose_model({"a": ONT}) == "ont-germline"
    with pytest.raises(ModelError, match="no model that ships was trained on such reads: spliced"):
        choose_model({"a": RNA})
    with pytest.raises(ModelError, match="no model can be chosen"):
        choose_model({"a": HIFI, "b": ILLUMINA})
    with pytest.raises(ModelError, match="no mapped reads"):
        choose_model({})


def test_trees_alone_are_chosen_whatever_the_order_of_names(monkeypatch):
    names = dict(sorted(shipped_platforms().items(), reverse=True))
    assert next(name for name, platform in names.items() if platform == "illumina") == "illumina-pileup"
    monkeypatch.setattr("vcffilter.inspection.model_choice.shipped_platforms", lambda: names)
    assert choose_model({"a": ILLUMINA}) == "illumina-germline"


@pytest.mark.parametrize("name", available_weights())
def test_every_model_that_ships_has_ranges(name):
    checkpoint = load_checkpoint(name)
    ranges = training_ranges(checkpoint.metadata, checkpoint.path)
    assert ranges is not None
    assert ranges.platform in PLATFORMS
    assert set(checkpoint.metadata.encoder.features) <= set(ranges.features)
    assert all(low <= high for low, high in ranges.features.values())
    assert name in shipped_platforms()


def test_ranges_in_the_metadata_come_first():
    text = json.loads(ranges_path(WEIGHTS_DIR / "hifi-germline.safetensors").read_text())
    metadata = SimpleNamespace(training={"ranges": {**text, "platform": "ont"}})
    path = str(WEIGHTS_DIR / "hifi-germline.safetensors")
    assert training_ranges(metadata, path).platform == "ont"
    assert training_ranges(SimpleNamespace(training={}), path).platform == "hifi"
    assert training_ranges(SimpleNamespace(training={}), "elsewhere.safetensors") is None
    for wrong in ({}, {**text, "features": {"a": 1}}, []):
        with pytest.raises(ModelError, match="ranges of the training data"):
            training_ranges(SimpleNamespace(training={"ranges": wrong}), "x")


def test_facts_of_simulated_reads(simulated):
    facts = read_facts(str(simulated.files.reads), str(simulated.files.reference))
    assert facts.platform == "illumina"
    assert facts.n_reads > 500
    assert 0.9 < facts.paired_share <= 1
    assert facts_of([]) is None


def test_spliced_reads_are_found_in_a_slice_whose_first_gene_has_no_intron(tmp_path):
    path = tmp_path / "rna.bam"
    header = {"HD": {"VN": "1.6", "SO": "coordinate"}, "SQ": [{"SN": "1", "LN": 100_000_000}]}
    with pysam.AlignmentFile(str(path), "wb", header=header) as target:
        for number in range(1000):
            read = pysam.AlignedSegment(target.header)
            read.query_name, read.flag, read.reference_id, read.mapping_quality = f"r{number}", 0, 0, 60
            read.reference_start = 20_000_000 + 10 * number
            read.query_sequence, read.query_qualities = "A" * 76, [30] * 76
            read.cigarstring = "40M900N36M" if number > 600 else "76M"
            target.write(read)
    pysam.index(str(path))
    facts = read_facts(str(path), str(tmp_path / "none.fa"))
    assert facts.platform == "rna"
    assert facts.spliced_share == pytest.approx(0.399)


def test_reads_are_taken_once_and_from_many_places(simulated):
    """All of 4,430 reads where the file holds fewer than are wanted; here the first of each place."""
    with pysam.AlignmentFile(str(simulated.files.reads)) as alignments:
        from vcffilter.inspection.read_facts import _spread_reads

        reads = [(read.query_name, read.flag) for read in _spread_reads(alignments)]
    assert len(reads) == len(set(reads))


@pytest.fixture
def hifi(shared_data):
    return shared_data / "real" / "chm13-hifi-chr20"


def test_long_reads_with_the_default_model_are_warned_of(hifi, tmp_path, caplog):
    out, summary = tmp_path / "o.vcf", tmp_path / "s.json"
    common = ["-b", hifi / "reads.bam", "-f", hifi / "reference.fa.gz", "-o", out, "--summary", summary]
    assert run(["filter", *map(str, [hifi / "haplotypecaller-sensitive.vcf.gz", *common])]) == 0
    assert "long reads of few errors (PacBio HiFi), median length 20623, 0% paired" in caplog.text
    assert "Use --model hifi-germline" in caplog.text
    assert out.read_text().count("##vcffilter_filterWarning=foreign_data") == 1
    data = json.loads(summary.read_text())["data"]
    assert len(data["unlike_features"]) >= 5
    assert data["alleles_outside_training_share"] > 0.9


@pytest.mark.parametrize(("name", "warned"), [("ont-r10-chr20", False), ("hg002-ont-r94-chr20-59m", True)])
def test_auto_takes_the_ont_model_and_warns_of_r9(shared_data, tmp_path, caplog, name, warned):
    folder, summary = shared_data / "real" / name, tmp_path / "s.json"
    files = [folder / "bcftools.vcf.gz", "-b", folder / "reads.bam", "-f", folder / "reference.fa.gz"]
    assert run(["filter", *map(str, [*files, "--model", "auto", "--summary", summary, "-o", tmp_path / "o.vcf"])]) == 0
    assert json.loads(summary.read_text())["model"]["id"].startswith("ont-germline")
    assert ("No model that ships was trained on such data" in caplog.text) == warned


def test_auto_takes_the_model_that_fits(hifi, tmp_path):
    out, summary = tmp_path / "o.vcf", tmp_path / "s.json"
    common = ["-b", hifi / "reads.bam", "-f", hifi / "reference.fa.gz", "-o", out, "--summary", summary, "--model", "auto"]
    assert run(["filter", *map(str, [hifi / "haplotypecaller.vcf.gz", *common])]) == 0
    assert json.loads(summary.read_text())["model"]["id"].startswith("hifi-germline")
    assert "filterWarning" not in out.read_text()
