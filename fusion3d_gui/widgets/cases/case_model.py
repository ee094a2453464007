"""``CaseModel``: the cases of the table as rows, in the order on screen; cells are read only as they are painted."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, Qt
from PySide6.QtGui import QColor, QIcon, QImage, QPixmap

from fusion3d_gui.state.cases.case_table import CaseTable
from fusion3d_gui.state.cases.case_thumbnails import CaseThumbnails
from fusion3d_gui.state.store import Store
from fusion3d_gui.widgets.controls.row_table import Index
from fusion3d_gui.widgets.look import theme
from fusion3d_gui.widgets.look.plain_tip import plain_tip

#: Shown although the identity is hidden: what models said, and what tells nothing of a person.
_OF_NOBODY = {"doubt", "class", "reasons", "failure", "split", "sex", "modality", "done", "model"}
#: Words in the names of columns whose numbers, too, tell who a patient is.
_NAMING = ("patient", "name", "mrn", "accession", "birth", "date", "subject", "participant")
_TITLES = {
    "case": "Case",
    "label": "Label",
    "probability": "Probability",
    "error": "Error",
    "wrong": "Wrong",
    "disagreement": "Disagreement",
    "doubt": "Doubt",
    "embedding_percentile": "Unusual (%)",
    "displacement_mm": "Displacement (mm)",
    "failure": "Failure",
    "reasons": "Reasons",
    "date": "Date",
    "modality": "Modality",
    "description": "Description",
    "class": "Class",
    "done": "Done",
    "model": "Model",
    "images": "Images",
    "patient_id": "Patient ID",
    "accession": "Accession",
    "sex": "Sex",
    "age": "Age",
    "participant": "Participant",
    "session": "Session",
    "run": "Run",
    "suffix": "Suffix",
}


def column_title(name: str) -> str:
    """A column's name as the header has it."""
    if name.startswith("probability_"):
        return f"Probability, {name.removeprefix('probability_')}"
    return _TITLES.get(name, name)


class CaseModel(QAbstractTableModel):
    """Texts, alignment, thumbnails; sorting and filtering are the state's."""

    def __init__(
        self,
        store: Store,
        table: CaseTable,
        thumbnails: CaseThumbnails,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._store, self._table, self._thumbnails = store, table, thumbnails
        self.reset()

    def reset(self) -> None:
        """Other rows or columns."""
        self.beginResetModel()
        self._cases, self._columns = self._table.cases, self._table.columns
        self._order = self._table.order if self._cases is not None else np.zeros(0, np.int64)
        self.endResetModel()

    def row_at(self, place: int) -> int:
        """The row of the list at a place on screen."""
        return int(self._order[place])

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        """Number of cases that the filter finds."""
        return 0 if parent.isValid() else len(self._order)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        """Number of columns shown."""
        return len(self._columns)

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> object:
        """The columns' names, and what those made here mean."""
        if orientation != Qt.Orientation.Horizontal or section >= len(self._columns):
            return None
        name = self._columns[section]
        if role == Qt.ItemDataRole.DisplayRole:
            return column_title(name)
        if role == Qt.ItemDataRole.TextAlignmentRole and self._cases is not None:
            return _side(self._cases.is_number(name))
        if role == Qt.ItemDataRole.ToolTipRole:
            return plain_tip(f"{self._table.meaning(name)}. A click sorts.")
        return None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        """A cell's text, alignment, colour or thumbnail."""
        cases, roles = self._cases, Qt.ItemDataRole
        if cases is None or not index.isValid():
            return None
        row, name = int(self._order[index.row()]), self._columns[index.column()]
        if role == roles.DisplayRole:
            return self._text(row, name)
        if role == roles.ToolTipRole:
            return plain_tip(self._text(row, name))
        if role == roles.TextAlignmentRole:
            return _side(cases.is_number(name))
        if role == roles.ForegroundRole and name in ("doubt", "failure"):
            return QColor(theme.WARNING) if self._text(row, name) not in ("", "fits") else None
        if role == roles.DecorationRole and name == "case":
            return self._thumbnail(row)
        return None

    def _text(self, row: int, name: str) -> str:
        cases = self._cases
        assert cases is not None
        if self._store.identity.hidden and _tells_who(name, is_number=cases.is_number(name)):
            return f"Case {row + 1}" if name == "case" else "hidden"
        return cases.text(row, name)

    def _thumbnail(self, row: int) -> QIcon | None:
        assert self._cases is not None
        path = self._cases.paths[row]
        image = None if path is None else self._thumbnails.image(path)
        if image is None:
            return None
        rows, columns = image.shape
        pixels = np.ascontiguousarray(image)  # QImage keeps no reference to its bytes
        gray = QImage(pixels.data, columns, rows, columns, QImage.Format.Format_Grayscale8)
        made = QPixmap.fromImage(gray)
        made.setDevicePixelRatio(2.0)
        icon = QIcon(made)
        icon.addPixmap(made, QIcon.Mode.Selected)  # not tinted in a selected row
        return icon


def _tells_who(name: str, *, is_number: bool) -> bool:
    """Whether a column may name a patient: texts do, but known ones; numbers by the name of their column."""
    if not is_number:
        return name not in _OF_NOBODY
    plain = name.lower()
    return (
        plain in ("id", "case") or plain.endswith("_id") or any(each in plain for each in _NAMING)
    )


def _side(is_number: bool) -> Qt.AlignmentFlag:
    across = Qt.AlignmentFlag.AlignRight if is_number else Qt.AlignmentFlag.AlignLeft
    return across | Qt.AlignmentFlag.AlignVCenter
