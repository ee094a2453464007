"""Objects about a scan: which file is one, which scan it belongs to, how deep it is read; masks' sizes and centres."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from fusion3d_gui.errors import UserError
from fusion3d_gui.imaging.dicom.source_series import SourceSeries
from fusion3d_gui.imaging.labels.object_file import (
    check_belongs,
    items_below,
    object_kind,
    read_whole,
    title_of,
)
from fusion3d_gui.imaging.labels.scan_object import Mask
from fusion3d_gui.imaging.volume import Volume

ROOT = "1.2.840.10008.5.1.4.1.1."


def write(path: Path, storage: str, **values) -> Path:
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.SOPClassUID, dataset.SOPInstanceUID = storage, "1.2.3"
    for key, value in values.items():
        setattr(dataset, key, value)
    dataset.save_as(path, enforce_file_format=True)
    return path


@pytest.mark.parametrize(
    ("storage", "kind"),
    [
        ("66.4", "segmentation"),
        ("66.7", "segmentation"),
        ("30", "map"),
        ("11.1", "presentation state"),
        ("481.3", "structure set"),
        ("88.11", "report"),
        ("88.22", "report"),
        ("88.33", "report"),
        ("88.34", "report"),
        ("88.59", None),
        ("2", None),
        ("66", None),
    ],
)
def test_the_kind_of_an_object_is_its_storage_class(tmp_path, storage, kind):
    assert object_kind(write(tmp_path / "a.dcm", ROOT + storage)) == kind


def test_files_that_are_no_dicom_are_of_no_kind(tmp_path):
    (tmp_path / "a.txt").write_text("no DICOM" * 40)
    assert object_kind(tmp_path / "a.txt") is None
    assert object_kind(tmp_path / "missing") is None


# -- masks --------------------------------------------------------------------------------------


def test_a_mask_has_the_volume_and_centres_of_its_voxels():
    affine = np.array([[0.0, 0, 5, 1], [2, 0, 0, 2], [0, -3, 0, 3], [0, 0, 0, 1]])
    voxels = np.zeros((2, 3, 6), np.uint8)
    voxels[0, 0, 0] = voxels[0, 0, 5] = voxels[1, 2, 5] = voxels[1, 2, 3] = 1
    mask = Mask("a", Volume(voxels, affine))
    assert mask.volume_ml == mask.volume_on_scan_ml == pytest.approx(4 * 30 / 1000)
    center_ijk = np.array([13 / 4, 1.0, 0.5])
    np.testing.assert_allclose(mask.center_lps, affine[:3, :3] @ center_ijk + affine[:3, 3])
    places = [(i, j, k) for k, j, i in np.argwhere(voxels)]
    lps = np.array(places) @ affine[:3, :3].T + affine[:3, 3]
    nearest = lps[np.argmin(np.linalg.norm(lps - mask.center_lps, axis=1))]
    np.testing.assert_allclose(mask.inner_lps, nearest)
    assert Mask("a", mask.grid, stored_ml=0.7).volume_ml == 0.7
    assert Mask("a", mask.grid, stored_ml=0.7).volume_on_scan_ml == pytest.approx(0.12)


def test_a_masks_inner_place_is_one_of_its_voxels_where_its_centre_is_not():
    voxels = np.ones((1, 5, 5), np.uint8)
    voxels[0, 1:4, 1:4] = 0
    voxels[0, 2, 4] = 0
    mask = Mask("ring", Volume(voxels, np.diag([1.0, 1.0, 4.0, 1.0])))
    assert mask.center_lps[0] < 2
    np.testing.assert_allclose(mask.inner_lps, [0, 2, 0])


# -- whole files ----------------------------------------------------------------------------------


def test_what_can_not_be_read_whole_is_told(tmp_path):
    (tmp_path / "a.txt").write_text("no DICOM" * 40)
    for path, problem in (
        (tmp_path / "a.txt", "is no DICOM file"),
        (tmp_path / "missing.dcm", "can't be read (No such file or directory)"),
        (tmp_path, "can't be read"),
    ):
        with pytest.raises(UserError) as raised:
            read_whole(path)
        assert raised.value.problem.startswith(problem)


def test_fifty_million_bytes_are_the_most_of_a_report(tmp_path):
    path = write(tmp_path / "a.dcm", ROOT + "88.11", SeriesDescription="Report")
    assert read_whole(path).SeriesDescription == "Report"
    small = path.read_bytes()
    size = 50_000_000 - len(small) - 12
    element = b"\xfc\xff\xfc\xffOB\0\0" + size.to_bytes(4, "little") + bytes(size)
    path.write_bytes(small + element)
    assert path.stat().st_size == 50_000_000
    assert read_whole(path).SeriesDescription == "Report"
    path.write_bytes(small + element + b"\0")
    with pytest.raises(UserError, match="is damaged, or is too large for what it is"):
        read_whole(path)


def nest(*items: Dataset, name: str = "") -> Dataset:
    made = Dataset()
    made.TextValue = name
    if items:
        made.ContentSequence = list(items)
    return made


def test_items_are_found_depth_first_in_the_order_of_the_file():
    top = nest(
        nest(nest(name="c"), nest(name="d"), name="b"), nest(nest(name="f"), name="e"), name="a"
    )
    top.ReferencedSeriesSequence = [nest(name="first")]  # its tag is before ContentSequence's
    assert [each.TextValue for each in items_below(top)] == ["a", "first", "b", "c", "d", "e", "f"]


def test_items_are_looked_into_twenty_four_deep():
    item = nest(name="30")
    for depth in range(29, -1, -1):
        item = nest(item, name=str(depth))
    assert [each.TextValue for each in items_below(item)] == [str(n) for n in range(25)]


def test_no_more_than_two_hundred_thousand_items_are_looked_at():
    leaf = Dataset()
    middle = nest(*[leaf] * 450)
    top = nest(*[middle] * 450)
    assert sum(1 for _ in items_below(top)) == 200_000


def test_an_object_is_called_by_its_series_or_by_its_kind():
    dataset = Dataset()
    assert title_of(dataset, "presentation state") == "Presentation state"
    dataset.SeriesDescription = ""
    assert title_of(dataset, "map") == "Map"
    dataset.SeriesDescription = "My\nmap"
    assert title_of(dataset, "map") == "My ↵ map"


# -- which scan -----------------------------------------------------------------------------------


def header(number: int, **values) -> Dataset:
    made = Dataset()
    made.StudyInstanceUID, made.SeriesInstanceUID = "1.1", "1.2"
    made.FrameOfReferenceUID = "1.3"
    made.SOPInstanceUID = f"1.4.{number}"
    made.PatientID = "P1"
    for key, value in values.items():
        setattr(made, key, value)
    return made


SOURCE = SourceSeries((header(1), header(2), header(3)), ())


def about(study: str = "1.1", **values) -> Dataset:
    made = Dataset()
    made.StudyInstanceUID = study
    made.SeriesInstanceUID = "9.9"
    for key, value in values.items():
        setattr(made, key, value)
    return made


def one(**values) -> list[Dataset]:
    made = Dataset()
    for key, value in values.items():
        setattr(made, key, value)
    return [made]


@pytest.mark.parametrize(
    "dataset",
    [
        about(FrameOfReferenceUID="1.3"),
        about(FrameOfReferenceUID="1.3", PatientID=" P1 "),
        about(FrameOfReferenceUID="1.3", PatientID=""),
        about(ReferencedFrameOfReferenceSequence=one(FrameOfReferenceUID="1.3")),
        about(ReferencedSeriesSequence=one(SeriesInstanceUID="1.2")),
        about(ReferencedImageSequence=one(ReferencedSOPInstanceUID="1.4.1")),
        about(
            ReferencedSeriesSequence=one(
                ReferencedSOPSequence=one(ReferencedSOPInstanceUID="1.4.3")
            )
        ),
        about(ContentSequence=one(ReferencedFrameOfReferenceUID="1.3")),
    ],
)
def test_an_object_belongs_to_the_scan_that_it_names(dataset):
    check_belongs(dataset, SOURCE, Path("a.dcm"))


@pytest.mark.parametrize(
    ("dataset", "problem", "remedy"),
    [
        (
            about("1.9", FrameOfReferenceUID="1.3"),
            "belongs to another study than the scan on screen",
            "Open the scan that it is about.",
        ),
        (
            Dataset(),
            "belongs to another study than the scan on screen",
            "Open the scan that it is about.",
        ),
        (
            about(FrameOfReferenceUID="1.3", PatientID="P2"),
            "names another patient than the scan on screen",
            "Open the scan that it is about.",
        ),
        (
            about(FrameOfReferenceUID="1.5"),
            "lies in another frame of reference than the scan on screen: its positions mean nothing there",
            "Open the series that it is about.",
        ),
        (
            about(
                ReferencedFrameOfReferenceSequence=one(FrameOfReferenceUID="1.5"),
                ReferencedSeriesSequence=one(SeriesInstanceUID="1.2"),
            ),
            "lies in another frame of reference than the scan on screen: its positions mean nothing there",
            "Open the series that it is about.",
        ),
        (about(), "is about another series of this study", "Open the series that it is about."),
        (
            about(ReferencedImageSequence=one(ReferencedSOPInstanceUID="1.4.4")),
            "is about another series of this study",
            "Open the series that it is about.",
        ),
        (
            about(SeriesInstanceUID="1.2"),  # its own series, which is no reference
            "is about another series of this study",
            "Open the series that it is about.",
        ),
    ],
)
def test_an_object_of_another_scan_is_refused(dataset, problem, remedy):
    with pytest.raises(UserError) as raised:
        check_belongs(dataset, SOURCE, Path("a.dcm"))
    assert (raised.value.problem, raised.value.remedy) == (problem, remedy)
    assert raised.value.path == Path("a.dcm")


def test_a_reference_that_can_not_be_read_is_told(tmp_path):
    path = write(
        tmp_path / "a.dcm",
        ROOT + "88.11",
        StudyInstanceUID="1.1",
        ContentSequence=one(TextValue="x"),
    )
    broken = path.read_bytes().replace(b"\xfe\xff\x00\xe0", b"\xfe\xff\x01\xe0")
    path.write_bytes(broken)
    with pytest.raises(UserError, match=r"what it refers to can't be read|another series"):
        check_belongs(pydicom.dcmread(path, force=True), SOURCE, path)
