"""Compose state and widgets, run the event loop, and take a screenshot of the finished window."""

from __future__ import annotations

import contextlib
import gc
import logging
import os
import sys
import threading
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path

from PySide6.QtCore import QObject, QTimer
from PySide6.QtWidgets import QApplication

from fusion3d_gui.errors import UserError
from fusion3d_gui.inference.demo_cases import DemoCase, demo_cases
from fusion3d_gui.model.bundle.bundle_info import BundleInfo, find_bundles
from fusion3d_gui.output_file import whole_file
from fusion3d_gui.plain_text import terminal_text
from fusion3d_gui.report.audit.log_folder import audit_folder
from fusion3d_gui.shipped import models_dir
from fusion3d_gui.state.kept.work_folder import kept_work_folder
from fusion3d_gui.state.notice import Notice
from fusion3d_gui.state.pacs.pacs_parts import PacsPlaces
from fusion3d_gui.state.session import Session
from fusion3d_gui.state.settings import Settings
from fusion3d_gui.state.settings_values import settings_path
from fusion3d_gui.widgets.charts.library import chart_library
from fusion3d_gui.widgets.look.png_bytes import png_bytes
from fusion3d_gui.widgets.look.theme import apply_theme
from fusion3d_gui.widgets.window.main_window import MainWindow

log = logging.getLogger(__name__)

#: Longest time that a thread waits before it requests the interpreter lock.
_SWITCH_S = 0.0002


@dataclass(frozen=True)
class WindowOptions:
    """Options of the window, from the command line.

    Parameters
    ----------
    paths, series_uid
        What to open, and which of its series.
    model_dir
        Folder of the model bundle to use.
    demo
        Open the first shipped case, or the first that ``model_dir`` was made for, and predict.
    screenshot
        Save a PNG of the window to this file once all of that is on screen, and close.
    anonymous
        Hide the patient's identity for the session.
    device, engine
        Where models compute.
    demo_pacs
        Where the nodes of a demo PACS are listed: its page is shown first, with all its studies.
    """

    paths: tuple[Path, ...] = ()
    series_uid: str | None = None
    model_dir: Path | None = None
    demo: bool = False
    screenshot: Path | None = None
    device: str = "auto"
    anonymous: bool = False
    engine: str = "auto"
    demo_pacs: PacsPlaces | None = None


def run_window(options: WindowOptions) -> int:
    """Open the window, and run it until it is closed; returns the exit status of the program.

    0 on success. With ``screenshot``: 2 when the input or the call is wrong (one line on standard
    error), 1 on any other failure.
    """
    _use_offscreen_without_display()
    app = QApplication.instance() or QApplication(sys.argv[:1])
    assert isinstance(app, QApplication)
    app.setApplicationName("Fusion3D")
    # Screenshots for papers and tests show the default settings, not those of the user.
    settings = Settings(settings_path() if options.screenshot is None else None)
    # At the usual text size: the window enlarges its widgets with their text, from this size on.
    apply_theme(app, settings.values.theme)
    demos, problems = _shipped_demos()
    try:
        bundles = known_bundles(options, problems, settings.values.model, demos)
        if options.demo and not demos:
            raise UserError("the demo cases are not installed", remedy="Install Fusion3D again.")
    except UserError as error:
        return _report(error)
    favour_the_window()
    session = Session(
        bundles,
        device=options.device,
        engine=options.engine,
        checks_engines=True,
        kept_folder=kept_work_folder() if options.screenshot is None else None,
        audit_folder=audit_folder() if options.screenshot is None else None,
        pacs=options.demo_pacs or (PacsPlaces.of_user() if options.screenshot is None else None),
    )
    window = MainWindow(session, demos, settings)
    for problem in problems:
        window.show_notice(Notice(str(problem), "error"))
    shot = None if options.screenshot is None else _Screenshot(session, window, options.screenshot)
    window.show()
    # Begin to work only after the window has been painted.
    QTimer.singleShot(0, window, lambda: _begin(session, options, demos, shot))
    if options.demo_pacs is not None and session.pacs is not None:
        window.menus.actions["pacs"].trigger()
        session.pacs.finder.find()
    status = app.exec()
    if not session.close():
        log.warning("some work did not stop in time")
    window.deleteLater()
    return shot.status if shot is not None else status


