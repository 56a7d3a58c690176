"""Networks explained: gradients that add up, Grad-CAM as it is defined, leaving out as a BAM without it gives it."""

from __future__ import annotations

import json
import re
import subprocess
import xml.etree.ElementTree as ElementTree

import numpy as np
import pysam
import pytest
import torch

from vcffilter.commands.main import run
from vcffilter.encoding.encoder import ENCODER_VERSION
from vcffilter.errors import ModelError
from vcffilter.explanation.bedgraph import ColumnValues
from vcffilter.explanation.saliency import TOLERANCE, Baseline, baseline_of, check_differentiable, grad_cam, integrated_gradients
from vcffilter.kernels.encode import FEATURE_NAMES
from vcffilter.kernels.tensor import CHANNEL_NAMES
from vcffilter.models.checkpoint import load_checkpoint, save_checkpoint
from vcffilter.models.encoder_spec import EncoderSpec
from vcffilter.models.ensemble import combine
from vcffilter.models.metadata import CheckpointMetadata
from vcffilter.models.registry import build, config_to_json
from vcffilter.pictures.heat import heat_of, read_of_each_row
from vcffilter.pictures.painter import PileupSource
from vcffilter.pictures.pileup import pileup_of
from vcffilter.pictures.selection import CallFile
from vcffilter.scoring.network import one_intra_op_thread

SPEC = EncoderSpec(ENCODER_VERSION, FEATURE_NAMES[:6], CHANNEL_NAMES, 13, 15)
SMALL = {
    "read_set": {"hidden": (8,)},
    "read_attention": {"width": 8, "heads": 2, "hidden": (8,)},
    "read_contrast": {"width": 6, "filters": 4, "kernel": 3, "hidden": (8,), "site_features": True},
    "cnn2d": {"widths": (6, 8), "hidden": (8,)},
    "wide_resnet": {"stem": 6, "widths": (6, 8), "blocks": 1, "hidden": (8,)},
    "timm:resnet10t": {"hidden": (8,), "minimum_size": 32},
}
#: Networks whose last map has rows and columns.
WITH_MAPS = ("cnn2d", "read_contrast", "wide_resnet", "timm:resnet10t")


@pytest.fixture(scope="module", autouse=True)
def _one_thread():
    with one_intra_op_thread():
        yield


def arrays(n, spec=SPEC, seed=3):
    """Features and tensors as the encoder makes them: per-read channels alike along a row, the last rows empty."""
    rng = np.random.default_rng(seed)
    features = rng.gamma(1.0, 3.0, (n, spec.n_features)).astype(np.float32)
    reads = np.repeat(rng.integers(1, 255, (n, spec.rows, 1, spec.n_channels), dtype=np.uint8), spec.columns, axis=2)
    reads[:, :, :, :4] = rng.integers(0, 255, (n, spec.rows, spec.columns, 4), dtype=np.uint8)
    reads[:, :, :, spec.channels.index("support")] = rng.choice([64, 128, 255], (n, spec.rows, 1))
    reads[:, -3:] = 0
    return features, reads


def network(name, spec=SPEC, seed=1):
    if name.startswith("timm:"):
        pytest.importorskip("timm")
    torch.manual_seed(seed)
    module = build(name, SMALL.get(name, {}), spec)
    module.fit_inputs(*arrays(200, spec))
    return module.eval()


@pytest.mark.parametrize("name", SMALL)
def test_gradients_add_up_to_the_difference_from_the_baseline(name):
    module = network(name)
    for features, reads in zip(*arrays(1 if name.startswith("timm:") else 2, seed=5), strict=True):
        base = baseline_of(module, SPEC, features, reads)
        found = integrated_gradients(module, features, reads, base)
        with torch.inference_mode():
            logit, start = (
                float(module(torch.from_numpy(f[None]), torch.from_numpy(r[None])))
                for f, r in ((features, reads), (base.features, base.reads))
            )
        assert found.base == pytest.approx(start, abs=1e-4)
        assert found.logit == pytest.approx(logit, abs=1e-4)
        assert found.base + found.of_feature.sum() + found.of_cell.sum() == pytest.approx(logit, abs=TOLERANCE + 1e-3)
        assert abs(found.missed) <= TOLERANCE
        assert np.abs(found.of_cell).max() > 0
        assert not found.of_cell[-3:].any(), "empty rows have no say"
        kept = [SPEC.channels.index(channel) for channel in ("present", "support")]
        assert not found.of_cell[:, :, kept].any()


