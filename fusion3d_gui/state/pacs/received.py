"""``Received``: what the listening node has received, and the listener that runs, as the window shows them."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from fusion3d_gui.errors import UserError
from fusion3d_gui.pacs.file_identity import read_identity
from fusion3d_gui.pacs.query import Study
from fusion3d_gui.pacs.queues.inbox import Inbox, InboxSeries
from fusion3d_gui.pacs.queues.listener_record import ListenerRecord, running_listener
from fusion3d_gui.pacs.queues.outbox import Outbox
from fusion3d_gui.progress import Progress
from fusion3d_gui.state.case.opening import Opener
from fusion3d_gui.state.store import Store
from fusion3d_gui.state.tasks import TaskLane


@dataclass(frozen=True)
class ReceivedSeries:
    """A series of the inbox.

    ``images`` is the folder of its images; ``patient`` and ``patient_id`` are empty where nothing tells them any more;
    ``why``: why it is held, or its result is not there yet.
    """

    entry: InboxSeries
    images: Path
    patient: str
    patient_id: str
    why: str

    @property
    def waits_for_person(self) -> bool:
        """Whether nothing goes on with it before a person has seen to it."""
        return self.entry.state == "held"


class Received(QObject):
    """Reads the inbox while a listener writes it; opens, predicts again and deletes what is held. Starts no listener."""

    changed = Signal()

    def __init__(self, inbox: Path, outbox: Path, store: Store, opener: Opener) -> None:
        super().__init__(store)
        self._folder, self._outbox = inbox, outbox
        self._store = store
        self._opener = opener
        self._lane = TaskLane("pacs-received", self)
        #: Patient and ID by number of the series, which is never given twice.
        self._patients: dict[int, tuple[str, str]] = {}
        #: What waits for a person, then the rest; of each the newest first.
        self.series: list[ReceivedSeries] = []
        #: None where none is running.
        self.listener: ListenerRecord | None = None

    def refresh(self) -> None:
        """Read the inbox again, unless that is under way."""
        if not self._lane.running:
            self._run("Reading the inbox", lambda inbox: None)

    def open(self, series: ReceivedSeries) -> None:
        """Open the images of a series that is held."""
        self._opener.open(series.images)

    def predict_again(self, series: ReceivedSeries) -> None:
        """Have the listener, or the next one, predict a held series once more."""
        self._run("Predicting again", lambda inbox: inbox.try_again(series.entry.id))

    def drop(self, series: ReceivedSeries) -> None:
        """Delete a held series."""
        self._run("Deleting a series", lambda inbox: inbox.drop(series.entry.id))

    def holds(self, paths: Iterable[Path]) -> bool:
        """Whether paths are in the inbox."""
        return any(path.is_relative_to(self._folder) for path in paths)

    def close(self) -> bool:
        """Read no more; returns whether the thread ended in time."""
        return self._lane.close(2.0)

    def _run(self, label: str, change: Callable[[Inbox], None]) -> None:
        def work(progress: Progress) -> tuple[list[ReceivedSeries], ListenerRecord | None]:
            if not (self._folder / "inbox.sqlite").exists():
                return [], None
            inbox = Inbox(self._folder)
            change(inbox)
            return self._listed(inbox), running_listener(inbox)

        self._store.run(self._lane, label, work, self._show)

    def _show(self, seen: tuple[list[ReceivedSeries], ListenerRecord | None]) -> None:
        if seen != (self.series, self.listener):
            self.series, self.listener = seen
            self.changed.emit()

    def _listed(self, inbox: Inbox) -> list[ReceivedSeries]:
        outbox = Outbox(self._outbox) if (self._outbox / "outbox.sqlite").exists() else None
        listed = [
            ReceivedSeries(
                each,
                inbox.images_of(each.id),
                *self._patient(inbox, outbox, each),
                _why(inbox, outbox, each),
            )
            for each in reversed(inbox.series())
        ]
        return sorted(listed, key=lambda each: not each.waits_for_person)

    def _patient(self, inbox: Inbox, outbox: Outbox | None, series: InboxSeries) -> tuple[str, str]:
        """Patient and ID, from an image that lies in the inbox; else from what was put into the outbox."""
        known = self._patients.get(series.id)
        if known is None:
            known = _patient_of_images(inbox.images_of(series.id))
            if known is None and outbox is not None:
                known = _patient_of_study(outbox.study_header(series.study_uid))
            if known is None:
                return "", ""
            self._patients[series.id] = known
        return known


def _patient_of_images(folder: Path) -> tuple[str, str] | None:
    with contextlib.suppress(UserError, OSError):  # it may be deleted meanwhile
        for path in folder.iterdir():
            number, name, _ = read_identity(path).patient
            return _shown(name, number)
    return None


def _patient_of_study(header: str) -> tuple[str, str] | None:
    if not header:
        return None
    from fusion3d_gui.pacs.study_header import header_dataset

    dataset = header_dataset(header)
    return _shown(str(dataset.get("PatientName", "")), str(dataset.get("PatientID", "")))


def _shown(name: str, number: str) -> tuple[str, str]:
    study = Study("", patient=name, patient_id=number)
    return study.shown_patient, study.patient_id


def _why(inbox: Inbox, outbox: Outbox | None, series: InboxSeries) -> str:
    """Why a series is held; of one whose result waits to be sent, what the last attempt met."""
    if series.state != "sending" or outbox is None:
        return series.reason
    uids = set(inbox.result_uids(series.id))
    reasons = [item.reason for item in outbox.items() if item.uid in uids and item.reason]
    return reasons[0] if reasons else ""
