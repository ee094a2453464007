"""``Smoothing``: the interpolation between voxels."""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal

from fusion3d_gui.imaging.reslice.sampling import Interpolation


class Smoothing(QObject):
    """The interpolation of all views, initially linear."""

    changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._interpolation = Interpolation.LINEAR

    @property
    def interpolation(self) -> Interpolation:
        """How values between voxels are interpolated."""
        return self._interpolation

    def set_interpolation(self, interpolation: Interpolation) -> None:
        """Choose another interpolation."""
        if interpolation is not self._interpolation:
            self._interpolation = interpolation
            self.changed.emit()

    def next(self) -> None:
        """Choose the next of nearest, linear and cubic, cyclically."""
        all_ = list(Interpolation)
        self.set_interpolation(all_[(all_.index(self._interpolation) + 1) % len(all_)])
