"""The look of the plots of an evaluation: colour, weight and size of each curve, marker and text, and their place."""

from __future__ import annotations

import re
from typing import Any

import matplotlib
import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from sklearn.metrics import roc_curve

from fusion3d_gui.training.measure.metrics import Estimate
from fusion3d_gui.training.report.plots import (
    distribution_plot,
    forest_plot,
    precision_recall_plot,
    reliability_plot,
    roc_plot,
    style,
    svg,
)

BLUE, ORANGE, GREEN, GREY = "#0072B2", "#D55E00", "#009E73", "#6b7480"
INK, FAINT = "#1b1f24", "#d5dade"
LABELS = np.repeat([0, 1, 0, 1], [60, 10, 10, 30])
SCORES = np.concatenate([np.linspace(0.01, 0.62, 70), np.linspace(0.4, 0.98, 40)])
AREA = Estimate(0.8)


@pytest.fixture(scope="module")
def figures() -> dict[str, Figure]:
    others = {name: SCORES[::-1] + n / 100 for n, name in enumerate("abcd")}
    return {
        "roc": roc_plot(LABELS, SCORES, AREA, 0.4, others),
        "recall": precision_recall_plot(LABELS, SCORES, AREA, 0.4),
        "reliability": reliability_plot(LABELS, SCORES, Estimate(0.0512)),
        "scores": distribution_plot(LABELS, SCORES, 0.4, ("no", "yes")),
    }


def axes_of(figure: Figure) -> Axes:
    (axes,) = figure.axes
    return axes


def lines(axes: Axes) -> dict[str, tuple[Any, ...]]:
    """Of each labelled line: colour, width, dashes, marker."""
    return {
        line.get_label(): (
            line.get_color(),
            line.get_linewidth(),
            line.get_linestyle(),
            line.get_marker(),
        )
        for line in axes.get_lines()
        if not line.get_label().startswith("_")
    }


THRESHOLD_MARK = (7, 1.4, "white", INK, "None")


def _mark(axes: Axes, label: str) -> tuple[Any, ...]:
    line = next(each for each in axes.get_lines() if each.get_label() == label)
    assert line.get_marker() == "o"
    return (
        line.get_markersize(),
        line.get_markeredgewidth(),
        line.get_markerfacecolor(),
        line.get_markeredgecolor(),
        line.get_linestyle(),
    )


def _band(axes: Axes) -> tuple[Any, ...]:
    (band,) = axes.collections
    color = matplotlib.colors.to_hex(band.get_facecolor()[0]).lower()
    return color, band.get_alpha(), float(band.get_linewidth()[0]), band.get_label()


def test_the_roc_curve_stands_out_from_others_and_from_chance(figures):
    axes = axes_of(figures["roc"])
    found = lines(axes)
    mark = found.pop("threshold 0.4")
    assert mark[2:] == ("None", "o")
    assert found == {
        "model, AUROC 0.800": (BLUE, 1.8, "-", "None"),
        "a": (ORANGE, 1.1, "--", "None"),
        "b": (GREEN, 1.1, "--", "None"),
        "c": (GREY, 1.1, "--", "None"),  # there are three colours
        "chance": (GREY, 0.8, ":", "None"),
    }
    assert _mark(axes, "threshold 0.4") == THRESHOLD_MARK
    assert _band(axes) == (BLUE.lower(), 0.18, 0, "95 % band")
    # Beginning with the curves: they are drawn in this order.
    order = [line.get_label() for line in axes.get_lines()]
    assert order == ["model, AUROC 0.800", "a", "b", "c", "chance", "threshold 0.4"]


def test_a_score_at_the_threshold_counts_as_positive(figures):
    assert (SCORES == 0.4).sum() == 1
    called = SCORES >= 0.4
    true, false = called[LABELS == 1].mean(), called[LABELS == 0].mean()
    expected = {"roc": (false, true), "recall": (true, LABELS[called].mean())}
    for name, place in expected.items():
        marks = [line for line in axes_of(figures[name]).get_lines() if line.get_marker() == "o"]
        np.testing.assert_allclose(marks[0].get_xydata(), [place])


