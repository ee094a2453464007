"""Queues in SQLite: where they lie, and changes that are made whole or not at all, also where the process is killed."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import platformdirs

from fusion3d_gui.errors import UserError


def queue_folder(name: str) -> Path:
    """The user's queue of this name; the variable FUSION3D_CONFIG_DIR moves it."""
    chosen = os.environ.get("FUSION3D_CONFIG_DIR")
    folder = Path(chosen) if chosen else platformdirs.user_data_path("fusion3d", appauthor=False)
    return folder / name


def make_private(folder: Path, below: Path) -> None:
    """Make a queue's folder, for its owner only, and one below it.

    Raises UserError where they can't be made.
    """
    try:
        below.mkdir(parents=True, exist_ok=True, mode=0o700)
        folder.chmod(0o700)
    except OSError as error:
        raise UserError(f"can't be made ({error.strerror})", path=folder) from None


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
