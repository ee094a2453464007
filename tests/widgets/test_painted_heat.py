"""The colours of a heatmap on the painted slice, at several zooms, judged by SimpleITK's resampling."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from PySide6.QtCore import QRectF
from PySide6.QtGui import QImage, QPainter

from fusion3d_gui.imaging.display.heat_colors import heat_alpha, heatmap_colors
from fusion3d_gui.imaging.display.window import Preset, Window
from fusion3d_gui.imaging.plane import ORIENTATIONS, Rect
from fusion3d_gui.imaging.reslice.slicer import Slice
from fusion3d_gui.imaging.volume import Volume
from fusion3d_gui.inference.prediction import Heatmap
from fusion3d_gui.state.data.case import Case
from fusion3d_gui.state.display.camera import Camera
from fusion3d_gui.state.display.display import Display
from fusion3d_gui.widgets.slice.captions import CaptionTexts
from fusion3d_gui.widgets.slice.heat.heat_layer import HeatLayer
from fusion3d_gui.widgets.slice.slice_picture import SlicePicture

WIDTH, HEIGHT = 460, 430
GRAY = 120


def volume() -> Volume:
    """160 x 150 x 140 voxels of 1 mm, all of one gray but for the darkest and the brightest in two corners."""
    voxels = np.full((140, 150, 160), GRAY, np.uint8)
    voxels[0, 0, 0], voxels[-1, -1, -1] = 0, 255
    affine = np.eye(4)
    affine[:3, 3] = (-70, -80, 15)
    return Volume(voxels, affine)


def heatmap(of: Volume) -> Heatmap:
    """Random cells of some 20 mm, which cover but a part of the volume."""
    low, high = of.bounds_lps
    cells = np.array([7, 6, 7])
    affine = np.diag([*(0.9 * (high - low) / cells), 1.0])
    affine[:3, 3] = low + 0.07 * (high - low)
    values = np.random.default_rng(2).random(cells[::-1]).astype(np.float32)
    return Heatmap(values, affine, "gradcam", "layer3")


def painted(picture: SlicePicture, camera: Camera) -> np.ndarray:
    """RGB [row, column] of the view, without captions."""
    image = QImage(WIDTH, HEIGHT, QImage.Format.Format_RGB32)
    painter = QPainter(image)
    picture.paint(
        painter,
        camera,
        QRectF(0, 0, WIDTH, HEIGHT),
        CaptionTexts("", "", "", "", "", ("", "", "", "")),
    )
    painter.end()
    bgra = np.frombuffer(image.constBits(), np.uint8).reshape(HEIGHT, WIDTH, 4)
    return bgra[:, :, 2::-1].astype(int)


def simpleitks_levels(heat: Heatmap, points_lps: np.ndarray) -> np.ndarray:
    """Linear values at points [n, 3] as levels 0 to 255; 0 outside."""
    image = sitk.GetImageFromArray(heat.values)
    image.SetSpacing(np.diag(heat.affine)[:3].tolist())
    image.SetOrigin(heat.affine[:3, 3].tolist())
    levels = [
        image.EvaluateAtPhysicalPoint(point, sitk.sitkLinear) if inside(image, point) else 0.0
        for point in points_lps.tolist()
    ]
    return np.array(levels) * 255 / heat.peak


def inside(image: sitk.Image, point: list[float]) -> bool:
    index = np.array(image.TransformPhysicalPointToContinuousIndex(point))
    return bool(((index > -0.5) & (index < np.array(image.GetSize()) - 0.5)).all())


# Voxels of 2.8 pixels of the screen are blended with the map before both are enlarged; larger ones after.
@pytest.mark.parametrize("zoom", [1.0, 2.5])
@pytest.mark.parametrize("orientation", ORIENTATIONS, ids=lambda each: each.name)
def test_the_heatmap_has_the_colours_of_simpleitks_values_where_they_lie(qapp, orientation, zoom):
    scan, display, camera = volume(), Display(), Camera()
    display.show_case(Case((Path("scan"),), scan, (Preset("All", Window(127.5, 255)),)))
    picture = SlicePicture(orientation, display)
    picture.set_volume(scan)
    camera.resize(WIDTH, HEIGHT)
    camera.show(picture.slicer.rect(orientation))
    camera.zoom_about(WIDTH / 2, HEIGHT / 2, zoom)
    plain = painted(picture, camera)
    heat = heatmap(scan)
    picture.set_heatmap(heat)
    found = painted(picture, camera)
    rows, columns = (each.ravel() for each in np.mgrid[15 : HEIGHT - 15 : 7, 15 : WIDTH - 15 : 7])
    gray = plain[rows, columns]
    on_scan = gray[:, 0] > 0
    rows, columns, gray = rows[on_scan], columns[on_scan], gray[on_scan]
    points = np.array(
        [
            orientation.to_lps(*camera.to_mm(x + 0.5, y + 0.5), picture.depth_mm)
            for x, y in zip(columns.tolist(), rows.tolist(), strict=True)
        ]
    )
    levels = simpleitks_levels(heat, points)
    overlay = display.overlay
    at = levels.round().astype(int)
    alpha = heat_alpha(overlay.opacity, overlay.threshold)[at][:, None]
    expected = gray * (1 - alpha) + heatmap_colors(overlay.color_map)[at] * alpha
    difference = np.abs(found[rows, columns] - expected)
    assert np.abs(expected - gray).max() > 60
    assert difference.mean() < 0.7
    # But for the rim of the map, where a pixel is in or out.
    assert np.mean(difference > 6) < 0.01


@pytest.mark.parametrize(
    ("px_per_mm", "cell_mm", "fits"),
    [
        (1.2, 20.0, False),  # hardly fewer pixels than the screen has
        (2.0, 20.0, True),
        (2.9, 20.0, True),
        (3.1, 20.0, False),  # the slice's pixels would be seen in the map
        (2.0, 0.9, False),  # the map is finer than the slice
    ],
)
def test_a_map_has_the_slices_pixels_only_where_that_saves_some_and_is_not_seen(
    px_per_mm, cell_mm, fits
):
    display, camera = Display(), Camera()
    layer = HeatLayer(display.overlay)
    affine = np.diag([cell_mm, cell_mm, cell_mm, 1.0])
    layer.use(Heatmap(np.ones((5, 5, 5), np.float32), affine, "gradcam", "layer3"), 1.0, np.eye(4))
    piece = Slice(np.zeros((100, 120), np.float32), Rect(0, 0, 120, 100), 0.0)
    # Fitted with a margin of 2 % on each side.
    camera.resize(120 * px_per_mm / 0.96, 100 * px_per_mm / 0.96)
    camera.show(piece.rect)
    assert camera.scale == pytest.approx(px_per_mm)
    assert layer.suits(piece, camera, 1.0) is fits
    display.overlay.toggle_contours()
    assert not layer.suits(piece, camera, 1.0)
