"""``LookBar``: preset, level and cut of the 3D view; ``VolumeCell``: the view with its bar."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QGridLayout, QLabel, QSlider, QVBoxLayout, QWidget

from fusion3d_gui.state.display.display import Display
from fusion3d_gui.widgets.controls.fields import NoScrollComboBox
from fusion3d_gui.widgets.look import theme
from fusion3d_gui.widgets.look.plain_tip import plain_caption, plain_tip
from fusion3d_gui.widgets.volume.look_text import SIDE_NAMES
from fusion3d_gui.widgets.volume.volume_view import VolumeView

_CUSTOM = "Custom"
_WHOLE = "Nothing cut"
#: The sliders have so many steps.
_STEPS = 1000


class LookBar(QFrame):
    """How the volume is shown in 3D: what is chosen goes to the display's ``volume_look``."""

    def __init__(self, display: Display, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("look")
        self._display = display
        self.presets = _choice("3D preset", "How 3D shows the volume")
        self.sides = _choice("Cut from", "Cut a side of the patient away to see what lies inside")
        self.sides.addItem(_WHOLE, None)
        for side, name in SIDE_NAMES.items():
            self.sides.addItem(f"Cut from {name}", side)
        self.surface_level = _slider(
            "Level of the surface",
            "Value at which the surface in 3D lies, or tissue becomes opaque",
        )
        self.cut_depth = _slider("Depth of the cut", "How much is cut away from this side")
        self._level_text = _number("−1000 HU")
        self._depth_text = _number("1000 mm")
        grid = QGridLayout(self)
        grid.setContentsMargins(2 * theme.GRID, theme.GRID, 2 * theme.GRID, theme.GRID)
        grid.setHorizontalSpacing(2 * theme.GRID)
        grid.setVerticalSpacing(theme.GRID)
        rows = (
            (self.presets, self.surface_level, self._level_text),
            (self.sides, self.cut_depth, self._depth_text),
        )
        for row, widgets in enumerate(rows):
            for column, widget in enumerate(widgets):
                grid.addWidget(widget, row, column)
        grid.setColumnStretch(0, 2)
        grid.setColumnStretch(1, 3)
        self._connect()
        self.show_look()

    def _connect(self) -> None:
        look = self._display.volume_look
        look.changed.connect(self.show_look)
        self._display.window_level.changed.connect(self.show_look)
        self.presets.activated.connect(self._on_preset_chosen)
        self.sides.activated.connect(lambda n: look.cut_from(self.sides.itemData(n)))
        self.surface_level.valueChanged.connect(self._on_level_moved)
        self.cut_depth.valueChanged.connect(
            lambda step: look.set_depth(step / _STEPS * look.deepest_mm)
        )

    def _on_preset_chosen(self, number: int) -> None:
        look = self._display.volume_look
        if number < len(look.presets):
            look.apply(look.presets[number])

    def _on_level_moved(self, step: int) -> None:
        low, high = self._display.volume_look.range
        self._display.volume_look.set_level(low + step / _STEPS * (high - low))

    def show_look(self) -> None:
        """Show how the volume is shown now."""
        look = self._display.volume_look
        titles = [plain_caption(preset.title) for preset in look.presets]
        now = look.preset
        if now is None:
            titles.append(_CUSTOM)
        if titles != [self.presets.itemText(n) for n in range(self.presets.count())]:
            self.presets.clear()
            self.presets.addItems(titles)
        self.presets.setCurrentIndex(len(titles) - 1 if now is None else look.presets.index(now))
        self.sides.setCurrentIndex(self.sides.findData(look.cut))
        level = look.level_under(self._display.window_level.window)
        low, high = look.range
        _show(self.surface_level, (level - low) / (high - low))
        self.surface_level.setEnabled(look.takes_level)
        self._level_text.setText(f"{level:.4g} {look.unit}".rstrip() if look.takes_level else "")
        _show(self.cut_depth, look.depth_mm / look.deepest_mm if look.deepest_mm else 0.0)
        self.cut_depth.setEnabled(look.cut is not None)
        self._depth_text.setText("" if look.cut is None else f"{look.depth_mm:.0f} mm")


class VolumeCell(QWidget):
    """The 3D view above its bar."""

    def __init__(self, view: VolumeView, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        self.bar = LookBar(view.display)
        layout.addWidget(view, 1)
        layout.addWidget(self.bar)


def _choice(name: str, tip: str) -> NoScrollComboBox:
    box = NoScrollComboBox()
    box.setFocusPolicy(Qt.FocusPolicy.TabFocus)
    box.setAccessibleName(name)
    box.setToolTip(plain_tip(tip))
    return box


def _slider(name: str, tip: str) -> QSlider:
    slider = QSlider(Qt.Orientation.Horizontal)
    slider.setRange(0, _STEPS)
    slider.setSingleStep(_STEPS // 100)
    slider.setPageStep(_STEPS // 20)
    slider.setMinimumWidth(60)
    slider.setAccessibleName(name)
    slider.setToolTip(plain_tip(tip))
    return slider


def _number(longest: str) -> QLabel:
    label = theme.label(size=theme.SMALL, color=theme.MUTED)
    label.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
    label.setMinimumWidth(label.fontMetrics().horizontalAdvance(longest) + 2)
    return label


def _show(slider: QSlider, share: float) -> None:
    slider.blockSignals(True)
    slider.setValue(round(_STEPS * min(max(share, 0.0), 1.0)))
    slider.blockSignals(False)
