"""Which axis leads from slice to slice, of files that do not say: that along which voxels are clearly longest."""

from __future__ import annotations

import numpy as np
import pytest

from fusion3d_gui.imaging.reslice.acquisition import acquired_orientation, slice_axis
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