class Kinked(torch.nn.Module):
    """Twice the first feature, and what the second and the third have beyond 1 together."""

    def forward(self, features, reads):
        return 2 * features[:, 0] + torch.relu(features[:, 1] + features[:, 2] - 1)


def test_integrated_gradients_by_hand():
    features = np.array([3.0, 1.0, 2.0, 5.0], np.float32)
    found = integrated_gradients(Kinked(), features, None, Baseline(np.zeros(4, np.float32), None))
    # From where both are a third of the way the relu is on: two thirds of what they bring.
    np.testing.assert_allclose(found.of_feature, [6.0, 2 / 3, 4 / 3, 0.0], atol=TOLERANCE)
    assert (found.base, found.logit, found.of_cell) == (0.0, 8.0, None)


@pytest.mark.parametrize("name", SMALL)
def test_grad_cam_is_the_weighted_sum_of_the_last_map(name):
    module = network(name)
    features, reads = (one[0] for one in arrays(1, seed=7))
    cam = grad_cam(module, features, reads)
    if name not in WITH_MAPS:
        assert cam is None
        return
    assert cam.shape == reads.shape[:2]
    last = {"cnn2d": "convolutions", "read_contrast": "map", "wide_resnet": "stages", "timm:resnet10t": "backbone.layer4"}[name]
    kept = []
    handle = module.get_submodule(last).register_forward_hook(lambda *seen: kept.append(seen[-1]))
    logit = module(torch.from_numpy(features[None]), torch.from_numpy(reads[None]))
    handle.remove()
    (gradient,) = torch.autograd.grad(logit.sum(), kept)
    expected = torch.einsum("c,chw->hw", gradient[0].mean((1, 2)), kept[0][0]).detach().numpy()
    np.testing.assert_allclose(np.unique(cam.round(6)), np.unique(expected.round(6)), atol=2e-6)
    assert not any(part._forward_hooks for part in module.modules()), "hooks are taken away"


def test_grad_cam_of_an_ensemble_is_the_sum_of_its_members():
    members = [network("cnn2d", seed=seed) for seed in (1, 2)]
    configs = [config_to_json(member.config) for member in members]
    _, ensemble = combine([("cnn2d", config, m) for config, m in zip(configs, members, strict=True)], SPEC)
    features, reads = (one[0] for one in arrays(1, seed=9))
    expected = sum(grad_cam(member, features, reads) / 2 for member in members)
    np.testing.assert_allclose(grad_cam(ensemble, features, reads), expected, atol=1e-5)


def test_trees_have_no_gradients():
    check_differentiable(network("cnn2d"))
    with pytest.raises(ModelError, match="trees within this network"):
        check_differentiable(load_checkpoint("illumina-germline").build())


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory, simulated):
    """A network over the simulated sample's reads; its weights are random, its scales are not."""
    spec = EncoderSpec(ENCODER_VERSION, FEATURE_NAMES, CHANNEL_NAMES, 25, 21)
    torch.manual_seed(4)
    module = build("cnn2d", {"widths": (8, 8), "hidden": (16,)}, spec)
    features, tensors = [], []
    with PileupSource([str(simulated.files.reads)], str(simulated.files.reference)) as source:
        for call in list(CallFile(str(simulated.files.calls)).calls())[:60]:
            encoded = source.encoded(call.contig, call.pos1, call.ref, call.alt, spec)
            features.append(encoded.features.copy())
            tensors.append(encoded.reads.copy())
    module.fit_inputs(np.concatenate(features), np.concatenate(tensors))
    path = tmp_path_factory.mktemp("network") / "small.safetensors"
    save_checkpoint(path, module, CheckpointMetadata("small", "cnn2d", config_to_json(module.config), spec))
    return str(path)


def explain(simulated, checkpoint, *more):
    files = simulated.files
    arguments = ["explain", str(files.calls), *more, "-b", str(files.reads), "-f", str(files.reference), "-q"]
    return run([*arguments, "--model", checkpoint])


