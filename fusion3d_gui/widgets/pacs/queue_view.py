"""``QueueView``: what waits to be sent, what was accepted, what was refused and why."""

from __future__ import annotations

from PySide6.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from fusion3d_gui.state.pacs.send_queue import SendQueue
from fusion3d_gui.widgets.controls.row_table import row_table
from fusion3d_gui.widgets.look import theme
from fusion3d_gui.widgets.pacs.study_tables import QueueModel
from fusion3d_gui.widgets.pacs.withdraw_dialog import WithdrawDialog


class QueueView(QWidget):
    """The queue as a table, with buttons to try again, to take out and to withdraw."""

    def __init__(self, queue: SendQueue, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._queue = queue
        self.model = QueueModel(self)
        self.table = row_table(self.model, "Sent results", (140, 90, 130, 280, 52), 28)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.status = theme.label(color=theme.MUTED)
        self.retry = QPushButton("Try again now")
        self.retry.setToolTip("Send at once what waits for its next attempt")
        self.drop = QPushButton("Take out")
        self.drop.setToolTip("Take what waits or was refused out of the queue: it is not sent")
        self.withdraw = QPushButton("Withdraw…")
        self.withdraw.setToolTip(
            "Send a note that names what was sent with this, so that it is not read any more"
        )
        foot = QHBoxLayout()
        foot.addWidget(self.status, 1)
        foot.addWidget(self.withdraw)
        foot.addWidget(self.drop)
        foot.addWidget(self.retry)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.table, 1)
        layout.addLayout(foot)
        queue.changed.connect(self._show)
        self.retry.clicked.connect(queue.retry)
        self.drop.clicked.connect(self._drop)
        self.withdraw.clicked.connect(self._ask_to_withdraw)
        self.table.selectionModel().currentRowChanged.connect(lambda *_: self._refresh_buttons())
        self._show()

    def _show(self) -> None:
        items = self._queue.items
        self.model.show_rows(items)
        counts = {
            state: sum(item.shown_state == state for item in items)
            for state in ("waiting", "accepted", "committed", "withdrawn", "refused")
        }
        told = ", ".join(f"{count} {state}" for state, count in counts.items() if count)
        self.status.setText(f"{told.capitalize()}." if told else "Nothing was sent from here.")
        self._refresh_buttons()

    def _refresh_buttons(self) -> None:
        item = self.model.item_at(self.table.currentIndex().row())
        self.retry.setEnabled(any(each.state == "waiting" for each in self._queue.items))
        self.drop.setEnabled(item is not None and item.state in ("waiting", "refused"))

        self.withdraw.setEnabled(item is not None and bool(self._queue.withdrawable(item)))

    def _ask_to_withdraw(self) -> None:
        item = self.model.item_at(self.table.currentIndex().row())
        if item is not None:
            WithdrawDialog(self._queue, item, self).open()

    def _drop(self) -> None:
        item = self.model.item_at(self.table.currentIndex().row())
        if item is not None:
            self._queue.drop(item)
