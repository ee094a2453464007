"""``Alignment``: registers the second scan to the first on a worker, by hand or by point pairs; each can be undone."""

from __future__ import annotations

from typing import Literal

import numpy as np
from PySide6.QtCore import QObject, Signal

from fusion3d_gui.errors import UserError
from fusion3d_gui.imaging.registration.point_pairs import LEAST_PAIRS, fit_point_pairs
from fusion3d_gui.imaging.registration.registration import Registration
from fusion3d_gui.progress import Progress
from fusion3d_gui.state.beside.comparison import Comparison, Way
from fusion3d_gui.state.beside.second_scan import SecondScan
from fusion3d_gui.state.notice import Notice
from fusion3d_gui.state.store import Store
from fusion3d_gui.state.tasks import TaskLane

#: So many steps can be undone.
_DEPTH = 100


class Alignment(QObject):
    """What places the second scan in the first one's space."""

    #: Registering began or ended, a step was made or undone, a point was marked.
    changed = Signal()

    def __init__(self, store: Store, second: SecondScan, comparison: Comparison) -> None:
        super().__init__(store)
        self._store = store
        self._second = second
        self._comparison = comparison
        self.lane = TaskLane("registering", self)
        self._undo: list[Registration | None] = []
        self._voxels: np.ndarray | None = None
        self._pairs: list[tuple[np.ndarray, np.ndarray]] = []
        self._before_drag: Registration | None = None
        self._dragging = False
        self.lane.switched.connect(self.changed)
        second.changed.connect(self._on_second_changed)

    @property
    def is_registering(self) -> bool:
        """Whether a registration is under way."""
        return bool(self.lane.label)

    @property
    def can_register(self) -> bool:
        """Whether there are two whole scans."""
        case = self._store.case
        return case is not None and case.is_complete and self._second.case is not None

    @property
    def can_undo(self) -> bool:
        """Whether there is a step to undo."""
        return bool(self._undo)

    @property
    def pairs(self) -> int:
        """Number of point pairs that have been marked."""
        return len(self._pairs)

    def register(self, kind: Literal["rigid", "affine"] = "rigid") -> None:
        """Register the second scan to the first, on the worker."""
        first, second = self._store.case, self._second.case
        if first is None or second is None or not self.can_register:
            return
        fixed, moving = first.volume, second.volume

        def work(progress: Progress) -> tuple[Registration, str]:
            from fusion3d_gui.imaging.registration.mirrored import register_with_sides

            return register_with_sides(fixed, moving, kind, progress)

        def done(made: tuple[Registration, str]) -> None:
            now, beside = self._store.case, self._second.case
            same = now is not None and now.volume.voxels is fixed.voxels
            if not same or beside is None or beside.volume.voxels is not moving.voxels:
                return  # it belongs to scans that are not open any more
            found, side = made
            self._step(found)
            level: Literal["warning", "info"] = "warning" if found.doubt or side else "info"
            told = f"Registered ({kind}). {found.summary}"
            self._store.noticed.emit(Notice(f"{told} {side}".strip(), level))

        self._store.run(self.lane, "Registering", work, done)

    def cancel(self) -> None:
        """End a registration that is under way."""
        self.lane.cancel()

    def undo(self) -> None:
        """Place the second scan as before the last step."""
        if self._undo:
            before = self._undo.pop()
            self._second.register_as(before)
            self.changed.emit()

    def restore(self, registration: Registration) -> None:
        """Place the second scan as it was kept."""
        self._step(registration)

    # -- by hand ------------------------------------------------------------------------------

    def shift(self, offset_mm: np.ndarray) -> None:
        """Move the second scan by so many mm (LPS), as one step."""
        step = np.eye(4)
        step[:3, 3] = offset_mm
        self._step(self._now.moved_by(step))

    def turn(self, axis_lps: np.ndarray, degrees: float, about_lps: np.ndarray) -> None:
        """Rotate the second scan about an axis (unit vector, LPS; right-handed) through a position, as one step."""
        self._step(self._now.moved_by(_turn(axis_lps, np.radians(degrees), about_lps)))

    def drag(self, offset_mm: np.ndarray) -> None:
        """Move it while it is dragged, until :meth:`settle` makes one step of all that."""
        step = np.eye(4)
        step[:3, 3] = offset_mm
        self._drag(step)

    def drag_turn(self, axis_lps: np.ndarray, radians: float, about_lps: np.ndarray) -> None:
        """Rotate it while it is dragged, as :meth:`turn` does."""
        self._drag(_turn(axis_lps, radians, about_lps))

    def _drag(self, step: np.ndarray) -> None:
        if self._second.case is None:
            return
        if not self._dragging:
            self._dragging, self._before_drag = True, self._second.registration
        self._second.register_as(self._now.moved_by(step))

    def settle(self) -> None:
        """End a drag."""
        if self._dragging:
            self._dragging = False
            self._remember(self._before_drag)
            self.changed.emit()

    @property
    def _now(self) -> Registration:
        return self._second.registration or Registration(np.eye(4), "manual")

    # -- by point pairs -----------------------------------------------------------------------

    def mark_pair(self) -> None:
        """Pair the crosshair of the first scan with that of the second; the third pair places the second scan.

        The scans are unlinked meanwhile, so that each has its own crosshair.
        """
        second = self._second
        if second.case is None:
            return
        fixed = self._first_crosshair()
        moving = second.display.crosshair.position_lps
        known = second.registration
        self._pairs.append((fixed, moving if known is None else known.to_moving(moving)))
        if len(self._pairs) >= LEAST_PAIRS:
            pairs, self._pairs = self._pairs, []
            try:
                fitted = fit_point_pairs([a for a, _ in pairs], [b for _, b in pairs])
            except UserError as error:
                self._store.tell_failure(error)
            else:
                self._step(fitted)
                self._store.noticed.emit(Notice(f"Aligned by three places. {fitted.summary}"))
            second.linking.set_free(False)
        else:
            second.linking.set_free(True)
        self.changed.emit()

    def forget_pairs(self) -> None:
        """Forget the pairs that have been marked, and link the scans again."""
        self._pairs = []
        self._second.linking.set_free(False)
        self.changed.emit()

    def _first_crosshair(self) -> np.ndarray:
        return self._second.linking.first_position

    # -- steps --------------------------------------------------------------------------------

    def _step(self, registration: Registration) -> None:
        if self._second.case is not None:
            self._remember(self._second.registration)
            self._second.register_as(registration)
            self.changed.emit()

    def _remember(self, before: Registration | None) -> None:
        self._undo.append(before)
        del self._undo[:-_DEPTH]

    def _on_second_changed(self) -> None:
        case = self._second.case
        voxels = None if case is None else case.volume.voxels
        if voxels is not self._voxels:
            self._voxels = voxels
            self._undo, self._pairs, self._dragging = [], [], False
            self.lane.cancel()
            self._comparison.choose(Way.NONE)
        elif not self._second.link:
            self._comparison.choose(Way.NONE)
        self.changed.emit()


def _turn(axis: np.ndarray, radians: float, about: np.ndarray) -> np.ndarray:
    x, y, z = axis
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    matrix = np.eye(4)
    matrix[:3, :3] += np.sin(radians) * cross + (1 - np.cos(radians)) * cross @ cross
    matrix[:3, 3] = about - matrix[:3, :3] @ about
    return matrix
