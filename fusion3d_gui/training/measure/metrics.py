"""The metrics of an evaluation, each with a bootstrap interval of 95 %.

Values are scikit-learn's, SciPy's and TorchMetrics'; intervals are :func:`scipy.stats.bootstrap`'s
(percentile, 2000 resamples). Positives and negatives are resampled separately, so that every resample has
the table's prevalence: metrics that depend on it hold for that prevalence.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypedDict

import numpy as np
from scipy.stats import DegenerateDataWarning, bootstrap, mannwhitneyu
from sklearn.metrics import average_precision_score, brier_score_loss

RESAMPLES = 2000
CONFIDENCE = 0.95

#: Number of bins, of equal width, of the calibration error and of the reliability plot.
CALIBRATION_BINS = 10

#: Numbers in one batch of resamples at most (32 MB).
_BATCH_NUMBERS = 4_000_000

#: Titles of the metrics, in the order in which they are shown.
METRIC_TITLES = {
    "auroc": "AUROC",
    "auprc": "AUPRC (average precision)",
    "brier": "Brier score",
    "ece": "Expected calibration error",
    "sensitivity": "Sensitivity",
    "specificity": "Specificity",
}


class EstimateJson(TypedDict):
    """An :class:`Estimate` as a JSON object."""

    value: float
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Estimate:
    """A value and its 95 % interval; ``low`` and ``high`` are None where there is none (fewer than 2 cases)."""

    value: float
    low: float | None = None
    high: float | None = None

    def text(self, digits: int = 3) -> str:
        """E.g. ``0.912 (0.880 to 0.941)``."""
        if self.low is None or self.high is None:
            return f"{self.value:.{digits}f}"
        return f"{self.value:.{digits}f} ({self.low:.{digits}f} to {self.high:.{digits}f})"

    def lines(self, digits: int = 3, scale: float = 1.0, unit: str = "") -> str:
        """The value and, on a second line, its interval: for a table's cell, with typographic minus signs."""
        text = f"{self.value * scale:.{digits}f}{unit}"
        if self.low is not None and self.high is not None:
            text += f"\n{self.low * scale:.{digits}f} to {self.high * scale:.{digits}f}"
        return text.replace("-", "−")

    def to_json(self) -> EstimateJson:
        """As a JSON object, rounded to 5 digits."""
        low, high = (None if end is None else round(end, 5) for end in (self.low, self.high))
        return {"value": round(self.value, 5), "low": low, "high": high}

    @classmethod
    def from_json(cls, plain: EstimateJson) -> Estimate:
        """The estimate of which :meth:`to_json` made ``plain``."""
        return cls(plain["value"], plain["low"], plain["high"])


def compute_metrics(
    labels: np.ndarray, probabilities: np.ndarray, threshold: float, resamples: int = RESAMPLES
) -> dict[str, Estimate]:
    """AUROC, AUPRC, Brier score, ECE, and sensitivity and specificity at the threshold.

    Parameters
    ----------
    labels, probabilities
        [n] 0 or 1, both present, and the calibrated probability of 1.
    threshold
        Cases with at least this probability are called positive.

    Returns
    -------
    dict
        Estimates by the names of :data:`METRIC_TITLES`. ECE (Naeini et al. 2015) is over 10 bins of equal
        width; resampling adds noise to it, so that its interval lies high.
    """
    positives, negatives = probabilities[labels == 1], probabilities[labels == 0]
    truth = np.repeat([1, 0], [len(positives), len(negatives)])

    def joined(of_one: Callable[[np.ndarray, np.ndarray], float]) -> Callable[..., np.ndarray]:
        def statistic(a: np.ndarray, b: np.ndarray, axis: int = -1) -> np.ndarray:
            both = np.concatenate([a, b], axis=-1)
            flat = both.reshape(-1, both.shape[-1])
            return np.array([of_one(truth, row) for row in flat]).reshape(both.shape[:-1])

        return statistic

    def mean_square(a: np.ndarray, b: np.ndarray, axis: int = -1) -> np.ndarray:
        total: np.ndarray = ((1 - a) ** 2).sum(axis=axis) + (b**2).sum(axis=axis)
        return total / len(truth)

    found = {
        "auroc": auroc(labels, probabilities, resamples),
        "auprc": _estimate(
            average_precision_score(labels, probabilities),
            (positives, negatives),
            joined(_average_precision),
            resamples,
        ),
        "brier": _estimate(
            brier_score_loss(labels, probabilities), (positives, negatives), mean_square, resamples
        ),
        "ece": _estimate(
            calibration_error(truth, np.concatenate([positives, negatives])),
            (positives, negatives),
            joined(calibration_error),
            resamples,
        ),
    }
    for name, hits in (
        ("sensitivity", positives >= threshold),
        ("specificity", negatives < threshold),
    ):
        found[name] = _estimate(hits.mean(), (hits.astype(np.float64),), np.mean, resamples)
    return found


def auroc(labels: np.ndarray, scores: np.ndarray, resamples: int = RESAMPLES) -> Estimate:
    """Area under the ROC curve of a score [n] that is higher for label 1; both labels must occur."""
    parts = scores[labels == 1], scores[labels == 0]
    return _estimate(float(_area(*parts)), parts, _area, resamples)


