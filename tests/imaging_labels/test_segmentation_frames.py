"""Frames of DICOM Segmentations on a scan: on its voxels, across its edge, between them; numbers, types, limits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from fusion3d_gui.errors import UserError
from fusion3d_gui.imaging import limits
from fusion3d_gui.imaging.dicom.source_series import SourceSeries
from fusion3d_gui.imaging.labels.scan_object import ScanObject
from fusion3d_gui.imaging.labels.segmentation import read_segmentation
from fusion3d_gui.imaging.volume import Volume


def turned() -> np.ndarray:
    return np.linalg.qr(np.array([[3.0, 1, 0.4], [-1, 2, 1], [0.5, 0.3, 3]]))[0]


def axes() -> np.ndarray:
    """Right-handed directions of rows, columns and slices."""
    made = turned()
    return made * np.sign(np.linalg.det(made))


SIZES = 1.5, 2.0, 3.0
SHAPE = 5, 6, 7  # k, j, i


def scan_affine() -> np.ndarray:
    made = np.eye(4)
    made[:3, :3] = axes() @ np.diag(SIZES)
    made[:3, 3] = (10.0, -20.0, 30.0)
    return made


SCAN = Volume(np.zeros(SHAPE, np.int16), scan_affine())


def source() -> SourceSeries:
    header = Dataset()
    header.StudyInstanceUID, header.SeriesInstanceUID = "1.1", "1.2"
    header.FrameOfReferenceUID, header.SOPInstanceUID = "1.3", "1.4"
    return SourceSeries((header,), ())


def item(**values) -> list[Dataset]:
    made = Dataset()
    for key, value in values.items():
        setattr(made, key, value)
    return [made]


def frame(number, origin_ijk, **changes) -> Dataset:
    """The functional groups of a frame of a segment at a voxel of the scan."""
    groups = Dataset()
    if number is not None:
        groups.SegmentIdentificationSequence = item(ReferencedSegmentNumber=number)
    place = SCAN.to_lps(np.array(origin_ijk, float))
    groups.PlanePositionSequence = item(ImagePositionPatient=[f"{each:.9f}" for each in place])
    for key, value in changes.items():
        setattr(groups, key, value)
    return groups


def directions(matrix: np.ndarray) -> list[Dataset]:
    return item(ImageOrientationPatient=[f"{each:.10f}" for each in matrix.T[:2].ravel()])


def segmentation(path: Path, pixels: np.ndarray, frames: list[Dataset], **changes) -> Path:
    """8 bits a pixel, ``[frame, row, column]``; segments 1, 2 and 3 are declared."""
    made = Dataset()
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = changes.pop("syntax", ExplicitVRLittleEndian)
    made.SOPClassUID = made.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.66.4"
    made.SOPInstanceUID = made.file_meta.MediaStorageSOPInstanceUID = "1.2.9"
    made.StudyInstanceUID, made.SeriesInstanceUID = "1.1", "1.9"
    made.FrameOfReferenceUID = "1.3"
    made.Modality, made.SegmentationType = "SEG", "FRACTIONAL"
    made.MaximumFractionalValue = 100
    made.NumberOfFrames, made.Rows, made.Columns = pixels.shape
    made.SamplesPerPixel, made.PhotometricInterpretation = 1, "MONOCHROME2"
    made.BitsAllocated, made.BitsStored, made.HighBit, made.PixelRepresentation = 8, 8, 7, 0
    made.SegmentSequence = [item(SegmentNumber=n, SegmentLabel=f"S{n}")[0] for n in (1, 2, 3)]
    shared = Dataset()
    shared.PixelMeasuresSequence = item(
        PixelSpacing=[SIZES[1], SIZES[0]], SpacingBetweenSlices=SIZES[2]
    )
    shared.PlaneOrientationSequence = directions(axes())
    made.SharedFunctionalGroupsSequence = [shared]
    made.PerFrameFunctionalGroupsSequence = frames
    made.PixelData = pixels.astype(np.uint8).tobytes() + b"\0" * (pixels.size % 2)
    for key, value in changes.items():
        setattr(made, key, value)
    made.save_as(path, enforce_file_format=True)
    return path


def read(path: Path, scan: Volume = SCAN, progress=lambda share, text: None) -> ScanObject:
    return read_segmentation(path, scan, source(), progress)


def whole(mask, scan: Volume = SCAN) -> np.ndarray:
    """A mask on the scan's grid; its box is as small as can be."""
    start = np.rint(scan.to_index(mask.grid.affine[:3, 3])[::-1]).astype(int)
    np.testing.assert_allclose(scan.to_lps(start[::-1]), mask.grid.affine[:3, 3], atol=1e-6)
    np.testing.assert_allclose(mask.grid.affine[:3, :3], scan.affine[:3, :3])
    assert mask.grid.voxels.dtype == np.uint8 and mask.grid.description == mask.name
    for axis in range(3):
        moved = np.moveaxis(mask.grid.voxels, axis, 0)
        assert moved[0].any() and moved[-1].any()
    full = np.zeros(scan.shape, bool)
    full[tuple(slice(a, a + n) for a, n in zip(start, mask.grid.shape, strict=True))] = (
        mask.grid.voxels
    )
    return full


