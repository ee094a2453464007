"""``Linking``: two scans move together: crosshair, planes, slab, interpolation and, where values agree, window level."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from PySide6.QtCore import QObject

from fusion3d_gui.state.display.display import Display


class Linking(QObject):
    """Copies what is done to one display to the other. Both are in the first scan's patient space while linked."""

    def __init__(self, first: Display, second: Display, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._first, self._second = first, second
        self._linked = False
        self._same_values = False
        self._copying = False
        self._free = False
        for leader, follower in ((first, second), (second, first)):
            for signal, copy in (
                (leader.crosshair.moved, _copy_crosshair),
                (leader.planes.changed, _copy_planes),
                (leader.slab.changed, _copy_slab),
                (leader.smoothing.changed, _copy_smoothing),
                (leader.window_level.changed, self._copy_level),
            ):
                signal.connect(
                    lambda copy=copy, leader=leader, follower=follower: self._copy(
                        copy, leader, follower
                    )
                )

    @property
    def linked(self) -> bool:
        """Whether the two move together."""
        return self._linked and not self._free

    @property
    def shares_window(self) -> bool:
        """Whether they have one window level."""
        return self.linked and self._same_values

    @property
    def first_position(self) -> np.ndarray:
        """Where the first scan's crosshair is (mm, LPS)."""
        return self._first.crosshair.position_lps

    def set_free(self, free: bool) -> None:
        """Let each scan have its own crosshair and planes for a while, as pairing points needs."""
        if self._free and not free:
            self._free = False
            for copy in (_copy_crosshair, _copy_planes):
                self._copy(copy, self._first, self._second)
        self._free = free

    def set_linked(
        self, bounds: tuple[np.ndarray, np.ndarray] | None, same_values: bool = False
    ) -> None:
        """Link the displays within the bounds (mm, LPS) of both scans, or unlink them (None).

        ``same_values``: one window level fits both.
        """
        self._linked, self._same_values, self._free = bounds is not None, same_values, False
        if bounds is None:
            return
        first, second = self._first, self._second
        self._copying = True
        try:
            second.crosshair.set_bounds(*bounds, first.crosshair.position_lps)
        finally:
            self._copying = False
        for copy in (_copy_planes, _copy_slab, _copy_smoothing, self._copy_level):
            self._copy(copy, first, second)

    def _copy(
        self, copy: Callable[[Display, Display], None], leader: Display, follower: Display
    ) -> None:
        if self._linked and not self._free and not self._copying:
            self._copying = True
            try:
                copy(leader, follower)
            finally:
                self._copying = False

    def _copy_level(self, leader: Display, follower: Display) -> None:
        if self._same_values:
            follower.window_level.set_window(leader.window_level.window)


def _copy_crosshair(leader: Display, follower: Display) -> None:
    follower.crosshair.move_to(leader.crosshair.position_lps)


def _copy_planes(leader: Display, follower: Display) -> None:
    follower.planes.restore(leader.planes.matrices, snap=leader.planes.snap)


def _copy_slab(leader: Display, follower: Display) -> None:
    follower.slab.set_thickness(leader.slab.slab.thickness_mm)
    follower.slab.set_projection(leader.slab.slab.projection)


def _copy_smoothing(leader: Display, follower: Display) -> None:
    follower.smoothing.set_interpolation(leader.smoothing.interpolation)
