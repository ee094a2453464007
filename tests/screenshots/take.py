"""Pictures of every layout, tool, theme and state: ``python tests/screenshots/take.py OUT``.

Uses the shipped demo case and model. Each scale (1, 1.25, 2) is a process of its own, as Qt wants it;
``--only NAME`` takes those whose name begins so, ``--readme`` writes the README's picture again.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

SCALES = ("1", "1.25", "2")
WIDTH, HEIGHT = 1280, 800
README_PICTURE = Path(__file__).resolve().parents[2] / "resources" / "readme" / "window.png"


def take(out: Path, scale: str, only: str) -> None:
    """All pictures at one scale."""
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    os.environ["QT_SCALE_FACTOR"] = scale
    from PySide6.QtWidgets import QApplication, QWidget

    from fusion3d_gui.app import WindowOptions, known_bundles
    from fusion3d_gui.state.demo_cases import demo_cases
    from fusion3d_gui.state.session import Session
    from fusion3d_gui.widgets.main_window import MainWindow
    from fusion3d_gui.widgets.theme import apply_theme

    app = QApplication([])
    apply_theme(app)
    demos = demo_cases()
    session = Session(known_bundles(WindowOptions(), [], None, demos), device="cpu")
    window = MainWindow(session, demos)
    window.show()

    def wait(done: Callable[[], bool], seconds: float = 240.0) -> None:
        end = time.monotonic() + seconds
        while not done() and time.monotonic() < end:
            app.processEvents()
            time.sleep(0.005)

    def picture(name: str, widget: QWidget | None = None) -> None:
        if not name.startswith(only):
            return
        for _ in range(20):
            app.processEvents()
            time.sleep(0.005)
        wait(lambda: window.views.is_settled or not window.views.isVisible(), 20)
        app.processEvents()
        file = out / f"{name}@{scale}.png"
        (widget or window).grab().save(str(file))
        print(file.name, flush=True)

    scenes = Scenes(window, wait, picture)
    scenes.start()
    scenes.answer()
    scenes.layouts()
    scenes.tools()
    scenes.workbench()
    scenes.looks()
    scenes.finding()
    window.close()
    session.close()


class Scenes:
    """What is photographed, in an order in which each state leads to the next."""

    def __init__(self, window, wait, picture) -> None:
        self.window, self.wait, self.picture = window, wait, picture
        self.session = window.session

    def start(self) -> None:
        """Before anything is open."""
        self.window.resize(WIDTH, HEIGHT)
        self.picture("start")
        self.window.settings.set_theme("light")
        self.picture("start-light")
        self.window.settings.set_theme("dark")
        for name in ("CT thorax 2024-03", "T1 follow-up.nii.gz", "MR head"):
            self.window.settings.remember_case(Path("/scans/study") / name)
        self.picture("start-recent")
        self.window.settings.forget_cases()

    def answer(self) -> None:
        """From opening the demo case to its answer, current and outdated."""
        session = self.session
        session.open_demo(self.window.demos[0])
        self.wait(lambda: session.case is not None and session.predicting)
        self.picture("predicting")
        self.wait(lambda: session.current_prediction is not None)
        session.go_to_peak()
        self.picture("answer")
        before = session.form.values["age"]
        session.form.set_value("age", 50)
        self.picture("answer-outdated")
        session.form.set_value("age", before)
        session.display.overlay.toggle_contours()
        self.picture("contours")
        session.display.overlay.toggle_contours()

    def layouts(self) -> None:
        """Every layout; oblique planes; a slab."""
        views, display = self.window.views, self.session.display
        first, before = views.layout_name, display.window_level.color_map
        for layout in type(first):
            views.set_layout(layout)
            self.picture(f"layout-{layout.name.lower().replace('_', '-')}")
        views.set_layout(first)
        views.toggle_maximised(views.axial)
        self.picture("layout-alone")
        views.toggle_maximised(views.axial)
        views.toggle_maximised(views.volume)
        self.picture("layout-3d-alone")
        views.toggle_maximised(views.volume)
        display.window_level.set_color_map("Hot iron")
        display.window_level.invert()
        self.picture("colours-inverted")
        display.window_level.invert()
        display.window_level.set_color_map(before)
        views.axial.turn_others(0.35)
        views.coronal.turn_others(0.2)
        self.picture("oblique")
        views.straighten()
        display.slab.set_thickness(20)
        self.picture("slab")
        display.slab.set_thickness(0)

    def tools(self) -> None:
        """Every mark, one of them chosen, the table under them; then each tool in hand."""
        import numpy as np

        marks, window = self.session.annotations, self.window
        from fusion3d_gui.state.display import middle_voxel_lps

        # In the slice on screen, all of it in the brain.
        where = middle_voxel_lps(self.session.case)
        where[2] = self.session.display.crosshair.position_lps[2]

        def draw(kind: str, *places: tuple[float, float, float]) -> None:
            points = tuple(tuple(float(x) for x in where + np.array(each)) for each in places)
            marks.set_draft(kind, points, (1.0, 0.0, 0.0), (0.0, 1.0, 0.0))
            marks.keep_draft()

        draw("distance", (-18, -72, 0), (10, -46, 0))
        draw("angle", (-40, 66, 0), (-22, 44, 0), (4, 62, 0))
        draw("ellipse", (24, -30, 0), (44, -10, 0))
        draw("rectangle", (-50, -14, 0), (-30, 6, 0))
        draw("arrow", (16, 36, 0), (34, 52, 0))
        marks.set_text(5, "compare with June")
        draw("distance", (-10, 8, -30), (20, 26, 30))
        marks.add_point(where + np.array([-36.0, 28.0, 0.0]))
        marks.select(3)
        window.toggle_panel("marks")
        self.picture("marks")
        for tool in ("distance", "ellipse"):
            self.session.tool.choose(tool)
            self.picture(f"tool-{tool}")
        self.session.tool.choose("crosshair")
        window.toggle_panel("marks")

    def workbench(self) -> None:
        """Every page of the workbench, the panel whole; checks of the map; all models; occlusion."""
        from fusion3d_gui.inference.explanation import Explanation
        from fusion3d_gui.widgets.sanity_dialog import SanityDialog

        window, session = self.window, self.session
        side, panel, page = window.side, window.side.widget(), window.side.workbench

        def idle() -> bool:
            return not session.inference.running

        self.wait(idle)
        session.form.set_value("age", 50)
        page.show_page(0)
        self.picture("what-if", panel)
        session.reset_form()
        page.show_page(1)
        self.picture("why", panel)
        page.show_page(2)
        session.doubting.see_otherwise()
        self.wait(idle)
        self.picture("how-sure", panel)
        session.form.set_value("age", 101)
        self.picture("how-sure-outside", panel)
        session.reset_form()
        page.show_page(None)
        session.check_map()
        self.picture("checking", panel)
        self.wait(lambda: bool(window.findChildren(SanityDialog)))
        for dialog in window.findChildren(SanityDialog):
            self.picture("checks", dialog)
            dialog.close()
        session.comparison.start()
        self.wait(idle)
        session.comparison.show_maps(True)
        side.verticalScrollBar().setValue(side.verticalScrollBar().maximum())
        self.picture("models")
        session.comparison.show_maps(False)
        session.show_both_maps()
        self.wait(idle)
        self.picture("raised-and-lowered")
        session.beside.hide()
        before = session.explanation
        session.explain(Explanation("occlusion", ()))
        self.wait(lambda: session.result.explanation is None or idle())
        self.picture("occlusion-coarse")
        self.wait(idle)
        self.picture("occlusion")
        session.explain(before)
        self.wait(idle)
        side.verticalScrollBar().setValue(0)

    def looks(self) -> None:
        """Light, larger text, the smallest window, a conference."""
        window = self.window
        window.settings.set_theme("light")
        self.picture("light")
        window.settings.set_theme("dark")
        for steps, name in ((2, "text-130"), (1, "text-150")):
            for _ in range(steps):
                window.step_text(1)
            self.picture(name)
        window.step_text(0)
        window.resize(window.minimumSize())
        self.picture("smallest")
        window.resize(WIDTH, HEIGHT)
        window.presentation.toggle()
        window.showNormal()  # the screen of a machine without one is small
        window.resize(WIDTH, HEIGHT)
        self.picture("presentation")
        window.presentation.toggle()
        window.resize(WIDTH, HEIGHT)

    def finding(self) -> None:
        """Palette, keys, tags, hidden identity, a mistake."""
        from fusion3d_gui.widgets.command_palette import CommandPalette
        from fusion3d_gui.widgets.keys_overlay import KeysOverlay
        from fusion3d_gui.widgets.tag_browser import TagBrowser

        window = self.window
        window.show_palette()
        palette = window.findChildren(CommandPalette)[-1]
        palette.line.setText("me")
        self.picture("palette", palette)
        palette.close()
        window.show_keys()
        self.picture("keys")
        for overlay in window.findChildren(KeysOverlay):
            overlay.close()
        window.show_tags()
        browser = window.findChildren(TagBrowser)[-1]
        self.wait(lambda: browser.model.rowCount() > 0, 20)
        self.picture("tags", browser)
        browser.close()
        self.session.identity.set_hidden(True)
        self.picture("hidden")
        self.session.identity.set_hidden(False)
        self.session.open(Path(__file__))
        self.wait(lambda: bool(window.notices.texts), 20)
        self.picture("mistake")


def main() -> int:
    """Take them, each scale in its own process."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--scale", choices=SCALES, help="this scale alone, in this process")
    parser.add_argument("--only", default="", metavar="NAME")
    parser.add_argument("--readme", action="store_true", help="write the README's picture too")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    if options.scale:
        take(options.out, options.scale, options.only)
        return 0
    for scale in SCALES:
        command = [sys.executable, __file__, str(options.out), "--scale", scale]
        subprocess.run([*command, "--only", options.only], check=True)
    if options.readme:
        README_PICTURE.write_bytes((options.out / "answer@1.png").read_bytes())
    return 0


if __name__ == "__main__":
    sys.exit(main())
