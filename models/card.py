"""The model card: a checkpoint's metadata as Markdown for people. Knows the metadata's fields and nothing else."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from vcffilter.models.checkpoint import Checkpoint
from vcffilter.models.registry import parse_config

if TYPE_CHECKING:
    from vcffilter.models.cascade import GateBand


def render_card(checkpoint: Checkpoint) -> str:
    """Markdown of one checkpoint: `train` and `calibrate` write it beside the weights, `pileup-filter models NAME` prints it.

    The same checkpoint always gives the same text. Any checkpoint that `load_checkpoint` takes can be rendered, but for a cascade
    whose settings are none: that raises ModelError.
    """
    metadata = checkpoint.metadata
    n_numbers = sum(tensor.numel() for tensor in checkpoint.tensors.values())
    spec = metadata.encoder
    tensor = f"{spec.rows} rows x {spec.columns} columns x {spec.n_channels} channels" if spec.rows else "none"
    sections = [
        f"# {metadata.model_id}\n",
        metadata.description and f"{metadata.description}\n",
        _table(
            ("", ""),
            [
                ("architecture", f"{metadata.architecture}, {n_numbers:,} numbers"),
                ("encoder", f"version {spec.version}, {spec.n_features} site features, read tensor: {tensor}"),
                ("sha256", checkpoint.sha256),
                ("licence", metadata.licence),
            ],
        ),
        "## Thresholds\n\nAn ALT fails by default when its calibrated probability is below the threshold of its type.\n",
        _table(("type", "threshold"), sorted(metadata.thresholds.items())),
        _presets(metadata.presets),
        _operating_points(metadata.operating_points),
        _nested("## Evaluation", metadata.evaluation),
        "`fp_removed_99`: share of false ones below the cut that keeps 99% of the true ones; `fp_removed_99_at_least`: its limit "
        "(Clopper-Pearson, one-sided, 95%), too narrow where copies of one allele count.\n"
        if "fp_removed_99_at_least" in str(metadata.evaluation)
        else "",
        _calibration(metadata.calibration),
        _nested("## Training", metadata.training),
        "## Limits\n\n" + "\n".join(f"- {sentence}" for sentence in metadata.limits) + "\n" if metadata.limits else "",
        _gate(metadata.architecture, metadata.config),
        "## Settings\n\n" + _table(("setting", "value"), sorted(metadata.config.items())),
        f"Channels: {', '.join(spec.channels) or 'none'}.\n\nSite features: {', '.join(spec.features)}.\n",
    ]
    return "\n".join(section for section in sections if section)


def _table(header: tuple[str, ...], rows: Iterable[tuple[Any, ...]]) -> str:
    lines = [f"| {' | '.join(header)} |", f"|{' --- |' * len(header)}"]
    lines += [f"| {' | '.join(_text(cell) for cell in row)} |" for row in rows]
    return "\n".join(lines) + "\n" if len(lines) > 2 else ""


def _text(value: Any) -> str:
    if value is None:
        return "-"
    text = f"{value:.5g}" if isinstance(value, float) else str(value)
    return text.replace("|", "\\|").replace("\n", " ")


def _presets(card: dict[str, Any]) -> str:
    """The named cuts and what they cost; limits are one-sided, 95%."""
    if not card:
        return ""
    # JSON keeps no order: from the least to the most that fails.
    presets = dict(sorted(card["presets"].items(), key=lambda item: -item[1]["false_per_true"]))
    cuts = [
        (name, one["thresholds"]["snv"], one["thresholds"]["indel"], f"{one['false_per_true']:g} kept false ones")
        for name, one in presets.items()
    ]
    costs = [
        (name, row["callers"], row["depth"], *_of(row, "true_lost", "n_true", "lost_at_most", "at most"))
        + _of(row, "false_removed", "n_false", "removed_at_least", "at least")
        for name, one in presets.items()
        for row in one["measured"]
    ]
    header = ("preset", "callers", "reads on the ALT", "true lost", "limit", "false removed", "limit")
    return (
        "## Presets\n\n"
        + _table(("preset", "SNV", "indel", "a lost true call counts as"), cuts)
        + f"\n{card['measured_on']} Limits: Clopper-Pearson, one-sided, 95%, of as many ALTs as there are different ones.\n\n"
        + _table(header, costs)
        + _sure(card.get("sure", []))
    )


def _sure(rows: list[dict[str, Any]]) -> str:
    """Calls that need no second look."""
    if not rows:
        return ""
    cells = [
        (
            row["probability"],
            row["reads"],
            f"{row['n_false']} of {row['n']}",
            f"at most {100 * row['false_at_most']:.2f}%",
            f"{100 * row['share_of_true']:.1f}%",
        )  # fmt: skip
        for row in rows
    ]
    header = ("PILEUP_PROB at least", "PILEUP_DP at least", "false", "limit", "of all true calls")
    return "\nSure calls, measured as above:\n\n" + _table(header, cells)


def _of(row: dict[str, Any], part: str, whole: str, limit: str, words: str) -> tuple[str, str]:
    """Counts as "3 of 420", and their limit as "at most 1.8%"."""
    share = row.get(limit)
    return f"{row[part]} of {row[whole]}", "-" if share is None else f"{words} {100 * share:.2f}%"


def _operating_points(points: list[dict[str, Any]]) -> str:
    if not points:
        return ""
    rows = []
    for point in points:
        for variant_type, threshold in sorted(point["thresholds"].items()):
            measured = point.get("measured", {}).get(variant_type, {})
            facts = (_with_limit(measured, name) for name in ("recall", "precision", "false_removed"))
            rows.append((point["name"], variant_type, threshold, *facts))
    header = ("operating point", "type", "threshold", "recall", "precision", "false removed")
    limits = "In brackets: at least, as the limits of the presets.\n\n" if "at_least" in str(points) else ""
    return "## Operating points\n\n" + limits + _table(header, rows)


def _with_limit(measured: dict[str, Any], name: str) -> str:
    """A share and its limit; older checkpoints have none."""
    share, limit = measured.get(name), measured.get(f"{name.removeprefix('false_')}_at_least")
    return _text(share) if limit is None else f"{_text(share)} ({limit:.4f})"


def _calibration(calibration: dict[str, Any]) -> str:
    if not calibration:
        return "## Calibration\n\nNone: probabilities are the network's own.\n"
    borders = calibration.get("depth_borders") or "none"
    rows = [
        (variant_type, band, len(one["logit_in"]))
        for variant_type, bands in sorted(calibration["maps"].items())
        for band, one in enumerate(bands)
    ]
    return f"## Calibration\n\nDepth borders: {borders}.\n\n" + _table(("type", "depth band", "knots"), rows)


def gate_bands(architecture: str, config: dict[str, Any]) -> list[GateBand]:
    """Of a cascade's gate, by kind and depth; none of another model. Raises ModelError as `parse_config`."""
    if architecture != "cascade":
        return []
    gate: tuple[GateBand, ...] = parse_config(architecture, config).gate
    return sorted(gate, key=lambda band: (band.kind, band.reads_from))


