"""The shape of the house: who may import whom, and what must stay out of the files."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest
from importlinter.cli import lint_imports

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "fusion3d_gui"


def imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def test_rooms_and_their_packages_import_downwards_only():
    assert lint_imports(config_filename=str(ROOT / "pyproject.toml"), no_cache=True) == 0


def test_the_page_on_the_architecture_names_every_package():
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    named = re.findall(r"^( *)(\w+)/ ", page.split("```text")[2].split("```")[0], re.MULTILINE)
    path: list[str] = []
    packages = set()
    for indent, name in named:
        path[len(indent) // 2 :] = [name]
        packages.add("/".join(path))
    there = {
        file.parent.relative_to(PACKAGE).as_posix() for file in PACKAGE.glob("*/**/__init__.py")
    }
    assert packages == there


def test_no_import_is_relative():
    for path in PACKAGE.rglob("*.py"):
        assert not any(
            node.level
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            if isinstance(node, ast.ImportFrom)
        ), path


def test_the_state_knows_no_widgets():
    for path in sorted((PACKAGE / "state").rglob("*.py")):
        for name in imports(path):
            assert not name.startswith(("PySide6.QtWidgets", "pyqtgraph")), f"{path.name}: {name}"


#: What opens files, predicts or draws charts: each takes tens of milliseconds to seconds to import.
HEAVY = (
    *("torch", "monai", "openvino", "scipy", "skimage", "sklearn", "pandas"),
    *("pydicom", "highdicom", "nibabel", "imagecodecs", "SimpleITK", "pynetdicom", "requests"),
    *("pyqtgraph", "matplotlib", "jinja2"),
)

_WINDOW = """
import os
os.environ["QT_QPA_PLATFORM"] = "offscreen"
from PySide6.QtWidgets import QApplication
from fusion3d_gui.app import MainWindow, Session
app = QApplication([])
session = Session([])
window = MainWindow(session)
window.show()
app.processEvents()
session.close()
"""


@pytest.mark.parametrize(
    "code", ["import fusion3d_gui.cli.parser", _WINDOW], ids=["parser", "window"]
)
def test_the_window_and_the_command_line_start_without_heavy_libraries(code):
    code += f"\nimport sys; print(*set({HEAVY}) & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_nothing_unpickles():
    for path in PACKAGE.rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        assert "pickle" not in {name.split(".")[0] for name in imports(path)}, path
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in ("torch.load", "np.load"):
                safe = {ast.unparse(keyword) for keyword in node.keywords}
                assert safe & {"weights_only=True", "allow_pickle=False"}, path
