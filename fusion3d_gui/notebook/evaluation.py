"""``evaluate``: how well probabilities meet labels, each figure with its interval, as scikit-learn's metrics are called."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from fusion3d_gui.errors import UserError
from fusion3d_gui.notebook.extra import need_packages
from fusion3d_gui.notebook.tables import frame_of

if TYPE_CHECKING:
    from numpy.typing import ArrayLike
    from pandas import DataFrame

    from fusion3d_gui.training.measure.metrics import Estimate

_RESAMPLES = 2000


@dataclass(frozen=True)
class Evaluation:
    """How well probabilities meet labels.

    Parameters
    ----------
    figures
        ``auroc``, ``auprc``, ``brier``, ``ece``, ``sensitivity`` and ``specificity``, each with ``value``, ``low``
        and ``high`` (95 %; None where a class has fewer than two cases).
    n, positives
        Number of cases, and of those with label 1.
    threshold
        Cases with at least this probability are called positive.
    resamples
        Of the bootstrap, within each class.
    """

    figures: Mapping[str, Estimate]
    n: int
    positives: int
    threshold: float
    resamples: int

    def __getitem__(self, name: str) -> Estimate:
        return self.figures[name]

    def to_frame(self) -> DataFrame:
        """A row for each figure: ``value``, ``low`` and ``high``."""
        from fusion3d_gui.training.measure.metrics import METRIC_TITLES

        rows = [
            {"value": found.value, "low": found.low, "high": found.high}
            for found in self.figures.values()
        ]
        frame = frame_of(rows).astype(float)
        frame.index = [METRIC_TITLES[name] for name in self.figures]
        return frame

    def __repr__(self) -> str:
        return (
            f"Evaluation({self.n} cases, {self.positives} positive, AUROC {self['auroc'].text()}, "
            f"threshold {self.threshold:g})"
        )

    def _repr_html_(self) -> str:
        about = (
            f"{self.n} cases, {self.positives} positive; threshold {100 * self.threshold:.4g} %; intervals: "
            f"95 %, bootstrap within each class, {self.resamples} resamples"
        )
        return f"<div>{about}</div>{self.to_frame().round(3).to_html()}"


def evaluate(
    labels: ArrayLike,
    probabilities: ArrayLike,
    *,
    threshold: float = 0.5,
    resamples: int = _RESAMPLES,
) -> Evaluation:
    """Measure probabilities against labels, as ``sklearn.metrics`` does: AUROC, AUPRC, Brier score, ECE, sensitivity, specificity.

    Values are those of scikit-learn (ECE: TorchMetrics, 10 bins of equal width); the figures are the same
    as those of ``fusion3d evaluate``.

    Parameters
    ----------
    labels
        ``[n]``, 0 or 1; both must occur.
    probabilities
        ``[n]``, of 1, in the same order: for instance the column ``probability`` of :func:`~fusion3d_gui.notebook.tables.read_results`.
    threshold
        Cases with at least this probability are called positive; a model's own is
        ``model.info.decision.threshold``.
    resamples
        Number of bootstrap resamples; fewer for a quick look.

    Raises
    ------
    UserError
        They differ in number or, as pandas, in index; a probability is missing or not from 0 to 1; or
        the labels are not of two classes.
    """
    need_packages("evaluate", "sklearn", "torchmetrics", "pandas")
    if hasattr(labels, "index") and hasattr(probabilities, "index"):
        _check_same_rows(labels, probabilities)
    truth, chance = _numbers(labels, "labels"), _numbers(probabilities, "probabilities")
    if truth.shape != chance.shape:
        raise UserError(f"there are {truth.size} labels and {chance.size} probabilities")
    for name, values in (("label", truth), ("probability", chance)):
        missing = int(np.isnan(values).sum())
        if missing:
            raise UserError(
                f"{missing} of {values.size} cases have no {name}",
                remedy="Leave them out, and say how many they are: a case that was refused has no probability.",
            )
    if not np.isin(truth, (0, 1)).all():
        raise UserError("labels must be 0 or 1")
    if not ((chance >= 0) & (chance <= 1)).all():
        raise UserError("probabilities must be from 0 to 1")
    if len(np.unique(truth)) < 2:
        raise UserError("all cases have the same label, so nothing can be judged")
    from fusion3d_gui.training.measure.metrics import compute_metrics

    figures = compute_metrics(truth.astype(np.int64), chance, threshold, resamples)
    return Evaluation(figures, len(truth), int(truth.sum()), threshold, resamples)


def _check_same_rows(labels: Any, probabilities: Any) -> None:
    """Two columns of pandas are of the same cases where their indexes are the same."""
    one, other = labels.index, probabilities.index
    if hasattr(one, "equals") and hasattr(other, "equals") and not one.equals(other):
        raise UserError(
            "labels and probabilities have different indexes: they may be of different cases",
            remedy="Join the tables, or give both as arrays.",
        )


def _numbers(values: ArrayLike, name: str) -> np.ndarray:
    try:
        found = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise UserError(f"{name} must be numbers") from None
    if found.ndim != 1:
        raise UserError(f"{name} must have one dimension, not {found.ndim}")
    return found
