"""``WorkKeeper``: keeps the work on the case on screen as it is done, and restores it when the case is opened again."""

from __future__ import annotations

import contextlib
import threading
from dataclasses import dataclass, replace
from pathlib import Path

from PySide6.QtCore import QObject, QTimer

from fusion3d_gui.errors import UserError
from fusion3d_gui.imaging.display.window import Window
from fusion3d_gui.progress import Progress
from fusion3d_gui.state.case.form import Form
from fusion3d_gui.state.data.case import Case, CaseKey
from fusion3d_gui.state.display.display import Display
from fusion3d_gui.state.kept.kept_work import KeptWork, MapSettings
from fusion3d_gui.state.kept.work_folder import read_work, work_key, write_work
from fusion3d_gui.state.marks.annotations import Annotations
from fusion3d_gui.state.notice import Notice
from fusion3d_gui.state.prediction.explanation_choice import ExplanationChoice
from fusion3d_gui.state.store import Store
from fusion3d_gui.state.tasks import TaskLane

#: While something changes it is written this often.
_EVERY_MS = 300

_FORGOTTEN = (
    "What was kept of this case is deleted; no more of it is kept until Fusion3D is started again."
)


@dataclass(frozen=True)
class _Write:
    """Work to be written: of which case, and whether what is on disk has been seen."""

    case: Case
    work: KeptWork
    seen: bool


