"""Calibration slope and intercept against scikit-learn; net benefit and Holm's correction against worked examples."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit, logit
from sklearn.linear_model import LogisticRegression

from fusion3d_gui.training.measure.recalibration import (
    holm_adjusted,
    logistic_recalibration,
    net_benefit,
)


@pytest.fixture
def drawn():
    rng = np.random.default_rng(0)
    truth = rng.normal(0, 1.5, 4000)
    labels = (rng.random(4000) < expit(truth)).astype(int)
    return labels, truth


def test_the_slope_is_that_of_an_unpenalised_logistic_regression(drawn):
    labels, truth = drawn
    said = expit(2 * truth + 0.4)
    found = logistic_recalibration(labels, said)
    other = LogisticRegression(C=np.inf, tol=1e-10).fit(logit(said)[:, None], labels)
    assert found["slope"].value == pytest.approx(other.coef_[0, 0], abs=1e-4)
    assert found["slope"].low < 0.5 < found["slope"].high
    assert found["intercept"].value < -0.2


def test_true_probabilities_have_slope_1_and_intercept_0(drawn):
    labels, truth = drawn
    for name, ideal in (("slope", 1.0), ("intercept", 0.0)):
        found = logistic_recalibration(labels, expit(truth))[name]
        assert found.low < ideal < found.high


def test_the_net_benefit_of_a_small_example():
    labels = np.array([1, 1, 0, 0, 0])
    said = np.array([0.9, 0.3, 0.6, 0.2, 0.1])
    # At 0.25: 2 true, 1 false at odds 1/3. At 0.5: 1 true, 1 false at odds 1.
    np.testing.assert_allclose(net_benefit(labels, said, (0.25, 0.5)), [(2 - 1 / 3) / 5, 0.0])


def test_holms_correction_of_a_worked_example():
    # Holm 1979: the smallest of four times 4, the next times 3, never falling.
    found = holm_adjusted([0.01, 0.04, 0.03, None, 0.005])
    np.testing.assert_allclose([found[n] for n in (4, 0, 2, 1)], [0.025, 0.04, 0.09, 0.09])
    assert found[3] is None
    assert holm_adjusted([0.6, 0.5]) == [1.0, 1.0]