FULL = np.full((1, 6, 7), 100)


def noise(seed: int, shape) -> np.ndarray:
    """Fractions of 100, as many below as above one half."""
    return np.random.default_rng(seed).integers(0, 101, shape)


def test_frames_on_the_scans_voxels_are_masks_from_one_half_on(tmp_path):
    pixels = noise(1, (4, *SHAPE[1:]))
    pixels[0, 2, 3], pixels[0, 2, 4] = 50, 49
    frames = [frame(1, (0, 0, 3)), frame(2, (0, 0, 4)), frame(1, (0, 0, 1)), frame(2, (0, 0, 0))]
    found = read(segmentation(tmp_path / "a.dcm", pixels, frames))
    expected = np.zeros((2, *SHAPE), bool)
    for pixel, (number, k) in zip(pixels, ((0, 3), (1, 4), (0, 1), (1, 0)), strict=True):
        expected[number, k] = pixel >= 50
    assert (found.kind, found.title) == ("segmentation", "Segmentation")
    assert [each.name for each in found.masks] == ["S1", "S2"]
    for mask, inside in zip(found.masks, expected, strict=True):
        np.testing.assert_array_equal(whole(mask), inside)
    assert found.notices == ("1 of its segments lie nowhere in the scan.",)


def test_frames_of_one_segment_at_one_place_are_joined(tmp_path):
    pixels = noise(2, (2, *SHAPE[1:]))
    path = segmentation(tmp_path / "a.dcm", pixels, [frame(1, (0, 0, 2)), frame(1, (0, 0, 2))])
    expected = np.zeros(SHAPE, bool)
    expected[2] = (pixels >= 50).any(axis=0)
    np.testing.assert_array_equal(whole(read(path).masks[0]), expected)


@pytest.mark.parametrize(
    ("i", "j"), [(0, 0), (-3, 0), (0, -2), (2, 3), (-2, 4), (6, 5), (-3, -2), (5, -1)]
)
@pytest.mark.parametrize("shape", [(3, 4), (8, 10)])
def test_frames_across_the_edge_of_the_scan_are_cut_there(tmp_path, i, j, shape):
    pixels = noise(3, (2, *shape))
    pixels[:, :, 0] = pixels[:, 0] = pixels[:, -1] = pixels[:, :, -1] = 100
    path = segmentation(tmp_path / "a.dcm", pixels, [frame(1, (i, j, 0)), frame(1, (i, j, 4))])
    expected = np.zeros(SHAPE, bool)
    for row in range(shape[0]):
        for column in range(shape[1]):
            if 0 <= row + j < 6 and 0 <= column + i < 7:
                expected[0, row + j, column + i] = pixels[0, row, column] >= 50
                expected[4, row + j, column + i] = pixels[1, row, column] >= 50
    np.testing.assert_array_equal(whole(read(path).masks[0]), expected)


@pytest.mark.parametrize(
    "place",
    [(-7, 0, 0), (7, 0, 0), (0, -6, 0), (0, 6, 0), (0, 0, -1), (0, 0, 5), (-20, 0, 0), (0, 20, 0)],
)
def test_frames_beside_the_scan_are_nowhere(tmp_path, place):
    path = segmentation(tmp_path / "a.dcm", FULL, [frame(2, place)])
    found = read(path)
    assert found.masks == ()
    assert found.notices == ("3 of its segments lie nowhere in the scan.",)


