"""Painting in bands: they cover the height without gaps, none is high, and a line in bands is the line in one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtCore import QRectF
from PySide6.QtGui import QColor, QImage, QPainter

from fusion3d_gui.widgets.look.row_bands import row_bands


@given(st.integers(0, 500), st.integers(0, 5000), st.sampled_from([1.0, 1.25, 1.5, 2.0, 3.0]))
def test_bands_follow_each_other_and_are_never_high(first_row, rows, ratio):
    top, bottom = first_row / ratio, (first_row + rows) / ratio
    parts = list(row_bands(top, bottom, ratio))
    ends = [top, *(below for _, below in parts)]
    assert [above for above, _ in parts] == ends[:-1]
    assert ends[-1] == bottom
    assert all(0 < (below - above) * ratio < 91 for above, below in parts)
    assert all(abs(end * ratio - round(end * ratio)) < 1e-6 for end in ends)


@pytest.mark.parametrize("ratio", [1.0, 1.25, 1.5, 2.0])
def test_a_translucent_line_in_bands_is_the_line_in_one(ratio):
    lines = []
    for cut in (lambda top, bottom: [(top, bottom)], lambda *ends: row_bands(*ends, ratio)):
        image = QImage(40, 700, QImage.Format.Format_RGB32)
        image.fill(QColor("#305070"))
        image.setDevicePixelRatio(ratio)
        painter = QPainter(image)
        for above, below in cut(13 / ratio, 660 / ratio):
            painter.fillRect(QRectF(10 / ratio, above, 1, below - above), QColor(255, 200, 0, 190))
        painter.end()
        lines.append(image)
    assert lines[0] == lines[1]
