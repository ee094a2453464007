"""``Arrangement``: layout, cameras and orientations of the views, for keeping and restoring them. No widget in it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from PySide6.QtCore import QObject, Signal

from fusion3d_gui.imaging.plane import Orientation


@dataclass(frozen=True)
class CameraPose:
    """What a camera shows, whatever the size of its view: zoom (1: fitted), and the middle (screen mm)."""

    fitted: bool
    zoom: float
    center: tuple[float, float]


@dataclass(frozen=True)
class ViewArrangement:
    """How the views are arranged; views are known by name.

    Parameters
    ----------
    layout
        Name of the layout.
    alone
        The view that is shown alone; empty: the whole layout is.
    cameras, orientations
        Of the slice views, and the camera of the 3D view.
    orbit
        Turn and tilt of the 3D view, degrees.
    """

    layout: str = ""
    alone: str = ""
    cameras: Mapping[str, CameraPose] = field(default_factory=dict)
    orientations: Mapping[str, Orientation] = field(default_factory=dict)
    orbit: tuple[float, float] | None = None


class Arrangement(QObject):
    """The views say how they are arranged when asked, and take another arrangement when told."""

    #: A view was zoomed or moved, or the layout has changed.
    changed = Signal()
    #: The views are to be arranged as this ViewArrangement says, as far as they can be.
    requested = Signal(object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._source: Callable[[], ViewArrangement] | None = None

    def set_source(self, source: Callable[[], ViewArrangement]) -> None:
        """Ask the views by this function."""
        self._source = source

    @property
    def now(self) -> ViewArrangement:
        """How the views are arranged now; without views, nothing."""
        return ViewArrangement() if self._source is None else self._source()

    def request(self, wanted: ViewArrangement) -> None:
        """Arrange the views this way."""
        self.requested.emit(wanted)
