"""``Segments``: a segmented control, a row of checkable buttons in one frame."""

from __future__ import annotations

from PySide6.QtWidgets import QButtonGroup, QFrame, QHBoxLayout, QPushButton, QSizePolicy, QWidget

from fusion3d_gui.widgets.look import theme
from fusion3d_gui.widgets.look.plain_tip import plain_tip


class Segments(QFrame):
    """Checkable buttons of equal width; ``exclusive``: exactly one of them is checked."""

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
        """Append a button."""
        button = QPushButton(text)
        button.setProperty("segment", True)
        button.setCheckable(True)
        button.setToolTip(plain_tip(tip))
        button.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self._group.addButton(button)
        self._row.addWidget(button, 1)
        return button

    def set_chosen(self, button: QPushButton | None) -> None:
        """Check a button alone; None: none is checked, also where one must be once it was chosen."""
        exclusive = self._group.exclusive()
        self._group.setExclusive(False)
        for each in self._group.buttons():
            each.setChecked(each is button)
        self._group.setExclusive(exclusive)