def resampled(pixels: np.ndarray, origin: np.ndarray, matrix: np.ndarray, sizes) -> np.ndarray:
    """One frame as a slab on the scan's grid, by SimpleITK."""
    image = sitk.GetImageFromArray((pixels >= 50).astype(np.uint8)[None])
    image.SetSpacing(sizes)
    image.SetOrigin(origin.tolist())
    image.SetDirection(matrix.ravel().tolist())
    grid = sitk.GetImageFromArray(np.zeros(SHAPE, np.uint8))
    grid.SetSpacing(SIZES)
    grid.SetOrigin(SCAN.affine[:3, 3].tolist())
    grid.SetDirection(axes().ravel().tolist())
    done = sitk.Resample(image, grid, sitk.Transform(), sitk.sitkNearestNeighbor, 0)
    return sitk.GetArrayFromImage(done) > 0


def spin(angle: float, axis=(1.0, 2.0, 3.0)) -> np.ndarray:
    unit = np.array(axis) / np.linalg.norm(axis)
    cross = np.cross(np.eye(3), unit)
    return np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross


@pytest.mark.parametrize(
    ("angle", "sizes", "start"),
    [
        (0.3, (0.9, 1.1, 2.2), (1.3, 1.1, 0.7)),
        (0.7, (1.4, 0.8, 4.1), (-0.7, 0.4, 2.2)),
        (1.9, (1.1, 1.3, 1.7), (2.3, 3.1, 1.2)),
        (0.0, (1.5, 2.0, 3.0), (0.3, 0.0, 1.0)),
        (0.0, (1.5, 2.0, 3.0), (0.0, 0.3, 1.0)),
        (0.0, (1.5, 2.0, 3.0), (0.0, 0.0, 1.3)),
        (0.0, (1.4, 2.0, 3.0), (0.0, 0.0, 1.0)),
        (0.0, (1.5, 2.1, 3.0), (0.0, 0.0, 1.0)),
    ],
)
def test_frames_between_the_scans_voxels_are_slabs_that_simpleitk_samples(
    tmp_path, angle, sizes, start
):
    """Two frames of a segment, one slab's thickness apart."""
    matrix = spin(angle) @ axes()
    pixels = noise(4, (2, 8, 9))
    groups, expected = [], np.zeros(SHAPE, bool)
    for count, pixel in enumerate(pixels):
        origin = SCAN.to_lps(np.array(start)) + count * matrix[:, 2] * sizes[2]
        measures = item(PixelSpacing=[sizes[1], sizes[0]], SpacingBetweenSlices=sizes[2])
        groups.append(
            frame(
                1,
                SCAN.to_index(origin),
                PixelMeasuresSequence=measures,
                PlaneOrientationSequence=directions(matrix),
            )
        )
        expected |= resampled(pixel, origin, matrix, sizes)
    found = read(segmentation(tmp_path / "a.dcm", pixels, groups))
    assert expected.sum() > 5
    np.testing.assert_array_equal(whole(found.masks[0]), expected)


def test_a_frame_that_says_no_thickness_is_one_millimetre_thick(tmp_path):
    for shift, is_met in ((0.4, True), (0.6, False)):
        path = segmentation(
            tmp_path / "a.dcm",
            FULL,
            [frame(1, (0, 0, 2 + shift / 3), PixelMeasuresSequence=item(PixelSpacing=[2.0, 1.5]))],
            SharedFunctionalGroupsSequence=item(PlaneOrientationSequence=directions(axes())),
        )
        assert [
            np.flatnonzero(whole(each).any(axis=(1, 2))).tolist() for each in read(path).masks
        ] == ([[2]] if is_met else [])


@pytest.mark.parametrize(("shift", "slices"), [(0.019, [2]), (0.021, [2])])
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_fiftieth_of_a_voxel_off_is_the_voxel_itself(tmp_path, axis, shift, slices):
    """Where a frame is on the voxels its thickness does not matter; beyond, it is a slab of two slices and more."""
    place = np.array([0.0, 0, 2])
    place[axis] += shift
    thick = item(PixelSpacing=[2.0, 1.5], SpacingBetweenSlices=6.5)
    path = segmentation(tmp_path / "a.dcm", FULL, [frame(1, place, PixelMeasuresSequence=thick)])
    found = np.flatnonzero(whole(read(path).masks[0]).any(axis=(1, 2))).tolist()
    assert found == ([2] if shift < 0.02 else [1, 2, 3])


