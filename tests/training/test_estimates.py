"""Figures with intervals: how they are written, and means and shares beside numpy."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from fusion3d_gui.training.measure.metrics import (
    Estimate,
    calibration_error,
    compute_metrics,
    mean,
    median,
    ratio_of_means,
    share_of_ceiling,
)


@pytest.mark.parametrize("one", [Estimate(0.5), Estimate(0.5, 0.4), Estimate(0.5, None, 0.6)])
def test_half_an_interval_is_none(one):
    assert one.text() == "0.500"
    assert one.lines() == "0.500"


def test_a_cell_has_typographic_minus_signs_its_scale_and_its_unit():
    assert Estimate(-0.123, -0.2, 0.05).lines(1, 100, " %") == "−12.3 %\n−20.0 to 5.0"


def test_numbers_in_json_have_five_digits():
    assert Estimate(1 / 3, None, 2 / 3).to_json() == {
        "value": 0.33333,
        "low": None,
        "high": 0.66667,
    }


def test_means_and_medians_lie_within_their_intervals():
    values = np.random.default_rng(2).normal(5, 2, 400)
    for found, expected, half in (
        (mean(values), values.mean(), 0.2),
        (median(values), np.median(values), 0.25),
    ):
        assert found.value == pytest.approx(expected)
        assert found.low < expected < found.high
        assert (found.high - found.low) / 2 == pytest.approx(half, rel=0.3)


def test_half_the_distance_to_the_best_score_is_a_share_of_a_half():
    chance = np.random.default_rng(3)
    labels = np.repeat([0, 1], 300)
    best = labels + chance.normal(0, 0.8, 600)
    noisy = labels + chance.normal(0, 2.0, 600)

    def area(scores: np.ndarray) -> float:
        return float((scores[300:, None] > scores[None, :300]).mean())

    found = share_of_ceiling(labels, noisy, best)
    expected = (area(noisy) - 0.5) / (area(best) - 0.5)
    assert found.value == pytest.approx(expected)
    assert 0.4 < expected < 0.9
    assert expected - 0.25 < found.low < expected < found.high < expected + 0.25


def test_intervals_of_precision_and_calibration_error_are_those_of_numpys_bootstrap():
    chance = np.random.default_rng(8)
    labels = np.repeat([0, 1], [60, 40])
    probabilities = np.clip(0.35 * labels + chance.uniform(0.1, 0.6, 100), 0.01, 0.99)
    found = compute_metrics(labels, probabilities, 0.5, resamples=400)
    resampled = [
        np.concatenate([chance.choice(60, 60), 60 + chance.choice(40, 40)]) for _ in range(400)
    ]
    precisions = [average_precision_score(labels[a], probabilities[a]) for a in resampled]
    errors = [calibration_error(labels[a], probabilities[a]) for a in resampled]
    for name, values in (("auprc", precisions), ("ece", errors)):
        low, high = np.percentile(values, [2.5, 97.5])
        assert (found[name].low, found[name].high) == pytest.approx((low, high), abs=0.03)


def test_a_share_has_no_interval_where_the_best_is_as_good_as_chance_in_a_resample():
    labels = np.repeat([1, 0], 5)
    # An AUROC of 0.8; of 0.5 in the 1 % of the resamples that draw the first two positives alone.
    best = np.array([0, 0, 1, 1, 1, 0, 0, 0, 0, 0], float)
    found = share_of_ceiling(labels, labels.astype(float), best)
    assert found.value == pytest.approx(0.5 / 0.3)
    assert (found.low, found.high) == (None, None)
    assert share_of_ceiling(labels, labels.astype(float), np.zeros(10)) is None


def test_a_ratio_of_means_has_the_interval_of_a_bootstrap_over_pairs():
    chance = np.random.default_rng(4)
    others = chance.uniform(0.05, 0.5, 60)  # none as large as 1
    values = others * 0.6 + chance.normal(0, 0.05, 60)
    found = ratio_of_means(values, others)
    assert found.value == pytest.approx(values.mean() / others.mean())
    resampled = [chance.integers(0, 60, 60) for _ in range(4000)]
    ratios = [values[rows].mean() / others[rows].mean() for rows in resampled]
    low, high = np.percentile(ratios, [2.5, 97.5])
    assert (found.low, found.high) == pytest.approx((low, high), abs=0.02)
    assert high - low < 0.15  # of the two apart it would be 0.3


def test_there_is_no_ratio_to_a_mean_that_is_not_above_0():
    assert ratio_of_means(np.ones(5), np.zeros(5)) is None
    assert ratio_of_means(np.ones(5), -np.ones(5)) is None
