"""Planes sampled from small volumes of every shape, beside scipy.ndimage and closed forms; which pixels are inside."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import map_coordinates

from fusion3d_gui.imaging.plane import Plane, Rect
from fusion3d_gui.imaging.reslice.columns import Columns
from fusion3d_gui.imaging.reslice.cubic import cubic_weights, enlarge_cubic
from fusion3d_gui.imaging.reslice.projector_preparation import (
    prepare_heatmap_projector,
    prepare_projector,
)
from fusion3d_gui.imaging.reslice.sampling import Interpolation, sample
from fusion3d_gui.imaging.volume import Volume

SHAPES = [(5, 6, 7), (1, 6, 7), (5, 1, 7), (5, 6, 1), (1, 1, 1), (2, 3, 2), (3, 200, 4)]


def turned(chance: np.random.Generator) -> np.ndarray:
    made = np.linalg.qr(chance.normal(size=(3, 3)))[0]
    return made * np.sign(np.linalg.det(made))


def volume(shape, chance, turn=None, dtype=np.float32) -> Volume:
    affine = np.eye(4)
    affine[:3, :3] = (turned(chance) if turn is None else turn) @ np.diag([1.1, 1.7, 2.3])
    affine[:3, 3] = chance.normal(size=3) * 20
    return Volume(chance.integers(0, 100, shape).astype(dtype), affine)


def plane_across(scan: Volume, chance, shape, turn=None) -> Plane:
    """A plane through the volume's middle, wider than the volume."""
    axes = turned(chance) if turn is None else turn
    reach = np.linalg.norm(np.subtract(*scan.bounds_lps)) * 0.7
    right, down = axes[:, 0] * reach / shape[1], axes[:, 1] * reach / shape[0]
    middle = scan.center_lps + axes[:, 2] * chance.uniform(-0.4, 0.4)
    origin = middle - right * (shape[1] - 1) / 2 - down * (shape[0] - 1) / 2
    return Plane(origin, right, down, shape)


def indices(scan: Volume, plane: Plane) -> np.ndarray:
    """Voxel index (i, j, k) of every pixel."""
    rows, columns = np.indices(plane.shape)
    return scan.to_index(plane.to_lps(rows, columns))


