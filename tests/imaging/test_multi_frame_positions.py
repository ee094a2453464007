"""Classic images of many slices: multi-frame CT, nuclear medicine, grids of United Imaging."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian, generate_uid

from fusion3d_gui.errors import UserError
from fusion3d_gui.imaging.catalog.find import find_series
from fusion3d_gui.imaging.catalog.open import open_volume, read_series
from fusion3d_gui.imaging.volume import Volume

_COUNT, _ROWS, _COLUMNS = 6, 5, 4
#: Oblique: row, column, and their normal.
_ROW, _COLUMN = np.array([0.8, 0.6, 0.0]), np.array([-0.6, 0.8, 0.0])
_NORMAL = np.cross(_ROW, _COLUMN)
_FIRST = np.array([-10.0, -20.0, 50.0])


def _dataset(sop_class: str, modality: str, pixels: np.ndarray) -> Dataset:
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = sop_class
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = "1.2.3.4", "1.2.3.5"
    dataset.Modality, dataset.InstanceNumber = modality, 1
    dataset.SpacingBetweenSlices, dataset.PixelSpacing = 4, [0.75, 0.5]
    if len(pixels) > 1:
        dataset.NumberOfFrames = len(pixels)
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.Rows, dataset.Columns = pixels.shape[1:]
    dataset.BitsAllocated = dataset.BitsStored = 16
    dataset.HighBit, dataset.PixelRepresentation = 15, 0
    dataset.PixelData = pixels.astype("<u2").tobytes()
    return dataset


def _frames(count: int = _COUNT) -> np.ndarray:
    """Every pixel of every frame with a value of its own."""
    return np.arange(count * _ROWS * _COLUMNS).reshape(count, _ROWS, _COLUMNS)


def _assert_placed(volume: Volume, values: np.ndarray, step_mm: float) -> None:
    """Frame n of ``values`` lies ``n * step_mm`` along the normal from the first position."""
    assert volume.shape == values.shape
    for number in range(len(values)):
        for row, column in ((0, 0), (3, 1)):
            place = _FIRST + _NORMAL * step_mm * number + _ROW * 0.5 * column
            place = place + _COLUMN * 0.75 * row
            assert volume.value_at(place) == values[number, row, column]
    assert volume.faults == ()


def _ct(folder: Path, edit: Callable[[Dataset], None] = lambda dataset: None) -> Volume:
    dataset = _dataset(pydicom.uid.CTImageStorage, "CT", _frames())
    dataset.ImagePositionPatient = _FIRST.tolist()
    dataset.ImageOrientationPatient = [*_ROW, *_COLUMN]
    edit(dataset)
    dataset.save_as(folder / "ct.dcm")
    return open_volume(folder / "ct.dcm")


def test_frames_of_a_classic_ct_follow_its_position(tmp_path: Path) -> None:
    _assert_placed(_ct(tmp_path), _frames(), 4)


def test_a_negative_spacing_stacks_the_other_way(tmp_path: Path) -> None:
    def edit(dataset: Dataset) -> None:
        dataset.SpacingBetweenSlices = -4

    _assert_placed(_ct(tmp_path, edit), _frames(), -4)


def test_frames_in_time_are_not_stacked_along_the_normal(tmp_path: Path) -> None:
    def edit(dataset: Dataset) -> None:
        dataset.FrameIncrementPointer = pydicom.tag.Tag("FrameTime")
        dataset.FrameTime = 100

    assert "does not say where its images lie" in " ".join(_ct(tmp_path, edit).notices)


@pytest.mark.parametrize(
    "keyword", ["ImagePositionPatient", "ImageOrientationPatient", "SpacingBetweenSlices"]
)
def test_frames_lie_nowhere_unless_position_orientation_and_spacing_are_said(
    keyword: str, tmp_path: Path
) -> None:
    def edit(dataset: Dataset) -> None:
        delattr(dataset, keyword)

    volume = _ct(tmp_path, edit)
    assert "does not say where its images lie" in " ".join(volume.notices)
    np.testing.assert_array_equal(volume.voxels, _frames())


def _dose(folder: Path, offsets: list[float]) -> Volume:
    """A dose grid, whose frames are said by their offsets (PS3.3 C.8.8.3.2)."""
    dataset = _dataset(pydicom.uid.RTDoseStorage, "RTDOSE", _frames())
    dataset.ImagePositionPatient = _FIRST.tolist()
    dataset.ImageOrientationPatient = [*_ROW, *_COLUMN]
    dataset.FrameIncrementPointer = pydicom.tag.Tag("GridFrameOffsetVector")
    dataset.GridFrameOffsetVector = offsets
    dataset.DoseGridScaling = 0.5
    dataset.save_as(folder / "dose.dcm")
    return open_volume(folder / "dose.dcm")


@pytest.mark.parametrize("start", [0.0, 50.0])
def test_a_dose_grids_frames_lie_at_their_offsets_whether_relative_or_not(
    start: float, tmp_path: Path
) -> None:
    volume = _dose(tmp_path, [start + 2.5 * number for number in range(_COUNT)])
    _assert_placed(volume, 0.5 * _frames(), 2.5)
    volume = _dose(tmp_path, [start - 2.5 * number for number in range(_COUNT)])
    _assert_placed(volume, 0.5 * _frames(), -2.5)


def test_a_dose_grid_with_too_few_offsets_lies_nowhere(tmp_path: Path) -> None:
    volume = _dose(tmp_path, [2.5 * number for number in range(_COUNT - 1)])
    assert "does not say where its images lie" in " ".join(volume.notices)


def _nm(folder: Path, spacing_mm: float, kind: str, slots: int = 1) -> list[Volume]:
    dataset = _dataset(pydicom.uid.NuclearMedicineImageStorage, "NM", _frames(slots * _COUNT))
    dataset.ImageType = ["ORIGINAL", "PRIMARY", kind, "EMISSION"]
    dataset.SpacingBetweenSlices = spacing_mm
    detector = Dataset()
    detector.ImagePositionPatient = _FIRST.tolist()
    detector.ImageOrientationPatient = [*_ROW, *_COLUMN]
    dataset.DetectorInformationSequence = Sequence([detector])
    pointers = [pydicom.tag.Tag("TimeSlotVector")] if slots > 1 else []
    dataset.FrameIncrementPointer = [*pointers, pydicom.tag.Tag("SliceVector")]
    dataset.SliceVector = [*range(1, _COUNT + 1)] * slots
    if slots > 1:
        dataset.TimeSlotVector = [slot + 1 for slot in range(slots) for _ in range(_COUNT)]
    dataset.save_as(folder / "nm.dcm")
    return [read_series(series) for series in find_series(folder / "nm.dcm")]


@pytest.mark.parametrize("spacing_mm", [4.0, -4.0])
def test_reconstructed_nuclear_medicine_lies_where_its_detector_says(
    spacing_mm: float, tmp_path: Path
) -> None:
    (volume,) = _nm(tmp_path, spacing_mm, "RECON TOMO")
    _assert_placed(volume, _frames(), spacing_mm)


def test_gated_nuclear_medicine_is_a_volume_for_each_time_slot(tmp_path: Path) -> None:
    volumes = _nm(tmp_path, 4.0, "RECON GATED TOMO", slots=3)
    assert len(volumes) == 3
    for slot, volume in enumerate(volumes):
        _assert_placed(volume, _frames(3 * _COUNT)[slot * _COUNT : (slot + 1) * _COUNT], 4.0)
        assert volume.doubts == ()


def test_projections_of_nuclear_medicine_are_no_slices(tmp_path: Path) -> None:
    (volume,) = _nm(tmp_path, 4.0, "TOMO")
    assert "no slices of a volume" in " ".join(volume.faults)


def _grid(
    folder: Path, time: int, *, count: int = _COUNT, placed: int = _COUNT, syntax: str = ""
) -> Path:
    """Slices as tiles, three in a row, with a position for each."""
    down = -(-count // 3)
    tiles = np.zeros((3 * down, _ROWS, _COLUMNS), int)
    tiles[:_COUNT] = _frames() + 1000 * time
    pixels = tiles.reshape(down, 3, _ROWS, _COLUMNS).transpose(0, 2, 1, 3)
    pixels = pixels.reshape(1, down * _ROWS, 3 * _COLUMNS)
    dataset = _dataset(pydicom.uid.MRImageStorage, "MR", pixels)
    dataset.file_meta.TransferSyntaxUID = syntax or ExplicitVRLittleEndian
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "M", "VFRAME"]
    dataset.Manufacturer, dataset.InstanceNumber = "UIH", time + 1
    dataset.ImageOrientationPatient = [*_ROW, *_COLUMN]
    block = dataset.private_block(0x0065, "Image Private Header", create=True)
    block.add_new(0x50, "DS", str(count))
    items = []
    for number in range(placed):
        item = Dataset()
        item.ImagePositionPatient = [round(mm, 6) for mm in _FIRST + 4 * number * _NORMAL]
        items.append(item)
    block.add_new(0x51, "SQ", Sequence(items))
    dataset.save_as(folder / f"{time}.dcm")
    return folder / f"{time}.dcm"


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian])
def test_a_grid_of_united_imaging_is_the_volume_of_its_tiles(syntax: str, tmp_path: Path) -> None:
    for time in range(3):
        _grid(tmp_path, time, syntax=syntax)
    volumes = [read_series(series) for series in find_series(tmp_path)]
    assert len(volumes) == 3
    for time, volume in enumerate(volumes):
        _assert_placed(volume, _frames() + 1000 * time, 4)
        assert volume.doubts == ()


def test_a_grid_alone_is_not_called_one_slice_of_a_series(tmp_path: Path) -> None:
    for time in range(2):
        path = _grid(tmp_path, time)
    assert open_volume(path).notices == ()


def test_a_grid_that_contradicts_itself_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="6 slices and gives the position of 5"):
        open_volume(_grid(tmp_path, 0, placed=5))
    with pytest.raises(UserError, match="can't be divided into 4x3"):
        open_volume(_grid(tmp_path, 0, count=11, placed=6))


def test_a_vframe_of_one_slice_and_images_of_another_type_are_no_grids(tmp_path: Path) -> None:
    grid = pydicom.dcmread(_grid(tmp_path, 0), force=True)
    whole = (1, 2 * _ROWS, 3 * _COLUMNS)
    grid.ImageType = ["ORIGINAL", "PRIMARY", "M", "ND"]
    grid.save_as(tmp_path / "other.dcm")
    assert open_volume(tmp_path / "other.dcm").shape == whole
    grid.ImageType = ["ORIGINAL", "PRIMARY", "M", "VFRAME"]
    grid[0x0065, 0x1050].value = "1"
    del grid[0x0065, 0x1051]  # a grid without positions would be refused
    grid.save_as(tmp_path / "one.dcm")
    assert open_volume(tmp_path / "one.dcm").shape == whole
    for count in ("0", "4097", None):
        if count is None:
            del grid[0x0065, 0x1050]
        else:
            grid[0x0065, 0x1050].value = count
        grid.save_as(tmp_path / "one.dcm")
        assert open_volume(tmp_path / "one.dcm").shape == whole


def test_two_tiles_make_a_grid(tmp_path: Path) -> None:
    grid = pydicom.dcmread(_grid(tmp_path, 0), force=True)
    grid[0x0065, 0x1050].value = "2"
    grid[0x0065, 0x1051].value = grid[0x0065, 0x1051].value[:2]
    grid.Rows, grid.Columns = _ROWS, 2 * _COLUMNS
    grid.PixelData = _frames(2).transpose(1, 0, 2).astype("<u2").tobytes()
    grid.save_as(tmp_path / "two.dcm")
    _assert_placed(open_volume(tmp_path / "two.dcm"), _frames(2), 4)
