"""``MarkTextEditor``: a line edit over the image for a mark's text."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QPointF, Qt
from PySide6.QtGui import QFocusEvent, QKeyEvent
from PySide6.QtWidgets import QLineEdit, QWidget

from fusion3d_gui.imaging.annotations.annotation import Annotation
from fusion3d_gui.state.marks.annotations import Annotations
from fusion3d_gui.state.store import Store
from fusion3d_gui.widgets.look import theme

_WIDTH = 200
_LONGEST = 120


class MarkTextEditor(QLineEdit):
    """Return or a click elsewhere keeps the text, Escape discards it.

    What is typed is on the mark at once, so that nothing is lost if another case is opened meanwhile;
    all of it is one undo step.
    """

    def __init__(
        self, view: QWidget, at: QPointF, mark: Annotation, marks: Annotations, store: Store
    ) -> None:
        """Open over ``view`` beside ``at`` (px), the last point of ``mark``."""
        super().__init__(view)
        self._view, self._marks, self._number = view, marks, mark.number
        self._done = False
        self.setText(mark.text)
        self.setMaxLength(_LONGEST)
        self.setPlaceholderText("Type, then Return")
        self.setAccessibleName(f"Text of {mark.name}")
        self.setFont(theme.font())
        self.resize(_WIDTH, theme.CONTROL)
        self.move(
            round(min(max(at.x() + 10, 4), max(view.width() - _WIDTH - 4, 4))),
            round(min(max(at.y() + 6, 4), max(view.height() - theme.CONTROL - 4, 4))),
        )
        self.returnPressed.connect(self._keep)
        self.textEdited.connect(self._on_edited)
        # The mark may be deleted, or another case opened, while the reader is still typing.
        self._marks.changed.connect(self._on_marks_changed)
        store.case_changed.connect(self._end)
        self.show()
        self.setFocus()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Escape discards the text."""
        if event.key() == Qt.Key.Key_Escape:
            self._end()
            self._marks.cancel()
        else:
            super().keyPressEvent(event)

    def event(self, event: QEvent) -> bool:
        """Take Escape for the editor, not for the window's Cancel command."""
        if (
            event.type() == QEvent.Type.ShortcutOverride
            and isinstance(event, QKeyEvent)
            and event.key() == Qt.Key.Key_Escape
        ):
            event.accept()
            return True
        return super().event(event)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """Keep the text when the reader clicks elsewhere."""
        super().focusOutEvent(event)
        if event.reason() != Qt.FocusReason.PopupFocusReason:
            self._keep()

    def _on_marks_changed(self) -> None:
        if not self._done and self._marks.find(self._number) is None:
            self._end()

    def _on_edited(self, text: str) -> None:
        mark = self._marks.find(self._number)
        if mark is not None:
            self._marks.preview(mark.with_text(text.strip()))

    def _keep(self) -> None:
        if not self._done:
            self._end()
            self._marks.settle()

    def _end(self) -> None:
        if self._done:
            return
        self._done = True
        had_focus = self.hasFocus()
        self.hide()
        self.deleteLater()
        if had_focus:
            self._view.setFocus()
