"""Planes across the voxels' fastest axis, of which neighbours are fetched together, beside SimpleITK's slices."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk

from fusion3d_gui.imaging.plane import ORIENTATIONS
from fusion3d_gui.imaging.reslice.slicer import Slicer
from fusion3d_gui.imaging.volume import Volume


@pytest.mark.parametrize("turned", [False, True], ids=["as stored", "mirrored view"])
@pytest.mark.parametrize("columns", [3, 8, 13, 16])
@pytest.mark.parametrize("kind", [np.uint8, np.int16, np.uint16, np.int32, np.float32])
def test_planes_are_simpleitks_slices_in_any_order(kind, columns, turned):
    voxels = np.random.default_rng(columns).integers(0, 200, (6, 5, columns)).astype(kind)
    image = sitk.GetImageFromArray(voxels)
    # A mirrored view of other memory can't be read by words.
    stored = voxels[:, :, ::-1].copy()[:, :, ::-1] if turned else voxels
    slicer = Slicer(Volume(stored, np.eye(4)))
    there = list(range(columns))
    for plane in (*there, *reversed(there), *np.random.default_rng(0).permutation(there).tolist()):
        found = slicer.cut(ORIENTATIONS[2], float(plane)).values
        expected = sitk.GetArrayFromImage(image[plane, :, :])
        # The head is up, and anterior is left: as the patient is seen from the left.
        assert np.array_equal(found, expected[::-1])
        assert found.dtype == kind