def call_with(simulated, n_alt):
    """A call that so many reads show, or more."""
    with PileupSource([str(simulated.files.reads)], str(simulated.files.reference)) as source:
        for call in CallFile(str(simulated.files.calls)).calls():
            if source.pileup(call.contig, call.pos1, call.ref, call.alt).n_reads[0] >= n_alt:
                return call
    raise AssertionError("no such call")


def test_command_explains_a_network(simulated, checkpoint, tmp_path, capsys):
    call = call_with(simulated, 6)
    place = f"{call.contig}:{call.pos1}"
    assert explain(simulated, checkpoint, place, "--json", "-o", str(tmp_path)) == 0
    one = json.loads(capsys.readouterr().out.splitlines()[0])
    assert one["base"] + sum(one["families"].values()) + one["missed"] == pytest.approx(one["log_odds"], abs=1e-6)
    assert abs(one["missed"]) <= TOLERANCE + 1e-3
    assert set(one["left_out"]["channels"]) == set(CHANNEL_NAMES)
    assert any(fact["name"].startswith("reads:") and fact["value"] is None for fact in one["facts"])
    for ending in ("explained", "gradcam"):
        document = ElementTree.parse(tmp_path / f"{call.file_stem}_{ending}.svg")
        texts = [element.text for element in document.iter("{http://www.w3.org/2000/svg}text")]
        assert any(text.startswith(("integrated gradients", "Grad-CAM")) for text in texts)
        assert sum(text[0] in "+-" and text[1:].replace(".", "").isdigit() for text in texts) >= 6
    assert explain(simulated, checkpoint, place) == 0
    assert "all forward reads" in capsys.readouterr().out


def test_leaving_out_a_strand_is_a_bam_without_it(simulated, checkpoint, tmp_path, capsys):
    call = call_with(simulated, 6)
    place = f"{call.contig}:{call.pos1}"
    assert explain(simulated, checkpoint, place, "--json") == 0
    whole = json.loads(capsys.readouterr().out.splitlines()[0])
    for strand, is_reverse in (("forward", True), ("reverse", False)):
        path = str(tmp_path / f"{strand}.bam")
        with pysam.AlignmentFile(str(simulated.files.reads)) as reads, pysam.AlignmentFile(path, "wb", template=reads) as out:
            for read in reads:
                if read.is_reverse == is_reverse:
                    out.write(read)
        pysam.index(path)
        files = simulated.files
        arguments = ["explain", str(files.calls), place, "-b", path, "-f", str(files.reference), "--model", checkpoint, "-q"]
        assert run([*arguments, "--json"]) == 0
        without = json.loads(capsys.readouterr().out.splitlines()[0])
        lost = whole["left_out"][f"{strand}_reads"]
        assert lost == pytest.approx(whole["log_odds"] - without["log_odds"], abs=1e-5)
        assert abs(lost) > 1e-4


def bam_without(source, target, names):
    with pysam.AlignmentFile(str(source)) as reads, pysam.AlignmentFile(target, "wb", template=reads) as out:
        for read in reads:
            if read.query_name not in names:
                out.write(read)
    pysam.index(target)


@pytest.mark.parametrize("model", ["network", "illumina-germline"])
def test_reads_carry_what_is_lost_without_them(simulated, checkpoint, samtools, tmp_path, capsys, model):
    model = checkpoint if model == "network" else model
    call, files = call_with(simulated, 6), simulated.files
    place, bam = f"{call.contig}:{call.pos1}", str(tmp_path / "reads.bam")
    assert explain(simulated, model, place, "--json", "--bam", bam) == 0
    whole = json.loads(capsys.readouterr().out.splitlines()[0])
    assert subprocess.run([samtools, "quickcheck", "-v", bam], check=False).returncode == 0
    counted = subprocess.run([samtools, "view", "-c", bam, place], capture_output=True, text=True, check=True)
    with pysam.AlignmentFile(bam) as file:
        tagged = list(file)
        assert file.header["HD"]["SO"] == "coordinate"
        assert file.header["PG"][-1]["PN"] == "pileup-filter"
    assert int(counted.stdout) >= 10
    for read in tagged:
        assert read.get_tag("YV").startswith(f"{place}:{call.ref}>{call.alt}=")
        assert re.fullmatch(r"\d+,\d+,\d+", read.get_tag("YC"))
        assert model == checkpoint or not read.has_tag("YI")
    assert any(read.has_tag("YI") for read in tagged) == (model == checkpoint)
    strongest = max(tagged, key=lambda read: abs(read.get_tag("YL")))
    without = str(tmp_path / "without.bam")
    bam_without(files.reads, without, {strongest.query_name})
    arguments = ["explain", str(files.calls), place, "-b", without, "-f", str(files.reference), "--model", model, "-q", "--json"]
    assert run(arguments) == 0
    lost = whole["log_odds"] - json.loads(capsys.readouterr().out.splitlines()[0])["log_odds"]
    assert strongest.get_tag("YL") == pytest.approx(lost, abs=1e-3)
    assert abs(lost) > 1e-4


