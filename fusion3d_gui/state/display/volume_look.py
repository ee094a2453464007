"""``VolumeLook``: how the 3D view shows the volume: surface, translucent or projection, level, what is cut away."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QObject, Signal

from fusion3d_gui.imaging.display.transfer_function import TransferFunction
from fusion3d_gui.imaging.display.volume_presets import VolumePreset, volume_presets
from fusion3d_gui.imaging.display.window import Window, value_histogram
from fusion3d_gui.imaging.reslice.clip import ClipPlane, Side
from fusion3d_gui.imaging.volume import Volume

#: Where the surface lies between black (0) and white (1) of the window level, until a level is chosen.
_USUAL_SHARE = 0.25
#: A cut begins with this share of the patient.
_HALF = 0.5


class VolumeLook(QObject):
    """A lit surface of a level, translucent, or the maximum intensity projection; whole, or cut open by a plane.

    Level and cut belong to a scan, and end with it; the kind is kept where the next scan offers it.
    """

    changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._is_surface = True
        self._transfer: TransferFunction | None = None
        self._level: float | None = None
        self._cut: Side | None = None
        self._depth_mm = 0.0
        self._bounds = np.zeros(3), np.zeros(3)
        self._range = 0.0, 1.0
        self._unit = ""
        self._presets: tuple[VolumePreset, ...] = ()

    def show_volume(self, volume: Volume) -> None:
        """Begin with another volume: its usual level, nothing cut away."""
        self._level = self._cut = None
        self._bounds = volume.bounds_lps
        self.complete(volume)

    def complete(self, volume: Volume) -> None:
        """Take the values of the same volume once all its slices have been read, or are known to be others."""
        _, low, high = value_histogram(volume, 1)
        self._range = low, high
        self._unit = volume.unit
        # A level beyond all values would show a box, or nothing.
        self._presets = tuple(
            each for each in volume_presets(volume) if _lies_within(each, low, high)
        )
        if self._transfer is not None and all(
            each.transfer != self._transfer for each in self._presets
        ):
            self._transfer, self._is_surface = None, True
        self.changed.emit()

    # -- surface or projection --------------------------------------------------------------------

    @property
    def is_surface(self) -> bool:
        """Whether a lit surface is shown; else it is translucent, or the maximum intensity projection."""
        return self._is_surface

    @property
    def is_translucent(self) -> bool:
        """Whether the volume is translucent: values have colours and opacities."""
        return self._transfer is not None

    @property
    def takes_level(self) -> bool:
        """Whether a level counts: the maximum intensity projection has none."""
        return self._is_surface or self.is_translucent

    def toggle_surface(self) -> None:
        """Switch between the lit surface and the maximum intensity projection; from a translucent volume to the surface."""
        self._is_surface = self.is_translucent or not self._is_surface
        self._transfer = None
        self.changed.emit()

    def transfer_under(self, window: Window) -> TransferFunction | None:
        """Colours and opacities of real values under this window level; None where it is not translucent."""
        if self._transfer is None:
            return None
        usual = self._transfer.within(window.low, window.low + window.width)
        return usual if self._level is None else usual.moved(self._level - usual.level)

    @property
    def range(self) -> tuple[float, float]:
        """Lowest and highest real value to choose a level from."""
        return self._range

    @property
    def unit(self) -> str:
        """The unit of levels; empty where the file names none."""
        return self._unit

    @property
    def has_level(self) -> bool:
        """Whether a level was chosen; else it follows the window level."""
        return self._level is not None

    @property
    def level(self) -> float | None:
        """The real value that was chosen for the surface; None: it follows the window level."""
        return self._level

    def level_under(self, window: Window) -> float:
        """The real value at which the surface lies, or the translucent becomes opaque, under this window level."""
        if self._level is None and self._transfer is not None:
            return self._transfer.within(window.low, window.low + window.width).level
        return window.low + _USUAL_SHARE * window.width if self._level is None else self._level

    def set_level(self, level: float | None) -> None:
        """Let the surface lie at this real value; None: let it follow the window level."""
        if level != self._level:
            self._level = level
            self.changed.emit()

    def move_level(self, share: float, window: Window) -> None:
        """Raise (above 0) or lower the level by a share of its range."""
        low, high = self._range
        level = self.level_under(window) + share * (high - low)
        self.set_level(min(max(level, low), high))

    # -- cut --------------------------------------------------------------------------------------

    @property
    def cut(self) -> Side | None:
        """The side of the patient from which something is cut away; None: nothing is."""
        return self._cut

    @property
    def depth_mm(self) -> float:
        """How much (mm) of the volume is cut away from that side."""
        return self._depth_mm

    @property
    def deepest_mm(self) -> float:
        """The size (mm) of the volume from that side."""
        return 0.0 if self._cut is None else self._cut.extent_mm(*self._bounds)

    @property
    def clip(self) -> ClipPlane | None:
        """The plane that cuts; None where nothing is cut away."""
        if self._cut is None:
            return None
        return self._cut.plane(*self._bounds, self._depth_mm)

    def cut_from(self, side: Side | None) -> None:
        """Cut the half of the patient away that is towards a side; None: show the whole."""
        if side is not self._cut:
            self._cut = side
            self._depth_mm = _HALF * self.deepest_mm
            self.changed.emit()

    def set_depth(self, depth_mm: float) -> None:
        """Cut so much (mm) away; clipped to the size of the volume."""
        depth_mm = min(max(float(depth_mm), 0.0), self.deepest_mm)
        if depth_mm != self._depth_mm:
            self._depth_mm = depth_mm
            self.changed.emit()

    def move_cut(self, deeper_mm: float) -> None:
        """Cut more (above 0) or less away."""
        self.set_depth(self._depth_mm + deeper_mm)

    # -- presets ----------------------------------------------------------------------------------

    @property
    def presets(self) -> tuple[VolumePreset, ...]:
        """What the volume offers."""
        return self._presets

    @property
    def preset(self) -> VolumePreset | None:
        """The preset that says how the volume is shown now, wherever it is cut; None: none does.

        One that cuts from the same side comes first, then one that cuts nothing.
        """
        level = self._level if self.takes_level else None
        now = self._is_surface, level, self._transfer
        alike = [
            each for each in self._presets if (each.is_surface, each.level, each.transfer) == now
        ]
        return next((each for cut in (self._cut, None) for each in alike if each.cut is cut), None)

    def apply(self, preset: VolumePreset) -> None:
        """Show the volume so."""
        self._is_surface, self._level = preset.is_surface, preset.level
        self._transfer, self._cut = preset.transfer, preset.cut
        self._depth_mm = _HALF * self.deepest_mm
        self.changed.emit()

    def reset(self) -> None:
        """Use the usual level, and cut nothing away."""
        self._level = self._cut = None
        self.changed.emit()


def _lies_within(preset: VolumePreset, low: float, high: float) -> bool:
    """Whether what a preset shows begins among the values of a volume."""
    transfer, level = preset.transfer, preset.level
    if transfer is not None and not transfer.is_relative:
        level = transfer.range[0]
    return level is None or low < level < high
