"""Label maps in memory: which values are labels, when two grids are one, and regions on another grid by SimpleITK."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk

from fusion3d_gui.imaging.labels.label_map import (
    Label,
    LabelMap,
    is_same_grid,
    label_map_of,
    mask_of,
    masks_on,
    moved_onto,
)
from fusion3d_gui.imaging.labels.scan_object import Mask
from fusion3d_gui.imaging.volume import Volume

SIZES = np.array([1.5, 2.0, 3.5])


def turned(angle: float) -> np.ndarray:
    axis = np.array([2.0, -1.0, 3.0]) / np.sqrt(14)
    cross = np.cross(np.eye(3), axis)
    return np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross


def affine(sizes=SIZES, origin=(12.0, -30.0, 7.0), angle=0.5) -> np.ndarray:
    made = np.eye(4)
    made[:3, :3] = turned(angle) @ np.diag(sizes)
    made[:3, 3] = origin
    return made


def numbers(values, dtype=np.int16, slope=1.0, intercept=0.0) -> Volume:
    """A volume of one row for each value, in slices of their own."""
    return Volume(
        np.array(values, dtype).reshape(-1, 1, 1), affine(), slope=slope, intercept=intercept
    )


def labels_of(volume: Volume) -> list[int]:
    return [each.number for each in label_map_of(volume).labels]


def test_labels_are_the_numbers_above_zero_ascending_with_the_names_that_are_known():
    known = (Label(7, "Seven", "#112233"), Label(5, "Five"))
    found = label_map_of(numbers([0, 9, 7, 0, 3, 9], np.uint8), known)
    assert found.labels == (Label(3, "Label 3"), Label(7, "Seven", "#112233"), Label(9, "Label 9"))


@pytest.mark.parametrize(
    ("largest", "kind"), [(255, np.uint8), (256, np.uint16), (65_535, np.uint16)]
)
def test_labels_are_kept_in_as_few_bytes_as_the_largest_needs(largest, kind):
    found = label_map_of(numbers([0, largest, 1], np.int32))
    assert found.grid.voxels.dtype == kind
    assert found.grid.voxels.ravel().tolist() == [0, largest, 1]


def test_voxels_that_are_labels_already_are_not_copied():
    volume = numbers([0, 1, 2], np.uint8)
    found = label_map_of(volume).grid
    assert found.voxels is volume.voxels
    assert (found.slope, found.intercept) == (1.0, 0.0)


@pytest.mark.parametrize(
    ("values", "dtype", "slope", "intercept", "expected"),
    [
        ([0, 1, 2, 4], np.int16, 3.0, 0.0, [0, 3, 6, 12]),
        ([3, 5, 4], np.uint8, 1.0, -3.0, [0, 2, 1]),
        ([2, 4, 10], np.int16, 0.5, -1.0, [0, 1, 4]),
        ([0, 2, 4], np.float32, 0.5, 0.0, [0, 1, 2]),
        ([0.5, 2.5, 1.5], np.float32, 1.0, -0.5, [0, 2, 1]),
        ([1.0, 3.0], np.float64, 1.0, 0.0, [1, 3]),
    ],
)
def test_labels_are_real_values(values, dtype, slope, intercept, expected):
    found = label_map_of(numbers(values, dtype, slope, intercept))
    assert found.grid.voxels.ravel().tolist() == expected
    assert (found.grid.slope, found.grid.intercept) == (1.0, 0.0)
    assert [each.number for each in found.labels] == sorted(set(expected) - {0})


@pytest.mark.parametrize(
    ("volume", "message"),
    [
        (numbers([0, 1, np.nan], float), "it holds values that are no whole numbers, so that"),
        (numbers([0, np.inf, 1], float), "it holds values that are no whole numbers, so that"),
        (numbers([0, 1.5], float), "it holds values that are no whole numbers, so that"),
        (numbers([0, 1, 3], np.int16, 0.5), "it holds values that are no whole numbers, so that"),
        (numbers([0, 0], np.uint8), "it is empty: no voxel has a label"),
        (numbers([0, 0], np.float32), "it is empty: no voxel has a label"),
        (numbers([5, 5], np.uint8, 1.0, -5.0), "it is empty: no voxel has a label"),
        (numbers([0, -3, 8]), "it holds the value -3, which is no label"),
        (numbers([1, -1]), "it holds the value -1, which is no label"),
        (numbers([0, 2, 65_536], np.int32), "it holds the value 65536, which is no label"),
        (numbers([0, -2, 70_000], np.int32), "it holds the value -2, which is no label"),
    ],
)
def test_values_that_are_no_labels_are_told(volume, message):
    with pytest.raises(ValueError, match="^" + message):
        label_map_of(volume)


def test_four_hundred_labels_and_the_background_are_the_most():
    assert len(labels_of(numbers(range(401)))) == 400
    with pytest.raises(ValueError, match=r"^it holds more than 400 different values: it is a scan"):
        label_map_of(numbers(range(402)))


def test_labels_of_other_types_are_refused():
    with pytest.raises(ValueError, match="labels are uint8 or uint16"):
        LabelMap(numbers([0, 1], np.int16), (Label(1, "One"),))


# -- the same grid ------------------------------------------------------------------------------

SHAPE = 5, 3, 4  # k, j, i


def volume_of(made: np.ndarray, shape=SHAPE) -> Volume:
    return Volume(np.ones(shape, np.uint8), made)


def drifted(axis: int, share: float, anchor: str) -> np.ndarray:
    """The grid stretched along an axis, so that its one end departs by a share of a voxel and the other stays."""
    count = SHAPE[2 - axis] - 1
    change = np.eye(4)
    change[axis, axis] += share / count
    if anchor == "last":
        change[axis, 3] -= share
    return affine() @ change


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("anchor", ["first", "last"])
@pytest.mark.parametrize("sign", [-1, 1])
def test_grids_are_the_same_where_no_corner_is_a_hundredth_of_a_voxel_off(axis, anchor, sign):
    scan = volume_of(affine())
    near, far = (volume_of(drifted(axis, sign * share, anchor)) for share in (0.0098, 0.0103))
    assert is_same_grid(scan, near)
    assert not is_same_grid(scan, far)


@pytest.mark.parametrize("shape", [(6, 3, 4), (5, 2, 4), (5, 3, 5)])
def test_grids_of_other_shapes_are_others(shape):
    assert not is_same_grid(volume_of(affine()), volume_of(affine(), shape))


# -- regions on a scan ----------------------------------------------------------------------------


def itk(voxels: np.ndarray, lps: np.ndarray) -> sitk.Image:
    image = sitk.GetImageFromArray(voxels)
    sizes = np.linalg.norm(lps[:3, :3], axis=0)
    image.SetSpacing(sizes.tolist())
    image.SetOrigin(lps[:3, 3].tolist())
    image.SetDirection((lps[:3, :3] / sizes).ravel().tolist())
    return image


def resampled(voxels: np.ndarray, own: np.ndarray, scan: Volume) -> np.ndarray:
    """By SimpleITK, nearest voxel."""
    return sitk.GetArrayFromImage(
        sitk.Resample(
            itk(voxels, own),
            itk(np.zeros(scan.shape, np.uint8), scan.affine),
            sitk.Transform(),
            sitk.sitkNearestNeighbor,
            0,
        )
    )


def placed(mask: Mask, scan: Volume) -> np.ndarray:
    """A mask on the scan's whole grid; its own box must be as small as it can be."""
    first = scan.to_index(mask.grid.affine[:3, 3])[::-1]
    assert np.abs(first - np.rint(first)).max() < 1e-6
    np.testing.assert_allclose(mask.grid.affine[:3, :3], scan.affine[:3, :3])
    assert mask.grid.voxels.dtype == np.uint8 and mask.grid.voxels.max() == 1
    for axis in range(3):
        moved = np.moveaxis(mask.grid.voxels, axis, 0)
        assert moved[0].any() and moved[-1].any()
    whole = np.zeros(scan.shape, bool)
    start = np.rint(first).astype(int)
    whole[tuple(slice(a, a + n) for a, n in zip(start, mask.grid.shape, strict=True))] = (
        mask.grid.voxels
    )
    return whole


