"""SVG of a case's planes: letters, scale bar and captions as text and lines, the images as embedded PNG.

Everything is in tenths of a millimetre of paper. Letters and captions stand beside the image, never on it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fusion3d_gui.imaging.display.heat_colors import heatmap_colors
from fusion3d_gui.plain_text import html_text
from fusion3d_gui.report.case_result import CaseResult
from fusion3d_gui.report.picture.plane_picture import PlanePicture, png_url

#: Room around an image for the letters, and above it for the caption.
_MARGIN, _HEAD = 34.0, 40.0
_FONT = 'font-family="Inter"'
_INK, _FAINT, _PEAK = "#e6e9ed", "#aeb6c0", "#56d8a8"
#: The scale bar is at most this share of the image's width.
_LONGEST_BAR = 0.4


@dataclass(frozen=True)
class Drawing:
    """An SVG document; ``width`` and ``height`` are tenths of a millimetre of paper."""

    svg: str
    width: float
    height: float


def plane_drawing(
    picture: PlanePicture, *, heat: bool, width: float, height: float, scale: float
) -> Drawing:
    """One plane on black.

    Parameters
    ----------
    picture
        What to draw.
    heat
        Whether under the heatmap.
    width, height
        Of the whole drawing.
    scale
        Paper per millimetre of patient; the image is centred.
    """
    image = picture.heat_url if heat else picture.plain_url
    wide, high = picture.width_mm * scale, picture.height_mm * scale
    left, top = (width - wide) / 2, _HEAD + (height - _HEAD - _MARGIN - high) / 2
    letters = zip(
        picture.letters,
        (
            (_MARGIN / 2, top + high / 2 + 9),
            (width - _MARGIN / 2, top + high / 2 + 9),
            (width / 2, _HEAD - 6 if top - 8 < _HEAD else top - 8),
            (width / 2, height - 9),
        ),
        strict=True,
    )
    bar_mm = scale_bar_mm(_LONGEST_BAR * picture.width_mm)
    bar = bar_mm * scale
    parts = [
        f'<rect x="0" y="0" width="{width:g}" height="{height:g}" fill="#000000"/>',
        f'<image x="{left:.2f}" y="{top:.2f}" width="{wide:.2f}" height="{high:.2f}" '
        f'preserveAspectRatio="none" xlink:href="{image}"/>',
        text(8, 25, f"{picture.name}  {picture.position}", 21),
        text(width - 8, 25, picture.image, 19, color=_FAINT, anchor="end"),
        *(text(x, y, letter, 26, bold=True, anchor="middle") for letter, (x, y) in letters),
        *_peak_ticks(left + picture.cross[0] * wide, top + picture.cross[1] * high),
        f'<path d="M{width - 8 - bar:.2f} {height - 14} v6 h{bar:.2f} v-6" '
        f'fill="none" stroke="{_INK}" stroke-width="2"/>',
        text(width - 8 - bar / 2, height - 17, f"{bar_mm:g} mm", 17, color=_FAINT, anchor="middle"),
    ]
    return Drawing(document(width, height, parts), width, height)


def color_bar_drawing(
    result: CaseResult, width: float, *, ink: str = "#4a525c", blank: str = "#d5d9de"
) -> Drawing:
    """The heatmap's colours from 0 to its peak, transparent below the threshold, in one line; its numbers in ``ink``, ``blank`` below the threshold."""
    heatmap, look = result.prediction.heatmap, result.appearance
    height, strip, names = 42.0, 10.0, _scale_names(result)
    colors = heatmap_colors(look.color_map)
    first = round(255 * look.threshold)
    x = look.threshold * width
    visible = np.ascontiguousarray(colors[first:][None])
    parts = [
        f'<rect x="0.5" y="0.5" width="{width - 1:g}" height="{strip:g}" fill="{blank}"/>',
        f'<image x="{x:.2f}" y="0.5" width="{width - x - 0.5:.2f}" height="{strip:g}" '
        f'preserveAspectRatio="none" xlink:href="{png_url(visible)}"/>',
        text(0, 33, names[0], 19, color=ink),
        text(x, 33, names[1], 19, color=ink, anchor="middle"),
        text(width, 33, names[2], 19, color=ink, anchor="end"),
    ]
    if heatmap.peak <= 0:
        parts = [text(0, 25, names[0], 21, color=ink)]
    return Drawing(document(width, height, parts), width, height)


def _scale_names(result: CaseResult) -> tuple[str, str, str]:
    heatmap, threshold = result.prediction.heatmap, result.appearance.threshold
    if heatmap.peak <= 0:
        return f"Nothing {heatmap.side} the logit by this method.", "", ""
    return (
        "0",
        f"shown from {100 * threshold:.0f} % on",
        f"100 % = {heatmap.peak_text}",
    )


def scale_bar_mm(longest_mm: float) -> float:
    """Length of a scale bar: the largest of 1, 2, 5 times a power of ten up to ``longest_mm``."""
    power = 10.0 ** math.floor(math.log10(longest_mm))
    return max(step * power for step in (1.0, 2.0, 5.0) if step * power <= longest_mm)


def text(
    x: float,
    y: float,
    words: str,
    size: float,
    *,
    color: str = _INK,
    anchor: str = "start",
    bold: bool = False,
) -> str:
    """A line of text at a baseline; its words are a stranger's and never markup."""
    weight = ' font-weight="600"' if bold else ""
    return (
        f'<text x="{x:.2f}" y="{y:.2f}" font-size="{size:g}"{weight} fill="{color}" '
        f'text-anchor="{anchor}" {_FONT}>{html_text(words)}</text>'
    )


def document(width: float, height: float, parts: Sequence[str]) -> str:
    """An SVG document of elements."""
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
        f'viewBox="0 0 {width:g} {height:g}" width="{width / 10:g}mm" height="{height / 10:g}mm">'
        + "".join(parts)
        + "</svg>"
    )


def _peak_ticks(x: float, y: float) -> list[str]:
    """Four short lines that point at the peak and leave it free."""
    near, far = 14.0, 26.0
    lines = (
        (x - far, y, x - near, y),
        (x + near, y, x + far, y),
        (x, y - far, x, y - near),
        (x, y + near, x, y + far),
    )
    return [
        f'<path d="M{a:.2f} {b:.2f} L{c:.2f} {d:.2f}" stroke="{_PEAK}" stroke-width="2.5"/>'
        for a, b, c, d in lines
    ]
