"""Voxels from 0.1 µm to 1 m come back where they were, from every format."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given, settings
from hypothesis import strategies as st

from fusion3d_gui.imaging.catalog.open import open_volume
from fusion3d_gui.imaging.dicom.write import write_dicom_series
from fusion3d_gui.imaging.files.nifti import write_nifti
from fusion3d_gui.imaging.plane import AXIAL, CORONAL, SAGITTAL
from fusion3d_gui.imaging.reslice.slicer import Slicer, aligned_axes
from fusion3d_gui.imaging.volume import Volume, spans_space


@st.composite
def volumes(draw: st.DrawFn) -> Volume:
    """A volume of any voxel size, about isotropic, turned about an oblique axis."""
    size_mm = 10 ** draw(st.floats(-4, 3))
    spacing = size_mm * np.array([draw(st.floats(0.4, 2.5)) for _ in range(3)])
    angle = draw(st.floats(-3.1, 3.1))
    turn = np.array(
        [[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]]
    )
    affine = np.eye(4)
    affine[:3, :3] = turn @ np.diag(spacing)
    affine[:3, 3] = size_mm * np.array([draw(st.floats(-500, 500)) for _ in range(3)])
    values = np.random.default_rng(5).permutation(9 * 5 * 6).reshape(9, 5, 6).astype(np.int16)
    return Volume(values, affine, modality="CT", description="Any")


def _assert_same(volume: Volume, source: Volume) -> None:
    """Every voxel within a fiftieth of a voxel of its place, and nothing said of its geometry."""
    assert volume.shape == source.shape
    k, j, i = np.indices(volume.shape)
    index = np.stack([i, j, k], axis=-1)
    there = source.to_index(volume.to_lps(index))
    nearest = np.rint(there).astype(int)
    assert np.abs(there - nearest).max() < 0.02
    a, b, c = np.moveaxis(nearest, -1, 0)
    np.testing.assert_array_equal(volume.real(), source.real()[c, b, a])
    assert volume.missing == ()
    assert all("unit of length" in notice for notice in volume.notices if "mm" in notice)


@given(volumes())
@settings(max_examples=30, deadline=None, derandomize=True)
def test_a_volume_of_any_voxel_size_comes_back_from_every_format(source: Volume) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_dicom_series(source, folder / "dicom", attributes={}, uid_seed="p")
        _assert_same(open_volume(folder / "dicom"), source)
        write_nifti(source, folder / "a.nii")
        _assert_same(open_volume(folder / "a.nii"), source)
        image = sitk.GetImageFromArray(source.voxels)
        image.SetSpacing(source.spacing_mm[::-1])
        image.SetOrigin(source.affine[:3, 3])
        image.SetDirection((source.affine[:3, :3] / source.spacing_mm[::-1]).ravel())
        for file in (folder / "a.nrrd", folder / "a.mha"):
            sitk.WriteImage(image, str(file))
            _assert_same(open_volume(file), source)


@pytest.mark.parametrize("size_mm", [1e-4, 8.5e-4, 5e-3, 1.0, 1e3])
def test_missing_slices_and_several_images_at_a_position_are_found_at_every_scale(
    size_mm: float, tmp_path: Path
) -> None:
    values = np.arange(9 * 5 * 6, dtype=np.int16).reshape(9, 5, 6)
    source = Volume(values, np.diag([size_mm] * 3 + [1]), modality="CT", description="Any")
    paths = write_dicom_series(source, tmp_path / "a", attributes={}, uid_seed="p")
    again = write_dicom_series(source, tmp_path / "a/again", attributes={}, uid_seed="q")
    volume = open_volume(tmp_path / "a")
    assert volume.shape == source.shape
    for path in again:
        path.unlink()
    paths[4].unlink()
    volume = open_volume(tmp_path / "a")
    assert volume.missing == (4,)
    np.testing.assert_allclose(volume.spacing_mm, size_mm, rtol=1e-6)


@pytest.mark.parametrize("size_mm", [1e-4, 1e-2, 1.0, 1e3])
def test_a_slice_view_shows_the_voxels_at_every_scale(size_mm: float) -> None:
    values = np.arange(9 * 5 * 6, dtype=np.int16).reshape(9, 5, 6)
    volume = Volume(values, np.diag([size_mm] * 3 + [1]))
    assert aligned_axes(volume) == (0, 1, 2)
    slicer = Slicer(volume)
    for orientation, shown in (
        (AXIAL, values[2]),
        (CORONAL, values[::-1, 2]),
        (SAGITTAL, values[::-1, :, 2]),
    ):
        cut = slicer.cut(orientation, 2 * size_mm)
        np.testing.assert_allclose(cut.values, shown)


def test_a_micrometre_volume_turned_by_degrees_is_oblique() -> None:
    angle = np.deg2rad(10)
    turn = np.array(
        [[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]]
    )
    affine = np.eye(4)
    affine[:3, :3] = 1e-3 * turn
    assert aligned_axes(Volume(np.zeros((20, 20, 20), np.int16), affine)) is None


@pytest.mark.parametrize("size", [1e-12, 1e-4, 1.0, 1e3, 1e12])
def test_whether_axes_span_space_does_not_depend_on_the_voxel_size(size: float) -> None:
    oblique = np.array([[1.0, 0.2, 0], [0, 1, 0.3], [0.1, 0, 1]])
    affine = np.eye(4)
    affine[:3, :3] = size * oblique
    assert spans_space(affine)
    affine[:3, 2] = affine[:3, 0] + affine[:3, 1]
    assert not spans_space(affine)
    affine[:3, 2] = 0
    assert not spans_space(affine)
