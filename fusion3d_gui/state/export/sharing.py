"""``Sharing``: collects what can leave about the case on screen, shows it beforehand, and writes what was chosen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from PySide6.QtCore import QObject

from fusion3d_gui.errors import UserError
from fusion3d_gui.progress import Progress
from fusion3d_gui.report.case_result import CaseResult
from fusion3d_gui.report.framed_picture import frame_texts, picture_of_view
from fusion3d_gui.report.share import (
    ITEMS as ITEMS,  # for widgets
)
from fusion3d_gui.report.share import PIXELS_PER_MM, file_stem, stops, write_share
from fusion3d_gui.report.share import (
    Item as Item,  # for widgets
)
from fusion3d_gui.report.share import (
    ShareChoice as ShareChoice,  # for widgets
)
from fusion3d_gui.report.share import (
    Stop as Stop,  # for widgets
)
from fusion3d_gui.state.data.case import Case
from fusion3d_gui.state.data.departure import Departure, LeftItem, files_left
from fusion3d_gui.state.export.result_collector import ResultCollector
from fusion3d_gui.state.store import Store
from fusion3d_gui.state.tasks import Task

if TYPE_CHECKING:
    from PySide6.QtGui import QImage

Paper = Literal["A4", "Letter"]

_DOTS_PER_INCH = 110.0


@dataclass(frozen=True, eq=False)
class Shareable:
    """What was collected of one case, for the dialog; ``is_hidden``: the identity can't leave at all."""

    case: Case
    result: CaseResult
    is_hidden: bool

    @property
    def spots(self) -> int:
        """Number of hot spots."""
        return len(self.result.hot_spots)

    @property
    def marks(self) -> int:
        """Number of marks."""
        return len(self.result.marks)

    @property
    def has_study(self) -> bool:
        """Whether the scan has a DICOM study that results can join."""
        identity = self.result.identity
        return identity is not None and bool(identity.study_uid)

    def stops(self, choice: ShareChoice, *, shows_3d: bool) -> tuple[Stop, ...]:
        """What must be confirmed before these items leave."""
        return stops(self.result, choice, shows_3d=shows_3d)

    def session_path(self, choice: ShareChoice) -> Path:
        """Where a session file goes, beside the other files: a name that is free."""
        shown = self.result if choice.identity else self.result.without_identity()
        stem, number = file_stem(shown), 1
        path = choice.folder / f"{stem}.fusion3d"
        while path.exists():
            number += 1
            path = choice.folder / f"{stem}_{number}.fusion3d"
        return path

    @property
    def marks_name_the_patient(self) -> bool:
        """Whether the text of a mark names the patient."""
        before, after = self.result.marks, self.result.without_identity().marks
        return any(
            one.annotation.text != other.annotation.text
            for one, other in zip(before, after, strict=True)
        )


class Sharing(QObject):
    """Works on the saving lane."""

    def __init__(self, store: Store, collector: ResultCollector) -> None:
        super().__init__(store)
        self._store = store
        self._collector = collector

    @property
    def can_share(self) -> bool:
        """Whether a current prediction is on screen."""
        return self._collector.can_collect

    def collect(self, done: Callable[[Shareable], object]) -> None:
        """Collect the result as it is on screen now."""
        collect, case, store = self._collector.work(), self._store.case, self._store
        if collect is None or case is None:
            return
        is_hidden = case.identity_hidden or store.identity.hidden

        def work(progress: Progress) -> Shareable:
            return Shareable(case, collect(progress), is_hidden)

        store.run(store.saving, "Collecting the result", work, done)

    def preview(
        self,
        shareable: Shareable,
        *,
        identity: bool,
        paper: Paper,
        done: Callable[[list[QImage]], object],
    ) -> Task[list[QImage]]:
        """Paint the page's sheets as pictures; ``done`` gets them."""

        def work(progress: Progress) -> list[QImage]:
            from fusion3d_gui.report.page.result_page import result_page
            from fusion3d_gui.report.page.sheet import Sheet

            progress(0.0, "Painting the page")
            shown = shareable.result if identity else shareable.result.without_identity()
            page = result_page(shown)
            return Sheet(page.content, shown, page.pictures, paper).images(_DOTS_PER_INCH)

        return self._store.run(self._store.saving, "Painting the page", work, done)

    def frame(self, rgb: np.ndarray, done: Callable[[np.ndarray], object]) -> None:
        """Put a picture of the window (uint8 RGB) into its frame; ``done`` gets the whole, uint8 RGB.

        Refused while the identity is hidden, where the scan's pixels may name the patient.
        """
        collect, case, store = self._collector.work(), self._store.case, self._store
        if collect is None or case is None:
            return

        def work(progress: Progress) -> np.ndarray:
            from fusion3d_gui.report.picture.paint import drawing_rgb

            result = collect(progress)
            if result.identity is None and result.burnt_in:
                raise UserError(result.burnt_in[0], remedy="Use Share…, which asks.")
            drawing = picture_of_view(frame_texts(result), rgb, "The views as they are on screen")
            return drawing_rgb(drawing, PIXELS_PER_MM)

        store.run(store.saving, "Copying a picture", work, done)

    def share(
        self,
        shareable: Shareable,
        choice: ShareChoice,
        done: Callable[[tuple[LeftItem, ...]], object],
        undone: Callable[[], object],
    ) -> None:
        """Write what was chosen; ``done`` gets the files, ``undone`` is called where that fails or is cancelled."""

        def work(progress: Progress) -> tuple[LeftItem, ...]:
            return files_left(write_share(shareable.result, choice, progress))

        def on_written(left: tuple[LeftItem, ...]) -> None:
            values = shareable.result.prediction.metadata
            if left:
                self._store.departed.emit(
                    Departure(shareable.case, left, values, with_identity=choice.identity)
                )
            done(left)

        self._store.run(self._store.saving, "Sharing", work, on_written, undone=undone)
