"""The log of one reader's reads: a file of JSON lines to which lines are only added, each seen onto the disk.

A read counts once its line is whole. A line that was cut off when the process or the computer stopped is removed
the next time, and its case is read again: it was never confirmed.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType

import filelock
import msgspec

from fusion3d_gui.declared_types import build_types
from fusion3d_gui.errors import UserError
from fusion3d_gui.input_file import read_bounded
from fusion3d_gui.report.reader_study.protocol import PlannedRead, ProtocolFile, reading_order

_LARGEST_BYTES = 100_000_000


class ReadMark(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A mark that the reader drew: its kind, and its points in mm, LPS."""

    kind: str
    points_lps: list[tuple[float, float, float]]


class Header(
    msgspec.Struct, frozen=True, tag_field="line", tag="header", forbid_unknown_fields=True
):
    """First line: whose reads of which protocol these are."""

    reader: str
    protocol_sha256: str


class Shown(msgspec.Struct, frozen=True, tag_field="line", tag="shown", forbid_unknown_fields=True):
    """A case came on screen, ISO time with zone."""

    number: int
    when: str


class Read(msgspec.Struct, frozen=True, tag_field="line", tag="read", forbid_unknown_fields=True):
    """A confirmed read. ``rating`` and ``confidence`` count labels from 1; times are ISO with zone.

    ``openings`` is how often the case came on screen for this read: more than once after an interruption,
    when ``seconds`` is that of the last time only. ``probability`` is what the reader was shown.
    """

    number: int
    period: int
    case: str
    arm: str
    rating: int
    confidence: int
    seconds: float
    started: str
    ended: str
    openings: int
    probability: float | None = None
    marks: list[ReadMark] = []


Line = Header | Shown | Read
build_types(Line)


class ReadLog:
    """The log of a reader, held by this process until it is closed.

    Raises
    ------
    UserError
        The reader is not in the protocol; another window reads for them; the file can't be read or written, or holds
        reads of another protocol or order.
    """

    def __init__(self, study: ProtocolFile, reader: str) -> None:
        if reader not in study.protocol.readers:
            raise UserError(
                f"has no reader {reader!r}",
                path=study.path,
                remedy=f"Its readers: {', '.join(study.protocol.readers)}.",
            )
        self.order = reading_order(study.protocol, reader)
        self.path = study.reads_folder / f"{reader}.jsonl"
        self._lock = filelock.FileLock(f"{self.path}.lock")
        try:
            study.reads_folder.mkdir(exist_ok=True)
            self._lock.acquire(timeout=0)
        except filelock.Timeout:
            raise UserError(f"another window reads for {reader!r}", path=self.path) from None
        except OSError as error:
            raise UserError(f"can't be written ({error.strerror})", path=self.path) from None
        try:
            self._cut_torn_line()
            lines = read_lines(self.path, study, reader) if self.path.exists() else []
            if not lines:
                self._add(Header(reader, study.sha256))
        except BaseException:
            self._lock.release()
            raise
        self._reads = [line for line in lines if isinstance(line, Read)]
        self._openings: dict[int, int] = {}
        for line in lines:
            if isinstance(line, Shown):
                self._openings[line.number] = self._openings.get(line.number, 0) + 1

    def __enter__(self) -> ReadLog:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def reads(self) -> Sequence[Read]:
        """The confirmed reads, in order."""
        return self._reads

    @property
    def next(self) -> PlannedRead | None:
        """The read that comes next; None after the last."""
        done = len(self._reads)
        return self.order[done] if done < len(self.order) else None

    def openings(self, number: int) -> int:
        """How often the case of a read came on screen so far."""
        return self._openings.get(number, 0)

    def add_shown(self, number: int, when: datetime) -> None:
        """Record that the case of a read is on screen. Raises UserError when the disk does not take it."""
        self._add(Shown(number, when.isoformat()))
        self._openings[number] = self.openings(number) + 1

    def add_read(self, read: Read) -> None:
        """Record a confirmed read; it is on the disk when this returns. Raises UserError when it is not."""
        planned = self.next
        if planned is None or (read.number, read.case) != (planned.number, planned.case.id):
            raise ValueError("the read is not the one that comes next")
        self._add(read)
        self._reads.append(read)

    def close(self) -> None:
        """Let others read for this reader."""
        self._lock.release()

    def _add(self, line: Line) -> None:
        content = msgspec.json.encode(line) + b"\n"
        try:
            handle = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            try:
                while content:
                    content = content[os.write(handle, content) :]
                os.fsync(handle)
            finally:
                os.close(handle)
        except OSError as error:
            self._cut_torn_line()
            raise UserError(f"can't be written ({error.strerror})", path=self.path) from None

    def _cut_torn_line(self) -> None:
        if not self.path.exists():
            return
        with self.path.open("r+b") as file:
            content = file.read(_LARGEST_BYTES)
            whole = content.rfind(b"\n") + 1
            if whole < len(content):
                file.truncate(whole)
                os.fsync(file.fileno())


def read_lines(path: Path, study: ProtocolFile, reader: str) -> list[Line]:
    """The whole lines of a log, checked against the reader's order.

    Raises UserError when the file can't be read, or its lines are not those of this protocol and reader.
    """
    try:
        content = read_bounded(path, _LARGEST_BYTES)
        rows = content[: content.rfind(b"\n") + 1].splitlines()
        lines = [msgspec.json.decode(row, type=Line) for row in rows]
    except OSError as error:
        raise UserError(f"can't be read ({error.strerror})", path=path) from None
    except ValueError:
        raise UserError("is no log of reads", path=path) from None
    if not lines:
        return []
    header = lines[0]
    if not isinstance(header, Header) or header.reader != reader:
        raise UserError(f"is not the log of reader {reader!r}", path=path)
    if header.protocol_sha256 != study.sha256:
        raise UserError(
            "the protocol has changed since the first read",
            path=path,
            remedy="Put the protocol back as it was, or begin a new study with another name.",
        )
    order = reading_order(study.protocol, reader)
    reads = [line for line in lines if isinstance(line, Read)]
    planned = [(one.number, one.case.id, one.arm) for one in order[: len(reads)]]
    if planned != [(one.number, one.case, one.arm) for one in reads]:
        raise UserError("its reads are not in the reader's order", path=path)
    return lines


def washout_sentence(log: ReadLog, study: ProtocolFile, now: datetime) -> str | None:
    """Why the next read may not begin yet; None where it may, or there is none.

    Between the last read of a period and the first of the next lie the protocol's days.
    """
    planned = log.next
    if planned is None or not log.reads or log.reads[-1].period == planned.period:
        return None
    days = study.protocol.washout_days
    earliest = datetime.fromisoformat(log.reads[-1].ended) + timedelta(days=days)
    if now >= earliest:
        return None
    return (
        f"The same cases are read again after a wash-out of {days} days: "
        f"the next reads may begin on {earliest.astimezone(UTC):%Y-%m-%d at %H:%M} UTC"
    )
