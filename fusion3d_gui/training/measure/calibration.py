"""Calibration: temperature scaling of logits, and the threshold of the decision."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize_scalar
from sklearn.metrics import roc_curve

from fusion3d_gui.errors import UserError


def fit_temperature(logits: np.ndarray, labels: np.ndarray) -> float:
    """Temperature T, 0.05 to 20, that minimises the log loss of sigmoid(logit / T).

    Temperature scaling (Guo et al. 2017, On Calibration of Modern Neural Networks), from logits [n] and
    labels [n] of cases that were not trained on.
    """
    signs = 1 - 2 * labels.astype(np.float64)

    def log_loss(log_temperature: float) -> float:
        return float(np.logaddexp(0, signs * logits / np.exp(log_temperature)).mean())

    best = minimize_scalar(log_loss, bounds=(np.log(0.05), np.log(20)), method="bounded")
    return round(float(np.exp(best.x)), 4)


@dataclass(frozen=True)
class ThresholdRule:
    """How the threshold is chosen on the validation cases.

    With ``sensitivity`` None, by the largest sensitivity + specificity − 1 (Youden 1950); else the highest
    threshold with at least that sensitivity.
    """

    sensitivity: float | None = None

    @classmethod
    def parse(cls, text: str) -> ThresholdRule:
        """Parse ``youden`` or, e.g., ``sensitivity=0.9``. Raises UserError for anything else."""
        name, _, target = text.strip().lower().partition("=")
        if name == "youden" and not target:
            return cls()
        try:
            wanted = float(target)
        except ValueError:
            wanted = 0.0
        if name != "sensitivity" or not 0 < wanted < 1:
            raise UserError(
                f"threshold rule {text!r} is unknown",
                remedy="Use youden, or sensitivity=X with X between 0 and 1.",
            )
        return cls(wanted)

    @property
    def text(self) -> str:
        """In words, for the model card."""
        if self.sensitivity is None:
            return "Youden: largest sensitivity + specificity on the validation cases"
        return (
            f"the highest at which the sensitivity on the validation cases is at least "
            f"{self.sensitivity:g}"
        )

    def threshold(self, probabilities: np.ndarray, labels: np.ndarray) -> float:
        """The threshold, 0.0001 to 0.9999, for probabilities [n] with labels [n], both of which must occur.

        It lies midway between the lowest probability called positive and the next below, and is 0.5 where
        Youden's index is nowhere above 0.
        """
        false_rate, true_rate, cuts = roc_curve(labels, probabilities, drop_intermediate=False)
        if self.sensitivity is None:
            best = int(np.argmax(true_rate - false_rate))
        else:
            # Cuts descend, so that the first that is sensitive enough is the highest.
            best = int(np.argmax(true_rate >= self.sensitivity))
        cut = cuts[best]
        if not np.isfinite(cut):
            return 0.5
        below = probabilities[probabilities < cut]
        middle = (cut + (below.max() if len(below) else 0.0)) / 2
        return round(float(np.clip(middle, 1e-4, 1 - 1e-4)), 4)
