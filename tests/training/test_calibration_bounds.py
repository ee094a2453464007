"""Temperature, threshold and its rule at their bounds and to the last digit that is kept."""

from __future__ import annotations

import re

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.special import expit

from fusion3d_gui.errors import UserError
from fusion3d_gui.training.measure.calibration import ThresholdRule, fit_temperature


@pytest.mark.parametrize("seed", range(4))
def test_the_temperature_is_the_root_of_the_losss_slope_with_four_decimals(seed):
    rng = np.random.default_rng(seed)
    logits = rng.normal(0.3, 2, 60)
    labels = (rng.random(60) < expit(logits / 1.7)).astype(np.int64)

    def slope(inverse: float) -> float:
        return float((logits * (expit(logits * inverse) - labels)).sum())

    expected = 1 / brentq(slope, 0.05, 20, xtol=1e-12)
    found = fit_temperature(logits, labels)
    assert found == pytest.approx(expected, rel=2e-4)
    assert found == round(found, 4)


def test_the_fourth_decimal_of_a_temperature_is_kept():
    found = []
    for seed in range(6):
        rng = np.random.default_rng(seed)
        logits = rng.normal(0, 2, 30)
        found.append(fit_temperature(logits, (rng.random(30) < expit(logits)).astype(np.int64)))
    assert any(value != round(value, 3) for value in found)


@pytest.mark.parametrize(
    ("text", "sensitivity"),
    [
        ("youden", None),
        (" Youden\n", None),
        ("youden=", None),
        ("sensitivity=0.9", 0.9),
        (" SENSITIVITY=0.001 ", 0.001),
        ("sensitivity=0.999", 0.999),
        ("sensitivity= 0.5", 0.5),
    ],
)
def test_a_rule_is_read_in_any_case_and_with_spaces_around(text, sensitivity):
    assert ThresholdRule.parse(text) == ThresholdRule(sensitivity)


@pytest.mark.parametrize(
    "text",
    [
        "sensitivity=0",
        "sensitivity=1",
        "sensitivity=1.0001",
        "sensitivity=-0.5",
        "sensitivity=nan",
        "sensitivity=",
        "specificity=0.9",
        "=0.9",
        "youden=0.9",
        "",
    ],
)
def test_what_is_neither_youden_nor_a_sensitivity_between_0_and_1_is_refused(text):
    with pytest.raises(UserError, match=re.escape(f"threshold rule {text!r} is unknown")):
        ThresholdRule.parse(text)


def test_a_sensitivity_that_is_exactly_reached_is_reached():
    labels = np.array([1, 1, 1, 1, 0, 0])
    chance = np.array([0.9, 0.7, 0.5, 0.3, 0.4, 0.1])
    for wanted, expected in ((0.25, 0.8), (0.26, 0.6), (0.5, 0.6), (0.75, 0.45), (0.76, 0.2)):
        assert ThresholdRule(wanted).threshold(chance, labels) == pytest.approx(expected)


def test_the_threshold_is_the_middle_with_four_decimals():
    labels, chance = np.array([0, 0, 1, 1]), np.array([0.05, 0.123456, 0.2, 0.9])
    for rule in (ThresholdRule(), ThresholdRule(0.9)):
        assert rule.threshold(chance, labels) == 0.1617
        assert rule.threshold(chance[::-1], labels[::-1]) == 0.1617


def test_of_equally_good_thresholds_by_youden_the_highest_is_taken():
    # From 0.8 on: 1/2 and 1; from 0.4 on: 1 and 1/2.
    labels, chance = np.array([1, 0, 1, 0]), np.array([0.8, 0.6, 0.4, 0.2])
    assert ThresholdRule().threshold(chance, labels) == 0.7


def test_all_cuts_of_the_curve_are_tried():
    # Three positives in a row: their cuts lie on a straight line, which scikit-learn would leave out.
    labels, chance = np.array([1, 1, 1, 0]), np.array([0.9, 0.8, 0.7, 0.1])
    assert ThresholdRule(0.6).threshold(chance, labels) == pytest.approx(0.75)
    assert ThresholdRule().threshold(chance, labels) == pytest.approx(0.4)
