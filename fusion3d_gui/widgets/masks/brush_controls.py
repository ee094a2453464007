"""``BrushControls``: size, extent and values of the brush and of the fill."""

from __future__ import annotations

from PySide6.QtWidgets import (
    QCheckBox,
    QDoubleSpinBox,
    QGridLayout,
    QHBoxLayout,
    QPushButton,
    QWidget,
)

from fusion3d_gui.state.marks.tool import MaskTool, Tool
from fusion3d_gui.state.masks.mask_drawing import RADIUS_MM, REACH_MM, MaskDrawing
from fusion3d_gui.widgets.controls.segments import Segments
from fusion3d_gui.widgets.look import theme
from fusion3d_gui.widgets.look.plain_tip import plain_tip

_MOST_VALUE = 1e7
_TOOLS: dict[MaskTool, tuple[str, str]] = {
    "brush": ("Brush", "Drag to draw (J)"),
    "eraser": ("Erase", "Drag to take away from what was drawn (Shift+J)"),
    "fill": ("Fill", "A click fills what hangs together, in 3D (Y)"),
}


class BrushControls(QWidget):
    """Shown while a tool that draws masks is chosen."""

    def __init__(self, tool: Tool, drawing: MaskDrawing, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._tool, self._drawing = tool, drawing
        self.tools = Segments()
        self.buttons: dict[MaskTool, QPushButton] = {
            name: self.tools.add(text, tip) for name, (text, tip) in _TOOLS.items()
        }
        self.hint = theme.label(size=theme.SMALL, color=theme.MUTED)
        self.hint.setWordWrap(True)
        self.radius = _box("Radius of the brush", RADIUS_MM, 1, " mm")
        self.reach = _box("Reach of the fill", REACH_MM, 0, " mm")
        self.reach.setToolTip("A fill goes no farther than this from where you clicked")
        self.extent = Segments()
        self.flat = self.extent.add("2D", "Paint on the slice that you see")
        self.ball = self.extent.add("3D", "Paint a ball through the slices")
        self.limited = QCheckBox("Values")
        self.limited.setAccessibleName("Only values in this range")
        self.limited.setToolTip("Paint only voxels whose values are in this range")
        limits = (-_MOST_VALUE, _MOST_VALUE)
        self.low = _box("Lowest value", limits, 2)
        self.high = _box("Highest value", limits, 2)
        self._radius_label = theme.label("Radius", color=theme.MUTED)
        self._reach_label = theme.label("Reach", color=theme.MUTED)
        self._build()
        self._connect()
        self._show()

    def _build(self) -> None:
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(2 * theme.GRID)
        grid.setVerticalSpacing(2 * theme.GRID)
        grid.addWidget(self.tools, 0, 0, 1, 3)
        grid.addWidget(self.hint, 1, 0, 1, 3)
        grid.addWidget(self._radius_label, 2, 0)
        grid.addWidget(self.radius, 2, 1)
        grid.addWidget(self.extent, 2, 2)
        grid.addWidget(self._reach_label, 3, 0)
        grid.addWidget(self.reach, 3, 1)
        values = QHBoxLayout()
        values.setSpacing(theme.GRID)
        values.addWidget(self.low, 1)
        values.addWidget(theme.label("to", color=theme.MUTED))
        values.addWidget(self.high, 1)
        grid.addWidget(self.limited, 4, 0)
        grid.addLayout(values, 4, 1, 1, 2)
        grid.setColumnStretch(2, 1)

    def _connect(self) -> None:
        drawing = self._drawing
        for name, button in self.buttons.items():
            button.clicked.connect(lambda _=False, chosen=name: self._tool.choose(chosen))
        self.radius.valueChanged.connect(drawing.set_radius)
        self.reach.valueChanged.connect(drawing.set_reach)
        self.flat.clicked.connect(lambda: drawing.set_3d(False))
        self.ball.clicked.connect(lambda: drawing.set_3d(True))
        self.limited.clicked.connect(drawing.toggle_values)
        for box in (self.low, self.high):
            box.valueChanged.connect(
                lambda _: drawing.set_range(self.low.value(), self.high.value())
            )
        drawing.changed.connect(self._show)
        self._tool.changed.connect(self._show)

    def _show(self) -> None:
        tool, drawing = self._tool.mask, self._drawing
        self.setVisible(tool is not None)
        fills = tool == "fill"
        if tool is not None:
            self.buttons[tool].setChecked(True)
        for widget in (self._radius_label, self.radius, self.extent):
            widget.setVisible(not fills)
        for widget in (self._reach_label, self.reach):
            widget.setVisible(fills)
        hints = {
            "brush": "Drag on an image to draw.",
            "eraser": "Drag on an image to erase what was drawn.",
            "fill": "Click on an image: what hangs together with that voxel, within these values, is filled in 3D.",
        }
        self.hint.setText(hints.get(tool or "", ""))
        low, high = drawing.range
        for box, value in (
            (self.radius, drawing.radius_mm),
            (self.reach, drawing.reach_mm),
            (self.low, low),
            (self.high, high),
        ):
            box.blockSignals(True)
            box.setValue(value)
            box.blockSignals(False)
        self.flat.setChecked(not drawing.in_3d)
        self.ball.setChecked(drawing.in_3d)
        self.limited.setChecked(fills or drawing.values is not None)
        self.limited.setEnabled(not fills)
        for box in (self.low, self.high):
            box.setEnabled(fills or drawing.values is not None)


def _box(name: str, limits: tuple[float, float], decimals: int, suffix: str = "") -> QDoubleSpinBox:
    box = QDoubleSpinBox()
    box.setRange(*limits)
    box.setDecimals(decimals)
    box.setSuffix(suffix)
    box.setStepType(QDoubleSpinBox.StepType.AdaptiveDecimalStepType)
    box.setKeyboardTracking(False)
    box.setAccessibleName(name)
    box.setToolTip(plain_tip(name))
    return box
