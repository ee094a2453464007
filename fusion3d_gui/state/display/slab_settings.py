"""``SlabSettings``: thickness and projection of the planes on screen."""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal

from fusion3d_gui.imaging.reslice.slab import THIN, Projection, Slab

#: Thicknesses that the keys step through, mm.
THICKNESSES_MM = (0.0, 5.0, 10.0, 20.0, 40.0, 80.0)

THICKEST_MM = 500.0


class SlabSettings(QObject):
    """The slab of all views, initially a single slice."""

    changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._slab = THIN

    @property
    def slab(self) -> Slab:
        """Thickness and projection."""
        return self._slab

    def reset(self) -> None:
        """Show single slices."""
        self._set(THIN)

    def set_thickness(self, thickness_mm: float) -> None:
        """Set the thickness in mm, 0 for single slices."""
        self._set(Slab(min(max(float(thickness_mm), 0.0), THICKEST_MM), self._slab.projection))

    def set_projection(self, projection: Projection) -> None:
        """Set how the values of a slab are combined into a pixel."""
        self._set(Slab(self._slab.thickness_mm, projection))

    def next_projection(self) -> None:
        """Choose the next of MIP, MinIP and average, cyclically."""
        all_ = list(Projection)
        self.set_projection(all_[(all_.index(self._slab.projection) + 1) % len(all_)])

    def thicker(self) -> None:
        """Choose the next larger thickness of :data:`THICKNESSES_MM`."""
        larger = [each for each in THICKNESSES_MM if each > self._slab.thickness_mm]
        self.set_thickness(larger[0] if larger else self._slab.thickness_mm)

    def thinner(self) -> None:
        """Choose the next smaller thickness of :data:`THICKNESSES_MM`."""
        smaller = [each for each in THICKNESSES_MM if each < self._slab.thickness_mm]
        self.set_thickness(smaller[-1] if smaller else 0.0)

    def _set(self, slab: Slab) -> None:
        if slab != self._slab:
            self._slab = slab
            self.changed.emit()
