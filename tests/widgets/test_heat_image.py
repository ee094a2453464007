"""The heatmap's levels on planes and in slabs, straight and oblique, judged by SimpleITK's resampling."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk

from fusion3d_gui.imaging.plane import ORIENTATIONS, Plane, Rect
from fusion3d_gui.imaging.reslice.slicer import transform_volume
from fusion3d_gui.imaging.volume import Volume
from fusion3d_gui.widgets.slice.heat.heat_image import HeatBuffers, heat_levels, scaled_to_levels


def heat(turned: bool) -> Volume:
    """Smooth anisotropic cells of some 8 mm, straight or at an angle to the patient."""
    values = np.random.default_rng(4).random((7, 8, 9)).astype(np.float32)
    linear = np.diag([8.0, 9.0, 7.0])
    if turned:
        q, _ = np.linalg.qr(np.random.default_rng(6).normal(size=(3, 3)))
        linear = q @ linear
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = linear, (-20, 30, 5)
    return Volume(values, affine)


def simpleitks(volume: Volume, plane: Plane) -> np.ndarray:
    """Linear values on a plane; 0 outside."""
    image = sitk.GetImageFromArray(volume.voxels)
    spacing = np.linalg.norm(volume.affine[:3, :3], axis=0)
    image.SetSpacing(spacing.tolist())
    image.SetOrigin(volume.affine[:3, 3].tolist())
    image.SetDirection((volume.affine[:3, :3] / spacing).ravel().tolist())
    rows, columns = plane.shape
    grid = sitk.Image(columns, rows, 1, sitk.sitkFloat32)
    right, down = np.linalg.norm(plane.right_step), np.linalg.norm(plane.down_step)
    axes = [plane.right_step / right, plane.down_step / down]
    grid.SetSpacing((right, down, 1.0))
    grid.SetOrigin(plane.origin_lps.tolist())
    grid.SetDirection(np.stack([*axes, np.cross(*axes)], axis=1).ravel().tolist())
    return sitk.GetArrayFromImage(
        sitk.Resample(image, grid, sitk.Transform(), sitk.sitkLinear, 0.0, sitk.sitkFloat32)
    )[0]


@pytest.mark.parametrize("thickness_mm", [0.0, 20.0])
@pytest.mark.parametrize("turned", [False, True], ids=["straight", "turned"])
@pytest.mark.parametrize("orientation", ORIENTATIONS, ids=lambda each: each.name)
def test_levels_are_the_largest_of_simpleitks_values_through_the_slab(
    orientation, turned, thickness_mm
):
    patient = heat(turned)
    # As the views do with planes that were turned by hand: the volume is moved to straight planes.
    matrix = np.eye(4)
    if turned:
        matrix[:3, :3] = [[0.8, -0.6, 0], [0.6, 0.8, 0], [0, 0, 1]]
        matrix[:3, 3] = (4, -3, 2)
    volume = transform_volume(patient, matrix)
    u, v = orientation.to_screen(volume.center_lps)
    depth = float(volume.center_lps[orientation.depth]) + 2.3
    rect, shape = Rect(float(u) - 45, float(v) - 40, 90.0, 80.0), (80, 90)
    peak = float(volume.voxels.max())
    levels = heat_levels(
        scaled_to_levels(volume, peak), orientation, rect, depth, shape, thickness_mm, HeatBuffers()
    )
    plane = Plane.covering(orientation, rect, depth, shape)
    back = np.linalg.inv(matrix)
    planes = []
    for offset in np.linspace(-thickness_mm / 2, thickness_mm / 2, 81 if thickness_mm else 1):
        there = plane.shifted(np.eye(3)[orientation.depth] * offset)
        linear = back[:3, :3]
        in_patient = Plane(
            linear @ there.origin_lps + back[:3, 3],
            linear @ there.right_step,
            linear @ there.down_step,
            shape,
        )
        planes.append(simpleitks(patient, in_patient))
    expected = (np.max(planes, axis=0) * 255 / peak).clip(0, 255)
    difference = np.abs(levels - expected)
    assert expected.max() > 200
    # Steps through an oblique slab come close; on the rim of the map a pixel is in or out (1 to 1.5 %).
    assert np.mean(difference > (8 if thickness_mm else 1.5)) < 0.02
    assert np.median(difference[expected > 0]) < 1.5