def inside(scan: Volume, index: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Which pixels are inside for certain, and which may be."""
    size = np.array(scan.shape[::-1])
    certain = ((index > -0.5 + 1e-4) & (index < size - 0.5 - 1e-4)).all(axis=-1)
    possible = ((index > -0.5 - 1e-4) & (index < size - 0.5 + 1e-4)).all(axis=-1)
    return certain, possible


def by_scipy(scan: Volume, index: np.ndarray, order: int) -> np.ndarray:
    """Clamped to the outermost centres; order 0 rounds halves up."""
    size = np.array(scan.shape[::-1])
    clamped = np.clip(index, 0, size - 1)
    if order == 0:
        clamped = np.floor(clamped + 0.5)
    coordinates = np.moveaxis(clamped[..., ::-1], -1, 0)
    return map_coordinates(scan.voxels.astype(np.float64), coordinates, order=order, mode="nearest")


def by_catmull_rom(scan: Volume, index: np.ndarray) -> np.ndarray:
    """From 64 neighbours, one pixel after another, by Keys' kernel with a = -1/2."""

    def kernel(x: float) -> float:
        x = abs(x)
        if x <= 1:
            return 1.5 * x**3 - 2.5 * x**2 + 1
        return -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2 if x < 2 else 0.0

    size = scan.shape[::-1]
    out = np.empty(index.shape[:-1])
    for at in np.ndindex(*out.shape):
        place = [min(max(a, 0.0), n - 1.0) for a, n in zip(index[at], size, strict=True)]
        low = [int(np.floor(a)) for a in place]
        total = 0.0
        for a in range(-1, 3):
            for b in range(-1, 3):
                for c in range(-1, 3):
                    cell = [n + d for n, d in zip(low, (a, b, c), strict=True)]
                    weight = np.prod([kernel(p - n) for p, n in zip(place, cell, strict=True)])
                    i, j, k = (min(max(n, 0), m - 1) for n, m in zip(cell, size, strict=True))
                    total += weight * scan.voxels[k, j, i]
        out[at] = total
    return out


def check(scan: Volume, plane: Plane, kind: Interpolation, outside=-7.0) -> None:
    index = indices(scan, plane)
    certain, possible = inside(scan, index)
    found = sample(scan, plane, outside, kind)
    assert found.dtype == np.float32 and found.shape == plane.shape
    assert (found[~possible] == outside).all()
    if kind is Interpolation.CUBIC:
        expected = by_catmull_rom(scan, index)
    else:
        expected = by_scipy(scan, index, 0 if kind is Interpolation.NEAREST else 1)
    if kind is Interpolation.NEAREST:
        near_half = (np.abs(index - np.floor(index) - 0.5) < 1e-4).any(axis=-1)
        certain = certain & ~near_half
    np.testing.assert_allclose(found[certain], expected[certain], atol=2e-2)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("kind", [Interpolation.NEAREST, Interpolation.LINEAR])
def test_oblique_planes_are_as_scipy_samples_them(shape, kind):
    chance = np.random.default_rng(sum(shape))
    for size in ((9, 14), (17, 5), (1, 12), (12, 1)):
        scan = volume(shape, chance)
        check(scan, plane_across(scan, chance, size), kind)


@pytest.mark.parametrize("shape", [(5, 6, 7), (1, 3, 4), (4, 1, 3), (3, 4, 1)])
def test_oblique_planes_are_cubic_by_the_kernel(shape):
    chance = np.random.default_rng(sum(shape))
    scan = volume(shape, chance)
    check(scan, plane_across(scan, chance, (6, 8)), Interpolation.CUBIC)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(
    "order", [(0, 1, 2), (1, 0, 2), (2, 0, 1), (0, 2, 1), (1, 2, 0), (2, 1, 0)]
)
@pytest.mark.parametrize("signs", [(1, 1), (-1, 1), (1, -1)])
def test_planes_along_voxel_axes_are_as_scipy_samples_them(shape, order, signs):
    """Rows and columns run along any two axes, either way: sampled by matrix products where the grid is coarse."""
    chance = np.random.default_rng(sum(shape) + order[0])
    turn = turned(chance)
    scan = volume(shape, chance, turn)
    axes = turn[:, list(order)] * (*signs, 1.0)
    plane = plane_across(scan, chance, (11, 13), axes)
    check(scan, plane, Interpolation.LINEAR)
    check(scan, plane, Interpolation.NEAREST)


@pytest.mark.parametrize("lean", [0.0, 2e-5, 2e-4, 5e-3])
def test_planes_that_lean_a_little_are_still_right(lean):
    """From along the axes to aslant: whichever way computes it, values differ by no more than they should."""
    chance = np.random.default_rng(3)
    scan = volume((12, 14, 16), chance, np.eye(3))
    for around in (
        np.array([[1, 0, 0], [0, 1, -lean], [0, lean, 1]]),
        np.array([[1, -lean, 0], [lean, 1, 0], [0, 0, 1]]),
    ):
        index = indices(scan, plane := plane_across(scan, chance, (20, 25), around))
        certain, _ = inside(scan, index)
        found = sample(scan, plane, 0.0)
        np.testing.assert_allclose(found[certain], by_scipy(scan, index, 1)[certain], atol=0.15)


def test_every_pixel_is_outside_where_the_plane_passes_the_volume_by():
    scan = volume((4, 5, 6), np.random.default_rng(0), np.eye(3))
    low, high = scan.bounds_lps
    for axis in range(3):
        for place in (low[axis] - 0.01, high[axis] + 0.01):
            a, b = (each for each in range(3) if each != axis)
            origin = scan.center_lps.copy()
            origin[axis] = place
            plane = Plane(origin, np.eye(3)[a], np.eye(3)[b], (4, 5))
            assert (sample(scan, plane, -1.0) == -1).all()
            assert (sample(scan, plane, -1.0, Interpolation.NEAREST) == -1).all()


def test_the_faces_of_the_outermost_voxels_are_inside():
    """Pixels exactly on the faces: rounding must not cut them off."""
    voxels = np.arange(1, 9, dtype=np.int16).reshape(2, 2, 2)
    scan = Volume(voxels, np.eye(4))
    edge = np.array([-0.5, -0.5, -0.5])
    plane = Plane(edge, np.array([2.0, 0, 0]), np.array([0, 2.0, 0]), (2, 2))
    assert sample(scan, plane, 0.0).tolist() == [[1, 2], [3, 4]]
    plane = Plane(edge + (0, 0, 2.0), np.array([2.0, 0, 0]), np.array([0, 2.0, 0]), (2, 2))
    assert sample(scan, plane, 0.0).tolist() == [[5, 6], [7, 8]]
    beyond = Plane(edge - (0, 0, 1e-4), np.array([2.0, 0, 0]), np.array([0, 2.0, 0]), (2, 2))
    assert sample(scan, beyond, 0.0).tolist() == [[0, 0], [0, 0]]
    wide = Plane(edge - 1e-4, np.array([2.0002, 0, 0]), np.array([0, 2.0002, 0]), (2, 2))
    assert sample(scan, wide, 0.0).tolist() == [[0, 0], [0, 0]]


def test_halves_are_rounded_up_to_the_next_voxel():
    scan = Volume(np.arange(8, dtype=np.int16).reshape(2, 2, 2), np.eye(4))
    plane = Plane(np.array([0.5, 0.0, 0.0]), np.array([0, 0.5, 0]), np.array([0, 0, 0.5]), (2, 2))
    assert sample(scan, plane, -1.0, Interpolation.NEAREST).tolist() == [[1, 3], [5, 7]]


@pytest.mark.parametrize("kind", list(Interpolation))
def test_a_plane_is_written_into_a_given_array(kind):
    chance = np.random.default_rng(1)
    scan = volume((4, 5, 6), chance)
    plane = plane_across(scan, chance, (7, 8))
    out = np.full((7, 8), 55.0, np.float32)
    assert sample(scan, plane, np.nan, kind, out) is out
    np.testing.assert_array_equal(out, sample(scan, plane, np.nan, kind))
    assert np.isnan(out).any() and np.isfinite(out).any()


def test_a_large_plane_is_sampled_block_by_block_as_a_small_one():
    chance = np.random.default_rng(2)
    scan = volume((9, 10, 11), chance)
    for kind in (Interpolation.NEAREST, Interpolation.LINEAR):
        check(scan, plane_across(scan, chance, (70, 300)), kind)
    turn = turned(chance)
    scan = volume((9, 128, 11), chance, turn)
    check(scan, plane_across(scan, chance, (300, 140), turn[:, [1, 2, 0]]), Interpolation.LINEAR)


# -- cubic --------------------------------------------------------------------------------------


def test_cubic_weights_are_those_of_keys_kernel():
    share = np.linspace(0, 1, 11)
    weights = cubic_weights(share)

    def near(x):
        return 1.5 * x**3 - 2.5 * x**2 + 1

    def far(x):
        return -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2

    for found, expected in zip(
        weights, (far(1 + share), near(share), near(1 - share), far(2 - share)), strict=True
    ):
        np.testing.assert_allclose(found, expected, atol=1e-12)


@pytest.mark.parametrize(
    ("onto", "shape"),
    [
        (Rect(10.0, -5.0, 14.0, 12.0), (8, 11)),
        (Rect(13.0, -2.0, 3.0, 4.0), (7, 5)),
        (Rect(7.0, -9.0, 22.0, 19.0), (9, 12)),
        (Rect(23.0, 6.0, 4.0, 3.0), (4, 4)),
        (Rect(7.0, -8.0, 2.0, 2.0), (3, 3)),
    ],
)
def test_an_enlarged_image_is_cubic_by_the_kernel_and_continues_at_its_edges(onto, shape):
    values = np.random.default_rng(4).integers(-50, 50, (6, 7)).astype(np.int16)
    rect = Rect(10.0, -5.0, 14.0, 12.0)
    found = enlarge_cubic(values, rect, onto, shape)
    y = (onto.top + (np.arange(shape[0]) + 0.5) * onto.height / shape[0] - rect.top) / 2.0 - 0.5
    x = (onto.left + (np.arange(shape[1]) + 0.5) * onto.width / shape[1] - rect.left) / 2.0 - 0.5
    index = np.stack(np.broadcast_arrays(x[None], y[:, None], 0.0), axis=-1)
    expected = by_catmull_rom(Volume(values[None], np.eye(4)), index)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=1e-3)


