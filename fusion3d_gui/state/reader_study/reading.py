"""``Reading``: shows the cases of a reader study one after the other, and keeps what the reader says of each."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Literal

from PySide6.QtCore import QObject, Signal

from fusion3d_gui.errors import UserError
from fusion3d_gui.report.reader_study.protocol import ARM_TITLES, PlannedRead, ProtocolFile
from fusion3d_gui.report.reader_study.read_log import Read, ReadLog, ReadMark, washout_sentence
from fusion3d_gui.state.prediction.percent import percent
from fusion3d_gui.state.session import Session

Phase = Literal["loading", "reading", "paused", "done", "failed"]


class Reading(QObject):
    """One reader's reads, from the first that is not in the log on.

    Identities are hidden. A case is shown once it is completely read and, where the arm shows the model, predicted;
    the time counts from then on, but not while reading is paused. Nothing is predicted in the arm without the model.
    """

    changed = Signal()
    #: A read is in the log.
    confirmed = Signal()

    def __init__(
        self,
        session: Session,
        study: ProtocolFile,
        log: ReadLog,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._session = session
        self._study = study
        self._log = log
        self._planned: PlannedRead | None = None
        self._phase: Phase = "loading"
        self._message = ""
        self._rating: int | None = None
        self._confidence: int | None = None
        self._started: datetime | None = None
        self._counted_s = 0.0
        self._counting_from: float | None = None
        store = session.store
        store.identity.set_hidden(True)
        store.case_completed.connect(self._look)
        session.predictions.arrived.connect(self._look)
        session.predictions.refused.connect(self._look)
        store.prediction_changed.connect(self._look)
        store.loading.changed.connect(self._look)
        store.failed.connect(self._on_failed)

    # -- what is ------------------------------------------------------------------------------

    @property
    def phase(self) -> Phase:
        """Whether the case is being prepared, read, hidden by a pause, or no more is to be read now."""
        return self._phase

    @property
    def message(self) -> str:
        """What is said in place of the images; empty while a case is read."""
        return self._message

    @property
    def position(self) -> tuple[int, int]:
        """Number of the read, from 1, and of all reads of the reader."""
        number = len(self._log.order) if self._planned is None else self._planned.number
        return number, len(self._log.order)

    @property
    def arm_title(self) -> str:
        """How the case is shown."""
        return "" if self._planned is None else ARM_TITLES[self._planned.arm]

    @property
    def question(self) -> str:
        """What is asked of each case."""
        return self._study.protocol.question

    @property
    def rating_labels(self) -> tuple[str, ...]:
        """The rating scale, from surely negative to surely positive."""
        return tuple(self._study.protocol.rating.labels)

    @property
    def confidence_labels(self) -> tuple[str, ...]:
        """The levels of confidence, lowest first."""
        return tuple(self._study.protocol.confidence)

    @property
    def rating(self) -> int | None:
        """The chosen label of the scale, counted from 1."""
        return self._rating

    @property
    def confidence(self) -> int | None:
        """The chosen confidence, counted from 1."""
        return self._confidence

    @property
    def can_confirm(self) -> bool:
        """Whether rating and confidence are both chosen."""
        chosen = self._rating is not None and self._confidence is not None
        return self._phase == "reading" and chosen

    @property
    def seconds(self) -> float:
        """How long the case has been looked at."""
        running = 0.0 if self._counting_from is None else time.monotonic() - self._counting_from
        return self._counted_s + running

    @property
    def model_text(self) -> str:
        """What the model says of the case; empty in the arm without it."""
        planned = self._planned
        if planned is None or planned.arm == "unaided" or self._phase not in ("reading", "paused"):
            return ""
        prediction = self._session.predictions.current
        if prediction is None:
            return "The model gives no number for this case"
        return f"Model: {prediction.class_names[1]} {percent(prediction.probability)}"

    @property
    def model_note(self) -> str:
        """What must stand beside :attr:`model_text`: why it is doubtful, that the model is a demonstration."""
        if not self.model_text:
            return ""
        predictions = self._session.predictions
        fit = predictions.shown_fit
        reasons = fit.reasons[:1] if fit is not None and fit.fit != "fits" else ()
        return "  ·  ".join((*reasons, *filter(None, [predictions.demonstration])))

    # -- what the reader does -----------------------------------------------------------------

    def start(self) -> None:
        """Show the next case, or say why there is none."""
        self._planned = self._log.next
        self._rating = self._confidence = self._started = self._counting_from = None
        self._counted_s = 0.0
        wait = washout_sentence(self._log, self._study, datetime.now(UTC))
        if self._planned is None or wait is not None:
            self._planned = None
            self._session.switcher.show_none()
            self._end("done", f"{wait}." if wait else "All cases are read. Thank you.")
            return
        case = self._planned.case
        self._phase, self._message = "loading", "The next case is being prepared."
        self._session.tool.choose("crosshair")
        self._session.display.overlay.set_visible(self._planned.arm == "map")
        self._session.opener.open(
            self._study.scan_of(case),
            case.series,
            metadata=case.metadata,
            then_predict=self._planned.arm != "unaided",
        )
        self.changed.emit()

    def rate(self, label: int) -> None:
        """Choose a label of the scale, counted from 1."""
        if self._phase == "reading" and 1 <= label <= len(self.rating_labels):
            self._rating = label
            self.changed.emit()

    def be_confident(self, level: int) -> None:
        """Choose a confidence, counted from 1."""
        if self._phase == "reading" and 1 <= level <= len(self.confidence_labels):
            self._confidence = level
            self.changed.emit()

    def confirm(self) -> None:
        """Write the read into the log, and show the next case. Without rating or confidence nothing happens."""
        planned, rating, confidence = self._planned, self._rating, self._confidence
        started = self._started
        if not self.can_confirm or planned is None or rating is None or confidence is None:
            return
        assert started is not None
        prediction = None if planned.arm == "unaided" else self._session.predictions.current
        read = Read(
            planned.number,
            planned.period,
            planned.case.id,
            planned.arm,
            rating,
            confidence,
            round(self.seconds, 3),
            started.isoformat(),
            datetime.now(UTC).isoformat(),
            self._log.openings(planned.number),
            None if prediction is None else float(prediction.probability),
            [ReadMark(mark.kind, list(mark.points)) for mark in self._session.annotations.items],
        )
        try:
            self._log.add_read(read)
        except UserError as error:
            self._end("failed", str(error))
            return
        self.confirmed.emit()
        self.start()

    def toggle_pause(self) -> None:
        """Hide the images and stop the clock, or go on."""
        if self._phase == "reading":
            self._counted_s, self._counting_from = self.seconds, None
            self._phase, self._message = "paused", "Paused. The time does not count."
        elif self._phase == "paused":
            self._counting_from = time.monotonic()
            self._phase, self._message = "reading", ""
        self.changed.emit()

    # -- what happens -------------------------------------------------------------------------

    def _look(self, *_: object) -> None:
        """Begin to read once all that the arm shows is there."""
        planned, store = self._planned, self._session.store
        case = store.case
        if self._phase != "loading" or planned is None or case is None or not case.is_complete:
            return
        if case.paths != (self._study.scan_of(planned.case),) or store.loading.running:
            return
        if self._awaits_model(planned):
            return
        try:
            now = datetime.now(UTC)
            self._log.add_shown(planned.number, now)
        except UserError as error:
            self._end("failed", str(error))
            return
        # Those of an earlier read of this case in the same window.
        self._session.annotations.replace_all(())
        self._started, self._counting_from = now, time.monotonic()
        self._phase, self._message = "reading", ""
        self.changed.emit()

    def _awaits_model(self, planned: PlannedRead) -> bool:
        predictions, shown = self._session.predictions, self._session.store.shown_prediction
        if planned.arm == "unaided" or predictions.refusal is not None:
            return False
        without_map = shown is None or shown.awaits_heatmap
        return predictions.current is None or (planned.arm == "map" and without_map)

    def _on_failed(self, error: Exception) -> None:
        if self._phase == "loading" and self._session.predictions.refusal is None:
            self._end("failed", "This case can't be shown. Tell whoever leads the study.")

    def _end(self, phase: Phase, message: str) -> None:
        self._phase, self._message = phase, message
        self.changed.emit()
