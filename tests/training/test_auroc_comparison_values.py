"""Comparisons of two scores in each case that can occur, with every number of the result."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from fusion3d_gui.training.measure.auroc_comparison import AurocComparison, compare_scores
from fusion3d_gui.training.measure.metrics import Estimate, auroc_difference

LABELS = np.array([0, 1, 0, 0, 1, 1, 0, 1, 0, 0, 1, 0])
RNG = np.random.default_rng(5)
A = LABELS + RNG.normal(0, 0.8, 12).round(1)
B = LABELS + RNG.normal(0, 1.2, 12).round(1)


def components(scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Share of negatives below each positive, and of positives above each negative (DeLong et al. 1988)."""
    x, y = scores[LABELS == 1], scores[LABELS == 0]
    wins = (x[:, None] > y) + 0.5 * (x[:, None] == y)
    return wins.mean(axis=1), wins.mean(axis=0)


@pytest.mark.parametrize(("a", "b"), [(A, B), (B, A)])
def test_difference_interval_and_p_are_delongs(a, b):
    found = compare_scores(LABELS, a, b)
    (xa, ya), (xb, yb) = components(a), components(b)
    gap = xa.mean() - xb.mean()
    error = np.sqrt(np.var(xa - xb, ddof=1) / 5 + np.var(ya - yb, ddof=1) / 7)
    assert abs(gap) > 0.01
    assert (found.auroc_a, found.auroc_b) == pytest.approx((xa.mean(), xb.mean()))
    reach = norm.ppf(0.975) * error
    assert found.difference == Estimate(
        pytest.approx(gap), pytest.approx(gap - reach), pytest.approx(gap + reach)
    )
    assert found.p == pytest.approx(2 * norm.sf(abs(gap) / error))
    assert found.bootstrap == auroc_difference(LABELS, a, b)
    plain = found.to_json()
    assert plain == {
        "auroc_a": round(found.auroc_a, 5),
        "auroc_b": round(found.auroc_b, 5),
        "difference": found.difference.to_json(),
        "p": found.p,
        "bootstrap": found.bootstrap.to_json(),
    }


def test_scores_in_the_same_order_do_not_differ():
    for b in (A, 3 * A + 1, np.exp(A)):
        found = compare_scores(LABELS, A, b)
        assert found.difference == Estimate(0.0, 0.0, 0.0)
        assert (found.p, found.p_text) == (1.0, "p = 1")
        assert found.auroc_a == found.auroc_b == pytest.approx(components(A)[0].mean())


@pytest.mark.parametrize("sign", [1, -1])
def test_a_difference_without_variance_has_neither_interval_nor_p(sign):
    perfect = LABELS * 1.0
    found = compare_scores(LABELS, sign * perfect, -sign * perfect)
    assert found.difference == Estimate(pytest.approx(sign * 1.0))
    assert (found.p, found.p_text) == (None, "p not defined")
    assert found.bootstrap == Estimate(sign * 1.0, sign * 1.0, sign * 1.0)


@pytest.mark.parametrize(
    ("p", "text"),
    [(0.0, "p < 0.0001"), (9.9e-5, "p < 0.0001"), (1e-4, "p = 0.0001"), (0.126, "p = 0.13")],
)
def test_a_p_is_said_with_two_digits(p, text):
    zero = Estimate(0.0)
    assert AurocComparison(0.5, 0.5, zero, p, zero).p_text == text
