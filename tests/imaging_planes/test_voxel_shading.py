"""Boundaries of tissue voxel by voxel: directions by the octahedron's own formula, gradients by convolution, light by Phong."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import convolve1d

from fusion3d_gui.imaging.reslice.voxel_shading import (
    DIRECTIONS,
    VoxelShading,
    brightness,
    direction_vectors,
    prepare_shading,
)

AFFINE = np.eye(4)
AFFINE[:3, :3] = np.linalg.qr(np.array([[3.0, 1, 0.4], [-1, 2, 1], [0.5, 0.3, 3]]))[0] @ np.diag(
    [1.5, 2.0, 3.5]
)


def shading(voxels: np.ndarray, affine: np.ndarray = AFFINE, **options) -> VoxelShading:
    *steps, found = prepare_shading(voxels, affine, **options)
    assert steps == [None] * (2 * len(voxels))
    assert found.directions.dtype == np.uint16 and found.strengths.dtype == np.uint8
    return found


def gradients(voxels: np.ndarray, affine: np.ndarray) -> np.ndarray:
    """Change of value a millimetre along L, P and S at every voxel: central differences, smoothed by 1 2 1."""
    parts = []
    for axis in (2, 1, 0):
        part = voxels.astype(float)
        for each in range(3):
            weights = [1, 0, -1] if each == axis else [1, 2, 1]
            part = convolve1d(part, weights, axis=each, mode="nearest" if each == 0 else "reflect")
        parts.append(part / 32)
    return np.stack(parts, axis=-1) @ np.linalg.inv(affine[:3, :3])


def test_there_are_1024_directions_all_over_the_sphere():
    vectors = direction_vectors()
    assert DIRECTIONS == 1024 and vectors.shape == (1024, 3)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1)
    np.testing.assert_allclose(vectors.mean(axis=0), 0, atol=1e-9)
    every = np.random.default_rng(0).normal(size=(4000, 3))
    every /= np.linalg.norm(every, axis=1, keepdims=True)
    assert (every @ vectors.T).max(axis=1).min() > np.cos(np.deg2rad(5))
    assert not vectors.flags.writeable
    # Of the octahedron: u and v of the cells' middles, folded below the equator.
    for number in (0, 5, 33, 500, 527, 1023):
        row, column = divmod(number, 32)
        u, v = (column + 0.5) / 16 - 1, (row + 0.5) / 16 - 1
        z = 1 - abs(u) - abs(v)
        x, y = (u, v) if z >= 0 else ((1 - abs(v)) * np.sign(u), (1 - abs(u)) * np.sign(v))
        expected = np.array([x, y, z])
        np.testing.assert_allclose(vectors[number], expected / np.linalg.norm(expected), atol=1e-12)


def test_a_boundary_that_faces_along_a_direction_has_its_number():
    k, j, i = np.indices((3, 3, 3))
    places = np.stack([i, j, k], axis=-1) - 1.0
    for number in (0, 1, 31, 32, *range(40, 1024, 37), 991, 992, 1023):
        voxels = (places @ direction_vectors()[number] * 100).astype(np.float32)
        found = shading(voxels, np.eye(4), rising_inwards=False)
        assert found.directions[1, 1, 1] == max(number, 1)


@pytest.mark.parametrize("inwards", [True, False])
@pytest.mark.parametrize("dtype", [np.int16, np.float32])
def test_boundaries_face_away_from_the_dense_side(inwards, dtype):
    """Noise, smooth enough to have a gradient everywhere."""
    chance = np.random.default_rng(1)
    voxels = (
        (chance.normal(size=(9, 10, 11)) * 2000).cumsum(axis=0).cumsum(axis=1).astype(np.float32)
    )
    voxels = (voxels / np.abs(voxels).max() * 20_000).astype(dtype)
    found = shading(voxels, rising_inwards=inwards)
    gradient = gradients(voxels, AFFINE) * (-1 if inwards else 1)
    length = np.linalg.norm(gradient, axis=-1)
    clear = length > 0.2 * length.max()
    assert clear.sum() > 50
    cosines = (direction_vectors()[found.directions] * gradient).sum(axis=-1) / np.maximum(
        length, 1e-9
    )
    assert cosines[clear].min() > np.cos(np.deg2rad(6))
    sample = length[length > 0]
    assert found.strongest == pytest.approx(np.percentile(sample, 98), rel=2e-3)
    share = length / found.strongest
    expected = np.clip(share * 4, 0, 3).astype(int)
    sure = np.abs(share * 4 - np.rint(share * 4)) > 0.02
    np.testing.assert_array_equal(found.strengths[sure], expected[sure])


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("sign", [-1, 1])
def test_a_ramp_faces_along_its_axis_with_its_slope(axis, sign):
    index = np.indices((7, 8, 9))[2 - axis]
    voxels = (100 * sign * index).astype(np.int16)
    affine = np.diag([1.5, 2.0, 3.5, 1.0])
    found = shading(voxels, affine)
    inner = (slice(1, -1),) * 3
    expected = np.zeros(3)
    expected[axis] = -sign
    cosines = direction_vectors()[found.directions[inner]] @ expected
    assert cosines.min() > np.cos(np.deg2rad(6))
    slope = 100 / (1.5, 2.0, 3.5)[axis]
    assert found.strongest == pytest.approx(slope, rel=1e-3)
    assert (found.strengths[inner] == 3).all()


def test_below_a_twenty_fifth_of_the_strongest_there_is_no_boundary():
    for change, is_flat in ((3, True), (5, False)):  # of 100
        voxels = np.zeros((40, 6, 6), np.int16)
        voxels[20:] += np.int16(100 * 2)
        voxels[8:] += np.int16(change * 2)
        found = shading(voxels, np.eye(4))
        assert found.strengths[20, 3, 3] == 3 and found.directions[20, 3, 3] > 0
        assert found.strengths[8, 3, 3] == 0
        assert (found.directions[8, 3, 3] == 0) == is_flat
        assert found.directions[3, 3, 3] == 0


def test_a_volume_without_change_or_of_no_finite_values_has_no_boundary():
    for voxels in (
        np.full((3, 4, 5), 7, np.int16),
        np.full((3, 4, 5), np.nan, np.float32),
        np.zeros((1, 4, 5)),
    ):
        found = shading(voxels)
        assert not found.strengths.any() and not found.directions.any()
    assert np.isfinite(shading(np.full((3, 4, 5), np.inf, np.float32)).strongest)


def test_values_that_are_not_finite_count_as_zero():
    voxels = np.random.default_rng(2).normal(size=(5, 6, 7)).astype(np.float32)
    holed = voxels.copy()
    holed[2, 3, 3], voxels[2, 3, 3] = np.nan, 0
    one, other = shading(voxels), shading(holed)
    np.testing.assert_array_equal(one.directions, other.directions)
    np.testing.assert_array_equal(one.strengths, other.strengths)


def test_light_and_highlight_are_those_of_phong():
    """Light from the reader, tilted to the upper left; half way between it and the reader is the highlight."""
    turn = np.linalg.qr(np.array([[3.0, 1, 0.4], [-1, 2, 1], [0.5, 0.3, 3]]))[0]
    right, down = turn[:, 0], turn[:, 1]
    towards = -np.cross(right, down)
    light = -0.35 * right - 0.45 * down + towards
    light /= np.linalg.norm(light)
    half = light + towards
    half /= np.linalg.norm(half)
    vectors = direction_vectors()
    cosine = vectors @ light
    lit = np.where(cosine >= 0, cosine, -0.5 * cosine)
    diffuse, highlight = brightness(right, down)
    assert diffuse.shape == highlight.shape == (1024,)
    np.testing.assert_allclose(diffuse[1:], (0.12 + 0.88 * lit)[1:], atol=1e-9)
    np.testing.assert_allclose(
        highlight[1:], (0.22 * np.clip(vectors @ half, 0, None) ** 24)[1:], atol=1e-9
    )
    assert (diffuse[0], highlight[0]) == (pytest.approx(0.56), 0.0)
