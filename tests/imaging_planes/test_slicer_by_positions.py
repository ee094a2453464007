"""Every pixel of a cut by the patient position of its centre: aligned volumes of all orders, slabs, oblique volumes."""

from __future__ import annotations

from itertools import permutations, product

import numpy as np
import pytest
from scipy.ndimage import map_coordinates

from fusion3d_gui.imaging.plane import AXIAL, ORIENTATIONS, Orientation, Rect
from fusion3d_gui.imaging.reslice.sampling import Interpolation
from fusion3d_gui.imaging.reslice.slab import Projection, Slab
from fusion3d_gui.imaging.reslice.slicer import (
    SamplingOptions,
    Slice,
    Slicer,
    transform_volume,
)
from fusion3d_gui.imaging.volume import Volume

SHAPE = 5, 6, 7  # k, j, i
SIZES = np.array([1.5, 2.0, 3.5])
VALUES = np.random.default_rng(0).integers(0, 10_000, SHAPE).astype(np.int16)
HOW = {Projection.MAXIMUM: np.max, Projection.MINIMUM: np.min, Projection.MEAN: np.mean}


def aligned(order, signs) -> Volume:
    affine = np.eye(4)
    affine[:3, :3] = np.eye(3)[list(order)].T * (SIZES * signs)
    affine[:3, 3] = (10.0, -20.0, 30.0)
    return Volume(VALUES, affine)


def pixel_positions(piece: Slice, orientation: Orientation) -> np.ndarray:
    """LPS mm of every pixel's centre, ``[row, column, 3]``."""
    rows, columns = piece.values.shape
    u = piece.rect.left + (np.arange(columns) + 0.5) * piece.rect.width / columns
    v = piece.rect.top + (np.arange(rows) + 0.5) * piece.rect.height / rows
    made = np.empty((rows, columns, 3))
    made[..., orientation.right] = u * orientation.right_sign
    made[..., orientation.down] = (v * orientation.down_sign)[:, None]
    made[..., orientation.depth] = piece.depth_mm
    return made


def depth_axis(volume: Volume, orientation: Orientation) -> int:
    return int(np.abs(volume.affine[orientation.depth, :3]).argmax())


def expected_slab(
    volume: Volume, piece: Slice, orientation: Orientation, half: int, how
) -> np.ndarray:
    index = volume.to_index(pixel_positions(piece, orientation))
    assert np.abs(index - np.rint(index)).max() < 1e-9
    index = np.rint(index).astype(int)
    axis = depth_axis(volume, orientation)
    planes = []
    for step in range(-half, half + 1):
        moved = index.copy()
        moved[..., axis] += step
        if 0 <= moved[0, 0, axis] < volume.shape[2 - axis]:
            planes.append(volume.voxels[moved[..., 2], moved[..., 1], moved[..., 0]])
    return how(np.stack(planes), axis=0)


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_cuts_of_aligned_volumes_show_the_voxels_at_their_place(order):
    for signs, base in product(product((1, -1), repeat=3), ORIENTATIONS):
        volume = aligned(order, signs)
        slicer = Slicer(volume)
        assert slicer.is_aligned and slicer.snaps
        for orientation in (base, base.flipped(), base.rotated()):
            low, high = (each[orientation.depth] for each in volume.bounds_lps)
            size = volume.shape[2 - depth_axis(volume, orientation)]
            assert slicer.count(orientation) == size
            pitch = slicer.pitch_mm(orientation)
            assert pitch == pytest.approx((high - low) / size)
            number = size // 2
            depth = low + (number + 0.5) * pitch
            assert slicer.depth_of(orientation, number) == pytest.approx(depth)
            piece = slicer.cut(orientation, depth + 0.4 * pitch)
            assert piece.depth_mm == pytest.approx(depth)
            np.testing.assert_array_equal(
                piece.values, expected_slab(volume, piece, orientation, 0, np.max)
            )
            corners = [orientation.to_screen(each) for each in volume.bounds_lps]
            left, top = np.min(corners, axis=0)
            right, bottom = np.max(corners, axis=0)
            assert piece.rect == Rect(left, top, right - left, bottom - top)


