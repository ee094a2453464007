"""The caption of a view: what is seen, the colours of heat and masks with their units, notices."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fusion3d_gui import RESEARCH_USE_ONLY
from fusion3d_gui.imaging.display.heat_colors import heatmap_colors
from fusion3d_gui.imaging.labels.scan_object import Mask
from fusion3d_gui.notebook.layers import mask_color, rgb_of
from fusion3d_gui.plain_text import html_text

#: Colours of the bar that are written out; the browser draws what lies between.
_STOPS = 12


def caption(
    title: str, facts: Sequence[str], legend: Sequence[str], notices: Sequence[str] = ()
) -> str:
    """HTML: a title, facts in one line, the lines of :func:`heat_legend` and :func:`mask_legend`, notices."""
    lines = [f"<b>{html_text(title)}</b>", html_text(" · ".join(facts)), *legend]
    lines += [html_text(each) for each in notices]
    lines += [f"<i>{RESEARCH_USE_ONLY}</i>"]
    inside = "".join(f"<div>{line}</div>" for line in lines if line)
    return f'<div style="font-family:sans-serif;font-size:13px;line-height:1.5">{inside}</div>'


def heat_legend(peak: str, threshold: float) -> str:
    """A bar of the heat's colours from the threshold (a share) to 100 %, which ``peak`` explains with its unit."""
    levels = np.linspace(255 * threshold, 255, _STOPS).round().astype(int)
    stops = ", ".join(f"rgb({r}, {g}, {b})" for r, g, b in heatmap_colors()[levels].tolist())
    bar = (
        '<span style="display:inline-block;width:120px;height:10px;margin:0 4px;'
        f'background:linear-gradient(to right, {stops})"></span>'
    )
    return f"Heat: {100 * threshold:.0f} %{bar}100 % ({html_text(peak)})"


def mask_legend(masks: Sequence[Mask]) -> str:
    """A square of each mask's colour, its name and volume; empty without masks."""
    squares = [
        '<span style="display:inline-block;width:10px;height:10px;margin-right:4px;'
        f'background:rgb{rgb_of(mask_color(mask, number))}"></span>'
        f"{html_text(mask.name)} ({mask.volume_ml:.3g} ml)"
        for number, mask in enumerate(masks)
    ]
    return " &ensp; ".join(squares)
