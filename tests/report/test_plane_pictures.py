"""Planes of a case as pixels: what is cut, cut off, coloured and written beside it, each by its formula."""

from __future__ import annotations

import base64
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from imagecodecs import png_decode

from fusion3d_gui.imaging.display.heat_colors import heatmap_colors
from fusion3d_gui.imaging.display.window import Window
from fusion3d_gui.imaging.plane import AXIAL, Plane
from fusion3d_gui.imaging.reslice.slicer import Slicer
from fusion3d_gui.imaging.volume import Volume
from fusion3d_gui.inference.prediction import Heatmap
from fusion3d_gui.report.case_result import Appearance
from fusion3d_gui.report.picture.plane_picture import (
    axis_text,
    plane_colors,
    plane_pictures,
    png_url,
)

#: x, y and z; the first voxel's outer corner lies at the origin.
SPACING = np.array([2.0, 1.0, 3.0])
SIZE = np.array([30, 40, 10])
WINDOW = Window.between(0, 1000)
#: The longest side, 60 mm, has 480 pixels.
PIXEL_MM = 60 / 480


def _volume(voxels: np.ndarray, **changed: Any) -> Volume:
    affine = np.diag([*SPACING, 1.0])
    affine[:3, 3] = SPACING / 2
    return Volume(voxels, affine, modality="MR", **changed)


def _result(volume: Volume, heat: np.ndarray | None = None, **look: Any) -> Any:
    values = np.zeros(volume.shape, np.float32) if heat is None else heat.astype(np.float32)
    heatmap = Heatmap(values, volume.affine, "gradcam", "layer4")
    look = {"opacity": 0.5, "threshold": 0.25, **look}
    return SimpleNamespace(
        volume=volume,
        appearance=Appearance(window=WINDOW, **look),
        prediction=SimpleNamespace(heatmap=heatmap),
    )


def _box() -> np.ndarray:
    voxels = np.zeros(SIZE[::-1], np.int16)
    voxels[3:7, 10:30, 10:20] = 1000
    return voxels


def _cut(axis: int, first: int, last: int, at_mm: float) -> tuple[int, int]:
    """First pixel and the one after the last that are shown along an axis of the box from voxel to voxel.

    From linear interpolation between the voxels along the axis: brighter than 10 of 255, and 6 mm around it.
    """
    count = round(SIZE[axis] * SPACING[axis] / PIXEL_MM)
    profile = np.zeros(SIZE[axis])
    profile[first : last + 1] = 1000
    centers = (np.arange(count) + 0.5) * PIXEL_MM / SPACING[axis] - 0.5
    gray = np.floor(np.interp(centers, np.arange(SIZE[axis]), profile) * 255 / 1000 + 0.5)
    (bright,) = np.nonzero(gray > 10)
    low = min(bright[0], at_mm / PIXEL_MM) - 6 / PIXEL_MM
    high = max(bright[-1] + 1, at_mm / PIXEL_MM) + 6 / PIXEL_MM
    return max(0, int(low)), min(count, int(np.ceil(high)))


@pytest.mark.parametrize("center", [(30.0, 20.0, 15.0), (9.3, 3.0, 15.0), (55.2, 39.0, 15.0)])
def test_black_borders_are_cut_off_but_for_6_mm_and_the_place_itself(center):
    result = _result(_volume(_box()))
    pictures = plane_pictures(result, np.array(center))
    assert [each.name for each in pictures] == ["Axial", "Coronal", "Sagittal"]
    x, y, z = center
    # Down the screen lies the patient's back in an axial plane, his feet in the others.
    sides = {"Axial": ((0, x, 1), (1, y, 1)), "Coronal": ((0, x, 1), (2, z, -1))}
    sides["Sagittal"] = ((1, y, 1), (2, z, -1))
    box = ((10, 19), (10, 29), (3, 6))
    for picture in pictures:
        shape, crosses = [], []
        for axis, at, sign in sides[picture.name]:
            first, last = box[axis]
            if sign < 0:
                first, last, at = SIZE[axis] - 1 - last, SIZE[axis] - 1 - first, 30 - at
            start, stop = _cut(axis, first, last, at)
            shape.append(stop - start)
            crosses.append((at / PIXEL_MM - start) / (stop - start))
        through = {"Axial": 2, "Coronal": 1, "Sagittal": 0}[picture.name]
        inside = box[through][0] <= center[through] // SPACING[through] <= box[through][1]
        if not inside:
            continue
        assert picture.plain.shape == picture.heat.shape == (shape[1], shape[0], 3)
        assert picture.plain.dtype == picture.heat.dtype == np.uint8
        assert (picture.width_mm, picture.height_mm) == pytest.approx(
            (shape[0] * PIXEL_MM, shape[1] * PIXEL_MM)
        )
        assert picture.cross == pytest.approx(tuple(crosses))
        assert min(picture.cross) >= 0 and max(picture.cross) <= 1


