"""Splits of a table: every case validates once, in about the same shares, and small classes are refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fusion3d_gui.errors import UserError
from fusion3d_gui.model.schema import MetadataSchema
from fusion3d_gui.training.data.split import cross_validation_folds, split_cases
from fusion3d_gui.training.data.table import CaseRow, CaseTable


def table_of(labels, patients=None, splits=None) -> CaseTable:
    rows = tuple(
        CaseRow(
            row=n + 2,
            name=f"c{n}",
            path=Path("x"),
            mask=None,
            values={},
            label=int(label),
            probability=None,
            split=splits[n] if splits else "",
            patient=patients[n] if patients else f"p{n}",
        )
        for n, label in enumerate(labels)
    )
    return CaseTable(Path("cases.csv"), rows, MetadataSchema(), "", "", ("n", "y"), None)


LABELS = [1] * 20 + [0] * 80


@pytest.mark.parametrize(("share", "cases"), [(0.2, 20), (0.1, 10), (0.5, 50), (0.9, 50)])
def test_the_validation_part_has_its_share_of_either_class(share, cases):
    training, validation = split_cases(table_of(LABELS), 0, share)
    assert sorted([*training, *validation]) == list(range(100))
    assert len(validation) == cases
    assert sum(n < 20 for n in validation) == cases / 5


def test_another_seed_draws_another_split_and_the_same_seed_the_same():
    one, again, other = (split_cases(table_of(LABELS), seed, 0.2)[1].tolist() for seed in (1, 1, 2))
    assert one == again != other


def test_every_case_validates_in_one_fold_and_trains_in_the_others():
    folds = cross_validation_folds(table_of(LABELS), 0, 4)
    assert len(folds) == 4
    for training, validation in folds:
        assert sorted([*training, *validation]) == list(range(100))
    assert sorted(np.concatenate([validation for _, validation in folds])) == list(range(100))


def test_a_column_decides_and_rows_without_a_part_are_left_out():
    splits = ["train", "validation", "", "test"] * 6
    labels = [0] * 12 + [1] * 12
    training, validation = split_cases(table_of(labels, splits=splits), 0, 0.2)
    assert training.tolist() == list(range(0, 24, 4))
    assert validation.tolist() == list(range(1, 24, 4))


@pytest.mark.parametrize(
    ("labels", "splits", "complaint"),
    [
        ([0, 0, 1, 0, 0, 1, 1], ["train"] * 3 + ["validation"] * 4, "training part has 1 cases of"),
        ([0, 0, 1, 1, 0, 0, 0], ["train"] * 4 + ["validation"] * 3, "validation part has 0 cases"),
        ([1, 1, 1, 0, 0, 1, 1], ["train"] * 4 + ["validation"] * 3, "has 1 cases of label 0"),
    ],
)
def test_a_part_with_fewer_than_two_of_a_class_is_refused(labels, splits, complaint):
    with pytest.raises(UserError, match=complaint):
        split_cases(table_of(labels, splits=splits), 0, 0.2)


def test_two_of_each_class_on_either_side_are_enough():
    splits = ["train"] * 4 + ["validation"] * 4
    training, validation = split_cases(table_of([0, 0, 1, 1] * 2, splits=splits), 0, 0.2)
    assert (len(training), len(validation)) == (4, 4)


@pytest.mark.parametrize("count", [1, 5])
def test_fewer_than_two_folds_and_more_than_cases_of_a_class_are_refused(count):
    with pytest.raises(UserError, match=f"{count} folds can't be made of 4 positive and 20"):
        cross_validation_folds(table_of([1] * 4 + [0] * 20), 0, count)
