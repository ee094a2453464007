"""The plots of an evaluation: what is drawn, judged by scikit-learn."""

from __future__ import annotations

import html
import io
import re
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from matplotlib import font_manager
from PIL import Image
from sklearn.calibration import calibration_curve
from sklearn.metrics import precision_recall_curve, precision_score, recall_score, roc_curve

from fusion3d_gui.errors import UserError
from fusion3d_gui.training.measure.metrics import Estimate
from fusion3d_gui.training.report.plots import (
    _band,
    distribution_plot,
    forest_plot,
    png,
    precision_recall_plot,
    reliability_plot,
    roc_plot,
    style,
    svg,
    write_plots,
)

THRESHOLD = 0.4


@pytest.fixture(scope="module")
def judged() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1], [140, 60])
    return labels, 1 / (1 + np.exp(-rng.normal(1.6 * labels - 0.8, 1.2)))


@pytest.fixture(scope="module")
def figures(judged) -> dict:
    labels, chance = judged
    other = np.random.default_rng(1).random(200)
    return {
        "roc": roc_plot(labels, chance, Estimate(0.8), THRESHOLD, {"a $x$ & <b>": other}),
        "recall": precision_recall_plot(labels, chance, Estimate(0.7), THRESHOLD),
        "reliability": reliability_plot(labels, chance, Estimate(0.0512)),
        "scores": distribution_plot(labels, chance, THRESHOLD, ("no", "yes")),
    }


def lines(figure) -> dict:
    (axes,) = figure.axes
    return {line.get_label(): line.get_xydata() for line in axes.get_lines()}


def test_the_roc_curve_holds_the_working_point_of_the_threshold(judged):
    labels, chance = judged
    other = np.random.default_rng(1).random(200)
    found = lines(roc_plot(labels, chance, Estimate(0.8), THRESHOLD, {"other": other}))
    for name, scores in (("model, AUROC 0.800", chance), ("other", other)):
        np.testing.assert_allclose(found[name], np.transpose(roc_curve(labels, scores)[:2]))
    called = chance >= THRESHOLD
    expected = 1 - recall_score(labels, called, pos_label=0), recall_score(labels, called)
    np.testing.assert_allclose(found["threshold 0.4"], [expected])


def test_the_band_lies_about_the_curve(judged):
    labels, chance = judged
    (axes,) = roc_plot(labels, chance, Estimate(0.8), THRESHOLD, {}).axes
    (band,) = axes.collections
    outline = band.get_paths()[0].vertices
    false_rate, true_rate, _ = roc_curve(labels, chance)
    rng = np.random.default_rng(5)
    rows = [
        np.concatenate(
            [rng.choice(np.flatnonzero(labels == n), (labels == n).sum()) for n in (0, 1)]
        )
        for _ in range(600)
    ]
    for x in (0.2, 0.5):
        judge = [np.interp(x, *roc_curve(labels[row], chance[row])[:2]) for row in rows]
        ends = np.sort(outline[np.isclose(outline[:, 0], x), 1])
        assert (ends[0], ends[-1]) == pytest.approx(np.percentile(judge, [2.5, 97.5]), abs=0.04)
        assert ends[0] < np.interp(x, false_rate, true_rate) < ends[-1]


def test_precision_and_recall_hold_the_working_point_and_chance(judged):
    labels, chance = judged
    found = lines(precision_recall_plot(labels, chance, Estimate(0.7), THRESHOLD))
    called = chance >= THRESHOLD
    expected = recall_score(labels, called), precision_score(labels, called)
    np.testing.assert_allclose(found["threshold 0.4"], [expected])
    assert set(found["chance: 30 % positive"][:, 1]) == {0.3}


