"""From logits to honest probabilities and a decision: temperature and threshold."""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize_scalar
from sklearn.metrics import roc_curve


def fit_temperature(logits: np.ndarray, labels: np.ndarray) -> float:
    """The temperature T (0.05 to 20) that minimises the log loss of sigmoid(logit / T).

    Temperature scaling (Guo et al. 2017, On Calibration of Modern Neural Networks), fitted on cases
    [n] that were not trained on.
    """
    signs = 1 - 2 * labels.astype(np.float64)

    def log_loss(log_temperature: float) -> float:
        return float(np.logaddexp(0, signs * logits / np.exp(log_temperature)).mean())

    best = minimize_scalar(log_loss, bounds=(np.log(0.05), np.log(20)), method="bounded")
    return round(float(np.exp(best.x)), 4)


def youden_threshold(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """The threshold with the largest sensitivity + specificity − 1 (Youden 1950), in (0, 1).

    It lies midway between the lowest probability [n] called positive and the next below.
    """
    false_rate, true_rate, cuts = roc_curve(labels, probabilities, drop_intermediate=False)
    cut = cuts[int(np.argmax(true_rate - false_rate))]
    if not np.isfinite(cut):
        return 0.5
    below = probabilities[probabilities < cut]
    middle = (cut + (below.max() if len(below) else 0.0)) / 2
    return round(float(np.clip(middle, 1e-4, 1 - 1e-4)), 4)
