"""`pileup-filter calibrate`: with labels a new checkpoint, without them what each cut would do."""

import dataclasses
import gzip

import numpy as np
import pytest
from call_set_files import line, snv, truth_line, write_files

from vcffilter.calibration.cuts_without_truth import Ratio, cut_rows, unlabelled_calls
from vcffilter.calibration.maps import Calibration
from vcffilter.calibration.recalibration import LabelledLogits, RecalibrationSettings, recalibrate
from vcffilter.commands.main import run
from vcffilter.errors import TrainingError
from vcffilter.labelling.files import read_labels
from vcffilter.models.checkpoint import load_checkpoint
from vcffilter.truth.call_sets import HETEROZYGOUS, HOMOZYGOUS, CalledAllele

SETTINGS = RecalibrationSettings(method="platt", depth_borders=(8,), minimum_examples=100, recalls=(0.99, 0.9))


def examples(n=6000, seed=0):
    """Logits three times too sure; at depths below 8 also too high by 2."""
    rng = np.random.default_rng(seed)
    honest = rng.normal(0.5, 2, n)
    depth = np.where(rng.random(n) < 0.5, 5, 30).astype(np.int32)
    label = (rng.random(n) < 1 / (1 + np.exp(-honest))).astype(np.float32)
    logits = (3 * honest + 2 * (depth < 8)).astype(np.float32)
    return LabelledLogits(logits, label, rng.random(n) < 0.7, np.ones(n, bool), depth, np.arange(n) // 5, logits)


@pytest.fixture(scope="module")
def shipped():
    return load_checkpoint("illumina-germline")


def recalibrated(shipped, data=None, **changes):
    settings = RecalibrationSettings(**{**SETTINGS.__dict__, **changes})
    return recalibrate(shipped, examples() if data is None else data, settings, {"calls": "toy"}, "toy-1")


def test_probabilities_keep_their_word_afterwards(shipped):
    result = recalibrated(shipped)
    quality = {row.group: row for row in result.quality}
    for group in ("all", "snv", "indel", "hard_depth_1_7", "hard_depth_21_plus"):
        assert quality[group].error_after < 0.03
        assert quality[group].error_after < quality[group].error_before
    calibration = Calibration.from_json(result.metadata.calibration)
    assert calibration.depth_borders == (8,)
    other = examples(seed=1)
    claimed = calibration.probabilities(other.logits, other.is_snv, other.depth)
    for band in (other.depth < 8, other.depth >= 8):
        assert abs(claimed[band].mean() - other.label[band].mean()) < 0.02


def test_operating_points_do_what_they_say(shipped):
    metadata = recalibrated(shipped, precisions=(0.9,)).metadata
    data = examples()
    claimed = Calibration.from_json(metadata.calibration).probabilities(data.logits, data.is_snv, data.depth).round(4)
    for point in metadata.operating_points:
        for name, of_type in (("snv", data.is_snv), ("indel", ~data.is_snv)):
            kept = claimed[of_type] >= point["thresholds"][name]
            true = data.label[of_type] > 0.5
            if "target_recall" in point:
                assert kept[true].mean() >= point["target_recall"]
            else:
                assert true[kept].mean() >= point["target_precision"]
    assert [point["name"] for point in metadata.operating_points] == ["recall_0.99", "recall_0.9", "precision_0.9"]


def test_presets_come_from_the_labels_and_not_from_the_old_card(shipped):
    data = examples()
    metadata = recalibrated(shipped, data).metadata
    presets = metadata.presets["presets"]
    assert list(presets) == ["sensitive", "balanced", "strict"]
    assert metadata.thresholds == presets["balanced"]["thresholds"]
    # These probabilities keep their word: theory's cuts, or near them.
    assert all(abs(cut - 0.2) < 0.1 for cut in metadata.thresholds.values())
    (row,) = (row for row in presets["strict"]["measured"] if row["depth"] == "any")
    assert row["n_true"] == (data.label > 0.5).sum()
    assert row["true_lost"] / row["n_true"] > 0.2
    (mild,) = (row for row in presets["sensitive"]["measured"] if row["depth"] == "any")
    assert row["false_removed"] > mild["false_removed"] + 500
    median = np.median(data.depth[data.label > 0.5])
    assert all(point["depth"]["median"] == median for point in metadata.operating_points if "target_recall" in point)


def test_a_share_to_keep_can_be_asked_for(shipped):
    data = examples()
    metadata = recalibrated(shipped, data, recall_snv=0.997).metadata
    claimed = Calibration.from_json(metadata.calibration).probabilities(data.logits, data.is_snv, data.depth).round(4)
    true = (data.label > 0.5) & data.is_snv
    assert (claimed[true] >= metadata.thresholds["snv"]).mean() > 0.99
    assert metadata.thresholds["snv"] < 0.1 < metadata.thresholds["indel"]


def test_labels_without_truth_are_a_limit_of_the_card(shipped):
    metadata = recalibrate(shipped, examples(), SETTINGS, {}, "toy-1", without_truth=True).metadata
    assert metadata.limits[0].startswith("No truth: calibrated on labels from resources and reads")
    assert metadata.limits[1:] == recalibrated(shipped).metadata.limits == shipped.metadata.limits


def test_a_precision_out_of_reach_is_left_out(shipped, caplog):
    caplog.set_level("WARNING", "vcffilter")
    data = examples()
    label = np.where(data.is_snv, data.label, data.logits < -5).astype(np.float32)  # the better the score, the falser
    data = dataclasses.replace(data, label=label)
    metadata = recalibrated(shipped, data, precisions=(0.999,)).metadata
    assert all("target_precision" not in point for point in metadata.operating_points)
    assert "0.999" in caplog.text


def test_one_class_cannot_calibrate(shipped):
    data = examples()
    data = dataclasses.replace(data, label=np.ones_like(data.label))
    with pytest.raises(TrainingError, match="all true"):
        recalibrated(shipped, data)


def probabilities_of(path):
    """(POS, REF, ALT) -> PILEUP_PROB of a filtered VCF with one ALT per record."""
    found = {}
    with gzip.open(path, "rt") as lines:
        for text in lines:
            if not text.startswith("#"):
                fields = text.split("\t")
                info = dict(entry.partition("=")[::2] for entry in fields[7].split(";"))
                for alt, value in zip(fields[4].split(","), info.get("PILEUP_PROB", "").split(","), strict=False):
                    if value not in ("", "."):
                        found[int(fields[1]), fields[3], alt] = float(value)
    return found


def test_the_new_checkpoint_serves_the_filter(simulated, tmp_path, capfd, caplog):
    files = simulated.files
    inputs = [str(files.calls), "-b", str(files.reads), "-f", str(files.reference)]
    new = tmp_path / "new.safetensors"
    arguments = [*inputs, "--labels", str(files.labels), "--target-recall", "0.85", "--out", str(new)]
    assert run(["calibrate", *arguments]) == 0
    assert "| recall_0.85" in capfd.readouterr().out
    assert f"written: {new}, and its card {new.with_suffix('.md')}" in caplog.text
    checkpoint, old = load_checkpoint(new), load_checkpoint("illumina-germline")
    assert checkpoint.metadata.model_id == f"{old.metadata.model_id}-calibrated"
    assert all((checkpoint.tensors[name] == tensor).all() for name, tensor in old.tensors.items())
    assert old.sha256 in new.with_suffix(".md").read_text()
    filtered = tmp_path / "filtered.vcf.gz"
    options = ["--model", str(new), "--target-recall", "0.85", "-o", str(filtered), "-q", "--threads", "1"]
    assert run(["filter", *inputs, *options]) == 0
    point = next(row for row in checkpoint.metadata.operating_points if row["name"] == "recall_0.85")
    labels = read_labels(files.labels)
    found = probabilities_of(filtered)
    true = {(pos1, ref, alt) for (_, pos1, ref, alt), label in labels.items() if label == "TP"} & set(found)
    snvs = [found[key] for key in true if len(key[1]) == len(key[2]) == 1]
    assert len(snvs) > 30
    assert np.mean(np.array(snvs) >= point["thresholds"]["snv"]) >= 0.85
    # The truth itself, instead of labels made from it, gives the same checkpoint but for the name of the file.
    again = tmp_path / "again.safetensors"
    truth = ["--truth", str(files.truth), "--confident", str(files.confident)]
    arguments = [*inputs, *truth, "--target-recall", "0.85", "--output", str(again), "-q"]
    assert run(["calibrate", *arguments]) == 0
    assert load_checkpoint(again).metadata.operating_points == checkpoint.metadata.operating_points


def cut_cells(capfd) -> list[list[str]]:
    lines = capfd.readouterr().out.splitlines()
    return [[cell.strip() for cell in text.split("|")[1:-1]] for text in lines if text.startswith(("| snv", "| indel"))]


def test_without_truth_the_cuts_are_shown(simulated, tmp_path, capfd):
    files = simulated.files
    assert run(["calibrate", str(files.calls), "-b", str(files.reads), "-f", str(files.reference), "-q"]) == 0
    scored = cut_cells(capfd)
    own = load_checkpoint("illumina-germline").metadata.thresholds["snv"]
    assert ["snv", f"{own:.4f} (default)"] in [row[:2] for row in scored]
    kept = [row[:1] + row[2:3] for row in scored if "default" not in row[1]]
    assert all(kept.count(one) == 1 for one in kept)  # no threshold that keeps what another one keeps
    filtered = tmp_path / "filtered.vcf.gz"
    reads = ["-b", str(files.reads), "-f", str(files.reference)]
    assert run(["filter", str(files.calls), *reads, "-o", str(filtered), "-q", "--threads", "1"]) == 0
    assert run(["calibrate", str(filtered)]) == 0
    written = cut_cells(capfd)
    assert ["snv", f"{own:.4f} (in force)"] in [row[:2] for row in written]
    without_own = [row for row in scored if "default" not in row[1]]
    assert [row for row in without_own if row in written] == without_own


def test_ratios_by_hand():
    def call(ref, alt, probability, zygosity):
        return CalledAllele("one", 11, ref, alt, 1, 1, True, probability, 30, 50.0, zygosity)

    calls = [
        call("A", "G", 0.99, HETEROZYGOUS),
        call("C", "T", 0.9, HOMOZYGOUS),
        call("A", "C", 0.8, HETEROZYGOUS),
        call("G", "T", 0.01, HETEROZYGOUS),
        call("G", "GA", 0.9, HETEROZYGOUS),
        call("GA", "G", 0.7, HOMOZYGOUS),
        call("GAA", "G", float("nan"), HOMOZYGOUS),
    ]
    rows = cut_rows(unlabelled_calls(calls, np.array([one.probability for one in calls])), {"snv": 0.85})
    at = {(row.type, row.threshold): row for row in rows}
    assert list(at) == [("snv", cut) for cut in (0.0, 0.02, 0.85, 0.95, 0.995)] + [("indel", cut) for cut in (0.0, 0.8, 0.95)]
    assert [row.threshold for row in rows if row.is_default] == [0.85]
    half = at["snv", 0.02]
    assert (half.n_kept, half.n_removed, half.ti_tv_kept, half.ti_tv_removed, half.het_hom_kept) == (3, 1, (2, 1), (0, 1), (2, 1))
    assert half.predicted_precision == pytest.approx((0.99 + 0.9 + 0.8) / 3)
    assert half.predicted_recall == pytest.approx(2.69 / 2.70)
    assert at["snv", 0.85].n_kept == 2
    assert at["indel", 0.0].n_kept == 2
    assert at["indel", 0.0].insertion_deletion_kept.value == 1.0
    assert at["indel", 0.8].insertion_deletion_kept.value is None
    assert [str(Ratio(*counts)) for counts in ((0, 0), (3, 0), (8, 2), (80, 20))] == ["-", "3/0", "4.00 (8/2)", "4.00"]


@pytest.mark.parametrize(
    "wrong",
    [
        [],  # no probabilities, no reads
        ["--output", "x.safetensors"],
        ["--labels", "l.tsv", "--truth", "t.vcf", "--output", "x.safetensors"],
        ["--labels", "l.tsv"],
        ["--labels", "l.tsv", "--output", "x.safetensors"],  # no reads
        ["--labels", "l.tsv", "--output", "x.bin", "-b", "r.bam", "-f", "r.fa"],
        ["--depth-borders", "21,8"],
    ],
)
def test_what_cannot_be_is_a_usage_error(tmp_path, wrong):
    files = write_files(tmp_path, [line(snv(50), probability=None)], [truth_line(snv(50))])
    text = files.calls.read_text()
    files.calls.write_text("".join(part for part in text.splitlines(keepends=True) if "ID=PILEUP" not in part))
    assert run(["calibrate", str(files.calls), *wrong]) == 2


def test_a_checkpoint_that_got_worse_is_not_written(simulated, tmp_path, capfd):
    """Three true and three false calls, which the model gets right: whatever they teach is less than it knew."""
    files = simulated.files
    rows = {"TP": [], "FP": []}
    for (contig, pos1, ref, alt), label in read_labels(files.labels).items():
        rows.setdefault(label, []).append(f"{contig}\t{pos1}\t{ref}\t{alt}\t{label}\n")
    labels = tmp_path / "labels.tsv"
    labels.write_text("".join(rows["TP"][:3] + rows["FP"][:3]))
    new = tmp_path / "new.safetensors"
    inputs = [str(files.calls), "-b", str(files.reads), "-f", str(files.reference), "--labels", str(labels), "--output", str(new)]
    assert run(["calibrate", *inputs, "-q"]) == 1
    out, err = capfd.readouterr()
    assert "| all " in out
    assert "log loss got worse" in err
    assert "--force" in err
    assert not new.exists()
    assert not new.with_suffix(".md").exists()
    assert run(["calibrate", *inputs, "-q", "--force"]) == 0
    assert load_checkpoint(new).metadata.model_id.endswith("-calibrated")
