"""``PacsPage``: find studies in a PACS and open their series; what was sent and received on further sheets."""

from __future__ import annotations

import json
from dataclasses import replace

from PySide6.QtCore import QPoint, Qt, QTimer, Signal
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import (
    QAbstractItemView,
    QCheckBox,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLineEdit,
    QMenu,
    QPushButton,
    QSplitter,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from fusion3d_gui.state.beside.second_scan import SecondScan
from fusion3d_gui.state.pacs.pacs_parts import PacsParts
from fusion3d_gui.state.settings import Settings
from fusion3d_gui.state.store import Store
from fusion3d_gui.widgets.controls.fields import NoScrollComboBox
from fusion3d_gui.widgets.controls.row_table import row_table
from fusion3d_gui.widgets.controls.sheets import Sheets
from fusion3d_gui.widgets.look import theme
from fusion3d_gui.widgets.look.plain_tip import plain_caption, plain_tip
from fusion3d_gui.widgets.pacs.finder_status import finder_status
from fusion3d_gui.widgets.pacs.node_dialog import NodeDialog
from fusion3d_gui.widgets.pacs.queue_view import QueueView
from fusion3d_gui.widgets.pacs.received_view import ReceivedView
from fusion3d_gui.widgets.pacs.series_picture import SeriesPicture
from fusion3d_gui.widgets.pacs.study_tables import SeriesModel, StudyModel

_ROW = 28
_REFRESHED_EVERY_MS = 60_000
#: Field of a query, its title, and what stands in the empty field.
_FIELDS = (
    ("patient", "Patient", "Family, given"),
    ("patient_id", "ID", ""),
    ("accession", "Accession", ""),
    ("first_date", "From", "today"),
    ("last_date", "To", "2026-01-31"),
    ("modality", "Modality", "MR"),
    ("description", "Description", "Contains"),
)
#: Fields that a worklist keeps: none that names a patient.
_KEPT = ("first_date", "last_date", "modality", "description")
#: How much of the row each field takes.
_STRETCH = (5, 3, 3, 2, 2, 2, 4)


class PacsPage(QFrame):
    """A page of the main window."""

    closed = Signal()
    table_requested = Signal()

    def __init__(
        self,
        store: Store,
        parts: PacsParts,
        second: SecondScan,
        settings: Settings,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setObjectName("pacs")
        self._store, self._parts, self._settings = store, parts, settings
        self._second = second
        self._timer = QTimer(self)
        self._timer.setInterval(_REFRESHED_EVERY_MS)
        self.keep = QCheckBox("Worklist")
        self.keep.setToolTip(
            "Keep this question: it is asked when the page opens, and every minute"
        )
        self.fields: dict[str, QLineEdit] = {}
        self.node = NoScrollComboBox()
        self.node.setAccessibleName("PACS to ask")
        self.node.setToolTip("The PACS that is asked")
        self.edit_nodes = QPushButton("Nodes…")
        self.edit_nodes.setToolTip("Add, change, test and remove nodes")
        self.find_button = QPushButton("Find")
        self.find_button.setProperty("primary", True)
        self.find_button.setToolTip("Ask the PACS for studies (Return in a field)")
        self.next = QPushButton("Next study")
        self.next.setToolTip("Open the study after the one on screen (Ctrl+Shift+N)")
        self.as_table = QPushButton("As table of cases")
        self.as_table.setToolTip("Go through these studies in a table that predictions fill")
        self.open = QPushButton("Open")
        self.open.setProperty("primary", True)
        self.open.setToolTip("Open the chosen series while it arrives")
        self.open_beside = QPushButton("Open beside")
        self.open_beside.setToolTip(
            "Open the chosen series beside the scan on screen, as a prior or another sequence"
        )
        self.back = QPushButton("Back")
        self.back.setToolTip("To the case on screen, or the start page (Escape)")
        self.status = theme.label(color=theme.MUTED)
        self.status.setWordWrap(True)
        self.status.setTextFormat(Qt.TextFormat.PlainText)
        self.study_model = StudyModel(store, parts.worklist, self)
        self.studies = _table(self.study_model, "Studies", (96, 190, 110, 96, 44, 84, 66, 128))
        self.series_model = SeriesModel(self)
        self.series = _table(self.series_model, "Series", (56, 84, 84, 150))
        self.picture = SeriesPicture(parts.finder, store)
        self.queue = QueueView(parts.queue)
        self.received = ReceivedView(parts.received, store)
        self._sheets = Sheets()
        self._build()
        self._connect()
        self._show_nodes()
        self._refresh()

    def _build(self) -> None:
        head = QHBoxLayout()
        head.setSpacing(2 * theme.GRID)
        head.addWidget(theme.section_title("PACS"))
        self.node.setMinimumWidth(theme.px(220))
        self.node.setMaximumWidth(theme.px(320))
        head.addWidget(self.node)
        head.addWidget(self.edit_nodes)
        head.addStretch(1)
        self._sheets.choice.setFixedWidth(theme.px(390))
        head.addWidget(self._sheets.choice)
        head.addWidget(self.back)
        form = QGridLayout()
        form.setHorizontalSpacing(2 * theme.GRID)
        form.setVerticalSpacing(2)
        for column, ((name, title, hint), stretch) in enumerate(
            zip(_FIELDS, _STRETCH, strict=True)
        ):
            field = self.fields[name] = QLineEdit()
            field.setPlaceholderText(hint)
            field.setAccessibleName(title)
            field.setToolTip(plain_tip(f"{title} ({hint})" if hint else title))
            field.setFixedHeight(theme.CONTROL)
            field.setClearButtonEnabled(False)
            field.returnPressed.connect(self._find)
            form.addWidget(theme.label(title, color=theme.MUTED, size=12), 0, column)
            form.addWidget(field, 1, column)
            form.setColumnStretch(column, stretch)
        form.addWidget(self.find_button, 1, len(_FIELDS))
        below = QWidget()
        below_layout = QVBoxLayout(below)
        below_layout.setContentsMargins(0, 2 * theme.GRID, 0, 0)
        below_layout.addWidget(theme.section_title("Series of the study"))
        beside = QHBoxLayout()
        beside.setSpacing(2 * theme.GRID)
        beside.addWidget(self.series, 1)
        beside.addWidget(self.picture)
        below_layout.addLayout(beside, 1)
        tables = QSplitter(Qt.Orientation.Vertical)
        tables.setChildrenCollapsible(False)
        tables.addWidget(self.studies)
        tables.addWidget(below)
        tables.setStretchFactor(0, 3)
        tables.setStretchFactor(1, 2)
        foot = QHBoxLayout()
        foot.addWidget(self.status, 1)
        foot.addWidget(self.keep)
        foot.addSpacing(2 * theme.GRID)
        for button in (self.as_table, self.next, self.open_beside, self.open):
            foot.addWidget(button)
        finding = QWidget()
        layout = QVBoxLayout(finding)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2 * theme.GRID)
        layout.addLayout(form)
        layout.addWidget(tables, 1)
        layout.addLayout(foot)
        add = self._sheets.add
        self.find_sheet = add(finding, "Find", "Studies in the PACS")
        sent = "What waits to be sent, and what became of it"
        self.sent_sheet = add(self.queue, "Sent", sent)
        received = "What the listening node received, and what is held for a person"
        self.received_sheet = add(self.received, "Received", received)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(*(4 * theme.GRID,) * 4)
        outer.setSpacing(3 * theme.GRID)
        outer.addLayout(head)
        outer.addWidget(self._sheets, 1)

    def _connect(self) -> None:
        parts = self._parts
        parts.nodes.changed.connect(self._show_nodes)
        parts.finder.changed.connect(self._refresh)
        parts.worklist.changed.connect(self._refresh)
        parts.queue.changed.connect(self._refresh)
        parts.received.changed.connect(self._refresh)
        self._store.identity.changed.connect(self._refresh)
        self._store.case_changed.connect(self._refresh)
        self.node.activated.connect(lambda _: parts.nodes.choose(self.node.currentData() or ""))
        self.edit_nodes.clicked.connect(self.show_node_dialog)
        self.find_button.clicked.connect(self._find_or_cancel)
        self.open.clicked.connect(self._open)
        self.open_beside.clicked.connect(self._open_beside)
        self._store.case_completed.connect(self._refresh_buttons)
        self.series.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.series.customContextMenuRequested.connect(self._show_series_menu)
        self.keep.clicked.connect(self._on_keep_chosen)
        self._timer.timeout.connect(self._refresh_worklist)
        self.next.clicked.connect(parts.worklist.open_next)
        self.back.clicked.connect(self.closed)
        self.as_table.clicked.connect(self.table_requested)
        self.studies.selectionModel().currentRowChanged.connect(self._on_study_chosen)
        self.studies.activated.connect(self._open_study)
        self.series.activated.connect(self._open)
        self.series.selectionModel().currentRowChanged.connect(self._on_series_chosen)
        header = self.studies.horizontalHeader()
        header.setSortIndicatorShown(True)
        header.setSortIndicator(0, Qt.SortOrder.DescendingOrder)
        header.setSectionsClickable(True)
        header.sortIndicatorChanged.connect(self._on_sort_chosen)
        QShortcut(QKeySequence("Escape"), self, self.closed.emit).setContext(
            Qt.ShortcutContext.WidgetWithChildrenShortcut
        )

    def show_node_dialog(self) -> None:
        """Edit the nodes."""
        NodeDialog(self._parts.nodes, self._settings, self).open()

    def begin(self) -> None:
        """The page has been shown: ask for the worklist, if there is one; without a node, ask for one."""
        self.fields["patient"].setFocus()
        self._parts.received.refresh()
        if not self._parts.nodes.nodes:
            self.show_node_dialog()
        elif not self._parts.finder.asked:
            self._ask_worklist()

    def _ask_worklist(self) -> None:
        try:
            kept = json.loads(self._settings.values.worklist or "null")
        except ValueError:
            return
        if not isinstance(kept, dict):
            return
        for name, field in self.fields.items():
            field.setText(str(kept.get(name, "")))
        self._parts.nodes.choose(str(kept.get("node", "")))
        self.keep.setChecked(True)
        self._timer.start()
        self._find()

    def _on_keep_chosen(self, kept: bool) -> None:
        node = self._parts.nodes.chosen
        asked = {name: self.fields[name].text() for name in _KEPT if self.fields[name].text()}
        plain = json.dumps({**asked, "node": node.name}) if kept and node is not None else ""
        self._settings.change(replace(self._settings.values, worklist=plain))
        if kept:
            self._timer.start()
            self._find()
        else:
            self._timer.stop()

    def _refresh_worklist(self) -> None:
        if self.isVisible():
            self._parts.finder.refresh()

    def _find_or_cancel(self) -> None:
        if self._parts.finder.busy:
            self._parts.finder.cancel()
        else:
            self._find()

    def _find(self) -> None:
        self._parts.finder.find(**{name: field.text() for name, field in self.fields.items()})

    def _on_study_chosen(self) -> None:
        row = self.studies.currentIndex().row()
        self._parts.finder.choose(self.study_model.study_at(row))

    def _on_series_chosen(self) -> None:
        row = self.series.currentIndex().row()
        self._parts.finder.show_picture(self.series_model.series_at(row))
        self._refresh_buttons()

    def _on_sort_chosen(self, column: int, order: Qt.SortOrder) -> None:
        key = StudyModel.SORT_KEYS.get(column)
        if key is not None:
            self._parts.finder.sort(key, order == Qt.SortOrder.DescendingOrder)

    def _open_study(self) -> None:
        study = self.study_model.study_at(self.studies.currentIndex().row())
        if study is not None:
            self._parts.worklist.open_study(study)

    def _open(self) -> None:
        series = self.series_model.series_at(self.series.currentIndex().row())
        if series is not None:
            self._parts.worklist.open_series(series)
        else:
            self._open_study()

    def _open_beside(self) -> None:
        worklist, second = self._parts.worklist, self._second
        series = self.series_model.series_at(self.series.currentIndex().row())
        study = self.study_model.study_at(self.studies.currentIndex().row())
        if series is not None:
            worklist.open_series_beside(series, second)
        elif study is not None:
            worklist.open_study_beside(study, second)
        self.closed.emit()  # to the scan beside which it will be

    def _show_series_menu(self, at: QPoint) -> None:
        if not self.series.indexAt(at).isValid():
            return
        menu = QMenu(self.series)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.addAction("Open", self._open)
        menu.addAction("Open beside", self._open_beside).setEnabled(self._can_open_beside)
        menu.popup(self.series.viewport().mapToGlobal(at))

    @property
    def _can_open_beside(self) -> bool:
        case = self._store.case
        return case is not None and case.is_complete and self._parts.finder.study is not None

    def _show_nodes(self) -> None:
        nodes, chosen = self._parts.nodes.nodes, self._parts.nodes.chosen
        self.node.clear()
        for node in nodes:
            self.node.addItem(
                plain_caption(f"{node.name}{'  (test)' if node.is_test else ''}"), node.name
            )
        if not nodes:
            self.node.addItem("No node yet", "")
        if chosen is not None:
            self.node.setCurrentIndex(self.node.findData(chosen.name))
        self.node.setEnabled(bool(nodes))
        self._refresh()

    def _refresh(self) -> None:
        finder = self._parts.finder
        studies = finder.studies
        if studies != [
            self.study_model.study_at(row) for row in range(self.study_model.rowCount())
        ]:
            self.studies.selectionModel().blockSignals(True)
            self.study_model.show_rows(studies)
            row = self.study_model.row_of(finder.study)
            if row >= 0:
                self.studies.selectRow(row)
            self.studies.selectionModel().blockSignals(False)
        elif studies:
            last = self.study_model.index(len(studies) - 1, len(StudyModel.HEADERS) - 1)
            self.study_model.dataChanged.emit(self.study_model.index(0, 0), last)
        if finder.series != [
            self.series_model.series_at(row) for row in range(self.series_model.rowCount())
        ]:
            self.series_model.show_rows(finder.series)
            if finder.series:
                most = max(finder.series, key=lambda each: each.instance_count or 0)
                self.series.selectRow(finder.series.index(most))
        text, color = finder_status(self._parts)
        self.status.setText(text)
        theme.set_color(self.status, color)
        self.find_button.setText("Cancel" if finder.busy else "Find")
        waiting = sum(item.state in ("waiting", "sending") for item in self._parts.queue.items)
        self.sent_sheet.setText(f"Sent ({waiting} waiting)" if waiting else "Sent")
        held = sum(each.waits_for_person for each in self._parts.received.series)
        self.received_sheet.setText(f"Received ({held} held)" if held else "Received")
        self._refresh_buttons()

    def _refresh_buttons(self) -> None:
        finder = self._parts.finder
        self.open.setEnabled(finder.study is not None)
        self.open_beside.setEnabled(self._can_open_beside)
        self.as_table.setEnabled(bool(finder.studies))
        self.next.setEnabled(self._parts.worklist.next_study is not None)
        self.find_button.setEnabled(bool(self._parts.nodes.nodes))


def _table(model: StudyModel | SeriesModel, name: str, widths: tuple[int, ...]) -> QTableView:
    table = row_table(model, name, widths, _ROW)
    table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
    table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
    return table
