"""The plots of an evaluation: what is drawn, judged by scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.calibration import calibration_curve
from sklearn.metrics import precision_score, recall_score, roc_curve

from fusion3d_gui.training.measure.metrics import Estimate
from fusion3d_gui.training.report.plots import (
    distribution_plot,
    forest_plot,
    precision_recall_plot,
    reliability_plot,
    roc_plot,
)

THRESHOLD = 0.4


@pytest.fixture(scope="module")
def judged() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1], [140, 60])
    return labels, 1 / (1 + np.exp(-rng.normal(1.6 * labels - 0.8, 1.2)))


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
