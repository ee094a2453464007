"""``WindowLevel``: the window level of all views, and the presets of the volume."""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal

from fusion3d_gui.imaging.display.window import Preset, Window

_GRAY = "Gray"


class WindowLevel(QObject):
    """The current window level in real values, and the presets that the volume offers."""

    changed = Signal()
    presets_changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._window = Window(0.5, 1.0)
        self._presets: tuple[Preset, ...] = ()
        self._inverted = False
        self._color_map = _GRAY

    @property
    def window(self) -> Window:
        """The current window level."""
        return self._window

    @property
    def inverted(self) -> bool:
        """Whether high values are shown dark."""
        return self._inverted

    @property
    def color_map(self) -> str:
        """Name of the anatomy's colour map."""
        return self._color_map

    def invert(self) -> None:
        """Toggle whether high values are shown dark."""
        self._inverted = not self._inverted
        self.changed.emit()

    def set_color_map(self, name: str) -> None:
        """Choose another colour map."""
        if name != self._color_map:
            self._color_map = name
            self.changed.emit()

    @property
    def presets(self) -> tuple[Preset, ...]:
        """Named window levels, the volume's default first."""
        return self._presets

    @property
    def preset(self) -> Preset | None:
        """The preset that equals the current window level, if any."""
        return next((each for each in self._presets if each.window == self._window), None)

    def set_presets(self, presets: tuple[Preset, ...]) -> None:
        """Take the presets of another volume, and use the first."""
        self._presets = presets
        self.presets_changed.emit()
        self.set_window(presets[0].window)

    def refine_presets(self, presets: tuple[Preset, ...]) -> None:
        """Take better presets of the same volume; a window level that was its default follows."""
        was_default = bool(self._presets) and self._window == self._presets[0].window
        self._presets = presets
        self.presets_changed.emit()
        if was_default:
            self.set_window(presets[0].window)

    def set_window(self, window: Window) -> None:
        """Use this window level."""
        if window != self._window:
            self._window = window
            self.changed.emit()

    def apply_preset(self, number: int) -> None:
        """Use a preset by its number from 0; a number beyond the last is ignored."""
        if 0 <= number < len(self._presets):
            self.set_window(self._presets[number].window)

    def apply_automatic(self) -> None:
        """Use the preset computed from the image itself."""
        for preset in self._presets:
            if preset.name == "Automatic":
                self.set_window(preset.window)

    def reset(self) -> None:
        """Use the volume's default window level, in gray and not inverted."""
        self._inverted, self._color_map = False, _GRAY
        self.apply_preset(0)
        self.changed.emit()

    def drag(self, right: float, down: float) -> None:
        """Follow a drag, in fractions of the default width: right widens, down brightens.

        Dragging down lowers the centre, which brightens the image, as in most viewers.
        """
        unit = self._presets[0].window.width if self._presets else self._window.width
        width = max(self._window.width + right * unit, unit * 1e-3)
        self.set_window(self._window.reshaped(self._window.center - down * unit, width))