SCAN = Volume(np.zeros((9, 11, 13), np.int16), affine())


@pytest.mark.parametrize(
    ("sizes", "shift", "angle", "signs"),
    [
        ((1.5, 2.0, 3.5), (1, 2, -1), 0.5, (1, 1, 1)),
        ((1.5, 2.0, 3.5), (-2, -3, 1), 0.5, (1, 1, 1)),
        ((0.7, 1.1, 1.3), (3.31, 2.13, 1.72), 0.5, (1, 1, 1)),
        ((0.7, 1.1, 1.3), (3.3, 2.1, 1.7), -0.4, (-1, 1, 1)),
        ((4.1, 3.3, 2.9), (-2.3, -1.1, -1.7), 1.1, (1, -1, 1)),
        ((2.2, 1.3, 2.9), (-2.3, -1.1, -1.7), 2.0, (1, -1, -1)),
    ],
)
def test_every_voxel_of_the_scan_takes_the_label_that_simpleitk_finds_nearest(
    sizes, shift, angle, signs
):
    own = affine(np.array(sizes) * signs, SCAN.to_lps(np.array(shift, float)), angle)
    if signs != (1, 1, 1):  # turned about the middle, so that it meets the scan
        own[:3, 3] = SCAN.center_lps - own[:3, :3] @ (5.63, 4.71, 3.67)
    voxels = np.random.default_rng(4).choice([0, 1, 3], (8, 10, 12)).astype(np.uint8)
    label_map = label_map_of(Volume(voxels, own), (Label(3, "Three", "#ABCDEF"),))
    masks, outside = masks_on(label_map, SCAN)
    expected = resampled(voxels, own, SCAN)
    assert outside == 0
    assert [(each.name, each.color) for each in masks] == [("Label 1", ""), ("Three", "#ABCDEF")]
    for number, mask in zip((1, 3), masks, strict=True):
        np.testing.assert_array_equal(placed(mask, SCAN), expected == number)
        ml = (voxels == number).sum() * np.prod(sizes) / 1000
        assert mask.volume_ml == pytest.approx(ml, rel=1e-9)
        assert mask.grid.description == mask.name


