"""The network's input against numbers computed elsewhere: by hand, and by SimpleITK and NumPy in float64."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk

from fusion3d_gui.imaging.catalog.open import open_volume
from fusion3d_gui.imaging.volume import Volume
from fusion3d_gui.model.bundle_info import BundleInfo
from fusion3d_gui.model.preprocessing import Preprocessing
from fusion3d_gui.shipped import models_dir
from fusion3d_gui.state.case.demo_cases import demo_cases


def volume_of(values: np.ndarray) -> Volume:
    return Volume(values.reshape(10, 10, 10).astype(np.float32), np.diag([3.0, 3.0, 3.0, 1.0]))


def test_values_are_standardised_as_computed_by_hand():
    """Of 0 to 999 the percentiles are 9.99 and 994.005, so 109 is the first value above 0.1 of the way."""
    voxels = Preprocessing((10, 10, 10), 3.0).apply(volume_of(np.arange(1000))).voxels.ravel()
    expected = np.zeros(1000)
    # Mean and deviation of the whole numbers 109 to 999.
    expected[109:] = (np.arange(109, 1000) - 554) / np.sqrt((891**2 - 1) / 12)
    np.testing.assert_allclose(voxels, expected, atol=1e-5)
    assert (voxels[108], voxels[109]) == (0, pytest.approx(-1.730108, abs=1e-5))


def test_what_is_brighter_than_twice_the_range_is_clipped():
    """Three spikes of 1000 leave the percentiles at 9.99 and 994.005: 2 of the way is 1978.02."""
    values = np.arange(1000.0)
    values[-3:] = 10_000
    voxels = Preprocessing((10, 10, 10), 3.0).apply(volume_of(values)).voxels.ravel()
    clipped = np.append(np.arange(109, 997), [9.99 + 2 * 984.015] * 3)
    expected = (clipped - clipped.mean()) / clipped.std()
    np.testing.assert_allclose(voxels[109:], expected, atol=1e-4)


def test_the_extremes_are_clipped_to_the_window_of_a_ct():
    values = np.linspace(-1000, 1000, 1000)
    window = Preprocessing((10, 10, 10), 3.0, "window", window_center=40, window_width=400)
    voxels = window.apply(volume_of(values)).voxels.ravel()
    np.testing.assert_allclose(voxels, ((values + 160) / 400).clip(0, 1) * 2 - 1, atol=1e-5)


def block_means(image: sitk.Image, factors: tuple[int, int, int]) -> sitk.Image:
    """Means over blocks (i, j, k) that lie symmetrically; beyond the image it is 0, as at its edges here."""
    array = sitk.GetArrayFromImage(image).astype(np.float64)
    first = []
    for axis, factor in enumerate(factors[::-1]):
        size = array.shape[axis]
        lacking = -size % factor
        lacking += factor * (lacking % 2)  # as many on either side
        edges = array.take([0, -1], axis)
        assert factor == 1 or not edges.any()
        pad = [(0, 0)] * 3
        pad[axis] = (lacking // 2, lacking - lacking // 2)
        array = np.pad(array, pad)
        split = [*array.shape]
        split[axis : axis + 1] = [array.shape[axis] // factor, factor]
        array = array.reshape(split).mean(axis=axis + 1)
        first.append((factor - 1) / 2 - lacking // 2)
    found = sitk.GetImageFromArray(array)
    found.SetDirection(image.GetDirection())
    found.SetSpacing([mm * n for mm, n in zip(image.GetSpacing(), factors, strict=True)])
    found.SetOrigin(image.TransformContinuousIndexToPhysicalPoint(first[::-1]))
    return found


def network_input(image: sitk.Image, shape_kji: tuple[int, int, int], mm: float) -> np.ndarray:
    """The standardised input on a grid along the patient's axes whose centre is the image's."""
    size = np.array(image.GetSize())
    center = np.array(image.TransformContinuousIndexToPhysicalPoint(list((size - 1) / 2)))
    grid = np.array(shape_kji[::-1])
    origin = center - mm * (grid - 1) / 2
    factors = tuple(2 * int(mm / own / 2) + 1 for own in image.GetSpacing())
    values = sitk.GetArrayFromImage(
        sitk.Resample(
            block_means(image, factors),
            [int(n) for n in grid],
            sitk.Transform(),
            sitk.sitkLinear,
            list(origin),
            [mm] * 3,
            np.eye(3).ravel().tolist(),
            0.0,
        )
    )
    half = size * np.array(image.GetSpacing()) / 2
    offsets = [np.abs(origin[n] + mm * np.arange(grid[n]) - center[n]) for n in range(3)]
    inside = np.ones(shape_kji, bool)
    for axis, offset in enumerate(offsets):
        reach = offset <= half[axis] + 1e-6
        inside &= reach.reshape([-1 if 2 - axis == n else 1 for n in range(3)])
    low, high = np.percentile(values[inside], [1, 99.5])
    scaled = np.where(inside, np.clip((values - low) / (high - low), 0, 2), 0)
    tissue = scaled > 0.1
    return np.where(tissue, (scaled - scaled[tissue].mean()) / scaled[tissue].std(), 0)


@pytest.mark.parametrize("number", [0, 1])
def test_the_input_of_a_shipped_case_is_that_of_simpleitk_and_numpy(number):
    case = demo_cases()[number]
    if case.path.is_dir():
        reader = sitk.ImageSeriesReader()
        reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(case.path)))
        image = sitk.DICOMOrient(reader.Execute(), "LPS")
    else:
        image = sitk.DICOMOrient(sitk.ReadImage(str(case.path)), "LPS")
    used = BundleInfo.read(models_dir() / "demo-concat").preprocessing
    expected = network_input(image, used.shape_kji, used.spacing_mm)
    found = used.apply(open_volume(case.path)).voxels
    # A voxel at the edge of what counts as tissue may fall on either side of it by rounding.
    assert np.mean(np.abs(found - expected) > 1e-3) < 1e-4