def _gate(architecture: str, config: dict[str, Any]) -> str:
    """What the first of two stages leaves to the second."""
    bands = gate_bands(architecture, config)
    if not bands:
        return ""
    words = "Between these raw logits of the first stage an ALT is left to the second, which looks at its reads."
    header: tuple[str, ...] = ("kind", "reads from", "above", "below")
    cells: list[tuple[Any, ...]] = [(band.kind, band.reads_from, band.low, band.high) for band in bands]
    if bands[0].share is not None:
        header += ("share",)
        cells = [(*cell, band.share) for cell, band in zip(cells, bands, strict=True)]
        words += " Share: of the ALTs with so many reads, of both kinds together, where the gate was made."
    return f"## Gate\n\n{words}\n\n" + _table(header, cells)


def _nested(title: str, data: dict[str, Any]) -> str:
    """A section of a dictionary: plain values as one table, dictionaries of them as tables of their own."""
    if not data:
        return ""
    plain = [(key, value) for key, value in sorted(data.items()) if not isinstance(value, dict)]
    parts = [f"{title}\n", _table(("", ""), plain)]
    for key, value in sorted(data.items()):
        if isinstance(value, dict):
            parts.append(f"### {key}\n\n" + _table(("", ""), sorted(value.items())))
    return "\n".join(part for part in parts if part)
