"""Thumbnails: the right way round, in true proportions, and only as much read as needed."""

from __future__ import annotations

import numpy as np
import pytest

from fusion3d_gui.errors import Cancelled
from fusion3d_gui.imaging.catalog.find import find_series
from fusion3d_gui.imaging.dicom.write import write_dicom_series
from fusion3d_gui.imaging.display.thumbnail import middle_slice, thumbnail
from fusion3d_gui.imaging.files.nifti import write_nifti
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
def test_left_or_posterior_is_right_and_posterior_or_inferior_is_down(signs, sagittal):
    affine = np.eye(4)
    a, b = signs
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
