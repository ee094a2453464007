"""A table of cases from a BIDS folder, read back by pandas and by ``read_table``."""

from __future__ import annotations

import json

import nibabel
import numpy as np
import pandas as pd
import pytest

from fusion3d_gui.cli.parser import run
from fusion3d_gui.errors import UserError
from fusion3d_gui.training.data.bids_table import bids_table
from fusion3d_gui.training.data.table import read_table

ROWS = """participant_id\tsex\tage\tsite\tbmi\tnihss\tmrs
sub-1\tF\t89+\tone\t22.5\t4\t3
sub-2\tM\t60\tone\tn/a\t17\t0
sub-3\tn/a\t45.5\tone\t30\t2\tn/a
sub-4\tM\t70\tone\t31\t9\t6
sub-5\tF\t71\tone\t27\t1\t2
"""


@pytest.fixture
def folder(tmp_path):
    root = tmp_path / "set"
    for name in ("sub-1", "sub-2", "sub-3", "sub-5"):
        (root / name / "anat").mkdir(parents=True)
        image = nibabel.Nifti1Image(np.ones((4, 4, 4), np.uint8), np.eye(4))
        nibabel.save(image, root / name / "anat" / f"{name}_desc-x_lesion.nii.gz")
    (root / "participants.tsv").write_text(ROWS, encoding="utf-8")
    (root / "participants.json").write_text(
        json.dumps({"sex": {"Levels": {"F": "woman", "M": "man"}}, "bmi": {"Units": "kg/m2"}})
    )
    return root


def test_every_image_whose_label_is_known_becomes_a_row(folder, tmp_path):
    found = bids_table(folder, tmp_path / "cases.csv", label="mrs", positive_from=3)
    assert (found.cases, found.positives) == (3, 1)
    table = read_table(tmp_path / "cases.csv")
    assert [case.patient for case in table.cases] == ["sub-1", "sub-2", "sub-5"]
    assert table.labels.tolist() == [1, 0, 0]
    assert [case.values["age"] for case in table.cases] == [89, 60, 71]
    assert table.cases[1].values["bmi"] is None
    assert table.schema["nihss"].maximum == 42
    assert table.schema["bmi"].unit == "kg/m2"
    assert table.schema["sex"].choices == (("F", "woman"), ("M", "man"))
    said = " ".join(found.notices)
    assert "1 participant has no image and is left out." in said
    assert "1 images have no mrs" in said
    assert "site has one value only" in said
    assert "age: 1 top-coded" in said


def test_the_command_writes_the_same_and_declares_lesion_maps(folder, tmp_path, capsys):
    out = tmp_path / "here" / "cases.csv"
    out.parent.mkdir()
    words = ["table", "bids", str(folder), "--label", "mrs", "--positive-from", "3"]
    assert run([*words, "--columns", "age,nihss", "--lesion-maps", "--out", str(out)]) == 0
    assert "3 cases, 1 positive" in capsys.readouterr().out
    table = read_table(out)
    assert [field.name for field in table.schema.fields] == ["age", "nihss"]
    assert (table.scope.kind, table.scope.space) == ("lesion_map", "standard")


def test_without_a_label_all_images_with_a_row_are_listed(folder, tmp_path):
    assert bids_table(folder, tmp_path / "cases.csv").positives is None
    assert len(read_table(tmp_path / "cases.csv", labelled=False).cases) == 4


@pytest.mark.parametrize(
    ("old", "new", "options", "message"),
    [
        ("", "", {"label": "rankin"}, "no column 'rankin'"),
        ("\t17\t", "\t99\t", {"label": "mrs"}, "row 3, column 'nihss'"),
        ("\t17\t0", "\t17\tgood", {"label": "mrs"}, "row 3, column 'mrs': 'good'"),
        ("", "", {"suffix": "T1w"}, "T1w"),
        ("", "", {"columns": ["site"]}, "has one value only"),
        ("participant_id", "name", {}, "participant_id"),
    ],
)
def test_what_is_wrong_is_named(folder, tmp_path, old, new, options, message):
    listing = folder / "participants.tsv"
    listing.write_text(listing.read_text().replace(old, new) if old else ROWS)
    with pytest.raises(UserError) as caught:
        bids_table(folder, tmp_path / "cases.csv", **options)
    assert message in str(caught.value)
    assert not (tmp_path / "cases.csv").exists()


