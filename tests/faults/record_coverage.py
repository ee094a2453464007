"""Which tests run which line of the package, and how long each takes; recorded once for plant.py.

    python record_coverage.py OUT.json TEST ...

runs the tests with coverage.py and writes ``{"seconds": {test: s}, "lines": {module: {line: [test, ...]}}}``.
Seconds are of the processor, which other work on the machine does not lengthen.
A line that is run at import only has no tests. What other processes and Qt's threads run is not seen.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import coverage
import pytest

PACKAGE = "fusion3d_gui"


class Recorder:
    """Tells coverage which test is running."""

    def __init__(self, measured: coverage.Coverage) -> None:
        self._measured = measured
        self.seconds: dict[str, float] = {}
        self.failed: set[str] = set()

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        self._measured.switch_context(item.nodeid)
        started = _processor_seconds()
        yield
        self.seconds[item.nodeid] = _processor_seconds() - started
        self._measured.switch_context("")

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed or report.skipped:
            self.failed.add(report.nodeid)


def _processor_seconds() -> float:
    """Of this process and its ended children."""
    return sum(os.times()[:4])


def main() -> int:
    out, *tests = sys.argv[1:]
    root = Path.cwd()
    measured = coverage.Coverage(
        data_file=None, source_pkgs=[PACKAGE], config_file=False, messages=False
    )
    recorder = Recorder(measured)
    measured.start()
    status = pytest.main(
        ["-q", "-p", "no:cacheprovider", "-p", "no:xdist", *tests], plugins=[recorder]
    )
    measured.stop()
    data = measured.get_data()
    lines = {
        Path(file).relative_to(root).as_posix(): {
            str(line): sorted(set(contexts) & recorder.seconds.keys() - recorder.failed)
            for line, contexts in data.contexts_by_lineno(file).items()
        }
        for file in data.measured_files()
    }
    Path(out).write_text(json.dumps({"seconds": recorder.seconds, "lines": lines}))
    return 0 if status in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED) else int(status)


if __name__ == "__main__":
    sys.exit(main())
