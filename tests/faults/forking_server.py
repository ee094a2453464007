"""Run pytest in forks of a process that has imported the libraries; one JSON line in, one out.

A line in: the tests, as pytest's arguments. A line out: ``[outcome, test]``, the outcome ``passed``,
``failed`` (with the first test that failed, or the file that can't be imported) or ``timed out``.
Started by plant.py, in the copy of the tree whose tests it runs.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import resource
import signal
import sys
import time
from pathlib import Path

#: A fault may ask for any amount; the others on this machine need some too.
MEMORY_BYTES = 8 << 30
#: Of the processor, which other work on the machine does not shorten; and by the clock, for one that waits.
CPU_S, WALL_S = 180, 1800


def main() -> None:
    for name in sys.argv[1:]:
        importlib.import_module(name)
    assert "fusion3d_gui" not in sys.modules, "a fork would not see the planted fault"
    gc.freeze()  # the libraries' objects stay shared with the forks, and are not looked through again
    replies = os.fdopen(os.dup(1), "w")
    for line in sys.stdin:
        print(json.dumps(run_in_fork(json.loads(line))), file=replies, flush=True)


def run_in_fork(tests: list[str]) -> tuple[str, str]:
    failure = Path("first-failure")
    failure.unlink(missing_ok=True)
    child = os.fork()
    if child == 0:
        run_tests(tests, failure)
    ends = time.monotonic() + WALL_S
    while time.monotonic() < ends:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            code = os.waitstatus_to_exitcode(status)
            if code == 0:
                return "passed", ""
            where = failure.read_text() if failure.exists() else ""
            return ("timed out" if -code == signal.SIGXCPU else "failed"), where
        time.sleep(0.05)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return "timed out", ""


def run_tests(tests: list[str], failure: Path) -> None:
    """Never returns: the fork ends with pytest's exit status."""
    import pytest

    class FirstFailure:
        def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
            if report.failed and not failure.exists():
                failure.write_text(report.nodeid)

        def pytest_collectreport(self, report: pytest.CollectReport) -> None:
            if report.failed and not failure.exists():
                failure.write_text(report.nodeid)

    os.setsid()
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S + 10))
    log = os.open("faults.log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(log, 1)
    os.dup2(log, 2)
    status = 1
    try:
        options = ["-x", "-q", "-p", "no:cacheprovider", "-p", "no:xdist"]
        status = pytest.main([*options, *tests], plugins=[FirstFailure()])
    finally:
        sys.stdout.flush()
        os._exit(int(status))


if __name__ == "__main__":
    main()