def test_images_of_several_kinds_need_a_choice(folder, tmp_path):
    image = nibabel.Nifti1Image(np.ones((4, 4, 4), np.uint8), np.eye(4))
    nibabel.save(image, folder / "sub-1" / "sub-1_T1w.nii.gz")
    with pytest.raises(UserError, match="T1w, lesion"):
        bids_table(folder, tmp_path / "cases.csv", label="mrs")
    assert bids_table(folder, tmp_path / "cases.csv", label="mrs", suffix="T1w").cases == 1


def save_image(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    nibabel.save(nibabel.Nifti1Image(np.ones((4, 4, 4), np.uint8), np.eye(4)), path)


@pytest.fixture
def visits(tmp_path):
    """Two participants with two sessions, one of them with two runs; ages in months, sexes as codes."""
    root = tmp_path / "visits"
    for name in (
        "sub-A/ses-1/anat/sub-A_ses-1_acq-fast_run-1_T1w.nii.gz",
        "sub-A/ses-1/anat/sub-A_ses-1_acq-fast_run-2_T1w.nii.gz",
        "sub-A/ses-2/anat/sub-A_ses-2_acq-fast_run-1_T1w.nii.gz",
        "sub-A/ses-2/anat/sub-A_ses-2_FLAIR.nii.gz",
        "sub-B/ses-1/anat/sub-B_ses-1_T1w.nii.gz",
        "sub-B/ses-2/anat/sub-B_ses-2_T1w.nii.gz",
        "sub-B/ses-2/anat/sub-B_second_T1w.nii.gz",
        "derivatives/other/sub-A/ses-1/anat/sub-A_ses-1_desc-x_T1w.nii.gz",
        "derivatives/other/sub-B/ses-1/anat/sub-B_ses-1_desc-x_T1w.nii.gz",
        ".git/sub-A/sub-A_T1w.nii.gz",
    ):
        save_image(root / name)
    (root / "participants.tsv").write_text(
        "participant_id\tage\tsex\tweight\nsub-A\t780\t1\t70\nsub-B\tn/a\t2\t60\n"
    )
    about = {
        "age": {"Units": "months"},
        "sex": {"Levels": {"1": "male", "2": {"Description": "female"}}},
        "weight": {"Units": "kg", "LongName": "Body weight"},
    }
    (root / "participants.json").write_text(json.dumps(about))
    sessions = "session_id\tacq_time\tage\tscore\nses-1\t2001-01-01T00:00:00\t792\t1\n"
    (root / "sub-A" / "sub-A_sessions.tsv").write_text(sessions + "ses-2\tn/a\t804\t0\n")
    (root / "sub-A" / "sub-A_sessions.json").write_text(
        json.dumps({"score": {"Levels": {"0": "mild", "1": "severe"}}})
    )
    return root


def test_sessions_override_what_is_said_of_the_participant(visits, tmp_path):
    found = bids_table(visits, tmp_path / "cases.csv", suffix="T1w")
    rows = pd.read_csv(tmp_path / "cases.csv", dtype=str, keep_default_na=False)
    assert rows[["case", "patient", "session", "run", "age", "sex", "score"]].values.tolist() == [
        ["sub-A_ses-1_acq-fast_run-1_T1w", "sub-A", "1", "1", "66", "M", "1"],
        ["sub-A_ses-1_acq-fast_run-2_T1w", "sub-A", "1", "2", "66", "M", "1"],
        ["sub-A_ses-2_acq-fast_run-1_T1w", "sub-A", "2", "1", "67", "M", "0"],
        ["sub-B_ses-1_T1w", "sub-B", "1", "", "", "F", ""],
        ["sub-B_ses-2_T1w", "sub-B", "2", "", "", "F", ""],
    ]
    schema = found.schema
    assert (schema["age"].unit, schema["age"].maximum) == ("years", 120)
    assert schema["score"].choices == (("0", "mild"), ("1", "severe"))
    assert (schema["weight"].label, schema["weight"].unit) == ("Body weight", "kg")
    said = " ".join(found.notices)
    assert "age: the months of the table are written as years" in said
    assert "1 images have names that do not follow BIDS" in said
    assert "1 participants or sessions have several images, each a case. They have acq, run" in said
    assert "2001" not in (tmp_path / "cases.csv").read_text()
    # A model with this schema takes the table as it is.
    assert len(read_table(tmp_path / "cases.csv", labelled=False).cases) == 5


def sessions_in_table(root, tmp_path):
    bids_table(root, tmp_path / "cases.csv", suffix="T1w")
    return list(pd.read_csv(tmp_path / "cases.csv", dtype=str)["session"])


def test_sessions_come_in_the_order_of_their_times(tmp_path):
    root = tmp_path / "study"
    for label in ("pre", "post", "follow"):
        save_image(root / f"sub-A/ses-{label}/anat/sub-A_ses-{label}_T1w.nii.gz")
    assert sessions_in_table(root, tmp_path) == ["follow", "post", "pre"]
    # Of scans.tsv, the first scan; times beyond a day that is written with a time zone, or with fractions.
    for label, times in (
        ("pre", ["1925-01-03T10:00:00", "1925-01-01T10:00:00Z"]),
        ("post", ["1925-01-02T10:00:00.500000", "n/a"]),
        ("follow", ["1925-01-01T10:00:00-05:00"]),
    ):
        rows = [f"anat/scan{number}.nii.gz\t{time}" for number, time in enumerate(times)]
        scans = root / f"sub-A/ses-{label}/sub-A_ses-{label}_scans.tsv"
        scans.write_text("\n".join(["filename\tacq_time", *rows]) + "\n")
    assert sessions_in_table(root, tmp_path) == ["pre", "follow", "post"]
    # What sessions.tsv says of a session goes before.
    listed = root / "sub-A/sub-A_sessions.tsv"
    listed.write_text("session_id\tacq_time\nses-follow\t1925-06-01\nses-pre\tn/a\n")
    assert sessions_in_table(root, tmp_path) == ["pre", "post", "follow"]
    assert "1925" not in (tmp_path / "cases.csv").read_text()
    # One without a time: by label, all of them.
    scans = root / "sub-A/ses-post/sub-A_ses-post_scans.tsv"
    scans.write_text("filename\tacq_time\nanat/scan0.nii.gz\tn/a\n")
    assert sessions_in_table(root, tmp_path) == ["follow", "post", "pre"]


def test_sessions_without_times_come_in_the_order_of_their_numbers(tmp_path):
    for label in ("1", "10", "2"):
        save_image(tmp_path / f"study/sub-A/ses-{label}/anat/sub-A_ses-{label}_T1w.nii.gz")
    assert sessions_in_table(tmp_path / "study", tmp_path) == ["1", "2", "10"]


@pytest.mark.parametrize(
    ("entities", "cases"),
    [
        (["ses=1"], ["A_ses-1_acq-fast_run-1", "A_ses-1_acq-fast_run-2", "B_ses-1"]),
        (["run=1"], ["A_ses-1_acq-fast_run-1", "A_ses-2_acq-fast_run-1"]),
        (["ses=ses-2", "run="], ["B_ses-2"]),
    ],
)
def test_entities_choose_images(visits, tmp_path, entities, cases, capsys):
    out = tmp_path / "cases.csv"
    words = [word for each in entities for word in ("--entity", each)]
    asked = ["table", "bids", str(visits), "--suffix", "T1w", "--out", str(out), *words]
    assert run(asked) == 0
    assert list(pd.read_csv(out)["case"]) == [f"sub-{each}_T1w" for each in cases]
    assert run([*asked, "--entity", "acq=slow"]) == 2
    assert "acq-slow, T1w" in capsys.readouterr().err
    assert run([*asked, "--entity", "acq"]) == 2
    assert "KEY=LABEL" in capsys.readouterr().err


def test_derivatives_are_a_data_set_of_their_own_with_the_participants_of_their_source(
    visits, tmp_path
):
    bids_table(visits / "derivatives" / "other", tmp_path / "cases.csv", columns=["weight"])
    rows = pd.read_csv(tmp_path / "cases.csv")
    assert rows[["case", "weight"]].values.tolist() == [
        ["sub-A_ses-1_desc-x_T1w", 70],
        ["sub-B_ses-1_desc-x_T1w", 60],
    ]
