"""``Annotations``: the marks on the case on screen, with undo, kept for each case of the session."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from PySide6.QtCore import QObject, Signal

from fusion3d_gui.imaging.annotations.annotation import REGIONS, Annotation, Kind, Point
from fusion3d_gui.imaging.annotations.measurement import Measurement, measure
from fusion3d_gui.imaging.volume import Volume
from fusion3d_gui.state.data.case import Case, CaseKey
from fusion3d_gui.state.data.step_history import StepHistory

#: Steps that can be undone.
_DEPTH = 200

Marks = tuple[Annotation, ...]


class Annotations(QObject):
    """Marks belong to the case on which they were drawn.

    ``draft`` is a mark being drawn; it is shown, but neither listed nor part of an undo step. While a
    mark is dragged, :meth:`preview` changes it any number of times, and :meth:`settle` makes one
    undo step of that.
    """

    changed = Signal()
    selection_changed = Signal()
    #: A step that can be undone was made.
    stepped = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._by_case: dict[CaseKey, StepHistory[Annotation]] = {}
        self._history = StepHistory[Annotation](_DEPTH)
        self._volume: Volume | None = None
        self._draft: Annotation | None = None
        self._before: Marks | None = None
        self._selected: int | None = None
        self._measurements: dict[Annotation, Measurement] = {}
        self._visible = True

    # -- what is ------------------------------------------------------------------------------

    @property
    def items(self) -> Marks:
        """The marks of the case, oldest first."""
        return self._history.items

    @property
    def shown(self) -> Marks:
        """What the views draw: marks and draft; empty while marks are hidden."""
        if not self._visible:
            return ()
        return self.items if self._draft is None else (*self.items, self._draft)

    @property
    def visible(self) -> bool:
        """Whether marks are drawn."""
        return self._visible

    @property
    def draft(self) -> Annotation | None:
        """The mark being drawn."""
        return self._draft

    @property
    def selected(self) -> Annotation | None:
        """The mark on which commands act."""
        return self.find(self._selected)

    @property
    def can_undo(self) -> bool:
        """Whether there is a step to undo."""
        return bool(self._history.undo)

    @property
    def can_redo(self) -> bool:
        """Whether there is a step to redo."""
        return bool(self._history.redo)

    def find(self, number: int | None) -> Annotation | None:
        """The mark with this number; None where there is none."""
        return next((each for each in self.items if each.number == number), None)

    def measurement(self, annotation: Annotation) -> Measurement:
        """What a mark measures on the case on screen, computed once.

        Raises
        ------
        RuntimeError
            When there is no case.
        """
        known = self._measurements.get(annotation)
        if known is None:
            if self._volume is None:
                raise RuntimeError("there is no case to measure on")
            known = self._measurements[annotation] = measure(annotation, self._volume)
        return known

    @property
    def measurements(self) -> list[Measurement]:
        """Measurements of all marks, oldest first."""
        return [self.measurement(each) for each in self.items]

    # -- cases --------------------------------------------------------------------------------

    def show_case(self, case: Case) -> None:
        """Show the marks of another case, as they were left; a drag under way is kept as a step."""
        self.settle()
        self.cancel()
        self._volume = case.volume
        self._measurements.clear()
        self._history = self._by_case.setdefault(case.key, StepHistory[Annotation](_DEPTH))
        self.select(None)
        self.changed.emit()

    def put_first(self, marks: Marks) -> None:
        """Put marks of an earlier time before those drawn since, which get higher numbers; no step undoes it."""
        if not marks:
            return
        last = max(mark.number for mark in marks)
        known = {replace(mark, number=0) for mark in marks}

        def after(own: Marks) -> Marks:
            drawn = [mark for mark in own if replace(mark, number=0) not in known]
            return (*marks, *(replace(mark, number=mark.number + last) for mark in drawn))

        history, selected = self._history, self._selected
        history.change_all(after)
        history.next_number += last
        if self._before is not None:
            self._before = after(self._before)
        if self._draft is not None:
            self._draft = replace(self._draft, number=self._draft.number + last)
        self.select(None if selected is None else selected + last)
        self._emit_changed()

    def replace_all(self, marks: Marks) -> None:
        """Have these marks instead of all others; no step undoes it."""
        self.settle()
        self.cancel()
        highest = max((mark.number for mark in marks), default=0)
        self._history.start_with(marks, highest + 1)
        self.select(None)
        self._emit_changed()

    def measure_again(self) -> None:
        """Drop all measurements, since more slices of the case have been read."""
        self._measurements.clear()
        self.changed.emit()

    # -- drawing and dragging -----------------------------------------------------------------

    def set_draft(
        self, kind: Kind, points: tuple[Point, ...], right: Point, down: Point
    ) -> Annotation:
        """Show a mark being drawn; a region keeps the directions of its plane."""
        number = self._history.next_number
        made = (
            Annotation(number, kind, points, right, down)
            if kind in REGIONS
            else Annotation(number, kind, points)
        )
        self._draft = made
        self._emit_changed()
        return made

    def keep_draft(self) -> Annotation | None:
        """Add the draft to the marks, and select it."""
        draft, self._draft = self._draft, None
        if draft is None:
            return None
        self._history.next_number += 1
        self._step((*self.items, draft))
        self.select(draft.number)
        return draft

    def preview(self, annotation: Annotation) -> None:
        """Show a mark as it is dragged, until :meth:`settle` makes a step of it."""
        if self._before is None:
            self._before = self.items
        self._history.items = self._with(annotation)
        self._emit_changed()

    def settle(self) -> None:
        """End a drag: make one undo step of what it changed."""
        before, self._before = self._before, None
        if before is not None and before != self.items:
            now, self._history.items = self.items, before
            self._step(now)

    def cancel(self) -> None:
        """Discard the draft or the drag."""
        before, self._before = self._before, None
        if before is not None:
            self._history.items = before
        if self._draft is not None or before is not None:
            self._draft = None
            self._emit_changed()

    # -- steps --------------------------------------------------------------------------------

    def set_text(self, number: int, text: str) -> None:
        """Set the text of a mark."""
        found = self.find(number)
        if found is not None and found.text != text:
            self._step(self._with(replace(found, text=text)))

    def add_point(self, lps_mm: np.ndarray) -> None:
        """Add a point at a position, mm LPS."""
        x, y, z = (float(each) for each in lps_mm)
        self.set_draft("point", ((x, y, z),), (1, 0, 0), (0, 1, 0))
        self.keep_draft()

    def add_all(self, marks: Marks) -> None:
        """Add marks of elsewhere, with numbers of this case, in one step."""
        first = self._history.next_number
        self._history.next_number += len(marks)
        added = (replace(mark, number=first + index) for index, mark in enumerate(marks))
        self._step((*self.items, *added))

    def remove(self, number: int) -> None:
        """Remove a mark."""
        if self.find(number) is not None:
            self._step(tuple(each for each in self.items if each.number != number))

    def remove_all(self) -> None:
        """Remove all marks of the case in one step."""
        if self.items:
            self._step(())

    def undo(self) -> None:
        """Undo the last step; discards the draft."""
        self.cancel()
        if self._history.go_back():
            self._emit_changed()

    def redo(self) -> None:
        """Redo the step undone last."""
        self.cancel()
        if self._history.go_forward():
            self._emit_changed()

    def drop_redo(self) -> None:
        """Forget the steps that were undone."""
        self._history.redo.clear()

    def select(self, number: int | None) -> None:
        """Select the mark on which commands act; None: none."""
        if number != self._selected:
            self._selected = number
            self.selection_changed.emit()

    def toggle_visible(self) -> None:
        """Show or hide the marks."""
        self._visible = not self._visible
        self.changed.emit()

    def _step(self, items: Marks) -> None:
        self._history.step(items)
        self._emit_changed()
        self.stepped.emit()

    def _with(self, annotation: Annotation) -> Marks:
        return tuple(
            annotation if each.number == annotation.number else each for each in self.items
        )

    def _emit_changed(self) -> None:
        current = set(self.shown) | set(self.items)
        self._measurements = {
            key: kept for key, kept in self._measurements.items() if key in current
        }
        if self._selected is not None and self.find(self._selected) is None:
            self.select(None)
        self.changed.emit()
