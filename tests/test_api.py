"""The Python API gives what the command line gives."""

from __future__ import annotations

import subprocess
import sys

import cyvcf2
import numpy as np
import pytest

import vcffilter
from vcffilter import Filter
from vcffilter.commands.main import run
from vcffilter.errors import ModelError, ReferenceFileError


@pytest.fixture(scope="module")
def model(simulated):
    with Filter(simulated.files.reads, simulated.files.reference) as opened:
        yield opened


@pytest.fixture(scope="module")
def records(simulated, tmp_path_factory):
    """Records of the simulated calls as the command line filters them."""
    path = tmp_path_factory.mktemp("api") / "filtered.vcf"
    files = simulated.files
    arguments = ["filter", str(files.calls), "-b", str(files.reads), "-f", str(files.reference), "--reasons", "-q"]
    assert run([*arguments, "-o", str(path)]) == 0
    return list(cyvcf2.VCF(str(path)))


def per_alt(record, key):
    value = record.INFO.get(key)
    return value if isinstance(value, tuple) else str(value).split(",") if isinstance(value, str) else (value,)


def test_scores_are_those_of_the_command_line(model, records):
    alleles = [(record.CHROM, record.POS, record.REF, alt) for record in records for alt in record.ALT]
    scores = model.score(reversed(alleles))
    assert scores.alleles == tuple(reversed(alleles))
    expected = {key: [] for key in ("PILEUP_PROB", "PILEUP_DP", "PILEUP_FT", "PILEUP_ALT_REASON")}
    for record in records:
        for key, values in expected.items():
            missing = record.INFO.get(key) is None
            values += [None if missing else per_alt(record, key)[index] for index in range(len(record.ALT))]
    probability = np.array(expected["PILEUP_PROB"], np.float32)[::-1]
    assert len(probability) > 50
    assert np.array_equal(scores.probability, probability)
    assert scores.n_reads.tolist() == expected["PILEUP_DP"][::-1]
    assert [verdict == "PASS" for verdict in expected["PILEUP_FT"][::-1]] == scores.passes.tolist()
    reasons = [tuple(text.split("&")) if text not in (None, ".") else () for text in expected["PILEUP_ALT_REASON"][::-1]]
    failing = ~scores.passes
    assert [r for r, fails in zip(scores.reasons, failing, strict=True) if fails] == [
        r for r, fails in zip(reasons, failing, strict=True) if fails
    ]


def test_tiers_and_bands_are_those_of_the_command_line(simulated, tmp_path):
    files, path, mine = simulated.files, tmp_path / "filtered.vcf", tmp_path / "mine.vcf"
    arguments = ["filter", str(files.calls), "-b", str(files.reads), "-f", str(files.reference), "--no-version", "-q"]
    assert run([*arguments, "--tier", "0.01", "--bands", "99,99.9", "-o", str(path)]) == 0
    written = [(record, index, alt) for record in cyvcf2.VCF(str(path)) for index, alt in enumerate(record.ALT)]
    alleles = [(record.CHROM, record.POS, record.REF, alt) for record, _, alt in written]
    with Filter(files.reads, files.reference, tier=0.01, bands=(0.999, 0.99)) as careful:
        scores = careful.score([*alleles, ("nowhere", 5, "A", "C")])
        careful.filter_file(files.calls, mine, no_version=True, with_reasons=False)
    assert mine.read_bytes() == path.read_bytes()
    assert list(scores.tier) == [*(per_alt(record, "PILEUP_TIER")[index] for record, index, _ in written), "."]
    assert list(scores.band) == [*(per_alt(record, "PILEUP_BAND")[index] for record, index, _ in written), "."]
    assert {"SURE", "CONFIRM"} < set(scores.tier)
    assert len(set(scores.band)) > 2
    with Filter(files.reads, files.reference, bands=(99,)) as wrong, pytest.raises(ModelError, match="not measured at 9900%"):
        wrong.score(alleles)


def test_a_file_is_filtered_as_by_the_command(model, simulated, tmp_path):
    files, mine, theirs = simulated.files, tmp_path / "mine.vcf", tmp_path / "theirs.vcf"
    summary = model.filter_file(files.calls, mine, no_version=True)
    arguments = ["filter", str(files.calls), "-b", str(files.reads), "-f", str(files.reference), "--reasons", "--no-version"]
    assert run([*arguments, "-q", "-o", str(theirs)]) == 0
    assert mine.read_bytes() == theirs.read_bytes()
    assert summary.counts.n_records == len(list(cyvcf2.VCF(str(files.calls))))


def test_what_is_wrong_with_an_allele_is_said(model, records):
    first = records[0]
    other = next(base for base in "ACGT" if base not in (first.REF[0], first.ALT[0]))
    wrong = (first.CHROM, first.POS, other, first.ALT[0])
    scores = model.score([wrong, (first.CHROM, first.POS, first.REF, first.ALT[0])])
    assert scores.status == ("ref_mismatch", "scored")
    assert np.isnan(scores.probability[0])
    assert not scores.passes[0]
    assert model.score([("nowhere", 5, "A", "C")]).status == ("contig_missing",)
    assert len(model.score([])) == 0


