"""Input widgets for one metadata value each, all with an explicit 'not given'."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QPaintEvent, QWheelEvent
from PySide6.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QPushButton,
    QSizePolicy,
    QStyle,
    QStyleOptionComboBox,
    QStylePainter,
    QWidget,
)

from fusion3d_gui.model.schema import Field
from fusion3d_gui.state.case.entry import Entry
from fusion3d_gui.widgets.controls.number_box import NumberBox
from fusion3d_gui.widgets.controls.segments import Segments
from fusion3d_gui.widgets.look import theme

_NOT_GIVEN = "Not given"


class FieldInput(QWidget):
    """Base class of the inputs.

    ``chosen`` carries a new value, None for 'not given'; ``typed`` a text that may be none.
    """

    chosen = Signal(object)
    typed = Signal(str)

    def show_entry(self, entry: Entry) -> None:
        """Show an entry without emitting a signal."""
        raise NotImplementedError

    def set_refused(self, refused: bool) -> None:
        """Show what was typed as refused, or as usual; what is chosen never is."""


def field_input(field: Field) -> FieldInput:
    """The input widget for a field's kind."""
    kinds: dict[str, type[NumberInput] | type[ChoiceInput] | type[TernaryInput]] = {
        "number": NumberInput,
        "category": ChoiceInput,
        "boolean": TernaryInput,
    }
    return kinds[field.kind](field)


class NumberInput(FieldInput):
    """A line for a number, with its unit; an empty one is 'not given'."""

    def __init__(self, field: Field, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._field = field
        self.box = NumberBox(field)
        self.box.setAccessibleName(field.label)
        _row(self).addWidget(self.box)
        self.setFocusProxy(self.box)
        self.box.textEdited.connect(self.typed)

    def show_entry(self, entry: Entry) -> None:
        if entry.text or entry.value is None:
            self.box.setText(entry.text)
        else:
            self.box.setText(self._field.number_text(float(entry.value)))
        self.set_refused(bool(entry.refusal))

    def set_refused(self, refused: bool) -> None:
        self.box.set_refused(refused)


class ChoiceInput(FieldInput):
    """A combo box whose first entry is 'not given'."""

    def __init__(self, field: Field, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.box = NoScrollComboBox()
        self.box.setAccessibleName(field.label)
        self.box.addItem(_NOT_GIVEN, None)
        for value, label in field.choices:
            self.box.addItem(label, value)
        _row(self).addWidget(self.box)
        self.setFocusProxy(self.box)
        self._mark()
        self.box.currentIndexChanged.connect(self._on_index_changed)

    def show_entry(self, entry: Entry) -> None:
        self.box.blockSignals(True)
        self.box.setCurrentIndex(max(0, self.box.findData(entry.value)))
        self.box.blockSignals(False)
        self._mark()

    def _on_index_changed(self) -> None:
        self._mark()
        self.chosen.emit(self.box.currentData())

    def _mark(self) -> None:
        self.box.setProperty("unset", self.box.currentIndex() == 0)
        self.box.style().unpolish(self.box)
        self.box.style().polish(self.box)


class TernaryInput(FieldInput):
    """Yes, no or unknown, as three exclusive buttons."""

    def __init__(self, field: Field, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        row = Segments()
        self.buttons: dict[bool | None, QPushButton] = {}
        choices: tuple[tuple[bool | None, str], ...] = (
            (True, "Yes"),
            (False, "No"),
            (None, "Unknown"),
        )
        for value, text in choices:
            button = self.buttons[value] = row.add(text)
            button.setAccessibleName(f"{field.label}: {text}")
            button.clicked.connect(lambda _=False, chosen=value: self.chosen.emit(chosen))
        self.buttons[None].setChecked(True)
        _row(self).addWidget(row)

    def show_entry(self, entry: Entry) -> None:
        self.buttons[None if entry.value is None else bool(entry.value)].setChecked(True)


class NoScrollComboBox(QComboBox):
    """A combo box that ignores the wheel: scrolling the panel must not change its value."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(8)
        self.setFixedHeight(theme.CONTROL)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def wheelEvent(self, event: QWheelEvent) -> None:
        event.ignore()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint as Qt does, with an ellipsis where the text is too long."""
        painter, option = QStylePainter(self), QStyleOptionComboBox()
        self.initStyleOption(option)
        field = QStyle.SubControl.SC_ComboBoxEditField
        room = self.style().subControlRect(QStyle.ComplexControl.CC_ComboBox, option, field, self)
        option.currentText = option.fontMetrics.elidedText(
            option.currentText, Qt.TextElideMode.ElideRight, room.width() - 4
        )
        painter.drawComplexControl(QStyle.ComplexControl.CC_ComboBox, option)
        painter.drawControl(QStyle.ControlElement.CE_ComboBoxLabel, option)


def _row(widget: QWidget) -> QHBoxLayout:
    layout = QHBoxLayout(widget)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(8)
    return layout
