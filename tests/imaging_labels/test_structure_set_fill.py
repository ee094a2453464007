"""RT Structure Sets filled slice by slice and on grids of their own: which planes fill which slices, what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, RTStructureSetStorage

from fusion3d_gui.errors import UserError
from fusion3d_gui.imaging import limits
from fusion3d_gui.imaging.dicom.source_series import SourceSeries
from fusion3d_gui.imaging.labels.scan_object import Mask, ScanObject
from fusion3d_gui.imaging.labels.structure_set import read_structure_set
from fusion3d_gui.imaging.volume import Volume


def axes() -> np.ndarray:
    made = np.linalg.qr(np.array([[3.0, 1, 0.4], [-1, 2, 1], [0.5, 0.3, 3]]))[0]
    return made * np.sign(np.linalg.det(made))


SHAPE = 12, 14, 16  # k, j, i


def oblique() -> Volume:
    made = np.eye(4)
    made[:3, :3] = axes() @ np.diag([1.5, 2.0, 3.0])
    made[:3, 3] = (10.0, -20.0, 30.0)
    return Volume(np.zeros(SHAPE, np.int16), made)


SCAN = oblique()


def source() -> SourceSeries:
    header = Dataset()
    header.StudyInstanceUID, header.SeriesInstanceUID = "1.1", "1.2"
    header.FrameOfReferenceUID, header.SOPInstanceUID = "1.3", "1.4"
    return SourceSeries((header,), ())


def item(**values) -> Dataset:
    made = Dataset()
    for key, value in values.items():
        setattr(made, key, value)
    return made


def contour(points, kind: str | None = "CLOSED_PLANAR") -> Dataset:
    made = Dataset()
    if kind is not None:
        made.ContourGeometricType = kind
    made.NumberOfContourPoints = len(points)
    made.ContourData = [f"{value:.8g}" for value in np.ravel(points)]
    return made


def region(number: int, contours: list[Dataset], color=(255, 128, 0)) -> Dataset:
    made = item(ReferencedROINumber=number, ContourSequence=contours)
    if color is not None:
        made.ROIDisplayColor = list(color)
    return made


def write(path: Path, names: dict[int, str | None], regions: list[Dataset], **changes) -> Path:
    made = Dataset()
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    made.file_meta.MediaStorageSOPClassUID = made.SOPClassUID = RTStructureSetStorage
    made.file_meta.MediaStorageSOPInstanceUID = made.SOPInstanceUID = "1.2.9"
    made.StudyInstanceUID, made.SeriesInstanceUID = "1.1", "1.9"
    made.ReferencedFrameOfReferenceSequence = [item(FrameOfReferenceUID="1.3")]
    made.StructureSetROISequence = [
        item(ROINumber=number, ROIName=name, ReferencedFrameOfReferenceUID="1.3")
        for number, name in names.items()
    ]
    made.ROIContourSequence = regions
    for key, value in changes.items():
        setattr(made, key, value)
    made.save_as(path, enforce_file_format=True)
    return path


def read(path: Path, scan: Volume = SCAN, progress=lambda share, text: None) -> ScanObject:
    return read_structure_set(path, scan, source(), progress)


def on_scan(mask: Mask, scan: Volume = SCAN) -> np.ndarray:
    start = np.rint(scan.to_index(mask.grid.affine[:3, 3])[::-1]).astype(int)
    full = np.zeros(scan.shape, bool)
    full[tuple(slice(a, a + n) for a, n in zip(start, mask.grid.shape, strict=True))] = (
        mask.grid.voxels
    )
    return full


def square(k: float, low=(2.5, 3.5), high=(6.5, 9.5)) -> np.ndarray:
    """A rectangle of voxels (i, j) on a plane at k, mm LPS: inside are i 3 to 6, j 4 to 9."""
    corners = [(low[0], low[1]), (high[0], low[1]), (high[0], high[1]), (low[0], high[1])]
    return SCAN.to_lps(np.array([(i, j, k) for i, j in corners]))


def filled_slices(tmp_path: Path, *places: float) -> list[int]:
    contours = [contour(square(place)) for place in places]
    found = read(write(tmp_path / "rt.dcm", {1: "A"}, [region(1, contours)]))
    if not found.masks:
        assert found.notices == ("1 of its regions enclose no voxel of the scan.",)
        return []
    full = on_scan(found.masks[0])
    slices = np.flatnonzero(full.any(axis=(1, 2))).tolist()
    expected = np.zeros(SHAPE[1:], bool)
    expected[4:10, 3:7] = True
    for k in slices:
        np.testing.assert_array_equal(full[k], expected)
    return slices


@pytest.mark.parametrize(
    ("places", "slices"),
    [
        ((4,), [4]),
        ((4.4,), [4]),
        ((4.6,), [5]),
        ((4.5,), [4]),
        ((0,), [0]),
        ((-0.4,), [0]),
        ((-0.6,), []),
        ((11.4,), [11]),
        ((11.6,), []),
        ((-5,), []),
        ((30,), []),
        ((3, 4, 5), [3, 4, 5]),
        (
            (3, 5, 7),
            [2, 3, 4, 5, 6, 7],
        ),  # two slices each; of two at equal distance the next counts
        ((0, 2), [0, 1, 2]),
        ((10, 12), [9, 10, 11]),
        ((2, 5, 8), [1, 2, 3, 4, 5, 6, 7, 8, 9]),
        ((3, 4, 5, 8, 9), [3, 4, 5, 8, 9]),  # a missing plane stays a gap
        ((3.2, 3.7, 4.2, 4.7), [3, 4, 5]),  # planes finer than slices
        ((3, 3.05, 5, 5.05), []),  # nearer than a tenth: one plane, of which one outline is a hole
        ((6, 2, 4), [1, 2, 3, 4, 5, 6]),
    ],
)
def test_planes_of_contours_fill_the_slices_that_are_nearest(tmp_path, places, slices):
    assert filled_slices(tmp_path, *places) == slices


def test_contours_of_one_plane_are_filled_by_the_even_odd_rule_together(tmp_path):
    """Up to a tenth of a slice apart they are of one plane, beyond each fills the slices nearest to it."""
    hole = ((4.5, 5.5), (5.5, 7.5))
    for apart, together in ((0.0, True), (0.09, True), (0.12, False)):
        contours = [contour(square(4)), contour(square(4 + apart, *hole))]
        found = read(write(tmp_path / "rt.dcm", {1: "A"}, [region(1, contours)]))
        expected = np.zeros(SHAPE[1:], bool)
        expected[4:10, 3:7] = True
        if together:
            expected[6:8, 5] = False
        np.testing.assert_array_equal(on_scan(found.masks[0])[4], expected)


def test_each_slice_is_filled_by_its_nearest_plane(tmp_path):
    other = ((8.5, 1.5), (11.5, 3.5))
    contours = [contour(square(4)), contour(square(6, *other))]
    full = on_scan(read(write(tmp_path / "rt.dcm", {1: "A"}, [region(1, contours)])).masks[0])
    assert np.flatnonzero(full.any(axis=(1, 2))).tolist() == [3, 4, 5, 6]
    for k, columns in ((3, (3, 6)), (4, (3, 6)), (5, (9, 11)), (6, (9, 11))):
        across = np.flatnonzero(full[k].any(axis=0))
        assert (across[0], across[-1]) == columns


def test_a_plane_that_leans_by_a_fiftieth_of_a_slice_is_flat(tmp_path):
    """A leaning contour is filled on a grid of its own, which takes other voxels at the edge of its thickness."""
    names = []
    for lean in (0.019, 0.021):
        points = square(4)
        points[2:] += lean * SCAN.affine[:3, 2]
        found = read(write(tmp_path / "rt.dcm", {1: "A"}, [region(1, [contour(points)])]))
        full = on_scan(found.masks[0])
        assert np.flatnonzero(full.any(axis=(1, 2))).tolist() == [4]
        names.append(found.masks[0].stored_ml)
    assert names == [None, None]


def disc(center, radius: float, normal_axis: int, at: float, count: int = 240) -> np.ndarray:
    """A circle in a plane across an axis of the patient, mm LPS."""
    turn = np.linspace(0, 2 * np.pi, count, endpoint=False)
    points = np.zeros((count, 3))
    a, b = (axis for axis in range(3) if axis != normal_axis)
    points[:, a], points[:, b] = (
        center[a] + radius * np.cos(turn),
        center[b] + radius * np.sin(turn),
    )
    points[:, normal_axis] = at
    return points


def cylinder(axis: int, radius: float, low: float, high: float) -> np.ndarray:
    k, j, i = np.indices(SHAPE)
    away = SCAN.to_lps(np.stack([i, j, k], axis=-1)) - SCAN.center_lps
    across = np.delete(away, axis, axis=-1)
    along = away[..., axis]
    return (np.linalg.norm(across, axis=-1) <= radius) & (along > low) & (along <= high)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_planes_across_the_patients_axes_fill_a_cylinder_of_an_oblique_scan(tmp_path, axis):
    """Seven planes 2 mm apart fill 14 mm; voxels near the surface may go either way."""
    center = SCAN.center_lps
    contours = [
        contour(disc(center, 8.0, axis, center[axis] + 2.0 * number)) for number in range(-3, 4)
    ]
    np.random.default_rng(axis).shuffle(contours)
    found = read(write(tmp_path / "rt.dcm", {1: "A"}, [region(1, contours)]))
    full = on_scan(found.masks[0])
    inner, outer = cylinder(axis, 7.8, -6.9, 6.9), cylinder(axis, 8.2, -7.1, 7.1)
    assert inner.sum() > 200
    assert not (inner & ~full).any() and not (full & ~outer).any()
    assert found.masks[0].volume_ml == pytest.approx(np.pi * 0.64 * 1.4, rel=0.06)
    assert (found.masks[0].name, found.masks[0].color) == ("A", "#FF8000")


def test_a_single_plane_across_the_slices_is_as_thick_as_the_largest_voxel_size(tmp_path):
    center = SCAN.center_lps
    found = read(
        write(
            tmp_path / "rt.dcm", {1: "A"}, [region(1, [contour(disc(center, 9.0, 0, center[0]))])]
        )
    )
    full = on_scan(found.masks[0])
    inner, outer = cylinder(0, 8.8, -1.4, 1.4), cylinder(0, 9.2, -1.6, 1.6)
    assert not (inner & ~full).any() and not (full & ~outer).any()


def test_a_region_beside_the_scan_encloses_none_of_its_voxels(tmp_path):
    regions = [region(1, [contour(disc((900.0, 0, 0), 9.0, 0, 900.0))])]
    found = read(write(tmp_path / "rt.dcm", {1: "A"}, regions))
    assert found.masks == ()
    assert found.notices == ("1 of its regions enclose no voxel of the scan.",)


# -- names, kinds, numbers --------------------------------------------------------------------------


def test_regions_have_the_names_and_colours_of_the_file(tmp_path):
    names = {3: "B\u202e", 5: "", 8: None, 9: "unused"}
    colors = {3: (1, 2, 255), 5: (256, 0, 0), 8: (0, -1, 0)}
    regions = [region(n, [contour(square(n))], colors[n]) for n in (8, 3, 5)]
    regions.append(region(77, [contour(square(2))]))  # declared nowhere
    regions[2].ROIDisplayColor = [10, 20]
    path = write(tmp_path / "rt.dcm", names, regions, SpecificCharacterSet="ISO_IR 192")
    found = read(path)
    assert [(each.name, each.color) for each in found.masks] == [
        ("Region 8", ""),
        ("B\\u202e", "#0102FF"),
        ("Region 5", ""),
    ]
    assert (found.kind, found.title, found.notices) == ("structure set", "Structure set", ())


@pytest.mark.parametrize(
    ("color", "expected"),
    [((0, 0, 0), "#000000"), ((255, 255, 255), "#FFFFFF"), ((256, 0, 0), ""), (None, "")],
)
def test_a_colour_is_three_numbers_from_0_to_255(tmp_path, color, expected):
    path = write(tmp_path / "rt.dcm", {1: "A"}, [region(1, [contour(square(4))], color)])
    assert read(path).masks[0].color == expected


def test_open_lines_points_and_lines_of_two_points_enclose_nothing(tmp_path):
    contours = [
        contour(square(4)),
        contour(square(5), None),
        contour(square(6), "CLOSED_PLANAR_XOR"),
        contour(square(8), "OPEN_PLANAR"),
        contour(square(9)[:1], "POINT"),
        contour(square(9)[:2]),
    ]
    found = read(write(tmp_path / "rt.dcm", {1: "A"}, [region(1, contours)]))
    full = on_scan(found.masks[0])
    assert np.flatnonzero(full.any(axis=(1, 2))).tolist() == [4, 5, 6]
    assert found.notices == ("2 of the points and open lines in “A” enclose nothing.",)
    found = read(write(tmp_path / "rt.dcm", {1: "A"}, [region(1, [contour(square(9)[:3])])]))
    assert len(found.masks) == 1


def test_progress_is_told_for_each_region(tmp_path):
    told: list[tuple[float, str]] = []
    names = dict.fromkeys((1, 2, 3, 4), "A")
    regions = [region(n, [contour(square(n))]) for n in names]
    read(write(tmp_path / "rt.dcm", names, regions), progress=lambda *each: told.append(each))
    assert told == [(share, "Filling the contours") for share in (0, 0.25, 0.5, 0.75)]


# -- what is refused --------------------------------------------------------------------------------


def refused(path: Path) -> str:
    with pytest.raises(UserError) as raised:
        read(path)
    assert raised.value.path == path
    return raised.value.problem


@pytest.mark.parametrize(
    "data",
    [["1", "2", "3", "4"], ["1", "2", "nan"] * 3, ["1", "2", "inf"] * 3, ["1", "2", "x"] * 3],
)
def test_contours_that_are_no_points_are_damaged(tmp_path, data):
    broken = contour(square(4))
    broken.ContourData = ["1"]
    path = write(tmp_path / "rt.dcm", {1: "A"}, [region(1, [broken])])
    dataset = pydicom.dcmread(path)
    element = pydicom.DataElement("ContourData", "LO", data)
    dataset.ROIContourSequence[0].ContourSequence[0]["ContourData"] = element
    dataset.save_as(path)
    path.write_bytes(path.read_bytes().replace(b"\x06\x30\x50\x00LO", b"\x06\x30\x50\x00DS"))
    assert refused(path) == "is damaged: its contours can't be read"


def test_four_hundred_regions_are_the_most(tmp_path):
    names = dict.fromkeys(range(1, 401), "A")
    path = write(tmp_path / "rt.dcm", names, [region(400, [contour(square(4))])])
    assert len(read(path).masks) == 1
    path = write(tmp_path / "rt.dcm", {**names, 401: "B"}, [])
    assert refused(path) == "has 401 regions, more than can be shown"


def test_a_region_of_another_frame_of_reference_is_refused(tmp_path):
    path = write(tmp_path / "rt.dcm", {1: "A", 2: "B"}, [region(1, [contour(square(4))])])
    dataset = pydicom.dcmread(path)
    dataset.StructureSetROISequence[1].ReferencedFrameOfReferenceUID = "1.8"
    dataset.save_as(path)
    assert refused(path).startswith("lies in another frame of reference than the scan on screen")


@pytest.mark.parametrize(("bend", "is_flat"), [(0.19, True), (0.21, False)])
def test_contours_in_planes_of_their_own_are_flat_to_a_tenth_of_a_millimetre(
    tmp_path, bend, is_flat
):
    """Bent across the long axis of an outline that leans against the slices: 0.2 mm from end to end are flat."""
    points = disc(SCAN.center_lps, 8.0, 0, SCAN.center_lps[0])
    across = np.cos(2 * np.linspace(0, 2 * np.pi, len(points), endpoint=False))
    points[:, 0] += bend / 2 * across  # a saddle: its best plane is the disc's own
    path = write(tmp_path / "rt.dcm", {1: "A"}, [region(1, [contour(points)])])
    if is_flat:
        assert len(read(path).masks) == 1
    else:
        assert refused(path).startswith("its region “A” is drawn in planes that are not parallel")


def test_contours_in_planes_that_are_not_parallel_are_refused(tmp_path):
    center = SCAN.center_lps
    contours = [contour(disc(center, 8.0, axis, center[axis])) for axis in (0, 1)]
    path = write(tmp_path / "rt.dcm", {1: "A"}, [region(1, contours)])
    assert refused(path) == (
        "its region “A” is drawn in planes that are not parallel, which can't be filled"
    )


def test_a_region_too_large_to_be_filled_is_refused(tmp_path):
    center = SCAN.center_lps
    path = write(
        tmp_path / "rt.dcm", {1: "A"}, [region(1, [contour(disc(center, 3000.0, 0, center[0]))])]
    )
    assert refused(path) == "its region “A” is too large to be filled"


def test_two_bytes_for_each_voxel_of_the_scan_must_fit_into_memory(tmp_path, monkeypatch):
    path = write(tmp_path / "rt.dcm", {1: "A"}, [region(1, [contour(square(4))])])
    needed = 2 * 12 * 14 * 16 + 200 * 2**20
    monkeypatch.setattr(limits, "available_memory", lambda: needed)
    assert len(read(path).masks) == 1
    monkeypatch.setattr(limits, "available_memory", lambda: needed - 1)
    assert refused(path).startswith("needs 0.2 GB of memory")
