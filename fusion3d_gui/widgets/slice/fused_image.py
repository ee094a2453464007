"""``FusedImage``: the second scan drawn over the first: fused, alternating, as a checkerboard, or subtracted."""

from __future__ import annotations

import numpy as np
from PySide6.QtGui import QImage

from fusion3d_gui.imaging.display.window import Window
from fusion3d_gui.imaging.plane import Plane, Rect
from fusion3d_gui.imaging.reslice.sampling import sample
from fusion3d_gui.imaging.reslice.slicer import Slicer, transform_volume
from fusion3d_gui.imaging.volume import Volume
from fusion3d_gui.state.beside.comparison import Comparison, Way
from fusion3d_gui.state.display.camera import Camera
from fusion3d_gui.state.display.display import Display
from fusion3d_gui.widgets.look.color_map import anatomy_colors
from fusion3d_gui.widgets.look.one_entry_cache import OneEntryCache
from fusion3d_gui.widgets.slice.slice_picture import SlicePicture

#: Its pixels are this many times larger than the screen's: it is sampled anew for every slice.
_COARSE = 1.5
#: While something moves, this many times.
_HURRIED = 3.0
#: Side of a field of the checkerboard, mm.
_FIELD_MM = 25.0


class FusedImage:
    """The second scan on one view of the first, sampled on exactly its plane.

    It has the second display's window level; of a slab only the middle plane is drawn.
    """

    def __init__(
        self, picture: SlicePicture, first: Display, second: Display, comparison: Comparison
    ) -> None:
        self._picture = picture
        self._first, self._second, self._comparison = first, second, comparison
        self._volume: Volume | None = None
        self._turned: OneEntryCache[Volume] = OneEntryCache()
        self._slicer: OneEntryCache[Slicer] = OneEntryCache()
        self._values: OneEntryCache[np.ndarray] = OneEntryCache()
        self._below: OneEntryCache[np.ndarray] = OneEntryCache()
        self._image: OneEntryCache[QImage] = OneEntryCache()

    def set_volume(self, volume: Volume | None) -> None:
        """Draw a volume in the first scan's patient space; None draws nothing."""
        self._volume = volume
        for kept in (self._turned, self._slicer, self._values, self._below, self._image):
            kept.clear()

    def layer(self, camera: Camera, ratio: float) -> tuple[object, Rect, QImage] | None:
        """What :attr:`SlicePicture.over` asks for."""
        comparison, volume, picture = self._comparison, self._volume, self._picture
        slicer = picture.slicer
        way = comparison.way
        if volume is None or slicer is None or way is Way.NONE:
            return None
        if way is Way.FLICKER and not comparison.shows_second:
            return None
        matrix, orientation = picture.matrix, picture.orientation
        turned = self._turned.get(
            (id(volume), self._first.planes.version, orientation.name),
            lambda: transform_volume(volume, matrix),
        )
        coarse = _HURRIED if picture.hurried else _COARSE
        # Subtracted, black where there is no second scan; otherwise the first shows there.
        of_second = self._slicer.get(turned, lambda: Slicer(turned))
        whole = (slicer if way is Way.DIFFERENCE else of_second).rect(orientation)
        if whole.intersection(camera.visible).width <= 0:
            return None
        rect, shape = camera.pixels_of(whole, ratio / coarse)
        key = (turned, orientation, picture.depth_mm, rect, shape)
        plane = Plane.covering(orientation, rect, picture.depth_mm, shape)
        values = self._values.get(key, lambda: turned.real(sample(turned, plane)))
        level = self._second.window_level
        look: tuple[object, ...] = (way, level.window, level.inverted)
        if way is Way.DIFFERENCE:
            under = slicer.volume
            below = self._below.get(key, lambda: under.real(sample(under, plane)))
            first = self._first.window_level.window
            image = self._image.get(
                (self._values.version, self._below.version, look, first),
                lambda: _difference(_level(below, first), _level(values, level.window)),
            )
        else:
            colored = way is Way.BLEND
            name = comparison.color_map if colored else "Gray"
            alpha = comparison.blend if colored else 1.0
            fields = rect if way is Way.CHECKERBOARD else None
            image = self._image.get(
                (self._values.version, look, name, alpha),
                lambda: _colored(
                    _level(values, level.window),
                    anatomy_colors(name, level.inverted),
                    alpha,
                    fields,
                ),
            )
        return (self._image.version, rect), rect, image


def _level(values: np.ndarray, window: Window) -> np.ndarray:
    """Values from 0 (black) to 1 (white) under a window level; NaN outside the scan."""
    level: np.ndarray = np.clip((values - (window.center - window.width / 2)) / window.width, 0, 1)
    return level


def _colored(level: np.ndarray, colors: np.ndarray, alpha: float, fields: Rect | None) -> QImage:
    """Levels in colours; of ``fields`` (where the image lies, mm) every second one is left out."""
    outside = np.isnan(level)
    rgb = colors[np.where(outside, 0, level * 255).astype(np.uint8)]
    opacity = np.full(level.shape, round(alpha * 255), np.uint32)
    if fields is not None:
        rows, columns = level.shape
        down = fields.top + (np.arange(rows) + 0.5) * fields.height / rows
        right = fields.left + (np.arange(columns) + 0.5) * fields.width / columns
        number = np.floor(down / _FIELD_MM)[:, None] + np.floor(right / _FIELD_MM)
        opacity[number % 2 == 0] = 0
    opacity[outside] = 0
    return _premultiplied(rgb, opacity)


def _difference(first: np.ndarray, second: np.ndarray) -> QImage:
    """Red where the first scan is brighter, blue where the second is, black where they are equal or one is missing."""
    change = np.nan_to_num(first - second, nan=0.0)
    up = (np.clip(change, 0, 1) * 255).astype(np.uint32)
    down = (np.clip(-change, 0, 1) * 255).astype(np.uint32)
    # Orange and sky blue: told apart with any colour vision.
    red, green, blue = up, (up * 140 + down * 160) // 255, down
    rgb = red << 16 | green << 8 | blue
    return _premultiplied(rgb, np.full(change.shape, 255, np.uint32))


def _premultiplied(rgb: np.ndarray, opacity: np.ndarray) -> QImage:
    pixels = opacity << 24
    for shift in (16, 8, 0):
        pixels |= ((rgb >> shift & 0xFF) * opacity // 255) << shift
    pixels = np.ascontiguousarray(pixels, np.uint32)
    rows, columns = pixels.shape
    image = QImage(
        pixels.data, columns, rows, 4 * columns, QImage.Format.Format_ARGB32_Premultiplied
    )
    # QImage does not keep the array alive.
    image.pixels = pixels  # type: ignore[attr-defined]
    return image
