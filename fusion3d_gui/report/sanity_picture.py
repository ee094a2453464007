"""The checks of a map as one picture: how it fares against undoing, noise, other methods and chance."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np

from fusion3d_gui import RESEARCH_USE_ONLY
from fusion3d_gui.inference.explain.sanity_report import (
    AGREED_FROM,
    STABLE_FROM,
    UNDONE_BELOW,
    SanityReport,
)
from fusion3d_gui.model.localisation_record import METHOD_NAMES

_OURS, _CHANCE, _INK, _LIMIT = "#1f7a99", "#9aa3ad", "#30363d", "#c2570c"

#: Dots of the picture for each of a screen of ordinary density, so that it is sharp on dense ones.
DENSITY = 2


@dataclass(frozen=True, eq=False)
class SanityPicture:
    """The plots as a file and, so that a window need not unpack that, as pixels.

    ``pixels``: uint8 [row, column, 4], red, green, blue and an alpha of 255. ``density``: dots for
    each of a screen of ordinary density.
    """

    png: bytes
    pixels: np.ndarray
    density: float = DENSITY


def sanity_picture(
    report: SanityReport, size_inch: tuple[float, float] = (7.6, 4.3)
) -> SanityPicture:
    """Four plots at 200 dots an inch. Needs matplotlib; uses no display and no pyplot."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=size_inch, dpi=100 * DENSITY, layout="constrained")
    canvas = FigureCanvasAgg(figure)
    figure.supxlabel(RESEARCH_USE_ONLY, x=0.99, ha="right", fontsize=7, color=_INK)
    undone, alike, deletion, insertion = figure.subplots(2, 2).ravel()
    names = ("as learned", *report.randomised)
    undone.axhspan(-UNDONE_BELOW, UNDONE_BELOW, color=_CHANCE, alpha=0.15, linewidth=0)
    undone.plot(names, (1.0, *report.likeness), "o-", color=_OURS, markersize=4)
    undone.set_title("Likeness as what was learned is undone")
    undone.tick_params(axis="x", rotation=40)
    undone.set_ylim(-1.05, 1.05)
    likeness = {
        "a little noise": float(np.median(report.stability)),
        **{METHOD_NAMES[name]: value for name, value in report.agreement.items()},
    }
    alike.barh(list(likeness), list(likeness.values()), color=_OURS, height=0.6)
    limits = [STABLE_FROM, *[AGREED_FROM] * len(report.agreement)]
    alike.vlines(limits, np.arange(len(limits)) - 0.4, np.arange(len(limits)) + 0.4, color=_LIMIT)
    alike.set_xlim(-1, 1)
    alike.axvline(0, color=_INK, linewidth=0.8)
    alike.invert_yaxis()
    alike.set_title("Likeness under noise and to other methods")
    share = np.linspace(0, 100, len(report.deletion))
    for axes, own, chance, title in (
        (deletion, report.deletion, report.deletion_random, "Deleting what it marks"),
        (insertion, report.insertion, report.insertion_random, "Showing only what it marks"),
    ):
        axes.plot(share, chance.T, color=_CHANCE, linewidth=0.8)
        axes.plot(share, own, color=_OURS, linewidth=2)
        axes.set_title(f"{title} (gray: random orders)")
        axes.set_xlabel("share of the voxels, %", fontsize=8, color=_INK)
        axes.set_ylabel("logit", fontsize=8, color=_INK)
    for axes in (undone, alike, deletion, insertion):
        axes.title.set_fontsize(9)
        axes.title.set_color(_INK)
        axes.tick_params(labelsize=8, colors=_INK)
        axes.spines[["top", "right"]].set_visible(False)
    out = io.BytesIO()
    figure.savefig(out, format="png")
    return SanityPicture(out.getvalue(), np.array(canvas.buffer_rgba()))
