"""Resampling onto another grid: averaging and interpolation together, judged by SimpleITK and closed forms."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
import SimpleITK as sitk

from fusion3d_gui.imaging.reslice.resample import area_mean, resample_to_grid
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


def boxes_of(values: np.ndarray, widths: tuple[Fraction, ...]) -> np.ndarray:
    """Means over boxes of rational widths, by cutting every voxel into equal parts; 5 boxes beyond each face.

    With an odd number of voxels along an axis a box is in the middle, with an even number two meet there.
    """
    for axis, width in enumerate(widths):
        size = values.shape[axis]
        parts, whole = 2 * width.denominator, 2 * width.numerator
        reach = 5 * whole + (-size * parts // 2 - size % 2 * whole // 2) % whole
        fine = np.repeat(values.astype(np.float64), parts, axis)
        pad = [(0, 0)] * 3
        pad[axis] = (reach, reach)
        fine = np.pad(fine, pad, mode="edge")
        split = [*fine.shape]
        split[axis : axis + 1] = [fine.shape[axis] // whole, whole]
        values = fine.reshape(split).mean(axis + 1)
    return values


def trimmed(boxes: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """As many boxes as another array has, from the middle."""
    first = [(have - want) // 2 for have, want in zip(boxes.shape, shape, strict=True)]
    return boxes[tuple(slice(n, n + want) for n, want in zip(first, shape, strict=True))]


def reference_boxes(volume: Volume, widths_kji: tuple[Fraction, ...]) -> sitk.Image:
    """The same boxes, placed around the volume's centre."""
    boxes = boxes_of(volume.real(), widths_kji)
    image = sitk.GetImageFromArray(boxes)
    mm = np.linalg.norm(volume.affine[:3, :3], axis=0)
    turn = volume.affine[:3, :3] / mm
    spacing = mm * [float(width) for width in widths_kji[::-1]]
    image.SetSpacing(spacing.tolist())
    image.SetDirection(turn.ravel().tolist())
    half = (np.array(boxes.shape[::-1]) - 1) / 2
    image.SetOrigin((volume.center_lps - turn @ (spacing * half)).tolist())
    return image


def interpolated(image: sitk.Image, grid: np.ndarray, shape: tuple[int, int, int]) -> np.ndarray:
    """Linear interpolation by SimpleITK on a grid along the patient's axes; NaN beyond the image."""
    return sitk.GetArrayFromImage(
        sitk.Resample(
            image,
            shape[::-1],
            sitk.Transform(),
            sitk.sitkLinear,
            grid[:3, 3].tolist(),
            np.diag(grid)[:3].tolist(),
            np.eye(3).ravel().tolist(),
            np.nan,
        )
    )


def centred_grid(volume: Volume, step: float, shape: tuple[int, int, int]) -> np.ndarray:
    grid = np.diag([step, step, step, 1.0])
    grid[:3, 3] = volume.center_lps - step * (np.array(shape[::-1]) - 1) / 2
    return grid


@pytest.mark.parametrize(
    "factors_ijk",
    [(1, 3, 5), (3, 3, 3), (5, 1, 7), (7, 5, 1)],
    ids=lambda each: "x".join(map(str, each)),
)
@pytest.mark.parametrize("counts_ijk", [(9, 11, 7), (10, 8, 12), (9, 8, 12)], ids=str)
def test_axes_a_whole_odd_number_finer_are_binned_and_interpolated_as_simpleitk_does(
    factors_ijk, counts_ijk
):
    step = 3.0
    affine = oblique(tuple(step / factor for factor in factors_ijk))
    size = [factor * count for factor, count in zip(factors_ijk, counts_ijk, strict=True)]
    values = np.random.default_rng(3).integers(-900, 2000, size[::-1]).astype(np.int16)
    volume = Volume(values, affine, slope=0.5, intercept=-20.0)
    shape = (9, 11, 13)
    grid = centred_grid(volume, step, shape)
    ours, _ = resample_to_grid(volume, grid, shape)
    theirs = interpolated(sitk.BinShrink(as_sitk(volume), factors_ijk), grid, shape)
    # Beyond the outermost bins' centres SimpleITK has no further bins.
    k, j, i = np.indices(shape)
    index = volume.to_index(np.stack([i, j, k], -1) * step + grid[:3, 3])
    outermost = (np.array(factors_ijk) - 1) / 2
    known = ((index >= outermost) & (index <= np.array(size) - 1 - outermost)).all(-1)
    assert 0.1 < known.mean() < 1.0
    np.testing.assert_allclose(ours[known], theirs[known], atol=0.02)


@pytest.mark.parametrize(
    ("ratios_ijk", "size_ijk"),
    [
        # Spacing of the grid over that of the volume.
        (("1", "1.9", "2"), (9, 21, 20)),
        (("2.1", "3", "3.9"), (22, 27, 31)),
        (("4", "5.9", "6"), (36, 41, 50)),
        (("0.4", "2.5", "7.9"), (8, 25, 56)),
        (("1.001", "1.999", "2.001"), (11, 20, 21)),
    ],
)
def test_axes_any_number_finer_are_averaged_over_the_grids_spacing(ratios_ijk, size_ijk):
    step = 3.0
    ratios = [Fraction(each) for each in ratios_ijk]
    values = np.random.default_rng(3).integers(-900, 2000, size_ijk[::-1]).astype(np.int16)
    volume = Volume(values, oblique(tuple(step / float(ratio) for ratio in ratios)), slope=0.5)
    shape = (13, 12, 13)
    grid = centred_grid(volume, step, shape)
    ours, _ = resample_to_grid(volume, grid, shape)
    widths = tuple(max(ratio, Fraction(1)) for ratio in reversed(ratios))
    theirs = interpolated(reference_boxes(volume, widths), grid, shape)
    known = np.isfinite(theirs)
    assert known.mean() > 0.9
    np.testing.assert_allclose(ours[known], theirs[known], atol=0.02)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8, 12, 13])
