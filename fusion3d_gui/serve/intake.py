"""``Intake``: takes the instances that a stranger pushes into the inbox, checked and bounded."""

from __future__ import annotations

import errno
import hashlib
import os
import secrets
import sqlite3
import time
from dataclasses import dataclass
from pathlib import Path

from fusion3d_gui.errors import UserError
from fusion3d_gui.output_file import PARTIAL
from fusion3d_gui.pacs.file_identity import FileIdentity, read_identity
from fusion3d_gui.pacs.queues.inbox import Inbox, SeriesState, hold
from fusion3d_gui.plain_text import visible_text


class NotTaken(Exception):
    """An instance that is not taken: the status of C-STORE (PS3.4 table B.2-1, PS3.7 annex C)."""

    def __init__(self, status: int) -> None:
        super().__init__(f"status {status:04X}")
        self.status = status


NO_ROOM, OTHER_CLASS, NOT_UNDERSTOOD, DUPLICATE = 0xA700, 0xA900, 0xC000, 0x0111


@dataclass(frozen=True)
class InboxBounds:
    """What is taken at most: bytes and series that lie in the inbox, images of one series."""

    most_bytes: int = 20 * 10**9
    most_series: int = 10_000
    most_images: int = 10_000


class Intake:
    """Takes instances, from several threads at once.

    Parameters
    ----------
    inbox
        Where they go.
    bounds
        What is taken at most.
    quiet_s
        A series is complete once nothing of it has come for so many seconds.
    """

    def __init__(self, inbox: Inbox, bounds: InboxBounds, quiet_s: float) -> None:
        self._inbox = inbox
        self._bounds = bounds
        self._quiet_s = quiet_s

    def take(
        self,
        head: bytes,
        content: bytes | memoryview,
        uids: tuple[str, str],
        caller: str,
    ) -> int:
        """Take one instance; it is on the disk when this returns.

        Parameters
        ----------
        head, content
            Preamble with file meta information, and the data set as it came.
        uids
            Class and instance that the command names: the data set must be of them.
        caller
            Calling AE title.

        Returns
        -------
        int
            Number of its series.

        Raises
        ------
        NotTaken
            There is no room for it, or it is not what it should be.
        """
        partial = self._inbox.incoming / f"{secrets.token_hex(8)}{PARTIAL}.dcm"
        try:
            digest = _write(partial, head, content)
            identity = _identity(partial)
            if (identity.sop_class, identity.uid) != uids:
                raise NotTaken(OTHER_CLASS)
            return self._file(partial, digest, identity, caller)
        except UserError:
            raise NotTaken(NO_ROOM) from None  # the queue can't be written now
        except OSError as error:
            full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
            raise NotTaken(NO_ROOM if full else NOT_UNDERSTOOD) from None
        finally:
            partial.unlink(missing_ok=True)

    def _file(self, partial: Path, digest: str, identity: FileIdentity, caller: str) -> int:
        size, now_s = partial.stat().st_size, time.time()
        refusal = 0
        with self._inbox.database() as database:
            series, patient, state, count = self._series_of(database, identity, caller, now_s)
            known = database.execute(
                "SELECT sha256 FROM image WHERE series = ? AND uid = ?", (series, identity.uid)
            ).fetchone()
            if known is not None:
                if known[0] != digest:
                    raise NotTaken(DUPLICATE)
                return series
            lying = database.execute("SELECT total(bytes) FROM series").fetchone()[0]
            if lying + size > self._bounds.most_bytes:
                raise NotTaken(NO_ROOM)
            if patient != _patient_digest(identity):
                refusal = OTHER_CLASS
                hold(database, series, "the patient changes within the series")
            elif count >= self._bounds.most_images:
                refusal = NO_ROOM
                hold(database, series, f"it has more than {self._bounds.most_images:,} images")
            else:
                database.execute(
                    "INSERT INTO image (series, uid, sha256) VALUES (?, ?, ?)",
                    (series, identity.uid, digest),
                )
                database.execute(
                    "UPDATE series SET images = images + 1, bytes = bytes + ?, due_s = ? WHERE id = ?",
                    (size, now_s + self._quiet_s, series),
                )
                if state in ("predicted", "sending", "sent"):
                    hold(database, series, "images came after its result was made")
                elif state != "held":
                    database.execute("UPDATE series SET state = 'arriving' WHERE id = ?", (series,))
                # Should the process end here, the sender was told nothing, and the file is replaced.
                target = self._inbox.images_of(series) / f"{count + 1:05}.dcm"
                target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                partial.replace(target)
        if refusal:
            raise NotTaken(refusal)
        return series

    def _series_of(
        self, database: sqlite3.Connection, identity: FileIdentity, caller: str, now_s: float
    ) -> tuple[int, str, SeriesState, int]:
        """Number, patient, state and count of images of an instance's series, which is added where it is new."""
        uids = (identity.study_uid, identity.series_uid)
        select = (
            "SELECT id, patient, state, images FROM series WHERE study_uid = ? AND series_uid = ?"
        )
        row = database.execute(select, uids).fetchone()
        if row is None:
            lying = database.execute(
                "SELECT count(*) FROM series WHERE state <> 'sent'"
            ).fetchone()[0]
            if lying >= self._bounds.most_series:
                raise NotTaken(NO_ROOM)
            database.execute(
                "INSERT INTO series (study_uid, series_uid, patient, caller, first_s)"
                " VALUES (?, ?, ?, ?, ?)",
                (*uids, _patient_digest(identity), visible_text(caller), now_s),
            )
            row = database.execute(select, uids).fetchone()
        return row[0], row[1], row[2], row[3]


def _write(path: Path, head: bytes, content: bytes | memoryview) -> str:
    """Write a new file that only its owner may read, see it onto the disk, and return its SHA-256."""
    digest = hashlib.sha256()
    descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        for part in (head, content):
            digest.update(part)
            file.write(part)
        file.flush()
        os.fsync(file.fileno())
    return digest.hexdigest()


def _identity(path: Path) -> FileIdentity:
    try:
        return read_identity(path)
    except UserError:
        raise NotTaken(NOT_UNDERSTOOD) from None


def _patient_digest(identity: FileIdentity) -> str:
    return hashlib.sha256("\0".join(identity.patient).encode()).hexdigest()
