"""Enhanced multi-frame CT, MR and PET, and multi-frame images without geometry: frame by frame."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRLittleEndian

from fusion3d_gui.errors import UserError
from fusion3d_gui.imaging.catalog.find import find_series
from fusion3d_gui.imaging.catalog.open import open_volume
from fusion3d_gui.imaging.volume import Volume

_ROWS, _COLUMNS = 6, 8
_ORIENTATION = [0, 1, 0, 0, 0, -1]  # sagittal: rows towards posterior, columns towards inferior


def _item(**values: Any) -> Dataset:
    dataset = Dataset()
    for keyword, value in values.items():
        setattr(dataset, keyword, value)
    return dataset


def _in(**values: Any) -> Sequence:
    return Sequence([_item(**values)])


def _image(sop_class: str, modality: str, frames: list[Dataset]) -> Dataset:
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = sop_class
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = "1.2.3.4"
    dataset.SeriesInstanceUID, dataset.StudyInstanceUID = "1.2.3", "1.2"
    dataset.Modality, dataset.NumberOfFrames = modality, len(frames)
    dataset.Rows, dataset.Columns, dataset.SamplesPerPixel = _ROWS, _COLUMNS, 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.BitsAllocated = dataset.BitsStored = 16
    dataset.HighBit, dataset.PixelRepresentation = 15, 0
    dataset.SharedFunctionalGroupsSequence = _in(
        PlaneOrientationSequence=_in(ImageOrientationPatient=_ORIENTATION),
        PixelMeasuresSequence=_in(PixelSpacing=[0.5, 0.75], SliceThickness=3),
    )
    dataset.PerFrameFunctionalGroupsSequence = Sequence(frames)
    pixels = np.random.default_rng(6).integers(0, 4000, (len(frames), _ROWS, _COLUMNS))
    dataset.PixelData = pixels.astype("<u2").tobytes()
    return dataset


def _frame(x_mm: float, **groups: Any) -> Dataset:
    return _item(PlanePositionSequence=_in(ImagePositionPatient=[x_mm, -7, 9]), **groups)


def _saved(dataset: Dataset, tmp_path: Path) -> Path:
    dataset.save_as(tmp_path / "frames.dcm", enforce_file_format=True)
    return tmp_path / "frames.dcm"


def _is_at(volume: Volume, x_mm: float, values: np.ndarray) -> bool:
    """Whether the volume shows a frame's values in the slice at its place."""
    corner = np.array([x_mm, -7.0, 9.0])
    i, j, k = volume.to_index(corner)
    assert abs(k - round(k)) < 1e-6
    assert (i, j) == pytest.approx((0, 0), abs=1e-6)
    opposite = volume.to_lps(np.array([_COLUMNS - 1, _ROWS - 1, k]))
    np.testing.assert_allclose(opposite, corner + [0, 7 * 0.75, -5 * 0.5], atol=1e-6)
    return np.allclose(volume.real(volume.voxels[round(k)]), values, rtol=1e-5)


@pytest.mark.parametrize("differing", [False, True])
def test_an_enhanced_ct_shows_every_frame_at_its_place_with_its_own_slope(
    differing: bool, tmp_path: Path
) -> None:
    places = [12.0, 3.0, 9.0, 0.0, 6.0]
    slopes = [1.0 + differing * number for number in range(5)]
    frames = [
        _frame(
            x,
            PixelValueTransformationSequence=_in(
                RescaleSlope=slope, RescaleIntercept=-1024, RescaleType="HU"
            ),
            FrameVOILUTSequence=_in(WindowCenter=40, WindowWidth=80),
        )
        for x, slope in zip(places, slopes, strict=True)
    ]
    path = _saved(_image(pydicom.uid.EnhancedCTImageStorage, "CT", frames), tmp_path)
    volume = open_volume(path)
    stored = pydicom.dcmread(path).pixel_array
    assert (volume.shape, volume.unit) == ((5, _ROWS, _COLUMNS), "HU")
    assert volume.windows == ((40.0, 80.0),)
    assert len(volume.notices) == differing  # about the slopes, nothing else
    assert volume.voxels.dtype == (np.float32 if differing else np.uint16)
    for number, x in enumerate(places):
        assert _is_at(volume, x, stored[number] * slopes[number] - 1024)


