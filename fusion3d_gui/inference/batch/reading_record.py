"""``ReadingRecord``: which rows of a table a process was reading when it ended, so that none stops the others for good.

A file can end the process that reads it, through a fault in a codec or because memory runs out, and a table that is
called again would end at the same row. Its rows are therefore read last, and no longer after the second time.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from fusion3d_gui.errors import UserError
from fusion3d_gui.input_file import read_bounded
from fusion3d_gui.output_file import PARTIAL

_NAME = f".reading{PARTIAL}"
_LARGEST_BYTES = 1_000_000
#: So often a row may end the process before it counts as failed.
_MOST_TIMES = 2


class ReadingRecord:
    """The record in a folder of results: a line with the row's number for each time that a process ended over it.

    ``part`` names the shard of the table that it is about, if any. It is written without waiting for the disk, since it must survive the end of the process, not of the computer.
    """

    def __init__(self, folder: Path, part: str = "") -> None:
        self._path = folder / (f".reading-{part}{PARTIAL}" if part else _NAME)
        self._times: Counter[int] = Counter()
        with contextlib.suppress(OSError, ValueError):
            lines = read_bounded(self._path, _LARGEST_BYTES).split()
            self._times.update(int(line) for line in lines)

    def is_suspect(self, row: int) -> bool:
        """Whether a process ended while it read this row."""
        return self._times[row] > 0

    @contextlib.contextmanager
    def reading(self, row: int) -> Iterator[None]:
        """Read a row in this block.

        Raises
        ------
        UserError
            As :meth:`begin`.
        """
        self.begin(row)
        try:
            yield
        finally:
            self.end(row)

    def begin(self, row: int) -> None:
        """A row is about to be read; several may be at once.

        Raises
        ------
        UserError
            The row has ended the process too often.
        """
        if self._times[row] >= _MOST_TIMES:
            raise UserError(
                f"ended the program {_MOST_TIMES} times while it was read",
                remedy=f"Open it alone; delete {self._path.name} in the folder of the results to try it again.",
            )
        self._times[row] += 1
        self._write()

    def end(self, row: int) -> None:
        """The row is read: whatever it had ended before is forgotten."""
        del self._times[row]
        self._write()

    def _write(self) -> None:
        times = self._times
        # On a full disk there is no record; the results, which can't be written either, say so.
        with contextlib.suppress(OSError):
            if times:
                self._path.write_bytes(b"".join(b"%d\n" % each for each in times.elements()))
            else:
                self._path.unlink(missing_ok=True)