# -- cached columns -----------------------------------------------------------------------------


def test_columns_between_two_numbers_are_those_of_the_voxels_whatever_was_asked_before():
    voxels = np.random.default_rng(5).integers(0, 1000, (19, 4, 23)).astype(np.int16)
    columns = Columns(voxels)
    chance = np.random.default_rng(6)
    asked = [(3, 8), (4, 9), (5, 10), (4, 9), (12, 17), (0, 5), (2, 4), (2, 11), (3, 12), (14, 23)]
    asked += [
        (a, a + n)
        for a, n in zip(chance.integers(0, 14, 60), chance.integers(1, 10, 60), strict=True)
    ]
    for first, end in asked:
        found = columns.between(int(first), int(end))
        expected = voxels[:, :, first:end].transpose(2, 0, 1)
        assert found.dtype == voxels.dtype and found.shape == expected.shape
        order = np.lexsort(found.reshape(len(found), -1).T)
        wanted = np.lexsort(expected.reshape(len(expected), -1).T)
        np.testing.assert_array_equal(found[order], expected[wanted])


def test_columns_that_are_known_are_not_read_again():
    voxels = np.random.default_rng(5).integers(0, 1000, (19, 4, 23)).astype(np.int16)
    columns = Columns(voxels)
    columns.between(3, 8)
    before = voxels[:, :, 3:8].copy()
    voxels[:] = 0
    found = columns.between(4, 9)
    assert found.any(axis=(1, 2)).sum() == 4
    kept = sorted(map(tuple, found.reshape(5, -1).tolist()))
    expected = sorted(
        [*map(tuple, before[:, :, 1:].transpose(2, 0, 1).reshape(4, -1).tolist()), (0,) * 76]
    )
    assert kept == expected


