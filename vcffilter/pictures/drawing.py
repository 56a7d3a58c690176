"""Shapes on a page, and their two forms: SVG text and PNG bytes. Knows nothing of reads or calls.

Lengths in pixels, origin at the top left.
"""

from __future__ import annotations

import io
from dataclasses import dataclass, replace
from html import escape
from typing import TYPE_CHECKING

import numpy as np

from vcffilter.errors import MissingExtraError, install_hint

if TYPE_CHECKING:
    from PIL import Image

_FONT_FAMILY = "DejaVu Sans Mono, Menlo, Consolas, monospace"


@dataclass(frozen=True)
class Rectangle:
    """Filled; `outline` draws its border instead of a fill where fill is ""."""

    x: float
    y: float
    width: float
    height: float
    fill: str = ""
    outline: str = ""


@dataclass(frozen=True)
class Label:
    """One line of text; y is its middle. anchor: start, middle or end."""

    x: float
    y: float
    text: str
    size: float
    colour: str = "#222222"
    anchor: str = "start"


@dataclass(frozen=True)
class Polygon:
    """Filled. points: (x, y) of the corners."""

    points: tuple[tuple[float, float], ...]
    fill: str


Shape = Rectangle | Label | Polygon


@dataclass(frozen=True)
class Drawing:
    """Shapes in the order in which they are painted. title, description: for those who cannot see it."""

    width: float
    height: float
    shapes: tuple[Shape, ...]
    title: str
    description: str


def beside(left: Drawing, right: Drawing) -> Drawing:
    """Two drawings side by side as one; the title is that of the left one."""
    shapes = (*left.shapes, *(_moved(shape, left.width) for shape in right.shapes))
    description = f"{left.description}. {right.description}"
    return Drawing(left.width + right.width, max(left.height, right.height), shapes, left.title, description)


def _moved(shape: Shape, to_right: float) -> Shape:
    if isinstance(shape, Polygon):
        return replace(shape, points=tuple((x + to_right, y) for x, y in shape.points))
    return replace(shape, x=shape.x + to_right)


def to_svg(drawing: Drawing) -> str:
    """The drawing as an SVG document."""
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" viewBox="0 0 {drawing.width:g} {drawing.height:g}" '
        f'width="{drawing.width:g}" height="{drawing.height:g}" font-family="{_FONT_FAMILY}">',
        f"<title>{escape(drawing.title)}</title><desc>{escape(drawing.description)}</desc>",
        '<rect width="100%" height="100%" fill="#ffffff"/>',
    ]
    parts += [_svg_shape(shape) for shape in drawing.shapes]
    return "\n".join([*parts, "</svg>\n"])


def _svg_shape(shape: Shape) -> str:
    if isinstance(shape, Rectangle):
        paint = f'fill="{shape.fill}"' if shape.fill else 'fill="none"'
        border = f' stroke="{shape.outline}"' if shape.outline else ""
        return f'<rect x="{shape.x:g}" y="{shape.y:g}" width="{shape.width:g}" height="{shape.height:g}" {paint}{border}/>'
    if isinstance(shape, Polygon):
        points = " ".join(f"{x:g},{y:g}" for x, y in shape.points)
        return f'<polygon points="{points}" fill="{shape.fill}"/>'
    anchor = f' text-anchor="{shape.anchor}"' if shape.anchor != "start" else ""
    return (
        f'<text x="{shape.x:g}" y="{shape.y:g}" font-size="{shape.size:g}" fill="{shape.colour}" dominant-baseline="central"'
        f"{anchor}>{escape(shape.text)}</text>"
    )


def to_png(drawing: Drawing, scale: int = 2) -> bytes:
    """The drawing as a PNG of `scale` pixels a unit. Raises MissingExtraError without Pillow."""
    buffer = io.BytesIO()
    _painted(drawing, scale).save(buffer, "PNG", compress_level=6)
    return buffer.getvalue()


def to_pixels(drawing: Drawing, scale: int = 1) -> np.ndarray:
    """The drawing as uint8 (height, width, 3). Raises MissingExtraError without Pillow."""
    return np.asarray(_painted(drawing, scale))


def _painted(drawing: Drawing, scale: int) -> Image.Image:
    try:
        from PIL import Image, ImageDraw, ImageFont
    except ImportError as error:
        raise MissingExtraError("PNG pictures need Pillow", hint=f"{install_hint('pillow', 'report')}, or write SVG") from error
    image = Image.new("RGB", (round(drawing.width * scale), round(drawing.height * scale)), "#ffffff")
    canvas = ImageDraw.Draw(image)
    fonts: dict[float, ImageFont.FreeTypeFont | ImageFont.ImageFont] = {}
    for shape in drawing.shapes:
        if isinstance(shape, Rectangle):
            x, y = shape.x * scale, shape.y * scale
            corners = (x, y, max(x, x + shape.width * scale - 1), max(y, y + shape.height * scale - 1))
            canvas.rectangle(corners, fill=shape.fill or None, outline=shape.outline or None)
        elif isinstance(shape, Polygon):
            canvas.polygon([(x * scale, y * scale) for x, y in shape.points], fill=shape.fill)
        else:
            if shape.size not in fonts:  # to load one takes longer than to write with it
                fonts[shape.size] = ImageFont.load_default(shape.size * scale)
            font = fonts[shape.size]
            anchor = {"start": "lm", "middle": "mm", "end": "rm"}[shape.anchor]
            canvas.text((shape.x * scale, shape.y * scale), shape.text, fill=shape.colour, font=font, anchor=anchor)
    return image
