"""``WindowLevel``: the window level of all views, and the presets of the volume."""

from __future__ import annotations

from PySide6.QtCore import QObject, Signal

from fusion3d_gui.imaging.display.window import Preset, Window

_GRAY = "Gray"
#: Steps that can be undone.
_DEPTH = 200


class WindowLevel(QObject):
    """The current window level in real values, and the presets that the volume offers.

    What the user does to it is undone in steps: a choice is one step, and so is a drag from
    :meth:`preview` or :meth:`drag` to :meth:`settle`.
    """

    changed = Signal()
    presets_changed = Signal()
    #: A step that can be undone was made.
    stepped = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._window = Window(0.5, 1.0)
        self._before: Window | None = None
        self._undo: list[Window] = []
        self._redo: list[Window] = []
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
        """Take the presets of another volume, and use the first; nothing can be undone then."""
        self._presets = presets
        self._before = None
        self._undo.clear()
        self._redo.clear()
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
            self.choose(self._presets[number].window)

    def apply_automatic(self) -> None:
        """Use the preset computed from the image itself."""
        for preset in self._presets:
            if preset.name == "Automatic":
                self.choose(preset.window)

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
        self.preview(self._window.reshaped(self._window.center - down * unit, width))

    # -- steps --------------------------------------------------------------------------------

    def choose(self, window: Window) -> None:
        """Use this window level, as one step."""
        self.preview(window)
        self.settle()

    def preview(self, window: Window) -> None:
        """Use this window level while something is dragged, until :meth:`settle` makes a step of it."""
        if self._before is None:
            self._before = self._window
        self.set_window(window)

    def settle(self) -> None:
        """End a drag: make one step of what it changed."""
        before, self._before = self._before, None
        if before is not None and before != self._window:
            self._undo.append(before)
            del self._undo[:-_DEPTH]
            self._redo.clear()
            self.stepped.emit()

    @property
    def can_undo(self) -> bool:
        """Whether there is a step to undo."""
        return bool(self._undo)

    @property
    def can_redo(self) -> bool:
        """Whether there is a step to redo."""
        return bool(self._redo)

    def undo(self) -> None:
        """Undo the last step."""
        self._go(self._undo, self._redo)

    def redo(self) -> None:
        """Redo the step undone last."""
        self._go(self._redo, self._undo)

    def drop_redo(self) -> None:
        """Forget the steps that were undone."""
        self._redo.clear()

    def _go(self, from_steps: list[Window], to_steps: list[Window]) -> None:
        self.settle()
        if from_steps:
            to_steps.append(self._window)
            self.set_window(from_steps.pop())
