"""``MapViews``: several heatmaps on the same slice, side by side, with one crosshair."""

from __future__ import annotations

import math
from functools import partial

import numpy as np
from PySide6.QtCore import QPoint, Qt, Signal
from PySide6.QtWidgets import (
    QGridLayout,
    QHBoxLayout,
    QMenu,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from fusion3d_gui.imaging.plane import AXIAL, CORONAL, SAGITTAL, Orientation
from fusion3d_gui.imaging.reslice.acquisition import acquired_orientation
from fusion3d_gui.state.data.case import Case
from fusion3d_gui.state.display.display import Display
from fusion3d_gui.state.prediction.side_by_side import MapCell, SideBySideMaps
from fusion3d_gui.state.store import Store
from fusion3d_gui.widgets.controls.segments import Segments
from fusion3d_gui.widgets.look import theme
from fusion3d_gui.widgets.look.color_bar import logit_text
from fusion3d_gui.widgets.slice.slice_slider import ViewCell
from fusion3d_gui.widgets.slice.slice_view import SliceView

#: No more heatmaps than this fit side by side.
_MOST_MAPS = 9


class MapViews(QWidget):
    """One slice view per heatmap, with common position, zoom and window level, each under its title."""

    #: The context menu (QMenu) of a view (QWidget) is about to open at a position (QPoint) in it: others
    #: may add to it.
    menu_opened = Signal(QMenu, QWidget, QPoint)

    def __init__(
        self,
        store: Store,
        display: Display,
        side_by_side: SideBySideMaps,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._store = store
        self._display = display
        self._side_by_side = side_by_side
        self._plane = AXIAL
        self.views: list[SliceView] = []
        self.titles: list[str] = []
        self.back = QPushButton("Back to one heatmap")
        self.back.setProperty("quiet", True)
        self.back.setToolTip("Return to the linked views with the chosen model's heatmap")
        row = Segments()
        self.planes: dict[str, QPushButton] = {}
        for plane in (AXIAL, CORONAL, SAGITTAL):
            button = self.planes[plane.name] = row.add(
                plane.name, f"Show the heatmaps in the {plane.name.lower()} plane"
            )
            button.setChecked(plane is AXIAL)
            button.clicked.connect(lambda _=False, chosen=plane: self._show_plane(chosen))
        self.note = theme.label(size=theme.SMALL, color=theme.FAINT)
        bar = QHBoxLayout()
        bar.setContentsMargins(3 * theme.GRID, theme.GRID, 3 * theme.GRID, theme.GRID)
        bar.setSpacing(3 * theme.GRID)
        bar.addWidget(row)
        bar.addWidget(self.note)
        bar.addStretch(1)
        bar.addWidget(self.back)
        self._body = QWidget()
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(0)
        self._layout.addLayout(bar)
        self._layout.addWidget(self._body, 1)
        self.back.clicked.connect(side_by_side.hide)
        side_by_side.changed.connect(self._build)
        store.case_opened.connect(self._on_case_opened)
        store.case_changed.connect(self._on_case_changed)
        display.overlay.changed.connect(self._show_note)

    def _on_case_opened(self, case: Case) -> None:
        self._plane = acquired_orientation(case.volume) or AXIAL
        self.planes[self._plane.name].setChecked(True)

    def _on_case_changed(self) -> None:
        """Show the maps on the same scan without its identity, or with it again."""
        if self._side_by_side.cells:
            self._build()

    def _build(self) -> None:
        cells = self._side_by_side.cells[:_MOST_MAPS]
        self._layout.removeWidget(self._body)
        # Hidden at once: deletion waits for the event loop, and must not flash on screen.
        self._body.hide()
        self._body.deleteLater()
        self._body = QWidget(self)
        self.views, self.titles = [], []
        grid = QGridLayout(self._body)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(3)
        columns = math.ceil(math.sqrt(len(cells)))
        for number, cell in enumerate(cells):
            grid.addWidget(self._cell(cell), number // columns, number % columns)
        self._layout.addWidget(self._body, 1)
        self._body.show()
        self._show_note()

    def _show_note(self) -> None:
        kept, common = self._display.overlay.kept_top, self._side_by_side.common_top
        if kept is not None:
            text = f"On the kept scale: 100 % = {logit_text(kept)}"
        elif common is not None:
            text = f"All on one scale: 100 % = {logit_text(common)}"
        else:
            text = "Each heatmap scaled to its own peak"
        self.note.setText(text)

    def _cell(self, shown: MapCell) -> QWidget:
        view = SliceView(AXIAL, self._display)
        view.set_orientation(self._plane)
        view.names_patient, view.with_heat_scale = not self.views, False
        case = self._store.case
        view.set_volume(None if case is None else case.picture)
        view.set_heatmap(shown.heatmap, self._side_by_side.common_top)
        view.camera_changed.connect(self._on_camera_changed)
        view.menu_requested.connect(partial(self._show_menu, view, shown))
        view.await_turn()
        self.views.append(view)
        self.titles.append(f"{shown.name}: {shown.summary}")
        name = theme.label(shown.name, color=theme.MUTED)
        color = theme.FAINT if shown.doubtful else theme.TEXT
        summary = theme.label(
            shown.summary, medium=True, color=theme.WARNING if shown.heatmap is None else color
        )
        detail = theme.label(shown.detail, size=theme.SMALL, color=theme.FAINT)
        detail.setWordWrap(True)
        head = QHBoxLayout()
        head.addWidget(name, 1)
        head.addWidget(summary)
        below = QHBoxLayout()
        below.addWidget(detail, 1)
        where = None if shown.heatmap is None else shown.heatmap.peak_lps
        if where is not None:
            peak = QPushButton("Go to peak")
            peak.setProperty("quiet", True)
            peak.setToolTip("Move the crosshair to this heatmap's peak")
            peak.clicked.connect(partial(_go_to, self._display, where))
            below.addWidget(peak)
        cell = QWidget()
        layout = QVBoxLayout(cell)
        layout.setContentsMargins(3 * theme.GRID, 2 * theme.GRID, 3 * theme.GRID, 2 * theme.GRID)
        layout.setSpacing(2)
        layout.addLayout(head)
        layout.addLayout(below)
        if shown.warning:
            warning = theme.label(shown.warning, size=theme.SMALL, color=theme.WARNING)
            warning.setWordWrap(True)
            layout.addWidget(warning)
        layout.addWidget(ViewCell(view), 1)
        return cell

    def _on_camera_changed(self) -> None:
        leader = self.sender()
        for view in self.views:
            if view is not leader and isinstance(leader, SliceView):
                view.follow(leader)

    def _show_menu(self, view: SliceView, shown: MapCell, at: QPoint) -> None:
        """What can be done with the image: all views do it together, as they are one picture without their maps."""
        view.setFocus()
        menu = QMenu(view)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        for each in (AXIAL, CORONAL, SAGITTAL):
            action = menu.addAction(each.name, self.planes[each.name].click)
            action.setCheckable(True)
            action.setChecked(self._plane.name == each.name)
        menu.addSeparator()
        where = None if shown.heatmap is None else shown.heatmap.peak_lps
        if where is not None:
            menu.addAction("Go to this heatmap's peak", partial(_go_to, self._display, where))
        menu.addAction("Actual size", view.actual_size)
        menu.addAction("Fit", view.fit)
        menu.addAction("Back to one heatmap", self._side_by_side.hide)
        self.menu_opened.emit(menu, view, at)
        menu.popup(view.mapToGlobal(at))

    def _show_plane(self, plane: Orientation) -> None:
        self._plane = plane
        for view in self.views:
            view.set_orientation(plane)
            view.fit()


def _go_to(display: Display, where: np.ndarray, checked: bool = False) -> None:
    display.crosshair.move_to(where)
