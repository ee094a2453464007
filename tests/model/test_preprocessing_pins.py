"""The network's input against numbers computed elsewhere: by hand, and by SimpleITK and NumPy in float64."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
import SimpleITK as sitk

from fusion3d_gui.imaging.catalog.open import open_volume
from fusion3d_gui.imaging.volume import Volume
from fusion3d_gui.inference.demo_cases import demo_cases
from fusion3d_gui.model.bundle.bundle_info import BundleInfo
from fusion3d_gui.model.preprocessing import Preprocessing
from fusion3d_gui.shipped import models_dir


def volume_of(values: np.ndarray) -> Volume:
    return Volume(values.reshape(10, 10, 10).astype(np.float32), np.diag([3.0, 3.0, 3.0, 1.0]))


def test_values_are_standardised_as_computed_by_hand():
    """Of 0 to 999 the lowest 2 % have the mean 9.5, and those between 99.25 and 99.75 % 994.5.

    992.5 to 997.5 are half of 992, 993 to 996 and half of 997. Air: all of 0 to 58 weigh 1 (9.5 + 0.05 times
    985 is 58.75), and up to 157 (157.25) less and less.
    """
    voxels = Preprocessing((10, 10, 10), 3.0).apply(volume_of(np.arange(1000))).voxels.ravel()
    dim = np.arange(59, 158)
    weights = (157.25 - dim) / 98.5
    low = (59 * 29 + (weights * dim).sum()) / (59 + weights.sum())
    scaled = (np.arange(1000) - low) / (994.5 - low)
    tissue = ((scaled - 0.05) / 0.1).clip(0, 1)
    mean = (tissue * scaled).sum() / tissue.sum()
    deviation = np.sqrt((tissue * (scaled - mean) ** 2).sum() / tissue.sum())
    np.testing.assert_allclose(voxels, tissue * (scaled - mean) / deviation, atol=1e-5)
    assert low == pytest.approx(57.476, abs=0.001)
    # Tissue begins at 57.476 + 0.05 * 937.024 = 104.33.
    assert voxels[104] == 0 > voxels[105]


def test_what_is_brighter_than_twice_the_range_is_clipped():
    """Two spikes of 10,000 leave the ends as they are; 2 of the way from 57.476 to 994.5 is 1931.52."""
    values = np.arange(1000.0)
    plain = values.copy()
    plain[-2:] = 1931.53
    values[-2:] = 10_000
    apply = Preprocessing((10, 10, 10), 3.0).apply
    found, expected = (apply(volume_of(each)).voxels.ravel() for each in (values, plain))
    np.testing.assert_allclose(found, expected, atol=1e-4)
    assert found[-2] == found[-1] > found[-3] + 2


def test_the_extremes_are_clipped_to_the_window_of_a_ct():
    values = np.linspace(-1000, 1000, 1000)
    window = Preprocessing((10, 10, 10), 3.0, "window", window_center=40, window_width=400)
    voxels = window.apply(volume_of(values)).voxels.ravel()
    np.testing.assert_allclose(voxels, ((values + 160) / 400).clip(0, 1) * 2 - 1, atol=1e-5)


def box_means(image: sitk.Image, widths_ijk: tuple[Fraction, ...]) -> sitk.Image:
    """Means over boxes around the image's centre; every voxel is cut into equal parts first, as many as it takes.

    A box is in the middle of an odd number of voxels; two meet in the middle of an even number.
    """
    array = sitk.GetArrayFromImage(image).astype(np.float64)
    size = np.array(image.GetSize())
    for axis, width in enumerate(widths_ijk[::-1]):
        voxels = array.shape[axis]
        parts, whole = 2 * width.denominator, 2 * width.numerator
        beyond = 2 * whole + (-voxels * parts // 2 - voxels % 2 * whole // 2) % whole
        pad = [(0, 0)] * 3
        pad[axis] = (beyond, beyond)
        array = np.pad(np.repeat(array, parts, axis), pad, mode="edge")
        split = [*array.shape]
        split[axis : axis + 1] = [array.shape[axis] // whole, whole]
        array = array.reshape(split).mean(axis + 1)
    found = sitk.GetImageFromArray(array)
    found.SetDirection(image.GetDirection())
    found.SetSpacing([mm * float(n) for mm, n in zip(image.GetSpacing(), widths_ijk, strict=True)])
    ends = np.array(found.GetSize()) * [float(width) for width in widths_ijk]
    first = (size - ends) / 2 + [float(width) / 2 - 0.5 for width in widths_ijk]
    found.SetOrigin(image.TransformContinuousIndexToPhysicalPoint(first.tolist()))
    return found


def network_input(image: sitk.Image, shape_kji: tuple[int, int, int], mm: float) -> np.ndarray:
    """The standardised input on a grid along the patient's axes whose centre is the image's."""
    size = np.array(image.GetSize())
    center = np.array(image.TransformContinuousIndexToPhysicalPoint(list((size - 1) / 2)))
    grid = np.array(shape_kji[::-1])
    origin = center - mm * (grid - 1) / 2
    widths = tuple(
        max(Fraction(1), Fraction(mm / own).limit_denominator(40)) for own in image.GetSpacing()
    )
    values = sitk.GetArrayFromImage(
        sitk.Resample(
            box_means(image, widths),
            [int(n) for n in grid],
            sitk.Transform(),
            sitk.sitkLinear,
            list(origin),
            [mm] * 3,
            np.eye(3).ravel().tolist(),
            0.0,
        )
    )
    own_mm = np.array(image.GetSpacing())
    inside = np.ones(shape_kji)
    for axis in range(3):
        offset = np.abs(origin[axis] + mm * np.arange(grid[axis]) - center[axis])
        weight = ((size[axis] * own_mm[axis] / 2 - offset) / (own_mm[axis] / 2)).clip(0, 1)
        inside *= weight.reshape([-1 if 2 - axis == n else 1 for n in range(3)])
    # Every value as many times as its weight says, in steps of 1/16: a percentile's neighbourhood, averaged.
    copies = np.repeat(values.ravel(), np.rint(16 * inside.ravel()).astype(int))
    copies.sort()
    darkest = copies[: round(0.02 * copies.size)].mean()
    high = copies[round(0.9925 * copies.size) : round(0.9975 * copies.size)].mean()
    air = 1 - np.interp((values - darkest) / (high - darkest), [0.05, 0.15], [0, 1])
    low = np.average(values, weights=air * inside)
    scaled = np.clip((values - low) / (high - low), 0, 2)
    tissue = inside * np.interp(scaled, [0.05, 0.15], [0, 1])
    mean = np.average(scaled, weights=tissue)
    deviation = np.sqrt(np.average((scaled - mean) ** 2, weights=tissue))
    return tissue * (scaled - mean) / deviation


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
    np.testing.assert_allclose(found, expected, atol=1e-3)
