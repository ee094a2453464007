"""``CurveChart``: the probability over the range of each field, with the present value marked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import QWidget

from fusion3d_gui.inference.analysis.result_types import Curve
from fusion3d_gui.model.schema import Field, Value
from fusion3d_gui.state.prediction.percent import percent
from fusion3d_gui.widgets.charts.chart import Chart
from fusion3d_gui.widgets.charts.chart_table import ChartTable
from fusion3d_gui.widgets.look import theme

if TYPE_CHECKING:
    from PySide6.QtGui import QColor

    from fusion3d_gui.widgets.charts.plot import Item, Panel, Plot
    from fusion3d_gui.widgets.charts.plot_items import Axis, Dots

_ROW, _APART = 76, 8
#: Around the range of probabilities, so that lines and dots at its ends are whole.
_Y_RANGE = (-0.14, 1.14)
#: Around the range of a number, as a share of it.
_X_MARGIN = 0.02


class CurveChart(Chart):
    """One panel a field. Clicking or dragging in a panel tries that value."""

    FILE_NAME = "what-if"

    #: A field's name and the value to try.
    tried = Signal(str, object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._curves: tuple[Curve, ...] = ()
        self._threshold: float | None = None
        self._rows: list[_Row] = []
        self._held: int | None = None
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setToolTip(
            "Click or drag to try a value; Reset brings the case's own back.\n"
            "Ctrl+wheel zooms, shift+drag moves, a right click saves."
        )

    def sizeHint(self) -> QSize:
        """Tall enough for all panels."""
        return QSize(200, theme.px(_ROW) * len(self._curves))

    def show_curves(self, curves: Sequence[Curve], threshold: float | None) -> None:
        """Draw these; ``threshold`` is the probability from which on the class is positive, None without class."""
        self._curves, self._threshold = tuple(curves), threshold
        self.setAccessibleName(
            "; ".join(f"{curve.field.label}: {_span(curve)}" for curve in self._curves)
        )
        self.updateGeometry()
        self.refresh()

    @property
    def has_data(self) -> bool:
        """Whether the model has fields."""
        return bool(self._curves)

    def fill(self, plot: Plot) -> None:
        """Add a panel for each field, unless they are there, and draw the curves."""
        if [row.key for row in self._rows] != [_key(curve) for curve in self._curves]:
            plot.clear()
            plot.set_margins(apart=_APART)
            self._rows = [
                _Row(plot.add_panel(number, 0, curve.field.label), curve)
                for number, curve in enumerate(self._curves)
            ]
        for row, curve in zip(self._rows, self._curves, strict=True):
            row.show(curve, self._threshold)

    def table(self) -> ChartTable:
        """Every point of every curve."""
        rows = [
            (curve.field.name, curve.field.unit, str(point), float(chance), int(point == curve.own))
            for curve in self._curves
            for point, chance in zip(curve.points, curve.probabilities, strict=True)
        ]
        return ChartTable(("field", "unit", "value", "probability", "is_present_value"), rows)

    def read(self, panel: Panel, x: float, y: float) -> None:
        """Say the probability at the value under the pointer."""
        curve = self._curves[self._number(panel)]
        value = _value_at(curve, x)
        if curve.field.kind == "number":
            at = _as_float(value)
            points = [_as_float(point) for point in curve.points]
            chance = float(np.interp(at, points, curve.probabilities))
            panel.show_reading(f"{_text(curve, value)}: {percent(chance)}", at, chance)
        else:
            index = curve.points.index(value)
            chance = float(curve.probabilities[index])
            panel.show_reading(f"{_text(curve, value)}: {percent(chance)}", index, chance)

    def press(self, panel: Panel, x: float) -> bool:
        """Try the value under the pointer."""
        self._held = self._number(panel)
        self.drag(x)
        return True

    def drag(self, x: float) -> None:
        """Try values of the same field while dragging."""
        if self._held is None or self._held >= len(self._curves):
            return
        curve = self._curves[self._held]
        value = _value_at(curve, x)
        if value != curve.own:
            self.tried.emit(curve.field.name, value)

    def release(self) -> None:
        """Keep the value tried last."""
        self._held = None

    def _number(self, panel: Panel) -> int:
        return next(n for n, row in enumerate(self._rows) if row.panel is panel)


class _Row:
    """The panel of one field."""

    def __init__(self, panel: Panel, curve: Curve) -> None:
        self.key = _key(curve)
        self.panel = panel
        self._axis: Axis = panel.add_axis("bottom", has_line=False)
        panel.rule("line", across=True).setValue(0)
        self._threshold: Item = panel.rule("edge", across=True, dotted=True)
        self._is_number = curve.field.kind == "number"
        self._marks: Item = (
            panel.line("accent", 1.6)
            if self._is_number
            else panel.bars(lambda: [_bar_color()] * len(curve.points))
        )
        self._own: Dots = panel.dots("accent", "panel")

    def show(self, curve: Curve, threshold: float | None) -> None:
        """Draw the curve as it is now."""
        panel, chances = self.panel, np.asarray(curve.probabilities, dtype=float)
        self._threshold.setVisible(threshold is not None)
        if threshold is not None:
            self._threshold.setValue(threshold)
        given = "" if curve.own is not None else "not given  ·  "
        panel.show_summary(f"{given}{_span(curve)}")
        if self._is_number:
            x = np.array([_as_float(point) for point in curve.points])
            low, high = _ends(curve)
            margin = _X_MARGIN * (high - low)
            panel.set_home((low - margin, high + margin), _Y_RANGE)
            self._marks.setData(x, chances)
            own = None if curve.own is None else _as_float(curve.own)
        else:
            x = np.arange(len(curve.points), dtype=float)
            panel.set_home((-0.5, len(x) - 0.5), _Y_RANGE, zooms_x=False)
            width = np.full(len(x), 0.14)
            self._marks.setOpts(x0=x - 0.07, y0=np.zeros(len(x)), width=width, height=chances)
            self._axis.set_categories([_text(curve, point) for point in curve.points])
            own = None if curve.own is None else float(curve.points.index(curve.own))
        self._axis.mark(own, "" if own is None else _text(curve, curve.own))
        self._own.setData([] if own is None else [own], [] if own is None else [curve.chance])


def _bar_color() -> QColor:
    from fusion3d_gui.widgets.charts.plot_items import ink

    return ink("edge")


def _key(curve: Curve) -> tuple[Field, int]:
    """What a panel is made for: another field, or a field of another model, needs another panel."""
    return curve.field, len(curve.points)


def _span(curve: Curve) -> str:
    """The lowest and highest probability along a curve, in words."""
    low, high = (percent(float(end(curve.probabilities))) for end in (np.min, np.max))
    return low if low == high else f"{low} to {high}"


def _text(curve: Curve, value: Value) -> str:
    """A value of the curve's field as the form writes it."""
    if curve.field.kind == "number":
        return f"{_as_float(value):.{curve.field.decimals}f} {curve.field.unit}".strip()
    labels: dict[object, str] = {False: "No", True: "Yes", **dict(curve.field.choices)}
    return labels.get(value, str(value))


def _as_float(value: Value) -> float:
    return float(value or 0)


def _ends(curve: Curve) -> tuple[float, float]:
    low, high = _as_float(curve.points[0]), _as_float(curve.points[-1])
    return (low, high) if high > low else (low - 0.5, high + 0.5)


def _value_at(curve: Curve, x: float) -> Value:
    """The field's value nearest to x along its axis."""
    if curve.field.kind != "number":
        return curve.points[min(max(round(x), 0), len(curve.points) - 1)]
    low, high = _as_float(curve.points[0]), _as_float(curve.points[-1])
    return min(max(round(x, curve.field.decimals), low), high)
