"""Types that msgspec checks are built while their modules are imported: two threads that do so at once crash it."""

from __future__ import annotations

import subprocess
import sys

import pytest

#: What files that several threads may read first are declared as.
DECLARED = (
    ("fusion3d_gui.report.session.document", "SessionDocument"),
    ("fusion3d_gui.model.bundle.bundle_schema", "NetworkFile"),
    ("fusion3d_gui.model.bundle.bundle_schema", "FieldFile"),
    ("fusion3d_gui.model.bundle.evaluation_curves", "CurvesFile"),
    ("fusion3d_gui.report.audit.entry", "AuditEntry"),
    ("fusion3d_gui.report.audit.log_folder", "Head"),
    ("fusion3d_gui.report.reader_study.protocol", "Protocol"),
    ("fusion3d_gui.report.reader_study.read_log", "Line"),
)
#: In a process of its own, in which annotations can't be looked at once all modules have been imported.
SCRIPT = """
import importlib, sys, typing
import msgspec
class Own(msgspec.Struct):
    number: "int"
found = [getattr(importlib.import_module(each), name) for each, name in DECLARED]
def too_late(*args, **kwargs):
    raise RuntimeError("too late")
typing._eval_type = too_late
for each, (_, name) in zip((*found, Own), (*DECLARED, ("", "Own"))):
    try:
        msgspec.json.decode(b"[]", type=each)
    except msgspec.ValidationError:
        print(name, "was built")
    except RuntimeError as error:
        print(name, error)
"""


@pytest.fixture(scope="module")
def lines() -> list[str]:
    script = f"DECLARED = {DECLARED!r}\n{SCRIPT}"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=120, check=True
    )
    return done.stdout.splitlines()


def test_declared_types_are_built_once_their_modules_are_imported(lines):
    # One of the process's own shows that the looking is noticed.
    assert lines == [*(f"{name} was built" for _, name in DECLARED), "Own too late"]
