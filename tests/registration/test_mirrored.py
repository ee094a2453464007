"""A scan whose left and right are exchanged is noticed where the anatomy is not symmetric."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from fusion3d_gui.imaging.registration.mirrored import register_with_sides
from fusion3d_gui.imaging.registration.register import register


def test_exchanged_sides_are_told_and_right_ones_are_not(phantom, rigid_map):
    affine = np.diag([6.0, 6.0, 6.0, 1.0])
    affine[:3, 3] = [-88, -106, -86]
    grid = affine, (29, 36, 30)
    fixed = phantom(*grid)
    moving = phantom(*grid, rigid_map((3, -2, 4), (4, 2, -3)), seed=1)
    found, sides = register_with_sides(fixed, moving)
    assert sides == ""
    assert np.array_equal(found.matrix, register(fixed, moving).matrix)
    exchanged = replace(moving, voxels=moving.voxels[:, :, ::-1])
    assert "left and right" in register_with_sides(fixed, exchanged)[1]
