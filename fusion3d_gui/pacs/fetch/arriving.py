"""``ArrivingSeries``: the folder of a series that is being fetched; whatever does not belong to it is refused."""

from __future__ import annotations

import contextlib
import errno
import secrets
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from fusion3d_gui.errors import UserError
from fusion3d_gui.imaging.limits import gigabytes
from fusion3d_gui.output_file import PARTIAL
from fusion3d_gui.pacs.file_identity import FileIdentity, read_identity
from fusion3d_gui.pacs.query import InstanceEntry
from fusion3d_gui.progress import Progress

#: Largest instance that is taken: a multi-frame CT of 2,000 slices.
LARGEST_INSTANCE = 2 << 30


class ArrivingSeries:
    """Takes the instances of one series from any thread; see :class:`~fusion3d_gui.pacs.peer.Sink`.

    A file is there under its name only once it is whole and has been checked.

    Parameters
    ----------
    folder
        Where the files go, ``SOP_INSTANCE_UID.dcm`` each. Those that are there already are not asked for again.
    instances
        What the series consists of, all of one study and series.
    node_name
        Who sends it, for messages.
    progress
        Told how many are there; its ``Cancelled`` ends fetching.
    arrived
        Called with each file, on the thread that received it.

    Raises
    ------
    UserError
        The folder can't be made, or holds a file of another study or patient.
    """

    largest_bytes = LARGEST_INSTANCE

    def __init__(
        self,
        folder: Path,
        instances: Sequence[InstanceEntry],
        node_name: str,
        progress: Progress,
        arrived: Callable[[Path], None],
    ) -> None:
        self._folder = folder
        self._instances = {each.uid: each for each in instances}
        self._node_name = node_name
        self._progress = progress
        self._arrived = arrived
        self._lock = threading.Lock()
        self._patient: tuple[str, str, str] | None = None
        self._there: set[str] = set()
        self._began_s = time.monotonic()
        self._bytes = 0
        #: Those that arrived in this session.
        self.new_count = 0
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise UserError(f"can't be made ({error.strerror})", path=folder) from None
        for uid in self._instances:
            path = self.path_of(uid)
            if path.is_file():
                self._check(read_identity(path))
                self._there.add(uid)
                arrived(path)

    def path_of(self, uid: str) -> Path:
        """The file of an instance."""
        return self._folder / f"{uid}.dcm"

    @property
    def missing(self) -> list[InstanceEntry]:
        """Instances that have not arrived, in the order of the series."""
        return [each for uid, each in self._instances.items() if uid not in self._there]

    @property
    def paths(self) -> list[Path]:
        """The files that are there, in the order of the series."""
        return [self.path_of(uid) for uid in self._instances if uid in self._there]

    def check_cancelled(self) -> None:
        """Report how far it is; raises Cancelled once the user has cancelled."""
        there, total = len(self._there), len(self._instances)
        seconds = time.monotonic() - self._began_s
        speed = f", {self._bytes / 1e6 / seconds:.0f} MB/s" if self._bytes and seconds > 0 else ""
        self._progress(there / max(1, total), f"{there:,} of {total:,} images{speed}")

    def receive(self, parts: Iterable[bytes | memoryview]) -> None:
        """Write an instance beside its name, check it, and give it its name.

        Raises
        ------
        UserError
            It is too large, is of another study, series or patient, was not asked for, or can't be written.
        Cancelled
            The user has cancelled.
        """
        self.check_cancelled()
        partial = self._folder / f".{secrets.token_hex(8)}{PARTIAL}.dcm"
        try:
            size = self._write(partial, parts)
            identity = self._identity_of(partial)
            with self._lock:
                self._check(identity)
                if identity.uid in self._there:
                    return
                path = self.path_of(identity.uid)
                partial.replace(path)
                self._there.add(identity.uid)
                self.new_count += 1
                self._bytes += size
        except OSError as error:
            raise self._disk_problem(error) from None
        finally:
            partial.unlink(missing_ok=True)
        self._arrived(path)

    def _write(self, partial: Path, parts: Iterable[bytes | memoryview]) -> int:
        size = 0
        with partial.open("xb") as file:
            partial.chmod(0o600)
            for part in parts:
                size += len(part)
                if size > self.largest_bytes:
                    raise UserError(
                        f"{self._node_name}: an image is larger than {gigabytes(self.largest_bytes)}"
                    )
                file.write(part)
        return size

    def _identity_of(self, partial: Path) -> FileIdentity:
        try:
            return read_identity(partial)
        except UserError as error:
            raise UserError(f"{self._node_name}: what it sends {error.problem}") from None

    def _check(self, identity: FileIdentity) -> None:
        """Refuse what does not belong here; the first instance says who the patient is."""
        wanted = self._instances.get(identity.uid)
        expected = next(iter(self._instances.values()))
        if identity.study_uid != expected.study_uid:
            raise UserError(
                f"{self._node_name}: it sends images of another study; nothing of them is kept"
            )
        if wanted is None or identity.series_uid != wanted.series_uid:
            raise UserError(
                f"{self._node_name}: it sends images that were not asked for; nothing of them is kept"
            )
        if self._patient is None:
            self._patient = identity.patient
        elif identity.patient != self._patient:
            self._forget()
            raise UserError(
                f"{self._node_name}: the patient changes within the series; nothing of it is kept",
                remedy="Tell the administrator of the PACS.",
            )

    def _forget(self) -> None:
        for uid in self._instances:
            with contextlib.suppress(OSError):
                self.path_of(uid).unlink(missing_ok=True)
        self._there.clear()

    def _disk_problem(self, error: OSError) -> UserError:
        there = len(self._there)
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            return UserError(
                f"the disk is full; {there:,} of {len(self._instances):,} images are here",
                remedy="Make room and fetch again: what is here is not fetched twice.",
            )
        return UserError(f"can't be written to ({error.strerror})", path=self._folder)
