"""The plots of an evaluation (Matplotlib), in colours that colour-blind readers tell apart; as SVG or PNG."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib
import matplotlib.ticker
import numpy as np
from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.stats import binomtest
from sklearn.metrics import precision_recall_curve, roc_curve

from fusion3d_gui.errors import UserError
from fusion3d_gui.output_file import whole_file, write_whole_text
from fusion3d_gui.shipped import resources_dir
from fusion3d_gui.training.measure.metrics import CALIBRATION_BINS, Estimate

# From Okabe and Ito's palette, which readers with any kind of colour vision tell apart.
BLUE, ORANGE, GREEN, GREY = "#0072B2", "#D55E00", "#009E73", "#6b7480"
_INK, _FAINT = "#1b1f24", "#d5dade"

_STYLE: Any = {
    "font.family": ["Inter"],
    "font.size": 9,
    "text.color": _INK,
    "axes.labelcolor": _INK,
    "axes.edgecolor": GREY,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 10,
    "axes.titleweight": "semibold",
    "axes.titlelocation": "left",
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": _FAINT,
    "grid.linewidth": 0.6,
    "xtick.color": GREY,
    "ytick.color": GREY,
    "xtick.labelcolor": _INK,
    "ytick.labelcolor": _INK,
    "legend.frameon": False,
    "legend.fontsize": 8,
    "lines.linewidth": 1.8,
    "savefig.facecolor": "white",
    "text.parse_math": False,  # names come from files: a dollar sign is one
}

#: Number of resamples for the band about a curve.
_BAND = 500


@contextmanager
def style() -> Iterator[None]:
    """Use these plots' Matplotlib settings; to be active while a plot is made and while it is saved."""
    known = {entry.fname for entry in font_manager.fontManager.ttflist}
    for path in (resources_dir() / "fonts").glob("*.otf"):
        if str(path) not in known:
            font_manager.fontManager.addfont(path)
    with matplotlib.rc_context(_STYLE):
        yield


def svg(figure: Figure, name: str) -> str:
    """A figure as an SVG element for a page; identifiers begin with ``name``, to be unique in the page.

    The same figure gives the same text; letters are drawn as outlines, so that no font is needed.
    """
    buffer = io.StringIO()
    with style(), matplotlib.rc_context({"svg.hashsalt": name, "svg.fonttype": "path"}):
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    # Matplotlib uses the same identifiers in every figure; within a page they must differ.
    return re.sub(r'(\bid="|href="#|url\(#)', rf"\1{name}-", text)


def png(figure: Figure, dpi: int = 150) -> bytes:
    """A figure as the bytes of a PNG file."""
    buffer = io.BytesIO()
    with style():
        figure.savefig(buffer, format="png", dpi=dpi)
    return buffer.getvalue()


def write_plots(folder: Path, figures: Mapping[str, Figure]) -> None:
    """Write each figure as NAME.svg and NAME.png into a folder, made where it is not there.

    Raises UserError when a file can't be written.
    """
    try:
        folder.mkdir(exist_ok=True)
        for name, figure in figures.items():
            write_whole_text(folder / f"{name}.svg", svg(figure, name))
            with whole_file(folder / f"{name}.png") as partial:
                partial.write_bytes(png(figure))
    except OSError as error:
        raise UserError(f"plots can't be written ({error.strerror})", path=folder) from None


