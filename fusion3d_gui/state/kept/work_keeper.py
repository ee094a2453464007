"""``WorkKeeper``: keeps the work on the case on screen as it is done, and restores it when the case is opened again."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, replace
from pathlib import Path

from PySide6.QtCore import QObject, QTimer, Signal

from fusion3d_gui.errors import UserError
from fusion3d_gui.inference.fit.judge import judge_case
from fusion3d_gui.progress import Progress
from fusion3d_gui.state.data.case import Case, CaseKey
from fusion3d_gui.state.kept.case_work import CaseWork
from fusion3d_gui.state.kept.kept_work import KeptPrediction, KeptWork
from fusion3d_gui.state.kept.waiting_work import WaitingWork, WorkToWrite
from fusion3d_gui.state.kept.weights_check import weights_are
from fusion3d_gui.state.kept.work_folder import read_work, set_aside, work_key
from fusion3d_gui.state.notice import Notice
from fusion3d_gui.state.store import Store
from fusion3d_gui.state.tasks import TaskLane

#: While something changes it is written this often; while only the view does, less often.
_EVERY_MS, _VIEW_EVERY_MS = 300, 2000

_FORGOTTEN = (
    "What was kept of this case is deleted; no more of it is kept until Fusion3D is started again."
)
_CHANGED = (
    "The scan has changed since this session was saved: its voxels are others. Marks, form and notes are "
    "shown on it; predictions and maps of the session are of the other scan, and are not."
)

_WAY_BACK = "File, Bring back work set aside, shows that again."
_REGISTERED = (
    "The scan that lay beside was registered to the other scan: open and register it anew."
)


@dataclass(frozen=True)
class _Found:
    """What a worker found out about a case: its voxels' hash, what is kept of it, and what of that was set aside."""

    sha256: str
    kept: KeptWork | None
    aside: str = ""


@dataclass(frozen=True)
class Expected:
    """The work of a session file, for the case that is being opened from ``paths``; ``sha256``: of its scan."""

    paths: tuple[Path, ...]
    work: KeptWork
    sha256: str


