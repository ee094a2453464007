"""Values on planes along the voxel axes, between slices: where a faster way computes linear ones."""

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
    row, column = np.indices(found.shape)
    points = (
        plane.origin_lps + column[..., None] * plane.right_step + row[..., None] * plane.down_step
    )
    index = np.moveaxis(volume.to_index(points)[..., ::-1], -1, 0)
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
