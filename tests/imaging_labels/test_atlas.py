"""Atlases: the list of names beside a volume of numbers, and the name at a place."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fusion3d_gui.errors import UserError
from fusion3d_gui.imaging.files.nifti import write_nifti
from fusion3d_gui.imaging.labels.atlas import Atlas, read_atlas, read_label_names
from fusion3d_gui.imaging.volume import Volume

AFFINE = np.diag([2.0, 3.0, 4.0, 1.0])


def listed(path: Path, text: str, encoding: str = "utf-8") -> dict[int, str]:
    path.write_bytes(text.encode(encoding))
    return read_label_names(path)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("1|ACAL|anterior cerebral artery left|1\n", {1: "anterior cerebral artery left"}),
        ("1\tinsula\n12\tthalamus\n", {1: "insula", 12: "thalamus"}),
        ("1, insula ,22\n", {1: "insula"}),
        ("1;;insula;123456789\n", {1: "insula"}),
        ("1 left insula\n  \n2  right insula \n", {1: "left insula", 2: "right insula"}),
        ("# a comment\n\n7\tpons\n", {7: "pons"}),
        ("number,name\n7,pons\n", {7: "pons"}),
        ("\ufeff7\tpons\n", {7: "pons"}),
        ("7\tpons\n7\tmidbrain\n", {7: "midbrain"}),
        ("7\tpo\u202ens\n", {7: "po\\u202ens"}),
    ],
)
def test_names_of_regions_are_the_longest_text_of_a_line(tmp_path, text, names):
    assert listed(tmp_path / "a.txt", text) == names


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("1\tinsula\nx\tpons\n", "line 2 is not a number and a name"),
        ("1\tinsula\n\n3\n", "line 3 is not a number and a name"),
        ("1\tinsula\n2\t17\n", "line 2 is not a number and a name"),
        ("number\tname\n", "it lists no labels"),
        ("", "it lists no labels"),
        ("# only\n", "it lists no labels"),
    ],
)
def test_a_list_that_is_none_is_refused(tmp_path, text, problem):
    with pytest.raises(UserError) as raised:
        listed(tmp_path / "a.txt", text)
    assert raised.value.problem == problem


def test_a_list_that_can_not_be_read_is_refused(tmp_path):
    with pytest.raises(UserError, match="the list of labels can't be read"):
        listed(tmp_path / "a.txt", "1\tcaf\xe9\n", "latin-1")
    with pytest.raises(UserError, match="the list of labels can't be read"):
        read_label_names(tmp_path / "missing.txt")
    text = "1\tinsula\n"
    fill = "#" * (1_000_000 - len(text))
    assert listed(tmp_path / "a.txt", text + fill) == {1: "insula"}
    with pytest.raises(UserError, match="more than 1000000 bytes"):
        listed(tmp_path / "a.txt", text + fill + "#")


def test_the_region_at_a_place_is_that_of_its_voxel():
    voxels = np.array([[[0, 1, 2], [3, 1, 1]]], np.uint8)
    atlas = Atlas(Volume(voxels, AFFINE), {1: "one", 3: "three"})
    assert atlas.name_at(np.array([0.0, 0, 0])) == ""
    assert atlas.name_at(np.array([1.1, 0.0, 0])) == "one"
    assert atlas.name_at(np.array([4.0, 0.0, 0])) == "region 2"
    assert atlas.name_at(np.array([0.0, 3.0, 0])) == "three"
    assert atlas.name_at(np.array([9.0, 0.0, 0])) == ""
    nothing = Atlas(Volume(np.full((1, 1, 1), np.nan), AFFINE), {1: "one"})
    assert nothing.name_at(np.zeros(3)) == ""


def test_a_place_between_numbers_takes_the_nearest():
    atlas = Atlas(Volume(np.full((1, 1, 1), 2.6), AFFINE), {2: "two", 3: "three"})
    assert atlas.name_at(np.zeros(3)) == "three"


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
@pytest.mark.parametrize("ending", [".txt", ".tsv", ".csv"])
def test_the_list_lies_beside_the_volume_under_its_name(tmp_path, suffix, ending):
    path = tmp_path / f"a.b{suffix}"
    write_nifti(Volume(np.ones((2, 2, 2), np.uint8), AFFINE), path)
    with pytest.raises(UserError, match="there is no list of labels beside it") as raised:
        read_atlas(path)
    assert raised.value.remedy == "Put it there as a.b.txt: a line “number|name” for each region."
    (tmp_path / f"a.b{ending}").write_text("1|one\n")
    atlas = read_atlas(path)
    assert atlas.names == {1: "one"} and atlas.volume.shape == (2, 2, 2)


def test_the_text_file_comes_before_tables(tmp_path):
    write_nifti(Volume(np.ones((2, 2, 2), np.uint8), AFFINE), tmp_path / "a.nii")
    for ending, name in ((".csv", "c"), (".tsv", "b"), (".txt", "a")):
        (tmp_path / f"a{ending}").write_text(f"1|{name}\n")
        assert read_atlas(tmp_path / "a.nii").names == {1: name}


def test_fractions_are_no_regions(tmp_path):
    write_nifti(Volume(np.ones((2, 2, 2), np.float32), AFFINE), tmp_path / "a.nii")
    (tmp_path / "a.txt").write_text("1|one\n")
    with pytest.raises(UserError, match="its values are not numbers of regions"):
        read_atlas(tmp_path / "a.nii")