def test_precision_is_a_step_curve_above_a_dotted_line_of_chance(figures):
    axes = axes_of(figures["recall"])
    share = LABELS.mean()
    assert lines(axes) == {
        "model, AUPRC 0.800": (BLUE, 1.8, "-", "None"),
        f"chance: {100 * share:.0f} % positive": (GREY, 0.8, ":", "None"),
        "threshold 0.4": lines(axes)["threshold 0.4"],
    }
    curve = axes.get_lines()[0]
    assert curve.get_drawstyle() == "steps-post"
    assert _mark(axes, "threshold 0.4") == THRESHOLD_MARK
    assert _band(axes) == (BLUE.lower(), 0.18, 0, "95 % band")


def test_a_band_is_drawn_with_the_same_resamples_each_time(figures):
    rng = np.random.default_rng(0)
    positives, negatives = SCORES[LABELS == 1], SCORES[LABELS == 0]
    shares = []
    for _ in range(500):
        drawn = [rng.choice(part, len(part)) for part in (positives, negatives)]
        false_rate, true_rate, _ = roc_curve(np.repeat([1, 0], [40, 70]), np.concatenate(drawn))
        shares.append(np.interp([0.1, 0.3], false_rate, true_rate))
    (band,) = axes_of(figures["roc"]).collections
    outline = band.get_paths()[0].vertices
    np.testing.assert_allclose(np.unique(outline[:, 0].round(9)), np.arange(101) / 100)
    for x, expected in zip((0.1, 0.3), np.percentile(shares, [2.5, 97.5], axis=0).T, strict=True):
        found = np.sort(outline[np.isclose(outline[:, 0], x), 1])
        np.testing.assert_allclose(found, expected)


