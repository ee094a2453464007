"""The checks of a map as one picture: how it fares against undoing, noise, other methods and chance."""

from __future__ import annotations

import io

import numpy as np

from fusion3d_gui.inference.answers import SanityReport

_OURS, _CHANCE, _INK = "#1f7a99", "#9aa3ad", "#30363d"


def sanity_picture(report: SanityReport, size_inch: tuple[float, float] = (8.6, 5.4)) -> bytes:
    """A PNG of four plots at 110 dots an inch. Needs matplotlib; uses no display and no pyplot."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=size_inch, dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    undone, alike, deletion, insertion = figure.subplots(2, 2).ravel()
    names = ("as learned", *report.randomised)
    undone.plot(names, (1.0, *report.likeness), "o-", color=_OURS)
    undone.set_title("Likeness as what was learned is undone")
    undone.tick_params(axis="x", rotation=40)
    likeness = {"noise": float(np.median(report.stability)), **report.agreement}
    alike.barh(list(likeness), list(likeness.values()), color=_OURS)
    alike.set_xlim(-1, 1)
    alike.invert_yaxis()
    alike.set_title("Likeness under noise, and to other methods")
    share = np.linspace(0, 100, len(report.deletion))
    for axes, own, chance, title in (
        (deletion, report.deletion, report.deletion_random, "Deleting what it marks"),
        (insertion, report.insertion, report.insertion_random, "Showing what it marks"),
    ):
        axes.plot(share, chance.T, color=_CHANCE, linewidth=1)
        axes.plot(share, own, color=_OURS, linewidth=2)
        axes.set_title(f"{title} (gray: chance)")
        axes.set_xlabel("voxels, %")
        axes.set_ylabel("logit")
    undone.set_ylim(min(-0.1, *report.likeness) - 0.05, 1.05)
    for axes in (undone, alike, deletion, insertion):
        axes.title.set_fontsize(10)
        axes.tick_params(labelsize=8, colors=_INK)
        axes.spines[["top", "right"]].set_visible(False)
    out = io.BytesIO()
    figure.savefig(out, format="png")
    return out.getvalue()
