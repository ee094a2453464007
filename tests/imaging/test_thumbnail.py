"""Thumbnails: the right way round, in true proportions, and only as much read as needed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from fusion3d_gui.errors import Cancelled
from fusion3d_gui.imaging.catalog.find import find_series
from fusion3d_gui.imaging.dicom.write import write_dicom_series
from fusion3d_gui.imaging.display.thumbnail import middle_slice, thumbnail
from fusion3d_gui.imaging.files.nifti import write_nifti
from fusion3d_gui.imaging.loaded_slices import LoadedSlices
from fusion3d_gui.imaging.volume import Volume


def marked(affine: np.ndarray, shape: tuple[int, int, int]) -> Volume:
    """Bright where the patient's left, posterior, inferior eighth is."""
    volume = Volume(np.zeros(shape, np.int16), affine, modality="CT", description="Marked")
    k, j, i = np.indices(shape)
    lps = volume.to_lps(np.stack([i, j, k], axis=-1))
    middle = volume.center_lps
    bright = (lps[..., 0] > middle[0]) & (lps[..., 1] > middle[1])
    sagittal = np.abs(affine[:3, 2]).argmax() == 0
    if sagittal:
        bright = (lps[..., 1] > middle[1]) & (lps[..., 2] < middle[2])
    voxels = np.where(bright, 1000, 10).astype(np.int16)
    return Volume(voxels, affine, modality="CT", description="Marked")


@pytest.mark.parametrize("signs", [(1, 1), (-1, 1), (1, -1), (-1, -1)])
@pytest.mark.parametrize("sagittal", [False, True])
@pytest.mark.parametrize("spacing", [1.0, 0.4])
def test_left_or_posterior_is_right_and_posterior_or_inferior_is_down(signs, sagittal, spacing):
    affine = np.eye(4)
    a, b = spacing * np.array(signs)
    columns = [(0, a, 0), (0, 0, b), (1, 0, 0)] if sagittal else [(a, 0, 0), (0, b, 0), (0, 0, 1)]
    affine[:3, :3] = np.array(columns).T
    picture = middle_slice(marked(affine, (5, 20, 20)), 20)
    quadrants = picture.reshape(2, 10, 2, 10).mean(axis=(1, 3))
    assert quadrants.argmax() == 3  # lower right
    assert quadrants[0, 0] < 10


def test_proportions_are_in_mm_and_the_longer_side_is_the_one_asked_for():
    affine = np.diag([0.5, 2.0, 1.0, 1.0])
    picture = middle_slice(marked(affine, (3, 30, 40)), 96)
    assert picture.shape == (96, 32)


@pytest.mark.parametrize("kind", ["dicom", "nifti"])
def test_the_picture_of_a_series_is_that_of_its_volume(tmp_path, kind):
    volume = marked(np.diag([1.0, 1.0, 2.0, 1.0]), (9, 24, 20))
    if kind == "dicom":
        write_dicom_series(volume, tmp_path / "a", attributes={}, uid_seed="t")
        (series,) = find_series(tmp_path / "a")
    else:
        write_nifti(volume, tmp_path / "a.nii.gz")
        (series,) = find_series(tmp_path / "a.nii.gz")
    assert np.array_equal(thumbnail(series, 48), middle_slice(volume, 48))


def test_a_cancelled_thumbnail_stops(tmp_path):
    volume = marked(np.eye(4), (9, 24, 20))
    write_dicom_series(volume, tmp_path / "a", attributes={}, uid_seed="t")
    (series,) = find_series(tmp_path / "a")

    def progress(fraction: float, message: str) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        thumbnail(series, 48, progress)


def gradient(**about: object) -> Volume:
    """One slice whose values grow from 0 to 999 along its rows."""
    voxels = np.broadcast_to(np.arange(1000, dtype=np.float32), (1, 4, 1000)).copy()
    return Volume(voxels, np.eye(4), **about)


def test_gray_runs_from_the_first_to_the_ninety_ninth_percentile():
    row = middle_slice(gradient(), 1000)[0].astype(float)
    low, high = np.percentile(np.arange(1000), (1, 99))
    expected = 255 * ((np.arange(1000) - low) / (high - low)).clip(0, 1)
    np.testing.assert_allclose(row, expected, atol=1.0)


def test_a_negative_slope_and_low_values_meant_white_each_turn_the_gray_over():
    plain = middle_slice(gradient(), 500)[0].astype(int)
    film = {"PhotometricInterpretation": "MONOCHROME1"}
    for about in ({"slope": -1.0}, {"attributes": film}):
        turned = middle_slice(gradient(**about), 500)[0]
        np.testing.assert_allclose(turned, 255 - plain, atol=1)
    both = middle_slice(gradient(slope=-1.0, attributes=film), 500)[0]
    np.testing.assert_allclose(both, plain, atol=1)


def test_missing_values_are_dark_and_no_infinite_one_sets_the_range():
    volume = gradient()
    volume.voxels[0, :, 400:600] = np.nan
    volume.voxels[0, 0, 700] = np.inf
    picture = middle_slice(volume, 1000)
    assert (picture[:, 400:600] == 0).all()
    low, high = np.percentile(volume.voxels[np.isfinite(volume.voxels)], (1, 99))
    assert picture[1, 390] == pytest.approx(255 * (390 - low) / (high - low), abs=1)
    assert middle_slice(Volume(np.full((1, 2, 2), np.nan), np.eye(4)), 2).tolist() == [[0, 0]] * 2


def test_while_a_volume_is_loading_a_slice_that_is_there_is_shown():
    voxels = np.zeros((5, 2, 4), np.int16)
    voxels[1] = [0, 10, 20, 30]
    loaded = LoadedSlices(5)
    loaded.add(1)
    picture = middle_slice(Volume(voxels, np.eye(4), loaded_slices=loaded), 4)
    assert picture[0, 3] == 255
    loaded.add(2)
    voxels[2] = [30, 20, 10, 0]
    picture = middle_slice(Volume(voxels, np.eye(4), loaded_slices=loaded), 4)
    assert picture[0, 0] == 255


def test_a_coronal_slice_has_the_head_up():
    affine = np.eye(4)
    for up in (1, -1):
        # Columns along +L, rows along S or I, slices along P.
        affine[:3, :3] = np.array([(1, 0, 0), (0, 0, up), (0, 1, 0)], float).T
        voxels = np.zeros((1, 4, 4), np.int16)
        voxels[0, 3 if up > 0 else 0, 0] = 9  # the head's right side
        picture = middle_slice(Volume(voxels, affine), 4)
        assert np.argwhere(picture == 255).tolist() == [[0, 0]]


def test_what_would_take_too_much_has_no_thumbnail(tmp_path):
    write_nifti(marked(np.eye(4), (9, 24, 20)), tmp_path / "a.nii")
    (series,) = find_series(tmp_path / "a.nii")
    assert thumbnail(series, 48) is not None
    assert thumbnail(replace(series, shape=(481, 1000, 100)), 48) is None
    assert thumbnail(replace(series, format="DICOM", shape=(9601, 1000, 100)), 48) is None
    assert thumbnail(replace(series, format="DICOM", shape=(9599, 1000, 100)), 48) is not None
    assert thumbnail(replace(series, reader=None), 48) is None
