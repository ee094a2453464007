"""``WindowLevel``: the window under which all views show the volume, and its presets."""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal

from fusion3d_gui.imaging.display.window_level import Preset, Window


class WindowLevel(QObject):
    """The current window in real values, and the presets that the volume offers."""

    changed = Signal()
    presets_changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._window = Window(0.5, 1.0)
        self._presets: tuple[Preset, ...] = ()
        self._inverted = False
        self._color_map = "Gray"

    @property
    def window(self) -> Window:
        """What is black and what is white."""
        return self._window

    @property
    def inverted(self) -> bool:
        """Whether high values are dark."""
        return self._inverted

    @property
    def color_map(self) -> str:
        """In which colours gray levels are shown, by name."""
        return self._color_map

    def invert(self) -> None:
        """High values dark, or bright again."""
        self._inverted = not self._inverted
        self.changed.emit()

    def set_color_map(self, name: str) -> None:
        """Show gray levels in other colours."""
        if name != self._color_map:
            self._color_map = name
            self.changed.emit()

    @property
    def presets(self) -> tuple[Preset, ...]:
        """Named windows, the volume's default first."""
        return self._presets

    @property
    def preset(self) -> Preset | None:
        """The preset that is exactly the current window, if any."""
        return next((each for each in self._presets if each.window == self._window), None)

    def set_presets(self, presets: tuple[Preset, ...]) -> None:
        """A new volume: its presets; the first becomes the window."""
        self._presets = presets
        self.presets_changed.emit()
        self.set_window(presets[0].window)

    def refine_presets(self, presets: tuple[Preset, ...]) -> None:
        """The same volume, of which more is known now; a window that was its default follows."""
        was_default = bool(self._presets) and self._window == self._presets[0].window
        self._presets = presets
        self.presets_changed.emit()
        if was_default:
            self.set_window(presets[0].window)

    def set_window(self, window: Window) -> None:
        """Show real values under this window from now on."""
        if window != self._window:
            self._window = window
            self.changed.emit()

    def apply_preset(self, number: int) -> None:
        """Use a preset by its number from 0; numbers beyond the last do nothing."""
        if 0 <= number < len(self._presets):
            self.set_window(self._presets[number].window)

    def apply_automatic(self) -> None:
        """The window chosen from the image itself."""
        for preset in self._presets:
            if preset.name == "Automatic":
                self.set_window(preset.window)

    def drag(self, right: float, down: float) -> None:
        """Follow a drag, in fractions of the default width: right widens, down brightens.

        Down lowers the centre, so the picture brightens, as in most viewers.
        """
        unit = self._presets[0].window.width if self._presets else self._window.width
        width = max(self._window.width + right * unit, unit * 1e-3)
        self.set_window(self._window.reshaped(self._window.center - down * unit, width))
