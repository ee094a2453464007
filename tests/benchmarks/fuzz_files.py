"""Structured fuzzing of every file format: ``python tests/benchmarks/fuzz_files.py --mutants 20000 --seed 1``.

Each mutant of a small valid file is opened as the program does: series, their description, the volume of the first,
its window levels, a thumbnail and, of DICOM, the list of tags. Child processes with limits of memory and time open
hundreds each; the one that ends or stops a child is known by its number, and the next child goes on behind it.

Prints how many were opened, refused (UserError), ended in a traceback (any other exception), a crash, a hang, or took
too much memory; then each of the last four with its number. ``--only NUMBER`` opens that one here, with its traceback,
and ``--keep FOLDER`` keeps those files. Exit status 1 if there was any of the last four.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import select
import shutil
import subprocess
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

from fuzz_mutants import mutant_of
from fuzz_seeds import HALVES, is_shipped, write_seeds

_GOOD = ("opened", "refused")
_BAD = ("traceback", "crash", "hang", "memory")
_MUTANTS_A_CHILD = 400
_MB = 1 << 20
#: Addresses, not memory, that threads of earlier mutants keep reserved (64 MB each by glibc).
_RESERVED_MB = 4096
#: Share of mutants of files that pydicom ships; there are more of them than formats.
_SHARE_SHIPPED = 0.35
#: Files of two halves: the suffix of the header, and of what is beside it.
_HALVES = {".mhd": (".raw", ".zraw"), ".hdr": (".img",), ".nhdr": (".raw",)}


def _write_mutant(seeds: list[Path], seed: int, number: int, folder: Path) -> Path:
    """Write a mutant, always the same one for these numbers, into an empty folder."""
    chance = random.Random(f"{seed}/{number}")
    shipped = chance.random() < _SHARE_SHIPPED
    source = chance.choice([each for each in seeds if is_shipped(each) == shipped])
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for suffix in _HALVES.get(source.suffix, ()):
        half = source.with_suffix(suffix)
        if half.exists():
            data = half.read_bytes()
            (folder / half.name).write_bytes(data[: len(data) // chance.choice((1, 1, 1, 2))])
    path = folder / source.name
    path.write_bytes(mutant_of(source.name, source.read_bytes(), chance))
    return path


def _open(path: Path) -> None:
    """What the program does with a file that is opened."""
    from fusion3d_gui.errors import UserError
    from fusion3d_gui.imaging.catalog.find import find_series
    from fusion3d_gui.imaging.catalog.open import read_series
    from fusion3d_gui.imaging.dicom.tags import read_tags
    from fusion3d_gui.imaging.display.thumbnail import thumbnail
    from fusion3d_gui.imaging.display.window import presets

    if path.suffix == ".dcm":
        with contextlib.suppress(UserError):
            read_tags(path, hide_identity=False)
            read_tags(path, hide_identity=True)
    found = find_series(path)
    for series in found:
        series.to_json()
    thumbnail(found[0], 64)
    volume = read_series(found[0])
    presets(volume)
    volume.real()


def _reset_peak() -> None:
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def _memory_mb(key: str) -> int:
    """A line of /proc/self/status, such as ``VmHWM``, in MB; 0 where the system has none."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith(key):
                return int(line.split()[1]) >> 10
    return 0


def _outcome(path: Path, limit_mb: int) -> str:
    """``opened``, ``refused``, ``memory``, or ``traceback`` with the exception and its place."""
    from fusion3d_gui.errors import UserError

    _reset_peak()
    before = _memory_mb("VmRSS")
    try:
        _open(path)
        outcome = "opened"
    except UserError:
        outcome = "refused"
    except MemoryError:
        return "memory"
    except Exception as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        own = [each for each in traceback.extract_tb(error.__traceback__) if "fusion3d" in each[0]]
        lines = " < ".join(f"{Path(each[0]).name}:{each[1]}" for each in (place, *own[:-4:-1]))
        return f"traceback {type(error).__name__}: {str(error)[:80]!r} at {lines}"
    return "memory" if _memory_mb("VmHWM") - before > limit_mb else outcome


