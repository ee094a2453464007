"""``Segments``: a row of buttons in one frame, for few choices that are all in sight."""

from __future__ import annotations

from PySide6.QtWidgets import QButtonGroup, QFrame, QHBoxLayout, QPushButton, QSizePolicy, QWidget

from fusion3d_gui.widgets.look import theme


class Segments(QFrame):
    """Buttons of equal width that stay down; ``exclusive``: one of them at a time, always one."""

    def __init__(self, *, exclusive: bool = True, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("segments", True)
        self.setFixedHeight(theme.CONTROL)
        self._row = QHBoxLayout(self)
        self._row.setContentsMargins(2, 2, 2, 2)
        self._row.setSpacing(2)
        self._group = QButtonGroup(self)
        self._group.setExclusive(exclusive)

    def add(self, text: str, tip: str = "") -> QPushButton:
        """Another button, at the end."""
        button = QPushButton(text)
        button.setProperty("segment", True)
        button.setCheckable(True)
        button.setToolTip(tip)
        button.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self._group.addButton(button)
        self._row.addWidget(button, 1)
        return button