def auroc_difference(
    labels: np.ndarray, scores: np.ndarray, others: np.ndarray, resamples: int = RESAMPLES
) -> Estimate:
    """AUROC of ``scores`` minus AUROC of ``others``, both [n] of the same cases (paired bootstrap)."""

    def difference(a: np.ndarray, b: np.ndarray, axis: int = -1) -> np.ndarray:
        a, b = a.astype(np.int64), b.astype(np.int64)
        gap: np.ndarray = _area(scores[a], scores[b], axis) - _area(others[a], others[b], axis)
        return gap

    parts = np.flatnonzero(labels == 1), np.flatnonzero(labels == 0)
    return _estimate(float(difference(*parts)), parts, difference, resamples)


def share_of_ceiling(
    labels: np.ndarray, scores: np.ndarray, best: np.ndarray, resamples: int = RESAMPLES
) -> Estimate | None:
    """(AUROC of ``scores`` − 0.5) / (AUROC of ``best`` − 0.5), with the interval of a paired bootstrap.

    All [n] of the same cases. None where ``best`` is not better than chance.
    """

    def share(a: np.ndarray, b: np.ndarray, axis: int = -1) -> np.ndarray:
        a, b = a.astype(np.int64), b.astype(np.int64)
        distance = _area(best[a], best[b], axis) - 0.5
        # Undefined in a resample in which the best is not better than chance; then there is no interval.
        distance = np.where(distance > 0, distance, np.nan)
        reached: np.ndarray = (_area(scores[a], scores[b], axis) - 0.5) / distance
        return reached

    parts = np.flatnonzero(labels == 1), np.flatnonzero(labels == 0)
    value = float(share(*parts))
    return _estimate(value, parts, share, resamples) if np.isfinite(value) else None


def calibration_error(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """Expected calibration error (Naeini et al. 2015) of probabilities [n], over 10 bins of equal width."""
    import torch
    from torchmetrics.functional.classification import binary_calibration_error

    found = binary_calibration_error(
        torch.from_numpy(np.ascontiguousarray(probabilities, dtype=np.float32)),
        torch.from_numpy(np.ascontiguousarray(labels)),
        n_bins=CALIBRATION_BINS,
        norm="l1",
        validate_args=False,
    )
    return float(found)


def median(values: Sequence[float], resamples: int = RESAMPLES) -> Estimate:
    """Median of at least one number."""
    data = np.asarray(values, dtype=np.float64)
    return _estimate(float(np.median(data)), (data,), np.median, resamples)


def mean(values: Sequence[float], resamples: int = RESAMPLES) -> Estimate:
    """Mean of at least one number."""
    data = np.asarray(values, dtype=np.float64)
    return _estimate(float(data.mean()), (data,), np.mean, resamples)


def ratio_of_means(
    values: np.ndarray, others: np.ndarray, resamples: int = RESAMPLES
) -> Estimate | None:
    """Mean of ``values`` / mean of ``others``, both [n] of the same cases (paired bootstrap).

    None where the mean of ``others`` is not above 0.
    """
    if not others.mean() > 0:
        return None

    def ratio(cases: np.ndarray, axis: int = -1) -> np.ndarray:
        cases = cases.astype(np.int64)
        below = others[cases].mean(axis=axis)
        found: np.ndarray = values[cases].mean(axis=axis) / np.where(below > 0, below, np.nan)
        return found

    numbers = np.arange(len(values))
    return _estimate(float(ratio(numbers)), (numbers,), ratio, resamples)


def _average_precision(labels: np.ndarray, probabilities: np.ndarray) -> float:
    import torch
    from torchmetrics.functional.classification import binary_average_precision

    # In double precision, so that nearly equal probabilities are not made equal.
    found = binary_average_precision(
        torch.from_numpy(np.ascontiguousarray(probabilities)),
        torch.from_numpy(labels),
        validate_args=False,
    )
    return float(found)


def _area(positives: np.ndarray, negatives: np.ndarray, axis: int = -1) -> np.ndarray:
    """Area under the ROC curve along an axis: Mann and Whitney's U over all pairs, ties counting one half."""
    u = mannwhitneyu(positives, negatives, axis=axis, method="asymptotic").statistic
    area: np.ndarray = u / (positives.shape[axis] * negatives.shape[axis])
    return area


def _estimate(
    value: float,
    samples: tuple[np.ndarray, ...],
    statistic: Callable[..., Any],
    resamples: int,
) -> Estimate:
    """The value with the percentile bootstrap's interval, where every sample has at least 2 values."""
    if min(len(sample) for sample in samples) < 2:
        return Estimate(float(value))
    with warnings.catch_warnings():
        # A degenerate distribution has no finite interval, which is checked below.
        warnings.simplefilter("ignore", DegenerateDataWarning)
        found = bootstrap(
            samples,
            statistic,
            n_resamples=resamples,
            batch=max(1, _BATCH_NUMBERS // sum(len(sample) for sample in samples)),
            vectorized=True,
            method="percentile",
            confidence_level=CONFIDENCE,
            rng=np.random.default_rng(0),
        ).confidence_interval
    if not (np.isfinite(found.low) and np.isfinite(found.high)):
        return Estimate(float(value))
    return Estimate(float(value), float(found.low), float(found.high))
