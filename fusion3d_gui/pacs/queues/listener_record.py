"""``ListenerRecord``: where the listener of an inbox listens, and the last caller that it did not let in."""

from __future__ import annotations

import sqlite3
import time
from dataclasses import dataclass

from fusion3d_gui.pacs.process_name import own_process_name, process_lives
from fusion3d_gui.pacs.queues.inbox import Inbox

_TABLE = """
CREATE TABLE IF NOT EXISTS listener (
    process TEXT NOT NULL,
    ae_title TEXT NOT NULL,
    host TEXT NOT NULL,
    port INTEGER NOT NULL,
    encrypted INTEGER NOT NULL,
    target TEXT NOT NULL,
    problem TEXT NOT NULL DEFAULT '',
    problem_s REAL NOT NULL DEFAULT 0
) STRICT
"""


@dataclass(frozen=True)
class ListenerRecord:
    """A listener that runs.

    Parameters
    ----------
    ae_title, host, port
        Where it listens.
    encrypted
        Whether it takes encrypted lines (TLS) only.
    target
        Name of the node to which its results go; empty: none.
    problem, problem_s
        Why the last caller was not let in, and when; empty: each was.
    """

    ae_title: str
    host: str
    port: int
    encrypted: bool
    target: str
    problem: str = ""
    problem_s: float = 0.0

    @property
    def sentence(self) -> str:
        """Who listens where, and where results go."""
        how = ", encrypted lines only" if self.encrypted else ""
        to = f"results go to {self.target}" if self.target else "every result is held"
        return f"{self.ae_title} listens on {self.host}, port {self.port}{how}; {to}."


def record_listening(inbox: Inbox, record: ListenerRecord) -> None:
    """Record that this process listens, and that no other does."""
    with inbox.database() as database:
        _forget(database)
        database.execute(
            "INSERT INTO listener (process, ae_title, host, port, encrypted, target) VALUES (?, ?, ?, ?, ?, ?)",
            (
                *(own_process_name(), record.ae_title, record.host, record.port),
                *(int(record.encrypted), record.target),
            ),
        )


def record_problem(inbox: Inbox, problem: str) -> None:
    """Record why a caller was not let in."""
    with inbox.database() as database:
        database.execute(_TABLE)
        database.execute("UPDATE listener SET problem = ?, problem_s = ?", (problem, time.time()))


def forget_listening(inbox: Inbox) -> None:
    """Record that nobody listens any more."""
    with inbox.database() as database:
        _forget(database)


def running_listener(inbox: Inbox) -> ListenerRecord | None:
    """The listener that runs; None where there is none, also where its process was killed."""
    with inbox.database() as database:
        database.execute(_TABLE)
        row = database.execute(
            "SELECT process, ae_title, host, port, encrypted, target, problem, problem_s FROM listener"
        ).fetchone()
    if row is None or not process_lives(row[0]):
        return None
    _, ae_title, host, port, encrypted, *rest = row
    return ListenerRecord(ae_title, host, port, bool(encrypted), *rest)


def _forget(database: sqlite3.Connection) -> None:
    database.execute(_TABLE)
    database.execute("DELETE FROM listener")
