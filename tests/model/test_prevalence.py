"""The prior shift, against its closed form and against data resampled to another prevalence."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from scipy.stats import binomtest
from sklearn.calibration import calibration_curve
from sklearn.metrics import precision_score

from fusion3d_gui.model.bundle.bundle_info import BundleInfo
from fusion3d_gui.model.prevalence import (
    predictive_values,
    shifted_probability,
    wilson_interval,
)


def logit(share: float) -> float:
    return math.log(share / (1 - share))


@pytest.mark.parametrize("probability", [1e-6, 0.03, 0.5, 0.97])
@pytest.mark.parametrize(("prevalence", "other"), [(0.1, 0.5), (0.5, 0.01), (0.2, 0.2)])
def test_the_shift_adds_the_difference_of_the_priors_log_odds(probability, prevalence, other):
    expected = logit(probability) + logit(other) - logit(prevalence)
    found = shifted_probability(probability, prevalence, other)
    assert logit(found) == pytest.approx(expected)


def test_certainty_stays_certain():
    assert shifted_probability(0.0, 0.1, 0.5) == 0
    assert shifted_probability(1.0, 0.1, 0.5) == 1


def resampled(share: float, cases: int = 400_000) -> tuple[np.ndarray, np.ndarray]:
    """Labels and probabilities calibrated at 10 %, of a population of which another share is positive."""
    draw = np.random.default_rng(1)
    chance = draw.beta(0.5, 4.5, cases)
    labels = draw.random(cases) < chance
    positive, negative = np.flatnonzero(labels), np.flatnonzero(~labels)
    count = round(share * 100_000)
    rows = np.concatenate([draw.choice(positive, count), draw.choice(negative, 100_000 - count)])
    return labels[rows], chance[rows]


@pytest.mark.parametrize("share", [0.02, 0.5])
def test_shifted_probabilities_are_calibrated_in_the_other_population(share):
    labels, chance = resampled(share)
    observed, stated = calibration_curve(labels, chance, n_bins=10, strategy="quantile")
    assert np.abs(observed - stated).max() > 0.05
    shifted = [shifted_probability(each, 0.1, share) for each in chance]
    observed, stated = calibration_curve(labels, shifted, n_bins=10, strategy="quantile")
    assert np.abs(observed - stated).max() < 0.02


def test_predictive_values_are_those_of_the_other_population():
    own_labels, own_chance = resampled(0.1)
    sensitivity = np.mean(own_chance[own_labels] >= 0.2)
    specificity = np.mean(own_chance[~own_labels] < 0.2)
    labels, chance = resampled(0.5)
    positive, negative = predictive_values(sensitivity, specificity, 0.5)
    assert positive == pytest.approx(precision_score(labels, chance >= 0.2), abs=0.005)
    assert negative == pytest.approx(precision_score(~labels, chance < 0.2), abs=0.005)
    assert predictive_values(0.0, 1.0, 0.5) == (None, 0.5)


@pytest.mark.parametrize(("hits", "count"), [(0, 1), (0, 40), (7, 45), (45, 45)])
def test_intervals_are_wilsons(hits, count):
    expected = binomtest(hits, count).proportion_ci(method="wilson")
    assert wilson_interval(hits, count) == pytest.approx((expected.low, expected.high))


def test_the_prevalence_of_the_calibration_is_that_of_the_validation_cases(make_bundle):
    folder = make_bundle()
    assert BundleInfo.read(folder).calibrated_at is None
    path = folder / "configs" / "metadata.json"
    plain = json.loads(path.read_text(encoding="utf-8"))

    def calibrated_at(**training: object) -> float | None:
        path.write_text(json.dumps({**plain, "training": training}), encoding="utf-8")
        return BundleInfo.read(folder).calibrated_at

    assert calibrated_at(validation_cases=400, validation_positives=45) == 45 / 400
    assert calibrated_at(validation_cases=400, validation_positives=0) is None
    assert calibrated_at(validation_cases="400", validation_positives=45) is None
    balanced = {"sampling": "balanced"}
    assert calibrated_at(validation_cases=400, validation_positives=45, recipe=balanced) is None