@pytest.mark.parametrize(("over", "is_on_voxels"), [(0.019, True), (0.021, False)])
@pytest.mark.parametrize("axis", [0, 1])
def test_pixels_of_another_size_are_off_the_voxels_at_the_far_edge(
    tmp_path, axis, over, is_on_voxels
):
    spacing = [2.0, 1.5]  # between rows, between columns
    count = (7, 6)[axis]
    spacing[1 - axis] *= 1 + over / count
    thick = item(PixelSpacing=spacing, SpacingBetweenSlices=6.5)
    path = segmentation(
        tmp_path / "a.dcm", FULL, [frame(1, (0, 0, 2), PixelMeasuresSequence=thick)]
    )
    found = np.flatnonzero(whole(read(path).masks[0]).any(axis=(1, 2))).tolist()
    assert found == ([2] if is_on_voxels else [1, 2, 3])


def test_frames_that_do_not_say_where_they_lie_are_counted(tmp_path):
    nowhere = frame(1, (0, 0, 2))
    del nowhere.PlanePositionSequence
    path = segmentation(
        tmp_path / "a.dcm", np.repeat(FULL, 3, axis=0), [nowhere, frame(2, (0, 0, 2)), nowhere]
    )
    found = read(path)
    assert [each.name for each in found.masks] == ["S2"]
    assert found.notices == (
        "2 of its frames do not say where they lie.",
        "2 of its segments lie nowhere in the scan.",
    )
    for group in ("PlaneOrientationSequence", "PixelMeasuresSequence"):
        dataset = pydicom.dcmread(path)
        delattr(dataset.SharedFunctionalGroupsSequence[0], group)
        dataset.save_as(path)
        assert read(path).notices[0] == "3 of its frames do not say where they lie."


def test_progress_is_told_for_each_frame(tmp_path):
    told: list[tuple[float, str]] = []
    frames = [frame(1, (0, 0, k)) for k in range(3)]
    path = segmentation(tmp_path / "a.dcm", np.repeat(FULL, 3, axis=0), frames)
    read(path, progress=lambda *each: told.append(each))
    assert [text for _, text in told] == ["Reading the segments"] * 3
    assert [share for share, _ in told] == pytest.approx([0, 1 / 4, 2 / 4])


# -- numbers, names, colours --------------------------------------------------------------------


def test_frames_of_no_declared_segment_are_left_out(tmp_path):
    frames = [frame(9, (0, 0, 0)), frame(None, (0, 0, 1)), frame(3, (0, 0, 2)), frame(0, (0, 0, 3))]
    found = read(segmentation(tmp_path / "a.dcm", np.repeat(FULL, 4, axis=0), frames))
    assert [each.name for each in found.masks] == ["S3"]


def test_names_are_plain_text_and_numbered_where_there_are_none(tmp_path):
    segments = [
        item(SegmentNumber=1, SegmentLabel="A\u202eB")[0],
        item(SegmentNumber=2, SegmentLabel="")[0],
        item(SegmentNumber=3)[0],
        item(SegmentNumber=0, SegmentLabel="Background")[0],
    ]
    path = segmentation(
        tmp_path / "a.dcm",
        np.repeat(FULL, 3, axis=0),
        [frame(n, (0, 0, n)) for n in (1, 2, 3)],
        SegmentSequence=segments,
        SpecificCharacterSet="ISO_IR 192",
    )
    assert [each.name for each in read(path).masks] == ["A\\u202eB", "Segment 2", "Segment 3"]


def test_colours_are_cielab_of_16_bits(tmp_path):
    """White is L 100, a 0, b 0 (PS3.3 C.10.7.1.1): 65535, 32896, 32896."""
    colors = ([65_535, 32_896, 32_896], [0, 32_896, 32_896], [1, 2], None)
    segments = [item(SegmentNumber=n, SegmentLabel=f"S{n}")[0] for n in (1, 2, 3, 4)]
    for segment, color in zip(segments, colors, strict=True):
        if color:
            segment.RecommendedDisplayCIELabValue = color
    path = segmentation(
        tmp_path / "a.dcm",
        np.repeat(FULL, 4, axis=0),
        [frame(n, (0, 0, n)) for n in (1, 2, 3, 4)],
        SegmentSequence=segments,
    )
    assert [each.color for each in read(path).masks] == ["#FFFFFF", "#000000", "", ""]


def test_the_whole_of_a_fraction_is_255_where_the_file_does_not_say(tmp_path):
    pixels = np.repeat(FULL, 1, axis=0)
    pixels[0, 1, 1:4] = 127, 128, 255
    path = segmentation(tmp_path / "a.dcm", pixels, [frame(1, (0, 0, 2))])
    dataset = pydicom.dcmread(path)
    del dataset.MaximumFractionalValue
    dataset.save_as(path)
    assert np.argwhere(whole(read(path).masks[0])).tolist() == [[2, 1, 2], [2, 1, 3]]


