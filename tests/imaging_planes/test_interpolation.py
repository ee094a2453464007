"""Values between voxels: nearest and linear judged by SimpleITK, cubic by Pillow and by parabolas."""

from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk
from PIL import Image

from fusion3d_gui.imaging.plane import AXIAL, ORIENTATIONS, Plane, Rect
from fusion3d_gui.imaging.reslice.cubic import enlarge_cubic
from fusion3d_gui.imaging.reslice.sampling import Interpolation, sample
from fusion3d_gui.imaging.reslice.slab import THIN
from fusion3d_gui.imaging.reslice.slicer import SamplingOptions, Slicer
from fusion3d_gui.imaging.volume import Volume


def oblique_affine() -> np.ndarray:
    q, _ = np.linalg.qr(np.random.default_rng(5).normal(size=(3, 3)))
    affine = np.eye(4)
    affine[:3, :3] = q @ np.diag([0.7, 1.3, 3.1])
    affine[:3, 3] = (-20.0, 5.0, 60.0)
    return affine


def middle_plane(volume: Volume, orientation, shape=(61, 67)) -> Plane:
    low, high = volume.bounds_lps
    (left, top), (right, bottom) = np.sort(orientation.to_screen(np.stack([low, high])), axis=0)
    rect = Rect(left - 2, top - 2, right - left + 4, bottom - top + 4)
    return Plane.covering(orientation, rect, float(volume.center_lps[orientation.depth]), shape)


@pytest.mark.parametrize("orientation", ORIENTATIONS, ids=lambda each: each.name)
def test_nearest_values_on_any_plane_are_simpleitks(orientation):
    voxels = np.random.default_rng(0).integers(-900, 2000, (9, 14, 17)).astype(np.int16)
    volume = Volume(voxels, oblique_affine())
    plane = middle_plane(volume, orientation)
    found = sample(volume, plane, interpolation=Interpolation.NEAREST)
    image = sitk.GetImageFromArray(voxels)
    spacing = np.array(volume.spacing_mm)
    image.SetSpacing(spacing.tolist())
    image.SetOrigin(volume.affine[:3, 3].tolist())
    image.SetDirection((volume.affine[:3, :3] / spacing).ravel().tolist())
    where = plane.to_lps(np.arange(61)[:, None], np.arange(67)[None, :])
    same = inside = 0
    for row in range(0, 61, 3):
        for column in range(0, 67, 3):
            index = image.TransformPhysicalPointToIndex(where[row, column].tolist())
            if all(0 <= at < size for at, size in zip(index, (17, 14, 9), strict=True)):
                inside += 1
                same += found[row, column] == image.GetPixel(*index)
    assert inside > 80
    assert same >= 0.99 * inside  # halfway between two voxels either is right


def test_an_enlarged_picture_is_pillows_bicubic():
    values = np.random.default_rng(1).random((20, 24)).astype(np.float32) * 1000
    rect = Rect(-3.0, 2.0, 24 * 0.8, 20 * 1.5)
    ours = enlarge_cubic(values, rect, rect, (140, 168))
    theirs = np.asarray(Image.fromarray(values).resize((168, 140), Image.Resampling.BICUBIC))
    # At the very edge Pillow leaves out what lies beyond it.
    inner = (slice(14, -14), slice(14, -14))
    np.testing.assert_allclose(ours[inner], theirs[inner], atol=0.05)


def test_a_part_of_an_enlarged_picture_is_that_part_of_the_whole():
    values = np.random.default_rng(2).integers(-500, 900, (30, 26)).astype(np.int16)
    rect = Rect(0.0, 0.0, 26.0, 60.0)
    whole = enlarge_cubic(values, rect, rect, (300, 130))
    part = enlarge_cubic(values, rect, Rect(6.0, 12.0, 8.0, 20.0), (100, 40))
    np.testing.assert_allclose(part, whole[60:160, 30:70], atol=0.02)