def test_columns_as_a_track(simulated, checkpoint, tmp_path, capsys):
    call, track = call_with(simulated, 6), tmp_path / "columns.bedgraph"
    assert explain(simulated, checkpoint, f"{call.contig}:{call.pos1}", "--json", "--bedgraph", str(track)) == 0
    one = json.loads(capsys.readouterr().out.splitlines()[0])
    first, *rows = track.read_text().splitlines()
    assert first.startswith("track type=bedGraph ")
    fields = [row.split("\t") for row in rows]
    assert {contig for contig, *_ in fields} == {call.contig}
    starts = [int(start0) for _, start0, _, _ in fields]
    assert starts == list(range(starts[0], starts[0] + 21))
    assert [int(end0) for _, _, end0, _ in fields] == [start0 + 1 for start0 in starts]
    of_channels = sum(fact["log_odds"] for fact in one["facts"] if fact["name"].startswith("reads:"))
    assert sum(float(value) for *_, value in fields) == pytest.approx(of_channels, abs=1e-4)
    assert explain(simulated, "illumina-germline", f"{call.contig}:{call.pos1}", "--bedgraph", str(track)) == 2
    assert "looks at no columns" in capsys.readouterr().err


def test_where_windows_overlap_the_nearest_call_has_its_say():
    columns = ColumnValues()
    columns.add("chr1", 10, np.arange(5.0))
    columns.add("chr1", 12, np.arange(5.0) + 10)
    rows = [line.split("\t") for line in columns.text("a", "b").splitlines()[1:]]
    assert [(int(row[1]), float(row[3])) for row in rows] == [(10, 0), (11, 1), (12, 2), (13, 3), (14, 12), (15, 13), (16, 14)]


def test_rows_of_the_tensor_are_the_reads_that_are_drawn(simulated):
    spec = EncoderSpec(ENCODER_VERSION, (), CHANNEL_NAMES, 25, 21)
    call = call_with(simulated, 6)
    with PileupSource([str(simulated.files.reads)], str(simulated.files.reference)) as source:
        tensor = source.tensor(call.contig, call.pos1, call.ref, call.alt, spec.channels, rows=25, columns=21)
        prepared = source.prepared(call.contig, call.pos1, call.ref, call.alt)
        pileup = pileup_of(prepared, call.contig, 0, most_rows=500)
    read_of_row = read_of_each_row(prepared, 25)
    first0 = int(prepared.alleles.start0[0]) - 10
    base = heat_of(pileup, tensor[:, :, CHANNEL_NAMES.index("base")].astype(float), read_of_row, first0)
    letter_of_level = {60.0: "A", 120.0: "C", 180.0: "G", 240.0: "T"}
    n_seen = 0
    for row, column in zip(*np.nonzero(base.of_cell), strict=True):
        assert chr(pileup.rows.base[row, column]) == letter_of_level[base.of_cell[row, column]]
        n_seen += 1
    assert n_seen > 300
    assert "".join(letter_of_level[v] for v in base.of_reference if v) in bytes(pileup.reference).decode().replace("*", "")
    mapq = heat_of(pileup, tensor[:, :, CHANNEL_NAMES.index("mapping_quality")].astype(float), read_of_row, first0)
    shown = ~np.isnan(mapq.of_row)
    assert shown.sum() == (read_of_row >= 0).sum()
    np.testing.assert_allclose(mapq.of_row[shown] / 21, np.minimum(pileup.rows.mapq[shown], 60) * 4.25, atol=1)
