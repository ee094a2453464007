"""Random walk through the real window by seeded mouse and keys: ``python tests/benchmarks/random_walk.py``.

Prints exceptions, Qt's warnings, logged errors, what was done with which effects, and the growth of memory.
Growth is measured after a warm-up in which every deed, command, method and model is used once, so that the
caches (models, fonts, glyphs, a graphics driver, each kind of dialog) are filled; and always in the same
state, the first case with the first model's prediction. The memory that the allocator returns varies by a
few per cent between such rests even without a leak, so the median of three rests before the walk is compared
with that of the last three; Python's own blocks, which vary less, are counted too. With ``--real`` mouse and keys are
those of an X server, as under
``xvfb-run -s "-screen 0 1600x1000x24" python tests/benchmarks/random_walk.py --real``. The screen must hold
the window (``--window``), as many times as large as QT_SCALE_FACTOR says. The test suite runs a short walk.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import faulthandler
import gc
import logging
import os
import random
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable
from pathlib import Path

if "--real" not in sys.argv:
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import numpy as np
from event_loop import wait
from PySide6.QtCore import (
    QCoreApplication,
    QEvent,
    QSize,
    QTimer,
    QtMsgType,
    qInstallMessageHandler,
)
from PySide6.QtWidgets import QApplication, QFileDialog, QMessageBox
from walk_cases import make_broken, make_cases
from walk_files import FileDeeds
from walk_panels import ModelDeeds, PanelDeeds
from walk_scene import LEFT_OUT, QtHands, Scene
from walk_views import ViewDeeds

from fusion3d_gui.errors import UserError
from fusion3d_gui.inference.explain.explanation import Explanation
from fusion3d_gui.widgets.views.layout import Layout
from fusion3d_gui.widgets.window.main_window import MainWindow

USUAL_SIZE = QSize(1280, 800)

#: Within the warm-up, so many steps at random after everything has been done once.
_WARM_STEPS = 300
#: Memory is looked at after so many steps, and before the walk after half as many.
_BETWEEN_RESTS = 1000


class Walk:
    """One seeded walk over a window; ``step`` does one thing that a user could do."""

    def __init__(
        self,
        window: MainWindow,
        folder: Path,
        seed: int,
        *,
        predict: float = 0.2,
        check: float = 0.04,
        hands=None,
        size: QSize = USUAL_SIZE,
    ) -> None:
        paths = make_cases(folder)
        self.scene = Scene(
            window,
            QtHands() if hands is None else hands,
            random.Random(seed),
            [*paths, *(demo.path for demo in window.demos)],
            make_broken(folder),
            folder,
            size,
        )
        self.window = window
        self.done: Counter[str] = Counter()
        #: What came of it, as the program tells.
        self.happened: Counter[str] = Counter()
        self.last = ""
        self.files = FileDeeds(self.scene)
        kinds = (
            ViewDeeds(self.scene).deeds()
            | PanelDeeds(self.scene).deeds()
            | ModelDeeds(self.scene, predict=predict, check=check).deeds()
            | self.files.deeds()
        )
        self.deeds = {name: deed for name, (_, deed) in kinds.items()}
        self._weights = [weight for weight, _ in kinds.values()]
        self._listen()

    def _listen(self) -> None:
        window, session = self.window, self.window.session
        for name, action in window.menus.actions.items():
            action.triggered.connect(lambda _=False, told=f"command {name}": self._note(told))
        display = session.display
        for told, source in (
            ("case shown", session.store.case_changed),
            ("prediction shown, again or none", session.store.prediction_changed),
            ("window changed", display.window_level.changed),
            ("crosshair moved", display.crosshair.moved),
            ("planes turned", display.planes.changed),
            ("marks changed", session.annotations.changed),
            ("maps beside each other", session.side_by_side.changed),
            ("models compared", session.model_comparison.changed),
            ("map checked", session.explainer.checked),
            ("notice", session.store.noticed),
        ):
            source.connect(lambda *_, told=told: self._note(told))
        session.store.failed.connect(lambda error: self._note(f"refused: {type(error).__name__}"))
        session.store.prediction_changed.connect(self._note_map)

    def _note(self, what: str) -> None:
        self.happened[what] += 1

    def _note_map(self) -> None:
        result = self.window.session.store.shown_prediction
        if result is not None:
            how = "still coarse" if result.explanation is None else result.explanation.name
            self._note(f"map by {result.prediction.bundle_name}: {how}")

    def step(self, name: str | None = None) -> None:
        """Do one deed, by chance unless named, and let the window react."""
        chance = self.scene.chance
        name = chance.choices(list(self.deeds), self._weights)[0] if name is None else name
        self.last = name
        if not self.window.isVisible():
            self.window.show()  # a real click has hit "Quit"
        if self.scene.is_covered() and chance.random() < 0.7:
            self.scene.close_overlays()
        self.deeds[name]()
        self.done[name] += 1
        QApplication.processEvents()
        # What was closed is deleted now, as in a program whose event loop returns.
        QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
        self.check()

    def check(self) -> None:
        """Assert what must hold after every deed."""
        session = self.window.session
        prediction, case = session.predictions.current, session.store.case
        if prediction is not None:
            assert session.store.shown_prediction is not None
            assert session.store.shown_prediction.request.case is case, "a result on another case"
            assert session.store.shown_prediction.request.bundle is session.store.bundle, (
                "another model's result"
            )
            assert prediction.volume_sha256 == case.volume.sha256, "an answer to other voxels"
        if case is not None:
            low, high = case.volume.bounds_lps
            place = session.display.crosshair.position_lps
            assert ((place >= low - 1e-6) & (place <= high + 1e-6)).all(), "crosshair got out"
        for view in self.window.views.views:
            if view.slicer is not None and case is not None:
                assert np.shares_memory(view.slicer.volume.voxels, case.volume.voxels)
            shown = view.heatmap
            own = prediction is not None and shown is prediction.heatmap
            assert shown is None or own, "a heatmap that is not the answer's"
            assert np.isfinite(view.camera.scale), "zoom got lost"
            assert view.camera.scale > 0

    def rest(self) -> None:
        """Return to one fixed state, in which memory can be compared."""
        window, session = self.window, self.window.session
        self.scene.close_overlays()
        if window.presentation.on:
            window.presentation.toggle()
        session.store.inference.cancel()
        self.scene.settle()
        session.display.cine.stop()
        session.side_by_side.hide()
        window.views.set_layout(Layout.LARGE_AND_TWO)
        window.resize(self.scene.size)
        session.models.choose_and_load(session.models.bundles[0])
        session.opener.open(self.scene.paths[0])
        self.scene.settle()
        # Opening restores the map that was chosen for the case before.
        session.explanation_choice.choose(Explanation(*session.models.bundles[0].default_map))
        session.annotations.remove_all()
        session.predictions.reset_form()
        # What was refused is kept as it was typed, and nothing can be predicted with it.
        for name in session.form.problems:
            session.form.type_text(name, "")
        session.predictions.predict()
        self.scene.settle()
        wait(200)

    def warm_up(self) -> None:
        """Do everything once, so that all caches are filled."""
        window, session = self.window, self.window.session
        for path in self.scene.paths:
            session.opener.open(path)
            self.scene.settle()
            session.predictions.predict()
            self.scene.settle()
        for info in (*session.models.bundles[1:], session.models.bundles[0]):
            session.models.choose_and_load(info)
            session.predictions.predict()
            self.scene.settle()
        for number in range(window.side.method.box.count()):
            window.side.method.box.setCurrentIndex(number)
            window.side.method.box.activated.emit(number)
            self.scene.settle_or_give_up(15)
        for layout in Layout:
            window.views.set_layout(layout)
            end = time.monotonic() + 20
            while not window.views.is_settled and time.monotonic() < end:
                wait(20)
        for name, action in window.menus.actions.items():
            if name not in LEFT_OUT and action.isEnabled():
                action.trigger()
                wait(20)
        self.scene.close_overlays()
        self.scene.settle()
        self.rest()
        for name in (*self.deeds, *self.deeds):
            self.step(name)
        for _ in range(_WARM_STEPS):
            self.step()
        self.rest()


def _step(walk: Walk, steps: int, problems: list[str], tell: Callable[[str], None]) -> None:
    """So many steps, or fewer after more than 20 problems."""
    for _ in range(steps):
        if len(problems) > 20:
            return
        try:
            walk.step()
        except (AssertionError, RuntimeError) as error:
            tell(f"{walk.last}: {''.join(traceback.format_exception(error))}")


def _at_rest(walk: Walk, when: str) -> tuple[float, int]:
    """Resident memory (MB) and number of Python's blocks, in the fixed state."""
    walk.rest()
    resident, blocks = _resident_mb(), sys.getallocatedblocks()
    print(f"{when} steps  {resident:7.1f} MB  {blocks:9,d} blocks", flush=True)
    return resident, blocks


