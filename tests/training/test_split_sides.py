"""Splits row by row: beside scikit-learn's folds, and each reason for which one is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sklearn.model_selection import StratifiedGroupKFold

from fusion3d_gui.errors import UserError
from fusion3d_gui.model.schema import MetadataSchema
from fusion3d_gui.training.data.split import (
    DEFAULT_VALIDATION_SHARE,
    cross_validation_folds,
    recorded_split,
    split_cases,
    validation_part,
)
from fusion3d_gui.training.data.table import CaseRow, CaseTable

LABELS = np.array([1, 0, 0] * 12)


def table_of(labels, patients=None, splits=None) -> CaseTable:
    rows = tuple(
        CaseRow(
            n + 2,
            f"c{n}",
            Path("x"),
            None,
            {},
            int(label),
            None,
            splits[n] if splits else "",
            patient=patients[n] if patients else f"p{n}",
        )
        for n, label in enumerate(labels)
    )
    return CaseTable(Path("cases.csv"), rows, MetadataSchema(), "", "", ("n", "y"), None)


@pytest.mark.parametrize(("share", "folds"), [(0.2, 5), (0.34, 3), (0.5, 2), (0.9, 2), (0.26, 4)])
def test_a_split_is_the_first_of_scikit_learns_folds(share, folds):
    patients = [f"p{n // 2}" for n in range(36)]
    table = table_of(LABELS, patients)
    for seed in (0, 7):
        judge = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
        expected = list(judge.split(np.zeros(36), LABELS, patients))
        found = cross_validation_folds(table, seed, folds)
        for one, other in zip(found, expected, strict=True):
            np.testing.assert_array_equal(one[0], other[0])
            np.testing.assert_array_equal(one[1], other[1])
        training, validation = split_cases(table, seed, share)
        np.testing.assert_array_equal(training, expected[0][0])
        np.testing.assert_array_equal(validation, expected[0][1])
        assert not {patients[n] for n in training} & {patients[n] for n in validation}


def test_a_patient_on_both_sides_is_refused_by_row():
    splits = ["train", "train", "validation", "validation"] * 3
    patients = [f"p{n}" for n in range(12)]
    patients[6] = "p1"
    with pytest.raises(UserError) as caught:
        split_cases(table_of([0, 1] * 6, patients, splits), 0, 0.2)
    assert caught.value.problem == (
        "row 8, column 'split': this patient is in train and in validation"
    )
    assert caught.value.remedy == "Put all cases of a patient into one part."
    assert caught.value.path == Path("cases.csv")
    splits[6] = ""  # left out: no side
    training, validation = split_cases(table_of([0, 1] * 6, patients, splits), 0, 0.2)
    assert training.tolist() == [0, 1, 4, 5, 8, 9]
    assert validation.tolist() == [2, 3, 7, 10, 11]
    splits[6], patients[6] = "train", "p1"
    assert split_cases(table_of([0, 1] * 6, patients, splits), 0, 0.2)[0].tolist() == [
        *(0, 1, 4, 5, 6),
        *(8, 9),
    ]


def test_one_entry_of_the_column_is_a_split():
    splits = ["train", *[""] * 35]
    with pytest.raises(UserError) as caught:
        split_cases(table_of(LABELS, splits=splits), 0, 0.2)
    assert caught.value.problem == (
        "the training part has 0 cases of label 0; at least 2 are needed"
    )


@pytest.mark.parametrize(("part", "name"), [("train", "training"), ("validation", "validation")])
@pytest.mark.parametrize("label", [0, 1])
@pytest.mark.parametrize("count", [0, 1, 2, 3])
def test_two_cases_of_each_label_are_needed_in_each_part(part, name, label, count):
    labels, splits = [0, 1] * 8, ["train"] * 8 + ["validation"] * 8
    at = [n for n in range(16) if labels[n] == label and splits[n] == part]
    for n in at[count:]:
        splits[n] = ""
    table = table_of(labels, splits=splits)
    if count < 2:
        with pytest.raises(UserError) as caught:
            split_cases(table, 0, 0.2)
        assert caught.value.problem == (
            f"the {name} part has {count} cases of label {label}; at least 2 are needed"
        )
    else:
        assert sum(map(len, split_cases(table, 0, 0.2))) == 12 + min(count, 4)


@pytest.mark.parametrize(("count", "allowed"), [(1, False), (2, True), (6, True), (13, False)])
def test_folds_are_between_two_and_the_cases_of_the_rarer_label(count, allowed):
    for labels in (LABELS, 1 - LABELS):
        table = table_of(labels)
        if allowed:
            assert len(cross_validation_folds(table, 0, count)) == count
            continue
        with pytest.raises(UserError) as caught:
            cross_validation_folds(table, 0, count)
        assert caught.value.problem == (
            f"{count} folds can't be made of {labels.sum()} positive and {36 - labels.sum()} negative cases"
        )
    with pytest.raises(UserError, match="2 folds can't be made of 0 positive and 4 negative"):
        cross_validation_folds(table_of([0] * 4), 0, 2)


def test_as_many_folds_as_cases_of_a_class_leave_one_to_validate_and_are_refused_for_that():
    with pytest.raises(UserError, match="the validation part has 1 cases of label 1"):
        cross_validation_folds(table_of([1, 1, 1, 0, 0, 0, 0, 0, 0]), 0, 3)


def test_the_split_of_a_bundle_is_drawn_again_and_checked_by_its_numbers():
    table = table_of(LABELS)
    assert DEFAULT_VALIDATION_SHARE == 0.2
    for seed in (0, 3):
        training, validation = split_cases(table, seed, 0.2)
        told = {"seed": seed, "cases": len(training), "validation_cases": len(validation)}
        for given in (told, {**told, "seed": str(seed)}):
            found = recorded_split(table, given)
            np.testing.assert_array_equal(found[0], training)
            np.testing.assert_array_equal(found[1], validation)
        part = validation_part(table, told)
        assert part.cases == tuple(table.cases[n] for n in validation)
        assert (part.path, part.schema) == (table.path, table.schema)
    first = split_cases(table, 0, 0.2)
    unsaid = {"cases": len(first[0]), "validation_cases": len(first[1])}
    np.testing.assert_array_equal(recorded_split(table, unsaid)[1], first[1])


@pytest.mark.parametrize(
    ("name", "word"), [("cases", "cases"), ("validation_cases", "validation cases")]
)
def test_a_table_of_which_other_numbers_come_is_not_that_of_the_bundle(name, word):
    table = table_of(LABELS)
    parts = dict(
        zip(("cases", "validation_cases"), map(len, split_cases(table, 0, 0.2)), strict=True)
    )
    for wrong in (
        {**parts, name: parts[name] + 1},
        {key: parts[key] for key in parts if key != name},
    ):
        with pytest.raises(UserError) as caught:
            recorded_split(table, wrong)
        assert caught.value.problem == (
            f"{parts[name]} {word} come of it, and the bundle was made with {wrong.get(name)}"
        )
        assert caught.value.remedy == "Give the table that the bundle was trained on."
