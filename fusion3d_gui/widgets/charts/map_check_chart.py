"""``MapCheckChart``: how a heatmap fares against randomised weights, noise, other methods and chance."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QSize, QTimer
from PySide6.QtWidgets import QWidget

from fusion3d_gui.inference.explain.sanity_report import (
    AGREED_FROM,
    STABLE_FROM,
    UNDONE_BELOW,
    SanityReport,
)
from fusion3d_gui.model.attribution.localisation_record import METHOD_NAMES
from fusion3d_gui.widgets.charts.chart import Chart
from fusion3d_gui.widgets.charts.chart_table import Cell, ChartTable
from fusion3d_gui.widgets.look import theme

if TYPE_CHECKING:
    from PySide6.QtGui import QColor

    from fusion3d_gui.widgets.charts.plot import Panel, Plot

_SIZE = (840, 440)
_NAMES = 96


class MapCheckChart(Chart):
    """Four panels: likeness as weights are randomised, likeness to other maps, deletion, insertion."""

    BACKGROUND = "window"
    WHEEL_ZOOMS = True
    FILE_NAME = "heatmap-checks"

    def __init__(self, report: SanityReport, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._report = report
        self._stages = ("intact", *report.randomised)
        self._undoing = np.array([1.0, *report.likeness])
        self._alike = {
            "A little noise": float(np.median(report.stability)),
            **{METHOD_NAMES[name]: value for name, value in report.agreement.items()},
        }
        self._limits = [STABLE_FROM, *[AGREED_FROM] * len(report.agreement)]
        self._share = np.linspace(0, 100, len(report.deletion))
        self._curves: dict[int, tuple[Panel, np.ndarray, np.ndarray]] = {}
        self._steps: Iterator[None] | None = None
        self.setAccessibleName("Charts of the checks")
        self.setToolTip(
            "The wheel zooms, a drag moves, a double click shows all; right click saves"
        )

    def sizeHint(self) -> QSize:
        """Four panels large enough to read."""
        return QSize(theme.px(_SIZE[0]), theme.px(_SIZE[1]))

    @property
    def has_data(self) -> bool:
        """Always: the report comes with the chart."""
        return True

    def fill(self, plot: Plot) -> None:
        """Draw all four once, one per event-loop iteration: together they take longer than 50 ms."""
        if self._steps is None:
            plot.set_margins(0, apart=18)
            plot.set_widths(5, 3)
            self._steps = self._adding(plot)
            self._go_on()

    def _go_on(self) -> None:
        if self._steps is not None and next(self._steps, self) is not self:
            QTimer.singleShot(0, self, self._go_on)

    def _adding(self, plot: Plot) -> Iterator[None]:
        report = self._report
        self._add_undoing(plot.add_panel(0, 0, "Likeness as learned weights are randomised"))
        yield
        self._add_alike(plot.add_panel(0, 1, "Likeness to other maps"))
        yield
        for column, title, own, random in (
            (0, "Logit while deleting what it marks", report.deletion, report.deletion_random),
            (1, "Logit while showing only that", report.insertion, report.insertion_random),
        ):
            panel = plot.add_panel(1, column, title)
            self._curves[id(panel)] = (panel, own, random)
            self._add_curves(panel, own, random)
            yield

    def _add_undoing(self, panel: Panel) -> None:
        """The map's likeness to itself after each more part of the network is randomised."""
        panel.add_axis("left")
        axis = panel.add_axis("bottom")
        x = np.arange(len(self._stages), dtype=float)
        axis.set_categories(self._stages)
        panel.set_home((-0.3, len(x) - 0.7), (-1.08, 1.08), zooms_x=False)
        panel.band(-UNDONE_BELOW, UNDONE_BELOW, "faint", 0.15)
        panel.line("accent", 2).setData(x, self._undoing)
        panel.dots("accent", "window").setData(x, self._undoing)
        panel.show_summary(f"wanted at the end: below {UNDONE_BELOW:g}")

    def _add_alike(self, panel: Panel) -> None:
        """Likeness to noisy copies and other methods, each with the limit that it should pass."""
        from fusion3d_gui.widgets.charts.plot_items import RowText, ink

        panel.add_axis("bottom")
        values = np.array(list(self._alike.values()))
        rows = np.arange(len(values), dtype=float)
        panel.add_column("left", _NAMES).texts = [
            RowText(name, "muted", theme.SMALL) for name in self._alike
        ]
        panel.set_home((-1.04, 1.04), (-0.5, len(rows) - 0.5), zooms_y=False, downwards=True)

        def colors() -> list[QColor]:
            return [ink("accent")] * len(values)

        panel.bars(colors).setOpts(
            x0=np.minimum(values, 0),
            y0=rows - 0.28,
            width=np.abs(values),
            height=np.full(len(rows), 0.56),
        )
        panel.rule("edge", across=False).setValue(0)
        marks = panel.line("warning", 2)
        marks.setData(*_ticks(self._limits))
        panel.show_summary("orange: wanted at least")

    def _add_curves(self, panel: Panel, own: np.ndarray, random: np.ndarray) -> None:
        """The logit in the map's order of voxels, over that in random orders."""
        panel.add_axis("left")
        panel.add_axis("bottom").set_suffix(" %")
        low, high = float(min(own.min(), random.min())), float(max(own.max(), random.max()))
        margin = 0.06 * (high - low) or 1.0
        panel.set_home((0.0, 100.0), (low - margin, high + margin))
        for order in random:
            panel.line("faint", 1, 0.7).setData(self._share, order)
        panel.line("accent", 2).setData(self._share, own)
        panel.show_summary("gray: random orders")

    def read(self, panel: Panel, x: float, y: float) -> None:
        """Say the figures under the pointer."""
        if id(panel) in self._curves:
            _, own, random = self._curves[id(panel)]
            at = float(np.clip(x, 0, 100))
            value = float(np.interp(at, self._share, own))
            chance = float(np.interp(at, self._share, random.mean(axis=0)))
            said = f"{at:.0f} %: {_number(value)}, random {_number(chance)}"
            panel.show_reading(said, at, value)
        elif panel.title is not None and panel.title.title.startswith("Likeness as"):
            number = int(np.clip(round(x), 0, len(self._stages) - 1))
            value = float(self._undoing[number])
            said = f"{self._stages[number]}: {_number(value)}"
            panel.show_reading(said, number, value)
        else:
            number = int(np.clip(round(y), 0, len(self._alike) - 1))
            name, value = list(self._alike.items())[number]
            panel.show_reading(f"{name}: {_number(value)}")

    def table(self) -> ChartTable:
        """Every point of the four panels."""
        report = self._report
        rows: list[tuple[Cell, ...]] = [
            ("randomisation", stage, float(value))
            for stage, value in zip(self._stages, self._undoing, strict=True)
        ]
        rows += [("likeness", name, value) for name, value in self._alike.items()]
        for name, own, random in (
            ("deletion", report.deletion, report.deletion_random),
            ("insertion", report.insertion, report.insertion_random),
        ):
            orders: Sequence[tuple[str, np.ndarray]] = [
                (name, own),
                *((f"{name}, random order {n}", order) for n, order in enumerate(random, 1)),
            ]
            rows += [
                (each, float(share), float(value))
                for each, values in orders
                for share, value in zip(self._share, values, strict=True)
            ]
        return ChartTable(("curve", "stage_or_name_or_share_of_voxels_percent", "value"), rows)


def _number(value: float) -> str:
    """Two decimals, with a real minus."""
    return f"{value:.2f}".replace("-", "−")


def _ticks(values: Sequence[float]) -> tuple[np.ndarray, np.ndarray]:
    """A short upright line at a value of each row, as one broken line."""
    x = np.repeat(np.asarray(values, dtype=float), 3)
    rows = np.arange(len(values), dtype=float)[:, None]
    return x, (rows + np.array([-0.4, 0.4, np.nan])).ravel()
