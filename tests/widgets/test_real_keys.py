"""Mouse and keys of an X server, which reach the window as a user's do."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

_SCRIPTS = Path(__file__).resolve().parents[1] / "benchmarks"
needs_screen = pytest.mark.skipif(shutil.which("xvfb-run") is None, reason="needs Xvfb")


def run_on_a_screen(script: str, seconds: float) -> None:
    """Run a script that drives the window; it ends with 0 where all that should follow did."""
    environment = {key: each for key, each in os.environ.items() if key != "QT_QPA_PLATFORM"}
    done = subprocess.run(
        ["xvfb-run", "-a", "-s", "-screen 0 1600x1000x24", sys.executable, str(_SCRIPTS / script)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
    if "libxcb" in done.stderr or "no X server" in done.stderr:
        pytest.skip("no X server could be used")
    assert done.returncode == 0, done.stdout + done.stderr


@needs_screen
def test_keys_work_wherever_the_focus_is_and_letters_typed_into_fields_are_only_letters():
    run_on_a_screen("check_keys.py", 240)


@needs_screen
def test_nine_deeds_that_once_misled_do_not_and_no_reading_task_takes_more_than_two_actions():
    run_on_a_screen("check_deeds.py", 540)
