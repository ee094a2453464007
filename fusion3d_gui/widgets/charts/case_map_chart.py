"""``CaseMapChart``: the image embeddings of the cases listed and of the model's reference cases, in two dimensions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np
from PySide6.QtCore import QPointF, QRectF, QSize, Signal
from PySide6.QtGui import QMouseEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from fusion3d_gui.widgets.charts.chart import Chart
from fusion3d_gui.widgets.charts.chart_table import ChartTable
from fusion3d_gui.widgets.look import theme

if TYPE_CHECKING:
    from fusion3d_gui.widgets.charts.plot import Item, Panel, Plot

_SIZE = (300, 300)
#: Free space around the points, as a share of their range.
_ROOM = 0.06
#: A click farther (px) than this from every case selects none.
_REACH_PX = 12.0
#: A drag over fewer px is a click.
_LEAST_DRAG_PX = 4.0

#: Theme roles of what is drawn.
REFERENCE, NEGATIVE, POSITIVE, SELECTED = "faint", "accent", "error", "warning"


class Mapped(Protocol):
    """What the chart draws: see :class:`~fusion3d_gui.inference.case_list.case_map.CaseMap`."""

    @property
    def rows(self) -> np.ndarray: ...
    @property
    def points(self) -> np.ndarray: ...
    @property
    def percentile(self) -> np.ndarray: ...
    @property
    def reference_points(self) -> np.ndarray: ...
    @property
    def explained(self) -> tuple[float, float]: ...


class CaseMapChart(Chart):
    """A click selects the case nearest to it, a drag those in a rectangle; both axes have the same scale."""

    BACKGROUND = "window"
    WHEEL_ZOOMS = True
    FILE_NAME = "map-of-cases"

    #: Rows of the table that were chosen.
    chosen = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("Map of the cases listed")
        self.setToolTip(
            "Each case where the model's image embedding puts it (PCA).\n"
            "Cases that lie apart are different for the model; those that lie together\n"
            "may differ in what the map does not show. A click selects a case, a drag\n"
            "those in a rectangle. The wheel zooms. A right click saves."
        )
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self._map: Mapped | None = None
        self._positive = np.zeros(0, bool)
        self._names: tuple[str, ...] = ()
        #: Which of the map's cases are listed, and which are selected.
        self._listed = self._selected = np.zeros(0, bool)
        self._at = QPointF()
        self._from: QPointF | None = None
        self._made: tuple[Panel, list[Item], Item] | None = None

    def sizeHint(self) -> QSize:
        """As wide as a column beside the table."""
        return QSize(theme.px(_SIZE[0]), theme.px(_SIZE[1]))

    @property
    def has_data(self) -> bool:
        """Whether there is a map."""
        return self._map is not None

    def show_map(
        self,
        mapped: Mapped | None,
        positive: np.ndarray,
        names: tuple[str, ...],
        listed: np.ndarray,
        selected: np.ndarray,
    ) -> None:
        """Draw a map.

        Parameters
        ----------
        mapped
            Where the cases lie; None draws nothing.
        positive
            bool ``[n]``: which of the map's cases are labelled positive.
        names
            What to call each of them, of length n.
        listed, selected
            Rows of the table that the filter finds, and that are selected.
        """
        self._map, self._positive, self._names = mapped, positive, names
        rows = np.zeros(0, np.int64) if mapped is None else mapped.rows
        self._listed, self._selected = np.isin(rows, listed), np.isin(rows, selected)
        self.refresh()

    def fill(self, plot: Plot) -> None:
        """Draw reference cases, then the table's, then those that are selected."""
        if self._made is None:
            plot.set_margins(10)
            panel = plot.add_panel(0, 0, "Map")
            panel.add_axis("left")
            panel.add_axis("bottom")
            clouds = [
                panel.cloud(REFERENCE, 5, 0.55),
                panel.cloud(NEGATIVE, 7, 0.85),
                panel.cloud(POSITIVE, 7, 0.85),
                panel.cloud(SELECTED, 10),
            ]
            self._made = panel, clouds, panel.frame("text")
        panel, clouds, _ = self._made
        mapped = self._map
        if mapped is None:
            for cloud in clouds:
                cloud.setData([], [])
            panel.show_summary("")
            return
        everything = np.concatenate([mapped.reference_points, mapped.points])
        low, high = everything.min(axis=0), everything.max(axis=0)
        room = np.maximum(_ROOM * (high - low), 1e-6)
        (left, bottom), (right, top) = (low - room).tolist(), (high + room).tolist()
        panel.set_home_to_scale((left, right), (bottom, top))
        groups = (
            mapped.reference_points,
            mapped.points[self._listed & ~self._positive],
            mapped.points[self._listed & self._positive],
            mapped.points[self._listed & self._selected],
        )
        for cloud, points in zip(clouds, groups, strict=True):
            cloud.setData(points[:, 0], points[:, 1])
        first, second = (100 * each for each in mapped.explained)
        panel.show_summary(f"{first:.0f} % + {second:.0f} % of the variance")

    def read(self, panel: Panel, x: float, y: float) -> None:
        """Name the case under the pointer; draw the rectangle of a drag."""
        self._at = QPointF(x, y)
        if self._made is not None and self._from is not None:
            self._made[2].setRect(QRectF(self._from, self._at).normalized())
            self._made[2].setVisible(self._is_drag(panel))
            return
        number = self._nearest(panel)
        if number is None or self._map is None:
            panel.show_reading("")
            return
        percentile = float(self._map.percentile[number])
        text = self._names[number]
        if not np.isnan(percentile):
            text += f": farther than {percentile:.0f} % of the validation cases"
        panel.show_reading(text)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Read what is under the pointer first: a press may come without a move."""
        self._read_at(event.position())
        super().mousePressEvent(event)

    def press(self, panel: Panel, x: float) -> bool:
        """Begin a click or a rectangle."""
        self._from = QPointF(self._at)
        return True

    def release(self) -> None:
        """Select what was clicked or enclosed."""
        start, self._from = self._from, None
        if start is None or self._made is None or self._map is None:
            return
        panel, _, frame = self._made
        frame.hide()
        rows = self._map.rows
        self._from = start
        is_drag = self._is_drag(panel)
        self._from = None
        if is_drag:
            area = QRectF(start, self._at).normalized()
            x, y = self._map.points.T
            inside = (x >= area.left()) & (x <= area.right())
            inside &= (y >= area.top()) & (y <= area.bottom())
            self.chosen.emit(rows[inside & self._listed])
            return
        number = self._nearest(panel)
        self.chosen.emit(rows[[] if number is None else [number]])

    def _is_drag(self, panel: Panel) -> bool:
        """Whether the pointer has moved far enough since the press."""
        assert self._from is not None
        moved = panel.px_at(self._at.x(), self._at.y()) - panel.px_at(
            self._from.x(), self._from.y()
        )
        return bool(max(abs(moved.x()), abs(moved.y())) >= _LEAST_DRAG_PX)

    def _nearest(self, panel: Panel) -> int | None:
        """Number in the map of the listed case under the pointer; None where none is near."""
        if self._map is None or not self._listed.any():
            return None
        here, there = panel.value_at(QPointF(0, 0)), panel.value_at(QPointF(100, 100))
        per_px = np.abs(np.subtract(there, here)) / 100
        away = (self._map.points - (self._at.x(), self._at.y())) / np.maximum(per_px, 1e-12)
        distance = np.hypot(*away.T)
        distance[~self._listed] = np.inf
        number = int(distance.argmin())
        return number if distance[number] <= _REACH_PX else None

    def table(self) -> ChartTable:
        """Every case listed, and every reference case."""
        header = ("case", "pc_1", "pc_2", "embedding_percentile")
        if self._map is None:
            return ChartTable(header, [])
        mapped = self._map
        rows: list[tuple[str | float | None, ...]] = [
            ("reference", float(x), float(y), None) for x, y in mapped.reference_points
        ]
        for number in np.flatnonzero(self._listed):
            x, y = mapped.points[number]
            percentile = float(mapped.percentile[number])
            rows.append(
                (
                    *(self._names[number], float(x), float(y)),
                    None if np.isnan(percentile) else percentile,
                )
            )
        return ChartTable(header, rows)
