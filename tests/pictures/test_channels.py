"""Panels of a tensor: every channel named, every cell shown as it is.

What users of igvReader complain of cannot happen: channels without a name or scale, and pixels that were resampled.
"""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

from vcffilter.kernels.tensor import CHANNEL_NAMES
from vcffilter.pictures.channels import draw_channels
from vcffilter.pictures.drawing import Rectangle, to_pixels, to_svg

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def tensor():
    return np.random.default_rng(5).integers(0, 256, (9, 7, len(CHANNEL_NAMES)), np.uint8)


def test_every_channel_has_its_name_and_there_is_a_legend(tensor):
    document = ElementTree.fromstring(to_svg(draw_channels(tensor, CHANNEL_NAMES, "chr1:5 A>C", "label 1")))
    texts = [element.text for element in document.iter(f"{SVG}text")]
    assert [name for name in CHANNEL_NAMES if name not in texts] == []
    assert {"chr1:5 A>C", "label 1"} <= set(texts)
    assert any("the first row the reference" in text for text in texts)
    assert any("white 0, black 255" in text and "A green" in text for text in texts)


def test_nothing_is_resampled():
    """The painted cells give the values back, one by one."""
    values = np.random.default_rng(6).integers(0, 256, (5, 9), np.uint8)
    drawing = draw_channels(values[:, :, None], ("support",), "t", "n")
    frame = next(shape for shape in drawing.shapes if isinstance(shape, Rectangle) and shape.outline)
    pixels = to_pixels(drawing)
    cell_x, cell_y = frame.width / 9, frame.height / 5
    centres = [
        [pixels[int(frame.y + (row + 0.5) * cell_y), int(frame.x + (column + 0.5) * cell_x)] for column in range(9)]
        for row in range(5)
    ]
    seen = np.array(centres)
    assert np.array_equal(255 - seen[:, :, 0], values)
    assert np.array_equal(seen[:, :, 0], seen[:, :, 2])


def test_bases_have_the_colours_of_the_other_pictures():
    drawing = draw_channels(np.full((2, 3, 1), 60, np.uint8), ("base",), "t", "n")
    assert {shape.fill for shape in drawing.shapes if isinstance(shape, Rectangle)} >= {"#009e73"}