def _resident_mb() -> float:
    """Resident memory (MB) of this process, after returning freed pages to the system."""
    gc.collect()
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)  # glibc keeps freed pages, as it likes
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    return float("nan")


def _close_strays() -> None:
    """Close a file dialog that a real click has opened by accident."""
    dialog = QApplication.activeModalWidget()
    if isinstance(dialog, (QFileDialog, QMessageBox)):
        dialog.reject()


def _listen_for_problems(tell: Callable[[str], None]) -> None:
    """Report exceptions, Qt's warnings, and logged errors."""

    class Faults(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            tell(f"log: {self.format(record)}")

    def on_message(kind, context, text: str) -> None:
        if kind != QtMsgType.QtDebugMsg and not text.startswith("This plugin does not support"):
            tell(f"Qt: {text}")

    logging.getLogger("fusion3d_gui").addHandler(Faults(logging.ERROR))
    sys.excepthook = lambda *error: tell("".join(traceback.format_exception(*error)))
    qInstallMessageHandler(on_message)


def _size(text: str) -> QSize:
    width, _, height = text.partition("x")
    return QSize(int(width), int(height))


def _print_counts(title: str, counts: Counter[str]) -> None:
    print(f"\n{title}")
    for name, count in counts.most_common():
        print(f"{count:8d}  {name}")


def main() -> int:
    """Walk and print what happened; exit status 1 after problems or growth over 5 %."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--real", action="store_true", help="mouse and keys of the X server")
    parser.add_argument("--window", type=_size, default=USUAL_SIZE, help="e.g. 1024x700")
    options = parser.parse_args()

    from fusion3d_gui.app import favour_the_window
    from fusion3d_gui.inference.demo_cases import demo_cases
    from fusion3d_gui.model.bundle.bundle_info import find_bundles
    from fusion3d_gui.shipped import models_dir
    from fusion3d_gui.state.session import Session
    from fusion3d_gui.widgets.look.theme import apply_theme

    faulthandler.enable()
    faulthandler.register(signal.SIGUSR1)  # where it is: kill -USR1
    app = QApplication([])
    apply_theme(app)
    favour_the_window()
    problems: list[str] = []

    def tell(problem: str) -> None:
        if problem not in problems:
            problems.append(problem)
            print(problem, flush=True)

    _listen_for_problems(tell)
    hands = None
    if options.real:
        from x_hands import XHands

        hands = XHands()
    strays = QTimer()
    strays.timeout.connect(_close_strays)
    strays.start(8000)
    with tempfile.TemporaryDirectory() as name:
        session = Session(find_bundles(models_dir()), device="cpu")
        window = MainWindow(session, demo_cases())
        walk = Walk(window, Path(name), options.seed, hands=hands, size=options.window)
        window.resize(walk.scene.size)
        window.show()

        def on_failed(error: Exception) -> None:
            if not isinstance(error, UserError):
                tell(f"{walk.last}: {''.join(traceback.format_exception(error))}")

        session.store.failed.connect(on_failed)
        walk.warm_up()
        before, after = [], []
        for _ in range(3):
            _step(walk, _BETWEEN_RESTS // 2, problems, tell)
            before.append(_at_rest(walk, "  before"))
        walk.done.clear()
        walk.happened.clear()
        start = time.monotonic()
        for done in range(0, options.steps, _BETWEEN_RESTS):
            number = min(_BETWEEN_RESTS, options.steps - done)
            _step(walk, number, problems, tell)
            after.append(_at_rest(walk, f"{done + number:8d}"))
        seconds = time.monotonic() - start
        window.close()
        ended = session.close()
    _print_counts("Deeds", walk.done)
    _print_counts("What came of them", walk.happened)
    _print_counts("Files written and read again", Counter(walk.files.exported))
    (first, blocks), (last, blocks_after) = (
        [float(np.median(each)) for each in zip(*rests, strict=True)]
        for rests in (before, after[-3:])
    )
    growth, block_growth = 100 * (last / first - 1), 100 * (blocks_after / blocks - 1)
    if hands is not None:
        _print_counts("Presses that found something else at their place", hands.missed)
    print(
        f"\n{sum(walk.done.values())} steps, seed {options.seed}, {app.platformName()}, "
        f"{options.window.width()} x {options.window.height()} at {window.devicePixelRatioF():g}: "
        f"{len(problems)} problems, {seconds:.0f} s, {first:.1f} -> {last:.1f} MB ({growth:+.1f} %), "
        f"Python's blocks {block_growth:+.1f} %, "
        f"threads ended: {ended}"
    )
    return 1 if problems or max(growth, block_growth) > 5 or not ended else 0


if __name__ == "__main__":
    sys.exit(main())
