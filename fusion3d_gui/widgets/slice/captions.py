"""``Captions``: orientation letters, plane, position, window level, patient and scale bar of a view."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QImage, QPainter, QPen

from fusion3d_gui.state.display.camera import Camera
from fusion3d_gui.widgets.look import theme
from fusion3d_gui.widgets.look.halo_text import halo_text_image
from fusion3d_gui.widgets.slice.crosshair_arms import Box
from fusion3d_gui.widgets.slice.heat.heat_scale import HeatScale
from fusion3d_gui.widgets.slice.stamp import Stamp

_MARGIN = 10.0
#: Below this side length (px) a view shows less text; across, where texts stand beside each other, larger
#: text needs more.
_SMALL_VIEW = 260
#: Below this width (px), which grows with the text, patient and series stand below the position, not beside it.
_WIDE_VIEW = 420
#: Distance (px) of lines of text.
_LINE = 18
#: A stamp lies so far (px, at the usual text size) above the lower edge.
_STAMP_UP = 70
#: Least distance (px) of texts beside each other.
_APART = 8.0
#: Between the parts of a position: where the plane lies, and how it was made.
_PARTS_APART = "   "
#: Lines of the crosshair end this far (px) from text.
_CLEAR = 3.0
#: So many rendered texts are cached: a megabyte or two.
_MOST_KEPT = 300
#: A dark double underneath keeps text legible over bright anatomy.
_SHADOW = QColor(0, 0, 0, 200)
#: On a picture whose background is bright, text lies on this.
_PLATE = QColor(0, 0, 0, 150)

#: Which corner or side of the view a text is aligned to: right and down, each -1, 0 or 1.
_Side = tuple[int, int]
_TOP_LEFT: _Side = (-1, -1)
_TOP_RIGHT: _Side = (1, -1)
_BOTTOM_LEFT: _Side = (-1, 1)
_BOTTOM_RIGHT: _Side = (1, 1)


@dataclass(frozen=True)
class CaptionTexts:
    """All texts of a view.

    ``sides`` are the orientation letters at its left, right, top and bottom; ``corner`` the lines about
    patient and series; ``lossy``: the file declares lossy compression; ``inverted``: the gray levels are
    inverted; ``warnings`` a few words on each thing that makes the geometry doubtful; ``heat`` the heatmap's colour scale; ``heat_note`` whether it is corrected for its displacement;
    ``stamp``: what must be known of the heatmap before it is read, or that it has gone.
    """

    title: str
    position: str
    slice_count: str
    window: str
    zoom: str
    sides: tuple[str, str, str, str]
    corner: tuple[str, ...] = ()
    lossy: bool = False
    inverted: bool = False
    warnings: tuple[str, ...] = ()
    heat: HeatScale | None = None
    heat_note: str = ""
    stamp: Stamp = ()


class _Style(NamedTuple):
    size_px: int
    weight: int


_LETTER = _Style(theme.LARGE, QFont.Weight.DemiBold.value)
_TITLE = _Style(theme.BODY, QFont.Weight.Medium.value)
_PLAIN = _Style(12, QFont.Weight.Normal.value)
_WARNING = _Style(12, QFont.Weight.DemiBold.value)
_STAMP = _Style(theme.BODY, QFont.Weight.DemiBold.value)


class _Item(NamedTuple):
    """A text and the corner or side it is aligned to, ``inwards`` px from its margin."""

    text: str
    side: _Side
    inwards: float = 0.0
    style: _Style = _PLAIN


class _Drawn(NamedTuple):
    """A rendered text, the position of its top left corner, and the area that nothing should cross."""

    picture: QImage
    at: QPointF
    area: Box


class Captions:
    """The texts of one view, each rendered once into a small cached image.

    Rendering a text takes many times longer than copying its image; few change at a time, and often
    back to what they were.
    """

    def __init__(self) -> None:
        self._drawn: dict[_Item, _Drawn] = {}
        self._fonts: dict[_Style, QFont] = {}
        #: From before the view's size changed: the texts have other positions, but look the same.
        self._pictures: dict[tuple[str, _Style], QImage] = {}
        self._look: tuple[float, ...] = ()
        self._size = (0.0, 0.0)
        self._areas: list[Box] = []
        #: Areas of the warnings last painted.
        self.warning_areas: list[Box] = []
        self._on_bright = False

    @property
    def areas(self) -> list[Box]:
        """Areas (left, top, right, bottom; px) of the texts last painted, which nothing should cross."""
        return self._areas

    def set_areas(self, areas: list[Box]) -> None:
        """Set the areas of a cached image that is shown again with its texts."""
        self._areas = areas

    def paint(self, painter: QPainter, texts: CaptionTexts, camera: Camera, area: QRectF) -> None:
        """Paint all texts and the scale bar."""
        ratio = painter.device().devicePixelRatioF()
        look, size = (theme.scale(), ratio, float(texts.inverted)), (area.width(), area.height())
        self._on_bright = texts.inverted
        if self._look != look:
            self._look = look
            self._drawn.clear()
            self._fonts.clear()
            self._pictures.clear()
        if self._size != size:
            self._size = size
            self._pictures = {
                (item.text, item.style): each.picture for item, each in self._drawn.items()
            }
            self._drawn.clear()
        length_mm = scale_bar_mm(camera.scale, area.width() * 0.28)
        self._areas, self.warning_areas = [], []
        for item in (*_items(texts, area), _Item(f"{length_mm:g} mm", _BOTTOM_LEFT, 8)):
            each = self._drawn.pop(item, None) or self._draw(item, area, ratio)
            self._drawn[item] = each  # the last one asked for comes last
            painter.drawImage(each.at, each.picture)
            self._areas.append(each.area)
            if item.style is _WARNING:
                self.warning_areas.append(each.area)
            elif item.style is _STAMP:
                self._paint_frame(painter, each.area)
        for oldest in list(self._drawn)[:-_MOST_KEPT]:
            del self._drawn[oldest]
        self._paint_scale_bar(painter, length_mm * camera.scale, area)
        if texts.heat is not None:
            plate = _PLATE if self._on_bright else None
            place: Any = texts.heat.paint(painter, area, plate, below=_corner_bottom(texts, area))
            self._areas += [] if place is None else [place.getCoords()]

    def _draw(self, item: _Item, area: QRectF, ratio: float) -> _Drawn:
        kept = self._pictures.get((item.text, item.style))
        picture = self._picture(item, ratio) if kept is None else kept
        place = _placed(item, area, picture.width() / ratio, picture.height() / ratio)
        around: Any = place.adjusted(-_CLEAR, -2, _CLEAR, 2).getCoords()
        return _Drawn(picture, place.topLeft(), around)

    def _picture(self, item: _Item, ratio: float) -> QImage:
        style = item.style
        if style not in self._fonts:
            self._fonts[style] = theme.font(style.size_px, QFont.Weight(style.weight))
        inks = {_PLAIN: theme.ON_IMAGE, _WARNING: theme.IMAGE_WARNING, _STAMP: theme.IMAGE_WARNING}
        color = QColor(inks.get(style, theme.IMAGE_TEXT))
        plate = _PLATE if self._on_bright or style is _STAMP else None
        return halo_text_image(item.text, self._fonts[style], color, ratio, plate)

    def _paint_frame(self, painter: QPainter, area: Box) -> None:
        left, top, right, bottom = area
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(QColor(theme.IMAGE_WARNING), 1.5))
        painter.drawRect(QRectF(left, top, right - left, bottom - top).adjusted(-1, 0, 1, 0))

    def _paint_scale_bar(self, painter: QPainter, length: float, area: QRectF) -> None:
        """Paint the scale bar, ``length`` px long, bottom left."""
        x, y = area.left() + _MARGIN, area.bottom() - _MARGIN - 3
        if self._on_bright:
            painter.fillRect(QRectF(x - 2, y - 6, length + 4, 10), _PLATE)
        for shift, color in ((1.0, _SHADOW), (0.0, QColor(theme.ON_IMAGE))):
            left, low = x + shift, y + shift
            painter.fillRect(QRectF(left, low, length, 1.5), color)
            for end in (left, left + length - 1.5):
                painter.fillRect(QRectF(end, low - 4, 1.5, 4), color)
        self._areas.append((x - _CLEAR, y - 6, x + length + _CLEAR, y + 6))


def _items(texts: CaptionTexts, area: QRectF) -> Iterator[_Item]:
    """The texts that a view of this size shows, with their positions."""
    left, right, top, bottom = texts.sides
    yield _Item(right, (1, 0), style=_LETTER)
    yield _Item(left, (-1, 0), style=_LETTER)
    yield _Item(bottom, (0, 1), style=_LETTER)
    # In a narrow view the second line at its left reaches below it.
    yield _Item(top, (0, -1), 2 - _MARGIN if _is_narrow(area) else 0.0, _LETTER)
    line = theme.px(_LINE)
    title, slice_count, position = _heading(texts, area)
    yield _Item(title, _TOP_LEFT, style=_TITLE)
    yield _Item(position, _TOP_LEFT, line + 1)
    small = area.width() < theme.px(_SMALL_VIEW) or area.height() < _SMALL_VIEW
    if slice_count:
        yield _Item(slice_count, _TOP_RIGHT)
    for number, text in enumerate(_corner_lines(texts, area), start=_first_corner_line(area)):
        yield _Item(text, _TOP_RIGHT, line * number)
    lower_right = ["lossy compression"] if texts.lossy else []
    if not small:
        lower_right = [texts.window, texts.zoom, *lower_right]
    lower_right = [each for each in lower_right if each]
    if texts.heat_note and not small:
        # Above the scale bar and its length; above the warnings where there is no room beside them.
        room = area.width() - 2 * _MARGIN - _APART - _width(texts.heat_note, _PLAIN, theme.scale())
        is_crowded = any(_width(each, _WARNING, theme.scale()) > room for each in texts.warnings)
        lines = len(lower_right) + len(texts.warnings) if is_crowded else 1
        yield _Item(texts.heat_note, _BOTTOM_LEFT, 8 + line * lines)
    if texts.stamp:
        stamp = _first_fitting(texts.stamp, area.width() - 4 * _MARGIN, _STAMP) or texts.stamp[-1]
        # Above the letter, the scale bar and the texts beside it.
        yield _Item(stamp, (0, 1), theme.px(_STAMP_UP), _STAMP)
    for number, text in enumerate(lower_right):
        yield _Item(text, _BOTTOM_RIGHT, line * number)
    for number, text in enumerate(texts.warnings, start=len(lower_right)):
        yield _Item(text, _BOTTOM_RIGHT, line * number, _WARNING)


def _heading(texts: CaptionTexts, area: QRectF) -> tuple[str, str, str]:
    """Title, slice number and position as far as a view has room for them beside the letter at its top.

    The number of all slices goes first, then that of the slice; before how the plane was made, its position.
    """
    beside = (
        area.width() / 2 - _MARGIN - _APART - _width(texts.sides[2], _LETTER, theme.scale()) / 2
    )
    title = _elided(texts.title, beside, theme.scale(), _TITLE)
    counts = (texts.slice_count, texts.slice_count.split(" / ")[0])
    positions = (texts.position, texts.position.split(_PARTS_APART)[-1])
    whole = area.width() - 2 * _MARGIN
    position = _first_fitting(positions, whole, _PLAIN)
    return (
        title,
        _first_fitting(counts, beside, _PLAIN),
        position or _elided(positions[-1], whole, theme.scale()),
    )


def _first_fitting(forms: tuple[str, ...], width: float, style: _Style) -> str:
    """The first of some forms of a text that is no wider than ``width`` px; empty where none is."""
    fitting = (each for each in forms if _width(each, style, theme.scale()) <= width)
    return next(fitting, "")


def _is_narrow(area: QRectF) -> bool:
    return area.width() < theme.px(_WIDE_VIEW)


def _first_corner_line(area: QRectF) -> int:
    """Number of the line at which patient and series begin: below the position where there is no room beside it."""
    return 2 if _is_narrow(area) else 1


def _corner_lines(texts: CaptionTexts, area: QRectF) -> list[str]:
    """Patient and series, cut to the view's width; patient and ID even in the smallest view."""
    lines = texts.corner
    above_middle = area.height() / 2 - _MARGIN - theme.px(_LINE) / 2
    fitting = int(above_middle / theme.px(_LINE)) - _first_corner_line(area)
    width = area.width() - 2 * _MARGIN if _is_narrow(area) else area.width() / 2 - 2 * _MARGIN
    return [_elided(line, width, theme.scale()) for line in lines[: max(fitting, 2)]]


