"""``Beside``: maps that are shown beside each other in place of the usual views, as long as they are true."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from fusion3d_gui.inference.prediction import Heatmap

if TYPE_CHECKING:
    from fusion3d_gui.state.session import Session


@dataclass(frozen=True, eq=False)
class MapCell:
    """One of the maps: whose it is, what is said beside it, how it was made. None: there is none."""

    name: str
    said: str
    detail: str
    heatmap: Heatmap | None


class Beside(QObject):
    """What several models, or both questions to one, mark in the case on screen."""

    changed = Signal()

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._cells: tuple[MapCell, ...] = ()
        self._subject: object = None
        self._still_true: Callable[[], bool] = lambda: True
        for signal in (session.case_changed, session.bundle_changed, session.result_changed):
            signal.connect(self.check)

    @property
    def cells(self) -> tuple[MapCell, ...]:
        """The maps, in order; empty while the usual views are shown."""
        return self._cells

    def shows(self, subject: object) -> bool:
        """Whether these are the maps that ``subject`` gave."""
        return bool(self._cells) and self._subject is subject

    def show(
        self, subject: object, cells: Sequence[MapCell], still_true: Callable[[], bool]
    ) -> None:
        """Show maps until they are hidden, or ``still_true`` says that they are no longer true."""
        self._subject, self._still_true = subject, still_true
        self._cells = tuple(cells)
        self.changed.emit()

    def hide(self) -> None:
        """The usual views again."""
        if self._cells:
            self._cells, self._still_true = (), lambda: True
            self.changed.emit()

    def check(self) -> None:
        """Hide what is no longer true."""
        if self._cells and not self._still_true():
            self.hide()
