"""Check an audit log: whether every entry is as it was written, and none is missing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from fusion3d_gui.errors import UserError
from fusion3d_gui.report.audit.entry import BEGINNING, AuditEntry, entry_of, hash_of
from fusion3d_gui.report.audit.log_folder import lines_of, log_files, read_head

#: So many problems are told.
_MOST_PROBLEMS = 20


@dataclass(frozen=True)
class Verdict:
    """What checking a log found.

    Parameters
    ----------
    entries
        Number of entries that were read.
    first, last
        The first and the last of them; None where there are none.
    last_sha256
        Hash of the last line. Kept elsewhere, it shows later whether the log was written anew up to there.
    removed_up_to
        Number of the last entry that was removed for its age, as a later entry says; 0: none was.
    problems
        A sentence for each break; empty where the log is whole.
    """

    entries: int
    first: AuditEntry | None
    last: AuditEntry | None
    last_sha256: str
    removed_up_to: int
    problems: tuple[str, ...]


def verify(place: Path) -> Verdict:
    """Check the log in a folder, or an exported file.

    Each entry names the hash of the one before it, so that a changed, added, exchanged or removed entry shows,
    also across files. A folder also says which entry is its last; an exported file does not.

    Raises
    ------
    UserError
        There is no log, or it can't be read.
    """
    files = log_files(place) if place.is_dir() else [place]
    if not files or not files[0].exists():
        raise UserError("holds no audit log", path=place)
    chain = _Chain()
    try:
        for name, number, line in _lines(files):
            chain.add(f"{name}, line {number}", line)
    except OSError as error:
        raise UserError(f"can't be read ({error.strerror})", path=place) from None
    chain.check_start()
    if place.is_dir():
        chain.check_head(place)
    return chain.verdict()


def _lines(files: list[Path]) -> Iterator[tuple[str, int, bytes]]:
    for file in files:
        for number, line in enumerate(lines_of(file), start=1):
            yield file.name, number, line


class _Chain:
    """The entries as they come, and what is wrong with them."""

    def __init__(self) -> None:
        self._count = 0
        self._first: AuditEntry | None = None
        self._last: AuditEntry | None = None
        self._hash = BEGINNING
        self._removed: dict[int, str] = {}
        self._problems: list[str] = []

    def add(self, place: str, line: bytes) -> None:
        self._count += 1
        try:
            if not line.endswith(b"\n"):
                raise ValueError("not a whole line")
            entry = entry_of(line)
        except (msgspec.DecodeError, ValueError):
            self._tell(f"{place}: it is no entry, or was cut off.")
            self._hash = hash_of(line)
            return
        if self._first is None:
            self._first = entry
        elif entry.previous != self._hash:
            self._tell(
                f"{place}: entry {entry.number} does not follow the one before it; one of both was changed, or one removed."
            )
        elif self._last is not None and entry.number != self._last.number + 1:
            self._tell(f"{place}: entry {entry.number} follows entry {self._last.number}.")
        if entry.event.what == "removed":
            told = entry.event.answered
            number, digest = told.get("last_number"), told.get("last_sha256")
            if isinstance(number, int) and isinstance(digest, str):
                self._removed[number] = digest
        self._last, self._hash = entry, hash_of(line)

    def check_start(self) -> None:
        """The first entry is number 1, or follows one of which a later entry says that it was removed."""
        first = self._first
        if first is None or (first.number == 1 and first.previous == BEGINNING):
            return
        if self._removed.get(first.number - 1) != first.previous:
            self._tell(
                f"The log begins with entry {first.number}; those before it were taken away."
            )

    def check_head(self, folder: Path) -> None:
        """The last entry is the one that the head names, or one after it (a process was stopped in between)."""
        head = read_head(folder)
        last = 0 if self._last is None else self._last.number
        if head is None:
            self._tell("The file that names the last entry is missing or was changed.")
        elif head.number > last:
            self._tell(f"Entries {last + 1} to {head.number} at the end are missing.")
        elif head.number == last and head.sha256 != self._hash:
            self._tell("The last entry is not the one that was written last.")

    def verdict(self) -> Verdict:
        removed = max(self._removed, default=0)
        return Verdict(
            self._count, self._first, self._last, self._hash, removed, tuple(self._problems)
        )

    def _tell(self, problem: str) -> None:
        if len(self._problems) < _MOST_PROBLEMS:
            self._problems.append(problem)
