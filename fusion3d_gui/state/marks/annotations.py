"""``Annotations``: the marks on the case on screen, with undo, kept for each case of the session."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from PySide6.QtCore import QObject, Signal

from fusion3d_gui.imaging.annotations.annotation import REGIONS, Annotation, Kind, Point
from fusion3d_gui.imaging.annotations.measurement import Measurement, measure
from fusion3d_gui.imaging.volume import Volume
from fusion3d_gui.state.data.case import Case, CaseKey

#: Steps that can be undone.
_DEPTH = 200

Marks = tuple[Annotation, ...]


@dataclass
class _History:
    """One case's marks now, before and after; and the number of the next mark."""

    items: Marks = ()
    undo: list[Marks] = field(default_factory=list)
    redo: list[Marks] = field(default_factory=list)
    next_number: int = 1


class Annotations(QObject):
    """Marks belong to the case on which they were made, and to no other.

    ``draft`` is a mark that is being drawn; it is shown but neither listed nor part of a step.
    While a mark is dragged, :meth:`preview` changes it as often as it likes, and :meth:`settle`
    makes one step of all that.
    """

    changed = Signal()
    selection_changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._by_case: dict[CaseKey, _History] = {}
        self._history = _History()
        self._volume: Volume | None = None
        self._draft: Annotation | None = None
        self._before: Marks | None = None
        self._selected: int | None = None
        self._measurements: dict[Annotation, Measurement] = {}
        self._visible = True

    # -- what is ------------------------------------------------------------------------------

    @property
    def items(self) -> Marks:
        """The marks of this case, oldest first."""
        return self._history.items

    @property
    def shown(self) -> Marks:
        """What the views draw: the marks and the draft; nothing while they are hidden."""
        if not self._visible:
            return ()
        return self.items if self._draft is None else (*self.items, self._draft)

    @property
    def visible(self) -> bool:
        """Whether marks are drawn."""
        return self._visible

    @property
    def draft(self) -> Annotation | None:
        """The mark that is being drawn."""
        return self._draft

    @property
    def selected(self) -> Annotation | None:
        """The mark that keys act on."""
        return self.find(self._selected)

    @property
    def can_undo(self) -> bool:
        """Whether there is a step to take back."""
        return bool(self._history.undo)

    @property
    def can_redo(self) -> bool:
        """Whether there is a step to do again."""
        return bool(self._history.redo)

    def find(self, number: int | None) -> Annotation | None:
        """The mark of this number, None without one."""
        return next((each for each in self.items if each.number == number), None)

    def measurement(self, annotation: Annotation) -> Measurement:
        """What a mark measures on the case on screen; measured once. Needs a case."""
        known = self._measurements.get(annotation)
        if known is None:
            assert self._volume is not None
            known = self._measurements[annotation] = measure(annotation, self._volume)
        return known

    @property
    def measurements(self) -> list[Measurement]:
        """Of all marks, oldest first."""
        return [self.measurement(each) for each in self.items]

    # -- cases --------------------------------------------------------------------------------

    def show_case(self, case: Case) -> None:
        """Another case: its own marks, as they were left. What was being typed or dragged is kept."""
        self.settle()
        self.cancel()
        self._volume = case.volume
        self._measurements.clear()
        self._history = self._by_case.setdefault(case.key, _History())
        self.select(None)
        self.changed.emit()

    def measure_again(self) -> None:
        """The voxels have changed (more of the scan has arrived): forget what was measured."""
        self._measurements.clear()
        self.changed.emit()

    # -- drawing and dragging -----------------------------------------------------------------

    def set_draft(
        self, kind: Kind, points: tuple[Point, ...], right: Point, down: Point
    ) -> Annotation:
        """Show a mark that is being drawn; regions keep the directions of their plane."""
        number = self._history.next_number
        made = (
            Annotation(number, kind, points, right, down)
            if kind in REGIONS
            else Annotation(number, kind, points)
        )
        self._draft = made
        self._tell()
        return made

    def keep_draft(self) -> Annotation | None:
        """The draft is done: add it, select it."""
        draft, self._draft = self._draft, None
        if draft is None:
            return None
        self._history.next_number += 1
        self._step((*self.items, draft))
        self.select(draft.number)
        return draft

    def preview(self, annotation: Annotation) -> None:
        """A mark as it is dragged: shown at once, part of the step that ``settle`` makes."""
        if self._before is None:
            self._before = self.items
        self._history.items = self._with(annotation)
        self._tell()

    def settle(self) -> None:
        """The drag is over: what it changed can be undone in one step."""
        before, self._before = self._before, None
        if before is not None and before != self.items:
            now, self._history.items = self.items, before
            self._step(now)

    def cancel(self) -> None:
        """Give up the draft, or the drag."""
        before, self._before = self._before, None
        if before is not None:
            self._history.items = before
        if self._draft is not None or before is not None:
            self._draft = None
            self._tell()

    # -- steps --------------------------------------------------------------------------------

    def set_text(self, number: int, text: str) -> None:
        """Write something on a mark."""
        found = self.find(number)
        if found is not None and found.text != text:
            self._step(self._with(replace(found, text=text)))

    def add_point(self, lps_mm: np.ndarray) -> None:
        """Mark a position, mm LPS."""
        x, y, z = (float(each) for each in lps_mm)
        self.set_draft("point", ((x, y, z),), (1, 0, 0), (0, 1, 0))
        self.keep_draft()

    def remove(self, number: int) -> None:
        """Take a mark away."""
        if self.find(number) is not None:
            self._step(tuple(each for each in self.items if each.number != number))

    def remove_all(self) -> None:
        """Take all marks of this case away, in one step."""
        if self.items:
            self._step(())

    def undo(self) -> None:
        """Take the last step back; what is being drawn is given up."""
        self._go(self._history.undo, self._history.redo)

    def redo(self) -> None:
        """Do the step again that was taken back last."""
        self._go(self._history.redo, self._history.undo)

    def select(self, number: int | None) -> None:
        """Choose the mark that keys act on; None: none."""
        if number != self._selected:
            self._selected = number
            self.selection_changed.emit()

    def toggle_visible(self) -> None:
        """Draw the marks, or don't."""
        self._visible = not self._visible
        self.changed.emit()

    def _go(self, from_steps: list[Marks], to_steps: list[Marks]) -> None:
        self.cancel()
        if from_steps:
            to_steps.append(self.items)
            self._history.items = from_steps.pop()
            self._tell()

    def _step(self, items: Marks) -> None:
        history = self._history
        history.undo.append(history.items)
        del history.undo[:-_DEPTH]
        history.redo.clear()
        history.items = items
        self._tell()

    def _with(self, annotation: Annotation) -> Marks:
        return tuple(
            annotation if each.number == annotation.number else each for each in self.items
        )

    def _tell(self) -> None:
        current = set(self.shown) | set(self.items)
        self._measurements = {
            key: kept for key, kept in self._measurements.items() if key in current
        }
        if self._selected is not None and self.find(self._selected) is None:
            self.select(None)
        self.changed.emit()