def run_reading(path: Path, reader: str) -> int:
    """Have a reader read the cases of a protocol, in full screen, from the first that is not in their log on.

    Returns the exit status of the program. Raises UserError when the protocol, the model or the log can't be used,
    or the wash-out is not over.
    """
    # Imported where they are used: the window of single cases starts without them.
    from fusion3d_gui.report.reader_study.protocol import read_protocol
    from fusion3d_gui.report.reader_study.read_log import ReadLog, washout_sentence
    from fusion3d_gui.state.reader_study.reading import Reading
    from fusion3d_gui.widgets.reader_study.reading_window import ReadingWindow

    study = read_protocol(path)
    bundles = [] if study.model_dir is None else [BundleInfo.read(study.model_dir)]
    _use_offscreen_without_display()
    app = QApplication.instance() or QApplication(sys.argv[:1])
    assert isinstance(app, QApplication)
    app.setApplicationName("Fusion3D")
    apply_theme(app, Settings(settings_path()).values.theme)
    with ReadLog(study, reader) as log:
        wait = washout_sentence(log, study, datetime.now(UTC))
        if wait is not None:
            raise UserError(wait)
        favour_the_window()
        session = Session(bundles, checks_engines=True)
        reading = Reading(session, study, log)
        window = ReadingWindow(session, reading)
        window.showFullScreen()
        QTimer.singleShot(0, window, reading.start)
        status = app.exec()
        if not session.close():
            logging.getLogger(__name__).warning("some work did not stop in time")
        window.deleteLater()
    return status


def favour_the_window() -> None:
    """Keep other Python threads from delaying the GUI thread.

    The modules imported so far are excluded from garbage collection. The interpreter's switch interval
    is 0.2 ms instead of 5 ms: a waiting thread starts its interval anew whenever the running one
    releases the interpreter lock for a moment, as readers of files do, so that a layout, which takes
    the lock hundreds of times, blocked the window for 50 ms.
    """
    gc.freeze()
    sys.setswitchinterval(_SWITCH_S)


def _report(error: Exception) -> int:
    """Print one line on standard error, as the command line does; returns the exit status."""
    text = f"fusion3d: {str(error) or type(error).__name__}"
    print(terminal_text(text, sys.stderr.encoding), file=sys.stderr)
    return 2 if isinstance(error, UserError) else 1


def _begin(
    session: Session, options: WindowOptions, demos: list[DemoCase], shot: _Screenshot | None
) -> None:
    # What opens files: the first scan then opens as fast as the next.
    threading.Thread(target=import_module, args=("fusion3d_gui.imaging.catalog.find",)).start()
    chart_library().load()
    if shot is not None:
        shot.start(wants_prediction=options.demo)
    session.store.identity.set_hidden(options.anonymous)
    if options.demo:
        session.open_demo(_demo_for(demos, options.model_dir), options.model_dir)
        return
    if options.paths:
        session.open(options.paths, options.series_uid)
    if options.model_dir is not None or shot is None:
        session.models.load()


def _demo_for(demos: list[DemoCase], model_dir: Path | None) -> DemoCase:
    """The first shipped case that a model was made for; of a model without one, or of none, the first."""
    if model_dir is None:
        return demos[0]
    folder = model_dir.resolve()
    return next((demo for demo in demos if demo.bundle.resolve() == folder), demos[0])


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
    """All bundles to choose from; first the one asked for, else the one used last, else that of the demo."""
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
    """Waits until the session has finished, saves a picture of the window, and quits."""

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
        """Begin to wait; called just before the work is submitted."""
        self._wants_prediction = wants_prediction
        session = self._session
        for signal in (
            session.store.loading.changed,
            session.store.inference.changed,
            session.store.prediction_changed,
        ):
            signal.connect(self._look_soon)
        if session.pacs is not None:
            session.pacs.finder.changed.connect(self._look_soon)
        self._look_soon()

    def _look_soon(self) -> None:
        # After all else that this event sets off, and the painting that it causes.
        QTimer.singleShot(50, self, self._look)

    def _look(self) -> None:
        session = self._session
        busy = session.store.loading.running or session.store.inference.running
        busy = busy or (session.pacs is not None and session.pacs.finder.busy)
        missing = self._wants_prediction and session.predictions.current is None
        if self._done or busy or missing:
            return
        if not self._window.views.is_settled or chart_library().is_busy:
            self._look_soon()
            return
        self._done = True
        try:
            drawn = png_bytes(self._window.grab().toImage())
            with whole_file(self._target) as whole:
                whole.write_bytes(drawn)
        except OSError as error:
            problem = f"the picture can't be written ({error.strerror})"
            self._end(_report(UserError(problem, path=self._target)))
        else:
            self._end(0)

    def _on_failed(self, error: Exception) -> None:
        if self._done:
            return
        self._done = True
        self._end(_report(error))

    def _end(self, status: int) -> None:
        self.status = status
        self._window.close()
        QApplication.exit(status)