def _corner_bottom(texts: CaptionTexts, area: QRectF) -> float:
    """Where (px) patient and series end in a narrow view, so that nothing is painted over them; else 0."""
    if not (_is_narrow(area) and texts.corner):
        return 0.0
    return theme.px(_LINE) * (2 + len(_corner_lines(texts, area))) + _MARGIN


@lru_cache(64)
def _width(text: str, style: _Style, text_scale: float) -> float:
    metrics = QFontMetricsF(theme.font(style.size_px, QFont.Weight(style.weight)))
    return metrics.horizontalAdvance(text)


@lru_cache(64)
def _elided(text: str, width: float, text_scale: float, style: _Style = _PLAIN) -> str:
    metrics = QFontMetricsF(theme.font(style.size_px, QFont.Weight(style.weight)))
    return metrics.elidedText(text, Qt.TextElideMode.ElideRight, width)


def _placed(item: _Item, area: QRectF, width: float, height: float) -> QRectF:
    """The rectangle of a text of this size, on whole pixels."""
    right, down = item.side
    margin = _MARGIN if item.style is _LETTER else _MARGIN - 2
    # Half of the free room to each side of the middle.
    free_x = area.width() / 2 - _MARGIN - width / 2
    free_y = area.height() / 2 - margin - item.inwards - height / 2
    x = area.left() + (area.width() - width) / 2 + right * free_x
    y = area.top() + (area.height() - height) / 2 + down * free_y
    return QRectF(round(x), round(y), width, height)


def scale_bar_mm(scale_px_per_mm: float, longest_px: float) -> float:
    """Length (mm) of the scale bar: the largest of 1, 2, 5 times a power of ten that fits into ``longest_px``."""
    longest_mm = longest_px / scale_px_per_mm
    power = 10.0 ** math.floor(math.log10(longest_mm))
    return max(step * power for step in (1.0, 2.0, 5.0) if step * power <= longest_mm)
