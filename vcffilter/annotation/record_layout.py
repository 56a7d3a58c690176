"""What the loops over records are given: slots of the plan and of the counts, codes of verdicts, arrays. No rules, no htslib."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from vcffilter.variants.allele_scores import STATUS_CODE, STATUS_NAMES

# Modes: the values of settings.FilterMode.
MODE_APPEND, MODE_REPLACE, MODE_RESET = 0, 1, 2
SCORED, NO_ALT, NO_CARRIER = STATUS_CODE["scored"], STATUS_CODE["no_alt"], STATUS_CODE["no_carrier"]
#: Probabilities come with this many steps between 0 and 1 (4 decimals).
PROBABILITY_STEPS = 10_000

# Slots of the plan, int64. Where one is given to a function it is given as int64(...): of a constant numba compiles a version of
# the function for each value.
(
    PLAN_HEADER,  # address of the header
    PLAN_KEY_PROBABILITY,  # addresses of the key names; those of scores up to PLAN_KEY_ALT_SCORE
    PLAN_KEY_SCORE,
    PLAN_KEY_DEPTH,
    PLAN_KEY_ALLELE_DEPTH,
    PLAN_KEY_VERDICT,
    PLAN_KEY_ALT_SCORE,
    PLAN_KEY_STATUS,
    PLAN_KEY_REASON,  # 0 = not declared
    PLAN_KEY_ALT_REASON,  # 0 = not declared
    PLAN_FILTER_PASS,  # FILTER identifiers; -1 = not declared
    PLAN_FILTER_SNV,
    PLAN_FILTER_INDEL,
    PLAN_MODE,
    PLAN_ANNOTATE_ONLY,
    PLAN_STALE_INFO,  # an earlier run may have left INFO keys of ours
    PLAN_STALE_FILTER,  # ... or FILTER values
    PLAN_WITH_REASONS,
    PLAN_STALE_FORMAT,  # ... or FORMAT keys, in files with samples
    PLAN_WITH_SAMPLE_VERDICTS,
    PLAN_KEY_TIER,  # 0 = not declared
    PLAN_KEY_BAND,  # 0 = not declared
    PLAN_WITH_TIER,
    PLAN_WITH_BAND,
    PLAN_KEY_BACKGROUND,  # 0 = not declared
    PLAN_KEY_BACKGROUND_ALT_READS,  # 0 = not declared
    PLAN_KEY_BACKGROUND_READS,  # 0 = not declared
    PLAN_WITH_BACKGROUND,
    PLAN_FILTER_NOISE,
    PLAN_KEY_STAGE,  # 0 = not declared
    PLAN_WITH_STAGE,
) = range(31)
PLAN_SIZE = 31

# Slots of the counts, int64; two blocks per status code follow: records not scored, then ALTs.
(
    COUNT_RECORDS,
    COUNT_BLOCKS,
    COUNT_SCORED,
    COUNT_FAILED,
    COUNT_FAILED_SNV,
    COUNT_FAILED_INDEL,
    COUNT_FAILED_NOISE,
    COUNT_STATUS,
) = range(8)
COUNT_ALT_STATUS = COUNT_STATUS + len(STATUS_NAMES)
COUNT_SIZE = COUNT_ALT_STATUS + len(STATUS_NAMES)

# Verdicts: places in the texts. What fails is 1 and the bits of all that does: 1 an SNV, 2 another, 4 what the background
# explains. An ALT has one of them, a sample may have several.
VERDICT_NONE, VERDICT_PASS, VERDICT_SNV, VERDICT_INDEL, VERDICT_NOISE = 0, 1, 2, 3, 5
N_VERDICTS = 9
#: Places in the texts of the tier: of an ALT that was not scored, within, and not.
TIER_NONE, TIER_SURE, TIER_CONFIRM = range(3)
COMMA, AND, DOT = (np.uint8(ord(character)) for character in ",&.")


class JudgedBy(NamedTuple):
    """Probabilities below which an ALT fails: an SNV or another, and where `deep_reads` reads or more inform the score.

    sure, sure_reads: least probability and informing reads of an ALT that needs no confirmation.
    bands: float64 (2, n), falling: thresholds of an SNV, and of another, that keep a rising share of true calls.
    """

    snv: float
    indel: float
    deep_snv: float
    deep_indel: float
    deep_reads: int
    sure: float
    sure_reads: int
    bands: np.ndarray


class AltScores(NamedTuple):
    """What is known of the ALTs of all records, in their order.

    is_sent: bool (n_alts,), given to the scorer. is_snv: bool (n_alts,), REF and ALT both of one base.
    status: uint8 (n_alts,), 0 = scored.
    probability, log_odds: float32 (n_alts,). counts: int32 (n_alts, 3), columns READS_*. reasons: uint32 (n_alts,).
    background: uint8 (n_alts,), place in the texts. background_counts: int32 (n_alts, 2), reads for the ALT, and that tell.
    least_share: float64 (n_alts,), share of ALT reads below which the background explains them; 0 where it does not decide.
    verdict: uint8 (n_alts,), written. stage: uint8 (n_alts,), codes of STAGE_NAMES.
    """

    is_sent: np.ndarray
    is_snv: np.ndarray
    status: np.ndarray
    probability: np.ndarray
    log_odds: np.ndarray
    counts: np.ndarray
    reasons: np.ndarray
    background: np.ndarray
    background_counts: np.ndarray
    least_share: np.ndarray
    verdict: np.ndarray
    stage: np.ndarray


class SampleAlts(NamedTuple):
    """What is known of the ALTs that were sent to the scorer, by sample; no samples where reads are pooled.

    columns: int64 (n_samples,), of the samples in the records. n_columns: samples of a record.
    place: int64 (n_alts,), of each ALT in the next arrays' second axis; -1 = not sent.
    verdict: uint8 (n_samples, n_sent), VERDICT_NONE where not scored. probability: float32 (n_samples, n_sent).
    counts: int32 (n_samples, n_sent, 3), columns READS_*.
    """

    columns: np.ndarray
    n_columns: int
    place: np.ndarray
    verdict: np.ndarray
    probability: np.ndarray
    counts: np.ndarray


class Words(NamedTuple):
    """Texts that are written: joined as uint8, and int64 borders of each.

    status: int64, address of each status name, with a 0 at its end. verdict: by the codes of verdicts. reason: by bit.
    tier: by the codes of tiers. band: "." of an ALT that was not scored, then from the surest to the one below all thresholds.
    background: by the codes of `scoring.background_rules`. stage: by the codes of stages.
    """

    status: np.ndarray
    verdict: np.ndarray
    verdict_first: np.ndarray
    reason: np.ndarray
    reason_first: np.ndarray
    tier: np.ndarray
    tier_first: np.ndarray
    band: np.ndarray
    band_first: np.ndarray
    background: np.ndarray
    background_first: np.ndarray
    stage: np.ndarray
    stage_first: np.ndarray


class Scratch(NamedTuple):
    """Room for the values of one key: floats (float32) and bits (uint32) are the same memory; ints: int32; text: uint8.

    filters: int32, room for a record's FILTER and three more.
    """

    floats: np.ndarray
    bits: np.ndarray
    ints: np.ndarray
    text: np.ndarray
    filters: np.ndarray


def empty_scratch(n_values: int, n_text: int, n_filters: int) -> Scratch:
    """Scratch with room for so many values, characters and FILTER values."""
    floats = np.zeros(n_values, np.float32)
    return Scratch(
        floats, floats.view(np.uint32), np.zeros(n_values, np.int32), np.zeros(n_text, np.uint8), np.zeros(n_filters, np.int32)
    )
