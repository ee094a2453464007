"""Composition of the window: state, widgets, event loop; and the screenshot of a finished window."""

from __future__ import annotations

import contextlib
import gc
import logging
import os
import sys
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QObject, QTimer
from PySide6.QtWidgets import QApplication

from fusion3d_gui.errors import UserError
from fusion3d_gui.model.bundle_info import BundleInfo, find_bundles
from fusion3d_gui.shipped import models_dir
from fusion3d_gui.state.case.demo_cases import DemoCase, demo_cases
from fusion3d_gui.state.notice import Notice
from fusion3d_gui.state.session import Session
from fusion3d_gui.state.settings import Settings, settings_path
from fusion3d_gui.widgets.charts.library import chart_library
from fusion3d_gui.widgets.look.theme import apply_theme
from fusion3d_gui.widgets.window.main_window import MainWindow

log = logging.getLogger(__name__)

#: How long a thread waits at most before it asks the one that runs Python to let it.
_SWITCH_S = 0.0002


@dataclass(frozen=True)
class WindowOptions:
    """What the command line asks of the window.

    ``path`` and ``series_uid`` say what to open, ``model_dir`` which bundle to use, ``demo`` that the
    first shipped case is opened and predicted. With ``screenshot`` the window saves a picture of
    itself (PNG) once all of that is on screen, and closes. ``anonymous``: who the patient is stays
    hidden for the session.
    """

    path: Path | None = None
    series_uid: str | None = None
    model_dir: Path | None = None
    demo: bool = False
    screenshot: Path | None = None
    device: str = "auto"
    anonymous: bool = False
    engine: str = "auto"


def run_window(options: WindowOptions) -> int:
    """Open the window and run it until it is closed; the exit status of the program.

    0 when all went well. With ``screenshot``: 2 when what was asked is the user's mistake (one line
    on standard error), 1 when it failed otherwise.
    """
    _use_offscreen_without_display()
    app = QApplication.instance() or QApplication(sys.argv[:1])
    assert isinstance(app, QApplication)
    app.setApplicationName("Fusion3D")
    # Pictures for papers and tests show the program as it comes, not as its user likes it.
    settings = Settings(settings_path() if options.screenshot is None else None)
    apply_theme(app, settings.values.theme, settings.values.text_scale)
    demos, problems = _shipped_demos()
    try:
        bundles = known_bundles(options, problems, settings.values.model, demos)
        if options.demo and not demos:
            raise UserError("the demo cases are not installed", remedy="Install Fusion3D again.")
    except UserError as error:
        return _report(error)
    favour_the_window()
    session = Session(bundles, device=options.device, engine=options.engine)
    window = MainWindow(session, demos, settings)
    for problem in problems:
        window.show_notice(Notice(str(problem), "error"))
    shot = None if options.screenshot is None else _Screenshot(session, window, options.screenshot)
    window.show()
    # Once the window is painted, and not before: then the work begins.
    QTimer.singleShot(0, window, lambda: _begin(session, options, demos, shot))
    status = app.exec()
    if not session.close():
        log.warning("some work did not stop in time")
    window.deleteLater()
    return shot.status if shot is not None else status


def favour_the_window() -> None:
    """Let what else runs Python in this process hold up the window as little as Python allows.

    Modules stay: the collector, which would walk over them again and again, leaves them alone. And a
    thread that wants to run Python may ask for its turn every 0.2 ms instead of every 5. It begins to
    wait anew whenever the one that runs it lets go for a moment, as readers of files do, so that the
    window, which asks hundreds of times for one layout, stood still for 50 ms.
    """
    gc.freeze()
    sys.setswitchinterval(_SWITCH_S)


def _report(error: Exception) -> int:
    """One line on standard error, as the command line prints it; the exit status that goes with it."""
    print(f"fusion3d: {str(error) or type(error).__name__}", file=sys.stderr)
    return 2 if isinstance(error, UserError) else 1


def _begin(
    session: Session, options: WindowOptions, demos: list[DemoCase], shot: _Screenshot | None
) -> None:
    chart_library().load()
    if shot is not None:
        shot.start(wants_prediction=options.demo)
    if options.demo:
        _go_to_first_peak(session)
        session.open_demo(demos[0])
        return
    session.store.identity.set_hidden(options.anonymous)
    if options.path is not None:
        session.opener.open(options.path, options.series_uid)
    if options.model_dir is not None or shot is None:
        session.models.load()


def _go_to_first_peak(session: Session) -> None:
    """The demo opens on the evidence; after that the reader's place is left alone."""

    def on_result() -> None:
        if session.predictions.current is not None:
            session.store.prediction_changed.disconnect(on_result)
            session.hot_spots.go_to_peak()

    session.store.prediction_changed.connect(on_result)


def _use_offscreen_without_display() -> None:
    shown = os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    if sys.platform.startswith("linux") and not shown:
        os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")


def _shipped_demos() -> tuple[list[DemoCase], list[UserError]]:
    try:
        return demo_cases(), []
    except UserError:
        return [], []  # the window works without them


def known_bundles(
    options: WindowOptions, problems: list[UserError], last: Path | None, demos: list[DemoCase]
) -> list[BundleInfo]:
    """The bundle asked for first, else the one used last, else that of the demo; then all others."""
    chosen = [] if options.model_dir is None else [BundleInfo.read(options.model_dir)]
    try:
        shipped = find_bundles(models_dir())
    except UserError as error:
        problems.append(error)
        shipped = []
    known = {info.folder.resolve() for info in shipped}
    if last is not None and last.resolve() not in known:
        with contextlib.suppress(UserError):  # it may have been taken away since
            chosen.append(BundleInfo.read(last))
    wanted = [folder for folder in (last, *(demo.bundle for demo in demos[:1])) if folder]
    ranks = {folder.resolve(): rank for rank, folder in reversed(list(enumerate(wanted)))}
    shipped.sort(key=lambda info: ranks.get(info.folder.resolve(), len(ranks)))
    known = {info.folder.resolve() for info in chosen}
    return chosen + [info for info in shipped if info.folder.resolve() not in known]


class _Screenshot(QObject):
    """Waits until the session has done what was asked, saves the window, and ends the program."""

    def __init__(self, session: Session, window: MainWindow, target: Path) -> None:
        super().__init__(window)
        self.status = 1
        self._session = session
        self._window = window
        self._target = target
        self._wants_prediction = False
        self._done = False
        session.store.failed.connect(self._on_failed)

    def start(self, *, wants_prediction: bool) -> None:
        """Begin to wait; called just before the work is asked for."""
        self._wants_prediction = wants_prediction
        session = self._session
        for signal in (
            session.store.loading.changed,
            session.store.inference.changed,
            session.store.prediction_changed,
        ):
            signal.connect(self._look_soon)
        self._look_soon()

    def _look_soon(self) -> None:
        # After all else that this event sets off, and the painting that it causes.
        QTimer.singleShot(50, self, self._look)

    def _look(self) -> None:
        session = self._session
        busy = session.store.loading.running or session.store.inference.running
        missing = self._wants_prediction and session.predictions.current is None
        if self._done or busy or missing:
            return
        if not self._window.views.is_settled or chart_library().is_busy:
            self._look_soon()
            return
        self._done = True
        if self._window.grab().save(str(self._target), "PNG"):
            self._end(0)
        else:
            problem = UserError("the picture can't be written here", path=self._target)
            self._end(_report(problem))

    def _on_failed(self, error: Exception) -> None:
        if self._done:
            return
        self._done = True
        self._end(_report(error))

    def _end(self, status: int) -> None:
        self.status = status
        self._window.close()
        QApplication.exit(status)
