"""``ReceivedView``: what the listening node received, what became of it, and whether a listener runs."""

from __future__ import annotations

import time
from typing import ClassVar

from PySide6.QtCore import QEvent, QObject, Qt, QTimer
from PySide6.QtGui import QColor, QHideEvent, QKeyEvent, QShowEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QMessageBox,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from fusion3d_gui.state.pacs.received import Received, ReceivedSeries
from fusion3d_gui.state.store import Store
from fusion3d_gui.widgets.controls.row_table import Index, RowModel, row_table
from fusion3d_gui.widgets.look import theme
from fusion3d_gui.widgets.look.plain_tip import plain_tip

_REFRESHED_EVERY_MS = 2000
_TIME = "%Y-%m-%d %H:%M"
_STATES = {
    "arriving": "Arriving",
    "waiting": "Waiting",
    "predicting": "Predicting",
    "predicted": "Predicted",
    "sending": "Sending",
    "sent": "Sent",
    "held": "Held",
}
_NO_LISTENER = "No listener is running. It is started on the command line: fusion3d pacs listen"


class ReceivedModel(RowModel[ReceivedSeries]):
    """Series as rows; who the patients are is not shown while identity is hidden."""

    HEADERS: ClassVar = ("Received", "State", "Patient", "ID", "From", "Images", "Why")
    _STATE, _WHY = 1, 6

    def __init__(self, store: Store, parent: QWidget) -> None:
        super().__init__(parent)
        self._store = store

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        """A cell's text or colour."""
        series, roles = self._rows[index.row()], Qt.ItemDataRole
        if role == roles.ForegroundRole and index.column() in (self._STATE, self._WHY):
            if not series.waits_for_person:
                return None
            return QColor(theme.ERROR if series.entry.failed else theme.WARNING)
        if role not in (roles.DisplayRole, roles.ToolTipRole):
            return None
        text = self._texts(series)[index.column()]
        return plain_tip(text) if role == roles.ToolTipRole else text

    def _texts(self, series: ReceivedSeries) -> tuple[str, ...]:
        entry, hidden = series.entry, self._store.identity.hidden
        why = series.why
        return (
            time.strftime(_TIME, time.localtime(entry.first_s)),
            "Failed" if entry.failed else _STATES[entry.state],
            *("hidden" if hidden and who else who for who in (series.patient, series.patient_id)),
            entry.caller,
            f"{entry.images:,}",
            f"{why[:1].upper()}{why[1:]}",
        )

    def series_at(self, row: int) -> ReceivedSeries | None:
        """The series of a row."""
        return self._rows[row] if 0 <= row < len(self._rows) else None

    def row_of(self, number: int) -> int:
        """The row of the series of this number; -1 where it is not listed."""
        return next((row for row, each in enumerate(self._rows) if each.entry.id == number), -1)


