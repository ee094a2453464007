"""``transaction``: one change of a queue in SQLite, whole or not at all, also where the process is killed."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from fusion3d_gui.errors import UserError


@contextlib.contextmanager
def transaction(path: Path) -> Iterator[sqlite3.Connection]:
    """One transaction, of this process alone, written to the disk when the block ends; undone where it raises.

    Raises
    ------
    UserError
        It is no database, or can't be written.
    """
    try:
        database = sqlite3.connect(path, timeout=30.0, isolation_level=None)
        with contextlib.closing(database):
            database.execute("PRAGMA synchronous = FULL")
            database.execute("BEGIN IMMEDIATE")
            yield database
            if database.in_transaction:
                database.execute("COMMIT")
    except sqlite3.Error as error:
        raise UserError(f"the queue can't be used ({error})", path=path.parent) from None
