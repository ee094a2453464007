"""What a plane shows, which slices of voxels it coincides with, and which pixels and planes it is sampled at."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations, product

import numpy as np
import pytest

from fusion3d_gui.imaging.plane import AXIAL, CORONAL, ORIENTATIONS, SAGITTAL, Rect
from fusion3d_gui.imaging.reslice.sampling import Interpolation
from fusion3d_gui.imaging.reslice.slab import THIN, Projection, Slab
from fusion3d_gui.imaging.reslice.slicer import SamplingOptions, Slicer
from fusion3d_gui.imaging.volume import Volume

SHAPE = (5, 12, 14)


def volume_of(*sizes_mm: float, shear: float = 0.0, degrees: float = 0.0) -> Volume:
    """Sheared along P from slice to slice, as a tilted gantry does, then turned about S."""
    affine = np.diag([*sizes_mm, 1.0])
    affine[1, 2] = shear
    turn = np.eye(4)
    angle = np.deg2rad(degrees)
    turn[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    affine[:3, 3] = [5.0, -40.0, 11.0]
    voxels = np.random.default_rng(0).integers(0, 1000, SHAPE).astype(np.int16)
    return Volume(voxels, turn @ affine)


@pytest.mark.parametrize(
    ("volume", "shown"),
    [
        (volume_of(1, 1, 1), ("voxels", "voxels", "voxels")),
        (volume_of(1, 1, 4), ("acquired", "reformatted", "reformatted")),
        (volume_of(1, 4, 1), ("reformatted", "acquired", "reformatted")),
        (volume_of(4, 1, 1), ("reformatted", "reformatted", "acquired")),
        (replace(volume_of(1, 1, 4), interpolated_from=4), ("resampled",) * 3),
        (volume_of(1, 1, 4, shear=1.5), ("acquired", "resampled", "resampled")),
        (volume_of(1, 1, 1, shear=0.5), ("resampled",) * 3),
        # Turned about S: axial slices lie on the planes, but their rows do not.
        (volume_of(1, 1, 4, degrees=20), ("resampled",) * 3),
    ],
)
def test_a_plane_says_what_it_shows(volume, shown):
    slicer = Slicer(volume)
    assert tuple(slicer.source(each) for each in (AXIAL, CORONAL, SAGITTAL)) == shown


@pytest.mark.parametrize("order", list(permutations(range(3))))
@pytest.mark.parametrize("signs", list(product((1, -1), repeat=3)))
@pytest.mark.parametrize("shear", [0.0, 1.3])
def test_the_slice_of_voxels_on_a_plane_is_the_one_whose_middle_lies_there(order, signs, shear):
    base = volume_of(0.8, 0.9, 3.0, shear=shear)
    affine = base.affine.copy()
    affine[:3, :3] = (affine[:3, :3] * np.array(signs))[:, order]
    volume = Volume(base.voxels, affine)
    slicer = Slicer(volume)
    middle = (np.array(volume.shape[::-1]) - 1) / 2
    for orientation in ORIENTATIONS:
        if shear and orientation == CORONAL:  # no slices of voxels are coronal
            assert slicer.voxel_index(orientation, 0.0) is None
            continue
        axis = int(np.abs(affine[orientation.depth, :3]).argmax())
        size = volume.shape[2 - axis]
        for index in range(size):
            at = middle.copy()
            at[axis] = index
            depth = float(volume.to_lps(at)[orientation.depth])
            assert slicer.voxel_index(orientation, depth) == index
        for beyond, end in ((-5, 0), (size + 5, size - 1)):
            at[axis] = beyond
            depth = float(volume.to_lps(at)[orientation.depth])
            assert slicer.voxel_index(orientation, depth) == end


def test_an_oblique_plane_is_sampled_in_pixels_of_half_a_voxel_at_least():
    slicer = Slicer(volume_of(1.0, 2.0, 3.0, degrees=20))
    within = Rect(*(float(v) for v in (*_middle(slicer, AXIAL), 6.0, 4.0)))
    for pixel_mm, shape in ((0.5, (8, 12)), (0.1, (8, 12)), (2.0, (2, 3)), (100.0, (1, 1))):
        options = SamplingOptions(within=within, pixel_mm=pixel_mm)
        *_, piece = slicer.cut_gradually(AXIAL, 17.0, THIN, options)
        assert piece.values.shape == shape
        assert np.isfinite(piece.values).all()


def _middle(slicer: Slicer, orientation) -> np.ndarray:
    return orientation.to_screen(slicer.volume.center_lps)


@pytest.mark.parametrize(
    ("thickness_mm", "pixel_mm", "planes", "step_mm"),
    # As far apart as the volume's own planes, or as the pixels where these are larger.
    [(9.5, 0.0, 3, 3.0), (9.5, 0.5, 3, 3.0), (26.0, 5.0, 5, 5.0), (15.5, 0.0, 5, 3.0)],
)
def test_a_slab_of_an_oblique_volume_averages_planes_a_pitch_or_a_pixel_apart(
    thickness_mm, pixel_mm, planes, step_mm
):
    k = np.mgrid[:9, :12, :14][0]
    base = volume_of(1.0, 1.0, 3.0, degrees=20)
    volume = Volume((k * k).astype(np.float32), base.affine)
    slicer = Slicer(volume)
    assert slicer.pitch_mm(AXIAL) == pytest.approx(3.0)
    within = Rect(*(float(v) for v in (*_middle(slicer, AXIAL), 2.0, 2.0)))
    options = SamplingOptions(within=within, pixel_mm=pixel_mm, interpolation=Interpolation.CUBIC)
    slab = Slab(thickness_mm, Projection.MEAN)
    *_, piece = slicer.cut_gradually(AXIAL, 11.0 + 3.0 * 4, slab, options)
    at = 4 + np.arange(-(planes // 2), planes // 2 + 1) * step_mm / 3.0
    expected = np.interp(at, np.arange(9), np.arange(9.0) ** 2).mean()
    np.testing.assert_allclose(piece.values, expected, atol=1e-3)
    options = replace(options, interpolation=Interpolation.NEAREST)
    *_, piece = slicer.cut_gradually(AXIAL, 11.0 + 3.0 * 4, slab, options)
    np.testing.assert_allclose(piece.values, (np.rint(at) ** 2).mean(), atol=1e-3)


def test_a_slab_has_at_most_513_planes():
    slicer = Slicer(Volume(np.zeros((2000, 2, 2), np.int16), np.eye(4)))
    assert slicer.thickness_mm(AXIAL, Slab(1e6, Projection.MEAN)) == pytest.approx(513)
    assert slicer.thickness_mm(AXIAL, Slab(500.0, Projection.MEAN)) == pytest.approx(501)
    assert slicer.thickness_mm(AXIAL, Slab(2.9, Projection.MEAN)) == pytest.approx(3)


def test_without_snapping_a_plane_stays_within_the_volume_and_steps_by_a_pitch():
    slicer = Slicer(volume_of(1.0, 1.0, 3.0, degrees=20), snaps=False)
    low, high = slicer.volume.bounds_lps
    assert slicer.nearest_depth(CORONAL, 1e6) == pytest.approx(high[1], abs=1e-6)
    assert slicer.nearest_depth(CORONAL, -1e6) == pytest.approx(low[1], abs=1e-6)
    middle = float(slicer.volume.center_lps[1])
    assert slicer.nearest_depth(CORONAL, middle + 1e-8) == slicer.nearest_depth(CORONAL, middle)
    pitch = slicer.pitch_mm(CORONAL)
    assert slicer.step_depth(CORONAL, middle, 2) == pytest.approx(middle + 2 * pitch, abs=1e-5)
    # Axial planes coincide with slices of voxels, and snap.
    assert slicer.nearest_depth(AXIAL, 11.0 + 3.4) == pytest.approx(14.0)
    assert slicer.step_depth(AXIAL, 11.0 + 3.4, -1) == pytest.approx(11.0)
