"""``NotesPanel``: the reader's reading of the scan and comment on the prediction."""

from __future__ import annotations

from PySide6.QtCore import QSize
from PySide6.QtWidgets import QPlainTextEdit, QVBoxLayout, QWidget

from fusion3d_gui.state.case.notes import LONGEST_NOTE, Notes
from fusion3d_gui.state.store import Store
from fusion3d_gui.widgets.look import theme
from fusion3d_gui.widgets.look.plain_tip import plain_tip

_FEWEST_LINES, _MOST_LINES = 2, 8


class NoteInput(QPlainTextEdit):
    """Plain text of a few lines; grows with them, and Tab leaves it."""

    def __init__(self, name: str, hint: str) -> None:
        super().__init__()
        self.setPlaceholderText(hint)
        self.setAccessibleName(name)
        self.setToolTip(plain_tip(f"{name}: kept with the case, and part of what leaves"))
        self.setTabChangesFocus(True)
        self.document().setDocumentMargin(theme.GRID)
        self.textChanged.connect(self.updateGeometry)
        self.document().documentLayout().documentSizeChanged.connect(self.updateGeometry)

    def show_text(self, text: str) -> None:
        """Show a text, without moving the cursor where it is there already."""
        if text != self.toPlainText():
            self.setPlainText(text)

    @property
    def text(self) -> str:
        """The text, of bounded length."""
        return self.toPlainText()[:LONGEST_NOTE]

    def sizeHint(self) -> QSize:
        """As high as its lines, within bounds."""
        lines = round(self.document().size().height())
        shown = min(max(lines, _FEWEST_LINES), _MOST_LINES)
        frame = 2 * self.frameWidth() + 2 * round(self.document().documentMargin())
        return QSize(120, shown * self.fontMetrics().lineSpacing() + frame + 2)

    def minimumSizeHint(self) -> QSize:
        """The same: its panel scrolls, not the text."""
        return QSize(80, self.sizeHint().height())


class NotesPanel(QWidget):
    """Hidden without a case. What is typed is kept at once."""

    def __init__(self, store: Store, notes: Notes, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._store = store
        self._notes = notes
        self.reading = NoteInput("Reading", "What you see on the scan")
        self.comment = NoteInput("Comment", "On the prediction and its heatmap")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2 * theme.GRID)
        layout.addWidget(theme.section_title("Reading"))
        layout.addWidget(self.reading)
        layout.addWidget(theme.section_title("Comment"))
        layout.addWidget(self.comment)
        self.reading.textChanged.connect(lambda: notes.set_reading(self.reading.text))
        self.comment.textChanged.connect(lambda: notes.set_comment(self.comment.text))
        notes.changed.connect(self._show_notes)
        store.case_changed.connect(self._show_if_case)
        self._show_notes()
        self._show_if_case()

    def _show_notes(self) -> None:
        now = self._notes.now
        self.reading.show_text(now.reading)
        self.comment.show_text(now.comment)

    def _show_if_case(self) -> None:
        self.setVisible(self._store.case is not None)
