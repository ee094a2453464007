"""``ReferenceTable``: this case beside the reference case, against which contributions are measured."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGridLayout, QWidget

from fusion3d_gui.widgets.look import theme

_TIP = (
    "The reference case has the mean features of the training images, and of each clinical value the median "
    "or the most frequent one in training. A contribution is the change of the logit from there to this case."
)


class ComparedRow(NamedTuple):
    """One line: what it is, in this case, in the reference case."""

    name: str
    own: str
    reference: str


class ReferenceTable(QWidget):
    """Three columns; a value that differs from the reference case's stands out."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(3 * theme.GRID)
        self._grid.setVerticalSpacing(2)
        self._grid.setColumnStretch(1, 1)
        self._grid.setColumnStretch(2, 1)
        self._shown: tuple[ComparedRow, ...] = ()
        self.setToolTip(_TIP)

    @property
    def rows(self) -> tuple[ComparedRow, ...]:
        """What is shown."""
        return self._shown

    def show_rows(self, rows: Sequence[ComparedRow]) -> None:
        """Show these."""
        if self._shown == tuple(rows):
            return
        self._shown = tuple(rows)
        while self._grid.count():
            item = self._grid.takeAt(0)
            widget = None if item is None else item.widget()
            if widget is not None:
                widget.hide()
                widget.deleteLater()
        self._add(0, ("", "This case", "Reference case"), (theme.FAINT,) * 3)
        for number, row in enumerate(self._shown, start=1):
            differs = row.own != row.reference
            self._add(
                number, row, (theme.MUTED, theme.TEXT if differs else theme.MUTED, theme.MUTED)
            )
        self.setAccessibleName(
            "; ".join(f"{row.name}: {row.own}, reference {row.reference}" for row in self._shown)
        )

    def _add(self, number: int, texts: Sequence[str], colors: Sequence[str]) -> None:
        for column, (text, color) in enumerate(zip(texts, colors, strict=True)):
            label = theme.label(text, size=theme.SMALL, color=color)
            label.setWordWrap(column > 0)
            self._grid.addWidget(label, number, column, Qt.AlignmentFlag.AlignTop)