def roc_plot(
    labels: np.ndarray,
    scores: np.ndarray,
    area: Estimate,
    threshold: float,
    others: Mapping[str, np.ndarray],
) -> Figure:
    """ROC curve with the 95 % band of its sensitivity, the operating point, and the curves of other scores."""
    grid = np.linspace(0, 1, 101)

    def sensitivity(truth: np.ndarray, given: np.ndarray) -> np.ndarray:
        false_rate, true_rate, _ = roc_curve(truth, given)
        sensitivities: np.ndarray = np.interp(grid, false_rate, true_rate)
        return sensitivities

    figure, axes = _square("ROC curve")
    with style():
        low, high = _band(labels, scores, sensitivity)
        axes.fill_between(grid, low, high, color=BLUE, alpha=0.18, lw=0, label="95 % band")
        false_rate, true_rate, _ = roc_curve(labels, scores)
        axes.plot(false_rate, true_rate, color=BLUE, label=f"model, AUROC {area.text()}")
        for (name, other), color in zip(others.items(), (ORANGE, GREEN, GREY), strict=False):
            false_rate, true_rate, _ = roc_curve(labels, other)
            axes.plot(false_rate, true_rate, color=color, lw=1.1, ls="--", label=name)
        axes.plot([0, 1], [0, 1], color=GREY, lw=0.8, ls=":", label="chance")
        called = scores >= threshold
        _mark_threshold(axes, called[labels == 0].mean(), called[labels == 1].mean(), threshold)
        axes.set(xlabel="1 − specificity", ylabel="Sensitivity")
        axes.legend(loc="lower right")
    return figure


def precision_recall_plot(
    labels: np.ndarray, scores: np.ndarray, area: Estimate, threshold: float
) -> Figure:
    """Precision against recall with its 95 % band, the operating point, and the share of positives (chance)."""
    grid = np.linspace(0, 1, 101)

    def precision(truth: np.ndarray, given: np.ndarray) -> np.ndarray:
        found, recall, _ = precision_recall_curve(truth, given)
        precisions: np.ndarray = np.interp(grid, recall[::-1], found[::-1])
        return precisions

    figure, axes = _square("Precision and recall")
    with style():
        low, high = _band(labels, scores, precision)
        axes.fill_between(grid, low, high, color=BLUE, alpha=0.18, lw=0, label="95 % band")
        found, recall, _ = precision_recall_curve(labels, scores)
        axes.plot(
            recall, found, color=BLUE, drawstyle="steps-post", label=f"model, AUPRC {area.text()}"
        )
        share = float(labels.mean())
        axes.axhline(
            share, color=GREY, lw=0.8, ls=":", label=f"chance: {100 * share:.0f} % positive"
        )
        called = scores >= threshold
        if called.any():
            _mark_threshold(axes, called[labels == 1].mean(), labels[called].mean(), threshold)
        axes.set(xlabel="Recall (sensitivity)", ylabel="Precision (positive predictive value)")
        axes.legend(loc="best")
    return figure


def _mark_threshold(axes: Axes, x: float, y: float, threshold: float) -> None:
    """Mark the operating point with a white circle."""
    label = f"threshold {threshold:g}"
    axes.plot(x, y, "o", ms=7, mfc="white", mec=_INK, mew=1.4, ls="none", label=label)


def reliability_plot(labels: np.ndarray, probabilities: np.ndarray, error: Estimate) -> Figure:
    """Observed share of positives against predicted probability in 10 bins, with Wilson's 95 % intervals."""
    figure, axes = _square("Reliability")
    edges = np.linspace(0, 1, CALIBRATION_BINS + 1)
    bins = np.digitize(probabilities, edges[1:-1])
    with style():
        axes.plot([0, 1], [0, 1], color=GREY, lw=0.8, ls=":", label="perfectly calibrated")
        first = True
        for number in range(CALIBRATION_BINS):
            inside = bins == number
            if not inside.any():
                continue
            hits, count = int(labels[inside].sum()), int(inside.sum())
            interval = binomtest(hits, count).proportion_ci(method="wilson")
            stated, observed = float(probabilities[inside].mean()), hits / count
            axes.errorbar(
                stated,
                observed,
                yerr=[[max(0.0, observed - interval.low)], [max(0.0, interval.high - observed)]],
                fmt="o",
                ms=5,
                color=BLUE,
                elinewidth=1.1,
                capsize=2.5,
                label="cases in a bin, 95 % interval" if first else None,
            )
            axes.annotate(
                f"{count}",
                (stated, interval.high),
                xytext=(0, 3),
                textcoords="offset points",
                ha="center",
                fontsize=7,
                color=GREY,
            )
            first = False
        axes.set(xlabel="Stated probability", ylabel="Observed share of positives")
        axes.plot([], [], " ", label=f"ECE {error.value:.3f}; numbers: cases")
        axes.legend(loc="upper left")
    return figure


