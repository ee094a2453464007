"""``NumberBox``: an input for a number that keeps every text typed into it, with the unit at its right."""

from __future__ import annotations

from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QWidget

from fusion3d_gui.model.schema import Field
from fusion3d_gui.state.case.entry import Entry
from fusion3d_gui.widgets.look import theme

_LONGEST = 24
_STEPS = {Qt.Key.Key_Up: 1, Qt.Key.Key_Down: -1}


class NumberBox(QLineEdit):
    """Empty is 'not given'; arrow up and down step through the allowed range.

    A text that the field does not allow stays as it was typed; :meth:`set_refused` shows it red.
    """

    def __init__(self, field: Field, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._field = field
        self.setMaxLength(_LONGEST)
        self.setPlaceholderText("Not given")
        self.setFixedHeight(theme.CONTROL)
        if field.unit:
            unit = theme.label(field.unit, color=theme.FAINT)
            unit.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
            inside = QHBoxLayout(self)
            inside.setContentsMargins(0, 0, 10, 0)
            inside.addStretch(1)
            inside.addWidget(unit)

    @property
    def given(self) -> float | None:
        """The number; None when empty, or refused."""
        value = Entry.typed(self._field, self.text()).value
        return None if value is None else float(value)

    def set_refused(self, refused: bool) -> None:
        """Show the text in red, or as usual."""
        if bool(self.property("refused")) != refused:
            self.setProperty("refused", refused)
            self.style().unpolish(self)
            self.style().polish(self)

    def event(self, event: QEvent) -> bool:
        """Claim the arrow keys, which change slices elsewhere in the window."""
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.ShortcutOverride:
            claimed = event.key() in _STEPS and not event.modifiers()
            event.setAccepted(claimed)
            if claimed:
                return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Step by one unit of the last digit shown; the first step from 'not given' goes to a typical value."""
        steps = _STEPS.get(Qt.Key(event.key()))
        if steps is None or event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier:
            super().keyPressEvent(event)
            return
        self._step(steps)

    def _step(self, steps: int) -> None:
        field, given = self._field, self.given
        low = -float("inf") if field.minimum is None else field.minimum
        high = float("inf") if field.maximum is None else field.maximum
        if not self.text().strip():
            wanted = field.mean
        elif given is not None:
            wanted = given + steps * 10.0**-field.decimals
        else:
            return  # nothing to step from
        self.setText(f"{min(max(wanted, low), high):.{field.decimals}f}")
        self.textEdited.emit(self.text())
