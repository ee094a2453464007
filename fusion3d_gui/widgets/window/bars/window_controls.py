"""``WindowControls``: the window level, as a preset and in numbers."""

from __future__ import annotations

import math

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDoubleSpinBox, QHBoxLayout, QWidget

from fusion3d_gui.state.display.window_level import WindowLevel
from fusion3d_gui.widgets.charts.window_histogram import WindowHistogram
from fusion3d_gui.widgets.controls.fields import NoScrollComboBox
from fusion3d_gui.widgets.look import theme
from fusion3d_gui.widgets.look.plain_tip import plain_tip

_CUSTOM = "Custom"


class WindowControls(QWidget):
    """A combo box of presets, then centre and width in real values."""

    def __init__(self, window_level: WindowLevel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._state = window_level
        self.histogram = WindowHistogram(window_level)
        self.presets = NoScrollComboBox()
        self.presets.setFixedWidth(156)
        self.presets.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.presets.setAccessibleName("Window preset")
        self.presets.setToolTip("Window presets (keys 1 to 9, 0)")
        self.center = _ValueBox("Window centre")
        self.width_box = _ValueBox("Window width")
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        layout.addWidget(self.histogram)
        layout.addSpacing(6)
        layout.addWidget(self.presets)
        #: Centre and width in numbers; a narrow window has no room for them.
        self.numbers = QWidget()
        in_numbers = QHBoxLayout(self.numbers)
        in_numbers.setContentsMargins(6, 0, 0, 0)
        in_numbers.setSpacing(6)
        for letter, box in (("C", self.center), ("W", self.width_box)):
            in_numbers.addWidget(theme.label(letter, color=theme.MUTED))
            in_numbers.addWidget(box)
        layout.addWidget(self.numbers)
        self._connect()
        self._on_presets_changed()

    def _connect(self) -> None:
        self._state.presets_changed.connect(self._on_presets_changed)
        self._state.changed.connect(self._on_changed)
        self.presets.activated.connect(self._state.apply_preset)
        for box in (self.center, self.width_box):
            box.valueChanged.connect(self._on_typed)

    def _on_typed(self) -> None:
        window = self._state.window.reshaped(self.center.value(), self.width_box.value())
        self._state.choose(window)

    def _on_presets_changed(self) -> None:
        self.presets.clear()
        self.presets.addItems([preset.title for preset in self._state.presets])
        self._on_changed()

    def _on_changed(self) -> None:
        state = self._state
        window, preset = state.window, state.preset
        custom = self.presets.findText(_CUSTOM)
        if preset is not None:
            if custom >= 0:
                self.presets.removeItem(custom)
            self.presets.setCurrentIndex(state.presets.index(preset))
        elif state.presets:
            if custom < 0:
                self.presets.addItem(_CUSTOM)
            self.presets.setCurrentIndex(self.presets.count() - 1)
        # Enough decimals to show a step of a hundredth of the width.
        decimals = min(6, max(0, 2 - math.floor(math.log10(window.width))))
        for box, value in ((self.center, window.center), (self.width_box, window.width)):
            box.blockSignals(True)
            box.setDecimals(decimals if window.width < 10 else 0)
            box.setSingleStep(window.width / 50 if window.width < 50 else round(window.width / 50))
            box.setValue(value)
            box.blockSignals(False)


class _ValueBox(QDoubleSpinBox):
    def __init__(self, name: str) -> None:
        super().__init__()
        self.setButtonSymbols(QDoubleSpinBox.ButtonSymbols.NoButtons)
        self.setRange(-1e9, 1e9)
        self.setKeyboardTracking(False)
        self.setFixedSize(72, theme.CONTROL)
        self.lineEdit().setTextMargins(7, 0, 0, 0)
        self.setAccessibleName(name)
        self.setToolTip(plain_tip(name))
