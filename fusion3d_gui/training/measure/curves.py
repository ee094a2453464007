"""The ROC and reliability curves of an evaluation, few enough points for a bundle's metadata."""

from __future__ import annotations

import numpy as np
from sklearn.metrics import roc_curve

from fusion3d_gui.model.bundle.evaluation_curves import (
    MOST_POINTS,
    EvaluationCurves,
    ReliabilityBin,
    RocPoint,
)
from fusion3d_gui.training.measure.metrics import CALIBRATION_BINS


def evaluation_curves(
    labels: np.ndarray, probabilities: np.ndarray, threshold: float
) -> EvaluationCurves:
    """The curves of labels [n] (0 or 1, both present) and calibrated probabilities [n] of 1.

    Probabilities are rounded to 6 significant digits. Of an ROC curve with more than 200 points those are
    kept that lie evenly along it, its ends, and the point at the decision's threshold: none of the others
    lies more than about 0.01 from the next kept one.
    """
    rounded = np.array([float(f"{each:.6g}") for each in probabilities])
    return EvaluationCurves(
        len(labels),
        int(labels.sum()),
        _roc(labels, rounded, threshold),
        _reliability(labels, rounded),
    )


def _roc(labels: np.ndarray, probabilities: np.ndarray, threshold: float) -> tuple[RocPoint, ...]:
    false_rate, true_rate, cuts = (
        # The first point calls no case positive; its threshold is infinite.
        column[1:]
        for column in roc_curve(labels, probabilities, drop_intermediate=False)
    )
    kept = np.arange(len(cuts))
    if len(cuts) > MOST_POINTS:
        along = true_rate + false_rate
        wanted = np.linspace(along[0], along[-1], MOST_POINTS - 1)
        # The nearest point: a curve rises in larger steps than it runs, so that the next lies above it.
        even = np.searchsorted((along[1:] + along[:-1]) / 2, wanted)
        decision = max(int(np.sum(cuts >= threshold)) - 1, 0)
        kept = np.unique([*even, decision])
    positives = int(labels.sum())
    true, false = true_rate * positives, false_rate * (len(labels) - positives)
    return tuple(RocPoint(float(cuts[n]), round(true[n]), round(false[n])) for n in kept)


def _reliability(labels: np.ndarray, probabilities: np.ndarray) -> tuple[ReliabilityBin, ...]:
    """Bins of equal width, as those of the expected calibration error."""
    edges = [round(n / CALIBRATION_BINS, 6) for n in range(CALIBRATION_BINS + 1)]
    numbers = np.digitize(probabilities, edges[1:-1])
    bins = []
    for n in range(CALIBRATION_BINS):
        inside = numbers == n
        mean = round(float(probabilities[inside].mean()), 6) if inside.any() else None
        hits = int(labels[inside].sum())
        bins.append(ReliabilityBin(edges[n], edges[n + 1], int(inside.sum()), hits, mean))
    return tuple(bins)
