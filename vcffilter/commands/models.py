"""`pileup-filter models`: which models ship, with what they cut and cost; and the card of one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from vcffilter.commands import options

if TYPE_CHECKING:
    from vcffilter.models.checkpoint import Checkpoint


@click.command("models", cls=options.GroupedCommand, context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("name", metavar="[NAME|FILE]", required=False)
def models(name: str | None) -> None:
    """Models that ship, one paragraph each; with NAME the card of one, as Markdown.

    \b
    pileup-filter models
    pileup-filter models hifi-germline
    """
    from vcffilter.models.card import render_card
    from vcffilter.models.checkpoint import available_weights, load_checkpoint

    if name is not None:
        click.echo(render_card(load_checkpoint(name)), nl=False)
        return
    click.echo("\n\n".join(paragraph(one, load_checkpoint(one)) for one in available_weights()))


def paragraph(name: str, checkpoint: Checkpoint) -> str:
    """Name, what it is for, the reads it was trained on, and its cuts with what they cost."""
    from vcffilter.models.training_ranges import training_ranges

    metadata = checkpoint.metadata
    lines = [f"{name}: {metadata.description}"]
    ranges = training_ranges(metadata, checkpoint.path)
    if ranges is not None:
        low, high = ranges.reads["read_length"]
        lines.append(f"  reads    {ranges.platform}, {low:.0f} to {high:.0f} bases (medians of the training samples)")
    lines += _stages(checkpoint)
    lines.append(f"  default  {_cuts(metadata.thresholds)}")
    lines += _presets(getattr(metadata, "presets", {}))
    lines += _tiers(getattr(metadata, "presets", {}))
    recalls = [f"{point['target_recall']:g}" for point in metadata.operating_points if "target_recall" in point]
    if recalls:
        lines.append(f"  recall   --target-recall {', '.join(recalls)}; what each costs: pileup-filter models {name}")
    return "\n".join(lines)


def _stages(checkpoint: Checkpoint) -> list[str]:
    """Of a model of two stages what the second one sees, and its share by depth where the model was measured."""
    from vcffilter.models.card import gate_bands

    metadata = checkpoint.metadata
    bands = gate_bands(metadata.architecture, metadata.config)
    if not bands:
        return []
    several = [f"{band.kind} of {band.reads_from} reads or more {band.low:g} to {band.high:g}" for band in bands]
    lines = [f"  stages   trees, and a network on reads where the trees' logit is in doubt ({', '.join(several)})"]
    for name in ("all copies", "whole reads"):
        if told := _shares(metadata.evaluation.get(f"share of {name} in doubt")):
            lines.append(f"  in doubt {told}; of {name} that it was measured on")
    return lines


def _shares(card: Any) -> str:
    """Shares by depth, from few to many reads; cards that do not have both kinds together have them apart."""
    from vcffilter.calibration.presets import DEPTH_BANDS

    shares = card if isinstance(card, dict) else {}
    together = [f"{band} reads" for band in DEPTH_BANDS]
    apart = [f"{kind}, {name}" for kind in ("snv", "other") for name in together]
    names = ["all", *(together if any(name in shares for name in together) else apart)]
    return "; ".join(f"{name} {100 * shares[name]:.1f}%" for name in names if isinstance(shares.get(name), float))


def _tiers(card: dict[str, Any]) -> list[str]:
    """A line for each tier that has more true calls than every tier of a lower limit: what --tier can choose."""
    from vcffilter.calibration.tiers import tiers_of

    lines, most = [], 0.0
    for tier, share in sorted(tiers_of(card), key=lambda one: (one[0].false_at_most, -one[1])):
        if share > most:
            most = share
            where = f"probability {tier.probability:g} or more by {tier.n_reads} or more reads"
            lines.append(
                f"  sure     --tier {tier.false_at_most:g}: {where}; {tier.n_false} of {tier.n} false, "
                f"at most {100 * tier.false_at_most:.2f}%; {100 * share:.1f}% of true calls"
            )
    return lines


def _cuts(thresholds: dict[str, float]) -> str:
    return ", ".join(f"{name} {value:g}" for name, value in sorted(thresholds.items())) or "0.5"


def _presets(card: dict[str, Any]) -> list[str]:
    """A line for each named cut, with what it cost over all callers and depths."""
    lines = []
    for name, preset in sorted(card.get("presets", {}).items(), key=lambda item: -item[1]["false_per_true"]):
        whole = [row for row in preset["measured"] if row["depth"] == "any" and row["callers"] == "all"]
        cost = "".join(
            f"; lost {row['true_lost']} of {row['n_true']} true{_limit(row, 'lost_at_most', 'at most')}, "
            f"removed {row['false_removed']} of {row['n_false']} false{_limit(row, 'removed_at_least', 'at least')}"
            for row in whole
        )
        lines.append(f"  preset   {name}: {_cuts(preset['thresholds'])}{cost}")
    return lines


def _limit(row: dict[str, Any], name: str, words: str) -> str:
    """The limit (95%) of a count; cards without true or without false calls have none."""
    return f" ({words} {100 * row[name]:.1f}%)" if name in row else ""
