"""Texts on an image can be read whatever lies under them."""

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtCore import QPoint
from PySide6.QtGui import QColor, QImage, QPainter
from scipy.ndimage import binary_dilation

from fusion3d_gui.widgets.look import theme
from fusion3d_gui.widgets.look.halo_text import halo_text_image


def green(image: QImage) -> np.ndarray:
    rows = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.width(), 4)
    return rows[..., 1].astype(int)


@pytest.mark.parametrize("under", [0, 120, 190, 255])
@pytest.mark.parametrize("ratio", [1.0, 1.5, 2.0])
def test_a_text_has_a_dark_edge_on_black_gray_and_white(qapp, under, ratio):
    theme.apply_theme(qapp)

    def on_image(level: int, plate: QColor | None) -> np.ndarray:
        picture = halo_text_image(
            "I 32.8 mm", theme.font(12), QColor(theme.ON_IMAGE), ratio, plate=plate
        )
        image = QImage(picture.size(), QImage.Format.Format_RGB32)
        image.setDevicePixelRatio(ratio)
        image.fill(QColor(level, level, level))
        painter = QPainter(image)
        painter.drawImage(QPoint(), picture)
        painter.end()
        return green(image)

    words = on_image(0, QColor(0, 0, 0)) > 60
    shown = on_image(under, None)
    edge = binary_dilation(words, np.ones((3, 3))) & ~words
    # Of an edge some is the fading rim of a letter.
    assert shown[edge].mean() < 0.4 * under + 25
    assert shown[words].max() > 180
