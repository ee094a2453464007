"""``FactGroup``: a heading over facts, each a name and its value, to be scanned rather than read."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtGui import QFont
from PySide6.QtWidgets import QGridLayout, QWidget

from fusion3d_gui.widgets.look import theme

Fact = tuple[str, str]


class FactGroup(QWidget):
    """Names at the left, values at the right; hidden while there is no fact."""

    def __init__(self, title: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._facts: tuple[Fact, ...] = ()
        heading = theme.label(title, size=12)
        theme.set_font(heading, 12, QFont.Weight.DemiBold)
        heading.setWordWrap(True)
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, theme.GRID, 0, 0)
        self._grid.setHorizontalSpacing(3 * theme.GRID)
        self._grid.setVerticalSpacing(2)
        self._grid.setColumnStretch(0, 1)
        self._grid.addWidget(heading, 0, 0, 1, 2)
        self._title = title
        self.hide()

    @property
    def facts(self) -> tuple[Fact, ...]:
        """What is shown: names with their values."""
        return self._facts

    def show_facts(self, facts: Sequence[Fact]) -> None:
        """Show these names and values."""
        self.setVisible(bool(facts))
        if self._facts == tuple(facts):
            return
        self._facts = tuple(facts)
        while self._grid.count() > 1:
            item = self._grid.takeAt(1)
            widget = None if item is None else item.widget()
            if widget is not None:
                widget.hide()
                widget.deleteLater()
        for row, (name, value) in enumerate(self._facts, start=1):
            label = theme.label(name, size=12, color=theme.MUTED)
            label.setWordWrap(True)
            self._grid.addWidget(label, row, 0, Qt.AlignmentFlag.AlignTop)
            right = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignTop
            self._grid.addWidget(theme.label(value, size=12), row, 1, right)
        told = "; ".join(f"{name}: {value}" for name, value in self._facts)
        self.setAccessibleName(f"{self._title}. {told}")
