"""A pileup tensor as a picture: one panel a channel, with its name, a scale, and the row of the reference on top.

Shows what a network sees, cell by cell: nothing is resampled. Knows neither networks nor files.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from vcffilter.pictures.drawing import Drawing, Label, Rectangle, Shape

_CELL, _HEADING, _GAP, _MARGIN, _TOP = 5.0, 16.0, 14.0, 12.0, 44.0
_MOST_PANELS_A_ROW = 6
#: Colours of the bases' levels (kernels.tensor), as in the other pictures; other levels are shades.
_BASE_COLOURS = {60: "#009e73", 120: "#0072b2", 180: "#e69f00", 240: "#d55e00", 30: "#999999"}
_BASE_CHANNEL = "base"
_LEGEND = "each panel one channel; a row a read, the first row the reference; columns around the event, its column marked below"
_SCALE = "white 0, black 255"
_BASE_SCALE = "A green, C blue, G orange, T red"


def draw_channels(tensor: np.ndarray, channel_names: Sequence[str], title: str, note: str) -> Drawing:
    """The picture of one allele's tensor.

    tensor: uint8 (rows, columns, channels), as the encoder writes it. channel_names: of the last axis. title, note: what stands
    above.
    """
    n_rows, n_columns, n_channels = tensor.shape
    panel_width = max(n_columns * _CELL, 84.0)
    panel_height = _HEADING + n_rows * _CELL + _GAP
    per_row = min(n_channels, _MOST_PANELS_A_ROW)
    shapes: list[Shape] = [Label(_MARGIN, 16, title, 13), Label(_MARGIN, 33, note, 10, "#444444")]
    for channel, name in enumerate(channel_names):
        x = _MARGIN + (channel % per_row) * (panel_width + _GAP)
        y = _TOP + (channel // per_row) * panel_height
        shapes += _panel(tensor[:, :, channel], name, x, y)
    n_bands = -(-n_channels // per_row)
    width = max(_MARGIN * 2 + per_row * (panel_width + _GAP) - _GAP, 640.0)
    bottom = _TOP + n_bands * panel_height
    scale = f"{_SCALE}; {_BASE_SCALE}" if _BASE_CHANNEL in channel_names else _SCALE
    shapes += [Label(_MARGIN, bottom + 6, _LEGEND, 9, "#666666"), Label(_MARGIN, bottom + 19, scale, 9, "#666666")]
    return Drawing(width, bottom + 30, tuple(shapes), title, f"{note}. Channels: {', '.join(channel_names)}")


def _panel(values: np.ndarray, name: str, x: float, y: float) -> list[Shape]:
    """One channel, neighbouring cells of one value as one rectangle."""
    n_rows, n_columns = values.shape
    top = y + _HEADING
    shapes: list[Shape] = [Label(x, y + 7, name, 9)]
    for row in range(n_rows):
        borders = np.flatnonzero(np.diff(values[row])) + 1
        for first, last in zip([0, *borders], [*borders, n_columns], strict=True):
            value = int(values[row, first])
            if value:
                colour = _colour(value, name)
                shapes.append(Rectangle(x + first * _CELL, top + row * _CELL, (last - first) * _CELL, _CELL, colour))
    shapes.append(Rectangle(x, top, n_columns * _CELL, n_rows * _CELL, outline="#bbbbbb"))
    shapes.append(Rectangle(x + (n_columns // 2) * _CELL, top + n_rows * _CELL + 1, _CELL, 2, "#8b1a62"))
    return shapes


def _colour(value: int, name: str) -> str:
    if name == _BASE_CHANNEL and value in _BASE_COLOURS:
        return _BASE_COLOURS[value]
    level = 255 - value
    return f"#{level:02x}{level:02x}{level:02x}"
