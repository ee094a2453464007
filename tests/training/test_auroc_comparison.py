"""DeLong's test, judged by its definition (all pairs), by the bootstrap and by chance."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import kstest, norm
from sklearn.metrics import roc_auc_score

from fusion3d_gui.training.measure.auroc_comparison import AurocComparison, compare_scores
from fusion3d_gui.training.measure.metrics import Estimate


def two_scores(seed: int, n: int = 150, better: float = 0.0):
    rng = np.random.default_rng(seed)
    labels = np.repeat([0, 1], [n - n // 3, n // 3])
    shared = rng.standard_normal(n) + labels
    a = shared + rng.standard_normal(n) + better * labels
    b = shared + rng.standard_normal(n)
    return labels, np.round(a, 1), np.round(b, 1)


def delong_by_definition(labels, a, b):
    """Variance of the difference from the structural components of all pairs (DeLong 1988)."""
    components = []
    for score in (a, b):
        x, y = score[labels == 1], score[labels == 0]
        psi = (x[:, None] > y) + 0.5 * (x[:, None] == y)
        components.append((psi.mean(axis=1), psi.mean(axis=0)))
    (xa, ya), (xb, yb) = components
    variance = np.var(xa - xb, ddof=1) / len(xa) + np.var(ya - yb, ddof=1) / len(ya)
    return xa.mean() - xb.mean(), variance


def test_delongs_test_is_that_of_its_definition():
    labels, a, b = two_scores(1, better=0.4)
    found = compare_scores(labels, a, b)
    gap, variance = delong_by_definition(labels, a, b)
    assert found.auroc_a == pytest.approx(roc_auc_score(labels, a))
    assert found.auroc_b == pytest.approx(roc_auc_score(labels, b))
    assert found.difference.value == pytest.approx(gap)
    assert found.difference.low == pytest.approx(gap - 1.959964 * np.sqrt(variance), abs=1e-6)
    assert found.p == pytest.approx(2 * norm.sf(abs(gap) / np.sqrt(variance)))
    assert found.bootstrap.low == pytest.approx(found.difference.low, abs=0.015)
    assert found.bootstrap.high == pytest.approx(found.difference.high, abs=0.015)


def test_without_a_difference_p_is_uniform():
    ps = [compare_scores(*two_scores(seed, 90)).p for seed in range(60)]
    assert kstest(ps, "uniform").pvalue > 0.01


def test_equal_scores_do_not_differ():
    labels, a, _ = two_scores(2)
    found = compare_scores(labels, a, a)
    assert (found.difference.value, found.p) == (0, 1)
    assert found.p_text == "p = 1"


def test_perfect_scores_against_perfectly_wrong_ones_have_no_p():
    labels = np.repeat([0, 1], 6)
    found = compare_scores(labels, labels.astype(float), 1.0 - labels)
    assert found.difference.value == pytest.approx(1)
    assert (found.auroc_a, found.auroc_b) == pytest.approx((1, 0))
    assert found.p is None


@pytest.mark.parametrize(
    ("p", "text"),
    [
        (None, "p not defined"),
        (0.99e-4, "p < 0.0001"),
        (1e-4, "p = 0.0001"),
        (0.0312, "p = 0.031"),
        (1.0, "p = 1"),
    ],
)
def test_p_has_two_digits_and_is_not_said_below_1_in_10000(p, text):
    found = AurocComparison(1 / 3, 2 / 3, Estimate(-1 / 3), p, Estimate(-1 / 3))
    assert found.p_text == text
    plain = found.to_json()
    assert (plain["auroc_a"], plain["auroc_b"], plain["p"]) == (0.33333, 0.66667, p)