def test_a_segment_of_bits_is_all_above_zero(tmp_path):
    pixels = np.zeros((1, 6, 7))
    pixels[0, 4, 2], pixels[0, 4, 3] = 1, 200
    path = segmentation(
        tmp_path / "a.dcm", pixels, [frame(1, (0, 0, 2))], SegmentationType="BINARY"
    )
    assert np.argwhere(whole(read(path).masks[0])).tolist() == [[2, 4, 2], [2, 4, 3]]
    dataset = pydicom.dcmread(path)
    del dataset.SegmentationType
    dataset.save_as(path)
    assert np.argwhere(whole(read(path).masks[0])).tolist() == [[2, 4, 2], [2, 4, 3]]


def test_a_label_map_has_its_segments_by_number(tmp_path):
    pixels = np.random.default_rng(6).integers(0, 5, (2, 6, 7))
    path = segmentation(
        tmp_path / "a.dcm",
        pixels,
        [frame(None, (0, 0, 4)), frame(None, (0, 0, 1))],
        SegmentationType="LABELMAP",
        SOPClassUID="1.2.840.10008.5.1.4.1.1.66.7",
    )
    found = read(path)
    assert [each.name for each in found.masks] == ["S1", "S2", "S3"]
    for number, mask in enumerate(found.masks, 1):
        expected = np.zeros(SHAPE, bool)
        expected[4], expected[1] = pixels == number
        np.testing.assert_array_equal(whole(mask), expected)


# -- what is refused --------------------------------------------------------------------------------


def refused(path: Path, scan: Volume = SCAN) -> str:
    with pytest.raises(UserError) as raised:
        read(path, scan)
    assert raised.value.path == path
    return raised.value.problem


def many(count: int) -> list[Dataset]:
    return [item(SegmentNumber=n, SegmentLabel=f"S{n}")[0] for n in range(1, count + 1)]


def test_four_hundred_segments_are_the_most(tmp_path):
    path = segmentation(
        tmp_path / "a.dcm", FULL, [frame(400, (0, 0, 2))], SegmentSequence=many(400)
    )
    assert [each.name for each in read(path).masks] == ["S400"]
    path = segmentation(tmp_path / "a.dcm", FULL, [frame(1, (0, 0, 2))], SegmentSequence=many(401))
    assert refused(path) == "has 401 segments, more than can be shown"


def test_what_is_no_segmentation_of_this_scan_is_refused(tmp_path):
    (tmp_path / "a.txt").write_text("no DICOM" * 50)
    assert refused(tmp_path / "a.txt") == "is no DICOM file"
    path = segmentation(tmp_path / "a.dcm", FULL, [frame(1, (0, 0, 2))], FrameOfReferenceUID="1.8")
    assert refused(path).startswith("lies in another frame of reference")
    path = segmentation(tmp_path / "a.dcm", FULL, [frame(1, (0, 0, 2))])
    unknown = path.read_bytes().replace(b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.1.2.9\0")
    path.write_bytes(unknown)
    assert refused(path) == "is compressed in a way that can't be read"


def test_segments_that_have_no_number_are_damaged(tmp_path):
    segments = [item(SegmentLabel="A")[0]]
    path = segmentation(tmp_path / "a.dcm", FULL, [frame(1, (0, 0, 2))], SegmentSequence=segments)
    assert refused(path) == "is damaged: its segments can't be read"


@pytest.mark.parametrize(
    ("slices", "segments", "planes"), [(5, 3, 3), (1, 2, 2), (1, 3, 3), (2, 1, 2)]
)
def test_a_plane_for_each_frame_or_slice_of_a_segment_must_fit_into_memory(
    tmp_path, monkeypatch, slices, segments, planes
):
    scan = Volume(np.zeros((slices, 6, 7), np.int16), scan_affine())
    frames = [frame(1, (0, 0, 0)) for _ in range(3)]
    path = segmentation(
        tmp_path / "a.dcm", np.repeat(FULL, 3, axis=0), frames, SegmentSequence=many(segments)
    )
    monkeypatch.setattr(limits, "available_memory", lambda: planes * 42 + 200 * 2**20)
    assert len(read(path, scan).masks) == 1
    monkeypatch.setattr(limits, "available_memory", lambda: planes * 42 - 1 + 200 * 2**20)
    assert refused(path, scan).startswith("needs 0.2 GB of memory")
