"""A table of cases from a BIDS folder, read back by pandas and by ``read_table``."""

from __future__ import annotations

import json

import nibabel
import numpy as np
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
    assert "1 participants have no image" in said
    assert "1 participants have no mrs" in said
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
