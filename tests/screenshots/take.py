"""Take pictures of every layout, tool, theme and state: ``python tests/screenshots/take.py OUT``.

Uses the shipped demo case and model. Each scale (1, 1.25, 1.5, 2) is a process of its own, as Qt requires;
``--only NAME`` takes those whose name begins so, ``--part NAME`` those of one part (``scenes.py``),
``--readme`` writes the README's picture again, ``--guide`` those of the user guide. Two runs give equal
pixels (``compare.py``), but for ``loading`` and ``occlusion-coarse``, which show work in progress, and ``dialog-share``, whose page says when it was predicted.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

SCALES = ("1", "1.25", "1.5", "2")
#: Parts that start from the demo case's prediction, which comes first; ``finding`` ends with an error notice.
PARTS = (
    "layouts",
    "appearance",
    "tools",
    "dialogs",
    "workbench",
    "limits",
    "cases",
    "beside",
    "looks",
    "displaced",
    "finding",
    "files",
)
#: In the line of provenance: how long the prediction took and when it was made.
_DURATION_AND_TIME = re.compile(r"\d+\.\d s  ·  \d\d:\d\d")
_ROOT = Path(__file__).resolve().parents[2]
README_PICTURE = _ROOT / "resources" / "readme" / "window.png"
GUIDE_PICTURES = _ROOT / "docs" / "pictures"
#: The states that ``docs/guide.md`` shows.
IN_GUIDE = ("series", "prediction", "despite-misfit", "what-if", "checks", "marks")


def take(out: Path, scale: str, only: str, parts: tuple[str, ...]) -> None:
    """Take all pictures at one scale."""
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    os.environ["QT_SCALE_FACTOR"] = scale
    os.environ["FUSION3D_OPENGL"] = "off"  # the same pictures on every machine
    from PySide6.QtCore import QTimer
    from PySide6.QtWidgets import QApplication, QLabel, QWidget
    from scenes import Scenes

    from fusion3d_gui.app import WindowOptions, known_bundles
    from fusion3d_gui.inference.demo_cases import demo_cases
    from fusion3d_gui.state.prediction import presentation
    from fusion3d_gui.state.session import Session
    from fusion3d_gui.widgets.look.theme import apply_theme
    from fusion3d_gui.widgets.window.main_window import MainWindow

    # Equal pixels at every run: a steady text cursor, and a tour that stays at its first hot spot.
    presentation._STAY_MS = 3_600_000
    import fusion3d_gui.widgets.charts.plot  # noqa: F401  charts are drawn at once

    app = QApplication([])
    app.setCursorFlashTime(0)
    apply_theme(app)
    demos = demo_cases()
    # Not the engine that happens to be the faster one: views name it.
    session = Session(known_bundles(WindowOptions(), [], None, demos), device="cpu", engine="torch")
    window = MainWindow(session, demos)
    window.show()

    def wait(done: Callable[[], bool], seconds: float = 240.0) -> None:
        end = time.monotonic() + seconds
        while not done() and time.monotonic() < end:
            app.processEvents()
            time.sleep(0.005)

    def picture(name: str, widget: QWidget | None = None, *, now: bool = False) -> None:
        if not name.startswith(only):
            return
        if not now:
            for _ in range(20):
                app.processEvents()
                time.sleep(0.005)
            wait(lambda: not window.restyling.is_busy, 20)
            wait(lambda: window.views.is_settled or not window.views.isVisible(), 20)
            app.processEvents()
        for label in window.findChildren(QLabel):
            if _DURATION_AND_TIME.search(label.text()):
                label.setText(_DURATION_AND_TIME.sub("0.1 s  ·  12:00", label.text()))
        file = out / f"{name}@{scale}.png"
        (widget or window).grab().save(str(file))
        print(file.name, flush=True)

    scenes = Scenes(window, wait, picture)
    for part in ("start", "prediction", *parts):
        getattr(scenes, part)()
    window.close()
    session.close()
    QTimer.singleShot(0, app.quit)
    app.exec()  # what holds memory of the graphics card frees it when the program quits


def main() -> int:
    """Take them, each scale in its own process."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--scale", choices=SCALES, help="this scale alone, in this process")
    parser.add_argument("--only", default="", metavar="NAME")
    parser.add_argument("--part", choices=PARTS)
    parser.add_argument("--readme", action="store_true", help="write the README's picture too")
    parser.add_argument("--guide", action="store_true", help="write the user guide's pictures too")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    if (options.readme or options.guide) and options.scale not in (None, "1"):
        parser.error("the pictures of README and guide have scale 1")
    if options.scale:
        parts = (options.part,) if options.part else PARTS
        take(options.out, options.scale, options.only, parts)
    else:
        passed_on = ["--only", options.only, *(["--part", options.part] if options.part else [])]
        for scale in SCALES:
            command = [sys.executable, __file__, str(options.out), "--scale", scale, *passed_on]
            subprocess.run(command, check=True)
    if options.readme:
        README_PICTURE.write_bytes((options.out / "prediction@1.png").read_bytes())
    if options.guide:
        GUIDE_PICTURES.mkdir(exist_ok=True)
        for name in (each for each in IN_GUIDE if each.startswith(options.only)):
            (GUIDE_PICTURES / f"{name}.png").write_bytes(
                (options.out / f"{name}@1.png").read_bytes()
            )
    return 0


if __name__ == "__main__":
    sys.exit(main())