def test_an_enhanced_mr_of_two_echoes_and_two_times_is_four_volumes(tmp_path: Path) -> None:
    kinds = [(x, echo, time) for x in (0.0, 3.0, 6.0) for echo in (10.0, 80.0) for time in (1, 2)]
    frames = [
        _frame(
            x,
            MREchoSequence=_in(EffectiveEchoTime=echo),
            FrameContentSequence=_in(TemporalPositionIndex=time),
        )
        for x, echo, time in kinds
    ]
    path = _saved(_image(pydicom.uid.EnhancedMRImageStorage, "MR", frames), tmp_path)
    stored = pydicom.dcmread(path).pixel_array
    found = find_series(path)
    assert {series.description for series in found} == {
        f"Series (TE {echo}, time point {time})" for echo in (10, 80) for time in (1, 2)
    }
    for series in found:
        volume = open_volume(path, series_uid=series.uid)
        for number, (x, echo, time) in enumerate(kinds):
            if f"TE {echo:g}, time point {time}" in series.description:
                assert _is_at(volume, x, stored[number])


def test_an_enhanced_mr_of_several_b_values_and_directions_is_split_by_them(tmp_path: Path) -> None:
    kinds: list[tuple[float, float, list[float]]] = []
    for x in (0.0, 3.0):
        kinds += [(x, 0.0, []), (x, 1000.0, [1, 0, 0]), (x, 1000.0, [0, 1, 0])]
    frames = []
    for x, b, direction in kinds:
        diffusion = _item(DiffusionBValue=b, DiffusionDirectionality="NONE")
        if direction:
            diffusion.DiffusionDirectionality = "DIRECTIONAL"
            diffusion.DiffusionGradientDirectionSequence = _in(
                DiffusionGradientOrientation=direction
            )
        frames.append(_frame(x, MRDiffusionSequence=Sequence([diffusion])))
    path = _saved(_image(pydicom.uid.EnhancedMRImageStorage, "MR", frames), tmp_path)
    found = find_series(path)
    assert [series.shape[0] for series in found] == [2, 2, 2]
    assert sum("b 1000" in series.description for series in found) == 2
    assert sum("b 0" in series.description for series in found) == 1


def test_an_enhanced_pet_becomes_suv(tmp_path: Path) -> None:
    transformation = _in(RescaleSlope=2.0, RescaleIntercept=0, RescaleType="BQML")
    frames = [_frame(x, PixelValueTransformationSequence=transformation) for x in (0.0, 3.0, 6.0)]
    dataset = _image(pydicom.uid.EnhancedPETImageStorage, "PT", frames)
    dataset.DecayCorrected = dataset.AttenuationCorrected = "YES"
    dataset.DecayCorrectionDateTime = "20200301100000"
    dataset.PatientWeight = 70
    dataset.RadiopharmaceuticalInformationSequence = _in(
        RadionuclideTotalDose=350e6,
        RadionuclideHalfLife=6586.2,
        RadiopharmaceuticalStartDateTime="20200301090000.00",
    )
    volume = open_volume(_saved(dataset, tmp_path))
    assert volume.unit == "SUV"
    left = 350e6 * 0.5 ** (3600 / 6586.2)
    assert volume.slope == pytest.approx(2 * 70_000 / left)


def test_an_enhanced_image_with_a_real_world_mapping_alone_shows_real_world_values(
    tmp_path: Path,
) -> None:
    mapping = _in(
        RealWorldValueSlope=0.001,
        RealWorldValueIntercept=0.5,
        MeasurementUnitsCodeSequence=_in(CodeValue="mm2/s"),
    )
    frames = [_frame(x, RealWorldValueMappingSequence=mapping) for x in (0.0, 3.0)]
    volume = open_volume(_saved(_image(pydicom.uid.EnhancedMRImageStorage, "MR", frames), tmp_path))
    assert (volume.slope, volume.intercept, volume.unit) == (0.001, 0.5, "mm2/s")


