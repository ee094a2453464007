"""At scales between whole ones a view may begin or end in the middle of a pixel of the screen."""

from __future__ import annotations

import math

import numpy as np
import pytest
from PySide6.QtCore import QPointF, QRectF
from PySide6.QtGui import QColor, QImage, QPainter

from fusion3d_gui.widgets.slice.crosshair_arms import Arm, paint_arms


def blank(width: int, height: int, ratio: float) -> QImage:
    """A picture of so many points, at a scale, all of it in a colour that nothing is drawn in.

    It has those pixels of which at least a half lies in it.
    """
    form = QImage.Format.Format_RGB32
    image = QImage(math.floor(width * ratio + 0.5), math.floor(height * ratio + 0.5), form)
    image.setDevicePixelRatio(ratio)
    image.fill(QColor("magenta"))
    return image


def pixels(image: QImage) -> np.ndarray:
    rows = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.width(), 4)
    return rows[..., :3].astype(int)


@pytest.mark.parametrize("ratio", [1.25, 1.5])
@pytest.mark.parametrize("kept", [False, True], ids=["drawn", "kept"])
def test_a_view_covers_every_pixel_half_of_which_is_its_own(opened, ratio, kept):
    view = opened.views.axial
    view.camera.resize(333, 415)  # at 1.5 both end in the middle of a pixel
    for _ in range(2 if kept else 1):
        image = blank(333, 415, ratio)
        painter = QPainter(image)
        area = QRectF(0, 0, 333, 415)
        view.picture.paint(painter, view.camera, area, view._caption_texts(view.slicer))
        painter.end()
    magenta = (pixels(image) == (255, 0, 255)).all(axis=2)
    assert not magenta.any()


@pytest.mark.parametrize(("ratio", "wide"), [(1.0, 1), (1.25, 1), (1.5, 2), (2.0, 2)])
def test_all_straight_lines_of_the_crosshair_are_as_wide(ratio, wide):
    for x in (60.0, 61.0, 62.3, 63.7):
        image = blank(150, 150, ratio)
        painter = QPainter(image)
        arms = [Arm("Sagittal", 0.0, 1.0, 1.0), Arm("Coronal", 1.0, 0.0, 1.0)]
        paint_arms(painter, arms, QPointF(x, x), QRectF(0, 0, 150, 150), [], with_grips=False)
        painter.end()
        drawn = (pixels(image) != (255, 0, 255)).any(axis=2)
        edge = round(100 * ratio)
        assert drawn[edge].sum() == wide
        assert drawn[:, edge].sum() == wide