def test_reliability_has_a_point_a_bin_with_caps_and_one_entry_in_the_legend(figures):
    axes = axes_of(figures["reliability"])
    assert lines(axes)["perfectly calibrated"] == (GREY, 0.8, ":", "None")
    assert len(axes.containers) == len(np.unique(np.minimum(SCORES // 0.1, 9)))
    named = [bar.get_label() for bar in axes.containers if not bar.get_label().startswith("_")]
    assert named == ["cases in a bin, 95 % interval"]
    assert not axes.containers[0].get_label().startswith("_")
    for bar in axes.containers:
        point, caps, (stem,) = bar.lines
        assert (point.get_color(), point.get_marker(), point.get_markersize()) == (BLUE, "o", 5)
        assert point.get_linestyle() == "None"
        assert float(stem.get_linewidth()[0]) == 1.1
        assert matplotlib.colors.to_hex(stem.get_color()[0]).lower() == BLUE.lower()
        # Matplotlib draws a cap as a marker of twice its size.
        assert [cap.get_markersize() for cap in caps] == [5, 5]
    for text in axes.texts:
        assert (text.get_fontsize(), text.get_color(), text.get_ha()) == (7, GREY, "center")
        assert text.xyann == (0, 3) and text.anncoords == "offset points"


def test_an_interval_of_reliability_never_reaches_above_its_share_by_rounding():
    labels = np.array([1, 1, 1, 0, 0, 0])
    chance = np.array([0.91, 0.95, 1.0, 0.0, 0.05, 0.03])
    for bar in axes_of(reliability_plot(labels, chance, AREA)).containers:
        low, high = bar.lines[2][0].get_segments()[0][:, 1]
        observed = bar.lines[0].get_xydata()[0, 1]
        assert low <= observed <= high and high - low > 0.3


def test_both_classes_of_the_distribution_are_seen_through_each_other(figures):
    axes = axes_of(figures["scores"])
    for bars, color in zip(axes.containers, (GREY, ORANGE), strict=True):
        assert len(bars) == 25
        for bar in bars:
            face = matplotlib.colors.to_hex(bar.get_facecolor())
            assert (face.lower(), bar.get_alpha()) == (color.lower(), 0.55)
        assert sum(bar.get_height() for bar in bars) == pytest.approx(1)
    assert lines(axes) == {"threshold 0.4": (INK, 1.1, "--", "None")}
    formatter = axes.yaxis.get_major_formatter()
    assert formatter(0.5) == "50%" and formatter(1) == "100%"
    assert axes.get_aspect() == "auto"


def test_a_forest_has_a_colour_a_kind_and_a_figure_beside_each_row():
    kinds = ("ceiling", "baseline", "model", "control", "reader")
    rows = [
        (kind, kind, Estimate(0.5 + n / 10, 0.4, 0.9 + n / 100)) for n, kind in enumerate(kinds)
    ]
    figure = forest_plot(rows, "T", "AUROC")
    axes = axes_of(figure)
    assert figure.get_size_inches() == pytest.approx((6.8, 0.8 + 0.32 * 5))
    drop, *others = axes.get_lines()
    assert (drop.get_color(), drop.get_linewidth(), drop.get_linestyle()) == (FAINT, 1, ":")
    colors = (GREY, ORANGE, BLUE, GREEN, GREY)
    for n, color in enumerate(colors):
        interval, point = others[2 * n : 2 * n + 2]
        assert (interval.get_color(), interval.get_linewidth()) == (color, 2.2)
        assert interval.get_solid_capstyle() == "butt"
        assert interval.get_xydata().tolist() == [[0.4, n], [0.9 + n / 100, n]]
        assert (point.get_color(), point.get_marker(), point.get_markersize()) == (color, "o", 5.5)
    assert len(others) == 10
    for n, text in enumerate(axes.texts):
        assert (text.xy, text.xycoords) == ((1.02, n), ("axes fraction", "data"))
        assert (text.get_fontsize(), text.get_va()) == (8, "center")
        assert text.get_annotation_clip() is False
    assert axes.get_ylim() == (4.5, -0.5)
    # An end that is not known is that of the figure itself.
    for low, high in ((None, 0.9), (0.3, None), (None, None)):
        drawn = axes_of(forest_plot([("a", "model", Estimate(0.7, low, high))], "T", "x"))
        ends = drawn.get_lines()[0].get_xdata()
        assert list(ends) == [0.7 if low is None else low, 0.7 if high is None else high]


def test_the_frame_of_all_plots_is_the_same(figures):
    for figure in figures.values():
        assert figure.get_size_inches() == pytest.approx((4.4, 4.2))
        assert figure.get_layout_engine() is not None
        axes = axes_of(figure)
        assert axes.spines["left"].get_linewidth() == 0.8
        assert matplotlib.colors.to_hex(axes.spines["left"].get_edgecolor()) == GREY
        (grid, *_) = axes.xaxis.get_gridlines()
        assert (grid.get_linewidth(), grid.get_color()) == (0.6, FAINT)
        assert axes.get_title(loc="left") and not axes.get_title(loc="center")
        assert axes._left_title.get_fontsize() == 10
        assert {text.get_fontsize() for text in axes.get_legend().get_texts()} == {8}
        assert axes.xaxis.label.get_fontsize() == 9
    for name in ("roc", "recall", "reliability"):
        figure = figures[name]
        assert axes_of(figure).get_xlim() == axes_of(figure).get_ylim() == (-0.01, 1.01)
    places = [axes_of(figure).get_legend()._loc for figure in figures.values()]
    assert places == [4, 0, 2, 1]  # lower right, best, upper left, upper right


def test_settings_hold_while_a_plot_is_made_and_no_longer():
    before = matplotlib.rcParams["font.size"]
    with style():
        assert matplotlib.rcParams["font.size"] == 9
        assert matplotlib.rcParams["font.family"] == ["Inter"]
        assert matplotlib.rcParams["text.parse_math"] is False
        assert matplotlib.rcParams["savefig.facecolor"] == "white"
    assert matplotlib.rcParams["font.size"] == before


def test_an_svg_has_no_date_and_identifiers_of_its_own():
    figure = forest_plot([("a", "model", Estimate(0.7))], "T", "x")
    text = svg(figure, "one")
    assert text.startswith("<svg") and "<dc:date>" not in text and "Matplotlib v" not in text
    named = re.findall(r'\bid="([^"]+)"', text)
    assert named and all(each.startswith("one-") for each in named)
    references = re.findall(r'href="#([^"]+)"|url\(#([^)]+)\)', text)
    assert references
    assert {each for pair in references for each in pair if each} <= set(named)
