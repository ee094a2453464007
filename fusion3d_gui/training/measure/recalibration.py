"""Calibration slope and intercept, net benefit of decisions, and Holm's correction of p values."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.special import expit, logit
from scipy.stats import norm

from fusion3d_gui.training.measure.metrics import CONFIDENCE, Estimate

#: Probabilities nearer to 0 or 1 than this have this logit.
_EDGE = 1e-6
_MOST_STEPS = 50


def logistic_recalibration(labels: np.ndarray, probabilities: np.ndarray) -> dict[str, Estimate]:
    """Slope and intercept (in the large) of a logistic recalibration, with Wald's 95 % intervals.

    ``slope`` is that of the outcome's logistic regression on the logit of the probability (1 is ideal, below 1
    too extreme); ``intercept`` that of the same with the slope fixed at 1 (0 is ideal, below 0 too high). Cox 1958;
    Steyerberg, Clinical Prediction Models.

    Parameters
    ----------
    labels, probabilities
        [n] 0 or 1, both present, and the probability of 1.
    """
    scores = logit(np.clip(probabilities, _EDGE, 1 - _EDGE))
    ones = np.ones_like(scores)
    slope = _logistic(np.stack([ones, scores], axis=1), labels, np.zeros_like(scores))[1]
    intercept = _logistic(ones[:, None], labels, scores)[0]
    return {"slope": slope, "intercept": intercept}


def net_benefit(
    labels: np.ndarray, probabilities: np.ndarray, thresholds: Sequence[float]
) -> np.ndarray:
    """Net benefit at each threshold t: (true positives − false positives · t / (1 − t)) / n (Vickers & Elkin 2006).

    ``labels`` and ``probabilities`` are [n]; a case is called positive from t on. Returns [number of thresholds].
    """
    found = []
    for cut in thresholds:
        called = probabilities >= cut
        true, false = (called & (labels == 1)).sum(), (called & (labels == 0)).sum()
        found.append((true - false * cut / (1 - cut)) / len(labels))
    return np.array(found)


def holm_adjusted(p_values: Sequence[float | None]) -> list[float | None]:
    """Holm's (1979) adjusted p values, in the given order; what is not defined stays so, and counts."""
    order = sorted(range(len(p_values)), key=lambda n: _or_one(p_values[n]))
    found: list[float | None] = [None] * len(p_values)
    highest = 0.0
    for rank, n in enumerate(order):
        highest = max(highest, min(1.0, (len(p_values) - rank) * _or_one(p_values[n])))
        found[n] = None if p_values[n] is None else highest
    return found


def _or_one(p: float | None) -> float:
    return 1.0 if p is None else p


def _logistic(design: np.ndarray, labels: np.ndarray, offset: np.ndarray) -> list[Estimate]:
    """Coefficients of an unpenalised logistic regression by Newton's method, with Wald's intervals."""
    weights = np.zeros(design.shape[1])
    for _ in range(_MOST_STEPS):
        said = expit(design @ weights + offset)
        information = (design * (said * (1 - said))[:, None]).T @ design
        step = np.linalg.solve(information, design.T @ (labels - said))
        weights += step
        if np.abs(step).max() < 1e-10:
            break
    reach = norm.ppf(0.5 + CONFIDENCE / 2) * np.sqrt(np.diag(np.linalg.inv(information)))
    return [
        Estimate(float(value), float(value - far), float(value + far))
        for value, far in zip(weights, reach, strict=True)
    ]