class WorkKeeper(QObject):
    """Marks, window level, form entries and map settings of each case, in a private file named by a hash of its voxels.

    The GUI thread only collects references; hashing, reading and writing happen on two lanes. A case that
    nobody changed leaves no file. Without a folder nothing is kept.

    Parameters
    ----------
    folder
        Where to keep work; None: nowhere.
    store, display, annotations, form, choice
        The parts that hold what is kept.
    """

    def __init__(
        self,
        folder: Path | None,
        store: Store,
        display: Display,
        annotations: Annotations,
        form: Form,
        choice: ExplanationChoice,
    ) -> None:
        super().__init__(store)
        self._folder = folder
        self._store = store
        self._display = display
        self._annotations = annotations
        self._form = form
        self._choice = choice
        self._case: Case | None = None
        #: As the case was opened: what the program set by itself.
        self._before = KeptWork()
        #: What lies on disk, as far as is known, and what is to be written.
        self._kept, self._latest = KeptWork(), KeptWork()
        self._is_read = False
        #: The last of :attr:`_kept` of every case of this run: their marks and entries are in memory.
        self._known: dict[CaseKey, KeptWork] = {}
        self._forgotten: set[CaseKey] = set()
        self._waiting: dict[CaseKey, _Write] = {}
        self._lock, self._disk = threading.Lock(), threading.Lock()
        self._has_complained = False
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_EVERY_MS)
        self._timer.timeout.connect(self._keep)
        if folder is not None:
            self._reading = TaskLane("kept-reading", self)
            self._writing = TaskLane("kept-writing", self)
            self._connect()

    def _connect(self) -> None:
        self._store.case_changed.connect(self._on_case_changed)
        self._store.case_completed.connect(self._on_case_changed)
        for signal in (
            self._annotations.changed,
            self._display.window_level.changed,
            self._display.overlay.changed,
            self._form.edited,
            self._choice.changed,
        ):
            signal.connect(self._on_changed)

    @property
    def can_forget(self) -> bool:
        """Whether work on the case on screen is kept, or would be."""
        case = self._store.case
        if self._folder is None or case is None or not case.is_complete:
            return False
        return case.key not in self._forgotten

    def forget(self) -> None:
        """Delete what was kept of the case on screen; no more is kept of it until the program starts again."""
        case = self._store.case
        if case is None or not self.can_forget:
            return
        self._timer.stop()
        self._forgotten.add(case.key)
        self._write(_Write(case, KeptWork(), True))
        self._store.noticed.emit(Notice(_FORGOTTEN))

    def finish(self) -> bool:
        """Write what is not written yet, and end the threads; returns whether they ended in time."""
        if self._folder is None:
            return True
        if self._timer.isActive():
            self._timer.stop()
            self._keep()
        ended = [self._reading.close(), self._writing.close()]
        with contextlib.suppress(UserError):
            self._write_waiting()
        return all(ended)

    # -- opening ------------------------------------------------------------------------------

    def _on_case_changed(self) -> None:
        case, before = self._store.case, self._case
        is_same = case is not None and before is not None and case.key == before.key
        if not is_same and self._timer.isActive():
            self._timer.stop()
            self._keep()  # what was collected of the case before
        self._case = case
        if case is None:
            return
        if not is_same:
            self._before, self._kept = self._now(), KeptWork()
            self._latest, self._is_read = self._kept, False
        if case.is_complete and not (is_same and before is not None and before.is_complete):
            self._read(case)

    def _read(self, case: Case) -> None:
        folder, volume, key = self._folder, case.volume, case.key
        assert folder is not None
        if key in self._known:
            self._on_read(key, self._known[key])
            return

        def work(progress: Progress) -> KeptWork | None:
            self._write_waiting()
            return read_work(folder, work_key(volume))

        task = self._reading.submit("Looking for kept work", work)
        task.succeeded.connect(lambda kept: self._on_read(key, kept))

    def _on_read(self, key: CaseKey, kept: KeptWork | None) -> None:
        if self._case is None or self._case.key != key:
            return
        self._is_read = True
        if kept is not None and key not in self._forgotten:
            self._restore(key, kept)
        self._known[key] = self._kept
        self._on_changed()

    def _restore(self, key: CaseKey, kept: KeptWork) -> None:
        known, level, shown = key in self._known, self._display.window_level, kept.map_settings
        marks = () if known else kept.marks
        bundle = self._store.bundle
        is_changed = self._map_settings() != self._before.map_settings
        if bundle is None or shown is None or bundle.name != shown.bundle or is_changed:
            shown = None
        window = kept.window if level.window == self._default_window else None
        # Before anything changes: the signals that follow compare with it.
        self._kept = self._latest = replace(kept, saved=None)
        self._annotations.put_first(marks)
        entries = {} if known else self._form.restore(kept.form)
        if window is not None:
            level.set_window(self._window_of(window))
        if shown is not None:
            self._show_map(shown)
        restored = KeptWork(marks, window, entries, shown, kept.saved)
        if not known and not restored.is_empty:
            self._store.noticed.emit(Notice(f"Restored {restored.summary}."))

    def _show_map(self, settings: MapSettings) -> None:
        overlay = self._display.overlay
        if self._choice.raw != settings.explanation.raw:
            self._choice.toggle_raw()
        self._choice.choose(settings.explanation)
        overlay.set_visible(settings.visible)
        overlay.set_opacity(settings.opacity)
        overlay.set_threshold(settings.threshold)
        if overlay.contours != settings.contours:
            overlay.toggle_contours()
        overlay.set_color_map(settings.color_map)
        overlay.keep_scale(settings.kept_top)

    # -- keeping ------------------------------------------------------------------------------

    def _on_changed(self) -> None:
        case = self._case
        # While another case comes its parts change one after the other.
        if case is None or case is not self._store.case or not case.is_complete:
            return
        work = self._collect()
        if work != self._latest and case.key not in self._forgotten:
            self._latest = work
            if not self._timer.isActive():
                self._timer.start()

    def _keep(self) -> None:
        case = self._case
        if case is not None:
            if self._is_read:
                self._kept = self._known[case.key] = self._latest
            self._write(_Write(case, self._latest, self._is_read))

    def _write(self, each: _Write) -> None:
        with self._lock:
            self._waiting[each.case.key] = each
        task = self._writing.submit("Keeping the work", lambda progress: self._write_waiting())
        task.failed.connect(self._complain)

    def _complain(self, error: Exception) -> None:
        if not self._has_complained:
            self._has_complained = True
            self._store.noticed.emit(Notice(str(error), "warning"))

    def _write_waiting(self) -> None:
        """Write all that waits, on whatever thread: a request that is superseded leaves it to the next."""
        folder, problem = self._folder, ""
        assert folder is not None
        with self._disk:
            while (each := self._next_waiting()) is not None:
                key, work = work_key(each.case.volume), each.work
                try:
                    older = None if each.seen else read_work(folder, key)
                    write_work(folder, key, work if older is None else work.over(older))
                except OSError as error:
                    problem = error.strerror or "it can't be written"
        if problem:
            raise UserError(
                f"The work on this case can't be kept ({problem})",
                remedy="Export the measurements before you close the window.",
            )

    def _next_waiting(self) -> _Write | None:
        with self._lock:
            return self._waiting.popitem()[1] if self._waiting else None

    def _collect(self) -> KeptWork:
        """The reader's work on the case on screen: what is not as the program set it by itself."""
        now, before, kept = self._now(), self._before, self._kept
        entries = {
            each: entry
            for each, entry in now.form.items()
            if before.form.get(each) != entry or each in kept.form
        }
        shown = kept.map_settings
        own = now.map_settings
        if own is not None and (
            own != before.map_settings or (shown is not None and shown.bundle == own.bundle)
        ):
            shown = own
        level = self._display.window_level.window
        window = None if level == self._default_window else (level.center, level.width)
        return KeptWork(now.marks, window, entries, shown)

    @property
    def _default_window(self) -> Window:
        level = self._display.window_level
        return level.presets[0].window if level.presets else level.window

    def _window_of(self, kept: tuple[float, float]) -> Window:
        """A window level kept without its curve: that of the preset with these values, else the default's."""
        for preset in self._display.window_level.presets:
            if (preset.window.center, preset.window.width) == kept:
                return preset.window
        return self._default_window.reshaped(*kept)

    def _now(self) -> KeptWork:
        """Marks, entries and map settings as they are."""
        return KeptWork(
            self._annotations.items,
            None,
            self._form.typed,
            self._map_settings(),
        )

    def _map_settings(self) -> MapSettings | None:
        bundle, overlay = self._store.bundle, self._display.overlay
        if bundle is None:
            return None
        return MapSettings(
            bundle.name,
            self._choice.wanted,
            overlay.visible,
            overlay.opacity,
            overlay.threshold,
            overlay.contours,
            overlay.color_map,
            overlay.kept_top,
        )
