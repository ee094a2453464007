"""``HostWatch``: a process that records when a virtual machine's host took memory or processor time away.

A host that has reclaimed a machine's pages returns them one fault at a time: computing is as fast as ever,
while everything that touches memory takes ten to two hundred times its processor time. And where the host
runs something else on a processor, Linux counts the time as stolen (``proc(5)``, ``/proc/stat``). No program in
the machine can prevent either; a benchmark can tell them from what the program does.
"""

from __future__ import annotations

import mmap
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import NamedTuple

_MEGABYTES = 64
_EVERY_S = 0.02
#: Reading memory is unusually slow from so many times its usual processor time on.
_UNUSUAL = 10.0
_STAT = Path("/proc/stat")


class Taken(NamedTuple):
    """One sample: its time (s, as ``time.perf_counter``), how many times its usual processor time reading memory
    took, and the processor time (ms) stolen in the 20 ms before."""

    at: float
    times: float
    stolen_ms: float


class HostWatch:
    """Context manager that watches until it exits."""

    def __init__(self) -> None:
        self._moments: list[Taken] = []
        self._child: subprocess.Popen[str] | None = None

    def __enter__(self) -> HostWatch:
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

    def within(self, start: float, end: float, around_s: float = 0.1) -> str:
        """Describe what the host took about this time; empty where it took nothing unusual.

        It takes a machine's memory piece by piece: what it took of this program it may have taken of the watch a
        moment earlier or later.
        """
        near = [each for each in self._moments if start - around_s <= each.at <= end + around_s]
        times = max((each.times for each in near), default=0.0)
        stolen = sum(each.stolen_ms for each in near)
        said = [f"reading memory elsewhere took {times:.0f} x as long"] * (times > _UNUSUAL)
        said += [f"the host kept the processors for {stolen:.0f} ms"] * (stolen > 0)
        return ", ".join(said)

    def _read(self) -> None:
        assert self._child is not None and self._child.stdout is not None
        for line in self._child.stdout:
            self._moments.append(Taken(*map(float, line.split())))


def _stolen_ms() -> float:
    """Stolen time (ms) of all processors since the machine started; 0 where the system does not report it."""
    if not _STAT.exists():
        return 0.0
    ticks = int(_STAT.read_text().split("\n", 1)[0].split()[8])
    return 1000 * ticks / os.sysconf("SC_CLK_TCK")


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
    before = _stolen_ms()
    while True:
        factor, now = took() / usual, _stolen_ms()
        if factor > _UNUSUAL or now > before:
            print(time.perf_counter(), factor, now - before, flush=True)
        before = now


if __name__ == "__main__":
    _watch()
