"""Tables of the studies that a node offers, of the series of one, and of what is sent."""

from __future__ import annotations

import time
from typing import ClassVar

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QWidget

from fusion3d_gui.pacs.query import SeriesEntry, SortKey, Study, shown_date
from fusion3d_gui.pacs.queues.outbox import OutboxItem
from fusion3d_gui.state.pacs.worklist import Worklist
from fusion3d_gui.state.store import Store
from fusion3d_gui.widgets.controls.row_table import Index, RowModel
from fusion3d_gui.widgets.look.plain_tip import plain_tip

_HIDDEN = "hidden"


class StudyModel(RowModel[Study]):
    """Studies as rows; who the patients are is not shown while identity is hidden."""

    HEADERS: ClassVar = (
        *("Date", "Patient", "ID", "Born", "Sex", "Modality", "Images", "Done", "Description"),
    )
    #: By column, what a click on its header sorts by.
    SORT_KEYS: ClassVar[dict[int, SortKey]] = {
        0: "date",
        1: "patient",
        2: "patient_id",
        5: "modality",
        8: "description",
    }

    def __init__(self, store: Store, worklist: Worklist, parent: QWidget) -> None:
        super().__init__(parent)
        self._store = store
        self._worklist = worklist

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        """A cell's text."""
        if role not in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.ToolTipRole):
            return None
        text = self._texts(self._rows[index.row()])[index.column()]
        return plain_tip(text) if role == Qt.ItemDataRole.ToolTipRole else text

    def _texts(self, study: Study) -> tuple[str, ...]:
        who = (study.shown_patient, study.patient_id, shown_date(study.birth_date))
        hidden = self._store.identity.hidden
        return (
            study.shown_date,
            *(_HIDDEN if hidden and text else text for text in who),
            study.sex,
            ", ".join(study.modalities),
            _count(study.instance_count),
            ", ".join(self._worklist.marks(study)).capitalize(),
            study.description,
        )

    def study_at(self, row: int) -> Study | None:
        """The study of a row."""
        return self._rows[row] if 0 <= row < len(self._rows) else None

    def row_of(self, study: Study | None) -> int:
        """The row of a study, -1 without one."""
        return -1 if study is None or study not in self._rows else self._rows.index(study)


class SeriesModel(RowModel[SeriesEntry]):
    """Series as rows."""

    HEADERS: ClassVar = ("No.", "Modality", "Images", "Body part", "Description")

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        """A cell's text."""
        if role not in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.ToolTipRole):
            return None
        series = self._rows[index.row()]
        text = (
            "" if series.number is None else str(series.number),
            series.modality,
            _count(series.instance_count),
            series.body_part.capitalize(),
            series.description,
        )[index.column()]
        return plain_tip(text) if role == Qt.ItemDataRole.ToolTipRole else text

    def series_at(self, row: int) -> SeriesEntry | None:
        """The series of a row."""
        return self._rows[row] if 0 <= row < len(self._rows) else None


class QueueModel(RowModel[OutboxItem]):
    """What waits to be sent and what became of it, as rows."""

    HEADERS: ClassVar = ("Put in", "State", "To", "What", "Tries", "Why")

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        """A cell's text."""
        if role not in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.ToolTipRole):
            return None
        item = self._rows[index.row()]
        text = (
            time.strftime("%Y-%m-%d %H:%M", time.localtime(item.added_s)),
            item.shown_state.capitalize(),
            item.node,
            item.title or item.uid,
            str(item.attempts),
            item.reason.capitalize(),
        )[index.column()]
        return plain_tip(text) if role == Qt.ItemDataRole.ToolTipRole else text

    def item_at(self, row: int) -> OutboxItem | None:
        """The item of a row."""
        return self._rows[row] if 0 <= row < len(self._rows) else None


def _count(number: int | None) -> str:
    return "" if number is None else f"{number:,}"
