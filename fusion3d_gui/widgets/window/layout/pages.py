"""``Pages``: the start page, the views, maps side by side, the table of cases, or the PACS, one at a time."""

from __future__ import annotations

from PySide6.QtWidgets import QStackedWidget, QWidget

from fusion3d_gui.state.prediction.side_by_side import SideBySideMaps
from fusion3d_gui.state.store import Store


class Pages(QStackedWidget):
    """Shows the views while there is a case, the maps while there are several, else the start page."""

    def __init__(
        self,
        store: Store,
        side_by_side: SideBySideMaps,
        *,
        start: QWidget,
        views: QWidget,
        maps: QWidget,
        cases: QWidget,
        pacs: QWidget | None = None,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._store = store
        self._side_by_side = side_by_side
        self._start, self._views, self._maps, self._pacs = start, views, maps, pacs
        self._cases = cases
        for page in filter(None, (start, views, maps, cases, pacs)):
            self.addWidget(page)
        side_by_side.changed.connect(self._on_maps_changed)
        self._is_opening = False
        store.case_opened.connect(self._on_case_opened)
        store.case_changed.connect(self._on_case_changed)

    @property
    def shows_start(self) -> bool:
        """Whether the start page is shown."""
        return self.currentWidget() is self._start

    @property
    def shows_pacs(self) -> bool:
        """Whether the page of the PACS is shown."""
        return self._pacs is not None and self.currentWidget() is self._pacs

    @property
    def has_images(self) -> bool:
        """Whether views or heatmaps side by side are shown."""
        return self.currentWidget() in (self._views, self._maps)

    def toggle_pacs(self) -> None:
        """Show the page of the PACS, or the case again."""
        if self._pacs is None or self.shows_pacs:
            self.show_case()
        else:
            self.setCurrentWidget(self._pacs)

    @property
    def shows_cases(self) -> bool:
        """Whether the table of cases is shown."""
        return self.currentWidget() is self._cases

    def show_cases(self) -> None:
        """Show the table of cases."""
        self.setCurrentWidget(self._cases)

    def toggle_cases(self) -> None:
        """Show the table of cases, or the case again."""
        if self.shows_cases:
            self.show_case()
        else:
            self.show_cases()

    def show_case(self) -> None:
        """Show the views, or the heatmaps side by side; the start page where there is no case."""
        of_case = self._maps if self._side_by_side.cells else self._views
        self.setCurrentWidget(self._start if self._store.case is None else of_case)

    def toggle_start(self) -> None:
        """Show the start page although a case is open, or the case again."""
        if self.shows_start:
            self.show_case()
        else:
            self.setCurrentWidget(self._start)

    def _on_case_opened(self) -> None:
        self._is_opening = True

    def _on_case_changed(self) -> None:
        """Show a case that is opened; leave the page as it is where the identity of the one on screen is hidden."""
        is_opening, self._is_opening = self._is_opening, False
        if is_opening or self._store.case is None:
            self.show_case()

    def _on_maps_changed(self) -> None:
        if self._side_by_side.cells:
            self.setCurrentWidget(self._maps)
        elif self.currentWidget() is self._maps:
            self.show_case()
