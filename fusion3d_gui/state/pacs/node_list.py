"""``NodeList``: the nodes that the user has entered, the chosen one, and their test."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QObject, Signal

from fusion3d_gui.errors import UserError
from fusion3d_gui.pacs.nodes.node import Node
from fusion3d_gui.pacs.nodes.node_file import read_nodes, write_nodes
from fusion3d_gui.pacs.peer import Peer
from fusion3d_gui.progress import Progress
from fusion3d_gui.state.store import Store
from fusion3d_gui.state.tasks import TaskLane


class NodeList(QObject):
    """Keeps nodes in a file (None: in memory only), and secrets in the system's keyring.

    A secret that the keyring does not take is kept in memory for this session.
    """

    changed = Signal()
    #: A test has ended, with a sentence and whether the node answered.
    tested = Signal(str, bool)

    def __init__(self, path: Path | None, store: Store) -> None:
        super().__init__(store)
        self._path = path
        self._store = store
        self._secrets: dict[str, str] = {}
        self._lane = TaskLane("pacs-test", self)
        self._nodes: tuple[Node, ...] = ()
        self._chosen = ""
        if path is not None:
            try:
                self._nodes = read_nodes(path)
            except UserError as error:
                store.tell_failure(error)

    @property
    def nodes(self) -> tuple[Node, ...]:
        """All nodes."""
        return self._nodes

    @property
    def chosen(self) -> Node | None:
        """The node that is asked; the first where none was chosen."""
        return next((each for each in self._nodes if each.name == self._chosen), None) or next(
            iter(self._nodes), None
        )

    def choose(self, name: str) -> None:
        """Ask this node from now on."""
        if name != self._chosen:
            self._chosen = name
            self.changed.emit()

    def put(self, node: Node, secret: str = "", instead_of: str = "") -> bool:
        """Add a node, or change the one called ``instead_of``; an empty secret leaves the one there is.

        Returns whether that went well; what went wrong is shown in the window.
        """
        others = [each for each in self._nodes if each.name not in (node.name, instead_of)]
        try:
            if self._path is not None:
                write_nodes(self._path, [*others, node])
        except UserError as error:
            self._store.tell_failure(error)
            return False
        self._nodes = (*others, node)
        if secret:
            self._keep_secret(node.name, secret)
        self._chosen = node.name
        self.changed.emit()
        return True

    def remove(self, name: str) -> None:
        """Remove a node, and its secret."""
        kept = tuple(each for each in self._nodes if each.name != name)
        gone = next((each for each in self._nodes if each.name == name), None)
        try:
            if self._path is not None:
                write_nodes(self._path, kept)
        except UserError as error:
            self._store.tell_failure(error)
            return
        self._nodes = kept
        if gone is not None and gone.needs_secret:
            self._keep_secret(name, "")
        self.changed.emit()

    def connect_to(self, node: Node, secret: str = "") -> Peer:
        """The peer for a node: for a worker thread. Raises UserError."""
        from fusion3d_gui.pacs.connect import connect

        return connect(node, secret or self._secrets.get(node.name))

    def test(self, node: Node, secret: str = "") -> None:
        """Ask a node, also one that was not kept yet, whether it answers; :attr:`tested` tells."""

        def work(progress: Progress) -> None:
            self.connect_to(node, secret).echo()

        task = self._lane.submit("Testing a node", work)
        task.succeeded.connect(lambda _: self.tested.emit(f"{node.name} answers.", True))
        task.failed.connect(lambda error: self.tested.emit(str(error), False))

    def close(self) -> bool:
        """Cancel a test; returns whether its thread ended in time."""
        return self._lane.close(2.0)

    def _keep_secret(self, name: str, secret: str) -> None:
        from fusion3d_gui.pacs.nodes.secret import keep_secret

        self._secrets.pop(name, None)
        try:
            keep_secret(name, secret)
        except UserError as error:
            if secret:
                self._secrets[name] = secret
            self._store.tell_failure(error)
