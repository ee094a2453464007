"""``MaskDrawing``: the brush, the eraser and the fill with which the reader draws a mask."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QObject, Signal

from fusion3d_gui.imaging.labels.brush import (
    Part,
    Values,
    brushed,
    connected_region,
    joined,
    part_at,
    without,
    without_holes,
)
from fusion3d_gui.imaging.volume import Volume
from fusion3d_gui.progress import Progress
from fusion3d_gui.state.data.case import Case
from fusion3d_gui.state.masks.mask_list import CaseMask, MaskList
from fusion3d_gui.state.notice import Notice
from fusion3d_gui.state.store import Store

#: Name of what is drawn first.
LESION = "lesion"
RADIUS_MM = (0.2, 50.0)
REACH_MM = (1.0, 100.0)


class MaskDrawing(QObject):
    """Strokes change the selected mask if the reader drew it, else begin a new one.

    A mask of a file is never changed: :meth:`copy_selected` makes one of it that can be.
    """

    changed = Signal()

    def __init__(self, store: Store, masks: MaskList) -> None:
        super().__init__(store)
        self._store, self._masks = store, masks
        self._radius_mm = 4.0
        self._reach_mm = 30.0
        self._in_3d = False
        self._values: Values | None = None
        self._range: Values = (0.0, 0.0)
        self._target: int | None = None
        self._last: np.ndarray | None = None
        store.case_opened.connect(self._on_case_opened)

    @property
    def radius_mm(self) -> float:
        """Radius of the brush."""
        return self._radius_mm

    @property
    def reach_mm(self) -> float:
        """How far a fill goes from where it was begun."""
        return self._reach_mm

    @property
    def in_3d(self) -> bool:
        """Whether the brush is a ball; else it paints on one slice."""
        return self._in_3d

    @property
    def values(self) -> Values | None:
        """The real values that the brush takes; None: all."""
        return self._values

    @property
    def range(self) -> Values:
        """The real values that a fill takes, and the brush while it is limited to them."""
        return self._range

    @property
    def target(self) -> CaseMask | None:
        """The mask that a stroke changes; None: it begins a new one."""
        selected = self._masks.selected
        return selected if selected is not None and selected.is_drawn else None

    def set_radius(self, mm: float) -> None:
        """Set the radius of the brush, within bounds."""
        self._radius_mm = min(max(float(mm), RADIUS_MM[0]), RADIUS_MM[1])
        self.changed.emit()

    def set_reach(self, mm: float) -> None:
        """Set how far a fill goes, within bounds."""
        self._reach_mm = min(max(float(mm), REACH_MM[0]), REACH_MM[1])
        self.changed.emit()

    def set_3d(self, in_3d: bool) -> None:
        """Paint in a ball, or on one slice."""
        self._in_3d = in_3d
        self.changed.emit()

    def toggle_3d(self) -> None:
        """Paint in a ball instead of on one slice, or the reverse."""
        self.set_3d(not self._in_3d)

    def set_range(self, low: float, high: float) -> None:
        """Set the values that a fill takes."""
        self._range = (min(low, high), max(low, high))
        if self._values is not None:
            self._values = self._range
        self.changed.emit()

    def toggle_values(self) -> None:
        """Limit the brush to the range of values, or not."""
        self._values = self._range if self._values is None else None
        self.changed.emit()

    # -- strokes ------------------------------------------------------------------------------

    def begin(self, at_lps: np.ndarray, normal: np.ndarray, *, erase: bool) -> None:
        """Begin a stroke at a place (mm LPS) on the plane with this normal."""
        target = self.target
        self._target = None if target is None else target.number
        self._last = np.asarray(at_lps, float)
        self.go_on(at_lps, normal, erase=erase)

    def go_on(self, at_lps: np.ndarray, normal: np.ndarray, *, erase: bool) -> None:
        """Draw on to a place (mm LPS)."""
        volume, last = self._volume, self._last
        if volume is None or last is None:
            return
        here = np.asarray(at_lps, float)
        part = brushed(
            volume, last, here, self._radius_mm, None if self._in_3d else normal, self._values
        )
        self._last = here
        if part is not None:
            self._apply(part, volume, erase=erase)

    def end(self) -> None:
        """End the stroke: one step of undo."""
        self._last = None
        self._masks.settle()

    def _apply(self, part: Part, volume: Volume, *, erase: bool) -> None:
        found = self._masks.find(self._target)
        mask = None if found is None else found.mask
        if erase:
            if mask is not None:
                self._target = self._masks.preview(self._target, without(mask, part, volume))
            return
        now = joined(mask, part, volume, LESION)
        if now is not None:
            self._target = self._masks.preview(self._target, now)

    # -- fills --------------------------------------------------------------------------------

    def fill(self, at_lps: np.ndarray) -> None:
        """Add what hangs together with a place (mm LPS), within the range of values and the reach."""
        volume, case = self._volume, self._store.case
        if volume is None or case is None:
            return
        place, reach, values = np.asarray(at_lps, float), self._reach_mm, self._range
        target = self.target
        number = None if target is None else target.number

        def work(progress: Progress) -> Part | None:
            return connected_region(volume, place, reach, values)

        def on_found(part: Part | None) -> None:
            now = self._store.case
            if now is None or now.key != case.key:
                return
            if part is None:
                low, high = values
                text = f"The value there is not between {low:g} and {high:g}: nothing was filled."
                self._store.noticed.emit(Notice(text))
                return
            found = self._masks.find(number)
            mask = joined(None if found is None else found.mask, part, volume, LESION)
            self._masks.preview(None if found is None else number, mask)
            self._masks.settle()

        self._store.run(self._store.browsing, "Filling", work, on_found)

    def fill_holes(self) -> None:
        """Fill what the mask encloses."""
        target, volume = self.target, self._volume
        if target is not None and volume is not None:
            self._masks.change(target.number, without_holes(target.mask, volume))

    def keep_part(self, at_lps: np.ndarray) -> None:
        """Keep only the part of the mask that is at a place (mm LPS), else its largest part."""
        target, volume = self.target, self._volume
        if target is not None and volume is not None:
            self._masks.change(target.number, part_at(target.mask, volume, at_lps))

    def copy_selected(self) -> None:
        """Make a mask that can be changed of the selected one."""
        selected = self._masks.selected
        if selected is not None:
            self._masks.add_all((selected.mask,), is_drawn=True)

    @property
    def _volume(self) -> Volume | None:
        case = self._store.case
        return None if case is None or not case.is_complete else case.volume

    def _on_case_opened(self, case: Case) -> None:
        self._last, self._values = None, None
        window = case.presets[0].window if case.presets else None
        if window is not None:
            self._range = (
                round(window.center - window.width / 2, 3),
                round(window.center + window.width / 2, 3),
            )
        self.changed.emit()