def test_a_multi_frame_capture_is_a_stack_without_geometry_and_that_is_said(tmp_path: Path) -> None:
    dataset = _image(pydicom.uid.MultiFrameGrayscaleWordSecondaryCaptureImageStorage, "OT", [])
    del dataset.PerFrameFunctionalGroupsSequence, dataset.SharedFunctionalGroupsSequence
    pixels = np.arange(4 * _ROWS * _COLUMNS, dtype="<u2").reshape(4, _ROWS, _COLUMNS)
    dataset.NumberOfFrames, dataset.PixelData = 4, pixels.tobytes()
    volume = open_volume(_saved(dataset, tmp_path))
    np.testing.assert_array_equal(volume.voxels, pixels)
    assert "left and right, front and back are not known" in " ".join(volume.notices)


def _with_fewer_groups(dataset: Dataset) -> None:
    del dataset.PerFrameFunctionalGroupsSequence[2:]


def _with_more_frames(dataset: Dataset) -> None:
    dataset.NumberOfFrames = 400


@pytest.mark.parametrize(
    ("damage", "what"),
    [(_with_fewer_groups, "describes 2"), (_with_more_frames, "fewer pixels")],
)
def test_an_enhanced_image_that_contradicts_itself_is_refused(
    damage: Callable[[Dataset], None], what: str, tmp_path: Path
) -> None:
    frames = [_frame(x) for x in (0.0, 3.0, 6.0)]
    dataset = _image(pydicom.uid.EnhancedMRImageStorage, "MR", frames)
    damage(dataset)
    with pytest.raises(UserError, match=what):
        open_volume(_saved(dataset, tmp_path))


def test_a_single_frame_is_as_thick_as_the_file_says(tmp_path: Path) -> None:
    image = _image("1.2.840.10008.5.1.4.1.1.4.1", "MR", [_frame(5.0)])
    volume = open_volume(_saved(image, tmp_path))
    assert volume.shape == (1, _ROWS, _COLUMNS)
    assert np.linalg.norm(volume.affine[:3, 2]) == pytest.approx(3.0)
    assert volume.unit == ""


@pytest.mark.parametrize("first_mm", [0.0, -40.0])
def test_frames_with_offsets_lie_along_the_normal_of_oblique_rows_and_columns(
    first_mm: float, tmp_path: Path
) -> None:
    right, down, normal = np.array([[2, 1, 2], [-2, 2, 1], [-1, -2, 2]]) / 3  # right-handed
    first = np.array([12.0, -7.0, 9.0])
    offsets = [0.0, 4.0, 8.0, 12.0]
    dataset = _image(pydicom.uid.RTDoseStorage, "RTDOSE", [Dataset()] * len(offsets))
    del dataset.SharedFunctionalGroupsSequence, dataset.PerFrameFunctionalGroupsSequence
    dataset.ImagePositionPatient = first.tolist()
    dataset.ImageOrientationPatient = [f"{cosine:.12f}" for cosine in (*right, *down)]
    dataset.PixelSpacing = [0.5, 0.75]
    dataset.GridFrameOffsetVector = [first_mm + offset for offset in offsets]
    path = _saved(dataset, tmp_path)
    volume = open_volume(path)
    assert volume.shape == (4, _ROWS, _COLUMNS)
    stored = pydicom.dcmread(path).pixel_array
    for number, offset in enumerate(offsets):
        for j, i in ((0, 0), (5, 0), (0, 7)):
            here = first + offset * normal + 0.5 * j * down + 0.75 * i * right
            assert volume.to_index(here)[:2] == pytest.approx((i, j), abs=1e-5)
            assert volume.value_at(here) == stored[number, j, i]