@pytest.mark.parametrize("projection", list(Projection))
@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1), (1, 2, 0)])
@pytest.mark.parametrize("slope", [1.0, -2.0])
def test_slabs_of_aligned_volumes_project_the_voxels_of_whole_planes(projection, order, slope):
    base = aligned(order, (1, -1, 1))
    volume = Volume(base.voxels, base.affine, slope=slope)
    slicer = Slicer(volume)
    how = HOW[projection]
    if slope < 0 and projection is not Projection.MEAN:  # of stored values the other one
        how = np.min if projection is Projection.MAXIMUM else np.max
    for orientation in ORIENTATIONS:
        pitch = slicer.pitch_mm(orientation)
        for thickness, half in ((1.9, 0), (2.0, 1), (2.1, 1), (3.9, 1), (4.0, 2), (99.0, 49)):
            slab = Slab(thickness * pitch, projection)
            assert slicer.thickness_mm(orientation, slab) == pytest.approx((2 * half + 1) * pitch)
            for number in range(slicer.count(orientation)):
                piece = slicer.cut(orientation, slicer.depth_of(orientation, number), slab)
                expected = expected_slab(volume, piece, orientation, half, how)
                np.testing.assert_allclose(piece.values, expected, rtol=1e-6)


def test_a_slab_has_at_most_five_hundred_and_thirteen_planes():
    slicer = Slicer(aligned((0, 1, 2), (1, 1, 1)))
    assert slicer.thickness_mm(AXIAL, Slab(1e6)) == pytest.approx(513 * 3.5)


def test_planes_are_numbered_along_the_coordinate_and_clamped():
    for signs in ((1, 1, 1), (-1, -1, -1)):
        volume = aligned((0, 1, 2), signs)
        slicer = Slicer(volume)
        low, high = volume.bounds_lps[0][2], volume.bounds_lps[1][2]
        assert [slicer.index_at(AXIAL, low + 3.5 * n + 0.01) for n in range(5)] == [0, 1, 2, 3, 4]
        assert [slicer.index_at(AXIAL, low + 3.5 * n - 0.01) for n in range(1, 6)] == [
            0,
            1,
            2,
            3,
            4,
        ]
        assert (slicer.index_at(AXIAL, low - 99), slicer.index_at(AXIAL, high + 99)) == (0, 4)
        assert slicer.depth_of(AXIAL, -3) == slicer.depth_of(AXIAL, 0) == pytest.approx(low + 1.75)
        assert slicer.depth_of(AXIAL, 9) == slicer.depth_of(AXIAL, 4) == pytest.approx(high - 1.75)
        assert slicer.step_depth(AXIAL, low + 1.8, 2) == pytest.approx(low + 8.75)
        assert slicer.step_depth(AXIAL, low + 1.8, -2) == pytest.approx(low + 1.75)
        voxels = [slicer.voxel_index(AXIAL, low + 3.5 * n + 1) for n in range(-1, 7)]
        numbers = [0, 0, 1, 2, 3, 4, 4, 4]
        assert voxels == (numbers if signs[2] > 0 else [4 - n for n in numbers])


# -- oblique ------------------------------------------------------------------------------------


def oblique() -> Volume:
    turn = np.linalg.qr(np.array([[3.0, 1, 0.4], [-1, 2, 1], [0.5, 0.3, 3]]))[0]
    affine = np.eye(4)
    affine[:3, :3] = turn @ np.diag(SIZES)
    affine[:3, 3] = (10.0, -20.0, 30.0)
    return Volume(VALUES, affine)


def sampled(volume: Volume, positions: np.ndarray) -> np.ndarray:
    """Linear by scipy, NaN outside."""
    index = volume.to_index(positions)
    size = np.array(volume.shape[::-1])
    inside = ((index >= -0.5) & (index <= size - 0.5)).all(axis=-1)
    clamped = np.moveaxis(np.clip(index, 0, size - 1)[..., ::-1], -1, 0)
    values = map_coordinates(volume.voxels.astype(float), clamped, order=1)
    return np.where(inside, values, np.nan)


