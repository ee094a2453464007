"""``ShareChart``: what the image and each field contribute to the logit, as bars to either side of zero."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QSize
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QWidget

from fusion3d_gui.widgets.charts.chart import Chart
from fusion3d_gui.widgets.charts.chart_table import ChartTable
from fusion3d_gui.widgets.look import theme

if TYPE_CHECKING:
    from fusion3d_gui.widgets.charts.plot import Item, Panel, Plot
    from fusion3d_gui.widgets.charts.plot_items import TextColumn

_ROW, _NAME, _NUMBER = 22, 104, 46


@dataclass(frozen=True)
class Share:
    """One bar: its name, its part of the logit, and whether it is a part of the bar above it."""

    name: str
    amount: float
    part: bool = False


class ShareChart(Chart):
    """One row a share: to the right what raised the probability, to the left what lowered it."""

    FILE_NAME = "contributions"

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._shares: tuple[Share, ...] = ()
        self._panel: Panel | None = None
        self._bars: Item = None
        self._names: TextColumn | None = None
        self._numbers: TextColumn | None = None

    def sizeHint(self) -> QSize:
        """Tall enough for all rows."""
        return QSize(200, theme.px(_ROW) * len(self._shares))

    def show_shares(self, shares: Sequence[Share]) -> None:
        """Draw these."""
        self._shares = tuple(shares)
        self.setAccessibleName(", ".join(f"{s.name} {signed(s.amount)}" for s in self._shares))
        self.updateGeometry()
        self.refresh()

    @property
    def has_data(self) -> bool:
        """Whether there are shares."""
        return bool(self._shares)

    def fill(self, plot: Plot) -> None:
        """Draw names, bars and numbers."""
        from fusion3d_gui.widgets.charts.plot_items import RowText

        if self._panel is None:
            plot.set_margins(0)
            self._panel = plot.add_panel()
            self._names = self._panel.add_column("left", _NAME)
            self._numbers = self._panel.add_column("right", _NUMBER)
            self._bars = self._panel.bars(self._colors)
            self._panel.rule("edge", across=False).setValue(0)
        assert self._names is not None and self._numbers is not None
        shares = self._shares
        self._names.texts = [
            RowText(s.name, "muted", theme.SMALL, 12) if s.part else RowText(s.name) for s in shares
        ]
        self._numbers.texts = [
            RowText(signed(s.amount), "muted", theme.SMALL if s.part else 12) for s in shares
        ]
        amounts = np.array([share.amount for share in shares])
        reach = 1.02 * (float(np.abs(amounts).max(initial=0.0)) or 1.0)
        count = max(len(shares), 1)
        self._panel.set_home((-reach, reach), (-0.5, count - 0.5), zooms_y=False, downwards=True)
        height = np.array([0.36 if share.part else 0.55 for share in shares])
        self._bars.setOpts(
            x0=np.minimum(amounts, 0),
            y0=np.arange(len(shares)) - height / 2,
            width=np.abs(amounts),
            height=height,
            brushes=self._colors(),
        )
        for column in (self._names, self._numbers):
            column.update()

    def _colors(self) -> list[QColor]:
        from fusion3d_gui.widgets.charts.plot_items import ink

        return [
            ink("warning" if share.amount > 0 else "accent", 0.6 if share.part else 1.0)
            for share in self._shares
        ]

    def table(self) -> ChartTable:
        """Every share; those of the fields are parts of the clinical data's."""
        rows = [(share.name, share.amount, int(share.part)) for share in self._shares]
        return ChartTable(("name", "logit", "is_part_of_clinical_data"), rows)

    def tip_at(self, panel: Panel, x: float, y: float) -> str:
        """The whole name of a row, and what it does."""
        number = round(y)
        if not 0 <= number < len(self._shares):
            return ""
        share = self._shares[number]
        does = "raises" if share.amount > 0 else "lowers"
        said = f"{share.name} {does} the logit by {abs(share.amount):.3f}."
        return "\n".join(filter(None, (said, self.toolTip())))


def signed(amount: float) -> str:
    """Return a number with its sign, two decimals, and a real minus."""
    return "0.00" if abs(amount) < 0.005 else f"{amount:+.2f}".replace("-", "−")
