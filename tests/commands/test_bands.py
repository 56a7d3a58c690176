"""`--bands`: how much of the true calls a cut keeps that still keeps an ALT, as GATK's tranches say."""

import pytest
from fake_filter import filtered, info_of_alts
from fake_scorer import FakeScorer

from vcffilter.calibration.bands import choose_bands
from vcffilter.errors import ModelError
from vcffilter.models.checkpoint import available_weights, load_checkpoint
from vcffilter.pipeline import evidence

#: Of the fake scorer's card: (name, least probability of an SNV, of another).
BANDS = [("0.00to90.00", 0.9, 0.8), ("90.00to99.90", 0.05, 0.02), ("99.90to100.00", 0, 0)]


@pytest.fixture(autouse=True)
def _fake_scorer(monkeypatch):
    monkeypatch.setattr(evidence, "open_scorer", lambda options: FakeScorer(options.want_reasons))


def alts_of(text):
    """(ALT, probability, band) of every ALT, as written."""
    return info_of_alts(text, "PILEUP_PROB", "PILEUP_BAND")


def test_every_alt_lies_in_the_band_of_its_probability(tmp_path):
    text = filtered(tmp_path, "--bands", "99.9,90", "--threads", "2")
    alts = alts_of(text)
    for alt, probability, band in alts:
        if probability == ".":
            assert band == "."
        else:
            reached = [name for name, snv, other in BANDS if float(probability) >= (snv if alt == "G" else other)]
            assert band == reached[0]
    assert {band for *_, band in alts} == {".", *(name for name, *_ in BANDS)}
    assert "##vcffilter_bands=<ID=PILEUP_BAND,kept=0.9:0.999,min_prob_snv=0.9:0.05,min_prob_indel=0.8:0.02>" in text


def test_nothing_is_left_of_earlier_bands(tmp_path):
    once = tmp_path / "once.vcf"
    once.write_text(filtered(tmp_path, "--bands", "90"))
    again = filtered(tmp_path, source=once)
    assert "BAND=" not in "".join(line for line in again.splitlines() if line[0] != "#")
    assert "##vcffilter_bands" not in again
    assert alts_of(filtered(tmp_path, "--bands", "90,99.9", source=once)) == alts_of(filtered(tmp_path, "--bands", "90,99.9"))


@pytest.mark.parametrize("wanted", ["", "99,x", "0", "100", "99;98"])
def test_what_is_no_list_of_percents_is_refused(tmp_path, wanted):
    filtered(tmp_path, "--bands", wanted, code=2)


def test_a_share_that_the_card_has_not_ends_the_run(tmp_path, capfd):
    filtered(tmp_path, "--bands", "95,99.9", code=1)
    assert "not measured at 95% of true calls kept; it was at: 90, 99.9" in capfd.readouterr().err


@pytest.mark.parametrize("name", available_weights())
def test_thresholds_of_shipped_models_fall_as_the_share_rises(name):
    points = load_checkpoint(name).metadata.operating_points
    recalls = [point["target_recall"] for point in points]
    bands = choose_bands(points, recalls)
    assert list(bands.recalls) == sorted(recalls)
    for thresholds in (bands.snv, bands.indel):
        assert list(thresholds) == sorted(thresholds, reverse=True)
    with pytest.raises(ModelError, match="was not measured at 12%"):
        choose_bands(points, [0.12])
