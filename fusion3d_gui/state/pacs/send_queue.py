"""``SendQueue``: what waits to be sent and what became of it; tries again by itself while the window is open."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QObject, QTimer, Signal

from fusion3d_gui.pacs.nodes.node import Node
from fusion3d_gui.pacs.queues.outbox import Outbox, OutboxItem
from fusion3d_gui.pacs.queues.send import send_waiting
from fusion3d_gui.pacs.queues.withdraw import withdraw, withdrawable
from fusion3d_gui.progress import Progress
from fusion3d_gui.state.data.departure import Departure, LeftItem
from fusion3d_gui.state.pacs.node_list import NodeList
from fusion3d_gui.state.store import Store
from fusion3d_gui.state.tasks import TaskLane

_EVERY_MS = 5000


class SendQueue(QObject):
    """Shows the outbox, and sends what is due on a thread of its own."""

    changed = Signal()

    def __init__(self, folder: Path, store: Store, nodes: NodeList) -> None:
        super().__init__(store)
        self._folder = folder
        self._store = store
        self._nodes = nodes
        self._lane = TaskLane("pacs-send", self)
        self._timer = QTimer(self)
        self._timer.setInterval(_EVERY_MS)
        self._timer.timeout.connect(self._send)
        #: What is and was in the queue, the newest first.
        self.items: list[OutboxItem] = []
        if (folder / "outbox.sqlite").exists():
            self._timer.start()

    def outbox(self) -> Outbox:
        """The queue itself, for a worker thread. Raises UserError where it can't be used."""
        return Outbox(self._folder)

    def retry(self) -> None:
        """Send at once everything that waits."""

        def work(progress: Progress) -> list[OutboxItem]:
            self.outbox().retry_now()
            return self._tried(progress)

        self._timer.start()
        self._store.run(self._lane, "Sending", work, self._show)

    def drop(self, item: OutboxItem) -> None:
        """Take an item that waits or was refused out of the queue."""

        def work(progress: Progress) -> list[OutboxItem]:
            outbox = self.outbox()
            outbox.drop(item.id)
            return outbox.items()

        self._store.run(self._lane, "Taking out of the queue", work, self._show)

    def withdrawable(self, item: OutboxItem) -> list[OutboxItem]:
        """What was sent with an item, and can be withdrawn with it."""
        return withdrawable(self.items, item) if self._node_of(item) is not None else []

    def withdraw(self, item: OutboxItem) -> None:
        """Withdraw what was sent with an item, by a note that names it."""
        node = self._node_of(item)
        if node is None:
            return

        def work(progress: Progress) -> tuple[list[OutboxItem], LeftItem]:
            outbox = self.outbox()
            note = withdraw(outbox, node, withdrawable(outbox.items(), item))
            left = LeftItem.of_file("withdrawal", note)
            outbox.retry_now(node.name)
            return self._tried(progress), left

        def done(outcome: tuple[list[OutboxItem], LeftItem]) -> None:
            items, left = outcome
            self._store.departed.emit(Departure(None, (left,), place="pacs"))
            self._show(items)

        self._timer.start()
        self._store.run(self._lane, "Withdrawing", work, done)

    def _node_of(self, item: OutboxItem) -> Node | None:
        return next((node for node in self._nodes.nodes if node.name == item.node), None)

    def close(self) -> bool:
        """Stop sending; what waits stays in the queue. Returns whether the thread ended in time."""
        self._timer.stop()
        return self._lane.close(5.0)

    def _send(self) -> None:
        if not self._lane.running:
            self._store.run(self._lane, "Sending", self._tried, self._show)

    def _tried(self, progress: Progress) -> list[OutboxItem]:
        outbox = self.outbox()
        send_waiting(outbox, self._nodes.nodes, self._nodes.connect_to, progress)
        return outbox.items()

    def _show(self, items: list[OutboxItem]) -> None:
        if items != self.items:
            self.items = items
            self.changed.emit()
