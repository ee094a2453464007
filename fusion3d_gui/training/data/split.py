"""Split cases into training and validation: stratified by label, each patient on one side only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from sklearn.model_selection import StratifiedGroupKFold

from fusion3d_gui.errors import UserError
from fusion3d_gui.training.data.table import CaseTable

#: Cases of either class that training and validation need at least.
_FEWEST_OF_A_CLASS = 2

#: Share of the cases that validate, where the table has no column ``split``.
DEFAULT_VALIDATION_SHARE = 0.2

#: Row numbers of the training and of the validation cases.
Split = tuple[np.ndarray, np.ndarray]


def split_cases(table: CaseTable, seed: int, validation_share: float) -> Split:
    """Row numbers (into ``table.cases``) of the training and the validation cases.

    They come from the column ``split`` where any row has an entry (rows without one are then left out),
    else they are drawn with ``seed``: about ``validation_share`` of either class, all cases of a patient
    on the same side.

    Raises
    ------
    UserError
        When a part has fewer than 2 cases of a class, or when the column puts a patient on both sides.
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


def recorded_split(table: CaseTable, training: Mapping[str, Any]) -> Split:
    """The split of a finished bundle, from the table on which it was trained.

    ``training`` is that entry of its metadata. Raises UserError when the numbers of training and
    validation cases are not those of the bundle.
    """
    split = split_cases(table, int(training.get("seed", 0)), DEFAULT_VALIDATION_SHARE)
    for rows, name in zip(split, ("cases", "validation_cases"), strict=True):
        if len(rows) != training.get(name):
            raise UserError(
                f"{len(rows)} {name.replace('_', ' ')} come of it, and the bundle was made with "
                f"{training.get(name)}",
                path=table.path,
                remedy="Give the table that the bundle was trained on.",
            )
    return split


def validation_part(table: CaseTable, training: Mapping[str, Any]) -> CaseTable:
    """The cases that validated when a bundle was trained on this table; see :func:`recorded_split`."""
    _, validation = recorded_split(table, training)
    return replace(table, cases=tuple(table.cases[n] for n in validation))


def cross_validation_folds(table: CaseTable, seed: int, count: int) -> list[Split]:
    """``count`` splits in which every case validates once (scikit-learn's ``StratifiedGroupKFold``).

    Raises UserError for fewer than 2 folds, and for more than there are cases of a class.
    """
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
