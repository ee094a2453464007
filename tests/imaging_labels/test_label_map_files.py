"""Label maps in files: which names say that one is a mask, 3D Slicer's segments, BIDS tables, what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fusion3d_gui.errors import UserError
from fusion3d_gui.imaging.files.nifti import write_nifti
from fusion3d_gui.imaging.labels.label_map import Label
from fusion3d_gui.imaging.labels.label_map_file import (
    is_label_file,
    is_named_as_mask,
    read_label_maps,
)
from fusion3d_gui.imaging.labels.read_masks import mask_document, read_masks
from fusion3d_gui.imaging.volume import Volume

AFFINE = np.array([[2.0, 0, 0, -5], [0, 3.0, 0, 6], [0, 0, 4.0, 7], [0, 0, 0, 1]])


@pytest.mark.parametrize(
    ("name", "is_label", "is_mask"),
    [
        ("x_dseg.nii.gz", True, True),
        ("x_DSEG.NII", True, True),
        ("seg.nrrd", True, True),
        ("x.seg.nrrd", True, True),
        ("x-mask.mha", True, True),
        ("x label.mhd", True, True),
        ("labels.nhdr", True, True),
        ("x_labelmap.nii", True, True),
        ("x_segmentation.nrrd", True, True),
        ("xmask.nii", True, False),
        ("mask_x.nii", True, False),
        ("lesion.nii.gz", True, False),
        ("x_mask.dcm", False, False),
        ("mask", False, False),
    ],
)
def test_names_that_masks_have_by_custom(name, is_label, is_mask):
    assert (is_label_file(Path(name)), is_named_as_mask(Path(name))) == (is_label, is_mask)


def nrrd(path: Path, voxels: np.ndarray, *lines: str, end: bytes = b"\n", padding: int = 0) -> Path:
    """A file as 3D Slicer writes it; layers, where there are several, are the first axis."""
    kinds = "domain domain domain"
    vectors = "(2,0,0) (0,3,0) (0,0,4)"
    if voxels.ndim == 4:
        kinds, vectors = f"list {kinds}", f"none {vectors}"
    head = [
        "NRRD0004",
        *["# " + "x" * 998] * padding,
        "type: uchar",
        f"dimension: {voxels.ndim}",
        "space: left-posterior-superior",
        "sizes: " + " ".join(map(str, voxels.shape[::-1])),
        f"space directions: {vectors}",
        f"kinds: {kinds}",
        "encoding: raw",
        "space origin: (-5,6,7)",
        *lines,
        "",
        "",
    ]
    path.write_bytes(end.join(line.encode() for line in head) + voxels.astype(np.uint8).tobytes())
    return path


VOXELS = np.array([0, 1, 2, 0, 3, 1], np.uint8).reshape(3, 2, 1)


def labels_of(path: Path) -> list[tuple[Label, ...]]:
    return [each.labels for each in read_label_maps(path)[0]]


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_segments_have_the_numbers_names_and_colours_of_the_header(tmp_path, end):
    path = nrrd(
        tmp_path / "a.seg.nrrd",
        VOXELS,
        "Segment0_Name:= One \u202e",
        "Segment0_LabelValue:=3",
        "Segment0_Layer:=0",
        "Segment0_Color:=1 0.5 0.25",
        "Segment0_ID:=Segment_1",
        "Segment1_Layer:=0",
        "Segment1_Color:=0 0 1.01",
        "Segment12_Name:=",
        "Segment12_LabelValue:=2",
        "Segment12_Layer:=0",
        "Segment12_Color:=-0.1 0 1",
        end=end,
    )
    assert labels_of(path) == [
        (
            Label(1, "Segment 2", ""),
            Label(2, "Segment 13", ""),
            Label(3, "One \\u202e", "#FF8040"),
        )
    ]


def test_what_follows_the_header_is_no_header(tmp_path):
    path = nrrd(tmp_path / "a.nrrd", VOXELS, "Segment0_Layer:=0", "Segment0_Name:=A")
    voxels = np.zeros((1, 1, 60), np.uint8)
    text = b"\n\nSegment0_Layer:=0\nSegment0_Name:=B\n\n"
    voxels.ravel()[: len(text)] = np.frombuffer(text, np.uint8)
    path = nrrd(tmp_path / "b.nrrd", voxels, "Segment0_Layer:=0", "Segment0_Name:=A")
    with path.open("ab") as stream:
        stream.write(text)
    (labels,) = labels_of(path)
    assert all(each.name == f"Label {each.number}" for each in labels)


@pytest.mark.parametrize(
    ("color", "expected"),
    [
        ("0 0 0", "#000000"),
        ("1 1 1", "#FFFFFF"),
        ("0.2 0.4 0.6", "#336699"),
        ("0.5 0.5", ""),
        ("0.5 0.5 0.5 1", ""),
        ("red", ""),
        ("0.5 0.5 nan", ""),
        ("1.001 0 0", ""),
        ("0 0 -0.001", ""),
        ("", ""),
    ],
)
def test_colours_are_three_shares(tmp_path, color, expected):
    path = nrrd(tmp_path / "a.nrrd", VOXELS, "Segment0_Layer:=0", f"Segment0_Color:={color}")
    assert labels_of(path)[0][0] == Label(1, "Segment 1", expected)


@pytest.mark.parametrize(
    ("value", "layer"),
    [("x", "0"), ("1", "x"), ("-1", "0"), ("100001", "0"), ("1", "000000"), ("", "0"), ("1", "")],
)
def test_a_segment_whose_numbers_are_none_is_passed_over(tmp_path, value, layer):
    said = (f"Segment0_LabelValue:={value}", f"Segment0_Layer:={layer}", "Segment0_Name:=Bad")
    others = ("Segment1_LabelValue:=00002", "Segment1_Layer:=00000", "Segment1_Name:=Good")
    path = nrrd(tmp_path / "a.nrrd", VOXELS, *said, *others)
    assert labels_of(path) == [(Label(1, "Label 1"), Label(2, "Good"), Label(3, "Label 3"))]


def test_segments_that_name_no_layer_are_a_layer_each_and_empty_ones_are_left_out(tmp_path):
    layers = np.zeros((3, 2, 1, 3), np.uint8)
    layers[0, 0, 0, 0] = layers[2, 1, 0, 2] = 1
    path = nrrd(
        tmp_path / "a.nrrd", layers, "Segment0_Name:=A", "Segment1_Name:=B", "Segment2_Name:=C"
    )
    maps, notices = read_label_maps(path)
    assert [each.labels for each in maps] == [(Label(1, "A"),), (Label(1, "C"),)]
    assert [np.argwhere(each.grid.voxels).tolist() for each in maps] == [[[0, 0, 0]], [[2, 1, 0]]]
    assert notices == ()


def test_a_header_of_a_million_bytes_is_read_to_there(tmp_path):
    said = ("Segment0_Layer:=0", "Segment0_Name:=A")
    near = nrrd(tmp_path / "near.nrrd", VOXELS, *said, padding=1047)
    assert (1 << 20) - 1500 < near.read_bytes().index(b"Segment0_Name") < (1 << 20) - 20
    assert labels_of(near)[0][0].name == "A"


def test_a_file_that_holds_no_labels_is_refused_by_its_name(tmp_path):
    with pytest.raises(UserError, match=r"^a\.txt: is no NIfTI, NRRD or MetaImage file\.$"):
        read_label_maps(tmp_path / "a.txt")
    path = nrrd(tmp_path / "empty.nrrd", np.zeros((2, 2, 2), np.uint8))
    with pytest.raises(
        UserError, match=r"^empty\.nrrd: is no mask: it is empty: no voxel has a label"
    ):
        read_label_maps(path)
    path = nrrd(tmp_path / "empty2.nrrd", np.zeros((2, 2, 2, 2), np.uint8))
    with pytest.raises(UserError, match=r"is no mask: it is empty, no voxel has a label\.$"):
        read_label_maps(path)


def nifti(path: Path, *volumes: np.ndarray) -> Path:
    """Several volumes of one file, as nibabel writes them."""
    import nibabel as nib

    stacked = np.stack([each.T for each in volumes], axis=-1)
    nib.save(nib.Nifti1Image(stacked, np.diag([-1.0, -1, 1, 1]) @ AFFINE), path)
    return path


def test_of_several_volumes_one_that_is_no_mask_is_told(tmp_path):
    halves = np.full(VOXELS.shape, 0.5, np.float32)
    path = nifti(tmp_path / "a.nii", VOXELS.astype(np.float32), halves)
    with pytest.raises(UserError, match="is no mask: it holds values that are no whole") as raised:
        read_label_maps(path)
    assert raised.value.remedy == "Give a file with a whole number for each voxel, 0 outside."
    assert raised.value.path == path


def test_four_hundred_volumes_are_the_most(tmp_path):
    one = np.ones((1, 1, 1), np.uint8)
    path = nifti(tmp_path / "many.nii", *[one] * 401)
    with pytest.raises(UserError, match="holds 401 volumes, more than a mask has"):
        read_label_maps(path)
    maps, _ = read_label_maps(nifti(tmp_path / "most.nii", *[one] * 400))
    assert len(maps) == 400


def test_progress_runs_through_the_volumes(tmp_path):
    told: list[float] = []
    path = nifti(tmp_path / "a.nii", VOXELS, VOXELS)
    read_label_maps(path, lambda share, _: told.append(share))
    assert told == sorted(told)
    assert told[0] == 0 and 0.5 in told
    assert told[-1] <= 1 and all(0 <= each <= 1 for each in told)


TABLE = "index\tname\tcolor\n1\t Grey\u202e \t#ff8000\n3\tWhite\tff8000\n"


def table(path: Path, text: str) -> tuple[Label, ...]:
    """The labels of a label map beside which a table lies."""
    write_nifti(Volume(VOXELS, AFFINE), path.with_name("x_dseg.nii.gz"))
    path.with_name("x_dseg.tsv").write_text(text)
    (labels,) = labels_of(path.with_name("x_dseg.nii.gz"))
    return labels


def test_a_table_names_labels(tmp_path):
    assert table(tmp_path / "a", TABLE) == (
        Label(1, "Grey\\u202e", "#FF8000"),
        Label(2, "Label 2"),
        Label(3, "White", ""),
    )
    assert table(tmp_path / "a", "color\tname\tindex\n\n#00ff00\tB\t2\n\n")[1] == Label(
        2, "B", "#00FF00"
    )
    assert table(tmp_path / "a", "index\tname\n1\n2\tTwo\textra\n")[:2] == (
        Label(1, ""),
        Label(2, "Two"),
    )


@pytest.mark.parametrize("text", ["", "index\tcolor\n1\t#ff8000\n", "name\tcolor\nA\t#ff8000\n"])
def test_a_table_without_numbers_or_names_is_none(tmp_path, text):
    assert [each.name for each in table(tmp_path / "a", text)] == ["Label 1", "Label 2", "Label 3"]


def test_every_volume_takes_the_names_of_the_table(tmp_path):
    path = nifti(tmp_path / "x.nii", VOXELS, np.minimum(VOXELS, 2))
    path.with_name("x.tsv").write_text(TABLE)
    first, second = labels_of(path)
    assert first[0] == second[0] == Label(1, "Grey\\u202e", "#FF8000")


def numbered(path: Path, largest: int, *rows: str) -> dict[int, str]:
    voxels = np.array([1, 2, largest], np.uint16).reshape(3, 1, 1)
    write_nifti(Volume(voxels, AFFINE), path / "n.nii")
    (path / "n.tsv").write_text("\n".join(["index\tname", *rows]) + "\n")
    (labels,) = labels_of(path / "n.nii")
    return {each.number: each.name for each in labels}


def test_numbers_of_a_table_are_those_of_labels(tmp_path):
    rows = ("0\tZero", "65535\tLast", "65536\tOver", "-1\tLess", "1.0\tPoint", "2\tTwo")
    assert numbered(tmp_path, 65_535, *rows) == {1: "Label 1", 2: "Two", 65_535: "Last"}


def test_four_hundred_rows_of_a_table_are_read(tmp_path):
    rows = [f"{number + 1000}\tx" for number in range(399)]
    assert numbered(tmp_path, 9, *rows, "1\tOne", "2\tTwo") == {
        1: "One",
        2: "Label 2",
        9: "Label 9",
    }


def test_a_table_of_more_than_a_million_bytes_is_not_read(tmp_path):
    longest = (1 << 20) - len("index\tname\n1\tOne\n") - 1
    assert numbered(tmp_path, 9, "1\tOne", "x" * longest)[1] == "One"
    assert (tmp_path / "n.tsv").stat().st_size == 1 << 20
    assert numbered(tmp_path, 9, "1\tOne", "x" * (longest + 1))[1] == "Label 1"


# -- onto a scan --------------------------------------------------------------------------------


SCAN = Volume(np.zeros((3, 4, 5), np.int16), AFFINE)


def test_masks_of_several_volumes_are_in_the_order_of_the_file_and_told_as_they_are_placed(
    tmp_path,
):
    first, second = np.zeros((2, 3, 4, 5), np.uint8)
    first[0, 0, 0], second[1, 2, 3], second[2, 3, 4] = 1, 1, 2
    told: list[tuple[float, str]] = []
    path = nifti(tmp_path / "two.nii", first, second)
    found = read_masks(path, SCAN, None, lambda *each: told.append(each))
    assert (found.kind, found.title, found.notices) == ("label map", "two.nii", ())
    assert [each.name for each in found.masks] == ["Label 1", "Label 1", "Label 2"]
    placing = [share for share, text in told if text.startswith("Placing")]
    assert placing == pytest.approx([0.7, 0.85, 0.925])
    reading = [share for share, text in told if not text.startswith("Placing")]
    assert reading[0] == 0 and 0.35 in reading and max(reading) <= 0.7


def test_what_is_printed_of_masks(tmp_path):
    voxels = np.zeros((3, 4, 5), np.uint8)
    voxels[1, 1:3, 2:5] = 1
    voxels[1, 2, 4] = 0
    write_nifti(Volume(voxels, AFFINE), tmp_path / "m.nii")
    (tmp_path / "m.tsv").write_text("index\tname\tcolor\n1\tA\t#0a0b0c\n")
    document = mask_document(read_masks(tmp_path / "m.nii", SCAN, None), SCAN)
    (mask,) = document["masks"]
    assert document["kind"] == "label map" and document["notices"] == []
    assert document["scan"] == {"shape_kji": [3, 4, 5], "affine_lps": AFFINE.tolist()}
    assert (mask["name"], mask["color"], mask["voxels_on_scan"]) == ("A", "#0A0B0C", 5)
    assert mask["volume_ml"] == mask["volume_on_scan_ml"] == pytest.approx(5 * 24 / 1000)
    assert mask["box_lps_mm"] == [[-2, 7.5, 9], [4 + 0, 13.5, 13]]
    assert mask["center_lps_mm"] == pytest.approx([-5 + 2 * 2.8, 6 + 3 * 1.4, 11])


def test_labels_that_lie_nowhere_in_the_scan_are_told_or_refused(tmp_path):
    voxels = np.zeros((3, 4, 5), np.uint8)
    voxels[0, 0, 0], voxels[2, 3, 4], voxels[2, 3, 3] = 1, 2, 3
    shifted = AFFINE.copy()
    shifted[:3, 3] += (6, 9, 4)
    write_nifti(Volume(voxels, shifted), tmp_path / "m.nii")
    found = read_masks(tmp_path / "m.nii", SCAN, None)
    assert [each.name for each in found.masks] == ["Label 1"]
    assert found.notices[-1] == "2 of its labels lie nowhere in the scan."
    assert found.notices[0].startswith("This mask has as many voxels as the scan")
    voxels[0, 0, 0] = 0
    write_nifti(Volume(voxels, shifted), tmp_path / "m.nii")
    with pytest.raises(UserError, match="has no voxel of a label in the scan") as raised:
        read_masks(tmp_path / "m.nii", SCAN, None)
    assert raised.value.remedy == "Open the scan on which it was drawn."


def test_other_files_are_no_masks(tmp_path):
    (tmp_path / "a.txt").write_text("x")
    with pytest.raises(UserError, match=r"a\.txt: is no mask\.") as raised:
        read_masks(tmp_path / "a.txt", SCAN, None)
    assert raised.value.remedy.startswith("Give NIfTI, NRRD or MetaImage, a DICOM Segmentation")