class WorkKeeper(QObject):
    """The work on each case, in a private file named by a hash of its voxels.

    The GUI thread only collects references; hashing, reading and writing happen on two lanes. A case that
    nobody changed leaves no file.

    Parameters
    ----------
    folder
        Where to keep work; None: nowhere.
    store, work
        The case on screen, and the work on it.
    """

    #: What is kept of the case on screen, or its session's work, has been put on screen, if there is any.
    restored = Signal()
    #: Other work than before is on screen, of the same case: see :meth:`replace`.
    replaced = Signal()
    #: All that was kept of the case on screen was deleted.
    forgotten = Signal()

    def __init__(self, folder: Path | None, store: Store, work: CaseWork) -> None:
        super().__init__(store)
        self._folder = folder
        self._store = store
        self._work = work
        self._case: Case | None = None
        #: As the case was opened: what the program set by itself.
        self._before = KeptWork()
        #: What lies on disk, as far as is known, and what is to be written.
        self._kept, self._latest = KeptWork(), KeptWork()
        self._is_read = False
        #: The last of :attr:`_kept` of every case of this run: their marks and entries are in memory.
        self._known: dict[CaseKey, KeptWork] = {}
        self._hashes: dict[CaseKey, str] = {}
        self._forgotten: set[CaseKey] = set()
        self._expected: Expected | None = None
        self._waiting = None if folder is None else WaitingWork(folder)
        self._has_complained = False
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._keep)
        self._view_timer = QTimer(self)
        self._view_timer.setSingleShot(True)
        self._view_timer.setInterval(_EVERY_MS)
        self._view_timer.timeout.connect(lambda: self._collect_for(_VIEW_EVERY_MS))
        self._reading = TaskLane("kept-reading", self)
        self._writing = TaskLane("kept-writing", self)
        self._checking = TaskLane("kept-checking", self)
        store.case_changed.connect(self._on_case_changed)
        store.case_completed.connect(self._on_case_changed)
        store.bundle_changed.connect(self._offer_prediction)
        store.prediction_dropped.connect(self._on_prediction_dropped)
        work.changed.connect(self._on_changed)
        work.view_changed.connect(self._on_view_changed)

    @property
    def can_forget(self) -> bool:
        """Whether work on the case on screen is kept, or would be."""
        case = self._store.case
        if self._folder is None or case is None or not case.is_complete:
            return False
        return case.key not in self._forgotten

    @property
    def whole(self) -> KeptWork | None:
        """All work on the case on screen with its view, for a session file; None until all of it is there."""
        case = self._store.case
        if case is None or case is not self._case or not (case.is_complete and self._is_read):
            return None
        return self._work.now.with_predictions(self._kept.predictions)

    @property
    def predictions_of_other_scans(self) -> tuple[KeptPrediction, ...]:
        """Predictions that are kept with the case on screen, though they were made of other voxels."""
        digest = None if self._case is None else self._hashes.get(self._case.key)
        return tuple(
            each
            for each in self._kept.predictions
            if digest is not None and each.prediction.volume_sha256 != digest
        )

    def expect(self, expected: Expected) -> None:
        """Put the work of a session on screen once its scan is; what is kept of that scan is set aside."""
        self._expected = expected

    def replace(self, work: KeptWork) -> None:
        """Have other work on the case on screen instead of all that there is."""
        case = self._case
        if case is None or self.whole is None:
            return
        self._work.close_second()
        self._take(work, work.predictions)
        self._known[case.key] = self._kept
        self._offer_prediction()
        self._on_changed()
        self.replaced.emit()
        self.restored.emit()

    def forget(self) -> None:
        """Delete what was kept of the case on screen; no more is kept of it until the program starts again."""
        case = self._store.case
        if case is None or not self.can_forget:
            return
        self._timer.stop()
        self._forgotten.add(case.key)
        self._write(WorkToWrite(case, KeptWork(), True))
        self._store.noticed.emit(Notice(_FORGOTTEN))
        self.forgotten.emit()

    def finish(self) -> bool:
        """Write what is not written yet, and end the threads; returns whether they ended in time."""
        if self._view_timer.isActive():
            self._collect_for(0)
        if self._timer.isActive():
            self._keep()
        self._timer.stop()
        self._view_timer.stop()
        ended = [lane.close() for lane in (self._reading, self._writing, self._checking)]
        if self._waiting is not None:
            with contextlib.suppress(UserError):
                self._waiting.write()
        return all(ended)

    # -- opening ------------------------------------------------------------------------------

    def _on_case_changed(self) -> None:
        case, before = self._store.case, self._case
        is_same = case is not None and before is not None and case.key == before.key
        expected = self._expected
        if case is not None and expected is not None and case.paths != expected.paths:
            self._expected = expected = None  # another scan was opened meanwhile
        if self._timer.isActive() and (not is_same or expected is not None):
            self._timer.stop()
            self._keep()  # what was collected of the case before, or will be set aside
        self._case = case
        if case is None:
            return
        if not is_same:
            self._view_timer.stop()
            self._before, self._kept = self._work.now, KeptWork()
            self._latest, self._is_read = self._kept, False
        was_complete = is_same and before is not None and before.is_complete
        if case.is_complete and (not was_complete or expected is not None):
            self._read(case)

    def _read(self, case: Case) -> None:
        folder, volume, key = self._folder, case.volume, case.key
        if key in self._known and self._expected is None:
            self._on_read(key, _Found(self._hashes[key], self._known[key]))
            return

        expected, waiting = self._expected, self._waiting

        def work(progress: Progress) -> _Found:
            if waiting is not None:
                waiting.write()
            digest = volume.sha256
            kept = None if folder is None else read_work(folder, work_key(volume))
            if not (folder and kept and expected) or kept.says_no_more(expected.work):
                return _Found(digest, kept)
            # Before the session's work takes its place.
            set_aside(folder, work_key(volume))
            return _Found(digest, kept, kept.summary)

        task = self._reading.submit("Looking for kept work", work)
        task.succeeded.connect(lambda found: self._on_read(key, found))

    def _on_read(self, key: CaseKey, found: _Found) -> None:
        if self._case is None or self._case.key != key:
            return
        self._is_read = True
        self._hashes[key] = found.sha256
        expected, self._expected = self._expected, None
        if expected is not None:
            self._restore_session(expected, found)
        elif found.kept is not None and key not in self._forgotten:
            self._restore(key, found.kept)
        self._known[key] = self._kept
        self._offer_prediction()
        self._on_changed()
        self.restored.emit()

    def _restore(self, key: CaseKey, kept: KeptWork) -> None:
        known, shown = key in self._known, kept.map_settings
        bundle, work = self._store.bundle, self._work
        is_changed = work.map_settings != self._before.map_settings
        if bundle is None or shown is None or bundle.name != shown.bundle or is_changed:
            shown = None
        window = kept.window if work.has_default_window else None
        is_looked_at = not work.view.same_place(self._before.view)
        # Before anything changes: the signals that follow compare with it.
        self._kept = self._latest = replace(kept, saved=None)
        work.put_on_scan(kept)
        entries = {} if known else work.put_first(kept)
        if window is not None:
            work.show_window(window)
        if shown is not None:
            work.show_map(shown)
        if kept.view is not None and not is_looked_at:
            with contextlib.suppress(ValueError):
                work.show_view(kept.view)
        if kept.second is not None:
            work.show_second(kept.second)
        predictions = tuple(
            each for each in kept.predictions if bundle is not None and self._fits(each)
        )
        own = replace(kept, left=None, second=None)
        restored = replace(
            own, window=window, form=entries, map_settings=shown, predictions=predictions
        )
        if not known and not restored.is_empty:
            self._store.noticed.emit(Notice(f"Restored {restored.summary}."))

    def _restore_session(self, expected: Expected, found: _Found) -> None:
        if found.aside:
            told = f"The session takes the place of what was kept here: {found.aside}. {_WAY_BACK}"
            self._store.noticed.emit(Notice(told))
        is_other = expected.sha256 != found.sha256
        work = expected.work
        if is_other:
            work = replace(work, left=None, second=None, opened_map=None, stated_ct=False)
        self._take(work, expected.work.predictions)
        if is_other:
            registered = f" {_REGISTERED}" if expected.work.is_registered else ""
            self._store.noticed.emit(Notice(f"{_CHANGED}{registered}", "warning"))

    def _take(self, work: KeptWork, predictions: tuple[KeptPrediction, ...]) -> None:
        self._store.drop_prediction()
        self._kept = KeptWork(predictions=predictions)
        self._work.replace(work)

    # -- predictions --------------------------------------------------------------------------

    def _fits(self, each: KeptPrediction) -> bool:
        """Whether a kept prediction is one of the chosen model for the scan on screen."""
        case, bundle = self._case, self._store.bundle
        return (
            case is not None
            and bundle is not None
            and each.is_of(bundle)
            and each.prediction.volume_sha256 == self._hashes.get(case.key)
        )

    def _offer_prediction(self) -> None:
        """Show the kept prediction of the chosen model, unless its weights have changed since."""
        bundle, case = self._store.bundle, self._case
        kept = next((each for each in self._kept.predictions if self._fits(each)), None)
        if kept is None or bundle is None or case is None or not self._is_read:
            return
        wanted = kept

        def work(progress: Progress) -> str:
            """Why it is not shown; empty where it is."""
            if not weights_are(bundle, wanted.prediction.weights_sha256):
                return "is of other weights"
            now = judge_case(bundle, case.volume, wanted.prediction.metadata)
            return "" if wanted.agrees_with(now) else "was judged by another scope"

        def on_checked(why_not: str) -> None:
            now = self._case
            if now is None or now.key != case.key or self._store.bundle is not bundle:
                return
            if not why_not and wanted in self._kept.predictions:
                self._work.show_prediction(wanted)
            elif why_not:
                told = (
                    f"The prediction kept of this case ({wanted.text}) {why_not}, and isn't shown."
                )
                self._store.noticed.emit(Notice(told, "warning"))

        task = self._checking.submit("Checking the model's weights", work)
        task.succeeded.connect(on_checked)

    def _on_prediction_dropped(self) -> None:
        """What was taken off the screen is not kept either."""
        kept = tuple(each for each in self._kept.predictions if not self._fits(each))
        self._kept = replace(self._kept, predictions=kept)
        self._on_changed()

    # -- keeping ------------------------------------------------------------------------------

    def _on_changed(self) -> None:
        self._collect_for(_EVERY_MS)

    def _on_view_changed(self) -> None:
        if self._is_read and not self._view_timer.isActive():
            self._view_timer.start()

    def _collect_for(self, within_ms: int) -> None:
        """Collect the work; where it has changed, it is written within this time."""
        case = self._case
        # While another case comes its parts change one after the other.
        if case is None or case is not self._store.case or not case.is_complete:
            return
        work = self._collect()
        if work == self._latest or case.key in self._forgotten:
            return
        self._latest = work
        if not self._timer.isActive() or self._timer.remainingTime() > within_ms:
            self._timer.start(within_ms)

    def _keep(self) -> None:
        case = self._case
        if case is not None:
            if self._is_read:
                self._kept = self._known[case.key] = self._latest
            self._write(WorkToWrite(case, self._latest, self._is_read))

    def _write(self, each: WorkToWrite) -> None:
        waiting = self._waiting
        if waiting is None:
            return
        waiting.put(each)
        task = self._writing.submit("Keeping the work", lambda progress: waiting.write())
        task.failed.connect(self._complain)

    def _complain(self, error: Exception) -> None:
        if not self._has_complained:
            self._has_complained = True
            self._store.noticed.emit(Notice(str(error), "warning"))

    def _collect(self) -> KeptWork:
        """The reader's work on the case on screen: what is not as the program set it by itself."""
        now, before, kept = self._work.now, self._before, self._kept
        entries = {
            each: entry
            for each, entry in now.form.items()
            if now.predictions or before.form.get(each) != entry or each in kept.form
        }
        shown = kept.map_settings
        own = now.map_settings
        if own is not None and (
            own != before.map_settings or (shown is not None and shown.bundle == own.bundle)
        ):
            shown = own
        window = None if self._work.has_default_window else now.window
        found = replace(now, window=window, form=entries, map_settings=shown)
        return found.with_predictions(kept.predictions)
