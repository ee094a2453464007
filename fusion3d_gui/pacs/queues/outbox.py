"""``Outbox``: what waits to be sent, in SQLite: it survives a killed process, and nothing is in it twice."""

from __future__ import annotations

import contextlib
import hashlib
import sqlite3
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from fusion3d_gui.errors import UserError
from fusion3d_gui.imaging.simulated import MARKS
from fusion3d_gui.output_file import whole_file
from fusion3d_gui.pacs.file_identity import FileIdentity, read_identity
from fusion3d_gui.pacs.nodes.node import Node
from fusion3d_gui.pacs.peer import Outcome
from fusion3d_gui.pacs.process_name import own_process_name, process_lives
from fusion3d_gui.pacs.queues.queue_database import make_private, queue_folder, transaction
from fusion3d_gui.pacs.study_header import study_header
from fusion3d_gui.report.dicom.words import why_only_for_test

ItemState = Literal["waiting", "sending", "accepted", "committed", "refused"]

#: Seconds until the next attempt after the first, second ... failed one.
BACK_OFF_S = (5, 15, 60, 300, 900, 3600)
#: Largest object that is sent.
_LARGEST_BYTES = 2 << 30

_TABLES = (
    """
CREATE TABLE IF NOT EXISTS item (
    id INTEGER PRIMARY KEY,
    node TEXT NOT NULL,
    uid TEXT NOT NULL,
    sop_class TEXT NOT NULL,
    study_uid TEXT NOT NULL,
    series_uid TEXT NOT NULL,
    patient_id TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    bytes INTEGER NOT NULL,
    only_test TEXT NOT NULL,
    title TEXT NOT NULL,
    added_s REAL NOT NULL,
    state TEXT NOT NULL DEFAULT 'waiting',
    reason TEXT NOT NULL DEFAULT '',
    attempts INTEGER NOT NULL DEFAULT 0,
    next_s REAL NOT NULL DEFAULT 0,
    done_s REAL,
    sender TEXT NOT NULL DEFAULT '',
    UNIQUE (node, uid)
) STRICT
""",
    # Patient and study of what was put in, for a note that withdraws it.
    "CREATE TABLE IF NOT EXISTS study (uid TEXT PRIMARY KEY, header TEXT NOT NULL) STRICT",
    "CREATE TABLE IF NOT EXISTS withdrawal (item INTEGER PRIMARY KEY, note TEXT NOT NULL) STRICT",
)
_COLUMNS = (
    "id, node, uid, sop_class, study_uid, series_uid, patient_id, sha256, bytes, only_test, title,"
    " added_s, state, reason, attempts, next_s, done_s,"
    " coalesce((SELECT note.state FROM withdrawal JOIN item AS note ON note.uid = withdrawal.note"
    " AND note.node = item.node WHERE withdrawal.item = item.id), '')"
)


@dataclass(frozen=True)
class OutboxItem:
    """One object for one node.

    ``only_test``: why only a test system may have it; empty: any may. ``withdrawal``: state of the note that withdraws
    it; empty: there is none.
    """

    id: int
    node: str
    uid: str
    sop_class: str
    study_uid: str
    series_uid: str
    patient_id: str
    sha256: str
    bytes: int
    only_test: str
    title: str
    added_s: float
    state: ItemState
    reason: str
    attempts: int
    next_s: float
    done_s: float | None
    withdrawal: ItemState | Literal[""] = ""

    @property
    def is_there(self) -> bool:
        """Whether the node has it, and nothing withdraws it."""
        return self.state in ("accepted", "committed") and self.withdrawal in ("", "refused")

    @property
    def shown_state(self) -> str:
        """Its state in a word, for lists."""
        if self.withdrawal in ("accepted", "committed"):
            return "withdrawn"
        return "withdrawing" if self.withdrawal in ("waiting", "sending") else self.state


def outbox_folder() -> Path:
    """The user's outbox."""
    return queue_folder("outbox")


