#!/usr/bin/env python3
"""Plant faults in the code, one at a time, and see which of them the nearest tests find.

    python tests/faults/plant.py --count 300 --seed 1 --out faults.json

plants a seeded sample over the modules of targets.toml, in a copy of the working tree; started
again with the same arguments, it goes on where it stopped. First it records which of the nearest tests run
which line; a fault meets those that run its line, the quickest first, for at most 25 s of their
processor time. Every fault is tried in a process forked from one that has the libraries imported, which
takes 1 s where starting pytest takes 9. A fault is found when a test fails that passes without it. Unix only.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import itertools
import json
import os
import queue
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import tomllib
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from candidates import Fault, find_faults, spread

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
PACKAGE = "fusion3d_gui"
#: Imported before forking; the program itself must not be.
LIBRARIES = [
    "numpy",
    "scipy.ndimage",
    "scipy.spatial",
    "scipy.stats",
    "pydicom",
    "pydicom.pixels",
    "nibabel",
    "SimpleITK",
    "torch",
    "monai.networks.nets",
    "monai.losses",
    "captum.attr",
    "safetensors.torch",
    "sklearn.metrics",
    "torchmetrics",
    "hypothesis",
    "pytest",
    "pytestqt.plugin",
    "matplotlib.figure",
    "PySide6.QtWidgets",
]

#: Of the tests that run a fault's line, seconds that are spent at most.
MOST_TEST_SECONDS = 25.0

#: Times of modification, in seconds, for the modules with a fault: none occurs twice.
_TIMES = itertools.count(1_000_000_000)


def main() -> int:
    options = _parse(sys.argv[1:])
    targets = load_targets(options.modules)
    faults = sample(targets, options.count, options.seed)
    results = json.loads(options.out.read_text()) if options.out.is_file() else {}
    planned = [fault for fault in faults if fault.key not in results]
    runs = _recorded(options.out.with_suffix(".coverage.json"), targets) if planned else {}
    print(f"{len(faults)} faults, {len(faults) - len(planned)} of them tried before", flush=True)
    lock = threading.Lock()

    def keep(fault: Fault, outcome: str, test: str, seconds: float) -> None:
        with lock:
            results[fault.key] = {
                **asdict(fault),
                "outcome": outcome,
                "test": test,
                "seconds": round(seconds, 1),
            }
            _write(options.out, results)
            _print_row(len(results), fault, outcome, seconds)

    work: queue.SimpleQueue[Fault] = queue.SimpleQueue()
    for fault in planned:
        work.put(fault)
    workers = [
        threading.Thread(target=_work, args=(work, targets, runs, keep))
        for _ in range(options.jobs)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    tried = [results[fault.key] for fault in faults if fault.key in results]
    survived = print_summary(tried)
    return 1 if survived or len(tried) < len(faults) else 0


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--count", type=int, default=300, help="how many faults (300)")
    parser.add_argument("--seed", type=int, default=1, help="which of them (1)")
    parser.add_argument("--jobs", type=int, default=1, help="how many at a time (1)")
    parser.add_argument("--out", type=Path, default=Path("output/faults.json"), help="results")
    parser.add_argument("modules", nargs="*", help="only modules whose path holds one of these")
    return parser.parse_args(arguments)


def load_targets(only: list[str]) -> dict[str, list[str]]:
    """Module to its nearest tests, as paths below the repository; refuses what isn't there."""
    listed = tomllib.loads((HERE / "targets.toml").read_text(encoding="utf-8"))["target"]
    targets = {}
    for target in listed:
        tests = [test for pattern in target["tests"] for test in _matching(f"tests/{pattern}")]
        for pattern in target["modules"]:
            targets.update(dict.fromkeys(_matching(f"{PACKAGE}/{pattern}"), tests))
    if only:
        targets = {m: tests for m, tests in targets.items() if any(part in m for part in only)}
    return targets


def _matching(pattern: str) -> list[str]:
    paths = sorted(path.relative_to(ROOT).as_posix() for path in ROOT.glob(pattern))
    return paths or sys.exit(f"targets.toml names {pattern}, which doesn't exist")


def sample(targets: dict[str, list[str]], count: int, seed: int) -> list[Fault]:
    """A random sample of all faults that can be planted, the same for the same seed and code."""
    known = tomllib.loads((HERE / "equivalent.toml").read_text(encoding="utf-8"))
    equivalent = {(e["module"], e["line"], e["fault"]) for e in known.get("equivalent", [])}
    chance = random.Random(seed)
    faults = []
    for module in sorted(targets):
        found = find_faults(ROOT, module)
        lines = (ROOT / module).read_text(encoding="utf-8").splitlines()
        chance.shuffle(found)
        faults += [
            fault
            for fault in spread(found)
            if (module, lines[fault.line - 1].strip(), fault.after) not in equivalent
        ]
    return chance.sample(faults, min(count, len(faults)))


def _recorded(path: Path, targets: dict[str, list[str]]) -> dict:
    """What record_coverage.py writes about the nearest tests of all targets; recorded where it isn't there."""
    if not path.is_file():
        tests = sorted({test for nearest in targets.values() for test in nearest})
        print(f"recording which lines {len(tests)} files of tests run", flush=True)
        path.parent.mkdir(parents=True, exist_ok=True)
        with _copy_of_tree() as copy:
            command = [sys.executable, HERE / "record_coverage.py", path.resolve(), *tests]
            environment = {**_environment(copy), "PYTHONDONTWRITEBYTECODE": "1"}
            subprocess.run(
                command, cwd=copy, env=environment, check=True, stdout=subprocess.DEVNULL
            )
    return json.loads(path.read_text())


