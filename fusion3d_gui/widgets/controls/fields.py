"""Input widgets for one metadata value each, all with an explicit 'not given'."""

from __future__ import annotations

import math

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QPaintEvent, QValidator, QWheelEvent
from PySide6.QtWidgets import (
    QComboBox,
    QDoubleSpinBox,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QStyle,
    QStyleOptionComboBox,
    QStylePainter,
    QWidget,
)

from fusion3d_gui.model.schema import Field, Value
from fusion3d_gui.widgets.controls.segments import Segments
from fusion3d_gui.widgets.look import theme

_NOT_GIVEN = "Not given"


class FieldInput(QWidget):
    """Base class of the inputs; ``edited`` carries the new value, None for 'not given'."""

    edited = Signal(object)

    def set_value(self, value: Value) -> None:
        """Show a value without emitting ``edited``."""
        raise NotImplementedError


def field_input(field: Field) -> FieldInput:
    """The input widget for a field's kind."""
    kinds: dict[str, type[NumberInput] | type[ChoiceInput] | type[TernaryInput]] = {
        "number": NumberInput,
        "category": ChoiceInput,
        "boolean": TernaryInput,
    }
    return kinds[field.kind](field)


class NumberInput(FieldInput):
    """A spin box with its unit; an empty one is 'not given'."""

    def __init__(self, field: Field, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.box = _NumberBox(field)
        self.box.setAccessibleName(field.label)
        layout = _row(self)
        layout.addWidget(self.box)
        if field.unit:
            unit = QLabel(field.unit, self.box)
            unit.setFont(theme.font())
            theme.set_color(unit, theme.FAINT)
            inside = QHBoxLayout(self.box)
            inside.setContentsMargins(0, 0, 10, 0)
            inside.addStretch(1)
            inside.addWidget(unit)
            unit.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setFocusProxy(self.box)
        self.box.valueChanged.connect(lambda: self.edited.emit(self.box.given))

    def set_value(self, value: Value) -> None:
        self.box.blockSignals(True)
        self.box.setValue(self.box.minimum() if value is None else float(value))
        self.box.blockSignals(False)


class _NumberBox(QDoubleSpinBox):
    """Its minimum, one step below the allowed range, stands for 'not given' and shows as empty."""

    def __init__(self, field: Field) -> None:
        super().__init__()
        low = -1e9 if field.minimum is None else field.minimum
        high = 1e9 if field.maximum is None else field.maximum
        step = 10.0**-field.decimals
        self._typical = field.mean if low <= field.mean <= high else low
        self.setDecimals(field.decimals)
        self.setRange(low - step, high)
        self.setSingleStep(step)
        self.setButtonSymbols(QDoubleSpinBox.ButtonSymbols.NoButtons)
        self.setFixedHeight(theme.CONTROL)
        self.lineEdit().setTextMargins(7, 0, 0, 0)
        self.lineEdit().setPlaceholderText(_NOT_GIVEN)
        self.setKeyboardTracking(True)
        self.setValue(self.minimum())

    @property
    def given(self) -> float | None:
        """The value, None when empty."""
        return None if self._is_unset(self.value()) else self.value()

    def _is_unset(self, value: float) -> bool:
        return math.isclose(value, self.minimum(), abs_tol=self.singleStep() / 4)

    def textFromValue(self, value: float) -> str:
        return "" if self._is_unset(value) else super().textFromValue(value)

    def valueFromText(self, text: str) -> float:
        return self.minimum() if not text.strip() else super().valueFromText(text)

    def validate(self, text: str, position: int) -> tuple[QValidator.State, str, int]:
        if not text.strip():
            return QValidator.State.Acceptable, text, position
        state, text, position = super().validate(text, position)
        return state, text, position

    def stepBy(self, steps: int) -> None:
        """The first step from 'not given' goes to a typical value, not to the lowest."""
        if self.given is None:
            self.setValue(self._typical)
        else:
            self.setValue(max(self.value() + steps * self.singleStep(), self._lowest))

    @property
    def _lowest(self) -> float:
        return self.minimum() + self.singleStep()

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Ignore the wheel: scrolling the panel must not change a patient's value."""
        event.ignore()


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

    def set_value(self, value: Value) -> None:
        self.box.blockSignals(True)
        self.box.setCurrentIndex(max(0, self.box.findData(value)))
        self.box.blockSignals(False)
        self._mark()

    def _on_index_changed(self) -> None:
        self._mark()
        self.edited.emit(self.box.currentData())

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
            button.clicked.connect(lambda _=False, chosen=value: self.edited.emit(chosen))
        self.buttons[None].setChecked(True)
        _row(self).addWidget(row)

    def set_value(self, value: Value) -> None:
        self.buttons[None if value is None else bool(value)].setChecked(True)


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