def test_reliability_is_scikit_learns_curve_with_the_cases_of_each_bin(judged):
    labels, chance = judged
    (axes,) = reliability_plot(labels, chance, Estimate(0.05)).axes
    points = np.array([bar.lines[0].get_xydata()[0] for bar in axes.containers])
    observed, stated = calibration_curve(labels, chance, n_bins=10)
    np.testing.assert_allclose(points, np.transpose([stated, observed]))
    counts = [int(text.get_text()) for text in axes.texts]
    assert counts == [n for n in np.histogram(chance, np.linspace(0, 1, 11))[0] if n]
    for bar, count, share in zip(axes.containers, counts, observed, strict=True):
        (low, high) = bar.lines[2][0].get_segments()[0][:, 1]
        # Wilson's interval in closed form.
        z, n = 1.959964, count
        middle = (share + z * z / (2 * n)) / (1 + z * z / n)
        reach = z / (1 + z * z / n) * np.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
        assert (low, high) == pytest.approx((middle - reach, middle + reach), abs=1e-5)


def test_bars_of_the_distribution_are_shares_of_their_class(judged):
    labels, chance = judged
    (axes,) = distribution_plot(labels, chance, THRESHOLD, ("no", "yes")).axes
    assert [text.get_text() for text in axes.get_legend().get_texts()][:2] == [
        "no (140)",
        "yes (60)",
    ]
    for label, bars in enumerate(axes.containers):
        heights = [bar.get_height() for bar in bars]
        values = chance[labels == label]
        expected = np.histogram(values, np.linspace(0, 1, 26))[0] / len(values)
        np.testing.assert_allclose(heights, expected)
    assert lines(axes.figure)["threshold 0.4"][:, 0].tolist() == [THRESHOLD, THRESHOLD]


def test_a_forest_shows_each_estimate_with_its_interval_from_the_top(judged):
    rows = [
        ("best", "ceiling", Estimate(0.95, 0.9, 0.98)),
        ("ours", "model", Estimate(0.9, 0.85, 0.93)),
        ("few", "baseline", Estimate(0.7)),
    ]
    (axes,) = forest_plot(rows, "T", "AUROC").axes
    drawn = [line.get_xydata().tolist() for line in axes.get_lines()]
    for number, (_, _, estimate) in enumerate(rows):
        assert [[estimate.value, number]] in drawn
    assert [[0.9, 0.0], [0.98, 0.0]] in drawn and [[0.85, 1.0], [0.93, 1.0]] in drawn
    assert [text.get_text() for text in axes.get_yticklabels()] == ["best", "ours", "few"]
    bottom, top = axes.get_ylim()
    assert bottom > top
    beside = {text.get_text(): text.xy for text in axes.texts}
    assert beside == {
        "0.950 (0.900 to 0.980)": (1.02, 0),
        "0.900 (0.850 to 0.930)": (1.02, 1),
        "0.700": (1.02, 2),
    }


def words(figure) -> list[str]:
    """The texts that are in the figure's picture, as a reader of the SVG would find them."""
    buffer = io.StringIO()
    with style(), matplotlib.rc_context({"svg.fonttype": "none"}):
        figure.savefig(buffer, format="svg")
    found = re.findall(r"<text[^>]*>(.*?)</text>", buffer.getvalue(), re.DOTALL)
    return [html.unescape(text).strip() for text in found]


def test_the_precision_recall_curve_and_its_band_are_scikit_learns(judged, figures):
    labels, chance = judged
    figure = figures["recall"]
    precision, recall, _ = precision_recall_curve(labels, chance)
    np.testing.assert_allclose(
        lines(figure)["model, AUPRC 0.700"], np.transpose([recall, precision])
    )
    (band,) = figure.axes[0].collections
    outline = band.get_paths()[0].vertices
    np.testing.assert_allclose(np.unique(outline[:, 0].round(9)), np.arange(101) / 100)
    rng = np.random.default_rng(5)
    rows = [
        np.concatenate(
            [rng.choice(np.flatnonzero(labels == n), (labels == n).sum()) for n in (0, 1)]
        )
        for _ in range(600)
    ]
    for x in (0.2, 0.5, 0.8):
        judge = []
        for row in rows:
            precision, recall, _ = precision_recall_curve(labels[row], chance[row])
            judge.append(np.interp(x, recall[::-1], precision[::-1]))
        ends = np.sort(outline[np.isclose(outline[:, 0], x), 1])
        assert (ends[0], ends[-1]) == pytest.approx(np.percentile(judge, [2.5, 97.5]), abs=0.05)


