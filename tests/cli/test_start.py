"""What a prediction on the command line does without, so that it starts fast."""

from __future__ import annotations

import subprocess
import sys

import pytest

from fusion3d_gui.shipped import models_dir, resources_dir

#: Each takes tens of milliseconds to seconds to import.
HEAVY = (
    *("monai", "captum", "torch._dynamo", "torch._inductor", "torch.onnx", "sympy"),
    *("PySide6", "pyqtgraph", "cmap", "matplotlib", "jinja2"),
    *("pandas", "sklearn", "skimage", "SimpleITK", "scipy.stats", "scipy.optimize"),
    *("highdicom", "pynetdicom", "httpx", "grpc", "tritonclient"),
)

CODE = """
import gc, sys
from fusion3d_gui.cli.parser import run

status = run(sys.argv[1:])
assert gc.isenabled() and gc.get_freeze_count() > 100_000, gc.get_freeze_count()
print("imported:", *sys.modules)
sys.exit(status)
"""


@pytest.mark.parametrize("engine", ["torch", "openvino"])
def test_a_prediction_imports_nothing_heavy_but_torch_and_its_engine(engine):
    call = ["predict", str(resources_dir() / "demo" / "negative.nii.gz"), "--engine", engine]
    call += ["--model", str(models_dir() / "demo-image-only")]
    done = subprocess.run(
        [sys.executable, "-c", CODE, *call], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    said, _, imported = done.stdout.partition("imported: ")
    names = set(imported.split())
    assert "probability  0.0924" in said
    assert {"torch", "numpy"} <= names
    assert not names & set(HEAVY)
    assert ("openvino" in names) == (engine == "openvino")
    rooms = {name.split(".")[1] for name in names if name.startswith("fusion3d_gui.")}
    assert not rooms & {"widgets", "serve", "pacs", "notebook"}