class Outbox:
    """The queue in a folder; several processes may use it at once.

    Raises
    ------
    UserError
        The folder can't be made, or its database is none.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._objects = folder / "objects"
        make_private(folder, self._objects)
        with self._database() as database:
            for table in _TABLES:
                database.execute(table)

    def _database(self) -> contextlib.AbstractContextManager[sqlite3.Connection]:
        return transaction(self._folder / "outbox.sqlite")

    def add(
        self,
        files: Sequence[Path],
        node: Node,
        study_uid: str,
        *,
        only_test: str = "",
        title: str = "",
        withdraws: Sequence[OutboxItem] = (),
    ) -> tuple[int, int]:
        """Put copies of DICOM files into the queue, all or none.

        Parameters
        ----------
        files
            What to send.
        node
            To whom.
        study_uid
            The study that they must belong to.
        only_test
            Why only a node marked as a test system may have them; found here where the files say it.
        title
            What they are, for the list.
        withdraws
            What was sent to this node, and a note among ``files``, the only one, withdraws.

        Returns
        -------
        added, known : int
            How many are new, and how many are or were in the queue for this node already.

        Raises
        ------
        UserError
            A file is of another study, only for test systems, no DICOM file, or has the UID of another
            object that was sent; or something was withdrawn already.
        """
        checked = [(file, self._checked(file, node, study_uid, only_test)) for file in files]
        header = study_header(files[0]) if files else ""
        added, known, now_s = 0, 0, time.time()
        with self._database() as database:
            if header:
                database.execute("INSERT OR IGNORE INTO study VALUES (?, ?)", (study_uid, header))
            for file, (identity, reason) in checked:
                digest = self._copy(file)
                before = database.execute(
                    "SELECT sha256 FROM item WHERE node = ? AND uid = ?", (node.name, identity.uid)
                ).fetchone()
                if before is not None:
                    if before[0] != digest:
                        raise UserError(
                            f"another object of its UID was put into the queue for {node.name} before",
                            path=file,
                            remedy="An object is changed by a new one with a UID of its own.",
                        )
                    known += 1
                    continue
                database.execute(
                    "INSERT INTO item (node, uid, sop_class, study_uid, series_uid, patient_id, sha256,"
                    " bytes, only_test, title, added_s) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    (
                        *(node.name, identity.uid, identity.sop_class, identity.study_uid),
                        *(identity.series_uid, identity.patient_id, digest, file.stat().st_size),
                        *(reason, title, now_s),
                    ),
                )
                added += 1
                _withdraw(database, withdraws, identity.uid)
        return added, known

    @staticmethod
    def _checked(
        file: Path, node: Node, study_uid: str, only_test: str
    ) -> tuple[FileIdentity, str]:
        identity = read_identity(file)
        if identity.study_uid != study_uid:
            raise UserError("belongs to another study; nothing was sent", path=file)
        if identity.comments in MARKS:
            only_test = only_test or "the scan is a simulated one"
        only_test = only_test or why_only_for_test(identity.series_description)
        if only_test and not node.is_test:
            raise UserError(
                f"{node.name} is not marked as a test system, and only those may have this: {only_test}",
                path=file,
            )
        return identity, only_test

    def _copy(self, file: Path) -> str:
        """Copy a file into the outbox; returns its SHA-256, by which the copy is named."""
        size = file.stat().st_size
        if size > _LARGEST_BYTES:
            raise UserError("is too large to send", path=file)
        content = file.read_bytes()
        digest = hashlib.sha256(content).hexdigest()
        target = self._objects / f"{digest}.dcm"
        if not target.exists():
            try:
                with whole_file(target, private=True) as partial:
                    partial.write_bytes(content)
            except OSError as error:
                raise UserError(
                    f"can't be copied into the queue ({error.strerror})", path=file
                ) from None
        return digest

    def items(self) -> list[OutboxItem]:
        """Everything that is or was in the queue, the newest first."""
        with self._database() as database:
            rows = database.execute(f"SELECT {_COLUMNS} FROM item ORDER BY id DESC").fetchall()
        return [OutboxItem(*row) for row in rows]

    def items_of(self, node: str, uids: Collection[str]) -> list[OutboxItem]:
        """What is or was in the queue for a node of these objects."""
        with self._database() as database:
            marks = ",".join("?" * len(uids))
            rows = database.execute(
                f"SELECT {_COLUMNS} FROM item WHERE node = ? AND uid IN ({marks}) ORDER BY id",
                (node, *uids),
            ).fetchall()
        return [OutboxItem(*row) for row in rows]

    def study_header(self, study_uid: str) -> str:
        """Patient and study of what was put in, as :func:`study_header` gives them; empty where unknown."""
        with self._database() as database:
            row = database.execute(
                "SELECT header FROM study WHERE uid = ?", (study_uid,)
            ).fetchone()
        return "" if row is None else str(row[0])

    def claim(self, node: str, most: int, now_s: float | None = None) -> list[OutboxItem]:
        """Take up to so many items of a node that are due, for this process alone to send.

        What a process that is no more had taken is taken too: whether it arrived must be asked first, which
        ``attempts`` above 1 says.
        """
        now = time.time() if now_s is None else now_s
        with self._database() as database:
            taken = database.execute(
                "SELECT id, sender FROM item WHERE node = ? AND state = 'sending'", (node,)
            ).fetchall()
            for number, sender in taken:
                if not process_lives(sender):
                    database.execute("UPDATE item SET state = 'waiting' WHERE id = ?", (number,))
            rows = database.execute(
                f"SELECT {_COLUMNS} FROM item WHERE node = ? AND state = 'waiting' AND next_s <= ?"
                " ORDER BY id LIMIT ?",
                (node, now, most),
            ).fetchall()
            database.executemany(
                "UPDATE item SET state = 'sending', attempts = attempts + 1, sender = ? WHERE id = ?",
                [(own_process_name(), row[0]) for row in rows],
            )
            numbers = [row[0] for row in rows]
            marks = ",".join("?" * len(numbers))
            claimed = database.execute(
                f"SELECT {_COLUMNS} FROM item WHERE id IN ({marks}) ORDER BY id", numbers
            ).fetchall()
        return [OutboxItem(*row) for row in claimed]

    def settle(self, item: OutboxItem, outcome: Outcome) -> None:
        """Record what became of a claimed item; one that failed is due again later."""
        now = time.time()
        pause = BACK_OFF_S[min(item.attempts, len(BACK_OFF_S)) - 1]
        with self._database() as database:
            if outcome.state == "failed":
                database.execute(
                    "UPDATE item SET state = 'waiting', reason = ?, next_s = ? WHERE id = ?",
                    (outcome.reason, now + pause, item.id),
                )
            else:
                database.execute(
                    "UPDATE item SET state = ?, reason = ?, done_s = ? WHERE id = ?",
                    (outcome.state, outcome.reason, now, item.id),
                )

    def mark_committed(self, uid: str, node: str) -> None:
        """Record that the node has committed itself to keep an object."""
        with self._database() as database:
            database.execute(
                "UPDATE item SET state = 'committed', reason = '' WHERE uid = ? AND node = ? AND state = 'accepted'",
                (uid, node),
            )

    def release(self, item: OutboxItem) -> None:
        """Give back a claimed item that was not tried; it stays due."""
        with self._database() as database:
            database.execute(
                "UPDATE item SET state = 'waiting' WHERE id = ? AND state = 'sending'", (item.id,)
            )

    def retry_now(self, node: str | None = None) -> None:
        """Have everything that waits, for a node or for all, due at once."""
        with self._database() as database:
            database.execute(
                "UPDATE item SET next_s = 0 WHERE state = 'waiting' AND (node = ? OR ? IS NULL)",
                (node, node),
            )

    def drop(self, number: int) -> None:
        """Take an item that waits, or was refused, out of the queue."""
        with self._database() as database:
            database.execute(
                "DELETE FROM item WHERE id = ? AND state IN ('waiting', 'refused')", (number,)
            )
        self.drop_copies()

    def path_of(self, item: OutboxItem) -> Path:
        """The copy of an item."""
        return self._objects / f"{item.sha256}.dcm"

    def check_content(self, item: OutboxItem) -> None:
        """Raise UserError where the copy of an item is not what was put in."""
        path = self.path_of(item)
        try:
            same = hashlib.sha256(path.read_bytes()).hexdigest() == item.sha256
        except OSError:
            same = False
        if not same or read_identity(path).study_uid != item.study_uid:
            raise UserError("its copy in the queue is damaged")

    def drop_copies(self) -> None:
        """Delete copies that nothing in the queue needs any more."""
        with self._database() as database:
            needed = {
                row[0]
                for row in database.execute(
                    "SELECT sha256 FROM item WHERE state IN ('waiting', 'sending')"
                )
            }
            with contextlib.suppress(OSError):
                for path in self._objects.glob("[!.]*.dcm"):
                    if path.stem not in needed:
                        path.unlink(missing_ok=True)


def _withdraw(database: sqlite3.Connection, items: Sequence[OutboxItem], note: str) -> None:
    for item in items:
        row = database.execute(f"SELECT {_COLUMNS} FROM item WHERE id = ?", (item.id,)).fetchone()
        if row is None or not OutboxItem(*row).is_there:
            raise UserError(f"{item.node}: the node has it not, or it was withdrawn already")
        database.execute("INSERT OR REPLACE INTO withdrawal VALUES (?, ?)", (item.id, note))
