"""Parts of a grid by closed forms, SimpleITK and set algebra: brush, fill, joined, taken away, cleaned up."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk

from fusion3d_gui.imaging.labels import brush
from fusion3d_gui.imaging.labels.brush import (
    Part,
    brushed,
    connected_region,
    joined,
    part_at,
    part_of_mask,
    without,
    without_holes,
)
from fusion3d_gui.imaging.labels.label_map import mask_of
from fusion3d_gui.imaging.labels.scan_object import Mask
from fusion3d_gui.imaging.volume import Volume

SHAPE = 9, 12, 14  # k, j, i


def sheared() -> np.ndarray:
    """Turned, of three voxel sizes, its slices shifted against each other (a tilted gantry)."""
    turn = np.linalg.qr(np.array([[3.0, 1, 0], [-1, 2, 1], [0.5, 0, 3]]))[0]
    made = np.eye(4)
    made[:3, :3] = turn @ np.array([[1.3, 0, 0.0], [0, 1.9, 0.8], [0, 0, 2.6]])
    made[:3, 3] = (-20.0, 11.0, 40.0)
    return made


SCAN = Volume(
    np.random.default_rng(2).integers(0, 50, SHAPE).astype(np.int16),
    sheared(),
    slope=2.0,
    intercept=-10.0,
)


def centers(scan: Volume = SCAN) -> np.ndarray:
    k, j, i = np.indices(scan.shape)
    return scan.to_lps(np.stack([i, j, k], axis=-1))


def whole(part: Part | None, shape=SHAPE) -> np.ndarray:
    full = np.zeros(shape, bool)
    if part is not None:
        assert part.stop == tuple(np.add(part.start, part.inside.shape))
        full[tuple(slice(a, b) for a, b in zip(part.start, part.stop, strict=True))] = part.inside
    return full


def at(i: float, j: float, k: float, scan: Volume = SCAN) -> np.ndarray:
    return scan.to_lps(np.array([i, j, k], float))


CORNERS = [(0, 0, 0), (13, 0, 0), (0, 11, 8), (13, 11, 8), (6.3, 5.2, 3.9), (0, 11, 0)]


@pytest.mark.parametrize("place", CORNERS)
@pytest.mark.parametrize("radius", [2.0, 4.7])
def test_a_round_brush_takes_the_voxels_within_its_radius_up_to_the_edges(place, radius):
    expected = np.linalg.norm(centers() - at(*place), axis=-1) <= radius
    found = brushed(SCAN, at(*place), at(*place), radius)
    np.testing.assert_array_equal(whole(found), expected)


def test_the_radius_itself_is_under_the_brush():
    grid = Volume(np.zeros((5, 5, 5), np.int16), np.diag([2.0, 2.0, 2.0, 1.0]))
    here = np.full(3, 4.0)
    assert whole(brushed(grid, here, here, 2.0), grid.shape).sum() == 7
    assert whole(brushed(grid, here, here, 1.99), grid.shape).sum() == 1
    assert whole(brushed(grid, here + 1, here + 1, 1.0), grid.shape).sum() == 0


@pytest.mark.parametrize("ends", [((1, 2, 1), (12, 9, 7)), ((13, 0, 8), (0, 11, 0))])
def test_a_stroke_takes_the_voxels_near_its_line_and_not_beyond_its_ends(ends):
    start, end = (at(*each) for each in ends)
    away = centers() - start
    along = end - start
    share = np.clip(away @ along / (along @ along), 0, 1)
    expected = np.linalg.norm(away - share[..., None] * along, axis=-1) <= 3.1
    np.testing.assert_array_equal(whole(brushed(SCAN, start, end, 3.1)), expected)


def test_a_brush_takes_only_values_within_its_range_both_ends_included():
    real = SCAN.voxels * 2.0 - 10.0
    near = np.linalg.norm(centers() - at(6, 5, 4), axis=-1) <= 5.0
    low, high = 20.0, 50.0
    assert (real[near] == low).any() and (real[near] == high).any()
    found = brushed(SCAN, at(6, 5, 4), at(6, 5, 4), 5.0, values=(low, high))
    np.testing.assert_array_equal(whole(found), near & (real >= low) & (real <= high))
    assert brushed(SCAN, at(6, 5, 4), at(6, 5, 4), 5.0, values=(500.0, 600.0)) is None


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_flat_brush_takes_one_layer_of_voxels_of_an_upright_grid(axis):
    grid = Volume(np.zeros(SHAPE, np.int16), np.diag([1.5, 2.0, 3.0, 1.0]))
    place = at(6, 5, 4, grid)
    size = (1.5, 2.0, 3.0)[axis]
    for shift, layer in (
        (-0.49, 0),
        (0.0, 0),
        (0.49, 0),
        (0.51, 1),
        (-0.51, -1),
        (-0.5, 0),
        (0.5, 1),
    ):
        here = place.copy()
        here[axis] += shift * size
        normal = 4.0 * np.eye(3)[axis]
        away = centers(grid) - here
        flat = np.delete(away, axis, axis=-1)
        expected = np.linalg.norm(flat, axis=-1) <= 5.0
        index = np.indices(SHAPE)[2 - axis]
        expected &= index == (6, 5, 4)[axis] + layer
        np.testing.assert_array_equal(
            whole(brushed(grid, here, here, 5.0, normal), SHAPE), expected
        )


def test_a_flat_brush_on_an_oblique_plane_by_its_closed_form():
    normal = np.array([1.0, 2.0, -0.5])
    unit = normal / np.linalg.norm(normal)
    start, end = at(4, 4, 3), at(9, 8, 5)
    depth = (centers() - start) @ unit
    half = 0.5 * max(abs(float(unit @ SCAN.affine[:3, axis])) for axis in range(3))
    along = end - start
    away = centers() - start
    away = away - np.clip(away @ along / (along @ along), 0, 1)[..., None] * along
    flat = away - (away @ unit)[..., None] * unit
    expected = (depth > -half) & (depth <= half) & (np.linalg.norm(flat, axis=-1) <= 4.0)
    assert expected.sum() > 10
    np.testing.assert_array_equal(whole(brushed(SCAN, start, end, 4.0, normal)), expected)


@pytest.mark.parametrize(
    "place", [(-9, 5, 4), (6, -9, 4), (6, 5, -9), (23, 5, 4), (6, 21, 4), (6, 5, 18)]
)
def test_a_brush_beside_the_scan_takes_nothing(place):
    assert brushed(SCAN, at(*place), at(*place), 3.0) is None
    assert connected_region(SCAN, at(*place), 3.0, (-1e9, 1e9)) is None


# -- fills ------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", [(6, 5, 4), (0, 0, 0), (13, 11, 8), (13, 0, 8), (0, 11, 0)])
def test_a_fill_takes_what_simpleitk_finds_connected_by_faces(seed):
    voxels = SCAN.voxels.copy()
    voxels[seed[::-1]] = 20
    scan = Volume(voxels, SCAN.affine, slope=2.0, intercept=-10.0)
    low, high, reach = 4.0, 70.0, 9.3
    near = np.linalg.norm(centers(scan) - at(*seed), axis=-1) <= reach
    real = np.where(near, voxels * 2.0 - 10.0, -1000.0)
    expected = sitk.GetArrayFromImage(
        sitk.ConnectedThreshold(sitk.GetImageFromArray(real), [list(seed)], lower=low, upper=high)
    )
    assert 1 < expected.sum() < near.sum()
    found = connected_region(scan, at(*seed), reach, (low, high))
    np.testing.assert_array_equal(whole(found), expected > 0)


def test_a_fill_starts_in_the_voxel_that_holds_the_place():
    voxels = np.zeros(SHAPE, np.int16)
    voxels[3, 4, 5] = 9
    scan = Volume(voxels, SCAN.affine)
    for shift in ((0.49, 0.49, 0.49), (-0.49, -0.49, -0.49), (-0.5, -0.49, 0.3)):
        place = at(*np.add((5, 4, 3), shift))
        assert np.argwhere(whole(connected_region(scan, place, 6.0, (9, 9)))).tolist() == [
            [3, 4, 5]
        ]
    for shift in ((0.51, 0, 0), (0, -0.51, 0), (0, 0, 0.51)):
        assert connected_region(scan, at(*np.add((5, 4, 3), shift)), 6.0, (9, 9)) is None


def test_a_fill_from_a_place_without_the_values_or_outside_is_none():
    assert connected_region(SCAN, at(6, 5, 4), 5.0, (1000.0, 2000.0)) is None
    assert connected_region(SCAN, at(-0.7, 5, 4), 5.0, (-1e9, 1e9)) is None
    assert connected_region(SCAN, at(13.7, 5, 4), 5.0, (-1e9, 1e9)) is None


def test_a_reach_of_too_many_voxels_is_refused(monkeypatch):
    grid = Volume(np.zeros((5, 5, 5), np.int16), np.eye(4))
    monkeypatch.setattr(brush, "_MOST_VOXELS", 125)
    assert connected_region(grid, np.full(3, 2.0), 50.0, (0, 0)).inside.all()
    monkeypatch.setattr(brush, "_MOST_VOXELS", 124)
    with pytest.raises(ValueError, match=r"^the reach holds too many voxels$"):
        connected_region(grid, np.full(3, 2.0), 50.0, (0, 0))


# -- masks ------------------------------------------------------------------------------------


def drawn(inside: np.ndarray, name: str = "own", color: str = "#010203") -> Mask:
    mask = mask_of(name, inside, np.zeros(3, int), SCAN, color=color)
    return Mask(mask.name, mask.grid, mask.color, 77.0)


def noise(seed: int, box=(slice(1, 7), slice(2, 9), slice(3, 12))) -> np.ndarray:
    full = np.zeros(SHAPE, bool)
    full[box] = np.random.default_rng(seed).random(full[box].shape) < 0.5
    return full


def as_part(full: np.ndarray, start=(0, 0, 0), stop=SHAPE) -> Part:
    return Part(tuple(start), full[tuple(slice(a, b) for a, b in zip(start, stop, strict=True))])


def test_a_mask_is_a_part_of_the_scan():
    full = noise(1)
    part = part_of_mask(drawn(full), SCAN)
    assert part.start == tuple(np.argwhere(full).min(axis=0))
    np.testing.assert_array_equal(whole(part), full)


@pytest.mark.parametrize(
    ("start", "stop"), [((0, 0, 0), SHAPE), ((0, 5, 1), (4, 12, 8)), ((7, 9, 12), (9, 12, 14))]
)
def test_parts_are_joined_to_a_mask_and_taken_from_it(start, stop):
    own, other = noise(1), noise(2, tuple(map(slice, start, stop)))
    mask, part = drawn(own), as_part(other, start, stop)
    more = joined(mask, part, SCAN, "new", "#FFFFFF")
    np.testing.assert_array_equal(whole(part_of_mask(more, SCAN)), own | other)
    assert (more.name, more.color, more.stored_ml) == ("own", "#010203", None)
    less = without(mask, part, SCAN)
    np.testing.assert_array_equal(whole(part_of_mask(less, SCAN)), own & ~other)
    np.testing.assert_array_equal(whole(part_of_mask(mask, SCAN)), own)
    assert (less.name, less.color) == ("own", "#010203")


def test_a_first_part_makes_a_mask_of_the_given_name():
    other = noise(2)
    made = joined(None, as_part(other, (1, 2, 3), (7, 9, 12)), SCAN, "new", "#FFFFFF")
    assert (made.name, made.color) == ("new", "#FFFFFF")
    np.testing.assert_array_equal(whole(part_of_mask(made, SCAN)), other)
    assert joined(None, Part((0, 0, 0), np.zeros((2, 2, 2), bool)), SCAN, "new") is None


def test_what_does_not_touch_a_mask_leaves_it_as_it_is():
    full = np.zeros(SHAPE, bool)
    full[2:5, 3:6, 4:8] = True
    mask = drawn(full)
    one = np.ones((1, 1, 1), bool)
    for beside in ((1, 3, 4), (5, 3, 4), (2, 2, 4), (2, 6, 4), (2, 3, 3), (2, 3, 8)):
        assert without(mask, Part(beside, one), SCAN) is mask
    assert without(mask, Part((0, 0, 0), np.ones(SHAPE, bool)), SCAN) is None
    for corner in ((2, 3, 4), (4, 5, 7)):
        less = without(mask, Part(corner, one), SCAN)
        assert full.sum() - whole(part_of_mask(less, SCAN)).sum() == 1
        assert not whole(part_of_mask(less, SCAN))[corner]


def test_enclosed_holes_are_filled_as_simpleitk_does():
    full = np.zeros(SHAPE, bool)
    full[1:8, 2:10, 3:12] = True
    full[3:5, 4:6, 5:7] = False  # enclosed
    full[1:3, 8, 9] = False  # open at one side
    filled = without_holes(drawn(full), SCAN)
    expected = sitk.GetArrayFromImage(
        sitk.BinaryFillhole(sitk.GetImageFromArray(full.astype(np.uint8)))
    )
    assert expected.sum() == full.sum() + 8
    np.testing.assert_array_equal(whole(part_of_mask(filled, SCAN)), expected > 0)
    assert (filled.name, filled.color, filled.stored_ml) == ("own", "#010203", None)


def test_one_part_of_a_mask_is_kept():
    small, large = np.zeros(SHAPE, bool), np.zeros(SHAPE, bool)
    small[1, 2, 3:5] = True
    large[5:7, 6:9, 8:11] = True
    third = np.zeros(SHAPE, bool)
    third[2, 3, 5] = True  # touches the first by an edge only
    mask = drawn(small | large | third)

    def kept(place) -> np.ndarray:
        part = part_at(mask, SCAN, at(*place))
        assert (part.name, part.color, part.stored_ml) == ("own", "#010203", None)
        return whole(part_of_mask(part, SCAN))

    np.testing.assert_array_equal(kept((4, 2, 1)), small)
    np.testing.assert_array_equal(kept((9, 7, 6)), large)
    np.testing.assert_array_equal(kept((5.4, 2.6, 2.4)), third)
    np.testing.assert_array_equal(kept((7, 4, 3)), large)  # in the box, in no part: the largest
    np.testing.assert_array_equal(kept((0, 0, 0)), large)  # outside the box
    alone = drawn(large)
    assert part_at(alone, SCAN, at(4, 2, 1)) is alone


def test_thirty_million_voxels_are_the_most_that_a_fill_looks_at():
    grid = Volume(np.zeros((1, 1, 30_000_001), np.int8), np.eye(4))
    with pytest.raises(ValueError, match="too many voxels"):
        connected_region(grid, np.zeros(3), 4e7, (0, 0))
