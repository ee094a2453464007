"""``SideBySideMaps``: several heatmaps shown side by side in place of the usual views."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from PySide6.QtCore import QObject, Signal

from fusion3d_gui.inference.prediction import Heatmap
from fusion3d_gui.state.store import Store


@dataclass(frozen=True, eq=False)
class MapCell:
    """One of the heatmaps: its title, a summary and details for its caption; ``heatmap`` None: there is none.

    ``doubtful``: the summary is a number that should be shown as doubtful. ``warning``: what must be known before the map
    is read.
    """

    name: str
    summary: str
    detail: str
    heatmap: Heatmap | None
    doubtful: bool = False
    warning: str = ""


class SideBySideMaps(QObject):
    """The maps of several models, or of both sides of one prediction, until they are outdated."""

    changed = Signal()

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self._cells: tuple[MapCell, ...] = ()
        self._source: object = None
        self._on_one_scale = False
        self._is_current: Callable[[], bool] = lambda: True
        for signal in (store.case_changed, store.bundle_changed, store.prediction_changed):
            signal.connect(self.refresh)

    @property
    def cells(self) -> tuple[MapCell, ...]:
        """The maps, in order; empty while the usual views are shown."""
        return self._cells

    def shows(self, source: object) -> bool:
        """Whether the maps of ``source`` are shown."""
        return bool(self._cells) and self._source is source

    @property
    def common_top(self) -> float | None:
        """Value at the top of the scale that all maps share; None where each has its own."""
        maps = [cell.heatmap for cell in self._cells if cell.heatmap is not None]
        if not self._on_one_scale or not all(each.has_unit for each in maps):
            return None
        return max((each.peak for each in maps), default=0.0) or None

    def show(
        self,
        source: object,
        cells: Sequence[MapCell],
        is_current: Callable[[], bool],
        on_one_scale: bool = False,
    ) -> None:
        """Show maps until they are hidden, or ``is_current`` returns False; all on one scale if so wished."""
        self._source, self._is_current = source, is_current
        self._on_one_scale = on_one_scale
        self._cells = tuple(cells)
        self.changed.emit()

    def hide(self) -> None:
        """Show the usual views again."""
        if self._cells:
            self._cells, self._is_current = (), lambda: True
            self.changed.emit()

    def refresh(self) -> None:
        """Hide the maps if they are outdated."""
        if self._cells and not self._is_current():
            self.hide()