def _child(options: argparse.Namespace, first: int, last: int) -> None:
    """Open the mutants ``first`` to ``last``; say on standard output which one, then how it ended."""
    import resource

    warnings.simplefilter("ignore")
    seeds = _seeds(options.seeds)
    folder = Path(tempfile.mkdtemp(dir=options.work))
    _outcome(seeds[0], options.memory_mb)  # imports, which the limit is not for
    limit = (_memory_mb("VmSize") + options.memory_mb + _RESERVED_MB) * _MB
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    for number in range(first, last):
        path = _write_mutant(seeds, options.seed, number, folder / "mutant")
        print(f"start {number}", flush=True)
        print(f"end {_outcome(path, options.memory_mb)}".replace("\n", " "), flush=True)


def _seeds(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.suffix not in HALVES)


def _lines(process: subprocess.Popen[bytes], timeout_s: float) -> Iterator[str]:
    """Lines of a child, until it ends; raises TimeoutError when none comes for too long."""
    assert process.stdout is not None
    pending = b""
    while True:
        if not select.select([process.stdout], [], [], timeout_s)[0]:
            raise TimeoutError
        data = os.read(process.stdout.fileno(), 1 << 16)
        if not data:
            return
        *whole, pending = (pending + data).split(b"\n")
        yield from (line.decode("utf-8", "replace") for line in whole)


def _run_child(
    options: argparse.Namespace, first: int, last: int, tell: Callable[[int, str], None]
) -> int:
    """Open mutants in a child until one ends it or all are done; return the number to go on with."""
    words = [sys.executable, __file__, "--child", str(first), str(last)]
    for name in ("seed", "memory_mb", "seeds", "work"):
        words += [f"--{name.replace('_', '-')}", str(getattr(options, name))]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    number, running = first, False
    try:
        # The imports of a child take longer than a mutant may.
        for line in _lines(process, options.seconds):
            word, _, rest = line.partition(" ")
            if word == "start":
                number, running = int(rest), True
            else:
                tell(number, rest)
                number, running = number + 1, False
    except TimeoutError:
        process.kill()
        tell(number, "hang")
        process.wait()
        return number + 1
    status = process.wait()
    if running:
        tell(number, f"crash with status {status}")
        return number + 1
    if number < last:
        sys.exit(f"a child ended with status {status} before mutant {number}")
    return number


def _run(options: argparse.Namespace) -> int:
    counts: Counter[str] = Counter()
    bad: list[str] = []
    started = time.monotonic()

    def tell(number: int, outcome: str) -> None:
        kind = outcome.split()[0]
        counts[kind] += 1
        if kind in _GOOD:
            return
        path = _write_mutant(seeds, options.seed, number, Path(options.work) / "guilty")
        bad.append(f"{number} {path.name}: {outcome}")
        print(bad[-1], flush=True)
        if options.keep:
            kept = options.keep / f"{number}-{kind}"
            shutil.rmtree(kept, ignore_errors=True)
            shutil.copytree(path.parent, kept)

    seeds = _seeds(options.seeds)
    number, last = options.first, options.first + options.mutants
    while number < last and time.monotonic() - started < options.total_seconds:
        number = _run_child(options, number, min(last, number + _MUTANTS_A_CHILD), tell)
    took = time.monotonic() - started
    figures = ", ".join(f"{counts[kind]:,} {kind}" for kind in (*_GOOD, *_BAD))
    print(f"{counts.total():,} mutants of {len(seeds)} files, seed {options.seed}: {figures}")
    print(f"{took:.0f} s; at most {options.memory_mb} MB and {options.seconds:g} s each")
    return 1 if bad else 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mutants", type=int, default=2000)
    parser.add_argument("--first", type=int, default=0, help="number of the first mutant")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--memory-mb", type=int, default=512, help="most that a mutant may take")
    parser.add_argument("--seconds", type=float, default=30, help="most that a mutant may take")
    parser.add_argument("--total-seconds", type=float, default=float("inf"))
    parser.add_argument("--only", type=int, help="open this mutant here, without limits")
    parser.add_argument("--keep", type=Path, help="keep the mutants that failed in this folder")
    parser.add_argument("--child", type=int, nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--seeds", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--work", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        _child(options, *options.child)
        return 0
    with tempfile.TemporaryDirectory() as work:
        options.work, options.seeds = Path(work), Path(work) / "seeds"
        options.seeds.mkdir()
        write_seeds(options.seeds)
        if options.only is None:
            return _run(options)
        path = _write_mutant(
            _seeds(options.seeds), options.seed, options.only, Path(work) / "mutant"
        )
        if options.keep:
            shutil.copytree(path.parent, options.keep, dirs_exist_ok=True)
        _open(path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
