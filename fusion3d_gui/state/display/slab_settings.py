"""``SlabSettings``: how thick the planes on screen are."""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal

from fusion3d_gui.imaging.reslice.slab import THIN, Projection, Slab

#: Steps of the thickness keys, mm.
THICKNESSES_MM = (0.0, 5.0, 10.0, 20.0, 40.0, 80.0)

THICKEST_MM = 500.0


class SlabSettings(QObject):
    """The slab that all views show, a single slice at first."""

    changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._slab = THIN

    @property
    def slab(self) -> Slab:
        """Thickness and projection."""
        return self._slab

    def set_thickness(self, thickness_mm: float) -> None:
        """0 for single slices."""
        self._set(Slab(min(max(float(thickness_mm), 0.0), THICKEST_MM), self._slab.projection))

    def set_projection(self, projection: Projection) -> None:
        """What a pixel shows of the values behind one another."""
        self._set(Slab(self._slab.thickness_mm, projection))

    def next_projection(self) -> None:
        """MIP, MinIP, average, and MIP again."""
        all_ = list(Projection)
        self.set_projection(all_[(all_.index(self._slab.projection) + 1) % len(all_)])

    def thicker(self) -> None:
        """To the next thickness of the list."""
        larger = [each for each in THICKNESSES_MM if each > self._slab.thickness_mm]
        self.set_thickness(larger[0] if larger else self._slab.thickness_mm)

    def thinner(self) -> None:
        """To the thickness before in the list."""
        smaller = [each for each in THICKNESSES_MM if each < self._slab.thickness_mm]
        self.set_thickness(smaller[-1] if smaller else 0.0)

    def _set(self, slab: Slab) -> None:
        if slab != self._slab:
            self._slab = slab
            self.changed.emit()
