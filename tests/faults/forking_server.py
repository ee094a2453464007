"""Run pytest in forks of a process that has imported the libraries; one JSON line in, one out.

A line in: ``{"tests": [...], "limit": seconds}``. A line out: pytest's exit status, or null where the
tests took longer than the limit. Started by plant.py, in the copy of the tree whose tests it runs.
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import signal
import sys
import time

MEMORY = 8 << 30  # a fault may ask for any amount; the others on this machine need some too


def main() -> None:
    for name in sys.argv[1:]:
        importlib.import_module(name)
    assert "fusion3d_gui" not in sys.modules, "a fork would not see the planted fault"
    answers = os.fdopen(os.dup(1), "w")
    for line in sys.stdin:
        order = json.loads(line)
        print(json.dumps(run_in_fork(order["tests"], order["limit"])), file=answers, flush=True)


def run_in_fork(tests: list[str], limit: float) -> int | None:
    child = os.fork()
    if child == 0:
        run_tests(tests)
    ends = time.monotonic() + limit
    while time.monotonic() < ends:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.05)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return None


def run_tests(tests: list[str]) -> None:
    """Never returns: the fork ends with pytest's exit status."""
    import pytest

    os.setsid()
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
    log = os.open("faults.log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(log, 1)
    os.dup2(log, 2)
    status = 1
    try:
        status = pytest.main(["-x", "-q", "-p", "no:cacheprovider", *tests])
    finally:
        sys.stdout.flush()
        os._exit(int(status))


if __name__ == "__main__":
    main()
