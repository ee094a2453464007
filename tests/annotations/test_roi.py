"""Lengths, angles and regions, judged by SimpleITK's physical coordinates and its statistics."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk

from fusion3d_gui.imaging.annotations.annotation import (
    Annotation,
    angle_deg,
    area_mm2,
    as_point,
    length_mm,
)
from fusion3d_gui.imaging.annotations.roi import region_statistics, region_voxels
from fusion3d_gui.imaging.volume import Volume


def make_image(
    seed: int, oblique: bool, spacing: tuple[float, float, float] = (0.7, 1.3, 4.5)
) -> tuple[sitk.Image, Volume]:
    """The same anisotropic voxels as SimpleITK and as this program hold them."""
    chance = np.random.default_rng(seed)
    voxels = chance.integers(-1000, 3000, (14, 22, 18)).astype(np.int16)
    image = sitk.GetImageFromArray(voxels)
    image.SetSpacing(spacing)
    image.SetOrigin((-31.5, 12.25, 99.0))
    turn = np.eye(3)
    if oblique:
        turn, _ = np.linalg.qr(chance.normal(size=(3, 3)))
    else:
        turn = np.diag([-1.0, 1.0, 1.0]) if seed % 2 else turn
    image.SetDirection(turn.ravel())
    affine = np.eye(4)
    affine[:3, :3] = turn @ np.diag(spacing)
    affine[:3, 3] = image.GetOrigin()
    return image, Volume(voxels, affine)


def physical(image: sitk.Image, index) -> np.ndarray:
    return np.array(image.TransformContinuousIndexToPhysicalPoint([float(x) for x in index]))


@pytest.mark.parametrize("oblique", [False, True])
@pytest.mark.parametrize("seed", range(5))
def test_lengths_and_angles_between_voxels_are_those_of_simpleitks_physical_points(seed, oblique):
    image, volume = make_image(seed, oblique)
    chance = np.random.default_rng(seed + 100)
    indices = chance.uniform(0, 13, (3, 3))
    here = volume.to_lps(indices)
    there = np.stack([physical(image, index) for index in indices])
    distance = Annotation(1, "distance", tuple(map(as_point, here[:2])))
    assert length_mm(distance) == pytest.approx(np.linalg.norm(there[0] - there[1]), abs=1e-6)
    angle = Annotation(2, "angle", tuple(map(as_point, here)))
    a, b = there[0] - there[1], there[2] - there[1]
    cosine = a @ b / np.linalg.norm(a) / np.linalg.norm(b)
    assert angle_deg(angle) == pytest.approx(np.degrees(np.arccos(cosine)), abs=1e-4)


def test_angles_of_a_known_triangle_and_of_arms_without_length():
    square = Annotation(1, "angle", ((10, 0, 0), (0, 0, 0), (0, 0, 7)))
    assert angle_deg(square) == pytest.approx(90)
    flat = Annotation(1, "angle", ((1, 0, 0), (0, 0, 0), (-5, 0, 0)))
    assert angle_deg(flat) == pytest.approx(180)
    none = Annotation(1, "angle", ((0, 0, 0), (0, 0, 0), (-5, 0, 0)))
    assert angle_deg(none) == 0


@pytest.mark.parametrize("kind", ["rectangle", "ellipse"])
@pytest.mark.parametrize("oblique", [False, True])
@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("spacing", [(0.7, 1.3, 4.5), (0.6, 0.3, 0.2)])
def test_the_voxels_of_a_region_are_those_that_brute_force_finds_and_simpleitk_measures_the_same(
    seed, oblique, kind, spacing
):
    image, volume = make_image(seed, oblique, spacing)
    chance = np.random.default_rng(seed + 7)
    frame, _ = np.linalg.qr(chance.normal(size=(3, 3)))
    if not oblique and seed < 3:  # the everyday case: a plane along the voxels, through a layer
        frame = np.eye(3)[list([(0, 1, 2), (0, 2, 1), (1, 2, 0)][seed])].T
    right, down = frame[:, 0], frame[:, 1]
    middle = volume.to_lps(np.array([8, 10, 6]))
    a, b = (4.03, 7.02) if spacing[0] == 0.7 else (1.03, 1.22)
    half = right * a + down * b
    region = Annotation(
        1,
        kind,
        (as_point(middle - half), as_point(middle + half)),
        as_point(right),
        as_point(down),
    )
    normal = np.cross(right, down)
    turn = np.array(image.GetDirection()).reshape(3, 3)
    reach = 0.5 * np.abs((turn @ np.diag(image.GetSpacing())).T @ normal).sum()
    mask = np.zeros(volume.shape, np.uint8)
    for k, j, i in np.ndindex(*volume.shape):
        away = np.array(image.TransformIndexToPhysicalPoint((i, j, k))) - middle
        u, v, d = away @ right, away @ down, away @ normal
        if kind == "rectangle":
            inside = abs(u) <= a and abs(v) <= b
        else:
            inside = (u / a) ** 2 + (v / b) ** 2 <= 1
        mask[k, j, i] = inside and -reach <= d < reach
    found = np.zeros_like(mask)
    i, j, k = region_voxels(volume, region).T
    found[k, j, i] = 1
    assert len(i) == found.sum()  # none twice
    assert np.array_equal(found, mask)
    label = sitk.GetImageFromArray(mask)
    label.CopyInformation(image)
    judge = sitk.LabelStatisticsImageFilter()
    judge.Execute(image, label)
    ours = region_statistics(volume, region)
    assert ours.count == judge.GetCount(1) > 5
    assert ours.mean == pytest.approx(judge.GetMean(1), abs=1e-6)
    assert ours.sd == pytest.approx(judge.GetSigma(1), abs=1e-6)
    assert (ours.minimum, ours.maximum) == (judge.GetMinimum(1), judge.GetMaximum(1))


def test_a_plane_along_the_voxels_takes_exactly_one_layer():
    _, volume = make_image(0, oblique=False)
    middle = volume.to_lps(np.array([9.0, 11.0, 6.3]))
    big = np.array([200.0, 200.0, 0.0])
    region = Annotation(
        1, "rectangle", (as_point(middle - big), as_point(middle + big)), (1, 0, 0), (0, 1, 0)
    )
    found = region_voxels(volume, region)
    assert set(found[:, 2]) == {6}
    assert len(found) == 18 * 22


def test_areas_are_those_of_the_figures():
    points = ((-3.0, -2.0, 0.0), (3.0, 2.0, 0.0))
    rectangle = Annotation(1, "rectangle", points, (1, 0, 0), (0, 1, 0))
    assert area_mm2(rectangle) == pytest.approx(24)
    ellipse = Annotation(1, "ellipse", points, (1, 0, 0), (0, 1, 0))
    assert area_mm2(ellipse) == pytest.approx(np.pi * 6)


def test_statistics_are_in_real_values_and_ignore_what_is_no_number():
    voxels = np.array([[[1.0, 2.0], [np.nan, 6.0]]], np.float32)
    volume = Volume(voxels, np.eye(4), slope=2.0, intercept=-1.0)
    region = Annotation(1, "rectangle", ((-1, -1, 0), (2, 2, 0)), (1, 0, 0), (0, 1, 0))
    assert region_statistics(volume, region).mean == pytest.approx((1 + 3 + 11) / 3)
    away = region.moved(np.array([0, 0, 50.0]))
    assert region_statistics(volume, away) is None


def unit_volume() -> Volume:
    return Volume(np.arange(9 * 9 * 9, dtype=np.int16).reshape(9, 9, 9), np.eye(4))


@pytest.mark.parametrize(("depth", "layer"), [(5.5, 5), (6.0, 6), (6.49, 6), (6.5, 6), (6.51, 7)])
def test_a_plane_between_two_layers_takes_exactly_one_of_them(depth, layer):
    region = Annotation(
        1, "rectangle", ((1.6, 1.6, depth), (3.4, 4.4, depth)), (1, 0, 0), (0, 1, 0)
    )
    found = region_voxels(unit_volume(), region)
    assert {tuple(each) for each in found.tolist()} == {
        (i, j, layer) for i in (2, 3) for j in (2, 3, 4)
    }


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("rectangle", {(i, j, 4) for i in range(2, 7) for j in range(3, 6)}),
        (
            "ellipse",  # half-axes 2 and 1: the ends of both lie on the outline
            {(i, 4, 4) for i in range(2, 7)} | {(4, 3, 4), (4, 5, 4)},
        ),
    ],
)
def test_voxels_whose_centres_lie_on_the_outline_belong_to_the_region(kind, expected):
    region = Annotation(1, kind, ((2, 3, 4), (6, 5, 4)), (1, 0, 0), (0, 1, 0))
    found = region_voxels(unit_volume(), region)
    assert {tuple(each) for each in found.tolist()} == expected
    assert len(found) == len(expected)


def test_a_region_outside_the_volume_has_no_voxels():
    for shift in ((50, 0, 0), (0, -50, 0), (0, 0, 50)):
        region = Annotation(1, "ellipse", ((2, 3, 4), (6, 5, 4)), (1, 0, 0), (0, 1, 0))
        found = region_voxels(unit_volume(), region.moved(np.array(shift)))
        assert found.shape == (0, 3)
        assert np.issubdtype(found.dtype, np.integer)


def test_a_tilted_plane_leaves_each_of_two_columns_at_its_own_layers():
    volume = Volume(np.zeros((9, 3, 2), np.int16), np.eye(4))
    length = np.hypot(1, 1.2)
    right, down = np.array([1.2, 0, -1]) / length, np.array([0.0, 1, 0])
    middle, half = np.array([0.5, 1, 4]), 5 * right + 5 * down
    ends = as_point(middle - half), as_point(middle + half)
    region = Annotation(1, "rectangle", ends, as_point(right), as_point(down))
    # The plane is (i - 0.5) + 1.2 (k - 4) = 0; a voxel reaches 1.1 to either side of it.
    expected = {(i, j, k) for i, ks in enumerate(((4, 5), (3, 4))) for j in range(3) for k in ks}
    found = region_voxels(volume, region)
    assert {tuple(each) for each in found.tolist()} == expected
    assert len(found) == len(expected)
