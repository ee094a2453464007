"""Torch comes in without Python's lock held for long, and the collector works again afterwards."""

from __future__ import annotations

import subprocess
import sys

import pytest

CODE = """
import gc, sys
from pathlib import Path
from fusion3d_gui.inference.runtime.torch_import import nonblocking_torch_import

with nonblocking_torch_import():
    assert "torch" not in sys.modules
    assert "libtorch_cpu" in Path("/proc/self/maps").read_text()
    assert not gc.isenabled()
    import torch
assert gc.isenabled()
assert gc.get_freeze_count() > 10_000
assert torch.ones(3).sum() == 3
frozen = gc.get_freeze_count()
with nonblocking_torch_import():
    assert gc.isenabled()
assert gc.get_freeze_count() <= frozen
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_libraries_are_there_before_the_import_and_the_collector_rests_only_meanwhile():
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