def test_labels_beside_the_scan_are_counted_and_progress_told_for_each():
    voxels = np.zeros((9, 11, 13), np.uint16)
    voxels[0, 0, 0], voxels[8, 10, 12], voxels[4, 5, 6:9] = 300, 7, 2
    shifted = affine()
    shifted[:3, 3] = SCAN.to_lps(np.array([6.0, 5.0, 4.0]))
    told = []
    label_map = label_map_of(Volume(voxels, shifted))
    masks, outside = masks_on(label_map, SCAN, lambda share, text: told.append((share, text)))
    assert [each.name for each in masks] == ["Label 2", "Label 300"]
    assert outside == 1
    assert np.argwhere(placed(masks[1], SCAN)).tolist() == [[4, 5, 6]]
    assert np.argwhere(placed(masks[0], SCAN)).tolist() == [[8, 10, 12]]
    text = "Placing the masks on the scan"
    assert told == [(0, text), (pytest.approx(1 / 3), text), (pytest.approx(2 / 3), text)]


def test_a_label_that_does_not_occur_is_outside():
    grid = numbers([0, 2, 2], np.uint8)
    masks, outside = masks_on(LabelMap(grid, (Label(1, "One"), Label(2, "Two"))), grid)
    assert [(each.name, each.grid.shape) for each in masks] == [("Two", (2, 1, 1))]
    assert outside == 1