def test_a_black_plane_is_shown_whole_and_a_place_outside_is_brought_to_the_edge():
    result = _result(_volume(np.zeros(SIZE[::-1], np.int16)))
    pictures = plane_pictures(result, np.array([-50.0, 100.0, 15.0]))
    assert [each.plain.shape for each in pictures] == [
        (320, 480, 3),
        (240, 480, 3),
        (240, 320, 3),
    ]
    assert [(each.width_mm, each.height_mm) for each in pictures] == [(60, 40), (60, 30), (40, 30)]
    assert [each.cross for each in pictures] == [
        pytest.approx((0, 1)),
        pytest.approx((0, 0.5)),
        pytest.approx((1, 0.5)),
    ]
    assert [each.position for each in pictures] == ["S 16.5 mm", "P 39.5 mm", "L 1.0 mm"]
    assert [each.letters for each in pictures] == [
        ("R", "L", "A", "P"),
        ("R", "L", "S", "I"),
        ("A", "P", "S", "I"),
    ]
    assert not any(each.plain.any() or each.heat.any() for each in pictures)


def test_a_single_bright_pixel_at_the_edge_is_not_cut_off():
    voxels = np.zeros(SIZE[::-1], np.int16)
    voxels[:, :, 0] = voxels[:, -1, :] = 1000
    (axial, *_) = plane_pictures(_result(_volume(voxels)), np.array([1.0, 39.5, 15.0]))
    assert axial.plain.shape[:2] == (320, 480)
    voxels = np.zeros(SIZE[::-1], np.int16)
    voxels[:, :, 0] = 1000
    (axial, *_) = plane_pictures(_result(_volume(voxels)), np.array([1.0, 20.0, 15.0]))
    start, stop = _cut(0, 0, 0, 1.0)
    assert start == 0
    assert axial.plain.shape[:2] == (320, stop)


def test_pixels_are_the_gray_levels_of_the_window_and_may_be_inverted():
    voxels = np.zeros(SIZE[::-1], np.int16)
    voxels[:, :, 15:] = 400
    volume = _volume(voxels)
    slicer = Slicer(volume)
    plane = Plane.covering(AXIAL, slicer.rect(AXIAL), 16.5, (40, 30))
    plain, heat = plane_colors(_result(volume), plane)
    assert plain.shape == heat.shape == (40, 30, 3)
    assert (plain[:, :15] == 0).all() and (plain[:, 15:] == round(0.4 * 255)).all()
    np.testing.assert_array_equal(plain, heat)  # an empty heatmap
    inverted, _ = plane_colors(_result(volume, inverted=True), plane)
    np.testing.assert_array_equal(inverted, 255 - plain)
    # Outside the scan it is black either way.
    rect = replace(slicer.rect(AXIAL), left=-60.0)
    beside = Plane.covering(AXIAL, rect, 16.5, (40, 30))
    for look in (False, True):
        shown, _ = plane_colors(_result(volume, inverted=look), beside)
        assert not shown[:, :29].any()


def test_heat_is_mixed_by_its_opacity_which_fades_in_above_the_threshold():
    voxels = np.full(SIZE[::-1], 500, np.int16)
    heat = np.zeros(SIZE[::-1])
    shares = np.array([0.0, 0.2, 0.245, 0.26, 0.3, 0.34, 0.5, 0.8, 1.0])
    heat[:, :, : len(shares)] = 4.0 * shares
    volume = _volume(voxels)
    plane = Plane.covering(AXIAL, Slicer(volume).rect(AXIAL), 16.5, (40, 30))
    result = _result(volume, heat, opacity=0.6, color_map="Viridis")
    plain, mixed = plane_colors(result, plane)
    assert (plain == 128).all()
    colors = heatmap_colors("Viridis")
    for column, share in enumerate(shares):
        level = round(255 * share)
        above = (level / 255 - 0.25) / (0.12 * 0.75)
        alpha = 0.6 * min(max(above, 0.0), 1.0)
        expected = np.rint(128 * (1 - alpha) + colors[level].astype(float) * alpha)
        np.testing.assert_array_equal(mixed[7, column], expected)
    assert (mixed[:, 1] == 128).all() and not (mixed[:, 4] == 128).all()