def test_without_a_positive_call_there_is_no_operating_point_of_precision(judged):
    labels, chance = judged
    found = lines(precision_recall_plot(labels, chance, Estimate(0.7), 1.1))
    assert not any("threshold" in label for label in found)


def test_a_band_holds_95_percent_of_what_resamples_within_each_class_give(judged):
    labels, chance = judged
    of_class = [set(chance[labels == number]) for number in (0, 1)]
    curves = []

    def curve(truth, scores):
        assert np.bincount(truth).tolist() == [140, 60]
        for number in (0, 1):
            assert set(scores[truth == number]) < of_class[number]
        curves.append(np.array([scores.mean(), scores.max(), scores[0]]))
        return curves[-1]

    low, high = _band(labels, chance, curve)
    np.testing.assert_allclose([low, high], np.percentile(curves, [2.5, 97.5], axis=0))
    assert len({each.tobytes() for each in curves}) > 400


def test_plots_say_in_words_what_they_show(figures):
    texts = words(figures["roc"])
    assert {"ROC curve", "1 − specificity", "Sensitivity"} < set(texts)
    legend = ["95 % band", "model, AUROC 0.800", "a $x$ & <b>", "chance", "threshold 0.4"]
    assert [text for text in texts if text in legend] == legend
    texts = words(figures["recall"])
    titles = {
        "Precision and recall",
        "Recall (sensitivity)",
        "Precision (positive predictive value)",
    }
    assert titles < set(texts)
    legend = ["95 % band", "model, AUPRC 0.700", "chance: 30 % positive", "threshold 0.4"]
    assert [text for text in texts if text in legend] == legend
    texts = words(figures["reliability"])
    assert {"Reliability", "Stated probability", "Observed share of positives"} < set(texts)
    legend = ["perfectly calibrated", "ECE 0.051; numbers: cases", "cases in a bin, 95 % interval"]
    assert [text for text in texts if text in legend] == legend
    texts = words(figures["scores"])
    assert {"Scores by class", "Probability", "Share of the class"} < set(texts)
    legend = ["threshold 0.4", "no (140)", "yes (60)"]
    assert sorted(text for text in texts if text in legend) == sorted(legend)
    assert {"0%", "10%"} < set(texts)
    assert not any("." in text for text in texts if text.endswith("%"))
    # Beside the plot, not within it: cut off by its edge they would be lost.
    texts = words(forest_plot([("best", "ceiling", Estimate(0.95, 0.9, 0.98))], "Study", "AUROC"))
    assert {"Study", "AUROC", "best", "0.950 (0.900 to 0.980)"} < set(texts)


def test_axes_of_shares_run_from_0_to_1_in_equal_units(figures):
    for name in ("roc", "recall", "reliability"):
        (axes,) = figures[name].axes
        for low, high in (axes.get_xlim(), axes.get_ylim()):
            assert -0.05 < low < 0 and 1 < high < 1.05
        assert axes.get_aspect() == 1
    for name, label in (("roc", "chance"), ("reliability", "perfectly calibrated")):
        assert lines(figures[name])[label].tolist() == [[0, 0], [1, 1]]
    (axes,) = figures["scores"].axes
    assert axes.get_xlim() == (0, 1)
    assert axes.get_ylim()[0] == 0


