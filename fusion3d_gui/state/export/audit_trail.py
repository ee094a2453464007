"""``AuditTrail``: writes to the audit log what is opened, predicted, explained and exported in the window."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject

from fusion3d_gui.errors import UserError
from fusion3d_gui.inference.explain.explanation import Explanation
from fusion3d_gui.inference.fit.fit_report import FitReport
from fusion3d_gui.inference.prediction import Prediction
from fusion3d_gui.output_file import check_not_input
from fusion3d_gui.plain_text import visible_text
from fusion3d_gui.progress import Progress
from fusion3d_gui.report.audit.entry import AuditEvent, FileLeft, ModelSaid, What
from fusion3d_gui.report.audit.log_folder import append, export_log
from fusion3d_gui.report.audit.verify import Verdict, verify
from fusion3d_gui.state.data.case import Case
from fusion3d_gui.state.data.departure import Departure, LeftItem
from fusion3d_gui.state.data.shown_prediction import ShownPrediction
from fusion3d_gui.state.notice import Notice
from fusion3d_gui.state.prediction.predictions import Predictions
from fusion3d_gui.state.store import Store
from fusion3d_gui.state.tasks import TaskLane


@dataclass(frozen=True)
class AuditOptions:
    """What is logged: ``on`` at all; also file names and form values; and who reads."""

    on: bool = True
    names: bool = False
    reader: str = ""


class AuditTrail(QObject):
    """Listens to the session and writes on a thread of its own; never holds up the window.

    Parameters
    ----------
    folder
        Of the log; None: nothing is logged.
    """

    def __init__(self, folder: Path | None, store: Store, predictions: Predictions) -> None:
        super().__init__(store)
        self._folder = folder
        self._store = store
        self._options = AuditOptions()
        self._waiting: list[Callable[[], AuditEvent]] = []
        self._lock, self._disk = threading.Lock(), threading.Lock()
        self._has_complained = False
        #: When the prediction that was logged last was made; the same with its map.
        self._predicted: datetime | None = None
        self._explained: tuple[datetime, Explanation | None] | None = None
        if folder is not None:
            self._lane = TaskLane("audit", self)
            store.case_opened.connect(self._on_case_opened)
            store.case_completed.connect(self._on_case_opened)
            store.prediction_changed.connect(self._on_prediction_changed)
            store.departed.connect(self._on_departed)
            predictions.refused.connect(self._on_refused)

    @property
    def can_log(self) -> bool:
        """Whether there is a log."""
        return self._folder is not None

    def set_options(self, options: AuditOptions) -> None:
        """Log this way from now on."""
        self._options = options

    def export(self, path: Path) -> None:
        """Write the whole log into one file; the window says how it went."""
        folder, store = self._folder, self._store
        if folder is None:
            return

        def work(progress: Progress) -> int:
            progress(0.0, "Writing the audit log")
            self._write_waiting()
            check_not_input(path, (folder,))
            return export_log(folder, path)

        def on_written(count: int) -> None:
            noun = "entry" if count == 1 else "entries"
            store.noticed.emit(Notice(f"{count} {noun} of the audit log written to {path.name}."))

        store.run(store.saving, f"Writing {path.name}", work, on_written)

    def check(self) -> None:
        """Check the log; the window says whether it is whole."""
        folder, store = self._folder, self._store
        if folder is None:
            return

        def work(progress: Progress) -> Verdict:
            progress(0.0, "Checking the audit log")
            self._write_waiting()
            return verify(folder)

        def on_checked(found: Verdict) -> None:
            if found.problems:
                store.noticed.emit(
                    Notice(f"The audit log was changed. {found.problems[0]}", "error")
                )
            else:
                noun = "entry" if found.entries == 1 else "entries"
                told = f"The audit log is whole: {found.entries} {noun}, the last with SHA-256 {found.last_sha256[:16]}…"
                store.noticed.emit(Notice(told))

        store.run(store.saving, "Checking the audit log", work, on_checked)

    def finish(self) -> bool:
        """Write what is not written yet, and end the thread; returns whether it ended in time."""
        if self._folder is None:
            return True
        ended = self._lane.close()
        try:
            self._write_waiting()
        except UserError:
            self._has_complained = True  # there is no window any more to say so
        return ended

    # -- what happens -------------------------------------------------------------------------

    def _on_case_opened(self, case: Case) -> None:
        if case.is_complete:
            answered: dict[str, Any] = {"modality": case.volume.modality}
            self._log(
                "open",
                case,
                asked=self._named({"names": [each.name for each in case.paths]}),
                answered=answered,
            )

    def _on_refused(self, report: FitReport) -> None:
        case, bundle = self._store.case, self._store.bundle
        if case is not None and bundle is not None:
            model = ModelSaid(bundle.name, bundle.version)
            answered = {"probability": None, "fit": report.fit}
            self._log(
                "predict", case, model=model, asked={"despite_misfit": False}, answered=answered
            )

    def _on_prediction_changed(self) -> None:
        shown = self._store.shown_prediction
        if shown is None:
            return
        case, made = shown.request.case, shown.prediction
        if shown.workbench is None:
            # It was logged when it was made.
            self._predicted, self._explained = made.created, (made.created, shown.explanation)
        if made.created != self._predicted:
            self._predicted = made.created
            values = self._named({"values": dict(made.metadata)})
            asked = {"despite_misfit": made.despite_misfit, **values}
            self._log("predict", case, made, asked=asked, answered=_said(made))
        now = made.created, shown.explanation
        if shown.explanation is not None and shown.heatmap is not None and now != self._explained:
            self._explained = now
            asked = _asked_map(shown.explanation)
            self._log("explain", case, made, asked=asked, answered=_map_said(shown))

    def _on_departed(self, departure: Departure) -> None:
        shown = self._store.shown_prediction
        made = None if shown is None or departure.values is None else shown.prediction
        left = tuple(map(self._left, departure.items))
        self._log(
            "export",
            departure.case,
            made,
            asked={"with_identity": departure.with_identity},
            answered={} if made is None else _said(made),
            left=left,
            place=departure.place,
        )

    def _left(self, item: LeftItem) -> FileLeft:
        path = item.path.absolute() if item.path is not None and self._options.names else None
        name, folder = ("", "") if path is None else (path.name, str(path.parent))
        return FileLeft(item.kind, item.sha256, item.size, visible_text(name), visible_text(folder))

    def _named(self, facts: dict[str, Any]) -> dict[str, Any]:
        """Facts that may tell who the patient is: empty unless they are wanted."""
        return facts if self._options.names else {}

    # -- writing ------------------------------------------------------------------------------

    def _log(
        self,
        what: What,
        case: Case | None,
        made: Prediction | None = None,
        *,
        model: ModelSaid | None = None,
        **facts: Any,
    ) -> None:
        if not self._options.on:
            return
        when = datetime.now(UTC).isoformat(timespec="milliseconds")
        who = visible_text(self._options.reader)
        volume = None if case is None else case.volume
        if made is not None:
            model = ModelSaid(made.bundle_name, made.bundle_version, made.weights_sha256)

        def event() -> AuditEvent:
            # The hash takes a second a gigabyte: not on the GUI thread.
            whole = volume is not None and volume.loaded_slices is None
            digest = volume.sha256 if volume is not None and whole else ""
            return AuditEvent(what, when, who, digest, model, **facts)

        with self._lock:
            self._waiting.append(event)
        task = self._lane.submit("Writing the audit log", lambda progress: self._write_waiting())
        task.failed.connect(self._complain)

    def _complain(self, error: Exception) -> None:
        if not self._has_complained:
            self._has_complained = True
            self._store.noticed.emit(Notice(str(error), "warning"))

    def _write_waiting(self) -> None:
        """Write all that waits, in order, on whatever thread: a superseded request leaves it to the next."""
        folder = self._folder
        assert folder is not None
        with self._disk:
            with self._lock:
                waiting = list(self._waiting)
            if not waiting:
                return
            try:
                append(folder, [event() for event in waiting])
            except OSError as error:
                raise UserError(
                    f"The audit log can't be written ({error.strerror or 'it is locked'})",
                    remedy="What follows is logged once it can be.",
                ) from None
            with self._lock:
                del self._waiting[: len(waiting)]


def _said(made: Prediction) -> dict[str, Any]:
    return {
        "probability": made.probability,
        "class": made.class_name,
        "threshold": made.threshold,
        "fit": made.fit.fit,
    }


def _asked_map(explanation: Explanation) -> dict[str, Any]:
    return {
        "method": explanation.method,
        "stages": list(explanation.stages),
        "side": explanation.side,
        "raw": explanation.raw,
    }


def _map_said(shown: ShownPrediction) -> dict[str, Any]:
    heatmap = shown.prediction.heatmap
    place = heatmap.peak_lps
    return {
        "peak": heatmap.peak,
        "peak_lps_mm": None if place is None else place.round(3).tolist(),
        "finished": heatmap.finished,
    }
