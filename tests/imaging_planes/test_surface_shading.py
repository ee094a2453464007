"""A lit surface: brightness by Lambert's law where it is smooth, faded where it ends."""

from __future__ import annotations

import numpy as np
import pytest

from fusion3d_gui.imaging.reslice.surface_shading import AMBIENT, LIGHT, shade_surface

#: Screen mm (u, v) of a step in (column, row): not square, so that swapped axes show.
_TO_SCREEN = np.diag([0.8, 1.2])


def _expected(slope_u: float, slope_v: float) -> float:
    """Of 255: a plane whose depth grows by these per mm to the right and down, by Lambert's law."""
    normal = np.array([slope_u, slope_v, 1.0])
    light = np.array([*LIGHT, 1.0])
    cosine = normal @ light / np.linalg.norm(normal) / np.linalg.norm(light)
    return 255 * (AMBIENT + (1 - AMBIENT) * max(cosine, 0.0))


def _plane(slope_u: float, slope_v: float, rows: int = 24, columns: int = 30) -> np.ndarray:
    row, column = np.indices((rows, columns), dtype=np.float32)
    return (100 + slope_u * 0.8 * column + slope_v * 1.2 * row).astype(np.float32)


@pytest.mark.parametrize("slopes", [(0.0, 0.0), (0.5, 0.0), (0.0, 0.5), (-0.6, -0.3), (0.4, -0.7)])
def test_a_tilted_plane_is_as_bright_as_its_angle_to_the_light_says(slopes):
    depth = _plane(*slopes)
    shown = shade_surface(depth, np.ones(depth.shape, bool), 1.0, _TO_SCREEN)
    assert shown.dtype == np.uint8
    np.testing.assert_allclose(shown[6:-6, 6:-6], _expected(*slopes), atol=1.5)


def test_the_crest_of_a_roof_is_between_its_sides_and_each_side_is_flat():
    depth = np.abs(np.indices((24, 30), dtype=np.float32)[1] - 14.5) * np.float32(0.4)
    shown = shade_surface(depth, np.ones(depth.shape, bool), 1.0, _TO_SCREEN).astype(int)
    row = shown[12]
    np.testing.assert_allclose(row[5:10], _expected(-0.5, 0), atol=2)
    np.testing.assert_allclose(row[20:25], _expected(0.5, 0), atol=2)
    np.testing.assert_allclose(row[12:19], [236, 237, 232, 214, 191, 178, 174], atol=1)  # stored


def test_a_surface_fades_over_a_pixel_or_two_and_nothing_is_black():
    found = np.zeros((24, 30), bool)
    found[6:18, 8:22] = True
    depth = _plane(0.2, 0.1)
    shown = shade_surface(depth, found, 1.0, _TO_SCREEN)
    assert not shown[:4].any()
    assert not shown[:, :6].any()
    inner = shown[8:16, 10:20]
    np.testing.assert_allclose(inner, _expected(0.2, 0.1), atol=4)
    # Where it ends it is as bright as its surroundings, only fainter. Stored numbers:
    np.testing.assert_allclose(shown[12, 6:12], [0, 80, 207, 205, 201, 199], atol=1)
    np.testing.assert_allclose(shown[4:9, 12], [0, 78, 203, 202, 200], atol=1)


def test_steep_specks_take_the_brightness_around_them():
    """Two neighbouring pixels 3 mm nearer would be a dark and a bright speck."""
    depth = _plane(0.0, 0.0)
    speckled = depth.copy()
    speckled[11:13, 14:16] -= 3
    everywhere = np.ones(depth.shape, bool)
    plain = shade_surface(depth, everywhere, 1.0, _TO_SCREEN).astype(int)
    shown = shade_surface(speckled, everywhere, 1.0, _TO_SCREEN).astype(int)
    assert np.abs(shown - plain).max() < 60
    np.testing.assert_array_equal(shown[:, :6], plain[:, :6])
    stored = [
        [226, 230, 239, 248, 249, 232, 213, 213, 221, 224],
        [226, 232, 239, 242, 246, 216, 187, 197, 217, 224],
        [226, 231, 234, 228, 220, 191, 172, 192, 216, 224],
    ]
    np.testing.assert_allclose(shown[10:13, 10:20], stored, atol=1)


@pytest.mark.parametrize("axis", [0, 1])
def test_depths_where_there_is_no_surface_do_not_matter(axis):
    found = np.random.default_rng(0).random((24, 30)) < 0.7
    # Surfaces one pixel thin at each edge of the image.
    found[:, [0, -1]] = found[[0, -1]] = True
    found[1:-1, [1, -2]] = found[[1, -2], 1:-1] = False
    found = np.moveaxis(found, 0, axis)
    depth = np.moveaxis(_plane(0.3, -0.2), 0, axis)
    expected = shade_surface(depth, found, 1.0, _TO_SCREEN)
    for arbitrary in (depth + 2, np.float32(0), np.float32(1e4)):
        shown = shade_surface(np.where(found, depth, arbitrary), found, 1.0, _TO_SCREEN)
        np.testing.assert_array_equal(shown, expected)


@pytest.mark.parametrize("slice_mm", [0.5, 1.0, 2.0])
@pytest.mark.parametrize("axis", [0, 1])
def test_a_step_of_more_than_six_slices_a_pixel_leads_to_another_surface(slice_mm, axis):
    """20 slices within the 3 pixels over which depths are smoothed."""
    depth = _plane(0.0, 0.0)
    far = np.indices(depth.shape)[axis] >= depth.shape[axis] // 2
    depth[far] += np.float32(20 * slice_mm)
    shown = shade_surface(depth, np.ones(depth.shape, bool), slice_mm, _TO_SCREEN)
    np.testing.assert_allclose(shown[6:-6, 6:-6], _expected(0.0, 0.0), atol=1.5)
