"""Slices under a tilted gantry, shown whole: every pixel is the voxel that lies at its patient position."""

from __future__ import annotations

from itertools import permutations, product

import numpy as np
import pytest

from fusion3d_gui.imaging.plane import AXIAL
from fusion3d_gui.imaging.reslice.slicer import Slicer
from fusion3d_gui.imaging.volume import Volume

SHAPE = (5, 6, 7)


def tilted(order: tuple[int, ...], signs: tuple[int, ...], seed: int) -> Volume:
    """A volume whose axial slices are each 1.3 mm further to the front than the one below."""
    columns = np.diag([0.8, 0.9, 3.0])
    columns[:, 2] += [0.0, -1.3, 0.0]  # sheared along P from slice to slice
    columns = (columns * np.array(signs))[:, order]
    affine = np.eye(4)
    affine[:3, :3] = columns
    affine[:3, 3] = [12.0, -7.0, 30.0]
    voxels = np.random.default_rng(seed).integers(0, 1000, SHAPE).astype(np.int16)
    return Volume(voxels, affine)


@pytest.mark.parametrize("order", list(permutations(range(3))))
@pytest.mark.parametrize("signs", list(product((1, -1), repeat=3)))
def test_every_pixel_is_the_voxel_at_its_patient_position(order, signs):
    volume = tilted(order, signs, seed=3)
    slicer = Slicer(volume)
    assert not slicer.is_aligned
    for orientation in (AXIAL, AXIAL.flipped(), AXIAL.rotated()):
        for number in range(slicer.count(orientation)):
            depth = slicer.depth_of(orientation, number)
            found = slicer.cut(orientation, depth)
            rows, columns = found.values.shape
            rect = found.rect
            for row, column in ((0, 0), (rows - 1, 0), (1, columns - 2), (rows - 1, columns - 1)):
                u = rect.left + (column + 0.5) * rect.width / columns
                v = rect.top + (row + 0.5) * rect.height / rows
                index = volume.to_index(orientation.to_lps(u, v, depth))
                i, j, k = np.rint(index).astype(int)
                np.testing.assert_allclose(index, (i, j, k), atol=1e-6)
                assert found.values[row, column] == volume.voxels[k, j, i]
