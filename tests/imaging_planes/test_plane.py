"""Planes: every voxel at its true place on screen, judged by SimpleITK and by phantoms."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import SimpleITK as sitk

from fusion3d_gui.imaging.plane import (
    AXIAL,
    CORONAL,
    ORIENTATIONS,
    SAGITTAL,
    Plane,
    Rect,
    cross_product,
    spatial_letters,
)
from fusion3d_gui.imaging.reslice.acquisition import aligned_axes
from fusion3d_gui.imaging.reslice.sampling import Interpolation, sample
from fusion3d_gui.imaging.reslice.slab import THIN, Projection, Slab, project_planes
from fusion3d_gui.imaging.reslice.slicer import (
    SamplingOptions,
    Slicer,
    transform_volume,
)
from fusion3d_gui.imaging.volume import Volume

SPACING_IJK = (0.7, 1.3, 3.1)


def axis_aligned_affines() -> list[np.ndarray]:
    """All 48 ways in which voxel axes can lie along patient axes."""
    affines = []
    for order in itertools.permutations(range(3)):
        for signs in itertools.product((1, -1), repeat=3):
            affine = np.eye(4)
            affine[:3, :3] = 0
            for voxel_axis, patient_axis in enumerate(order):
                affine[patient_axis, voxel_axis] = signs[voxel_axis] * SPACING_IJK[voxel_axis]
            affine[:3, 3] = (-11.5, 23.25, 7.125)
            affines.append(affine)
    return affines


def rotation(degrees_xyz: tuple[float, float, float]) -> np.ndarray:
    matrix = np.eye(3)
    for axis, degrees in enumerate(degrees_xyz):
        angle = np.deg2rad(degrees)
        a, b = [other for other in range(3) if other != axis]
        turn = np.eye(3)
        turn[a, a] = turn[b, b] = np.cos(angle)
        turn[a, b], turn[b, a] = -np.sin(angle), np.sin(angle)
        matrix = turn @ matrix
    return matrix


def oblique_affine(degrees: tuple[float, float, float] = (12.0, -23.0, 31.0)) -> np.ndarray:
    affine = np.eye(4)
    affine[:3, :3] = rotation(degrees) @ np.diag(SPACING_IJK)
    affine[:3, 3] = (-20.0, 5.0, 60.0)
    return affine


def noise(affine: np.ndarray, shape: tuple[int, int, int] = (9, 14, 17), seed: int = 0) -> Volume:
    voxels = np.random.default_rng(seed).integers(-900, 2000, shape).astype(np.int16)
    return Volume(voxels, affine)


def as_sitk(volume: Volume) -> sitk.Image:
    image = sitk.GetImageFromArray(volume.voxels)
    spacing = np.linalg.norm(volume.affine[:3, :3], axis=0)
    image.SetSpacing(spacing.tolist())
    image.SetOrigin(volume.affine[:3, 3].tolist())
    image.SetDirection((volume.affine[:3, :3] / spacing).ravel().tolist())
    return image


def sitk_on_plane(volume: Volume, plane: Plane, interpolator: int) -> np.ndarray:
    rows, columns = plane.shape
    reference = sitk.Image(columns, rows, 1, sitk.sitkFloat32)
    right, down = plane.right_step, plane.down_step
    axes = [right / np.linalg.norm(right), down / np.linalg.norm(down)]
    axes.append(np.cross(*axes))
    reference.SetOrigin(plane.origin_lps.tolist())
    reference.SetSpacing((np.linalg.norm(right), np.linalg.norm(down), 1.0))
    reference.SetDirection(np.stack(axes, axis=1).ravel().tolist())
    out = sitk.Resample(
        as_sitk(volume), reference, sitk.Transform(), interpolator, np.nan, sitk.sitkFloat32
    )
    return sitk.GetArrayFromImage(out)[0]


def test_screen_follows_the_radiological_convention():
    letters = {
        each.name: (spatial_letters(each.right_lps), spatial_letters(each.down_lps))
        for each in ORIENTATIONS
    }
    assert letters == {"Axial": ("L", "P"), "Coronal": ("L", "I"), "Sagittal": ("P", "I")}


def test_the_wheel_turned_forward_leads_to_superior_anterior_and_left():
    letters = [
        spatial_letters(each.forward_sign * np.eye(3)[each.depth])
        for each in (AXIAL, CORONAL, SAGITTAL)
    ]
    assert letters == ["S", "A", "L"]
    assert {abs(each.forward_sign) for each in ORIENTATIONS} == {1}


def test_screen_millimetres_and_patient_positions_are_inverse():
    lps = np.array([-12.5, 40.25, -3.0])
    for orientation in ORIENTATIONS:
        u, v = orientation.to_screen(lps)
        assert np.allclose(orientation.to_lps(u, v, lps[orientation.depth]), lps)


@pytest.mark.parametrize("affine", axis_aligned_affines())
def test_a_marker_in_the_patients_left_front_top_is_there_on_screen_in_every_orientation(affine):
    shape = (8, 10, 12)
    voxels = np.zeros(shape, np.int16)
    volume = Volume(voxels, affine)
    low, high = volume.bounds_lps
    wanted = low + (high - low) * (0.8, 0.2, 0.8)  # to the left, anterior, superior
    i, j, k = np.rint(volume.to_index(wanted)).astype(int)
    voxels[k, j, i] = 1000
    marker = volume.to_lps(np.array([i, j, k]))
    slicer = Slicer(volume)
    assert slicer.is_aligned
    for orientation in ORIENTATIONS:
        piece = slicer.cut(orientation, marker[orientation.depth])
        assert piece.depth_mm == pytest.approx(marker[orientation.depth], abs=1e-9)
        row, column = np.argwhere(piece.values == 1000)[0]
        rows, columns = piece.values.shape
        u = piece.rect.left + (column + 0.5) * piece.rect.width / columns
        v = piece.rect.top + (row + 0.5) * piece.rect.height / rows
        assert np.allclose((u, v), orientation.to_screen(marker), atol=1e-9)
        upper, right_half = row < rows / 2, column > columns / 2
        expected = {"Axial": (True, True), "Coronal": (True, True), "Sagittal": (True, False)}
        assert (upper, right_half) == expected[orientation.name]


@pytest.mark.parametrize("affine", axis_aligned_affines()[::5])
def test_aligned_volumes_are_cut_exactly_as_simpleitk_finds_them_and_without_a_copy(affine):
    volume = noise(affine)
    slicer = Slicer(volume)
    for orientation in ORIENTATIONS:
        for index in range(slicer.count(orientation)):
            depth = slicer.depth_of(orientation, index)
            piece = slicer.cut(orientation, depth)
            assert np.shares_memory(piece.values, volume.voxels)
            plane = Plane.covering(orientation, piece.rect, depth, piece.values.shape)
            expected = sitk_on_plane(volume, plane, sitk.sitkNearestNeighbor)
            assert np.array_equal(piece.values.astype(np.float32), expected)


@pytest.mark.parametrize("degrees", [(12.0, -23.0, 31.0), (0.0, 0.0, 5.0), (80.0, 10.0, -40.0)])
@pytest.mark.parametrize("orientation", ORIENTATIONS, ids=lambda each: each.name)
def test_oblique_volumes_are_sampled_as_simpleitk_samples_them(degrees, orientation):
    volume = noise(oblique_affine(degrees))
    slicer = Slicer(volume)
    assert not slicer.is_aligned
    depth = volume.center_lps[orientation.depth]
    piece = slicer.cut(orientation, depth)
    plane = Plane.covering(orientation, piece.rect, piece.depth_mm, piece.values.shape)
    expected = sitk_on_plane(volume, plane, sitk.sitkLinear)
    inside = ~np.isnan(expected)
    assert inside.mean() > 0.2
    assert (np.isnan(piece.values) != ~inside).mean() < 0.002  # on the very edge either may be
    both = inside & ~np.isnan(piece.values)
    assert np.abs(piece.values - expected)[both].max() < 0.05  # of 2900


def test_a_sheared_volume_is_sampled_where_its_affine_says():
    affine = np.diag([1.0, 1.0, 2.0, 1.0])
    affine[1, 2] = 0.6  # as of a CT with a tilted gantry
    k, j, i = np.meshgrid(np.arange(12), np.arange(20), np.arange(20), indexing="ij")
    lps = np.stack([i, j, k], axis=-1) @ affine[:3, :3].T
    volume = Volume((lps @ (1.0, 10.0, 100.0)).astype(np.float32), affine)
    piece = Slicer(volume).cut(SAGITTAL, 9.0)
    rows, columns = piece.values.shape
    plane = Plane.covering(SAGITTAL, piece.rect, piece.depth_mm, (rows, columns))
    where = plane.to_lps(np.arange(rows)[:, None], np.arange(columns)[None, :])
    expected = where @ (1.0, 10.0, 100.0)
    index = volume.to_index(where)
    interior = ((index >= 0) & (index <= np.array([19, 19, 11]))).all(axis=-1)
    assert interior.sum() > 100
    assert np.allclose(piece.values[interior], expected[interior], atol=0.01)


@pytest.mark.parametrize("coarse", [axis_aligned_affines()[7], oblique_affine()])
@pytest.mark.parametrize("orientation", ORIENTATIONS, ids=lambda each: each.name)
def test_a_coarse_grid_is_interpolated_on_a_plane_as_simpleitk_does(coarse, orientation):
    values = np.random.default_rng(1).random((4, 5, 6)).astype(np.float32)
    scale = np.diag([9.0, 7.0, 4.0, 1.0])
    grid = Volume(values, coarse @ scale)
    low, high = grid.bounds_lps
    depth = (low + 0.4 * (high - low))[orientation.depth]
    corners = orientation.to_screen(np.stack([low, high]))
    (left, top), (right, bottom) = corners.min(axis=0), corners.max(axis=0)
    # Larger than the grid on all sides: outside must be empty, the outer half cells not.
    rect = Rect(left - 5.3, top - 4.7, right - left + 11, bottom - top + 9)
    plane = Plane.covering(orientation, rect, depth, (97, 83))
    found = sample(grid, plane)
    expected = sitk_on_plane(grid, plane, sitk.sitkLinear)
    assert (np.isnan(found) != np.isnan(expected)).mean() < 0.003
    both = ~np.isnan(found) & ~np.isnan(expected)
    assert np.abs(found - expected)[both].max() < 1e-4


def test_the_two_ways_of_sampling_agree():
    values = np.random.default_rng(2).random((5, 6, 7)).astype(np.float32)
    straight = Volume(values, np.diag([8.0, 9.0, 10.0, 1.0]))
    # Turned by so little that no value changes visibly, but enough to need the general way.
    turn = np.eye(4)
    turn[:3, :3] = rotation((0.0, 0.0, 0.01))
    turned = Volume(values, turn @ straight.affine)
    plane = Plane.covering(AXIAL, Rect(0, 0, 45, 40), 17.0, (80, 90))
    assert np.allclose(sample(straight, plane), sample(turned, plane), atol=2e-3)


def test_planes_are_numbered_along_the_patient_axis_and_clamped():
    volume = noise(np.diag([-0.7, 1.3, 3.1, 1.0]))
    slicer = Slicer(volume)
    assert [slicer.count(each) for each in (AXIAL, CORONAL, SAGITTAL)] == [9, 14, 17]
    for orientation in ORIENTATIONS:
        count = slicer.count(orientation)
        depths = [slicer.depth_of(orientation, index) for index in range(count)]
        assert depths == sorted(depths)
        assert [slicer.index_at(orientation, depth) for depth in depths] == list(range(count))
        assert slicer.index_at(orientation, -1e6) == 0
        assert slicer.index_at(orientation, 1e6) == count - 1
        assert slicer.depth_of(orientation, count + 5) == depths[-1]


def test_cosines_with_rounding_noise_count_as_aligned_and_a_degree_does_not():
    rounded = np.diag([0.9, 0.9, 5.0, 1.0])
    rounded[0, 1] = 1e-6
    assert aligned_axes(noise(rounded)) == (0, 1, 2)
    assert aligned_axes(noise(oblique_affine((0.0, 0.0, 1.0)), (20, 256, 256))) is None


def test_a_volume_of_one_slice_shows_in_all_three_planes():
    volume = noise(np.diag([1.0, 1.0, 5.0, 1.0]), (1, 6, 7))
    slicer = Slicer(volume)
    shapes = [slicer.cut(each, 0.0).values.shape for each in ORIENTATIONS]
    assert shapes == [(6, 7), (1, 7), (1, 6)]


@pytest.mark.parametrize("affine", axis_aligned_affines()[::11])
@pytest.mark.parametrize("projection", Projection, ids=lambda each: each.value)
def test_slabs_of_aligned_volumes_are_numpys_wherever_one_steps(affine, projection):
    volume = noise(affine, (24, 20, 70))
    slicer = Slicer(volume)
    reduce = {
        Projection.MAXIMUM: np.max,
        Projection.MINIMUM: np.min,
        Projection.MEAN: lambda each, axis: np.mean(each, axis=axis, dtype=np.float64),
    }[projection]
    steps = [0, 1, 2, 3, 9, 8, 7, 30, 66, 69, 60, 4]
    for orientation in ORIENTATIONS:
        pitch, count = slicer.pitch_mm(orientation), slicer.count(orientation)
        by_depth = np.stack(
            [slicer.cut(orientation, slicer.depth_of(orientation, n)).values for n in range(count)]
        )
        # Thin and thick: columns are read in two ways.
        for half in (2, 4, 20):
            for n in (each for each in steps if each < count):
                depth = slicer.depth_of(orientation, n)
                piece = slicer.cut(orientation, depth, Slab((2 * half + 0.5) * pitch, projection))
                expected = reduce(by_depth[max(0, n - half) : n + half + 1], axis=0)
                np.testing.assert_allclose(piece.values, expected, atol=0.01)


@pytest.mark.parametrize("orientation", ORIENTATIONS, ids=lambda each: each.name)
@pytest.mark.parametrize("projection", Projection, ids=lambda each: each.value)
def test_oblique_slabs_are_projections_of_simpleitks_planes(orientation, projection):
    volume = noise(oblique_affine())
    slicer = Slicer(volume)
    depth = float(volume.center_lps[orientation.depth])
    piece = slicer.cut(orientation, depth, Slab(6.0, projection))
    plane = Plane.covering(orientation, piece.rect, piece.depth_mm, piece.values.shape)
    pitch = slicer.pitch_mm(orientation)
    half = int(6.0 / pitch / 2 + 1e-6)
    planes = [
        sitk_on_plane(
            volume, plane.shifted(np.eye(3)[orientation.depth] * pitch * n), sitk.sitkLinear
        )
        for n in range(-half, half + 1)
    ]
    inside = ~np.isnan(planes).any(axis=0)
    assert inside.mean() > 0.1
    reduce = {"MIP": np.max, "MinIP": np.min, "Average": np.mean}[projection.value]
    expected = reduce(np.stack(planes), axis=0)
    assert np.abs(piece.values - expected)[inside].max() < 0.05


def test_the_planes_numbers_grow_with_the_coordinate_and_lie_one_pitch_apart():
    affine = np.diag([-0.7, 1.3, 3.1, 1.0])
    affine[:3, 3] = (-11.5, 23.25, 7.125)
    slicer = Slicer(noise(affine))
    for orientation, spacing, size in ((AXIAL, 3.1, 9), (CORONAL, 1.3, 14), (SAGITTAL, 0.7, 17)):
        first = float(slicer.volume.bounds_lps[0][orientation.depth]) + spacing / 2
        assert slicer.pitch_mm(orientation) == pytest.approx(spacing)
        depths = [slicer.depth_of(orientation, n) for n in range(size)]
        np.testing.assert_allclose(depths, first + spacing * np.arange(size))
        # Halfway between two planes the next one begins.
        assert slicer.index_at(orientation, depths[2] + 0.49 * spacing) == 2
        assert slicer.index_at(orientation, depths[2] + 0.51 * spacing) == 3
        assert slicer.nearest_depth(orientation, depths[2] + 0.3 * spacing) == depths[2]
        assert slicer.step_depth(orientation, depths[2] + 0.3 * spacing, 2) == depths[4]
        assert slicer.step_depth(orientation, depths[2], -5) == depths[0]


def test_an_oblique_volume_has_planes_as_far_apart_as_its_voxels_along_the_nearest_axis():
    volume = noise(oblique_affine((0.0, 0.0, 20.0)))
    slicer = Slicer(volume)
    low, high = volume.bounds_lps
    for orientation, spacing in ((AXIAL, 3.1), (CORONAL, 1.3), (SAGITTAL, 0.7)):
        extent = (high - low)[orientation.depth]
        assert slicer.count(orientation) == round(extent / spacing)
        assert slicer.pitch_mm(orientation) == pytest.approx(extent / round(extent / spacing))


def test_planes_that_do_not_snap_go_exactly_where_they_are_asked_to_within_the_bounds():
    volume = noise(oblique_affine())
    slicer = Slicer(volume, snaps=False)
    low, high = (float(each[2]) for each in volume.bounds_lps)
    middle = (low + high) / 2 + 0.123456
    assert slicer.nearest_depth(AXIAL, middle) == pytest.approx(middle, abs=1e-6)
    assert slicer.nearest_depth(AXIAL, low - 5) == pytest.approx(low, abs=1e-6)
    assert slicer.nearest_depth(AXIAL, high + 5) == pytest.approx(high, abs=1e-6)
    pitch = slicer.pitch_mm(AXIAL)
    assert slicer.step_depth(AXIAL, middle, 3) == pytest.approx(middle + 3 * pitch, abs=1e-6)
    # Where slices exist, planes are slices.
    assert Slicer(noise(np.eye(4)), snaps=False).snaps


def test_a_slab_is_an_odd_number_of_whole_planes():
    slicer = Slicer(noise(np.diag([0.7, 1.3, 3.1, 1.0])))
    for asked, planes in ((0.0, 1), (3.1, 1), (6.1, 1), (6.2, 3), (12.3, 3), (12.4, 5)):
        assert slicer.thickness_mm(AXIAL, Slab(asked)) == pytest.approx(planes * 3.1)
    assert slicer.thickness_mm(AXIAL, Slab(1e9)) == pytest.approx(513 * 3.1)


@pytest.mark.parametrize("orientation", ORIENTATIONS, ids=lambda each: each.name)
def test_the_bounds_of_a_plane_are_the_outer_edges_of_the_volume_on_screen(orientation):
    volume = noise(oblique_affine())
    k, j, i = np.indices((2, 2, 2))
    corners = np.stack([i * 17 - 0.5, j * 14 - 0.5, k * 9 - 0.5], axis=-1)
    screen = orientation.to_screen(volume.to_lps(corners)).reshape(-1, 2)
    rect = Slicer(volume).rect(orientation)
    assert (rect.left, rect.top) == pytest.approx(screen.min(axis=0))
    assert (rect.width, rect.height) == pytest.approx(np.ptp(screen, axis=0))


def test_only_the_part_asked_for_is_resampled_in_pixels_of_the_size_asked_for():
    slicer = Slicer(noise(oblique_affine()))
    whole = slicer.rect(AXIAL)
    within = Rect(whole.left + 3, whole.top - 5, 6.0, 9.0)
    options = SamplingOptions(within, 0.5)
    *_, piece = slicer.cut_gradually(AXIAL, 70.0, THIN, options)
    assert piece.rect == Rect(whole.left + 3, whole.top, 6.0, 4.0)
    assert piece.values.shape == (8, 12)
    plane = Plane.covering(AXIAL, piece.rect, piece.depth_mm, (8, 12))
    np.testing.assert_array_equal(piece.values, sample(slicer.volume, plane))
    # Pixels finer than half the finest voxel would show nothing more.
    *_, fine = slicer.cut_gradually(AXIAL, 70.0, THIN, SamplingOptions(within, 0.01))
    assert fine.values.shape == (round(4 / 0.35), round(6 / 0.35))


def test_without_a_pixel_size_the_longer_side_has_512_pixels():
    volume = noise(oblique_affine(), (9, 800, 700))
    piece = Slicer(volume).cut(AXIAL, float(volume.center_lps[2]))
    rows, columns = piece.values.shape
    assert max(rows, columns) == 512
    assert rows / columns == pytest.approx(piece.rect.height / piece.rect.width, rel=0.01)


def test_a_rectangle_meets_another_in_what_both_cover():
    here = Rect(0.0, 10.0, 8.0, 6.0)
    assert here.intersection(Rect(2.0, 4.0, 3.0, 9.0)) == Rect(2.0, 10.0, 3.0, 3.0)
    assert here.intersection(Rect(-5.0, 12.0, 50.0, 50.0)) == Rect(0.0, 12.0, 8.0, 4.0)
    right = here.intersection(Rect(20.0, 11.0, 1.0, 1.0))
    assert (right.left, right.top, right.height) == (8.0, 11.0, 1.0)
    assert right.width == 1e-3
    above = here.intersection(Rect(1.0, -9.0, 2.0, 3.0))
    assert (above.left, above.top, above.width) == (1.0, 10.0, 2.0)
    assert above.height == 1e-3


def test_flipped_planes_exchange_left_and_right_and_rotated_ones_turn_clockwise():
    # The patient's left is on the screen's right; flipped on its left; a quarter turned, below.
    assert np.allclose(AXIAL.flipped().right_lps, [-1, 0, 0])
    assert np.allclose(AXIAL.flipped().down_lps, [0, 1, 0])
    for orientation in ORIENTATIONS:
        rotated = orientation.rotated()
        assert np.allclose(rotated.down_lps, orientation.right_lps)
        assert np.allclose(rotated.right_lps, -orientation.down_lps)
        assert (rotated.depth, rotated.name) == (orientation.depth, orientation.name)


def test_the_cross_product_is_numpys():
    a, b = np.random.default_rng(0).normal(size=(2, 3))
    np.testing.assert_allclose(cross_product(a, b), np.cross(a, b))


def test_a_shifted_plane_lies_so_much_further_and_keeps_its_pixels():
    plane = Plane.covering(CORONAL, Rect(-5.0, 2.0, 8.0, 6.0), 11.0, (3, 4))
    expected = [[[-4 + 2 * c, 11, -3 - 2 * r] for c in range(4)] for r in range(3)]
    positions = plane.to_lps(np.arange(3)[:, None], np.arange(4)[None, :])
    np.testing.assert_allclose(positions, expected)
    shifted = plane.shifted(np.array([1.0, 2.0, 3.0]))
    positions = shifted.to_lps(np.arange(3)[:, None], np.arange(4)[None, :])
    np.testing.assert_allclose(positions, np.array(expected) + [1, 2, 3])


def test_a_transformed_volume_lies_where_the_transform_takes_it():
    volume = noise(np.diag([0.7, 1.3, 3.1, 1.0]))
    matrix = oblique_affine()
    matrix[:3, :3] = rotation((12.0, -23.0, 31.0))
    found = transform_volume(volume, matrix)
    index = np.array([3.0, 4.0, 5.0])
    expected = matrix[:3, :3] @ volume.to_lps(index) + matrix[:3, 3]
    np.testing.assert_allclose(found.to_lps(index), expected)
    assert transform_volume(volume, np.eye(4)) is volume


def test_rows_made_contiguous_hold_the_same_values():
    volume = noise(np.diag([0.7, 1.3, 3.1, 1.0]))
    for orientation in ORIENTATIONS:
        piece = Slicer(volume).cut(orientation, 10.0)
        made = piece.with_contiguous_rows()
        np.testing.assert_array_equal(made.values, piece.values)
        assert abs(made.values.strides[1]) == made.values.itemsize
        assert (made.rect, made.depth_mm) == (piece.rect, piece.depth_mm)


@pytest.mark.parametrize("projection", Projection, ids=lambda each: each.value)
def test_planes_with_holes_are_projected_over_what_is_there(projection):
    nan = np.nan
    planes = [
        np.array([[1.0, nan, nan, 4.0]], np.float32),
        np.array([[5.0, 2.0, nan, 1.0]], np.float32),
        np.array([[3.0, nan, nan, 7.0]], np.float32),
    ]
    expected = {
        Projection.MAXIMUM: [[1, nan, nan, 4], [5, 2, nan, 4], [5, 2, nan, 7]],
        Projection.MINIMUM: [[1, nan, nan, 4], [1, 2, nan, 1], [1, 2, nan, 1]],
        Projection.MEAN: [[1, nan, nan, 4], [3, 2, nan, 2.5], [3, 2, nan, 4]],
    }[projection]
    steps = [each.copy()[0] for each in project_planes(iter(planes), projection)]
    np.testing.assert_allclose(steps, expected)


def test_a_negative_slope_exchanges_the_brightest_and_the_darkest_of_stored_values():
    for slope, exchanged in ((1.0, False), (0.0, False), (-1.0, True)):
        found = [each.of_stored(slope) for each in Projection]
        expected = [Projection.MAXIMUM, Projection.MINIMUM, Projection.MEAN]
        if exchanged:
            expected[:2] = expected[1::-1]
        assert found == expected


@pytest.mark.parametrize("part", ["left", "right", "both", "left face alone", "right face alone"])
@pytest.mark.parametrize("interpolation", Interpolation, ids=lambda each: each.value)
def test_exactly_what_lies_beyond_the_volumes_faces_is_outside(part, interpolation):
    volume = noise(oblique_affine((0.0, 0.0, 20.0)), (5, 30, 30))
    whole = Slicer(volume).rect(AXIAL)
    # A part whose one edge is cut by the volume's slanting face, the other by the part's own.
    begin, width = (0.5 if "right" in part else 0.0), (1.0 if part == "both" else 0.5)
    rect = Rect(whole.left + begin * whole.width, whole.top, width * whole.width, whole.height)
    if "alone" in part:  # rows that the upper and the lower face do not cross
        rect = Rect(rect.left, whole.top + 0.4 * whole.height, rect.width, 0.2 * whole.height)
    plane = Plane.covering(AXIAL, rect, float(volume.center_lps[2]), (70, 90))
    index = volume.to_index(plane.to_lps(np.arange(70)[:, None], np.arange(90)[None, :]))
    inside = ((index >= -0.5) & (index <= np.array([30, 30, 5]) - 0.5)).all(axis=-1)
    assert 0.2 < inside.mean() < 0.9
    values = sample(volume, plane, outside=-9999.0, interpolation=interpolation)
    np.testing.assert_array_equal(values != -9999.0, inside)


@pytest.mark.parametrize("interpolation", Interpolation, ids=lambda each: each.value)
def test_the_outer_faces_themselves_belong_to_the_volume(interpolation):
    # Spacings whose halves and sums are not exact in floating point.
    volume = noise(np.diag([0.7, 1.3, 3.1, 1.0]), (3, 4, 5))
    low, high = volume.bounds_lps
    for orientation in ORIENTATIONS:
        right, down = orientation.right_lps, orientation.down_lps
        # From the first face to the last, in 4 steps along the rows and 3 along the columns.
        start = np.where(right + down < 0, high, low)
        plane = Plane(start, right * (high - low) / 4, down * (high - low) / 3, (4, 5))
        values = sample(volume, plane, -1e9, interpolation)
        assert (values > -1e8).all()


def test_a_slab_is_thin_unless_it_is_asked_to_be_thick():
    assert Slab() == THIN == Slab(0.0, Projection.MAXIMUM)
