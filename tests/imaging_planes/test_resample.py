"""Resampling onto another grid: averaging and interpolation together, judged by SimpleITK."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk

from fusion3d_gui.imaging.reslice.resample import block_mean, resample_to_grid
from fusion3d_gui.imaging.volume import Volume


def as_sitk(volume: Volume) -> sitk.Image:
    image = sitk.GetImageFromArray(volume.real())
    spacing = np.linalg.norm(volume.affine[:3, :3], axis=0)
    image.SetSpacing(spacing.tolist())
    image.SetOrigin(volume.affine[:3, 3].tolist())
    image.SetDirection((volume.affine[:3, :3] / spacing).ravel().tolist())
    return image


def oblique(spacing_ijk: tuple[float, float, float]) -> np.ndarray:
    turn, _ = np.linalg.qr(np.random.default_rng(11).normal(size=(3, 3)))
    affine = np.eye(4)
    affine[:3, :3] = turn @ np.diag(spacing_ijk)
    affine[:3, 3] = (-31.5, 12.25, 99.0)
    return affine


@pytest.mark.parametrize(
    ("ratios_ijk", "factors_ijk"),
    [
        # Spacing of the grid over that of the volume, and the odd number nearest below or at it.
        ((1.0, 1.9, 2.0), (1, 1, 3)),
        ((2.1, 3.0, 3.9), (3, 3, 3)),
        ((4.0, 5.9, 6.0), (5, 5, 7)),
        ((0.4, 2.5, 7.9), (1, 3, 7)),
    ],
)
def test_fine_axes_are_binned_and_then_interpolated_as_simpleitk_does(ratios_ijk, factors_ijk):
    step = 3.0
    affine = oblique(tuple(step / ratio for ratio in ratios_ijk))
    # Whole blocks, so that SimpleITK's binning, which drops what is left over, has the same ones.
    size = [factor * count for factor, count in zip(factors_ijk, (9, 11, 7), strict=True)]
    values = np.random.default_rng(3).integers(-900, 2000, size[::-1]).astype(np.int16)
    volume = Volume(values, affine, slope=0.5, intercept=-20.0)
    grid = np.eye(4)
    grid[:3, :3] *= step
    grid[:3, 3] = volume.center_lps - step * np.array([6, 5, 4])
    shape = (9, 11, 13)
    ours, inside = resample_to_grid(volume, grid, shape)
    reference = sitk.Resample(
        sitk.BinShrink(as_sitk(volume), factors_ijk),
        shape[::-1],
        sitk.Transform(),
        sitk.sitkLinear,
        grid[:3, 3].tolist(),
        (step,) * 3,
        np.eye(3).ravel().tolist(),
        np.nan,
    )
    theirs = sitk.GetArrayFromImage(reference)
    known = np.isfinite(theirs)
    assert 0.1 < known.mean() < 1.0
    np.testing.assert_allclose(ours[known], theirs[known], atol=0.02)
    k, j, i = np.indices(shape)
    index = volume.to_index(np.stack([i, j, k], axis=-1) * step + grid[:3, 3])
    expected = ((index >= -0.5) & (index <= np.array(size) - 0.5)).all(axis=-1)
    np.testing.assert_array_equal(inside, expected)
    assert 0.2 < inside.mean() < 1.0


def test_beyond_the_volume_the_nearest_value_continues_and_is_marked_as_outside():
    values = np.array([[[1.0, 5.0]]], np.float32)
    grid = np.eye(4)
    grid[0, 3] = -1.0
    ours, inside = resample_to_grid(Volume(values, np.eye(4)), grid, (1, 1, 4))
    np.testing.assert_allclose(ours[0, 0], [1, 1, 5, 5])
    assert inside[0, 0].tolist() == [False, True, True, False]


@pytest.mark.parametrize("axis", range(3))
def test_blocks_that_are_cut_off_at_either_end_are_means_of_what_is_there(axis):
    # 8 voxels in blocks of 3: (0), (1 2 3), (4 5 6), (7) lie symmetrically; of 7: (0 1), (2 3 4), (5 6).
    for voxels, means, first in (
        ([1, 2, 4, 9, 8, 6, 1, 7], [1, 5, 5, 7], -1.0),
        ([1, 2, 4, 9, 8, 6, 1], [1.5, 7, 3.5], 0.0),
    ):
        shape = [1, 1, 1]
        shape[axis] = len(voxels)
        factors = [1, 1, 1]
        factors[axis] = 3
        volume = Volume(np.array(voxels, np.int16).reshape(shape), np.diag([2.0, 3.0, 5.0, 1.0]))
        blocks, affine = block_mean(volume, tuple(factors))
        np.testing.assert_allclose(blocks.ravel(), means)
        expected = np.diag([2.0, 3.0, 5.0, 1.0])
        along = 2 - axis  # of i, j, k
        expected[along, 3] = first * expected[along, along]
        expected[along, along] *= 3
        np.testing.assert_allclose(affine, expected)


def test_values_that_are_not_finite_count_as_zero_in_the_mean_of_a_block():
    volume = Volume(np.array([[[np.nan, 3.0, np.inf]]], np.float32), np.eye(4))
    blocks, _ = block_mean(volume, (1, 1, 3))
    assert blocks.ravel().tolist() == [1.0]


def test_blocks_of_an_even_number_of_voxels_are_refused():
    with pytest.raises(ValueError, match="blocks of 2 voxels"):
        block_mean(Volume(np.zeros((4, 4, 4), np.int16), np.eye(4)), (1, 2, 1))


def test_the_finest_axis_of_the_grid_decides_what_is_averaged():
    values = np.random.default_rng(5).random((9, 9, 9)).astype(np.float32)
    volume = Volume(values, np.eye(4))
    grid = np.diag([1.0, 3.0, 5.0, 1.0])
    ours, _ = resample_to_grid(volume, grid, (2, 3, 9))
    np.testing.assert_allclose(ours, values[:6:5, ::3], rtol=1e-5)


def test_points_on_the_outer_faces_are_inside():
    volume = Volume(np.zeros((2, 3, 4), np.float32), np.diag([0.7, 1.3, 3.1, 1.0]))
    low, high = volume.bounds_lps
    grid = np.eye(4)
    grid[:3, :3] = np.diag((high - low) / 3)
    grid[:3, 3] = low
    assert resample_to_grid(volume, grid, (4, 4, 4))[1].all()
    _, inside = resample_to_grid(volume, grid, (5, 4, 4))
    assert inside[:4].all()
    assert not inside[4].any()