# -- projectors -----------------------------------------------------------------------------------


def last(steps):
    made = list(steps)
    assert all(each is None for each in made[:-1])
    return made[-1]


@pytest.mark.parametrize("shape", [(5, 6, 7), (193, 4, 5), (4, 385, 5), (4, 5, 192), (3, 4, 577)])
def test_blocks_of_voxels_become_their_largest_value_at_their_middle(shape):
    chance = np.random.default_rng(7)
    scan = volume(shape, chance, dtype=np.int16)
    projector = last(prepare_projector(scan))
    factors = [-(-size // 192) for size in shape]
    small = [-(-size // factor) for size, factor in zip(shape, factors, strict=True)]
    assert projector.shape == tuple(small)
    fk, fj, fi = factors
    expected = scan.affine.copy()
    expected[:3, :3] = expected[:3, :3] @ np.diag([fi, fj, fk])
    expected[:3, 3] = scan.to_lps(np.array([(fi - 1) / 2, (fj - 1) / 2, (fk - 1) / 2]))
    np.testing.assert_allclose(projector.affine, expected, atol=1e-9)
    for at in np.ndindex(*small):
        block = scan.voxels[
            tuple(slice(n * f, n * f + f) for n, f in zip(at, factors, strict=True))
        ]
        assert projector.voxels[at] == block.max()


def test_a_heatmap_takes_the_levels_of_its_share_of_the_peak():
    chance = np.random.default_rng(8)
    scan = volume((6, 7, 8), chance, dtype=np.int16)
    like = last(prepare_projector(scan))
    heat = Volume(
        chance.uniform(-0.5, 1.5, (3, 4, 5)).astype(np.float32),
        scan.affine @ np.diag([1.4, 1.3, 1.2, 1.0]),
    )
    projector = last(prepare_heatmap_projector(heat, 1.2, like))
    k, j, i = np.indices(scan.shape)
    index = heat.to_index(scan.to_lps(np.stack([i, j, k], axis=-1)))
    certain, possible = inside(heat, index)
    expected = np.clip(by_scipy(heat, index, 1) * 255 / 1.2, 0, 255)
    levels = projector.voxels
    assert levels.dtype == np.uint8 and not levels[~possible].any()
    assert np.abs(levels[certain].astype(float) - np.floor(expected[certain])).max() <= 1
    np.testing.assert_allclose(projector.affine, like.affine)
