"""``HeatScale``: the heatmap's colour scale with its numbers, painted on the image."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from PySide6.QtCore import QPointF, QRectF
from PySide6.QtGui import QColor, QImage, QPainter, QPen

from fusion3d_gui.state.prediction.percent import whole_percent
from fusion3d_gui.widgets.look import theme
from fusion3d_gui.widgets.look.color_bar import color_strip, logit_text
from fusion3d_gui.widgets.look.halo_text import halo_text_image

_LEFT = 10.0
#: Below the two lines of text in the corner, and above the letter in the middle.
_TOP, _ABOVE_MIDDLE = 66, 34
_WIDTH, _TALLEST, _SMALLEST = 9, 150, 50
#: Room for the numbers beside it.
_NUMBERS = 108
#: Numbers nearer to each other than this (px) would touch.
_APART = 15


class HeatScale(NamedTuple):
    """The heatmap's threshold (share of the scale), the name of its colour map, and the value at the top.

    ``top`` is in units of the logit; None for a map without a unit. ``kept``: the scale is kept for all maps.
    """

    threshold: float
    colors: str
    top: float | None = None
    kept: bool = False

    def paint(
        self, painter: QPainter, area: QRectF, plate: QColor | None, below: float = 0.0
    ) -> QRectF | None:
        """Paint the scale at the left edge of a view, on a plate if given; its area, None where it does not fit.

        ``below``: nothing of it lies above this (px).
        """
        top = max(theme.px(_TOP), below + theme.px(9))
        height = min(theme.px(_TALLEST), area.height() / 2 - top - theme.px(_ABOVE_MIDDLE))
        if height < theme.px(_SMALLEST) or area.width() < theme.px(260):
            return None
        strip = QRectF(_LEFT, top, theme.px(_WIDTH), height)
        whole = strip.adjusted(-2, -theme.px(9), theme.px(_NUMBERS), theme.px(9))
        if plate is not None:
            painter.fillRect(whole, plate)
        cut = strip.top() + (1 - self.threshold) * height
        painter.fillRect(strip, QColor(0, 0, 0, 150))
        image = color_strip(self.colors)
        shown = QRectF(strip.left(), strip.top(), strip.width(), cut - strip.top())
        first = round(self.threshold * 255)
        painter.drawImage(shown, image, QRectF(0, 0, 1, 256 - first))
        painter.setPen(QPen(QColor(theme.ON_IMAGE), 1))
        painter.drawRect(strip.adjusted(-0.5, -0.5, 0.5, 0.5))
        ratio = painter.device().devicePixelRatioF()
        for share, text in self._numbers(theme.px(_APART) / height):
            picture = _number(text, theme.scale(), ratio, plate is not None)
            y = strip.bottom() - share * height - picture.height() / ratio / 2
            painter.drawImage(QPointF(round(strip.right() + 5), round(y)), picture)
        return whole

    def _numbers(self, apart: float) -> list[tuple[float, str]]:
        """The numbers with their positions as shares of the scale, at least ``apart`` from each other."""
        if self.top is None:
            texts = ("heatmap's peak", whole_percent(self.threshold), "50 %")
        else:
            top = logit_text(self.top) + (", kept" if self.kept else "")
            texts = (top, f"{self.threshold * self.top:.2g}", f"{self.top / 2:.2g}")
        found = [(1.0, texts[0]), (self.threshold, texts[1])]
        others = ((0.0, "0"), (0.5, texts[2]))
        found += [each for each in others if abs(each[0] - self.threshold) >= apart]
        return [each for each in found if each[0] == 1.0 or 1.0 - each[0] >= apart]


@lru_cache(64)
def _number(text: str, text_scale: float, ratio: float, on_plate: bool) -> QImage:
    """A rendered number, cached by text size and screen: it is painted with every slice."""
    plate = QColor(0, 0, 0, 0) if on_plate else None
    return halo_text_image(text, theme.font(theme.SMALL), QColor(theme.ON_IMAGE), ratio, plate)