def test_bins_of_reliability_without_cases_are_left_out_and_counts_stand_over_their_interval():
    labels = np.array([0, 0, 1, 0, 1, 1])
    chance = np.array([0.02, 0.05, 0.08, 0.93, 1.0, 0.97])
    (axes,) = reliability_plot(labels, chance, Estimate(0.05)).axes
    assert [text.get_text() for text in axes.texts] == ["3", "3"]
    for text, bar in zip(axes.texts, axes.containers, strict=True):
        (segment,) = bar.lines[2][0].get_segments()
        assert text.xy == pytest.approx(segment[1])
        assert text.xyann[0] == 0 < text.xyann[1]
        assert text.get_ha() == "center"


def test_ceilings_of_a_forest_drop_a_line_and_rows_have_room_for_their_names():
    rows = [("best", "ceiling", Estimate(0.95)), ("ours", "model", Estimate(0.9))]
    (axes,) = forest_plot(rows, "T", "AUROC").axes
    drawn = [line.get_xydata().tolist() for line in axes.get_lines()]
    assert [[0.95, 0], [0.95, 1]] in drawn and [[0.9, 0], [0.9, 1]] not in drawn
    low, high = sorted(axes.get_ylim())
    assert low == pytest.approx(-0.5) and high == pytest.approx(1.5)
    assert not any(line.get_visible() for line in axes.yaxis.get_gridlines())
    assert any(line.get_visible() for line in axes.xaxis.get_gridlines())
    heights = [
        forest_plot(rows * count, "T", "AUROC").get_size_inches()[1] * 72 for count in (1, 2, 5)
    ]
    each = np.diff(heights) / (2, 6)
    assert each[0] == pytest.approx(each[1])
    assert 1.5 * 9 < each[0] < 3 * 9  # points, where the names have 9


def test_the_look_is_a_light_grid_behind_the_curves_and_two_axes_in_the_programs_font(figures):
    (axes,) = figures["roc"].axes
    visible = {side: spine.get_visible() for side, spine in axes.spines.items()}
    assert visible == {"left": True, "bottom": True, "top": False, "right": False}
    assert all(line.get_visible() for line in axes.xaxis.get_gridlines())
    assert axes.get_axisbelow() is True
    assert not axes.get_legend().get_frame_on()
    assert axes.collections[0].get_linewidth() == 0  # of the band: an edge would be another curve
    with style():
        assert "Inter" in Path(font_manager.findfont("Inter", fallback_to_default=False)).name
    once = len(font_manager.fontManager.ttflist)
    with style():
        assert len(font_manager.fontManager.ttflist) == once


def test_pictures_are_printed_at_150_dots_an_inch(judged):
    labels, chance = judged
    figure = reliability_plot(labels, chance, Estimate(0.05))
    expected = figure.get_size_inches() * 150
    assert Image.open(io.BytesIO(png(figure))).size == pytest.approx(expected, abs=1)
    doubled = Image.open(io.BytesIO(png(figure, dpi=300))).size
    assert doubled == pytest.approx(2 * expected, abs=1)
    # About 4 inches square: legend and title fit, and two stand side by side on a page.
    assert figure.get_size_inches() == pytest.approx(4.3, abs=0.5)


def test_plots_are_written_as_svg_and_png_over_those_of_before(judged, tmp_path):
    labels, chance = judged
    folder = tmp_path / "plots"
    for error in (0.05, 0.07):
        write_plots(folder, {"one": reliability_plot(labels, chance, Estimate(error))})
        assert sorted(path.name for path in folder.iterdir()) == ["one.png", "one.svg"]
        # The layout settles a little further with each drawing: a figure of its own to compare with.
        figure = reliability_plot(labels, chance, Estimate(error))
        assert (folder / "one.svg").read_text(encoding="utf-8") == svg(figure, "one")
        assert (folder / "one.png").read_bytes() == png(figure)
    with pytest.raises(UserError, match="plots can't be written"):
        write_plots(folder / "one.svg", {})