def last(slicer: Slicer, orientation: Orientation, depth: float, slab: Slab, **options) -> Slice:
    *_, piece = slicer.cut_gradually(orientation, depth, slab, SamplingOptions(**options))
    return piece


@pytest.mark.parametrize("orientation", ORIENTATIONS)
@pytest.mark.parametrize("thickness", [0.0, 6.0])
@pytest.mark.parametrize("projection", list(Projection))
def test_cuts_of_oblique_volumes_are_as_scipy_samples_their_planes(
    orientation, thickness, projection
):
    volume = oblique()
    slicer = Slicer(volume, snaps=False)
    assert not slicer.is_aligned and not slicer.snaps
    low, high = volume.bounds_lps
    depth = float(low[orientation.depth] * 0.45 + high[orientation.depth] * 0.55)
    piece = last(slicer, orientation, depth, Slab(thickness, projection), pixel_mm=1.0)
    assert piece.depth_mm == round(depth, 6)
    width, height = (np.abs(orientation.to_screen(high - low))).tolist()
    assert (piece.rect.width, piece.rect.height) == pytest.approx((width, height))
    assert piece.values.shape == (round(height), round(width))
    pitch = max(slicer.pitch_mm(orientation), 1.0)
    half = int(thickness / pitch / 2 + 1e-6)
    positions = pixel_positions(piece, orientation)
    planes = []
    for step in range(-half, half + 1):
        moved = positions.copy()
        moved[..., orientation.depth] += step * pitch
        planes.append(sampled(volume, moved))
    stacked = np.stack(planes)
    with np.errstate(all="ignore"):
        how = {
            Projection.MAXIMUM: np.nanmax,
            Projection.MINIMUM: np.nanmin,
            Projection.MEAN: np.nanmean,
        }
        expected = how[projection](np.where(np.isnan(stacked).all(axis=0), 0, stacked), axis=0)
    expected[np.isnan(stacked).all(axis=0)] = np.nan
    differ = np.isnan(expected) != np.isnan(piece.values)
    assert differ.mean() < 0.02  # on the surface rounding decides
    both = ~np.isnan(expected) & ~np.isnan(piece.values)
    assert both.sum() > 50
    close = np.abs(piece.values - expected)[both] < 3.0
    assert close.mean() > (0.999 if not half else 0.95)


def test_planes_of_oblique_volumes_are_as_many_as_their_nearest_voxel_axis_has():
    volume = oblique()
    slicer = Slicer(volume)
    low, high = volume.bounds_lps
    for orientation in ORIENTATIONS:
        axis = int(np.abs((volume.affine[:3, :3] / SIZES)[orientation.depth]).argmax())
        extent = high[orientation.depth] - low[orientation.depth]
        assert slicer.count(orientation) == round(extent / SIZES[axis])
        assert slicer.voxel_index(orientation, 0.0) is None
        number = slicer.count(orientation) // 2
        depth = slicer.depth_of(orientation, number)
        assert slicer.nearest_depth(orientation, depth + 0.3) == depth
        assert slicer.step_depth(orientation, depth + 0.3, 1) == slicer.depth_of(
            orientation, number + 1
        )
    free = Slicer(volume, snaps=False)
    depth = float(volume.center_lps[2])
    assert free.nearest_depth(AXIAL, depth + 1.23) == round(depth + 1.23, 6)
    assert free.step_depth(AXIAL, depth, 2) == pytest.approx(depth + 2 * free.pitch_mm(AXIAL))
    assert free.nearest_depth(AXIAL, -1e6) == round(float(low[2]), 6)
    assert free.nearest_depth(AXIAL, 1e6) == round(float(high[2]), 6)


