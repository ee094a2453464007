"""Which axis leads from slice to slice, of files that do not say: that along which voxels are clearly longest."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from fusion3d_gui.imaging.reslice.acquisition import (
    acquired_orientation,
    aligned_axes,
    lone_axes,
    nearest_axes,
    slice_axis,
)
from fusion3d_gui.imaging.volume import Volume


def volume_of(*sizes_ijk_mm: float, shape: tuple[int, int, int] = (8, 9, 10)) -> Volume:
    return Volume(np.zeros(shape, np.int16), np.diag([*sizes_ijk_mm, 1.0]))


@pytest.mark.parametrize(
    ("sizes", "axis", "plane"),
    [
        ((1, 1, 4), 2, "Axial"),
        ((1, 4, 1), 1, "Coronal"),
        ((4, 1, 1), 0, "Sagittal"),
        ((1, 2, 3), 2, "Axial"),
        ((1, 1, 1), None, None),
        ((1, 1, 1.25), None, None),
        ((2, 1, 2), None, None),
    ],
)
def test_the_longest_voxel_edge_is_that_between_slices(sizes, axis, plane):
    volume = volume_of(*sizes)
    assert slice_axis(volume) == axis
    found = acquired_orientation(volume)
    assert (None if found is None else found.name) == plane


@pytest.mark.parametrize(("shape", "axis"), [((9, 8, 1), 0), ((9, 2, 8), 1), ((1, 8, 9), 2)])
def test_one_or_two_slices_lie_along_the_short_axis(shape, axis):
    assert slice_axis(volume_of(1, 1, 1, shape=shape)) == axis


@pytest.mark.parametrize("known", [{"image_numbers": (1, 2, None)}, {"interpolated_from": 5}])
def test_images_of_a_file_are_the_slices_whatever_the_voxels_sizes(known):
    volume = replace(volume_of(4, 1, 1), **known)
    assert slice_axis(volume) == 2


@pytest.mark.parametrize(("count", "axis"), [(1, 1), (2, 1), (3, None)])
def test_three_slices_are_a_volume_to_look_at_from_all_sides(count, axis):
    assert slice_axis(volume_of(1, 1, 1, shape=(9, count, 8))) == axis


@pytest.mark.parametrize(("longest", "axis"), [(1.25, None), (1.35, 0), (1.7, 0)])
def test_voxels_are_long_from_1_3_times_the_next_edge_on(longest, axis):
    assert slice_axis(volume_of(longest, 0.5, 1.0)) == axis


@pytest.mark.parametrize(
    ("edge_mm", "drift_mm", "is_aligned"),
    [
        # Over the volume less than 0.02 mm, or a tenth of the smallest edge.
        (1.0, 0.019, True),
        (1.0, 0.022, False),
        (0.05, 0.0047, True),
        (0.05, 0.0056, False),
    ],
)
def test_axes_that_hardly_drift_count_as_aligned(edge_mm, drift_mm, is_aligned):
    affine = np.diag([edge_mm, edge_mm, edge_mm, 1.0])
    affine[1, 0] = drift_mm / 10  # of 10 voxels along i
    volume = Volume(np.zeros((8, 9, 10), np.int16), affine)
    assert aligned_axes(volume) == ((0, 1, 2) if is_aligned else None)
    assert lone_axes(volume) == ((0, 1, 2) if is_aligned else (0, None, 2))


def test_the_nearest_axes_are_those_of_the_directions_whatever_the_voxels_sizes():
    for turn in Rotation.random(300, random_state=0).as_matrix():
        order = nearest_axes(turn)
        assert sorted(order) == [0, 1, 2]
        patient, voxel = np.unravel_index(np.abs(turn).argmax(), (3, 3))
        assert order[patient] == voxel
        assert nearest_axes(turn @ np.diag([0.5, 1.0, 4.0])) == order
        assert nearest_axes(turn @ np.diag([-3.0, 0.4, 0.9])) == order
