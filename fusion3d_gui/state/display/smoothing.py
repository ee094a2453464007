"""``Smoothing``: what pixels of the screen show between those of the scan."""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal

from fusion3d_gui.imaging.reslice.sampling import Interpolation


class Smoothing(QObject):
    """The interpolation of all views, linear at first."""

    changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._interpolation = Interpolation.LINEAR

    @property
    def interpolation(self) -> Interpolation:
        """How values between voxels are found."""
        return self._interpolation

    def set_interpolation(self, interpolation: Interpolation) -> None:
        """Find them another way."""
        if interpolation is not self._interpolation:
            self._interpolation = interpolation
            self.changed.emit()

    def next(self) -> None:
        """Nearest, linear, cubic, and nearest again."""
        all_ = list(Interpolation)
        self.set_interpolation(all_[(all_.index(self._interpolation) + 1) % len(all_)])
