"""Who trains, who validates: stratified by label, never one patient on both sides."""

from __future__ import annotations

import numpy as np
from sklearn.model_selection import StratifiedGroupKFold

from fusion3d_gui.errors import UserError
from fusion3d_gui.training.data.table import CaseTable

#: Fewer of either class in training or validation can't be learned from or judged by.
_FEWEST_OF_A_CLASS = 2

#: Of the cases, where the table has no split.
DEFAULT_VALIDATION_SHARE = 0.2

Split = tuple[np.ndarray, np.ndarray]


def split_cases(table: CaseTable, seed: int, validation_share: float) -> Split:
    """Row numbers (into ``table.cases``) of the training and the validation cases.

    From the column ``split`` where any row has one (rows without are then left out), else drawn with
    ``seed``: about the same share of either class, all cases of a patient on the same side. Raises
    UserError when a class is too small, or when the column puts a patient on both sides.
    """
    marks = np.array([case.split for case in table.cases])
    if (marks != "").any():
        parts = np.flatnonzero(marks == "train"), np.flatnonzero(marks == "validation")
        sides: dict[str, str] = {}
        for case in table.cases:
            if case.split and sides.setdefault(case.patient, case.split) != case.split:
                raise UserError(
                    f"row {case.row}, column 'split': this patient is in {sides[case.patient]} and "
                    f"in {case.split}",
                    path=table.path,
                    remedy="Put all cases of a patient into one part.",
                )
        return _checked(table, parts)
    return cross_validation_folds(table, seed, max(2, round(1 / validation_share)))[0]


def cross_validation_folds(table: CaseTable, seed: int, count: int) -> list[Split]:
    """``count`` splits in which every case validates once, as :func:`split_cases` draws one."""
    rows = np.arange(len(table.cases))
    labels = table.labels
    if count < 2 or count > np.bincount(labels, minlength=2).min():
        raise UserError(
            f"{count} folds can't be made of {int(labels.sum())} positive and "
            f"{int((1 - labels).sum())} negative cases",
            path=table.path,
        )
    patients = np.array([case.patient for case in table.cases])
    found = StratifiedGroupKFold(count, shuffle=True, random_state=seed).split(
        rows, labels, patients
    )
    return [_checked(table, parts) for parts in found]


def _checked(table: CaseTable, parts: Split) -> Split:
    for rows, name in zip(parts, ("training", "validation"), strict=True):
        for label in (0, 1):
            count = int((table.labels[rows] == label).sum())
            if count < _FEWEST_OF_A_CLASS:
                raise UserError(
                    f"the {name} part has {count} cases of label {label}; at least "
                    f"{_FEWEST_OF_A_CLASS} are needed",
                    path=table.path,
                )
    return parts
