"""Projections of a whole volume, or of what a plane leaves of it: what lies where on screen, judged by scipy's rotation."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy import ndimage
from scipy.spatial.transform import Rotation

from fusion3d_gui.imaging.plane import AXIAL
from fusion3d_gui.imaging.reslice.clip import ClipPlane, Side
from fusion3d_gui.imaging.reslice.projector_preparation import (
    prepare_heatmap_projector,
    prepare_projector,
)
from fusion3d_gui.imaging.reslice.slab import Projection, Slab
from fusion3d_gui.imaging.reslice.slicer import Slicer
from fusion3d_gui.imaging.volume import Volume


def made(steps):
    *_, last = steps
    return last


def axes(turn: float, tilt: float) -> tuple[np.ndarray, np.ndarray]:
    turn, tilt = np.deg2rad(turn), np.deg2rad(tilt)
    right = np.array([np.cos(turn), np.sin(turn), 0])
    away = np.array([-np.sin(turn), np.cos(turn), 0])
    return right, np.array([0, 0, -1.0]) * np.cos(tilt) - away * np.sin(tilt)


@pytest.mark.parametrize("turn", [0, 25, 70, 135, 200, 300])
@pytest.mark.parametrize("tilt", [-80, 0, 35])
@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (-0.7, 1.1, 2.3)])
def test_a_bright_voxel_is_seen_where_the_patient_has_it_from_any_side(turn, tilt, spacing):
    volume = Volume(np.zeros((30, 40, 36), np.int16), np.diag([*spacing, 1.0]))
    spots = [(5, 8, 3), (30, 33, 25), (18, 4, 14)]
    right, down = axes(turn, tilt)
    for i, j, k in spots:
        volume.voxels[:] = -100
        volume.voxels[k, j, i] = 500
        flat = made(prepare_projector(volume)).project(right, down)
        row, column = np.unravel_index(int(flat.values.argmax()), flat.values.shape)
        seen = flat.to_screen @ (column, row, 1)
        true = volume.to_lps(np.array([i, j, k]))
        # Slices are shifted by whole voxels.
        reach = 0.51 * (abs(spacing[0]) + abs(spacing[1]) + abs(spacing[2]))
        assert np.hypot(*(seen - (true @ right, true @ down))) < reach


STRAIGHT = [
    # right, down: from the front, the left, the back, above, below and lying on the side.
    ((1, 0, 0), (0, 0, -1)),
    ((0, 1, 0), (0, 0, -1)),
    ((-1, 0, 0), (0, 0, -1)),
    ((1, 0, 0), (0, 1, 0)),
    ((1, 0, 0), (0, -1, 0)),
    ((0, 0, 1), (1, 0, 0)),
]


@pytest.mark.parametrize(("right", "down"), STRAIGHT)
@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (-0.7, 1.1, 2.3)])
def test_a_straight_projection_is_numpys_maximum_and_every_pixel_lies_where_the_patient_has_it(
    right, down, spacing
):
    right, down = np.array(right, float), np.array(down, float)
    voxels = np.random.default_rng(0).integers(-500, 900, (20, 24, 28)).astype(np.int16)
    affine = np.diag([*spacing, 1.0])
    affine[:3, 3] = -31.5, 12.25, 99.0
    volume = Volume(voxels, affine)
    flat = made(prepare_projector(volume)).project(right, down)
    rows, columns = np.indices(flat.values.shape)
    pixels = np.stack([columns.ravel(), rows.ravel(), np.ones(rows.size)])
    seen = dict(
        zip(
            map(tuple, np.round(flat.to_screen @ pixels, 6).T.tolist()),
            flat.values.ravel().tolist(),
            strict=True,
        )
    )
    # Every voxel's place on screen, and the largest value at each of them.
    k, j, i = np.indices(voxels.shape)
    lps = volume.to_lps(np.stack([i, j, k], axis=-1)).reshape(-1, 3)
    expected: dict[tuple[float, float], int] = {}
    for u, v, value in zip(lps @ right, lps @ down, voxels.ravel().tolist(), strict=True):
        place = (round(float(u), 6), round(float(v), 6))
        expected[place] = max(value, expected.get(place, value))
    assert seen == expected


def test_a_turned_projection_is_close_to_scipys_rotation():
    smooth = ndimage.gaussian_filter(np.random.default_rng(0).random((40, 60, 60)), 4)
    smooth = ((smooth - smooth.min()) / np.ptp(smooth) * 1000).astype(np.int16)
    center = np.eye(4)
    center[:3, 3] = -29.5, -29.5, -19.5
    flat = made(prepare_projector(Volume(smooth, center))).project(*axes(30, 0))
    turned = ndimage.rotate(smooth, 30, axes=(1, 2), order=1)
    expected, middle = turned.max(axis=1), (turned.shape[2] - 1) / 2
    for z in (-12, 0, 9):
        for u in (-15, -4, 8, 14):
            column, row = np.linalg.solve(
                flat.to_screen[:, :2], np.array([u, -z]) - flat.to_screen[:, 2]
            )
            found = ndimage.map_coordinates(flat.values.astype(float), [[row], [column]], order=1)
            there = ndimage.map_coordinates(
                expected.astype(float), [[z + 19.5], [u + middle]], order=1
            )
            assert found[0] == pytest.approx(there[0], abs=25)


def test_a_large_volume_is_shrunk_by_its_largest_values_and_stays_in_place():
    voxels = np.zeros((10, 400, 500), np.uint8)
    voxels[3, 250, 333] = 200
    volume = Volume(voxels, np.diag([0.5, 0.6, 2.0, 1.0]))
    projector = made(prepare_projector(volume))
    assert max(projector.shape) <= 192
    right, down = axes(0, 0)
    flat = projector.project(right, down)
    row, column = np.unravel_index(int(flat.values.argmax()), flat.values.shape)
    assert flat.values.max() == 200
    seen = flat.to_screen @ (column, row, 1)
    assert seen == pytest.approx((333 * 0.5, -3 * 2.0), abs=1.0)


def test_a_heatmap_is_laid_on_the_same_voxels_as_a_share_of_its_peak():
    volume = Volume(np.zeros((10, 12, 14), np.int16), np.diag([-1.0, 1.5, 2.0, 1.0]))
    affine = np.diag([-4.0, 3.0, 5.0, 1.0])
    affine[:3, 3] = -1.5, 3.0, 2.0
    k, j, i = np.indices((3, 4, 3))
    # Linear in the patient, so that trilinear interpolation is exact.
    lps = np.stack([i, j, k], axis=-1) @ affine[:3, :3].T + affine[:3, 3]
    ramp = np.array([-0.02, 0.03, 0.05])
    grid = Volume((lps @ ramp).astype(np.float32), affine)
    levels = made(prepare_heatmap_projector(grid, 0.8, made(prepare_projector(volume)))).voxels
    k, j, i = np.indices(volume.shape)
    where = volume.to_lps(np.stack([i, j, k], axis=-1))
    index = grid.to_index(where)
    inner = ((index >= 0) & (index <= np.array([2, 3, 2]))).all(axis=-1)
    outer = ((index < -0.5) | (index > np.array([2.5, 3.5, 2.5]))).any(axis=-1)
    assert min(inner.mean(), outer.mean()) > 0.1
    expected = (where @ ramp / 0.8 * 255)[inner]
    assert (
        np.abs(levels[inner] - (expected.clip(0, 255) - 0.5)).max() < 0.51
    )  # whole levels, cut off
    assert (levels[outer] == 0).all()


def test_the_peak_of_a_heatmap_is_seen_where_the_patient_has_it():
    volume = Volume(np.zeros((20, 30, 40), np.int16), np.eye(4))
    grid = np.diag([10.0, 10.0, 10.0, 1.0])
    grid[:3, 3] = 4.5
    values = np.zeros((2, 3, 4), np.float32)
    values[1, 2, 3] = 0.4
    projector = made(prepare_projector(volume))
    levels = made(prepare_heatmap_projector(Volume(values, grid), 0.4, projector))
    right, down = axes(0, 0)
    flat = levels.project(right, down)
    row, column = np.unravel_index(int(flat.values.argmax()), flat.values.shape)
    seen = flat.to_screen @ (column, row, 1)
    assert seen == pytest.approx((34.5, -14.5), abs=1.0)
    assert flat.values.max() > 230


@pytest.mark.parametrize(("turn", "tilt"), [(0, 0), (40, 20), (90, 0), (220, -35)])
@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (-0.8, 0.8, 1.6)])
def test_a_lit_ball_is_round_and_brightest_where_it_faces_the_light(turn, tilt, spacing):
    size = np.array([64, 64, round(64 / spacing[2])])
    affine = np.diag([*spacing, 1.0])
    affine[:3, 3] = -(size - 1) / 2 * spacing
    k, j, i = np.mgrid[: size[2], : size[1], : size[0]]
    place = np.stack([i, j, k], axis=-1) * spacing + affine[:3, 3]
    ball = (1000 * (np.linalg.norm(place, axis=-1) < 20)).astype(np.int16)
    lit = made(prepare_projector(Volume(ball, affine))).surface(*axes(turn, tilt), 500)
    flat, found = lit.shade, lit.found
    row, column = np.indices(flat.values.shape)
    u = flat.to_screen @ np.stack([column.ravel(), row.ravel(), np.ones(row.size)])
    distance = np.hypot(*u).reshape(row.shape)
    assert found[distance < 18].all()
    assert not found[distance > 22].any()
    # The normal of a ball is its place; the light as stated, from the upper left.
    inside = distance < 13
    normal = np.stack([u[0], u[1], -np.sqrt(np.maximum(400 - (u**2).sum(axis=0), 0))]) / 20
    light = np.array([-0.35, -0.45, -1.0]) / np.linalg.norm([-0.35, -0.45, 1.0])
    expected = 255 * (0.12 + 0.88 * np.clip(light @ normal, 0, 1)).reshape(row.shape)
    error = flat.values[inside] - expected[inside]
    assert np.abs(error).mean() < 14
    assert np.corrcoef(flat.values[inside], expected[inside])[0, 1] > 0.9


@pytest.mark.parametrize("lean", [(0.6, 0.0), (-0.6, 0.0), (0.0, 0.6), (0.0, -0.6), (0.4, 0.3)])
@pytest.mark.parametrize("from_behind", [False, True])
def test_a_flat_surface_is_as_bright_as_it_faces_the_light_whichever_way_it_leans(
    lean, from_behind
):
    k, j, i = np.mgrid[:64, :96, :64]
    # How far away (mm) the surface is grows by so much to the right, and down.
    right, down = axes(180 if from_behind else 0, 0)
    u, v = (-1 if from_behind else 1) * (i - 31.5), 31.5 - k
    away = (95 - j if from_behind else j).astype(float)
    solid = away > 47.5 + lean[0] * u + lean[1] * v
    projector = made(prepare_projector(Volume((1000 * solid).astype(np.int16), np.eye(4))))
    lit = projector.surface(right, down, 500)
    flat, found = lit.shade, lit.found
    assert found.all()
    normal = np.array([lean[0], lean[1], -1.0])
    light = np.array([-0.35, -0.45, -1.0])
    cosine = normal @ light / np.linalg.norm(normal) / np.linalg.norm(light)
    expected = 255 * (0.12 + 0.88 * cosine)
    assert flat.values[12:-12, 12:-12].mean() == pytest.approx(expected, abs=2.0)


def test_where_one_surface_ends_before_another_both_stay_as_bright_as_they_face_the_light():
    voxels = np.zeros((60, 60, 60), np.int16)
    voxels[10:50, 40:, 10:50] = 1000  # a plate at the back
    voxels[25:35, :10, 25:35] = 1000  # and a small one 30 mm before it
    lit = made(prepare_projector(Volume(voxels, np.eye(4)))).surface(*axes(0, 0), 500)
    flat, found = lit.shade, lit.found
    assert found.sum() == 40 * 40
    inner = flat.values[13:47, 13:47]
    facing = 255 * (0.12 + 0.88 / np.sqrt(1 + 0.35**2 + 0.45**2))
    assert np.abs(inner - facing).max() < 3


def test_a_wire_of_one_voxel_is_seen():
    voxels = np.zeros((40, 40, 40), np.int16)
    voxels[:, 20, 20] = 1000
    flat = made(prepare_projector(Volume(voxels, np.eye(4)))).surface(*axes(0, 0), 500).shade
    assert flat.values[10:30, 20].min() > 60


def test_an_outline_fades_over_a_pixel_or_two():
    k, j, i = np.mgrid[:60, :20, :60]
    plate = (1000 * ((np.hypot(i - 29.5, k - 29.5) < 20) & (j > 9))).astype(np.int16)
    lit = made(prepare_projector(Volume(plate, np.eye(4)))).surface(*axes(0, 0), 500)
    flat, found = lit.shade, lit.found
    distance = np.hypot(*(np.indices(found.shape) - 29.5))
    levels = [flat.values[np.abs(distance - radius) < 0.5].mean() for radius in range(17, 24)]
    assert all(inner >= outer for inner, outer in itertools.pairwise(levels))
    assert levels[0] > 200
    assert levels[-1] < 5
    assert 60 < levels[3] < 180
    # Round it is as bright on the diagonals, where steps of voxels are widest, as along the axes.
    rim = np.abs(distance - 20.5) < 0.5
    assert flat.values[rim].std() < 0.5 * flat.values[rim].mean()


@pytest.mark.parametrize("kind", [np.int16, np.uint8, np.uint16, np.float32])
def test_a_negative_slope_is_projected_by_real_values(kind):
    values = np.random.default_rng(0).integers(0, 200, (12, 14, 16)).astype(kind)
    falling = Volume(values, np.eye(4), slope=-2.0, intercept=500.0)
    rising = Volume(falling.real().astype(np.float32), np.eye(4))
    for turn, tilt in ((0, 0), (50, 20)):
        ours = made(prepare_projector(falling)).project(*axes(turn, tilt)).values
        theirs = made(prepare_projector(rising)).project(*axes(turn, tilt)).values
        seen = np.isfinite(theirs) & (theirs > -1e30)
        assert np.array_equal((ours * -2.0 + 500.0)[seen], theirs[seen])
        clip = Side.FRONT.plane(*falling.bounds_lps, 6.0)
        mine = made(prepare_projector(falling)).surface(*axes(turn, tilt), -80.0 / -2.0, clip)
        other = made(prepare_projector(rising)).surface(*axes(turn, tilt), 420.0, clip)
        assert np.array_equal(mine.found, other.found)
        assert np.array_equal(mine.shade.values, other.shade.values)
        assert mine.face.any()
        assert np.array_equal(mine.face, other.face)
        assert np.array_equal(mine.face_values * -2.0 + 500.0, other.face_values)


@pytest.mark.parametrize("turned", [False, True], ids=["aligned", "oblique"])
def test_the_brightest_and_darkest_of_a_slab_are_so_by_real_value(turned):
    values = np.random.default_rng(0).integers(0, 200, (12, 14, 16)).astype(np.int16)
    affine = np.eye(4)
    if turned:
        affine[:2, :2] = [[0.8, -0.6], [0.6, 0.8]]
    falling = Volume(values, affine, slope=-2.0, intercept=500.0)
    rising = Volume(falling.real().astype(np.float32), affine)
    for projection in Projection:
        slab = Slab(5.0, projection)
        depth = float(falling.center_lps[2])
        ours = Slicer(falling).cut(AXIAL, depth, slab).values.astype(np.float64) * -2.0 + 500.0
        theirs = Slicer(rising).cut(AXIAL, depth, slab).values
        np.testing.assert_allclose(ours, theirs, atol=0.01)


def test_a_volume_that_is_ready_needs_no_further_copy_from_any_side():
    volume = Volume(np.arange(6 * 7 * 8, dtype=np.int16).reshape(6, 7, 8), np.eye(4))
    (projector,) = [each for each in prepare_projector(volume) if each is not None]
    assert set(projector._stacks) == {0, 1, 2}
    assert len(list(prepare_projector(volume))) >= 6 + 3  # in small steps: slices, then copies


def test_values_that_are_not_finite_count_as_the_lowest():
    voxels = np.full((6, 7, 8), 5.0, np.float32)
    voxels[2, :, 3], voxels[4, 5, 6], voxels[1, 1, 1] = np.nan, np.inf, -np.inf
    flat = made(prepare_projector(Volume(voxels, np.eye(4)))).project(*axes(0, 0))
    assert (flat.values == 5.0).sum() == 6 * 8 - 1  # one ray meets nothing else
    falling = Volume(voxels, np.eye(4), slope=-1.0)
    flat = made(prepare_projector(falling)).project(*axes(0, 0))
    assert (flat.values == 5.0).sum() == 6 * 8 - 1


@pytest.mark.parametrize("slope", [1.0, 0.5, -1.0])
@pytest.mark.parametrize(
    ("shape_kji", "factors_kji"), [((5, 200, 390), (1, 2, 3)), ((390, 6, 200), (3, 1, 2))]
)
def test_blocks_of_a_large_volume_become_their_largest_real_value(shape_kji, factors_kji, slope):
    voxels = np.random.default_rng(4).integers(-999, 999, shape_kji).astype(np.int16)
    projector = made(prepare_projector(Volume(voxels, np.eye(4), slope=slope)))
    (k, j, i), (fk, fj, fi) = shape_kji, factors_kji
    assert projector.shape == (k // fk, j // fj, i // fi)
    blocks = voxels.reshape(k // fk, fk, j // fj, fj, i // fi, fi)
    expected = blocks.max(axis=(1, 3, 5)) if slope > 0 else blocks.min(axis=(1, 3, 5))
    np.testing.assert_array_equal(projector.voxels, expected)
    # The middles of the first and the second block.
    factors = np.array([fi, fj, fk])
    np.testing.assert_allclose((projector.affine @ [0, 0, 0, 1])[:3], (factors - 1) / 2)
    np.testing.assert_allclose((projector.affine @ [1, 1, 1, 1])[:3], (3 * factors - 1) / 2)
    # The brightest real value is the brightest in the projection.
    flat = projector.project(*axes(0, 0)).values
    assert (flat.max() if slope > 0 else flat.min()) == (
        voxels.max() if slope > 0 else voxels.min()
    )


@pytest.mark.parametrize("lean", [(0.0, 0.0), (0.5, 0.0), (0.0, -0.5), (0.4, 0.3)])
@pytest.mark.parametrize(("turn", "tilt"), [(0, 0), (40, 20), (110, -15)])
def test_a_flat_surface_in_an_oblique_volume_is_as_bright_as_it_faces_the_light(lean, turn, tilt):
    rotation = Rotation.from_euler("xyz", [17, -12, 25], degrees=True).as_matrix()
    affine = np.eye(4)
    affine[:3, :3] = rotation @ np.diag([0.9, 1.1, 1.3])
    size = np.array([90, 74, 62])
    affine[:3, 3] = -affine[:3, :3] @ (size - 1) / 2
    k, j, i = np.mgrid[: size[2], : size[1], : size[0]]
    lps = np.stack([i, j, k], axis=-1) @ affine[:3, :3].T + affine[:3, 3]
    right, down = axes(turn, tilt)
    u, v, away = lps @ right, lps @ down, lps @ np.cross(right, down)
    solid = away > lean[0] * u + lean[1] * v
    projector = made(prepare_projector(Volume((1000 * solid).astype(np.int16), affine)))
    lit = projector.surface(right, down, 500)
    flat, found = lit.shade, lit.found
    row, column = np.indices(found.shape)
    screen = flat.to_screen @ np.stack([column.ravel(), row.ravel(), np.ones(row.size)])
    inner = (np.hypot(*screen) < 15).reshape(found.shape)
    assert found[inner].all()
    normal, light = np.array([*lean, -1.0]), np.array([-0.35, -0.45, -1.0])
    cosine = normal @ light / np.linalg.norm(normal) / np.linalg.norm(light)
    assert flat.values[inner].mean() == pytest.approx(255 * (0.12 + 0.88 * cosine), abs=3.0)


@pytest.mark.parametrize("layer", [0, 19])
@pytest.mark.parametrize("turn", [0, 180])
def test_a_surface_in_the_nearest_or_the_farthest_slice_is_found(layer, turn):
    voxels = np.zeros((24, 20, 22), np.int16)
    voxels[4:15, layer, 6:17] = 1000
    lit = made(prepare_projector(Volume(voxels, np.eye(4)))).surface(*axes(turn, 0), 500)
    assert lit.found.sum() == 11 * 11


OBLIQUE = Rotation.from_euler("xyz", [17, -12, 25], degrees=True).as_matrix()


def scan_of(voxels, spacing, rotation) -> Volume:
    """A volume about the origin."""
    affine = np.eye(4)
    affine[:3, :3] = rotation @ np.diag(spacing)
    affine[:3, 3] = -affine[:3, :3] @ (np.array(voxels.shape[::-1]) - 1) / 2
    return Volume(voxels, affine)


def places(volume: Volume) -> np.ndarray:
    """Patient positions (mm, LPS) ``[k, j, i, 3]`` of the voxel centres."""
    k, j, i = np.indices(volume.shape)
    return volume.to_lps(np.stack([i, j, k], axis=-1))


@pytest.mark.parametrize("rotation", [np.eye(3), OBLIQUE], ids=["straight", "oblique"])
@pytest.mark.parametrize(("turn", "tilt"), [(0, 0), (35, 20), (90, 0), (200, -60)])
@pytest.mark.parametrize("side", list(Side))
def test_a_projection_behind_a_plane_is_that_of_a_volume_that_ends_there(
    rotation, turn, tilt, side
):
    voxels = np.random.default_rng(1).integers(0, 900, (18, 20, 22)).astype(np.int16)
    scan = scan_of(voxels, (1.1, 0.9, 1.4), rotation)
    clip = side.plane(*scan.bounds_lps, 0.4 * side.extent_mm(*scan.bounds_lps))
    beyond = places(scan) @ np.array(side.value) > clip.offset_mm
    assert 0.1 < beyond.mean() < 0.9
    cut = Volume(np.where(beyond, np.int16(-(2**15)), voxels), scan.affine)
    projector, expected = made(prepare_projector(scan)), made(prepare_projector(cut))
    for _ in range(2):  # the second time from what is kept
        ours = projector.project(*axes(turn, tilt), clip)
        np.testing.assert_array_equal(ours.values, expected.project(*axes(turn, tilt)).values)
        lit = projector.surface(*axes(turn, tilt), 450, clip)
        theirs = expected.surface(*axes(turn, tilt), 450)
        np.testing.assert_array_equal(lit.found, theirs.found)
        np.testing.assert_array_equal(lit.shade.values, theirs.shade.values)
    whole = made(prepare_projector(scan)).project(*axes(turn, tilt)).values
    np.testing.assert_array_equal(projector.project(*axes(turn, tilt)).values, whole)


@pytest.mark.parametrize(
    ("side", "outermost"),
    [
        (Side.FRONT, (0, -20, 0)),
        (Side.BACK, (0, 50, 0)),
        (Side.LEFT, (40, 0, 0)),
        (Side.RIGHT, (-10, 0, 0)),
        (Side.TOP, (0, 0, 60)),
        (Side.BOTTOM, (0, 0, -30)),
    ],
)
def test_a_plane_cuts_from_the_side_of_the_patient_that_it_is_named_after(side, outermost):
    low, high = np.array([-10.0, -20.0, -30.0]), np.array([40.0, 50.0, 60.0])
    plane = side.plane(low, high, 7.0)
    assert plane.beyond_mm(np.array(outermost, float)) == pytest.approx(7.0)
    assert side.extent_mm(low, high) == (high - low)[np.abs(side.value).argmax()]


@pytest.mark.parametrize("rotation", [np.eye(3), OBLIQUE], ids=["straight", "oblique"])
@pytest.mark.parametrize(("turn", "tilt"), [(0, 0), (30, 15), (330, -10)])
@pytest.mark.parametrize("depth", [0.35, 0.6])
def test_the_face_of_a_cut_shows_the_values_there_as_scipy_interpolates_them(
    rotation, turn, tilt, depth
):
    # Smooth values, all above the threshold within a ball and below outside of it.
    scan = scan_of(np.zeros((44, 58, 50), np.int16), (1.0, 0.8, 1.2), rotation)
    lps = places(scan)
    values = 900 + 6 * lps @ np.array([1.0, 0.5, -0.7])
    scan.voxels[:] = np.where(np.linalg.norm(lps, axis=-1) < 18, values, 0)
    low, high = scan.bounds_lps
    clip = Side.FRONT.plane(low, high, depth * Side.FRONT.extent_mm(low, high))
    right, down = axes(turn, tilt)
    lit = made(prepare_projector(scan)).surface(right, down, 400, clip)
    row, column = np.nonzero(lit.face)
    u, v = lit.shade.to_screen @ np.stack([column, row, np.ones(len(row))])
    # Where the line of sight through a pixel meets the plane.
    away = np.cross(right, down)
    flat = np.outer(u, right) + np.outer(v, down)
    hit = flat - np.outer(clip.beyond_mm(flat) / (away @ np.array(clip.normal_lps)), away)
    inner = np.linalg.norm(hit, axis=1) < 15
    assert inner.sum() > 200
    expected = ndimage.map_coordinates(
        scan.voxels.astype(float),
        ((hit - scan.affine[:3, 3]) @ np.linalg.inv(scan.affine[:3, :3]).T).T[::-1],
        order=1,
    )
    assert np.abs(lit.face_values - expected)[inner].mean() < 8
    assert np.abs(lit.face_values - expected)[inner].max() < 25
    # The whole disc that the plane cuts out of the ball is a face, and nothing around it.
    seen = np.zeros(lit.face.shape, bool)
    columns, rows = np.meshgrid(*(np.arange(each) for each in lit.face.shape[::-1]))
    u, v = lit.shade.to_screen @ np.stack([columns.ravel(), rows.ravel(), np.ones(rows.size)])
    flat = np.outer(u, right) + np.outer(v, down)
    hit = flat - np.outer(clip.beyond_mm(flat) / (away @ np.array(clip.normal_lps)), away)
    distance = np.linalg.norm(hit, axis=1).reshape(seen.shape)
    assert lit.face[distance < 16].all()
    assert not lit.face[distance > 20].any()


def test_a_plane_that_cuts_nothing_away_changes_nothing_and_has_no_face():
    voxels = np.random.default_rng(2).integers(0, 900, (12, 14, 16)).astype(np.int16)
    scan = scan_of(voxels, (1.0, 1.0, 1.0), OBLIQUE)
    beside = ClipPlane((1.0, 0.0, 0.0), 1000.0)
    projector = made(prepare_projector(scan))
    lit = projector.surface(*axes(20, 10), 100, beside)
    assert not lit.face.any()
    whole = projector.surface(*axes(20, 10), 100)
    np.testing.assert_array_equal(lit.shade.values, whole.shade.values)
    everything = ClipPlane((1.0, 0.0, 0.0), -1000.0)
    assert not projector.surface(*axes(20, 10), 100, everything).found.any()


def test_rays_meet_the_whole_volume_from_ahead_and_miss_the_corners_of_its_picture_from_askew():
    projector = made(prepare_projector(Volume(np.zeros((20, 20, 20), np.int16), np.eye(4))))
    assert projector.met(*axes(0, 0)).all()
    met = projector.met(*axes(40, 30))
    rows, columns = met.shape
    assert met[rows // 2, columns // 2] and not (met[0, 0] and met[0, -1])
