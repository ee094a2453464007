"""``WithdrawDialog``: asks before what was sent is withdrawn."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialog, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from fusion3d_gui.pacs.queues.outbox import OutboxItem
from fusion3d_gui.state.pacs.send_queue import SendQueue
from fusion3d_gui.widgets.look import theme

_WHAT = (
    "A note is sent that names them and says: rejected for patient safety reasons. Archives that know such notes "
    "hide what they name; others keep showing it beside the note. This can't be undone; the result can be sent anew."
)


class WithdrawDialog(QDialog):
    """Says what is withdrawn, from where, and what comes of it."""

    def __init__(self, queue: SendQueue, item: OutboxItem, parent: QWidget) -> None:
        super().__init__(parent)
        self._queue, self._item = queue, item
        self.setWindowTitle("Withdraw what was sent")
        count = len(queue.withdrawable(item))
        noun = "1 object" if count == 1 else f"{count} objects"
        title = item.title or "What was sent"
        self.told = theme.label(f"{title}: {noun} at {item.node}", medium=True)
        self.told.setTextFormat(Qt.TextFormat.PlainText)
        self.told.setWordWrap(True)
        what = theme.label(_WHAT, color=theme.MUTED)
        what.setWordWrap(True)
        self.withdraw = QPushButton("Withdraw")
        self.withdraw.setAutoDefault(False)
        self.cancel = QPushButton("Cancel")
        self.cancel.setDefault(True)
        row = QHBoxLayout()
        row.addStretch(1)
        row.addWidget(self.cancel)
        row.addWidget(self.withdraw)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(*(4 * theme.GRID,) * 4)
        layout.setSpacing(3 * theme.GRID)
        for widget in (self.told, what):
            layout.addWidget(widget)
        layout.addStretch(1)
        layout.addLayout(row)
        self.resize(theme.px(460), self.sizeHint().height())
        self.cancel.clicked.connect(self.reject)
        self.withdraw.clicked.connect(self._withdraw)

    def _withdraw(self) -> None:
        self._queue.withdraw(self._item)
        self.accept()