@pytest.mark.parametrize("width", ["1", "11/10", "3/2", "2", "7/3", "3", "5", "40/3"])
@pytest.mark.parametrize("axis", range(3))
def test_boxes_of_any_width_weigh_voxels_by_their_share(axis, width, size):
    width = Fraction(width)
    shape = [2, 3, 2]
    shape[axis] = size
    values = np.random.default_rng(size).random(shape).astype(np.float32)
    widths = [Fraction(1)] * 3
    widths[axis] = width
    mm = np.array([0.7, 1.1, 2.3])  # i, j, k
    volume = Volume(values, np.diag([*mm, 1.0]))
    boxes, affine = area_mean(volume, tuple(map(float, widths)))
    expected = trimmed(boxes_of(values, tuple(widths)), boxes.shape)
    np.testing.assert_allclose(boxes, expected, atol=1e-6)
    # The boxes lie around the volume's centre, and reach so far that one more would change nothing.
    middle = affine @ [*((np.array(boxes.shape[::-1]) - 1) / 2), 1]
    np.testing.assert_allclose(middle[:3], volume.center_lps, atol=1e-9)
    np.testing.assert_allclose(np.diag(affine)[:3], mm * [float(each) for each in widths[::-1]])
    if width > 1:
        ends = np.moveaxis(boxes, axis, 0)[[0, -1]]
        np.testing.assert_allclose(ends, np.moveaxis(values, axis, 0)[[0, -1]], atol=1e-6)


def test_beyond_the_volume_the_nearest_value_continues_and_is_marked_as_outside():
    values = np.array([[[1.0, 5.0]]], np.float32)
    grid = np.diag([0.25, 1.0, 1.0, 1.0])
    grid[0, 3] = -1.0
    ours, inside = resample_to_grid(Volume(values, np.eye(4)), grid, (1, 1, 13))
    # At -1, -0.75 ... 2; the outer faces are at -0.5 and 1.5.
    np.testing.assert_allclose(ours[0, 0], [1, 1, 1, 1, 1, 2, 3, 4, 5, 5, 5, 5, 5])
    np.testing.assert_allclose(inside[0, 0], [0, 0, 0, 0.5, 1, 1, 1, 1, 1, 0.5, 0, 0, 0])


def test_the_inside_is_the_product_of_ramps_over_the_outer_half_voxels():
    spacing = np.array([1.3, 2.9, 4.1])
    affine = oblique(tuple(spacing))
    volume = Volume(np.zeros((5, 6, 9), np.int16), affine)
    shape = (25, 20, 22)
    grid = centred_grid(volume, 1.1, shape)
    _, inside = resample_to_grid(volume, grid, shape)
    k, j, i = np.indices(shape)
    points = np.stack([i, j, k], -1) * 1.1 + grid[:3, 3]
    from_center_mm = np.abs((points - volume.center_lps) @ (affine[:3, :3] / spacing))
    half_mm = np.array([9, 6, 5]) * spacing / 2
    expected = ((half_mm - from_center_mm) / (spacing / 2)).clip(0, 1).prod(-1)
    assert len(np.unique(expected)) > 50
    np.testing.assert_allclose(inside, expected, atol=1e-6)


def test_values_that_are_not_finite_count_as_zero_in_the_mean_of_a_box():
    volume = Volume(np.array([[[np.nan, 3.0, np.inf]]], np.float32), np.eye(4))
    boxes, _ = area_mean(volume, (1.0, 1.0, 3.0))
    assert boxes[0, 0, boxes.shape[2] // 2] == pytest.approx(1.0)
    assert np.isfinite(boxes).all()


@pytest.mark.parametrize("width", [0.999, 0.0, float("nan")])
def test_boxes_narrower_than_a_voxel_are_refused(width):
    with pytest.raises(ValueError, match="narrower than a voxel"):
        area_mean(Volume(np.zeros((4, 4, 4), np.int16), np.eye(4)), (1.0, width, 1.0))


def test_the_finest_axis_of_the_grid_decides_what_is_averaged():
    values = np.random.default_rng(5).random((9, 9, 9)).astype(np.float32)
    volume = Volume(values, np.eye(4))
    grid = np.diag([1.0, 3.0, 5.0, 1.0])
    ours, _ = resample_to_grid(volume, grid, (2, 3, 9))
    np.testing.assert_allclose(ours, values[:6:5, ::3], rtol=1e-5)


def test_points_on_the_outer_faces_weigh_nothing_and_those_at_the_outermost_centres_all():
    volume = Volume(np.zeros((2, 3, 4), np.float32), np.diag([0.7, 1.3, 3.1, 1.0]))
    low, high = volume.bounds_lps
    for step, first, weight in (
        (high - low, low, 0.0),
        (volume.to_lps(np.array([3, 2, 1])), 0, 1.0),
    ):
        grid = np.eye(4)
        grid[:3, :3] = np.diag(step)
        grid[:3, 3] = first
        _, inside = resample_to_grid(volume, grid, (2, 2, 2))
        np.testing.assert_allclose(inside, weight, atol=1e-6)