def test_pixels_are_as_asked_but_no_finer_than_half_a_voxel():
    slicer = Slicer(oblique(), snaps=False)
    depth = float(slicer.volume.center_lps[2])
    rect = slicer.rect(AXIAL)
    whole = slicer.cut(AXIAL, depth)
    finest = max(0.75, max(rect.width, rect.height) / 512)
    assert whole.values.shape == (round(rect.height / finest), round(rect.width / finest))
    fine = last(slicer, AXIAL, depth, Slab(), pixel_mm=0.01)
    assert fine.values.shape == (round(rect.height / 0.75), round(rect.width / 0.75))
    coarse = last(slicer, AXIAL, depth, Slab(), pixel_mm=2.0)
    assert coarse.values.shape == (round(rect.height / 2), round(rect.width / 2))
    part = Rect(rect.left + 2, rect.top + 3, 5.0, 4.0)
    within = last(slicer, AXIAL, depth, Slab(), pixel_mm=1.0, within=part)
    assert within.rect == part and within.values.shape == (4, 5)
    expected = sampled(slicer.volume, pixel_positions(within, AXIAL))
    both = ~np.isnan(expected) & ~np.isnan(within.values)
    np.testing.assert_allclose(within.values[both], expected[both], atol=3)
    tiny = Rect(rect.left + 2, rect.top + 3, 0.1, 0.2)
    assert last(slicer, AXIAL, depth, Slab(), pixel_mm=1.0, within=tiny).values.shape == (1, 1)


def test_slabs_are_never_cubic_and_a_plane_is_in_the_way_that_was_asked_for():
    slicer = Slicer(oblique(), snaps=False)
    depth = float(slicer.volume.center_lps[2])
    thick = Slab(8.0, Projection.MEAN)
    cubic, linear, nearest = (
        [
            last(slicer, AXIAL, depth, slab, pixel_mm=1.0, interpolation=how).values
            for slab in (Slab(), thick)
        ]
        for how in (Interpolation.CUBIC, Interpolation.LINEAR, Interpolation.NEAREST)
    )
    np.testing.assert_array_equal(cubic[1], linear[1])
    for one, other in ((cubic[0], linear[0]), (linear[0], nearest[0]), (linear[1], nearest[1])):
        assert np.nanmax(np.abs(one - other)) > 10
    assert set(nearest[0][np.isfinite(nearest[0])]) <= set(VALUES.ravel())


def test_a_large_cubic_plane_comes_block_by_block_and_is_the_same_as_in_one():
    volume = Volume(VALUES, oblique().affine @ np.diag([8.0, 8.0, 8.0, 1.0]))
    slicer = Slicer(volume, snaps=False)
    depth = float(volume.center_lps[2])
    options = SamplingOptions(interpolation=Interpolation.CUBIC)
    pieces = list(slicer.cut_gradually(AXIAL, depth, Slab(), options))
    rows, columns = pieces[-1].values.shape
    block = 32_768 // columns
    assert len(pieces) == -(-rows // block)
    whole = pieces[-1].values
    positions = pixel_positions(pieces[-1], AXIAL)
    linear = sampled(volume, positions)
    both = ~np.isnan(whole) & ~np.isnan(linear)
    assert (np.isnan(whole) != np.isnan(linear)).mean() < 0.01
    assert np.corrcoef(whole[both], linear[both])[0, 1] > 0.95


def test_rows_are_made_contiguous_only_where_they_are_not():
    values = np.arange(12, dtype=np.int16).reshape(3, 4)
    rect = Rect(0.0, 0.0, 4.0, 3.0)
    for kept in (values, values[::-1], values[:, ::-1]):
        piece = Slice(kept, rect, 0.0)
        assert piece.with_contiguous_rows() is piece
    made = Slice(values.T, rect, 0.0).with_contiguous_rows()
    assert made.values.flags.c_contiguous
    np.testing.assert_array_equal(made.values, values.T)


def test_the_identity_leaves_a_volume_and_another_transform_moves_it():
    volume = oblique()
    assert transform_volume(volume, np.eye(4)) is volume
    matrix = np.eye(4)
    matrix[:3, 3] = (1, 2, 3)
    moved = transform_volume(volume, matrix)
    np.testing.assert_allclose(moved.affine, matrix @ volume.affine)
    assert moved.voxels is volume.voxels
