"""``HeatLayer``: the coloured heatmap on the plane that a view shows, cached until something changes."""

from __future__ import annotations

import numpy as np
from PySide6.QtGui import QImage

from fusion3d_gui.imaging.plane import Orientation, Rect
from fusion3d_gui.imaging.reslice.acquisition import aligned_axes
from fusion3d_gui.imaging.reslice.slicer import Slice, transform_volume
from fusion3d_gui.imaging.volume import Volume
from fusion3d_gui.inference.prediction import Heatmap
from fusion3d_gui.state.display.camera import Camera
from fusion3d_gui.state.display.overlay import OverlaySettings
from fusion3d_gui.widgets.look.one_entry_cache import OneEntryCache
from fusion3d_gui.widgets.slice.heat.heat_image import (
    HeatBuffers,
    blended,
    heat_image,
    heat_levels,
    scaled_to_levels,
)

#: The heatmap may have the slice's pixels where these are fewer than this share of the screen's, and each
#: smaller than this many of the screen's.
_FEW_PIXELS, _SMALL_PX = 0.5, 3.0


class HeatLayer:
    """The heatmap of one view; ``overlay`` says how it is coloured."""

    def __init__(self, overlay: OverlaySettings) -> None:
        self._overlay = overlay
        self._heat: Volume | None = None
        self._top = 0.0
        #: Whether the map's cells lie along the axes of the plane.
        self.is_aligned = False
        self._levels: OneEntryCache[np.ndarray] = OneEntryCache()
        self._image: OneEntryCache[QImage] = OneEntryCache()
        self._both: OneEntryCache[QImage] = OneEntryCache()
        self._buffers = HeatBuffers()

    def forget(self) -> None:
        """Drop what is cached: the map or the plane space has changed."""
        self._heat = None
        for kept in (self._levels, self._image, self._both):
            kept.clear()

    @property
    def version(self) -> int:
        """Changes with the image."""
        return self._image.version

    def use(self, heatmap: Heatmap, top: float, matrix: np.ndarray) -> None:
        """Draw this map, with ``top`` as the value at its scale's top, in the plane space of ``matrix``."""
        if self._heat is None or self._top != top:
            self._top = top
            self._heat = transform_volume(scaled_to_levels(heatmap.as_volume, top), matrix)
            self.is_aligned = aligned_axes(self._heat) is not None

    def suits(self, piece: Slice, camera: Camera, ratio: float) -> bool:
        """Whether the map may have the slice's pixels, to be blended with it and enlarged with it.

        On a screen with far more pixels than the slice that takes a third of the time. It looks the same where the
        slice's pixels are but few of the screen's, and smaller than the map's cells. Contours are as wide as pixels
        of the screen.
        """
        assert self._heat is not None
        if self._overlay.contours or not self.is_aligned:
            return False
        (rows, columns), rect = piece.values.shape, piece.rect
        largest = max(rect.width / columns, rect.height / rows)
        _, (down, across) = camera.pixels_of(rect, ratio)
        is_small = largest < min(min(self._heat.spacing_mm), _SMALL_PX / (camera.scale * ratio))
        return bool(is_small) and rows * columns < _FEW_PIXELS * down * across

    def image(
        self,
        plane: tuple[Orientation, float, float],
        rect: Rect,
        shape: tuple[int, int],
        per_px: float,
    ) -> QImage:
        """The map in colours, premultiplied.

        Parameters
        ----------
        plane
            Orientation, depth (mm) and thickness (mm); 0 for a plane and not a slab.
        rect, shape
            Where it lies (screen mm), and its (rows, columns).
        per_px
            So many of its pixels make one of the view: for the width of contours.
        """
        heat, overlay, buffers = self._heat, self._overlay, self._buffers
        assert heat is not None
        orientation, depth_mm, thickness_mm = plane
        levels = self._levels.get(
            (plane, rect, shape, self._top),
            lambda: heat_levels(heat, orientation, rect, depth_mm, shape, thickness_mm, buffers),
        )
        look = overlay.opacity, overlay.threshold, overlay.contours, overlay.color_map
        return self._image.get(
            (self._levels.version, look), lambda: heat_image(levels, overlay, per_px, buffers)
        )

    def over(self, gray: QImage, version: int, heat: QImage) -> QImage:
        """The slice's image, of this version, with the map's last one, of the same size, over it."""
        return self._both.get((version, self.version), lambda: blended(gray, heat, self._buffers))
