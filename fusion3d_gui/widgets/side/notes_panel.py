"""``NotesPanel``: the reader's reading and comment, and signs about what left and what is of another scan."""

from __future__ import annotations

from PySide6.QtCore import QSize
from PySide6.QtWidgets import QPlainTextEdit, QVBoxLayout, QWidget

from fusion3d_gui.state.case.notes import LONGEST_NOTE, Notes
from fusion3d_gui.state.export.left import LeftResults
from fusion3d_gui.state.kept.work_keeper import WorkKeeper
from fusion3d_gui.state.store import Store
from fusion3d_gui.widgets.look import theme

_FEWEST_LINES, _MOST_LINES = 2, 8


class NoteInput(QPlainTextEdit):
    """Plain text of a few lines; grows with them, and Tab leaves it."""

    def __init__(self, name: str, hint: str) -> None:
        super().__init__()
        self.setPlaceholderText(hint)
        self.setAccessibleName(name)
        self.setToolTip(f"{name}: kept with the case, and part of what leaves")
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

    def __init__(
        self,
        store: Store,
        notes: Notes,
        left: LeftResults,
        keeper: WorkKeeper,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._store = store
        self._notes = notes
        self._left = left
        self._keeper = keeper
        #: That the form is no longer as it was when a result left.
        self.mismatch = theme.label(size=12, color=theme.WARNING, medium=True)
        #: Predictions that came with the case, of other voxels.
        self.other_scan = theme.label(size=12, color=theme.MUTED)
        self.reading = NoteInput("Reading", "What you see on the scan")
        self.comment = NoteInput("Comment", "On the prediction and its heatmap")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2 * theme.GRID)
        for sign in (self.mismatch, self.other_scan):
            sign.setWordWrap(True)
            layout.addWidget(sign)
        layout.addWidget(theme.section_title("Reading"))
        layout.addWidget(self.reading)
        layout.addWidget(theme.section_title("Comment"))
        layout.addWidget(self.comment)
        self.reading.textChanged.connect(lambda: notes.set_reading(self.reading.text))
        self.comment.textChanged.connect(lambda: notes.set_comment(self.comment.text))
        notes.changed.connect(self._show_notes)
        for signal in (
            left.changed,
            store.prediction_changed,
            store.case_changed,
            keeper.restored,
        ):
            signal.connect(self._show_signs)
        self._show_notes()
        self._show_signs()

    def _show_notes(self) -> None:
        now = self._notes.now
        self.reading.show_text(now.reading)
        self.comment.show_text(now.comment)

    def _show_signs(self) -> None:
        self.setVisible(self._store.case is not None)
        mismatch = self._left.mismatch if self._store.case is not None else ""
        self.mismatch.setText(mismatch)
        self.mismatch.setVisible(bool(mismatch))
        others = [each.text for each in self._keeper.predictions_of_other_scans]
        self.other_scan.setText(f"Of another scan, whose voxels differ: {'; '.join(others)}.")
        self.other_scan.setVisible(bool(others))
