"""ROC and calibration of the cases of a list, with the cases behind every point."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fusion3d_gui.inference.case_list.case_list import CaseList

#: Bins of the calibration curve.
BINS = 10


@dataclass(frozen=True, eq=False)
class CaseCurves:
    """The curves of the cases that have a label and a probability.

    Parameters
    ----------
    rows
        Those cases, by descending probability.
    probability, label
        Theirs.
    thresholds, sensitivity, one_minus_specificity
        The ROC curve: one point for each probability that occurs, descending.
    auc
        Area under it; NaN where one class is missing.
    """

    rows: np.ndarray
    probability: np.ndarray
    label: np.ndarray
    thresholds: np.ndarray
    sensitivity: np.ndarray
    one_minus_specificity: np.ndarray
    auc: float

    @property
    def has_both_classes(self) -> bool:
        """Whether there are positive and negative cases: else there is no ROC."""
        return bool(self.label.any() and (self.label == 0).any())

    def misclassified(self, threshold: float) -> np.ndarray:
        """Rows that are on the wrong side of a threshold."""
        called = self.probability >= threshold
        found: np.ndarray = self.rows[called != (self.label > 0)]
        return found

    def bin_of(self, probability: np.ndarray) -> np.ndarray:
        """Number of the bin of probabilities."""
        found: np.ndarray = np.clip((probability * BINS).astype(int), 0, BINS - 1)
        return found

    def bins(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Of the bins with cases: their number, mean probability, share of positives, and count."""
        number = self.bin_of(self.probability)
        counts = np.bincount(number, minlength=BINS)
        with np.errstate(invalid="ignore"):
            mean = np.bincount(number, self.probability, BINS) / counts
            share = np.bincount(number, self.label, BINS) / counts
        kept = np.flatnonzero(counts)
        return kept, mean[kept], share[kept], counts[kept]

    def rows_of_bin(self, number: int) -> np.ndarray:
        """Rows in a bin."""
        found: np.ndarray = self.rows[self.bin_of(self.probability) == number]
        return found


def case_curves(cases: CaseList, rows: np.ndarray) -> CaseCurves | None:
    """The curves of some rows; None where none has a label of 0 or 1 and a probability."""
    label, chance = cases.columns.get("label"), cases.columns.get("probability")
    if label is None or chance is None or label.dtype.kind != "f":
        return None
    usable = rows[np.isin(label[rows], (0.0, 1.0)) & ~np.isnan(chance[rows])]
    if not len(usable):
        return None
    usable = usable[np.argsort(-chance[usable], kind="stable")]
    p, y = chance[usable], label[usable]
    ends = np.flatnonzero(np.diff(p, append=-np.inf))  # last case of each probability
    positives, negatives = y.sum(), (y == 0).sum()
    hits, alarms = np.cumsum(y)[ends], np.cumsum(y == 0)[ends]
    sensitivity = hits / max(positives, 1)
    one_minus = alarms / max(negatives, 1)
    auc = float("nan")
    if positives and negatives:
        auc = float(np.trapezoid(np.r_[0.0, sensitivity], np.r_[0.0, one_minus]))
    return CaseCurves(usable, p, y, p[ends], sensitivity, one_minus, auc)
