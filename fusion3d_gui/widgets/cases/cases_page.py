"""``CasesPage``: the table of cases with filter, columns and charts; a page of the main window."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import QItemSelection, QItemSelectionModel, QPoint, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QKeySequence, QShortcut, QShowEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QFrame,
    QHBoxLayout,
    QLineEdit,
    QMenu,
    QPushButton,
    QSplitter,
    QVBoxLayout,
    QWidget,
)

from fusion3d_gui.state.cases.case_parts import CaseParts
from fusion3d_gui.state.store import Store
from fusion3d_gui.widgets.cases.case_charts_panel import CaseChartsPanel
from fusion3d_gui.widgets.cases.case_model import CaseModel, column_title
from fusion3d_gui.widgets.controls.row_table import row_table
from fusion3d_gui.widgets.look import theme
from fusion3d_gui.widgets.look.plain_tip import plain_caption, plain_tip

_ROW = 46
_ICON = 40
_WIDTHS = {
    "case": 190,
    "reasons": 260,
    "failure": 200,
    "description": 220,
    "done": 170,
    "class": 130,
}
_WIDTH = 104
#: Widest column of names (px); names of BIDS are long.
_WIDEST_NAMES = 340
#: Beside a header's text (px): its margins and the arrow of the sort.
_HEADER_ROOM = 36
#: A pause in typing or scrolling (ms) after which the filter is applied, and thumbnails are made.
_PAUSE_MS = 200
_EMPTY = (
    "Open a table of cases (CSV with a column path), a BIDS folder, or results of fusion3d predict. "
    "Sort, filter, and open what the model got wrong."
)


class CasesPage(QFrame):
    """Rows are opened by a double click or Return."""

    closed = Signal()
    open_requested = Signal()
    folder_requested = Signal()
    add_requested = Signal()

    def __init__(
        self,
        store: Store,
        parts: CaseParts,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setObjectName("cases")
        table, thumbnails = parts.table, parts.thumbnails
        self._store, self._table, self._thumbnails = store, table, thumbnails
        self.title = theme.section_title("Cases")
        self.open_button = _button("Open table…", "A table of cases, or results, as CSV")
        self.folder_button = _button("Open folder…", "A BIDS folder, or a folder of results")
        self.add_button = _button("Add results…", "Results of another model for the same cases")
        self.errors = _button("Errors first", "Sort by the distance of probability and label")
        self.back = _button("Back", "To the case on screen, or the start page (Escape)")
        self.filter = QLineEdit()
        self.filter.setPlaceholderText("Words, or: error > 0.5 and sex = F")
        self.filter.setAccessibleName("Filter")
        self.filter.setToolTip(
            plain_tip(
                "Words to look for, or conditions on columns: = != < <= > >= ~ (contains), and, or, not, brackets"
            )
        )
        self.filter.setFixedHeight(theme.CONTROL)
        self.filter.setClearButtonEnabled(False)
        self.columns = _button("Columns", "Choose which columns are shown")
        self.status = theme.label(color=theme.MUTED)
        self.status.setWordWrap(True)
        self.status.setTextFormat(Qt.TextFormat.PlainText)
        self.measure = _button(
            "Measure maps", "Distance of each heatmap's peak from its lesion: reads every heatmap"
        )
        self.open_case = _button("Open case", "Open the scan with its values, and predict (Return)")
        self.open_case.setProperty("primary", True)
        self.model = CaseModel(store, table, thumbnails, self)
        self.view = row_table(self.model, "Cases", (), _ROW)
        self.charts = CaseChartsPanel(store, table, parts.embeddings)
        self._typing, self._resting = _pause(self), _pause(self)
        self._build()
        self._connect()
        self._on_changed()

    def _build(self) -> None:
        view = self.view
        view.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        view.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        view.setIconSize(QSize(theme.px(_ICON), theme.px(_ICON)))
        view.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        header = view.horizontalHeader()
        header.setSectionsClickable(True)
        header.setStretchLastSection(False)
        header.setSectionsMovable(False)
        head = QHBoxLayout()
        head.setSpacing(2 * theme.GRID)
        head.addWidget(self.title)
        head.addStretch(1)
        for button in (self.open_button, self.folder_button, self.add_button, self.back):
            head.addWidget(button)
        row = QHBoxLayout()
        row.setSpacing(2 * theme.GRID)
        row.addWidget(self.filter, 1)
        row.addWidget(self.errors)
        row.addWidget(self.columns)
        split = QSplitter(Qt.Orientation.Horizontal)
        split.setChildrenCollapsible(False)
        split.addWidget(view)
        split.addWidget(self.charts)
        split.setStretchFactor(0, 1)
        split.setStretchFactor(1, 0)
        foot = QHBoxLayout()
        foot.setSpacing(2 * theme.GRID)
        foot.addWidget(self.status, 1)
        foot.addWidget(self.measure)
        foot.addWidget(self.open_case)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(*(4 * theme.GRID,) * 4)
        outer.setSpacing(2 * theme.GRID)
        outer.addLayout(head)
        outer.addLayout(row)
        outer.addWidget(split, 1)
        outer.addLayout(foot)

    def _connect(self) -> None:
        table = self._table
        self.open_button.clicked.connect(self.open_requested)
        self.folder_button.clicked.connect(self.folder_requested)
        self.add_button.clicked.connect(self.add_requested)
        self.back.clicked.connect(self.closed)
        self.errors.clicked.connect(table.errors_first)
        self.columns.clicked.connect(self._choose_columns)
        self.measure.clicked.connect(table.measure_distances)
        self.open_case.clicked.connect(self._open_current)
        self.view.activated.connect(self._open_current)
        self.view.horizontalHeader().sectionClicked.connect(self._on_header_clicked)
        self.view.verticalScrollBar().valueChanged.connect(lambda _: self._resting.start())
        self.view.selectionModel().selectionChanged.connect(self._on_rows_chosen)
        self.filter.textChanged.connect(lambda _: self._typing.start())
        self.filter.returnPressed.connect(self._apply_filter)
        self._typing.timeout.connect(self._apply_filter)
        self._resting.timeout.connect(self._want_thumbnails)
        self._thumbnails.made.connect(lambda _: self.view.viewport().update())
        table.changed.connect(self._on_changed)
        table.arranged.connect(self._on_arranged)
        table.selection_changed.connect(self._on_selected)
        self._store.identity.changed.connect(self._on_changed)
        shortcut = QShortcut(QKeySequence("Escape"), self, self.closed.emit)
        shortcut.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)

    def begin(self) -> None:
        """The page has been shown: give it the keys."""
        (self.open_button if self._table.cases is None else self.view).setFocus()

    def showEvent(self, event: QShowEvent) -> None:
        """Make the thumbnails of what can be seen."""
        super().showEvent(event)
        self._resting.start()

    # -- the state changed --------------------------------------------------------------------

    def _on_changed(self) -> None:
        cases = self._table.cases
        hidden = self._store.identity.hidden
        self.title.setText("Cases" if cases is None or hidden else f"Cases: {cases.title}")
        has_cases = cases is not None and not self._table.busy
        self.add_button.setEnabled(has_cases and self._table.origin is None)
        self.columns.setEnabled(has_cases)
        self.filter.setEnabled(has_cases)
        self.errors.setEnabled(cases is not None and "error" in cases.columns)
        self.measure.setVisible(self._table.can_measure)
        self.charts.setVisible(cases is not None and bool(cases.models))
        self.charts.follow_table()
        self.model.reset()
        header = self.view.horizontalHeader()
        for number, name in enumerate(self._table.columns):
            least = header.fontMetrics().horizontalAdvance(column_title(name)) + _HEADER_ROOM
            if name == "case":
                least = max(least, self._width_of_names())
            header.resizeSection(number, max(theme.px(_WIDTHS.get(name, _WIDTH)), least))
        self._on_arranged()

    def _width_of_names(self) -> int:
        """Pixels for the longest name among the first cases, with its thumbnail."""
        cases = self._table.cases
        texts = () if cases is None or self._store.identity.hidden else cases.columns["case"][:200]
        longest = max(map(str, texts), key=len, default="")
        words = self.view.fontMetrics().horizontalAdvance(longest)
        return min(words + theme.px(_ICON) + _HEADER_ROOM, theme.px(_WIDEST_NAMES))

    def _on_arranged(self) -> None:
        self.model.reset()
        sort, header = self._table.sort, self.view.horizontalHeader()
        shown = sort is not None and sort[0] in self._table.columns
        header.setSortIndicatorShown(shown)
        if sort is not None and shown:
            order = Qt.SortOrder.DescendingOrder if sort[1] else Qt.SortOrder.AscendingOrder
            header.setSortIndicator(self._table.columns.index(sort[0]), order)
        self._show_selection()
        self.charts.show_all()
        self._show_status()
        self._resting.start()

    def _on_selected(self) -> None:
        self._show_selection()
        self.charts.show_all()
        self._show_status()

    def _show_selection(self) -> None:
        chosen = self.view.selectionModel()
        found = self._table.places(self._table.selected)
        if found == sorted({each.row() for each in chosen.selectedRows()}):
            return
        last = len(self._table.columns) - 1
        ranges = QItemSelection()
        for first, end in _runs(found):
            ranges.select(self.model.index(first, 0), self.model.index(end, max(last, 0)))
        flags = QItemSelectionModel.SelectionFlag
        chosen.blockSignals(True)
        chosen.select(ranges, flags.ClearAndSelect | flags.Rows)
        if found and last >= 0:
            chosen.setCurrentIndex(self.model.index(found[0], 0), flags.NoUpdate)
            self.view.scrollTo(self.model.index(found[0], 0))
        chosen.blockSignals(False)
        self.view.viewport().update()

    def _show_status(self) -> None:
        table, cases = self._table, self._table.cases
        self.open_case.setEnabled(len(table.selected) > 0)
        text, color = _EMPTY, theme.MUTED
        if table.problem:
            text, color = table.problem, theme.ERROR
        elif table.busy:
            text = "Reading…"
        elif cases is not None:
            shown, chosen = len(table.order), len(table.selected)
            text = (
                f"{shown:,} of {cases.count:,} cases"
                if shown < cases.count
                else f"{shown:,} case{'s' * (shown != 1)}"
            )
            text += f", {chosen:,} selected" if chosen else ""
            if cases.models:
                text += f"; results of {len(cases.models)} model{'s' * (len(cases.models) != 1)}"
        self.status.setText(text)
        theme.set_color(self.status, color)

    # -- the user did something ---------------------------------------------------------------

    def _apply_filter(self) -> None:
        self._typing.stop()
        if self.filter.text() != self._table.filter:
            self._table.set_filter(self.filter.text())

    def _on_header_clicked(self, section: int) -> None:
        name, sort = self._table.columns[section], self._table.sort
        # What is largest is looked for first, but for names.
        first = name != "case"
        descending = not sort[1] if sort is not None and sort[0] == name else first
        self._table.sort_by(name, descending=descending)

    def _on_rows_chosen(self) -> None:
        rows = self.view.selectionModel().selectedRows()
        self._table.select(self._table.order[[each.row() for each in rows]])

    def _open_current(self) -> None:
        place = self.view.currentIndex().row()
        if 0 <= place < self.model.rowCount():
            self._table.open_case(self.model.row_at(place))

    def _choose_columns(self) -> None:
        cases, shown = self._table.cases, list(self._table.columns)
        if cases is None:
            return
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        for name in cases.columns:
            action = menu.addAction(plain_caption(column_title(name)))
            action.setCheckable(True)
            action.setChecked(name in shown)
            action.toggled.connect(partial(self._toggle_column, name))
        menu.popup(self.columns.mapToGlobal(QPoint(0, self.columns.height())))

    def _toggle_column(self, name: str, shown: bool) -> None:
        others = [each for each in self._table.columns if each != name]
        self._table.show_columns([*others, name] if shown else others)

    def _want_thumbnails(self) -> None:
        cases = self._table.cases
        if cases is None or not self.isVisible():
            return
        height = self.view.viewport().height()
        first, last = self.view.rowAt(0), self.view.rowAt(height - 1)
        last = self.model.rowCount() - 1 if last < 0 else last
        rows = [self.model.row_at(place) for place in range(max(first, 0), last + 1)]
        self._thumbnails.want([path for row in rows if (path := cases.paths[row]) is not None])


def _runs(places: list[int]) -> list[tuple[int, int]]:
    """Ascending numbers as runs of neighbours, first and last of each."""
    found: list[tuple[int, int]] = []
    for place in places:
        if found and found[-1][1] == place - 1:
            found[-1] = found[-1][0], place
        else:
            found.append((place, place))
    return found


def _pause(parent: QWidget) -> QTimer:
    timer = QTimer(parent)
    timer.setSingleShot(True)
    timer.setInterval(_PAUSE_MS)
    return timer


def _button(text: str, tip: str) -> QPushButton:
    button = QPushButton(text)
    button.setToolTip(plain_tip(tip))
    return button
