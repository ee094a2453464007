"""``SecondViews``: the second scan in slice views that follow those of the first, under a bar that says whose it is."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PySide6.QtCore import QEvent, QObject, QPoint, Qt, QTimer, Signal
from PySide6.QtWidgets import QMenu, QSplitter, QVBoxLayout, QWidget

from fusion3d_gui.imaging.plane import ORIENTATIONS
from fusion3d_gui.inference.prediction import Heatmap
from fusion3d_gui.state.beside.comparison import Way
from fusion3d_gui.state.display.arrangement import ViewArrangement
from fusion3d_gui.state.session import Session
from fusion3d_gui.widgets.slice.fused_image import FusedImage
from fusion3d_gui.widgets.slice.slice_slider import ViewCell
from fusion3d_gui.widgets.slice.slice_view import SliceView
from fusion3d_gui.widgets.views.align_layer import AlignLayer
from fusion3d_gui.widgets.views.beside_bar import BesideBar
from fusion3d_gui.widgets.views.layout import Layout
from fusion3d_gui.widgets.views.views_panel import ViewsPanel

_DIFFERENCE = "orange: brighter than second scan"


class SecondViews(QWidget):
    """Hidden without a second scan. Each view is paired with the first scan's view of the same plane."""

    #: It came or went, or the number of planes has changed: whether the first scan's view is alone (bool).
    arranged = Signal(bool)
    #: The context menu (QMenu) of a view (QWidget) is about to open at a position (QPoint) in it.
    menu_opened = Signal(QMenu, QWidget, QPoint)

    def __init__(self, first: ViewsPanel, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        second, alignment, prior = session.second, session.alignment, session.prior
        display, comparison = session.display, session.comparison
        self._first, self._second, self._prior = first, second, prior
        self._comparison = comparison
        self.bar = BesideBar(second, alignment, comparison, prior)
        self.views = tuple(SliceView(each, second.display) for each in ORIENTATIONS)
        self.align_layer = AlignLayer(second, alignment)
        self._row = QSplitter(Qt.Orientation.Horizontal)
        self._row.setChildrenCollapsible(False)
        self._cells = [ViewCell(view) for view in self.views]
        for view, cell in zip(self.views, self._cells, strict=True):
            view.setAccessibleName(f"{view.orientation.name} view of the second scan")
            view.layers.append(self.align_layer)
            self._row.addWidget(cell)
        #: Where the bar lies while it is between the scans.
        self.bar_room = QWidget()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.bar_room)
        layout.addWidget(self._row, 1)
        self._fused = [
            FusedImage(view.picture, display, second.display, comparison) for view in first.views
        ]
        for view, fused in zip(first.views, self._fused, strict=True):
            view.picture.over = fused.layer
        self._voxels: np.ndarray | None = None
        self._layout_before: Layout | None = None
        self._following = False
        self.hide()
        self._connect()

    def _connect(self) -> None:
        second, comparison = self._second, self._comparison
        second.changed.connect(self._on_second_changed)
        comparison.changed.connect(self._on_comparison_changed)
        second.display.window_level.changed.connect(self._update_first)
        self._prior.changed.connect(self._show_heatmap)
        self._first.layout_changed.connect(self._arrange)
        arrangement = second.display.arrangement
        arrangement.set_source(self._arrangement)
        arrangement.requested.connect(self._arrange_as)
        for view in self.views:
            view.camera_changed.connect(arrangement.changed)
            view.orientation_changed.connect(arrangement.changed)
        for one, other in self.pairs:
            for signal in (one.camera_changed, one.orientation_changed):
                signal.connect(lambda one=one, other=other: self._follow(other, one))
            for signal in (other.camera_changed, other.orientation_changed):
                signal.connect(lambda one=one, other=other: self._follow(one, other))
            one.installEventFilter(self)
            other.menu_requested.connect(lambda at, view=other: self._show_menu(view, at))
            other.maximise_requested.connect(lambda one=one: self._first.toggle_maximised(one))

    @property
    def pairs(self) -> Sequence[tuple[SliceView, SliceView]]:
        """The first scan's view of each plane with the second scan's."""
        return tuple(zip(self._first.views[:3], self.views, strict=True))

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Zoom as the first scan's views do when their size has changed."""
        if event.type() == QEvent.Type.Resize and self.isVisible():
            QTimer.singleShot(0, self, self._follow_all)
        return False

    # -- what happens -------------------------------------------------------------------------

    def _on_second_changed(self) -> None:
        volume = self._second.volume
        voxels = None if volume is None else volume.voxels
        is_new, self._voxels = voxels is not self._voxels, voxels
        self._following = True  # the first scan's views stay as they are
        for view in self.views:
            pose = view.camera.pose
            if is_new or view.picture.volume is not volume:
                view.set_volume(volume)
            if volume is not None and not is_new:
                view.take_pose(pose)
        self._following = False
        for fused in self._fused:
            fused.set_volume(volume if self._second.link else None)
        if volume is not None and not self.isVisible():
            self._layout_before = self._first.layout_name
            if not self._second.keeps_layout:
                self._first.set_layout(Layout.THREE)
        if volume is None and self._layout_before is not None:
            before, self._layout_before = self._layout_before, None
            self._first.set_layout(before)
        self.setVisible(volume is not None)
        self._arrange()
        self._show_heatmap()
        self._on_comparison_changed()
        self._follow_all()

    def _arrange(self) -> None:
        """Show the planes that the first scan's views show, in their order; one alone beside, else below."""
        shown = [view in self._first.shown for view in self._first.views[:3]]
        self.arranged.emit(sum(shown) == 1)
        if not self.isVisible():
            return
        order = sorted(range(3), key=lambda n: self._first.views[n] is not self._first.main)
        for place, number in enumerate(order):
            self._row.insertWidget(place, self._cells[number])
        for cell, wanted in zip(self._cells, shown, strict=True):
            cell.setVisible(wanted or not any(shown))
        # In one view, as above: the lines would cover half of a small one. The bar names the patient, too.
        in_row = [n for n in order if shown[n] or not any(shown)]
        for number, view in enumerate(self.views):
            view.names_patient = number == in_row[0]
            view.with_heat_scale = number == in_row[:2][-1]
            view.update()
        QTimer.singleShot(0, self, self._follow_all)

    def _arrangement(self) -> ViewArrangement:
        named = {
            each.name.lower(): view for each, view in zip(ORIENTATIONS, self.views, strict=True)
        }
        return ViewArrangement(
            cameras={name: view.camera.pose for name, view in named.items()},
            orientations={name: view.orientation for name, view in named.items()},
        )

    def _arrange_as(self, wanted: ViewArrangement) -> None:
        """Zoom and orient the views as they were at another time."""
        for each, view in zip(ORIENTATIONS, self.views, strict=True):
            name = each.name.lower()
            view.set_orientation(wanted.orientations.get(name, view.orientation))
            view.take_pose(wanted.cameras.get(name, view.camera.pose))

    def _follow_all(self) -> None:
        for one, other in self.pairs:
            self._follow(other, one)

    def _follow(self, follower: SliceView, leader: SliceView) -> None:
        """Zoom and orient one view as the other, where both show the same space."""
        if self._following or not self._second.link or self._second.volume is None:
            return
        self._following = True
        try:
            follower.follow(leader)
        finally:
            self._following = False

    def _on_comparison_changed(self) -> None:
        second, way = self._second, self._comparison.way
        drawn = way is not Way.NONE and second.volume is not None
        texts = [each.short for each in second.warnings] if drawn else []
        if drawn and way is Way.DIFFERENCE:
            texts.append(_DIFFERENCE)
        elif drawn and way is Way.FLICKER:
            texts.append("second scan" if self._comparison.shows_second else "first scan")
        elif drawn:
            texts.append("with second scan")
        for view in self._first.views:
            view.warnings_over = tuple(texts)
        self._update_first()

    def _update_first(self) -> None:
        for view in self._first.views:
            view.update()

    def _show_heatmap(self) -> None:
        heatmap: Heatmap | None = self._prior.shown_heatmap
        for view in self.views:
            view.set_heatmap(heatmap)

    def _show_menu(self, view: SliceView, at: QPoint) -> None:
        view.setFocus()
        menu = QMenu(view)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.addAction("Fit", view.fit)
        presets = menu.addMenu("Window level of the second scan")
        level = self._second.display.window_level
        for number, preset in enumerate(level.presets):
            action = presets.addAction(preset.title.replace("&", "&&"))
            action.triggered.connect(lambda _=False, n=number: level.apply_preset(n))
        menu.addAction("Close the second scan", self._second.close)
        menu.popup(view.mapToGlobal(at))
