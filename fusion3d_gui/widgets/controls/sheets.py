"""``Sheets``: widgets in one place, one at a time, chosen by a row of buttons."""

from __future__ import annotations

from PySide6.QtWidgets import QPushButton, QStackedWidget, QWidget

from fusion3d_gui.widgets.controls.segments import Segments


class Sheets(QStackedWidget):
    """Shows the first sheet that was added; :attr:`choice` goes wherever the page wants its buttons."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.choice = Segments()

    def add(self, sheet: QWidget, title: str, tip: str) -> QPushButton:
        """Append a sheet; returns the button that chooses it."""
        self.addWidget(sheet)
        button = self.choice.add(title, tip)
        button.setChecked(self.count() == 1)
        button.clicked.connect(lambda: self.setCurrentWidget(sheet))
        return button