def test_heat_outside_its_grid_is_none_and_is_shown_on_black():
    volume = _volume(np.zeros(SIZE[::-1], np.int16))
    values = np.ones((4, 4, 4), np.float32)
    affine = np.diag([2.0, 1.0, 3.0, 1.0])
    affine[:3, 3] = volume.affine[:3, 3] + (20, 10, 9)
    result = _result(volume)
    result.prediction.heatmap = Heatmap(values, affine, "gradcam", "layer4")
    (axial, *_) = plane_pictures(result, np.array([22.0, 12.0, 15.0]))
    assert not axial.plain.any()
    # The heat is not black: it is what the borders are cut off around.
    assert axial.heat.any()
    assert axial.width_mm == pytest.approx(4 * 2 + 12, abs=0.3)
    assert axial.height_mm == pytest.approx(4 * 1 + 12, abs=0.3)


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({}, ["", "", ""]),
        ({"image_numbers": tuple(range(101, 111))}, ["image 106", "reformatted", "reformatted"]),
        (
            {"image_numbers": (*(n for n in range(5)), None, *(n for n in range(4)))},
            ["as acquired", "reformatted", "reformatted"],
        ),
        ({"interpolated_from": 5}, ["resampled", "resampled", "resampled"]),
    ],
)
def test_a_picture_says_which_image_it_is_or_how_it_was_computed(changed, expected):
    voxels = np.zeros(SIZE[::-1], np.int16)
    volume = _volume(voxels, **changed)
    if not changed:
        # Voxels of one size: none of the axes is that of the slices.
        volume = replace(volume, affine=np.diag([2.0, 2.0, 2.0, 1.0]))
    pictures = plane_pictures(_result(volume), np.array([20.0, 20.0, 16.0]))
    assert [each.image for each in pictures] == expected


def test_all_pictures_of_a_case_have_one_scale_whichever_side_is_longest():
    for size in ((20, 40, 60), (60, 20, 40), (40, 60, 20)):
        voxels = np.full(size[::-1], 900, np.int16)
        volume = Volume(voxels, np.diag([1.0, 1.0, 1.0, 1.0]), modality="MR")
        pictures = plane_pictures(_result(volume), np.array(volume.center_lps))
        for picture, (across, down) in zip(pictures, ((0, 1), (0, 2), (1, 2)), strict=True):
            assert picture.plain.shape[:2] == (8 * size[down], 8 * size[across])
            assert (picture.width_mm, picture.height_mm) == (size[across], size[down])


def test_images_are_urls_of_lossless_png():
    rgb = np.random.default_rng(1).integers(0, 255, (5, 7, 3), dtype=np.uint8)
    for image in (rgb, rgb[:, ::-1]):
        head, _, encoded = png_url(image).partition(",")
        assert head == "data:image/png;base64"
        np.testing.assert_array_equal(png_decode(base64.b64decode(encoded)), image)
    volume = _volume(_box())
    (axial, *_) = plane_pictures(_result(volume, _box()), np.array([30.0, 20.0, 15.0]))
    assert axial.plain_url == png_url(axial.plain) != axial.heat_url == png_url(axial.heat)


@pytest.mark.parametrize(
    ("axis", "value", "text"),
    [
        (0, 12.34, "L 12.3"),
        (0, -12.36, "R 12.4"),
        (1, 3.0, "P 3.0"),
        (1, -3.0, "A 3.0"),
        (2, 120.05, "S 120.0"),
        (2, -0.06, "I 0.1"),
        (0, 0.0, "L 0.0"),
        (0, -0.04, "L 0.0"),
        (2, 0.04, "S 0.0"),
    ],
)
def test_a_coordinate_has_its_letter_for_its_sign(axis, value, text):
    assert axis_text(axis, value) == text
