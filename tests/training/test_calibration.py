"""Temperature and threshold, judged by scikit-learn's logistic regression and by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from fusion3d_gui.training.measure.calibration import ThresholdRule, fit_temperature


@pytest.mark.parametrize("true_temperature", [0.4, 1.0, 3.0])
def test_the_temperature_is_the_inverse_slope_of_a_logistic_regression_without_intercept(
    true_temperature,
):
    rng = np.random.default_rng(0)
    logits = rng.normal(0.5, 2, 4000)
    labels = (rng.random(4000) < expit(logits / true_temperature)).astype(np.int64)
    judge = LogisticRegression(C=np.inf, fit_intercept=False, tol=1e-9).fit(logits[:, None], labels)
    found = fit_temperature(logits, labels)
    assert found == pytest.approx(1 / judge.coef_[0, 0], rel=1e-3)
    assert found == pytest.approx(true_temperature, rel=0.1)


def test_the_temperature_stays_between_its_bounds():
    labels = np.repeat([0, 1], 20)
    perfect, reversed_ = 2.0 * labels - 1, 1 - 2.0 * labels
    assert fit_temperature(perfect, labels) == pytest.approx(0.05, rel=0.01)
    assert fit_temperature(reversed_, labels) == pytest.approx(20, rel=0.01)


def test_a_threshold_lies_midway_between_two_probabilities():
    labels = np.array([0, 0, 0, 1, 0, 1, 1])
    probabilities = np.array([0.05, 0.1, 0.2, 0.3, 0.35, 0.6, 0.8])
    # From 0.3 on: sensitivity 1, specificity 3/4; from 0.6 on: 2/3 and 1.
    assert ThresholdRule().threshold(probabilities, labels) == pytest.approx((0.2 + 0.3) / 2)
    for wanted, expected in ((0.3, 0.7), (0.34, 0.475), (0.67, 0.25)):
        assert ThresholdRule(wanted).threshold(probabilities, labels) == pytest.approx(expected)


def test_below_the_lowest_positive_of_all_the_threshold_is_half_of_it():
    labels = np.array([0, 1, 1])
    assert ThresholdRule(0.99).threshold(np.array([0.2, 0.1, 0.9]), labels) == pytest.approx(0.05)


def test_where_nothing_is_better_than_chance_the_threshold_is_a_half():
    labels = np.array([1, 1, 0, 0])
    assert ThresholdRule().threshold(np.array([0.1, 0.2, 0.8, 0.9]), labels) == 0.5


def test_the_threshold_never_is_0_or_1():
    labels = np.array([0, 1])
    assert ThresholdRule().threshold(np.array([0.0, 1e-7]), labels) == 1e-4
    assert ThresholdRule().threshold(np.array([1.0 - 1e-9, 1.0]), labels) == 1 - 1e-4


def test_a_sensitivity_is_reached_at_the_highest_of_several_positives_in_a_row() -> None:
    labels = np.array([0, 0, 1, 1, 1, 1])
    probabilities = np.array([0.1, 0.2, 0.6, 0.7, 0.8, 0.9])
    for wanted, expected in ((0.25, 0.85), (0.5, 0.75), (0.51, 0.65), (0.9, 0.4)):
        assert ThresholdRule(wanted).threshold(probabilities, labels) == pytest.approx(expected)


def test_a_rule_in_words_names_youden_or_its_sensitivity() -> None:
    assert ThresholdRule().text == (
        "Youden: largest sensitivity + specificity on the validation cases"
    )
    assert ThresholdRule(0.9).text == (
        "the highest at which the sensitivity on the validation cases is at least 0.9"
    )
