"""``Inbox``: series that were pushed to the listener and what became of them, in SQLite and files.

Every change is one transaction, so that a process that is killed loses nothing and does nothing twice. Names of files
and folders are numbers of this program's own.
"""

from __future__ import annotations

import contextlib
import secrets
import shutil
import sqlite3
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from fusion3d_gui.errors import UserError
from fusion3d_gui.pacs.queues.queue_database import make_private, queue_folder, transaction
from fusion3d_gui.plain_text import visible_text

#: ``predicted``: the result's files are made; ``sending``: they are in the outbox; ``held``: for a person to see to.
SeriesState = Literal["arriving", "waiting", "predicting", "predicted", "sending", "sent", "held"]

#: So often predicting a series may end the program before the series is held.
_MOST_CRASHES = 2
#: Sent series are remembered for so long, that they are not predicted again when they are pushed again.
_REMEMBERED_S = 30 * 24 * 3600.0

_TABLES = (
    """
CREATE TABLE IF NOT EXISTS series (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    study_uid TEXT NOT NULL,
    series_uid TEXT NOT NULL,
    patient TEXT NOT NULL,
    caller TEXT NOT NULL,
    state TEXT NOT NULL DEFAULT 'arriving',
    reason TEXT NOT NULL DEFAULT '',
    images INTEGER NOT NULL DEFAULT 0,
    bytes INTEGER NOT NULL DEFAULT 0,
    begun INTEGER NOT NULL DEFAULT 0,
    queued INTEGER NOT NULL DEFAULT 0,
    first_s REAL NOT NULL,
    due_s REAL NOT NULL DEFAULT 0,
    done_s REAL,
    UNIQUE (study_uid, series_uid)
) STRICT
""",
    """
CREATE TABLE IF NOT EXISTS image (
    series INTEGER NOT NULL,
    uid TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    PRIMARY KEY (series, uid)
) STRICT
""",
    "CREATE TABLE IF NOT EXISTS result (series INTEGER NOT NULL, uid TEXT NOT NULL) STRICT",
    # Of the held series those that nothing but a failure holds.
    "CREATE TABLE IF NOT EXISTS failure (series INTEGER PRIMARY KEY) STRICT",
)
_COLUMNS = (
    "id, study_uid, series_uid, caller, state, reason, images, bytes, begun, queued, first_s, done_s,"
    " EXISTS (SELECT 1 FROM failure WHERE failure.series = series.id)"
)


@dataclass(frozen=True)
class InboxSeries:
    """One series.

    ``begun`` counts predictions that were begun; ``queued``: whether its result is in the outbox; ``failed``: whether
    it is held because something failed, not because of what it is.
    """

    id: int
    study_uid: str
    series_uid: str
    caller: str
    state: SeriesState
    reason: str
    images: int
    bytes: int
    begun: int
    queued: bool
    first_s: float
    done_s: float | None
    failed: bool


def inbox_folder() -> Path:
    """The user's inbox."""
    return queue_folder("inbox")


