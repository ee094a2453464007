"""The program as a process: screenshots, exit statuses, and closing in the middle of work."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from PySide6.QtGui import QImage

from fusion3d_gui.app import WindowOptions, known_bundles
from fusion3d_gui.shipped import models_dir

RUN = """
import sys
from pathlib import Path
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication
from fusion3d_gui.app import WindowOptions, run_window
assert "torch" not in sys.modules
{before}
sys.exit(run_window(WindowOptions({options})))
"""

#: Closes the window once the lane given has begun its work.
CLOSE_DURING = """
app = QApplication([])
def look():
    for window in app.topLevelWidgets():
        session = getattr(window, "session", None)
        if session is not None and session.store.{lane}.running:
            window.close()
timer = QTimer()
timer.timeout.connect(look)
timer.start(1)
"""

#: Prints the height of the header and of the menus' text, and closes the window.
MEASURE_HEADER = """
app = QApplication([])
def look():
    for window in app.topLevelWidgets():
        if getattr(window, "session", None) is not None and window.isVisible():
            print(window.header.height(), window.menuBar().font().pixelSize())
            window.close()
timer = QTimer()
timer.timeout.connect(look)
timer.start(300)
"""


def run(options: str, before: str = "") -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen"}
    code = RUN.format(options=options, before=before)
    return subprocess.run(
        [sys.executable, "-c", code],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_a_screenshot_of_an_opened_scan_needs_no_torch(make_case, tmp_path):
    shot = tmp_path / "shot.png"
    done = run(
        f"paths=(Path({str(make_case())!r}),), screenshot=Path({str(shot)!r})",
        before="import atexit; atexit.register(lambda: print('torch' in sys.modules))",
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.strip() == "False"
    image = QImage(str(shot))
    assert (image.width(), image.height()) == (1280, 800)


def test_the_command_leaves_the_garbage_collector_on(make_case, tmp_path):
    """It is off while the window's modules are imported."""
    call = [str(make_case()), "--screenshot", str(tmp_path / "shot.png")]
    code = f"import gc; from fusion3d_gui.cli.parser import run; print(run({call}), gc.isenabled())"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "QT_QPA_PLATFORM": "offscreen"},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert done.stdout.split() == ["0", "True"]


@pytest.mark.parametrize(
    "options",
    [
        "paths=(Path('nowhere.nii.gz'),), screenshot=Path('x.png')",
        "paths=(Path(__import__('os').devnull),), screenshot=Path('x.png')",
        "model_dir=Path('nowhere'), screenshot=Path('x.png')",
    ],
)
def test_what_cannot_be_opened_is_one_line_and_status_2(options):
    done = run(options)
    assert done.returncode == 2
    assert len(done.stderr.strip().splitlines()) == 1
    assert "Traceback" not in done.stderr


def test_a_screenshot_that_cannot_be_written_is_one_line_and_status_2(make_case, tmp_path):
    shot = tmp_path / "no such folder" / "shot.png"
    done = run(f"paths=(Path({str(make_case())!r}),), screenshot=Path({str(shot)!r})")
    assert done.returncode == 2
    assert "shot.png" in done.stderr


def test_the_command_line_opens_several_paths(make_case, tmp_path):
    """Both are opened, or, where one is missing, neither."""
    shot = tmp_path / "shot.png"
    call = [sys.executable, "-m", "fusion3d_gui", make_case("a"), make_case("b")]
    ways = ([*call, "--screenshot", shot], [*call, tmp_path / "c.nii", "--screenshot", shot])
    environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen"}
    done = [
        subprocess.run(way, env=environment, capture_output=True, text=True, check=False)
        for way in ways
    ]
    assert [each.returncode for each in done] == [0, 2]
    assert done[0].stderr == ""
    assert "c.nii: there is no such file" in done[1].stderr


def test_a_window_opened_at_large_text_has_room_for_it(tmp_path, monkeypatch):
    monkeypatch.setenv("FUSION3D_CONFIG_DIR", str(tmp_path))
    (tmp_path / "settings.json").write_text('{"look/text_scale": 1.5}')
    done = run("", before=MEASURE_HEADER)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.split()[:2] == ["72", "20"]  # 48 and 13 at the usual size


@pytest.mark.parametrize("lane", ["loading", "inference"])
def test_closing_the_window_during_work_exits_cleanly(make_case, make_bundle, lane):
    options = f"paths=(Path({str(make_case())!r}),), model_dir=Path({str(make_bundle())!r})"
    done = run(options, before=CLOSE_DURING.format(lane=lane))
    assert (done.returncode, done.stderr) == (0, "")


#: Prints the model that predicted and the series' folder or file once there is a prediction, and closes the window.
TELL_PREDICTION = """
app = QApplication([])
def look():
    for window in app.topLevelWidgets():
        session = getattr(window, "session", None)
        found = None if session is None else session.predictions.current
        if found is not None:
            timer.stop()
            print(found.bundle_name, session.store.case.paths[0].name)
            window.close()
timer = QTimer()
timer.timeout.connect(look)
timer.start(100)
"""


@pytest.mark.parametrize(
    ("model", "case"),
    [("demo-multiply", "positive"), ("stroke-outcome", "stroke-lesion.nii.gz")],
)
def test_the_demo_is_predicted_by_the_model_that_was_asked_for(model, case):
    """The case is one of those that the model was made for."""
    options = f"demo=True, engine='torch', model_dir=Path({str(models_dir() / model)!r})"
    done = run(options, before=TELL_PREDICTION)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.split() == [model, case]


def test_the_window_begins_with_the_demos_model_then_with_the_one_used_last(make_bundle):
    demos = [SimpleNamespace(bundle=models_dir() / "demo-concat")]
    options = WindowOptions()

    def first(last: Path | None) -> Path:
        return known_bundles(options, [], last, demos)[0].folder

    assert first(None) == models_dir() / "demo-concat"
    assert first(models_dir() / "demo-add") == models_dir() / "demo-add"
    own = make_bundle()
    assert first(own) == own
    assert first(Path("gone")) == models_dir() / "demo-concat"
    asked = WindowOptions(model_dir=models_dir() / "demo-multiply")
    assert known_bundles(asked, [], own, demos)[0].folder == models_dir() / "demo-multiply"
    folders = [info.folder for info in known_bundles(options, [], own, demos)]
    assert len(folders) == len(set(folders)) == 7
