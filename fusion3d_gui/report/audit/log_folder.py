"""The audit log as files: append entries, rotate, repair a line that was cut off, export.

The newest entries are in ``audit.jsonl``; a full file is renamed after the number of its first entry. The file
``audit.head`` names the last entry, so that a log from which the end was taken away shows it.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import filelock
import msgspec
import platformdirs

from fusion3d_gui import __version__
from fusion3d_gui.declared_types import build_types
from fusion3d_gui.errors import UserError
from fusion3d_gui.output_file import whole_file
from fusion3d_gui.report.audit.entry import (
    BEGINNING,
    LONGEST_LINE,
    AuditEntry,
    AuditEvent,
    entry_of,
    hash_of,
    line_of,
)

#: A file is renamed once it would be larger.
LARGEST_BYTES = 2_000_000
#: So many full files are kept; an entry says which were removed.
MOST_FILES = 50
_CURRENT, _HEAD = "audit.jsonl", "audit.head"
#: How long another process may write before this one gives up (s).
_PATIENCE_S = 20


class Head(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Number of the last entry, and the hash of its line."""

    number: int
    sha256: str


build_types(Head)


def audit_folder() -> Path:
    """The user's folder of the audit log; the variable FUSION3D_CONFIG_DIR moves it."""
    chosen = os.environ.get("FUSION3D_CONFIG_DIR")
    folder = Path(chosen) if chosen else platformdirs.user_data_path("fusion3d", appauthor=False)
    return folder / "audit"


def log_files(folder: Path) -> list[Path]:
    """The files of a log, in the order of their entries."""
    full = sorted(folder.glob("audit-*.jsonl"))
    current = folder / _CURRENT
    return [*full, *([current] if current.exists() else [])]


def read_head(folder: Path) -> Head | None:
    """What the log says is its last entry; None where it doesn't, or not readably."""
    try:
        return msgspec.json.decode((folder / _HEAD).read_bytes()[:1000], type=Head)
    except (OSError, msgspec.DecodeError):
        return None


def append(folder: Path, events: Sequence[AuditEvent]) -> None:
    """Add entries to the log in ``folder``, each whole or not at all, and see them onto the disk.

    Several processes may do so at once. Entries that were cut off when a computer stopped are removed, and an
    entry says so.

    Raises
    ------
    OSError
        The folder can't be written to, or the disk is full.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        with filelock.FileLock(folder / "audit.lock", timeout=_PATIENCE_S):
            _append(folder, events)
    except filelock.Timeout:
        raise OSError(11, "another program is writing to it", str(folder)) from None


def _append(folder: Path, events: Sequence[AuditEvent]) -> None:
    path = folder / _CURRENT
    if not events:
        return
    cut = _cut_torn_line(path)
    if cut:
        about = {"bytes_cut": cut}
        events = (AuditEvent("repaired", events[0].when, answered=about), *events)
    last, waiting = _last(folder), b""
    size = path.stat().st_size if path.exists() else 0
    for event in events:
        entry = AuditEntry(last.number + 1, last.sha256, f"Fusion3D {__version__}", event)
        line = line_of(entry)
        if size and size + len(line) > LARGEST_BYTES:
            _write(path, waiting)
            path.rename(folder / f"audit-{_first_number(path):09d}.jsonl")
            waiting, size = b"", 0
        waiting, size = waiting + line, size + len(line)
        last = Head(entry.number, hash_of(line))
    _write(path, waiting)
    with whole_file(folder / _HEAD, private=True) as partial:
        partial.write_bytes(msgspec.json.encode(last))
    # All are removed before the first is told of: telling may fill a file, and with that remove another.
    told = [
        AuditEvent(
            "removed",
            events[-1].when,
            answered={"last_number": removed.number, "last_sha256": removed.sha256},
        )
        for removed in _remove_oldest(folder)
    ]
    _append(folder, told)


def export_log(folder: Path, path: Path) -> int:
    """Write all entries into one file, with their chain; returns their number.

    Raises
    ------
    UserError
        There are none, or the file can't be written.
    """
    if not log_files(folder):
        raise UserError("The audit log is empty")
    count = 0
    try:
        with (
            filelock.FileLock(folder / "audit.lock", timeout=_PATIENCE_S),
            whole_file(path) as partial,
            partial.open("wb") as sink,
        ):
            for line in itertools.chain.from_iterable(map(lines_of, log_files(folder))):
                count += sink.write(line) > 0
    except (OSError, filelock.Timeout) as error:
        why = getattr(error, "strerror", None) or "another program is writing to it"
        raise UserError(
            f"the audit log can't be written here ({why})", path=path, remedy="Name another file."
        ) from None
    return count


def lines_of(path: Path) -> Iterator[bytes]:
    """The lines of a file of the log, each with its line break where it has one; none longer than allowed.

    A line that is too long comes in pieces.
    """
    with path.open("rb") as file:
        while line := file.readline(LONGEST_LINE):
            yield line


def _last(folder: Path) -> Head:
    """The last entry there is."""
    for file in reversed(log_files(folder)):
        line = _last_line(file)
        if line:
            try:
                number = entry_of(line).number
            except msgspec.DecodeError:
                # Somebody changed it: the chain goes on from what is there, and checking finds the break.
                known = read_head(folder)
                number = 0 if known is None else known.number
            return Head(number, hash_of(line))
    return Head(0, BEGINNING)


def _last_line(path: Path) -> bytes:
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - LONGEST_LINE))
        lines = file.read().splitlines(keepends=True)
    return lines[-1] if lines else b""


def _first_number(path: Path) -> int:
    try:
        return entry_of(next(lines_of(path))).number
    except (StopIteration, msgspec.DecodeError):
        return 0


def _cut_torn_line(path: Path) -> int:
    """Remove what stands after the last line break, which no whole entry does; returns its bytes."""
    if not path.exists() or not path.stat().st_size:
        return 0
    with path.open("r+b") as file:
        size = file.seek(0, os.SEEK_END)
        start = max(0, size - LONGEST_LINE)
        file.seek(start)
        end = start + file.read().rfind(b"\n") + 1
        if end < size:
            file.truncate(end)
    return size - end


def _write(path: Path, content: bytes) -> None:
    """Append to a file; where the disk is full, the file is as it was."""
    handle = os.open(
        path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0), 0o600
    )
    try:
        before = os.fstat(handle).st_size
        try:
            written = os.write(handle, content)
            if written < len(content):
                raise OSError(28, "no space left on device", str(path))
            os.fsync(handle)
        except OSError:
            os.ftruncate(handle, before)
            raise
    finally:
        os.close(handle)


def _remove_oldest(folder: Path) -> Iterator[Head]:
    """Delete full files beyond :data:`MOST_FILES`; yields the last entry of each."""
    for path in sorted(folder.glob("audit-*.jsonl"))[:-MOST_FILES]:
        line = _last_line(path)
        try:
            last = Head(entry_of(line).number, hash_of(line))
        except msgspec.DecodeError:
            continue  # it was changed: it stays, to be seen
        path.unlink()
        yield last
