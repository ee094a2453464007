"""Values on planes along the voxel axes, where a faster way computes linear ones, and near them."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import map_coordinates

from fusion3d_gui.imaging.plane import ORIENTATIONS, Plane, Rect
from fusion3d_gui.imaging.reslice.sampling import Interpolation, sample
from fusion3d_gui.imaging.volume import Volume


def _plane(volume: Volume, orientation, shape=(41, 37)) -> Plane:
    """Inside the volume, a third of a voxel off its centre."""
    low, high = volume.bounds_lps
    (left, top), (right, bottom) = np.sort(orientation.to_screen(np.stack([low, high])), axis=0)
    rect = Rect(left + 4, top + 4, right - left - 8, bottom - top - 8)
    depth = float(volume.center_lps[orientation.depth]) + volume.spacing_mm[0] / 3
    return Plane.covering(orientation, rect, depth, shape)


def _indices_kji(volume: Volume, plane: Plane) -> np.ndarray:
    row, column = np.indices(plane.shape)
    points = (
        plane.origin_lps + column[..., None] * plane.right_step + row[..., None] * plane.down_step
    )
    return np.moveaxis(volume.to_index(points)[..., ::-1], -1, 0)


@pytest.fixture
def volume() -> Volume:
    affine = np.diag([1.1, 1.3, 2.3, 1.0])
    affine[:3, 3] = (-12, 30, 7)
    voxels = np.random.default_rng(4).integers(-900, 2000, (15, 22, 25)).astype(np.int16)
    return Volume(voxels, affine)


@pytest.mark.parametrize("orientation", ORIENTATIONS, ids=lambda each: each.name)
@pytest.mark.parametrize(
    ("interpolation", "order"), [(Interpolation.NEAREST, 0), (Interpolation.LINEAR, 1)]
)
def test_nearest_and_linear_values_are_scipys(volume, orientation, interpolation, order):
    plane = _plane(volume, orientation)
    found = sample(volume, plane, interpolation=interpolation)
    index = _indices_kji(volume, plane)
    expected = map_coordinates(volume.voxels.astype(float), index, order=order, mode="nearest")
    clear = np.ones(found.shape, bool)
    if order == 0:  # exactly between two voxels either is right
        clear = (np.abs(index % 1 - 0.5) > 1e-3).all(axis=0)
    assert clear.mean() > 0.8
    np.testing.assert_allclose(found[clear], expected[clear], atol=0.02)


@pytest.mark.parametrize("orientation", ORIENTATIONS, ids=lambda each: each.name)
def test_cubic_values_differ_from_linear_ones(volume, orientation):
    plane = _plane(volume, orientation)
    cubic = sample(volume, plane, interpolation=Interpolation.CUBIC)
    assert np.abs(cubic - sample(volume, plane)).max() > 50


@pytest.mark.parametrize("shape", [(12, 90), (90, 12)], ids=["wide", "tall"])
@pytest.mark.parametrize("sheared", ["rows", "columns"])
def test_linear_values_on_a_long_plane_that_is_slightly_sheared_are_scipys(volume, shape, sheared):
    origin = volume.to_lps(np.array([2.2, 3.1, 6.4]))
    right = np.array([18.0 / shape[1], 0.0, 0.0])
    down = np.array([0.0, 16.0 / shape[0], 0.0])
    if sheared == "rows":
        right[1] = 3.0 / shape[1]
    else:
        down[0] = 3.0 / shape[0]
    plane = Plane(origin, right, down, shape)
    index = _indices_kji(volume, plane)
    assert (index > 0).all()
    expected = map_coordinates(volume.voxels.astype(float), index, order=1)
    np.testing.assert_allclose(sample(volume, plane), expected, atol=0.1)


def test_a_voxel_without_a_value_reaches_its_neighbours_only():
    """Not the other end of a row or slice, where the next voxel in memory lies."""
    clean = np.random.default_rng(2).random((5, 6, 7)).astype(np.float32)
    plane = Plane(
        np.array([-0.4, -0.4, 0.7]), np.array([0.2, 0, 0.01]), np.array([0, 0.2, 0.05]), (30, 35)
    )
    index = _indices_kji(Volume(clean, np.eye(4)), plane)
    expected = map_coordinates(clean.astype(float), index, order=1, mode="nearest")
    for where in np.ndindex(5, 6, 7):
        voxels = clean.copy()
        voxels[where] = np.nan
        found = sample(Volume(voxels, np.eye(4)), plane)
        # The outermost voxel is interpolated with its neighbour, also in its outer half.
        place = np.array(where).reshape(3, 1, 1)
        last = np.array(clean.shape).reshape(3, 1, 1) - 1
        distance = np.abs(index.clip(0, last - 1e-3) - place)
        far = (distance > 1.001).any(axis=0)
        assert far.any()
        np.testing.assert_allclose(found[far], expected[far], atol=1e-5)
        assert np.isnan(found[(distance < 0.999).all(axis=0)]).all()