class ReceivedView(QWidget):
    """The inbox as a table that follows the listener, with buttons for what is held."""

    def __init__(self, received: Received, store: Store, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._received, self._store = received, store
        self.model = ReceivedModel(store, self)
        self.table = row_table(self.model, "Received series", (130, 84, 170, 100, 110, 60), 28)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.listener = theme.label(color=theme.MUTED)
        self.problem = theme.label(color=theme.WARNING)
        for told in (self.listener, self.problem):
            told.setWordWrap(True)
            told.setTextFormat(Qt.TextFormat.PlainText)
            told.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.status = theme.label(color=theme.MUTED)
        self.open = QPushButton("Open")
        self.open.setProperty("primary", True)
        self.open.setToolTip("Open the images of what is held or failed (Return)")
        self.again = QPushButton("Predict again")
        self.again.setToolTip("Have the listener, or the next one, predict it once more")
        self.drop = QPushButton("Delete…")
        self.drop.setToolTip("Delete its images and its entry here (Delete)")
        self._timer = QTimer(self)
        self._timer.setInterval(_REFRESHED_EVERY_MS)
        self._build()
        self._connect()
        self._show()

    def _build(self) -> None:
        foot = QHBoxLayout()
        foot.addWidget(self.status, 1)
        foot.addWidget(self.drop)
        foot.addWidget(self.again)
        foot.addWidget(self.open)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2 * theme.GRID)
        layout.addWidget(self.listener)
        layout.addWidget(self.problem)
        layout.addWidget(self.table, 1)
        layout.addLayout(foot)

    def _connect(self) -> None:
        self._received.changed.connect(self._show)
        self._store.identity.changed.connect(self._show)
        self._timer.timeout.connect(self._received.refresh)
        self.open.clicked.connect(self._open)
        self.again.clicked.connect(self._predict_again)
        self.drop.clicked.connect(self._ask_to_drop)
        self.table.activated.connect(self._open)
        self.table.selectionModel().currentRowChanged.connect(lambda *_: self._refresh_buttons())
        self.table.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Take the key Delete over the table: elsewhere it deletes the chosen mark of the scan behind the page."""
        if isinstance(event, QKeyEvent) and event.key() == Qt.Key.Key_Delete:
            event.accept()
            if event.type() == QEvent.Type.KeyPress:
                self._ask_to_drop()
            return True
        return super().eventFilter(watched, event)

    def showEvent(self, event: QShowEvent) -> None:
        """Follow the inbox while it is seen."""
        super().showEvent(event)
        self._received.refresh()
        self._timer.start()

    def hideEvent(self, event: QHideEvent) -> None:
        """Follow it no more."""
        super().hideEvent(event)
        self._timer.stop()

    @property
    def chosen(self) -> ReceivedSeries | None:
        """The chosen series."""
        return self.model.series_at(self.table.currentIndex().row())

    def _show(self) -> None:
        chosen, listed = self.chosen, self._received.series
        self.model.show_rows(listed)
        if chosen is not None:
            row = self.model.row_of(chosen.entry.id)
            if row >= 0:
                self.table.selectRow(row)
        listener = self._received.listener
        self.listener.setText(_NO_LISTENER if listener is None else listener.sentence)
        problem = "" if listener is None else listener.problem
        if listener is not None and problem:
            problem = f"{time.strftime(_TIME, time.localtime(listener.problem_s))}  {problem}"
        self.problem.setText(problem)
        self.problem.setVisible(bool(problem))
        self.status.setText(self._counts() if listed else "Nothing was received.")
        self._refresh_buttons()

    def _counts(self) -> str:
        listed = self._received.series
        failed = sum(each.entry.failed for each in listed)
        held = sum(each.waits_for_person for each in listed) - failed
        sent = sum(each.entry.state == "sent" for each in listed)
        counts = (
            (held, "held for you to see"),
            (failed, "failed"),
            (len(listed) - held - failed - sent, "under way"),
            (sent, "sent"),
        )
        return f"{', '.join(f'{count:,} {what}' for count, what in counts if count)}."

    def _refresh_buttons(self) -> None:
        chosen = self.chosen
        waits = chosen is not None and chosen.waits_for_person
        self.open.setEnabled(waits)
        self.drop.setEnabled(waits)
        # A result that went into the queue is the node's, or the queue's, to keep or to refuse.
        self.again.setEnabled(chosen is not None and waits and not chosen.entry.queued)

    def _open(self) -> None:
        chosen = self.chosen
        if chosen is not None and chosen.waits_for_person:
            self._received.open(chosen)

    def _predict_again(self) -> None:
        if self.chosen is not None:
            self._received.predict_again(self.chosen)

    def _ask_to_drop(self) -> None:
        chosen = self.chosen
        if chosen is None or not chosen.waits_for_person:
            return
        entry = chosen.entry
        images = "1 image" if entry.images == 1 else f"{entry.images:,} images"
        of = f" of {chosen.patient}" if chosen.patient and not self._store.identity.hidden else ""
        when = time.strftime(_TIME, time.localtime(entry.first_s))
        box = QMessageBox(
            QMessageBox.Icon.Question,
            "Delete a received series",
            f"{images}{of} that {entry.caller} sent on {when} will be deleted here, and nothing is sent on.",
            parent=self,
        )
        box.setTextFormat(Qt.TextFormat.PlainText)
        box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        delete = box.addButton("Delete", QMessageBox.ButtonRole.DestructiveRole)
        box.setDefaultButton(box.addButton(QMessageBox.StandardButton.Cancel))
        delete.clicked.connect(lambda: self._received.drop(chosen))
        box.open()