@pytest.mark.parametrize(("left", "top"), [(-9.0, 8.0), (40.0, 8.0), (8.0, -30.0), (8.0, 90.0)])
def test_beyond_an_enlarged_picture_its_outermost_values_continue(left, top):
    values = np.random.default_rng(2).integers(-500, 900, (30, 26)).astype(np.int16)
    found = enlarge_cubic(values, Rect(0.0, 0.0, 26.0, 60.0), Rect(left, top, 4.0, 4.0), (8, 8))
    if 0 < top < 60:  # beside: each row as it is interpolated down the edge
        edge = enlarge_cubic(
            values[:, [0 if left < 0 else -1]],
            Rect(0.0, 0.0, 1.0, 60.0),
            Rect(0.0, top, 1.0, 4.0),
            (8, 1),
        )
        expected = np.broadcast_to(edge, (8, 8))
    else:
        edge = enlarge_cubic(
            values[[0 if top < 0 else -1]],
            Rect(0.0, 0.0, 26.0, 1.0),
            Rect(left, 0.0, 4.0, 1.0),
            (1, 8),
        )
        expected = np.broadcast_to(edge, (8, 8))
    np.testing.assert_allclose(found, expected, atol=1e-3)


def test_a_picture_of_one_pixel_is_that_pixel_everywhere():
    one = np.array([[7.0]], np.float32)
    for left, top in ((-9.0, 0.0), (0.0, -9.0), (0.2, 0.3), (5.0, 5.0)):
        found = enlarge_cubic(one, Rect(0.0, 0.0, 1.0, 1.0), Rect(left, top, 0.5, 0.5), (3, 2))
        np.testing.assert_allclose(found, 7.0, rtol=1e-6)


def test_cubic_values_of_a_parabola_are_exact_on_any_plane():
    affine = oblique_affine()
    k, j, i = np.mgrid[:14, :20, :22].astype(np.float64)

    def parabola(i, j, k):
        return 3 * i * i - 2 * j * j + 0.5 * k * k + i * j - 4 * k + 7

    volume = Volume(parabola(i, j, k).astype(np.float32), affine)
    for orientation in ORIENTATIONS:
        plane = middle_plane(volume, orientation)
        found = sample(volume, plane, interpolation=Interpolation.CUBIC)
        where = plane.to_lps(np.arange(61)[:, None], np.arange(67)[None, :])
        index = volume.to_index(where)
        inner = ((index >= 1) & (index <= np.array([20, 18, 12]))).all(axis=-1)
        assert inner.sum() > 200
        np.testing.assert_allclose(found[inner], parabola(*index[inner].T), atol=0.05)
        linear = sample(volume, plane)
        assert np.abs(linear[inner] - parabola(*index[inner].T)).max() > 0.2


def test_beyond_the_outermost_voxels_a_cubic_value_continues_them():
    affine = oblique_affine()
    voxels = np.random.default_rng(9).normal(0, 300, (9, 12, 10)).astype(np.float32)
    wider = affine.copy()
    wider[:3, 3] -= affine[:3, :3] @ (2, 2, 2)
    volume, continued = Volume(voxels, affine), Volume(np.pad(voxels, 2, "edge"), wider)
    for orientation in ORIENTATIONS:
        plane = middle_plane(volume, orientation)
        found = sample(volume, plane, interpolation=Interpolation.CUBIC)
        expected = sample(continued, plane, interpolation=Interpolation.CUBIC)
        index = volume.to_index(plane.to_lps(np.arange(61)[:, None], np.arange(67)[None, :]))
        outer = ((index > 0) & (index < (9, 11, 8))).all(axis=-1)
        outer &= ((index < 1) | (index > (8, 10, 7))).any(axis=-1)
        assert outer.sum() > 100
        np.testing.assert_allclose(found[outer], expected[outer], atol=0.05)


def test_a_cubic_plane_cut_in_steps_is_the_whole_one():
    voxels = np.random.default_rng(3).integers(0, 900, (12, 100, 160)).astype(np.int16)
    slicer = Slicer(Volume(voxels, oblique_affine()))
    options = SamplingOptions(pixel_mm=0.1, interpolation=Interpolation.CUBIC)
    depth = float(slicer.volume.center_lps[2])
    steps = [each.values.copy() for each in slicer.cut_gradually(AXIAL, depth, THIN, options)]
    assert len(steps) > 1
    piece = list(slicer.cut_gradually(AXIAL, depth, THIN, options))[-1]
    plane = Plane.covering(AXIAL, piece.rect, piece.depth_mm, piece.values.shape)
    whole = sample(slicer.volume, plane, interpolation=Interpolation.CUBIC)
    np.testing.assert_allclose(piece.values, whole, atol=0.05)
