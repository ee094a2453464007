"""Where a mask's grid lies against the scan's, to the millimetre at which the answer changes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fusion3d_gui.errors import UserError
from fusion3d_gui.imaging.labels.mask_position import (
    MIRRORED,
    OPPOSITE_ORDER,
    SAME_VOXELS,
    check_position,
    side_notice,
)
from fusion3d_gui.imaging.volume import Volume

SHAPE = 5, 4, 6  # k, j, i
SIZES = 2.0, 3.0, 4.0


def grid(origin=(-12.0, 5.0, 7.0), sizes=SIZES, shape=SHAPE, turn=None) -> Volume:
    made = np.eye(4)
    made[:3, :3] = (np.eye(3) if turn is None else turn) @ np.diag(sizes)
    made[:3, 3] = origin
    return Volume(np.ones(shape, np.uint8), made)


SCAN = grid()  # reaches from (-13, 3.5, 5) to (-1, 15.5, 25)


def is_beside(volume: Volume) -> str:
    with pytest.raises(UserError) as raised:
        check_position(volume, SCAN, Path("m.nii"))
    assert raised.value.remedy == "Open the scan on which it was drawn."
    return str(raised.value)


@pytest.mark.parametrize(
    ("origin", "apart"),
    [
        ((100.0, 5.0, 7.0), 100),
        ((-124.0, 5.0, 7.0), 100),
        ((-12.0, 57.0, 7.0), 40),
        ((-12.0, -57.0, 7.0), 50),
        ((-12.0, 5.0, 37.0), 10),
        ((-12.0, 5.0, -63.0), 50),
        ((0.0, 5.0, 7.0), 0),
        ((10.0, 67.0, 37.0), 50),
    ],
)
def test_a_mask_beside_the_scan_is_refused_with_the_gap(origin, apart):
    assert is_beside(grid(origin)).startswith(
        f"m.nii: lies beside the scan: the two are {apart} mm apart."
    )


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("side", [-1, 1])
def test_a_mask_that_reaches_into_the_scan_is_taken(axis, side):
    origin = np.array([-12.0, 5.0, 7.0])
    origin[axis] += side * (SIZES[axis] * SHAPE[2 - axis] - 0.1)
    check_position(grid(origin), SCAN, Path("m.nii"))
    origin[axis] += side * 0.2
    is_beside(grid(origin))


def changed(change) -> Volume:
    return Volume(SCAN.voxels, np.array(change, float) @ SCAN.affine)


def steps_turned(axis: int, origin=None) -> np.ndarray:
    """The scan's affine with the steps along an axis the other way."""
    made = SCAN.affine.copy()
    made[:3, axis] *= -1
    if origin is not None:
        made[:3, 3] = origin
    return made


#: Just within and just beyond half of the smallest voxel size.
WITHIN, BEYOND = 0.99, 1.01


@pytest.mark.parametrize("direction", [(1, 0, 0), (0, -1, 0), (0, 0, 1)])
def test_a_mirror_image_is_known_to_half_a_voxel(direction):
    for signs in ((-1, 1, 1), (-1, -1, 1)):
        mirrored = np.diag([*map(float, signs), 1.0]) @ SCAN.affine
        for share, expected in ((WITHIN, MIRRORED), (BEYOND, SAME_VOXELS)):
            made = mirrored.copy()
            made[:3, 3] += share * np.array(direction)
            assert side_notice(Volume(SCAN.voxels, made), SCAN) == expected


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("anchor", ["first", "last"])
def test_every_corner_of_a_mirror_image_counts(axis, anchor):
    """Stretched along an axis, so that its last or its first voxel departs and the other stays."""
    count = SHAPE[2 - axis] - 1
    mirrored = np.diag([-1.0, 1, 1, 1]) @ SCAN.affine
    for share, expected in ((WITHIN, MIRRORED), (BEYOND, SAME_VOXELS)):
        made = mirrored.copy()
        step = made[:3, axis] / np.linalg.norm(made[:3, axis])
        made[:3, axis] += step * share / count
        if anchor == "last":
            made[:3, 3] -= step * share
        assert side_notice(Volume(SCAN.voxels, made), SCAN) == expected


def test_a_grid_mirrored_at_its_first_voxel_is_a_mirror_image():
    assert side_notice(Volume(SCAN.voxels, steps_turned(0)), SCAN) == MIRRORED


def test_the_same_box_stored_from_the_other_side_is_in_the_opposite_order():
    last = SCAN.to_lps(np.array([5.0, 0, 0]))
    for share, expected in ((WITHIN, OPPOSITE_ORDER), (BEYOND, SAME_VOXELS)):
        made = steps_turned(0, last + (0, 0, share))
        assert side_notice(Volume(SCAN.voxels, made), SCAN) == expected
    beside = steps_turned(0, SCAN.to_lps(np.array([4.0, 0, 0])))
    assert side_notice(Volume(SCAN.voxels, beside), SCAN) == SAME_VOXELS


def test_left_and_right_may_run_along_another_axis_of_the_voxels():
    """Slices are sagittal: the third axis of the voxels leads from right to left."""
    turn = np.array([[0.0, 0, 1], [1, 0, 0], [0, 1, 0]])
    scan = grid(turn=turn)
    made = scan.affine.copy()
    made[:3, 2] *= -1
    assert side_notice(Volume(scan.voxels, made), scan) == MIRRORED
    made[:3, 3] = scan.to_lps(np.array([0, 0, 4.0]))
    assert side_notice(Volume(scan.voxels, made), scan) == OPPOSITE_ORDER
    other = scan.affine.copy()  # superior and inferior: no matter of sides, and the same box
    other[:3, 1] *= -1
    other[:3, 3] = scan.to_lps(np.array([0, 3.0, 0]))
    assert side_notice(Volume(scan.voxels, other), scan) == ""


def test_the_axis_of_left_and_right_is_found_whatever_the_voxel_sizes():
    """An axis of long steps leans to the left by more millimetres than that which leads there."""
    angle = np.deg2rad(30)
    turn = np.array(
        [[np.cos(angle), 0, np.sin(angle)], [0, 1, 0], [-np.sin(angle), 0, np.cos(angle)]]
    )
    scan = grid(sizes=(1.0, 1.0, 5.0), turn=turn)
    made = scan.affine.copy()
    made[:3, 0] *= -1
    made[:3, 3] = scan.to_lps(np.array([5.0, 0, 0]))
    assert side_notice(Volume(scan.voxels, made), scan) == OPPOSITE_ORDER


def test_a_grid_of_another_shape_or_the_same_grid_is_no_matter():
    assert side_notice(grid(shape=(5, 4, 7)), SCAN) == ""
    assert side_notice(grid(), SCAN) == ""
    assert side_notice(grid((-11.99, 5.0, 7.0)), SCAN) == ""


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_as_many_voxels_at_another_place_are_told_beyond_half_a_voxel(axis):
    for share, expected in ((WITHIN, ""), (BEYOND, SAME_VOXELS)):
        for sign in (-1, 1):
            origin = np.array([-12.0, 5.0, 7.0])
            origin[axis] += sign * share
            assert side_notice(grid(origin), SCAN) == expected