#: Some of which htslib takes for a record, and a file may hold.
STRANGE = ["<DEL>", "<NON_REF>", "*", ".", "a", "R", "AR", "n", "]sim1:40]A", "<*>", "CGTTAC"]


def test_alleles_that_are_none_have_the_status_that_a_file_gets(model, simulated, records, tmp_path):
    """`<DEL>` was scored as if it were five inserted letters."""
    files, first = simulated.files, records[0]
    refs = [first.REF, "R", "ACN"]
    alleles = [(first.CHROM, first.POS, ref, alt) for ref in refs for alt in STRANGE]
    calls, out = tmp_path / "calls.vcf", tmp_path / "out.vcf"
    header = f"##fileformat=VCFv4.2\n##contig=<ID={first.CHROM}>\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
    calls.write_text(header + "".join(f"{contig}\t{pos1}\t.\t{ref}\t{alt}\t.\t.\t.\n" for contig, pos1, ref, alt in alleles))
    arguments = ["filter", str(calls), "-b", str(files.reads), "-f", str(files.reference), "--allow-unscored"]
    assert run([*arguments, "--allow-ref-mismatch", "-q", "-o", str(out)]) == 0
    written = [line.split("\t")[7] for line in out.read_text().splitlines() if not line.startswith("#")]
    expected = [dict(entry.partition("=")[::2] for entry in info.split(";")).get("PILEUP_STATUS", "scored") for info in written]
    # To a file, "." is no ALT at all.
    expected = ["invalid_allele" if alt == "." else why for (*_, alt), why in zip(alleles, expected, strict=True)]
    assert len(set(expected)) >= 3
    assert list(model.score(alleles).status) == expected
    assert model.score([(first.CHROM, 0, "A", "C"), (first.CHROM, 5, "A", "")]).status == ("unsupported_allele", "invalid_allele")


def test_features_are_those_of_the_model(model, records):
    first = records[0]
    scores = model.score([("nowhere", 5, "A", "C"), (first.CHROM, first.POS, first.REF, first.ALT[0])])
    assert scores.features.shape == (2, len(scores.feature_names))
    assert np.isnan(scores.features[0]).all()
    assert np.isfinite(scores.features[1]).all()


def test_frames(model, records):
    pandas = pytest.importorskip("pandas")
    alleles = [(record.CHROM, record.POS, record.REF, record.ALT[0]) for record in records[:5]]
    frame = pandas.DataFrame(alleles, columns=["contig", "pos", "ref", "alt"], index=list("vwxyz"))
    scored = model.score_frame(frame.assign(mine=range(5)))
    assert list(scored.index) == list("vwxyz")
    assert scored["mine"].tolist() == list(range(5))
    assert np.array_equal(scored["probability"].to_numpy(np.float32), model.score(alleles).probability)
    assert not {"tier", "band"} & set(scored.columns)


def test_pictures(model, records):
    allele = (records[0].CHROM, records[0].POS, records[0].REF, records[0].ALT[0])
    assert f"<title>{allele[0]}:{allele[1]}" in model.svg(allele)
    assert len(model.figure(allele).axes[0].images) == 1
    assert sum(model.pileup(allele).n_reads[:3]) == model.score([allele]).n_reads[0]
    with pytest.raises(ReferenceFileError):
        model.svg(("nowhere", 5, "A", "C"))


def test_explanations_add_up_and_are_drawn(model, records):
    alleles = [(record.CHROM, record.POS, record.REF, record.ALT[0]) for record in records[:3]]
    for allele, log_odds in zip(alleles, model.score(alleles).log_odds, strict=True):
        found = model.explain(allele).explanation
        assert found.log_odds == pytest.approx(log_odds, abs=1e-3)
        assert found.base + sum(amount for _, amount in found.families) + found.missed == pytest.approx(found.log_odds, abs=1e-6)
    assert f"log-odds {log_odds:+.2f}" in model.explain_text(alleles[-1])
    plain, explained = model.svg(alleles[0]), model.svg(alleles[0], explained=True)
    assert "What makes the log-odds" in explained
    assert "What makes the log-odds" not in plain
    width = [model.figure(alleles[0], explained=wide).get_figwidth() for wide in (False, True)]
    assert width[0] < width[1]
    with pytest.raises(ReferenceFileError):
        model.explain(("nowhere", 5, "A", "C"))


def test_presets_and_models_by_name(simulated):
    files = simulated.files
    thresholds = {}
    for preset in ("sensitive", "balanced", "strict"):
        with Filter([files.reads], files.reference, preset=preset) as opened:
            thresholds[preset] = opened.thresholds
            assert opened.model_id.startswith("illumina-germline")
    assert thresholds["sensitive"]["snv"] < thresholds["balanced"]["snv"] < thresholds["strict"]["snv"]
    with pytest.raises(ModelError):
        Filter(files.reads, files.reference, model="no-such-model").score([("sim1", 5, "A", "C")])


def test_importing_the_package_imports_nothing_heavy():
    code = "import sys, vcffilter; print({'torch', 'numba', 'numpy', 'pysam', 'cyvcf2'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
    with pytest.raises(AttributeError, match="nothing"):
        vcffilter.nothing  # noqa: B018
