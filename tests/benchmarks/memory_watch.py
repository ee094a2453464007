"""``MemoryWatch``: another process that does nothing but read memory, and says when that took unusually long.

A virtual machine whose host takes its pages back, and gives them again one fault at a time, computes as
fast as ever while everything that touches memory is ten to two hundred times slower for a moment. No
program in it can do anything about that; a benchmark can tell it from what the program does.
"""

from __future__ import annotations

import mmap
import subprocess
import sys
import threading
import time
from typing import NamedTuple

_MEGABYTES = 64
_EVERY_S = 0.02
#: So many times its usual processor time is unusual.
_UNUSUAL = 10.0


class SlowMoment(NamedTuple):
    """When (s, as ``time.perf_counter``), and how many times the usual processor time."""

    at: float
    times: float


class MemoryWatch:
    """Watches from ``with`` on, until that ends."""

    def __init__(self) -> None:
        self.moments: list[SlowMoment] = []
        self._child: subprocess.Popen[str] | None = None

    def __enter__(self) -> MemoryWatch:
        self._child = subprocess.Popen(
            [sys.executable, __file__], stdout=subprocess.PIPE, text=True, bufsize=1
        )
        assert self._child.stdout is not None
        self._child.stdout.readline()  # it is ready
        threading.Thread(target=self._read, daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        assert self._child is not None
        self._child.kill()
        self._child.wait()

    def within(self, start: float, end: float, around_s: float = 0.1) -> float:
        """The worst factor about this time; 1 where nothing was unusual.

        The host takes a machine's memory piece by piece: what it took of this program it may have taken of the
        watch a moment earlier or later.
        """
        near = (each for each in self.moments if start - around_s <= each.at <= end + around_s)
        return max((each.times for each in near), default=1.0)

    def _read(self) -> None:
        assert self._child is not None and self._child.stdout is not None
        for line in self._child.stdout:
            at, times = line.split()
            self.moments.append(SlowMoment(float(at), float(times)))


def _watch() -> None:
    import numpy as np

    memory = mmap.mmap(-1, _MEGABYTES << 20)
    if hasattr(mmap, "MADV_NOHUGEPAGE"):
        # Each page by itself is what costs most to give back.
        memory.madvise(mmap.MADV_NOHUGEPAGE)
    # One byte of every page.
    pages = np.frombuffer(memory, np.uint8)[:: mmap.PAGESIZE]
    pages[:] = 1

    def took() -> float:
        time.sleep(_EVERY_S)
        start = time.thread_time()
        pages.sum()
        return time.thread_time() - start

    usual = float(np.median([took() for _ in range(30)]))
    print("ready", flush=True)
    while True:
        factor = took() / usual
        if factor > _UNUSUAL:
            print(time.perf_counter(), factor, flush=True)


if __name__ == "__main__":
    _watch()
