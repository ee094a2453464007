"""Properties: any geometry comes back as it was, and lies where SimpleITK puts it."""

from __future__ import annotations

import tempfile
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given, settings
from hypothesis import strategies as st

from fusion3d_gui.imaging.catalog.open import open_volume
from fusion3d_gui.imaging.dicom.write import write_dicom_series
from fusion3d_gui.imaging.files.nifti import write_nifti
from fusion3d_gui.imaging.plane import spatial_letters
from fusion3d_gui.imaging.volume import Volume

_few = settings(max_examples=25, deadline=None, derandomize=True)


@st.composite
def geometries(draw: st.DrawFn, shear: str) -> np.ndarray:
    """An affine: any rotation, spacing from 0.2 to 8 mm, flipped axes, sheared as asked."""
    quaternion = np.array([draw(st.floats(-1, 1)) for _ in range(4)]) + [1e-3, 0, 0, 0]
    w, x, y, z = quaternion / np.linalg.norm(quaternion)
    turn = np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )
    spacing = np.array([draw(st.floats(0.2, 8)) for _ in range(3)])
    flips = np.array([draw(st.sampled_from([-1, 1])) for _ in range(3)])
    lean = np.eye(3)
    slant = st.floats(-0.6, 0.6)
    if shear != "none":
        lean[:2, 2] = draw(slant), draw(slant)  # slices shifted along rows and columns
    if shear == "any":
        lean[0, 1] = draw(slant)
    affine = np.eye(4)
    affine[:3, :3] = turn @ lean @ np.diag(spacing * flips)
    affine[:3, 3] = [draw(st.floats(-500, 500)) for _ in range(3)]
    return affine


def _same(volume: Volume, source: Volume) -> None:
    """Every voxel is there once, with its value, within 0.01 mm of its place."""
    assert volume.voxels.size == source.voxels.size
    k, j, i = np.indices(volume.shape)
    index = np.stack([i, j, k], axis=-1)
    there = source.to_index(volume.to_lps(index))
    nearest = np.rint(there)
    off_mm = np.linalg.norm((there - nearest) @ source.affine[:3, :3].T, axis=-1)
    assert off_mm.max() < 0.01
    a, b, c = np.moveaxis(nearest.astype(int), -1, 0)
    np.testing.assert_array_equal(volume.real(), source.real()[c, b, a])


def _source(affine: np.ndarray) -> Volume:
    values = np.random.default_rng(5).permutation(4 * 5 * 6).reshape(4, 5, 6).astype(np.int16)
    return Volume(values - 60, affine, modality="CT", description="Any")


@given(geometries("slices"))
@_few
def test_any_geometry_that_dicom_can_say_comes_back_from_dicom(affine: np.ndarray) -> None:
    source = _source(affine)
    with tempfile.TemporaryDirectory() as folder:
        write_dicom_series(source, Path(folder), attributes={}, uid_seed="p")
        volume = open_volume(Path(folder))
        _same(volume, source)
        tilt = np.degrees(np.arccos(min(1.0, abs(_lean(affine)))))
        assert any("tilted" in notice for notice in volume.notices) == (tilt > 0.05)


def _lean(affine: np.ndarray) -> float:
    normal = np.cross(affine[:3, 0], affine[:3, 1])
    return float(normal @ affine[:3, 2] / np.linalg.norm(normal) / np.linalg.norm(affine[:3, 2]))


@given(geometries("any"))
@_few
def test_any_geometry_comes_back_from_nifti_and_is_what_nibabel_reads(affine: np.ndarray) -> None:
    source = _source(affine)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.nii"
        write_nifti(source, path)
        _same(open_volume(path), source)
        ras = np.diag([-1, -1, 1, 1]) @ nib.load(path).affine
        np.testing.assert_allclose(ras, affine, atol=1e-3)


@given(geometries("none"))
@_few
def test_simpleitk_puts_every_voxel_of_a_dicom_series_at_the_same_place(affine: np.ndarray) -> None:
    with tempfile.TemporaryDirectory() as folder:
        paths = write_dicom_series(_source(affine), Path(folder), attributes={}, uid_seed="p")
        volume = open_volume(Path(folder))
        reader = sitk.ImageSeriesReader()
        reader.SetFileNames(reader.GetGDCMSeriesFileNames(folder))
        image = reader.Execute()
        assert image.GetSize() == volume.shape[::-1]
        for index in ((0, 0, 0), (5, 4, 3), (2, 3, 1)):
            there = image.TransformIndexToPhysicalPoint(index)
            np.testing.assert_allclose(volume.to_lps(np.array(index)), there, atol=0.01)
            i, j, k = index
            assert image[index] == volume.real()[k, j, i]
        assert len(paths) == volume.shape[0]


#: Row and column directions of an axial slice as a scanner makes it in each patient position.
_POSITIONS = {
    "HFS": ((1, 0, 0), (0, 1, 0)),
    "HFP": ((-1, 0, 0), (0, -1, 0)),
    "HFDR": ((0, 1, 0), (-1, 0, 0)),
    "HFDL": ((0, -1, 0), (1, 0, 0)),
    "FFS": ((-1, 0, 0), (0, 1, 0)),
    "FFP": ((1, 0, 0), (0, -1, 0)),
    "FFDR": ((0, -1, 0), (-1, 0, 0)),
    "FFDL": ((0, 1, 0), (1, 0, 0)),
}


@pytest.mark.parametrize("position", _POSITIONS)
def test_left_and_right_are_simpleitks_in_every_patient_position(
    position: str, tmp_path: Path
) -> None:
    row, column = np.array(_POSITIONS[position], float)
    affine = np.eye(4)
    affine[:3, :3] = np.stack([0.8 * row, 1.2 * column, 3 * np.cross(row, column)], axis=1)
    affine[:3, 3] = [-40, 25, 7]
    source = _source(affine)
    write_dicom_series(source, tmp_path, attributes={"PatientPosition": position}, uid_seed="q")
    volume = open_volume(tmp_path)
    assert volume.attributes["PatientPosition"] == position
    _same(volume, source)
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(tmp_path)))
    image = reader.Execute()
    code = sitk.DICOMOrientImageFilter.GetOrientationFromDirectionCosines(image.GetDirection())
    assert "".join(spatial_letters(axis) for axis in volume.affine[:3, :3].T) == code
    for index in ((0, 0, 0), (5, 4, 3)):
        there = image.TransformIndexToPhysicalPoint(index)
        np.testing.assert_allclose(volume.to_lps(np.array(index)), there, atol=1e-4)
        i, j, k = index
        assert image[index] == volume.real()[k, j, i]
