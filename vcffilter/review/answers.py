"""What the page is told of a call, as plain data. Knows no HTTP and no reads."""

from __future__ import annotations

import math
from typing import Any

from vcffilter.pictures.facts import CallFacts
from vcffilter.review.call_index import IndexedCall
from vcffilter.review.verdict_store import AlleleKey, GivenVerdict
from vcffilter.review.vocabulary import REASONS


def key_of(call: CallFacts) -> AlleleKey:
    """The allele of a call."""
    return AlleleKey(call.contig, call.pos1, call.ref, call.alt)


def call_answer(
    call: IndexedCall, neighbours: list[IndexedCall], verdicts: list[GivenVerdict], reviewer: str
) -> dict[str, Any]:
    """The call, its neighbours and verdicts. Others' verdicts are told once the reviewer has given one: nobody is led."""
    facts = call.facts
    own = next((verdict for verdict in verdicts if verdict.reviewer == reviewer), None)
    others = [verdict for verdict in verdicts if verdict.reviewer != reviewer]
    return {
        "number": call.number,
        "contig": facts.contig,
        "pos": facts.pos1,
        "place": facts.place,
        "verdict": facts.verdict,
        "facts": fact_rows(call),
        "reasons": [{"word": word, "meaning": REASONS.get(word, ("", ""))[0], "tags": REASONS.get(word, ("", ""))[1]}
                    for word in facts.reasons],
        "neighbours": [
            {"number": other.number, "place": other.facts.place, "verdict": other.facts.verdict,
             "distance": other.facts.pos1 - facts.pos1}
            for other in neighbours
        ],
        "own": None if own is None else verdict_answer(own),
        "others": [verdict_answer(verdict) for verdict in others] if own is not None else [],
        "n_hidden": len(others) if own is None else 0,
    }  # fmt: skip


def fact_rows(call: IndexedCall) -> list[tuple[str, str]]:
    """(name, value) of what is known of a call, the score first."""
    facts = call.facts
    rows = [("Filter says", facts.verdict)]
    if not math.isnan(facts.probability):
        rows.append(("Probability", f"{facts.probability:.4g}"))
    if facts.threshold is not None:
        rows.append(("Threshold", f"{facts.threshold:g}"))
    if not math.isnan(facts.log_odds):
        rows.append(("Log-odds", f"{facts.log_odds:.3g}"))
    if facts.n_reads is not None:
        rows.append(("Reads that informed it", str(facts.n_reads)))
    rows += [("Decided by", facts.stage)] if facts.stage else []
    rows += [("Type", call.kind), ("FILTER", facts.filters)]
    rows.append(("QUAL", "." if facts.qual_phred is None else f"{facts.qual_phred:g}"))
    rows += [("Genotype", f"{facts.genotype} {facts.sample}".strip())] if facts.genotype else []
    rows.append(("Record", f"{call.record_number:,}, ALT {call.alt_number}"))
    return rows


def verdict_answer(verdict: GivenVerdict) -> dict[str, Any]:
    """A verdict as plain data."""
    return {
        "reviewer": verdict.reviewer,
        "verdict": verdict.verdict,
        "tags": list(verdict.tags),
        "note": verdict.note,
        "given_at": verdict.given_at,
    }
