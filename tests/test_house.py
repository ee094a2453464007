"""The shape of the house: who may import whom, and what must stay out of the files."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "fusion3d_gui"

#: What a room may import of the other rooms.
ROOMS = {
    "imaging": set(),
    "model": {"imaging"},
    "inference": {"model", "imaging"},
    "training": {"model", "imaging"},
    "report": {"inference", "imaging"},
    "state": {"inference", "report", "imaging", "model"},
    "widgets": {"state"},
}
#: Rooms in which nothing of Qt, and nothing of torch, may be imported.
NO_QT = {"imaging", "model", "inference", "training", "report"}
NO_TORCH = {"imaging", "report", "state", "widgets"}
QT = {"PySide6", "pyqtgraph"}
#: The values that travel between the rooms may be named by all above them.
VALUES = {
    "fusion3d_gui.imaging.annotations.annotation",
    "fusion3d_gui.imaging.annotations.measurement",
    "fusion3d_gui.imaging.volume",
    "fusion3d_gui.imaging.series",
    "fusion3d_gui.imaging.plane",
    "fusion3d_gui.imaging.reslice.slab",
    "fusion3d_gui.imaging.reslice.slicer",
    "fusion3d_gui.imaging.reslice.sampling",
    "fusion3d_gui.imaging.reslice.mip",
    "fusion3d_gui.imaging.display.window_level",
    "fusion3d_gui.inference.analysis.findings",
    "fusion3d_gui.inference.explain.explanation",
    "fusion3d_gui.inference.prediction",
    "fusion3d_gui.inference.explain.peaks",
    "fusion3d_gui.inference.explain.sanity_report",
    "fusion3d_gui.model.schema",
    "fusion3d_gui.model.bundle_info",
    "fusion3d_gui.model.localisation_record",
}


def modules(room: str) -> list[Path]:
    return sorted((PACKAGE / room).rglob("*.py"))


def imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name} has a relative import"
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


@pytest.mark.parametrize("room", ROOMS)
def test_imports_run_downwards_only(room):
    for path in modules(room):
        for name in imports(path):
            if not name.startswith("fusion3d_gui.") or any(
                name == value or name.startswith(value + ".") for value in VALUES
            ):
                continue
            target = name.split(".")[1]
            if target in ROOMS and target != room:
                assert target in ROOMS[room], f"{room}/{path.name} imports {name}"
            assert target not in {"app", "cli", "commands", "terminal", "training_commands"}, (
                f"{room}/{path.name} imports {name}"
            )


@pytest.mark.parametrize("room", sorted(NO_QT))
def test_the_rooms_below_the_window_know_no_qt(room):
    for path in modules(room):
        assert not {name.split(".")[0] for name in imports(path)} & QT, path


@pytest.mark.parametrize("room", sorted(NO_TORCH))
def test_rooms_that_need_no_torch_do_not_import_it(room):
    for path in modules(room):
        assert not {name.split(".")[0] for name in imports(path)} & {"torch", "monai"}, path


def test_the_state_knows_no_widgets():
    for path in modules("state"):
        for name in imports(path):
            assert not name.startswith(("PySide6.QtWidgets", "pyqtgraph")), f"{path.name}: {name}"


@pytest.mark.parametrize(
    "module",
    ["fusion3d_gui.app", "fusion3d_gui.cli.parser", "fusion3d_gui.widgets.window.main_window"],
)
def test_the_window_and_the_command_line_start_without_torch(module):
    code = f"import sys, {module}; sys.exit('torch' in sys.modules or 'monai' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_nothing_unpickles():
    for path in PACKAGE.rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        assert "pickle" not in {name.split(".")[0] for name in imports(path)}, path
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in ("torch.load", "np.load"):
                safe = {ast.unparse(keyword) for keyword in node.keywords}
                assert safe & {"weights_only=True", "allow_pickle=False"}, path