def _tests_of(fault: Fault, nearest: list[str], runs: dict) -> list[str]:
    """The tests that run a fault's line, the quickest first; of what is run at import, those of the module.

    Where no test is known to run it: all of ``nearest``, files of tests.
    """
    lines = runs["lines"].get(fault.module, {})
    first, last = _statement_lines(ROOT / fault.module, fault.line)
    numbers = range(first, last + 1) if first else map(int, lines)
    found = {test for number in numbers for test in lines.get(str(number), ())}
    found = found or {test for test in runs["seconds"] if test.split("::")[0] in nearest}
    chosen, spent = [], 0.0
    for test in sorted(found, key=runs["seconds"].__getitem__):
        spent += runs["seconds"][test]
        if chosen and spent > MOST_TEST_SECONDS:
            break
        chosen.append(test)
    return chosen


def _statement_lines(path: Path, line: int) -> tuple[int, int]:
    """First and last line of a function's innermost statement at a line, but for those in it; else zeros."""
    found = (0, 0)
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, functions):
            continue
        for each in (part for statement in node.body for part in ast.walk(statement)):
            if isinstance(each, ast.stmt) and not isinstance(each, functions):
                body = getattr(each, "body", None)
                end = max(each.lineno, body[0].lineno - 1) if body else each.end_lineno
                if each.lineno <= line <= end and each.lineno >= found[0]:
                    found = (each.lineno, end)
    return found


def _work(work: queue.SimpleQueue[Fault], targets: dict[str, list[str]], runs: dict, keep) -> None:
    """Try the faults of the queue in one copy of the tree until none is left."""
    sound: set[str] = set()  # tests that were seen to pass without any fault
    with _copy_of_tree() as copy, _forking_server(copy) as run:
        while True:
            try:
                fault = work.get_nowait()
            except queue.Empty:
                return
            started = time.monotonic()
            tests = _tests_of(fault, targets[fault.module], runs)
            outcome, test = "passed", ""
            if tests:
                with _planted(fault, copy):
                    outcome, test = run(tests)
            seconds = time.monotonic() - started
            if test and test not in sound:
                if run([test])[0] != "passed":
                    print(f"{test} fails without any fault too", file=sys.stderr, flush=True)
                    continue
                sound.add(test)
            keep(
                fault,
                {"passed": "survived", "failed": "found"}.get(outcome, outcome),
                test,
                seconds,
            )


@contextlib.contextmanager
def _planted(fault: Fault, copy: Path) -> Iterator[None]:
    """The fault in the copy of its module; every version has a time of its own, for Python's cache."""
    path = copy / fault.module
    source, written = path.read_bytes(), path.stat().st_mtime
    path.write_bytes(fault.applied(source))
    os.utime(path, (written, next(_TIMES)))
    try:
        yield
    finally:
        path.write_bytes(source)
        os.utime(path, (written, written))


@contextlib.contextmanager
def _copy_of_tree() -> Iterator[Path]:
    """What git knows of the working tree, in a folder of its own."""
    copy = Path(tempfile.mkdtemp(prefix="faults-"))
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, copy / name)
    try:
        yield copy
    finally:
        shutil.rmtree(copy)


@contextlib.contextmanager
def _forking_server(copy: Path) -> Iterator:
    """A process with the libraries imported; gives a function that runs tests in a fork of it."""
    server = subprocess.Popen(
        [sys.executable, HERE / "forking_server.py", *LIBRARIES],
        cwd=copy,
        env=_environment(copy),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )

    def run(tests: list[str]) -> tuple[str, str]:
        server.stdin.write(json.dumps(tests) + "\n")
        server.stdin.flush()
        outcome, test = json.loads(server.stdout.readline())
        return outcome, test

    try:
        yield run
    finally:
        server.stdin.close()
        server.wait()


def _environment(copy: Path) -> dict[str, str]:
    return {
        **{name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"},
        "PYTHONPATH": str(copy),
        "QT_QPA_PLATFORM": "offscreen",
        "OMP_NUM_THREADS": "1",
    }


def _write(path: Path, results: dict[str, dict]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_suffix(".part")
    beside.write_text(json.dumps(results, indent=1), encoding="utf-8")
    beside.replace(path)


def _print_row(number: int, fault: Fault, outcome: str, seconds: float) -> None:
    change = " ".join(f"{fault.before} -> {fault.after}".split())
    print(
        f"{number:4} {outcome:9} {seconds:5.1f} s  {fault.module}:{fault.line}  {fault.kind}: {change}",
        flush=True,
    )


def print_summary(results: list[dict]) -> int:
    """A table by module, the survivors, and the share found; returns how many survived."""
    by_module: dict[str, Counter[str]] = {}
    for result in results:
        by_module.setdefault(result["module"], Counter())[result["outcome"]] += 1
    print(f"\n{'module':55} planted found timed out survived")
    for module, outcomes in sorted(by_module.items()):
        print(
            f"{module:55} {outcomes.total():7} {outcomes['found']:5} {outcomes['timed out']:9}"
            f" {outcomes['survived']:8}"
        )
    survivors = [result for result in results if result["outcome"] == "survived"]
    for result in sorted(survivors, key=lambda r: (r["module"], r["line"])):
        print(f"\n{result['module']}:{result['line']}  {result['kind']}")
        print(f"  - {result['before']}\n  + {result['after']}")
    if results:
        found = len(results) - len(survivors)
        print(f"\n{found} of {len(results)} faults found: {100 * found / len(results):.1f} %")
    return len(survivors)


if __name__ == "__main__":
    sys.exit(main())
