"""``panel_borders``: the panels around the images, each with a border that can be dragged."""

from __future__ import annotations

from typing import NamedTuple

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QWidget

from fusion3d_gui.widgets.look import theme
from fusion3d_gui.widgets.marks import mark_table
from fusion3d_gui.widgets.marks.mark_table import MarkTable
from fusion3d_gui.widgets.side import side_panel
from fusion3d_gui.widgets.side.side_panel import SidePanel
from fusion3d_gui.widgets.window.layout.panel_splitter import PanelSize, PanelSplitter
from fusion3d_gui.widgets.window.series import series_panel
from fusion3d_gui.widgets.window.series.series_panel import SeriesPanel


class Borders(NamedTuple):
    """What holds each panel. The side panel's holds all."""

    series: PanelSplitter
    marks: PanelSplitter
    side: PanelSplitter


def panel_borders(
    strip: QWidget, pages: QWidget, series: SeriesPanel, marks: MarkTable, side: SidePanel
) -> Borders:
    """The strip of tools, the list of series and the images; the marks below them; the side panel beside all that."""
    across, down = Qt.Orientation.Horizontal, Qt.Orientation.Vertical
    series_border = PanelSplitter(
        across,
        pages,
        series,
        PanelSize(series_panel.WIDTH, lambda: theme.px(series_panel.LEAST_WIDTH), 1 / 4, 1 / 3),
        panel_first=True,
    )
    marks_border = PanelSplitter(
        down,
        series_border,
        marks,
        PanelSize(mark_table.HEIGHT, lambda: theme.px(mark_table.LEAST_HEIGHT), 1 / 3, 2 / 3),
    )
    beside = QWidget()
    row = QHBoxLayout(beside)
    row.setContentsMargins(0, 0, 0, 0)
    row.setSpacing(0)
    row.addWidget(strip)
    row.addWidget(marks_border, 1)
    side_border = PanelSplitter(
        across,
        beside,
        side,
        PanelSize(side_panel.WIDTH, lambda: side.least_width, 1 / 3, 1 / 2),
    )
    return Borders(series_border, marks_border, side_border)
