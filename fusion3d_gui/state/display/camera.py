"""``Camera``: which part of a plane a view shows, and at which scale. No Qt in it."""

from __future__ import annotations

import math

from fusion3d_gui.imaging.plane import Rect
from fusion3d_gui.state.display.arrangement import CameraPose

_MARGIN = 0.96
_CLOSEST_PX_PER_MM = 60.0


class Camera:
    """Maps screen millimetres (u, v) of a plane to pixels (x, y) of a view, the same in both axes.

    ``x = width / 2 + (u - center_u) * scale``. Until the user zooms or pans it keeps the whole plane
    fitted, whatever the view's size.
    """

    def __init__(self) -> None:
        self.scale = 1.0  # px per mm
        self._rect = Rect(-0.5, -0.5, 1.0, 1.0)
        self._size = (1.0, 1.0)
        self._center = (0.0, 0.0)
        self._fitted = True
        self._fit_scale = 1.0

    @property
    def is_fitted(self) -> bool:
        """Whether the whole plane is shown, following the view's size."""
        return self._fitted

    @property
    def zoom(self) -> float:
        """Scale relative to the fitted plane, 1 when fitted."""
        return self.scale / self._fit_scale

    @property
    def pose(self) -> CameraPose:
        """Zoom and middle, whatever the view's size."""
        return CameraPose(self._fitted, self.zoom, self._center)

    def take(self, pose: CameraPose) -> None:
        """Show what another camera of the same plane showed."""
        self._fitted = pose.fitted
        self._refit()
        if not pose.fitted:
            self.scale = min(pose.zoom * self._fit_scale, _CLOSEST_PX_PER_MM)
            self._center = pose.center
            self._move_center(0.0, 0.0)

    @property
    def place(self) -> tuple[float, ...]:
        """All values that determine the mapping to pixels; equal while nothing has moved."""
        return (self.scale, *self._center, *self._size)

    @property
    def visible(self) -> Rect:
        """The part of the plane in the view, in screen millimetres."""
        left, top = self.to_mm(0.0, 0.0)
        return Rect(left, top, self._size[0] / self.scale, self._size[1] / self.scale)

    def pixels_of(self, rect: Rect, per_px: float) -> tuple[Rect, tuple[int, int]]:
        """The visible part of a rectangle in whole pixels: its position (mm), and (rows, columns).

        ``per_px`` is the number of these pixels along each side of a pixel of the view.
        """
        seen = rect.intersection(self.visible)
        left, top = (math.floor(each * per_px) for each in self.to_px(seen.left, seen.top))
        right, bottom = (
            math.ceil(each * per_px)
            for each in self.to_px(seen.left + seen.width, seen.top + seen.height)
        )
        columns, rows = max(1, right - left), max(1, bottom - top)
        mm = 1.0 / (per_px * self.scale)
        return Rect(*self.to_mm(left / per_px, top / per_px), columns * mm, rows * mm), (
            rows,
            columns,
        )

    def show(self, rect: Rect) -> None:
        """Show another plane, fitted."""
        self._rect = rect
        self.fit()

    def rebound(self, rect: Rect) -> None:
        """Set the bounds of the plane without moving what is on screen."""
        self._rect = rect
        self._fitted = False

    def follow(self, other: Camera) -> None:
        """Take the position and scale of another camera."""
        self._fitted, self.scale, self._center = other._fitted, other.scale, other._center

    def fit(self) -> None:
        """Show the whole plane, centred."""
        self._fitted = True
        self._refit()

    def resize(self, width_px: float, height_px: float) -> None:
        """Set the view's size; a zoomed view keeps its centre and its zoom."""
        zoom = self.zoom
        self._size = (max(1.0, width_px), max(1.0, height_px))
        self._refit()
        if not self._fitted:
            self.scale = min(zoom * self._fit_scale, _CLOSEST_PX_PER_MM)

    def _refit(self) -> None:
        rect = self._rect
        self._fit_scale = _MARGIN * min(self._size[0] / rect.width, self._size[1] / rect.height)
        if self._fitted:
            self.scale = self._fit_scale
            self._center = (rect.left + rect.width / 2, rect.top + rect.height / 2)

    def to_px(self, u_mm: float, v_mm: float) -> tuple[float, float]:
        """Pixels of screen millimetres."""
        return (
            self._size[0] / 2 + (u_mm - self._center[0]) * self.scale,
            self._size[1] / 2 + (v_mm - self._center[1]) * self.scale,
        )

    def to_mm(self, x_px: float, y_px: float) -> tuple[float, float]:
        """Screen millimetres of pixels."""
        return (
            self._center[0] + (x_px - self._size[0] / 2) / self.scale,
            self._center[1] + (y_px - self._size[1] / 2) / self.scale,
        )

    def zoom_about(self, x_px: float, y_px: float, factor: float) -> None:
        """Zoom by a factor, keeping the position under this pixel."""
        u, v = self.to_mm(x_px, y_px)
        lowest = min(self._fit_scale / 2, self.scale, _CLOSEST_PX_PER_MM)
        self.scale = min(max(self.scale * factor, lowest), _CLOSEST_PX_PER_MM)
        self._fitted = False
        moved_u, moved_v = self.to_mm(x_px, y_px)
        self._move_center(u - moved_u, v - moved_v)

    def zoom_to(self, scale_px_per_mm: float) -> None:
        """Zoom to a scale, even below the usual limit, about the middle of the view."""
        self.scale = min(scale_px_per_mm, _CLOSEST_PX_PER_MM)
        self._fitted = False

    def pan(self, right_px: float, down_px: float) -> None:
        """Follow a drag of the image."""
        self._fitted = False
        self._move_center(-right_px / self.scale, -down_px / self.scale)

    def _move_center(self, right_mm: float, down_mm: float) -> None:
        # The centre stays on the plane, so the image can't be moved out of the view.
        rect = self._rect
        self._center = (
            min(max(self._center[0] + right_mm, rect.left), rect.left + rect.width),
            min(max(self._center[1] + down_mm, rect.top), rect.top + rect.height),
        )