def test_a_mask_is_cropped_to_what_is_inside_and_its_name_made_plain():
    inside = np.zeros((4, 5, 6), bool)
    inside[1, 2, 3:5] = inside[2, 4, 3] = True
    mask = mask_of("a\nb", inside, np.array([2, 3, 5]), SCAN, color="#010203")
    assert (mask.name, mask.color, mask.grid.description) == ("a ↵ b", "#010203", "a ↵ b")
    assert mask.grid.voxels.tolist() == inside[1:3, 2:5, 3:5].astype(int).tolist()
    np.testing.assert_allclose(
        mask.grid.affine[:3, 3], SCAN.to_lps(np.array([5.0 + 3, 3 + 2, 2 + 1])), atol=1e-9
    )
    assert mask.stored_ml is None
    assert mask_of("none", np.zeros((4, 5, 6), bool), np.zeros(3, int), SCAN) is None
    assert mask_of("none", np.zeros((0, 0, 0), bool), np.zeros(3, int), SCAN) is None


# -- drawn masks on another scan -------------------------------------------------------------------


def box_mask(start, shape=(2, 3, 4), own=None) -> Mask:
    """A full box that begins at the scan's voxel (k, j, i), on the scan's grid or one of its own."""
    made = (SCAN.affine if own is None else own).copy()
    made[:3, 3] = Volume(SCAN.voxels, made).to_lps(np.array(start[::-1], float))
    return Mask("box", Volume(np.ones(shape, np.uint8), made), color="#123456")


@pytest.mark.parametrize("start", [(0, 0, 0), (7, 8, 9), (3, 0, 9), (0, 8, 2), (7, 3, 0)])
def test_a_mask_within_the_scans_grid_stays_as_it_is(start):
    mask = box_mask(start)
    assert moved_onto(mask, SCAN) is mask


@pytest.mark.parametrize(
    "start", [(-1, 0, 0), (0, -1, 0), (0, 0, -1), (8, 0, 0), (0, 9, 0), (0, 0, 10), (-1, 9, 10)]
)
def test_a_mask_across_the_edge_of_the_scan_is_cut_there(start):
    mask = moved_onto(box_mask(start), SCAN)
    expected = np.zeros(SCAN.shape, bool)
    expected[tuple(slice(max(a, 0), a + n) for a, n in zip(start, (2, 3, 4), strict=True))] = True
    assert (mask.name, mask.color) == ("box", "#123456")
    np.testing.assert_array_equal(placed(mask, SCAN), expected)


@pytest.mark.parametrize("start", [(-2, 0, 0), (0, 11, 0), (0, 0, -4), (9, 0, 0), (0, 0, 13)])
def test_a_mask_beside_the_scan_is_none(start):
    assert moved_onto(box_mask(start), SCAN) is None


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("end", ["first", "last"])
def test_a_mask_whose_grid_departs_by_a_hundredth_of_a_voxel_is_sampled(axis, end):
    """Along each axis the first or the last voxel of the box departs, the other does not."""
    shape = (2, 3, 4)
    count = shape[2 - axis] - 1
    for share, stays in ((0.0097, True), (0.0104, False)):
        own = SCAN.affine.copy()
        own[:3, axis] *= 1 + share / count
        own[:3, 3] = SCAN.to_lps(np.array([4.0, 3.0, 2.0]))
        if end == "first":
            own[:3, 3] -= share * SCAN.affine[:3, axis]
        mask = Mask("box", Volume(np.ones(shape, np.uint8), own))
        assert (moved_onto(mask, SCAN) is mask) == stays


def test_a_mask_of_another_scan_is_sampled_as_simpleitk_does():
    own = affine((0.9, 1.2, 2.1), SCAN.to_lps(np.array([2.0, 1.5, 0.5])), 0.8)
    voxels = np.random.default_rng(9).integers(0, 2, (9, 10, 11)).astype(np.uint8)
    voxels[0], voxels[-1], voxels[:, 0], voxels[..., -1] = 1, 1, 1, 1
    mask = moved_onto(Mask("other", Volume(voxels, own)), SCAN)
    np.testing.assert_array_equal(placed(mask, SCAN), resampled(voxels, own, SCAN) > 0)
