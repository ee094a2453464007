"""``NoticeStrip``: notices over the lower edge of the images, which they never move."""

from __future__ import annotations

from PySide6.QtCore import QElapsedTimer, QEvent, QObject, Qt, QTimer
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from fusion3d_gui.state.notice import Level, Notice
from fusion3d_gui.widgets.look import theme

_AT_MOST = 3
#: Information and warnings disappear by themselves after so long (ms); a warning about the scan also stands on
#: the images.
_STAYS_MS: dict[Level, int] = {"info": 12_000, "warning": 25_000}
_WORDS: dict[Level, str] = {"warning": "Warning", "error": "Error"}
_WIDTH, _ABOVE_EDGE, _BESIDE = 620, 44, 20
#: Clicks so soon (ms) after a notice has come or gone were meant for what was there before: they do nothing.
_GRACE_MS = 600


class NoticeStrip(QWidget):
    """Notices over ``over``, newest first, the oldest behind a button. Errors stay until they are closed.

    The place of a notice that has just gone takes clicks for a moment longer, so that none moves the
    crosshair.
    """

    def __init__(self, over: QWidget) -> None:
        super().__init__(over)
        self._over = over
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(3)
        self._layout.addStretch(1)
        self._shown: list[_Row] = []
        self.more_button = QPushButton()
        self.more_button.setCheckable(True)
        self.more_button.setAccessibleName("More notices")
        self.more_button.setToolTip("Show all that there is to say, or the newest alone")
        self.more_button.toggled.connect(self._show_rows)
        self._layout.addWidget(self.more_button, 0, Qt.AlignmentFlag.AlignLeft)
        self._grace = QTimer(self)
        self._grace.setSingleShot(True)
        self._grace.setInterval(_GRACE_MS)
        self._grace.timeout.connect(self._fit)
        over.installEventFilter(self)
        self.hide()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Stay at the lower edge of what it lies over."""
        if event.type() == QEvent.Type.Resize:
            self._fit()
        return False

    @property
    def texts(self) -> list[str]:
        """The notices, newest first."""
        return [row.notice.text for row in self._shown]

    def add(self, notice: Notice) -> None:
        """Show a notice, unless the same sentence is shown already."""
        for row in list(self._shown):
            if row.notice == notice:
                self._remove(row)
        row = _Row(notice)
        row.close_button.clicked.connect(lambda: self._on_close_clicked(row))
        self._layout.insertWidget(1, row)
        self._shown.insert(0, row)
        self._show_rows()
        self._leave_later(row)
        self.show()
        self._fit()
        self.lift()

    def clear(self) -> None:
        """Remove all notices at once."""
        for row in list(self._shown):
            self._remove(row)
        self._fit()

    def lift(self) -> None:
        """Lie above pages that have come to the front since."""
        self.raise_()

    def _leave_later(self, row: _Row) -> None:
        stays_ms = _STAYS_MS.get(row.notice.level)
        if stays_ms is not None:
            QTimer.singleShot(stays_ms, row, lambda: self._on_time_over(row))

    def _on_time_over(self, row: _Row) -> None:
        if self.underMouse():
            self._leave_later(row)  # it is being read, or about to be clicked
        else:
            self._remove(row)

    def _on_close_clicked(self, row: _Row) -> None:
        if row.age.elapsed() >= _GRACE_MS:
            self._remove(row)

    def _remove(self, row: _Row) -> None:
        if row not in self._shown:
            return
        self._shown.remove(row)
        self._layout.removeWidget(row)
        row.hide()
        row.deleteLater()
        self._grace.start()
        self._show_rows()

    def _show_rows(self) -> None:
        """Show the newest notices, or all of them where the user asked for them."""
        behind = len(self._shown) - _AT_MOST
        for number, row in enumerate(self._shown):
            row.setVisible(number < _AT_MOST or self.more_button.isChecked())
        self.more_button.setVisible(behind > 0)
        text = "Fewer notices" if self.more_button.isChecked() else f"{behind} more"
        self.more_button.setText(text)
        if not self._grace.isActive():
            self._fit()

    def _fit(self) -> None:
        """Be as high as the notices need, with the lower edge in place; hidden without notices."""
        if not self._shown:
            self.hide()
            return
        self._grace.stop()
        over = self._over
        width = min(theme.px(_WIDTH), over.width() - 2 * _BESIDE)
        self._layout.invalidate()
        height = min(self._layout.totalHeightForWidth(width), over.height() - _ABOVE_EDGE)
        left = (over.width() - width) // 2
        self.setGeometry(left, over.height() - _ABOVE_EDGE - height, width, height)


class _Row(QFrame):
    def __init__(self, notice: Notice) -> None:
        super().__init__()
        self.notice = notice
        self.age = QElapsedTimer()
        self.age.start()
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
        layout.setSpacing(12)
        word = _WORDS.get(notice.level)
        if word is not None:
            color = theme.ERROR if notice.level == "error" else theme.WARNING
            layout.addWidget(theme.label(word, color=color, medium=True))
        layout.addWidget(text, 1)
        layout.addWidget(self.close_button, 0, Qt.AlignmentFlag.AlignTop)