class Inbox:
    """The queue in a folder; one listener writes it, others may read it.

    Raises
    ------
    UserError
        The folder can't be made, or its database is none.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        #: Where instances lie until they are whole and checked.
        self.incoming = folder / "incoming"
        make_private(folder, self.incoming)
        with self.database() as database:
            for table in _TABLES:
                database.execute(table)

    def database(self) -> contextlib.AbstractContextManager[sqlite3.Connection]:
        """One transaction of the queue."""
        return transaction(self.folder / "inbox.sqlite")

    def recover(self, quiet_s: float) -> None:
        """Take up what a process that ended has left: for the one listener, before it listens.

        A series that was arriving gets ``quiet_s`` anew, so that its sender can go on.
        """
        now_s = time.time()
        with self.database() as database:
            database.execute(
                "UPDATE series SET due_s = ? WHERE state = 'arriving'", (now_s + quiet_s,)
            )
            crashed = database.execute(
                "SELECT id FROM series WHERE state = 'predicting' AND begun >= ?", (_MOST_CRASHES,)
            ).fetchall()
            for (number,) in crashed:
                reason = f"predicting it ended the program {_MOST_CRASHES} times"
                hold(database, number, reason, failed=True)
            database.execute("UPDATE series SET state = 'waiting' WHERE state = 'predicting'")
            old = [
                row[0]
                for row in database.execute(
                    "SELECT id FROM series WHERE state = 'sent' AND done_s < ?",
                    (now_s - _REMEMBERED_S,),
                )
            ]
            for number in old:
                _forget(database, number)
            kept = {
                str(row[0])
                for row in database.execute("SELECT id FROM series WHERE state <> 'sent'")
            }
        for path in self.incoming.iterdir():
            path.unlink(missing_ok=True)
        for path in self.folder.glob("series/*"):
            if path.name not in kept:
                shutil.rmtree(path, ignore_errors=True)

    def settle(self, numbers: Collection[int], within_s: float) -> None:
        """An association was released: its series are complete where nothing more comes within so many seconds."""
        with self.database() as database:
            database.executemany(
                "UPDATE series SET due_s = min(due_s, ?) WHERE id = ? AND state = 'arriving'",
                [(time.time() + within_s, number) for number in numbers],
            )

    # -- what is done with it -----------------------------------------------------------------

    def begin(self) -> InboxSeries | None:
        """The series that is complete for longest, now ``predicting``; None where there is none."""
        with self.database() as database:
            database.execute(
                "UPDATE series SET state = 'waiting' WHERE state = 'arriving' AND due_s <= ?",
                (time.time(),),
            )
            row = database.execute(
                "SELECT id FROM series WHERE state = 'waiting' ORDER BY due_s, id LIMIT 1"
            ).fetchone()
            if row is None:
                return None
            database.execute(
                "UPDATE series SET state = 'predicting', begun = begun + 1 WHERE id = ?", row
            )
            return _one(database, row[0])

    def give_back(self, number: int) -> None:
        """A prediction was broken off: it is begun again later."""
        with self.database() as database:
            database.execute(
                "UPDATE series SET state = 'waiting', begun = begun - 1"
                " WHERE id = ? AND state = 'predicting'",
                (number,),
            )

    def keep_result(self, number: int, uids: Sequence[str]) -> bool:
        """The result's files lie in :meth:`result_of`; False where images came meanwhile: it is of no use."""
        with self.database() as database:
            changed = database.execute(
                "UPDATE series SET state = 'predicted' WHERE id = ? AND state = 'predicting'",
                (number,),
            ).rowcount
            if changed:
                database.execute("DELETE FROM result WHERE series = ?", (number,))
                database.executemany(
                    "INSERT INTO result VALUES (?, ?)", [(number, uid) for uid in uids]
                )
        return bool(changed)

    def mark_queued(self, number: int) -> None:
        """The result's files are in the outbox."""
        with self.database() as database:
            database.execute("UPDATE series SET queued = 1 WHERE id = ?", (number,))
            database.execute(
                "UPDATE series SET state = 'sending' WHERE id = ? AND state = 'predicted'",
                (number,),
            )

    def mark_sent(self, number: int) -> None:
        """The node has the result; the series is not needed any more."""
        with self.database() as database:
            changed = database.execute(
                "UPDATE series SET state = 'sent', bytes = 0, done_s = ?"
                " WHERE id = ? AND state = 'sending'",
                (time.time(), number),
            ).rowcount
            aside = self._set_aside(number) if changed else None
        _delete(aside)

    def hold(self, number: int, reason: str, *, failed: bool = False) -> None:
        """Keep a series for a person, with the reason; ``failed``: something failed."""
        with self.database() as database:
            hold(database, number, reason, failed=failed)

    def try_again(self, number: int) -> None:
        """Predict a held series once more. Raises UserError where it is not held, or its result is in the outbox."""
        with self.database() as database:
            changed = database.execute(
                "UPDATE series SET state = 'waiting', reason = '', begun = 0"
                " WHERE id = ? AND state = 'held' AND NOT queued",
                (number,),
            ).rowcount
            if changed:
                _forget_failure(database, number)
        if not changed:
            raise UserError(
                f"no series {number} is held whose result was never sent",
                remedy="List them with: fusion3d pacs listen --status.",
            )

    def drop(self, number: int) -> None:
        """Forget a held series and delete its files. Raises UserError where it is not held."""
        with self.database() as database:
            found = _one(database, number)
            if found is None or found.state != "held":
                raise UserError(
                    f"no series {number} is held",
                    remedy="List them with: fusion3d pacs listen --status.",
                )
            _forget(database, number)
            aside = self._set_aside(number)
        _delete(aside)

    # -- what there is ------------------------------------------------------------------------

    def series(self, *states: SeriesState) -> list[InboxSeries]:
        """Series in these states, or all, in the order in which they began to arrive."""
        marks = ",".join("?" * len(states))
        where = f"WHERE state IN ({marks})" if states else ""
        with self.database() as database:
            rows = database.execute(
                f"SELECT {_COLUMNS} FROM series {where} ORDER BY id", states
            ).fetchall()
        return [_series(row) for row in rows]

    def result_uids(self, number: int) -> list[str]:
        """UIDs of the objects of a series' result."""
        with self.database() as database:
            rows = database.execute(
                "SELECT uid FROM result WHERE series = ? ORDER BY rowid", (number,)
            ).fetchall()
        return [row[0] for row in rows]

    def images_of(self, number: int) -> Path:
        """Folder of a series' images."""
        return self._folder_of(number) / "images"

    def result_of(self, number: int) -> Path:
        """Folder of the files of a series' result."""
        return self._folder_of(number) / "result"

    def _set_aside(self, number: int) -> Path | None:
        """Rename a series' folder, within a transaction: what arrives from then on is not deleted with it."""
        aside = self.folder / "series" / f"{int(number)}-{secrets.token_hex(8)}"
        try:
            return self._folder_of(number).rename(aside)
        except FileNotFoundError:
            return None

    def _folder_of(self, number: int) -> Path:
        return self.folder / "series" / str(int(number))


def _one(database: sqlite3.Connection, number: int) -> InboxSeries | None:
    row = database.execute(f"SELECT {_COLUMNS} FROM series WHERE id = ?", (number,)).fetchone()
    return None if row is None else _series(row)


def _series(row: Sequence[object]) -> InboxSeries:
    return InboxSeries(*row)  # type: ignore[arg-type]


def hold(database: sqlite3.Connection, number: int, reason: str, *, failed: bool = False) -> None:
    """Keep a series for a person, with the reason, within a transaction; ``failed``: something failed."""
    database.execute(
        "UPDATE series SET state = 'held', reason = ? WHERE id = ?",
        (visible_text(reason, 400), number),
    )
    _forget_failure(database, number)
    if failed:
        database.execute("INSERT INTO failure VALUES (?)", (number,))


def _delete(folder: Path | None) -> None:
    if folder is not None:
        shutil.rmtree(folder, ignore_errors=True)  # what stays is deleted by the next listener


def _forget_failure(database: sqlite3.Connection, number: int) -> None:
    database.execute("DELETE FROM failure WHERE series = ?", (number,))


def _forget(database: sqlite3.Connection, number: int) -> None:
    for table, column in (("series", "id"), ("image", "series"), ("result", "series")):
        database.execute(f"DELETE FROM {table} WHERE {column} = ?", (number,))
    _forget_failure(database, number)
