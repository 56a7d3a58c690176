"""`--tier`: which calls need no confirmation, by the card of the model."""

import pytest
from fake_filter import filtered, info_of_alts
from fake_scorer import FakeScorer

from vcffilter.calibration.tiers import Tier, choose_tier
from vcffilter.errors import ModelError
from vcffilter.models.checkpoint import available_weights, load_checkpoint
from vcffilter.pipeline import evidence

CARD = FakeScorer.presets


@pytest.fixture(autouse=True)
def _fake_scorer(monkeypatch):
    monkeypatch.setattr(evidence, "open_scorer", lambda options: FakeScorer(options.want_reasons))


def alts_of(text):
    """(ALT, probability, reads, verdict, tier) of every ALT, as written."""
    return info_of_alts(text, "PILEUP_PROB", "PILEUP_DP", "PILEUP_FT", "PILEUP_TIER")


def test_the_tier_with_most_true_calls_within_the_limit_is_chosen():
    assert choose_tier(CARD, 0.032) == Tier(0.6, 1, 500, 9, 0.032)
    assert choose_tier(CARD, 0.031) == Tier(0.6, 20, 300, 1, 0.016)
    with pytest.raises(ModelError, match=r"at most 0\.01 .* the least is 0\.016"):
        choose_tier(CARD, 0.01)
    with pytest.raises(ModelError, match="before there were tiers"):
        choose_tier({"presets": {}}, 0.01)


@pytest.mark.parametrize("name", available_weights())
def test_shipped_models_have_tiers(name):
    card = load_checkpoint(name).metadata.presets
    limits = [row["false_at_most"] for row in card["sure"]]
    tier = choose_tier(card, max(limits))
    assert min(limits) <= tier.false_at_most <= max(limits)
    assert tier.n_false / tier.n <= tier.false_at_most


def test_every_alt_is_told(tmp_path, caplog):
    text = filtered(tmp_path, "--tier", "0.02", "--threads", "2")
    alts = alts_of(text)
    for _, probability, reads, verdict, tier in alts:
        if verdict == ".":
            assert tier == "."
        else:
            sure = float(probability) >= 0.6 and int(reads) >= 20 and verdict == "PASS"
            assert tier == ("SURE" if sure else "CONFIRM")
    assert {tier for *_, tier in alts} == {"SURE", "CONFIRM", "."}
    assert "##vcffilter_tier=<ID=PILEUP_TIER,min_PILEUP_PROB=0.6,min_PILEUP_DP=20,false=1,of=300,false_at_most=0.016>" in text
    assert "1 of 300 were false where the model was measured, at most 1.60%" in caplog.text


def test_a_failing_alt_is_never_sure(tmp_path):
    alts = alts_of(filtered(tmp_path, "--tier", "0.05", "--min-prob-snv", "1", "--min-prob-indel", "1"))
    assert {tier for *_, tier in alts} == {"CONFIRM", "."}


def test_nothing_is_left_of_an_earlier_tier(tmp_path):
    once = tmp_path / "once.vcf"
    once.write_text(filtered(tmp_path, "--tier", "0.02"))
    again = filtered(tmp_path, source=once)
    assert "TIER=" not in "".join(line for line in again.splitlines() if line[0] != "#")
    assert "##vcffilter_tier" not in again
    other = filtered(tmp_path, "--tier", "0.04", source=once)
    assert other.count("##vcffilter_tier=<") == 1
    assert "false_at_most=0.032>" in other
    assert alts_of(other) == alts_of(filtered(tmp_path, "--tier", "0.04"))


def test_a_limit_that_no_tier_reaches_ends_the_run(tmp_path, capfd):
    filtered(tmp_path, "--tier", "0.001", code=1)
    assert "Give --tier 0.016 or more" in capfd.readouterr().err
