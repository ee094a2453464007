"""No message ends the listening node, or has it take memory or disk without bound, or lets in who is not on its list.

``python tests/benchmarks/fuzz_listener.py [--count 10000] [--seed 1] [--threads 8]``: starts ``fusion3d pacs listen``
with the demo model of the image alone, sends seeded random messages and mutants of associations, commands and data
sets to it, and prints what it answered, its peak memory (resident) and what lies on its disk. Status 1: a fault.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from pydicom.data import get_testdata_file

from tests.benchmarks.listener_mutants import (
    ACCEPTED,
    REJECTED,
    REQUEST,
    Recording,
    mutant,
    play,
    unit,
)
from tests.pacs.conftest import free_port, make_series

ROOT = Path(__file__).resolve().parents[2]
CALLER, CALLED = "SCANNER", "FUSION3D"
_NAMES = {0: "closed", 2: "association accepted", 3: "association rejected", 7: "aborted"}


def seed_files(folder: Path) -> list[list[Path]]:
    """Files of several classes and transfer syntaxes, small."""
    shipped = [get_testdata_file(name) for name in ("MR_small_RLE.dcm", "reportsi.dcm")]
    series = make_series(folder / "ct", "fuzz", count=3)
    return [series, [Path(name) for name in shipped if name is not None]]


class Tally:
    """What was answered, counted from several threads."""

    def __init__(self) -> None:
        self.answers: collections.Counter[str] = collections.Counter()
        self.statuses: collections.Counter[str] = collections.Counter()
        self.intruders_let_in = 0
        self._lock = threading.Lock()

    def add(self, kind: str, first: int, statuses: list[int]) -> None:
        with self._lock:
            self.answers[_NAMES.get(first, f"unit {first}")] += 1
            self.statuses.update(f"{status:04X}" for status in statuses)
            self.intruders_let_in += kind == "other caller" and first == ACCEPTED


def fuzz(
    port: int, folder: Path, count: int, seed: int, threads: int, answer_s: float = 1.0
) -> Tally:
    """Send so many messages; every one depends on the seed and its number alone."""
    groups = seed_files(folder)
    recordings = [Recording(port, CALLER, [], CALLED)]
    recordings += [Recording(port, CALLER, files, CALLED) for files in groups]
    tally = Tally()

    def one(number: int) -> None:
        kind, pieces = mutant(recordings, random.Random(f"{seed} {number}"))
        tally.add(kind, *play(port, pieces, answer_s))

    with ThreadPoolExecutor(threads) as pool:
        for _ in pool.map(one, range(count)):
            pass
    return tally


def still_serves(port: int, files: list[Path]) -> bool:
    """Whether a good sender is let in and what it sends is taken, another is not."""
    recording = Recording(port, CALLER, files, CALLED)
    request = bytearray(recording.request)
    request[20:36] = b"INTRUDER".ljust(16)
    first, _ = play(port, [unit(REQUEST, bytes(request))], 60.0)
    return first == REJECTED


@contextlib.contextmanager
def listener(folder: Path, port: int, associations: int) -> Iterator[subprocess.Popen[str]]:
    """A listening node of its own configuration."""
    environment = {
        **os.environ,
        "FUSION3D_CONFIG_DIR": str(folder),
        "PYTHONPATH": str(ROOT),
        "QT_QPA_PLATFORM": "offscreen",
    }
    command = [sys.executable, "-m", "fusion3d_gui", "pacs", "listen", "--quiet", "5"]
    command += ["--model", str(ROOT / "models/demo-image-only"), "--allow", CALLER]
    command += ["--port", str(port), "--associations", str(associations), "--largest-mb", "2"]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        for line in process.stdout:
            if "Listening" in line:
                break
        threading.Thread(target=process.stdout.read, daemon=True).start()
        yield process
    finally:
        process.terminate()
        process.wait(60)


def memory_mb(process: subprocess.Popen[str], key: str) -> float:
    """A line of the process's status (Linux), in MB: ``VmRSS`` now, ``VmHWM`` at most so far."""
    for line in Path(f"/proc/{process.pid}/status").read_text().splitlines():
        if line.startswith(key):
            return int(line.split()[1]) / 1000
    return 0.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=8)
    options = parser.parse_args()
    port = free_port()
    with (
        tempfile.TemporaryDirectory() as folder,
        listener(Path(folder) / "config", port, 2 * options.threads) as process,
    ):
        before, began = memory_mb(process, "VmRSS"), time.monotonic()
        tally = fuzz(port, Path(folder), options.count, options.seed, options.threads)
        seconds = time.monotonic() - began
        alive = process.poll() is None
        serves = alive and still_serves(port, make_series(Path(folder) / "last", "last", count=2))
        peak = memory_mb(process, "VmHWM") if alive else 0.0
        threads = len(list(Path(f"/proc/{process.pid}/task").iterdir())) if alive else 0
        disk = sum(
            file.stat().st_size for file in (Path(folder) / "config").rglob("*") if file.is_file()
        )
    print(f"{options.count:,} messages of seed {options.seed} in {seconds:.0f} s")
    for name, number in (*tally.answers.most_common(), *tally.statuses.most_common(12)):
        print(f"  {name:<24} {number:8,}")
    print(
        f"alive {alive}, still serves {serves}, callers not on the list let in {tally.intruders_let_in}"
    )
    print(
        f"memory {before:.0f} MB before, {peak:.0f} MB at most; {threads} threads; disk {disk / 1e6:.1f} MB"
    )
    sys.exit(0 if serves and not tally.intruders_let_in and peak - before < 500 else 1)


if __name__ == "__main__":
    main()
