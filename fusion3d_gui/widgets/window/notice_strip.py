"""``NoticeStrip``: notices above the images, shown until they are closed."""

from __future__ import annotations

from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from fusion3d_gui.state.notice import Notice
from fusion3d_gui.widgets.look import theme

_AT_MOST = 3
_INFO_STAYS_MS = 12_000


class NoticeStrip(QWidget):
    """Notices, newest first, the oldest behind a button. Information disappears by itself, errors stay."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(1)
        self._shown: list[_Row] = []
        self.more_button = QPushButton()
        self.more_button.setProperty("quiet", True)
        self.more_button.setCheckable(True)
        self.more_button.setAccessibleName("More notices")
        self.more_button.setToolTip("Show all that there is to say, or the newest alone")
        self.more_button.toggled.connect(self._show_rows)
        self._layout.addWidget(self.more_button)
        self.hide()

    @property
    def texts(self) -> list[str]:
        """The notices, newest first."""
        return [row.notice.text for row in self._rows()]

    def add(self, notice: Notice) -> None:
        """Show a notice, unless the same sentence is shown already."""
        for row in self._rows():
            if row.notice == notice:
                self._remove(row)
        row = _Row(notice)
        row.close_button.clicked.connect(lambda: self._remove(row))
        self._layout.insertWidget(0, row)
        self._shown.insert(0, row)
        self._show_rows()
        if notice.level == "info":
            QTimer.singleShot(_INFO_STAYS_MS, row, lambda: self._remove(row))
        self.show()

    def clear(self) -> None:
        """Remove all notices."""
        for row in self._rows():
            self._remove(row)

    def _rows(self) -> list[_Row]:
        return list(self._shown)

    def _remove(self, row: _Row) -> None:
        if row not in self._shown:
            return
        self._shown.remove(row)
        self._layout.removeWidget(row)
        row.hide()
        row.deleteLater()
        self._show_rows()
        self.setVisible(bool(self._rows()))

    def _show_rows(self) -> None:
        """Show the newest notices, or all of them where the user asked for them."""
        behind = len(self._shown) - _AT_MOST
        for number, row in enumerate(self._shown):
            row.setVisible(number < _AT_MOST or self.more_button.isChecked())
        self.more_button.setVisible(behind > 0)
        text = "Fewer notices" if self.more_button.isChecked() else f"{behind} more"
        self.more_button.setText(text)


class _Row(QFrame):
    def __init__(self, notice: Notice) -> None:
        super().__init__()
        self.notice = notice
        self.setObjectName("notice")
        self.setProperty("level", notice.level)
        text = theme.label(notice.text)
        text.setWordWrap(True)
        text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.close_button = QPushButton("×")
        self.close_button.setFont(theme.font(18))
        self.close_button.setProperty("quiet", True)
        self.close_button.setAccessibleName("Close this notice")
        self.close_button.setToolTip("Close this notice")
        layout = QHBoxLayout(self)
        layout.setContentsMargins(12, 7, 8, 7)
        layout.addWidget(text, 1)
        layout.addWidget(self.close_button, 0, Qt.AlignmentFlag.AlignTop)