def distribution_plot(
    labels: np.ndarray,
    probabilities: np.ndarray,
    threshold: float,
    class_names: Sequence[str],
) -> Figure:
    """Histograms of the probabilities of both classes, each as shares of its class."""
    figure, axes = _square("Scores by class", aspect=None)
    edges = np.linspace(0, 1, 26).tolist()
    with style():
        for label, color in ((0, GREY), (1, ORANGE)):
            values = probabilities[labels == label]
            axes.hist(
                values,
                edges,
                weights=np.full(len(values), 1 / len(values)),
                color=color,
                alpha=0.55,
                label=f"{class_names[label]} ({len(values)})",
            )
        axes.axvline(threshold, color=_INK, lw=1.1, ls="--", label=f"threshold {threshold:g}")
        axes.set(xlabel="Probability", ylabel="Share of the class", xlim=(0, 1), ylim=(0, None))
        axes.yaxis.set_major_formatter(matplotlib.ticker.PercentFormatter(1, decimals=0))
        axes.legend(loc="upper right")
    return figure


def forest_plot(rows: Sequence[tuple[str, str, Estimate]], title: str, label: str) -> Figure:
    """Forest plot of estimates with intervals: (name, kind, estimate) from the top, kinds by colour.

    Kinds are ``ceiling``, ``baseline``, ``model``, ``control`` and ``reader``; a dotted line drops from each ceiling.
    """
    colors = {
        "ceiling": GREY,
        "baseline": ORANGE,
        "model": BLUE,
        "control": GREEN,
        "reader": GREY,
    }
    with style():
        figure = Figure(figsize=(6.8, 0.8 + 0.32 * len(rows)), layout="constrained")
        axes = figure.add_subplot()
        for number, (_, kind, estimate) in enumerate(rows):
            color = colors[kind]
            if kind == "ceiling":
                axes.axvline(estimate.value, color=_FAINT, lw=1, ls=":")
            low = estimate.value if estimate.low is None else estimate.low
            high = estimate.value if estimate.high is None else estimate.high
            axes.plot([low, high], [number, number], color=color, lw=2.2, solid_capstyle="butt")
            axes.plot(estimate.value, number, "o", color=color, ms=5.5)
            axes.annotate(
                estimate.text(),
                (1.02, number),
                xycoords=("axes fraction", "data"),
                va="center",
                fontsize=8,
                annotation_clip=False,
            )
        axes.set_yticks(range(len(rows)), [name for name, _, _ in rows])
        axes.set(title=title, xlabel=label, ylim=(len(rows) - 0.5, -0.5))
        axes.grid(visible=False, axis="y")
    return figure


def _square(title: str, aspect: str | None = "equal") -> tuple[Figure, Axes]:
    with style():
        figure = Figure(figsize=(4.4, 4.2), layout="constrained")
        axes = figure.add_subplot()
        axes.set_title(title)
        if aspect:
            axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01), aspect=aspect)
    return figure, axes


def _band(
    labels: np.ndarray,
    scores: np.ndarray,
    curve: Callable[[np.ndarray, np.ndarray], np.ndarray],
) -> tuple[np.ndarray, np.ndarray]:
    """2.5th and 97.5th percentiles of ``curve(labels, scores)`` over resamples within each class."""
    rng = np.random.default_rng(0)
    positives, negatives = scores[labels == 1], scores[labels == 0]
    truth = np.repeat([1, 0], [len(positives), len(negatives)])
    curves = [
        curve(
            truth,
            np.concatenate([rng.choice(part, len(part)) for part in (positives, negatives)]),
        )
        for _ in range(_BAND)
    ]
    low, high = np.percentile(curves, [2.5, 97.5], axis=0)
    return low, high
