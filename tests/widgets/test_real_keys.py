"""Mouse and keys of an X server, which reach the window as a user's do."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

_SCRIPT = Path(__file__).resolve().parents[1] / "benchmarks" / "check_keys.py"


@pytest.mark.skipif(shutil.which("xvfb-run") is None, reason="needs Xvfb")
def test_keys_work_wherever_the_focus_is_and_letters_typed_into_fields_are_only_letters():
    environment = {key: each for key, each in os.environ.items() if key != "QT_QPA_PLATFORM"}
    done = subprocess.run(
        ["xvfb-run", "-a", "-s", "-screen 0 1600x1000x24", sys.executable, str(_SCRIPT)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    if "libxcb" in done.stderr or "no X server" in done.stderr:
        pytest.skip("no X server could be used")
    assert done.returncode == 0, done.stdout + done.stderr
