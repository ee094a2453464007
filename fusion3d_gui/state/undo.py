"""``Undo``: undo and redo of what was done last, whether to a mark, a mask or the window level."""

from __future__ import annotations

from typing import Protocol

from PySide6.QtCore import QObject, Signal, SignalInstance

from fusion3d_gui.state.data.case import Case
from fusion3d_gui.state.display.window_level import WindowLevel
from fusion3d_gui.state.marks.annotations import Annotations
from fusion3d_gui.state.masks.mask_list import MaskList


class _Source(Protocol):
    """What keeps its own steps."""

    @property
    def stepped(self) -> SignalInstance:
        """A step that can be undone was made."""

    @property
    def can_undo(self) -> bool:
        """Whether there is a step to undo."""

    @property
    def can_redo(self) -> bool:
        """Whether there is a step to redo."""

    def undo(self) -> None:
        """Undo the last step."""

    def redo(self) -> None:
        """Redo the step undone last."""

    def drop_redo(self) -> None:
        """Forget the steps that were undone."""


class Undo(QObject):
    """The order in which marks, masks and the window level were changed; each keeps its own steps."""

    changed = Signal()

    def __init__(
        self,
        annotations: Annotations,
        masks: MaskList,
        window_level: WindowLevel,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._sources: tuple[_Source, ...] = (annotations, masks, window_level)
        self._done: list[_Source] = []
        self._undone: list[_Source] = []
        for source in self._sources:
            source.stepped.connect(lambda each=source: self._on_stepped(each))

    @property
    def can_undo(self) -> bool:
        """Whether there is anything to undo."""
        return any(source.can_undo for source in self._sources)

    @property
    def can_redo(self) -> bool:
        """Whether there is anything to redo."""
        return any(source.can_redo for source in self._sources)

    def undo(self) -> None:
        """Undo what was done last on this case; before that, its marks as they were left."""
        in_order = [*reversed(self._done), *self._sources]
        source = next((each for each in in_order if each.can_undo), None)
        if source is not None:
            self._go(source, self._done, self._undone)
            source.undo()
            self.changed.emit()

    def redo(self) -> None:
        """Redo what was undone last."""
        in_order = [*reversed(self._undone), *self._sources]
        source = next((each for each in in_order if each.can_redo), None)
        if source is not None:
            self._go(source, self._undone, self._done)
            source.redo()
            self.changed.emit()

    def show_case(self, case: Case) -> None:
        """Begin anew: the marks of another case keep their own steps."""
        self._done.clear()
        self._undone.clear()
        self.changed.emit()

    @staticmethod
    def _go(source: _Source, from_steps: list[_Source], to_steps: list[_Source]) -> None:
        while from_steps and from_steps.pop() is not source:
            pass
        to_steps.append(source)

    def _on_stepped(self, source: _Source) -> None:
        self._done.append(source)
        self._undone.clear()
        for other in self._sources:
            if other is not source:
                other.drop_redo()
        self.changed.emit()
