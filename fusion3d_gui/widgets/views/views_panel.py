"""``ViewsPanel``: the linked slice and volume views in one of several layouts."""

from __future__ import annotations

from PySide6.QtCore import QPoint, Qt, QTimer, Signal
from PySide6.QtWidgets import QMenu, QSplitter, QVBoxLayout, QWidget

from fusion3d_gui.imaging.plane import AXIAL, CORONAL, ORIENTATIONS, SAGITTAL
from fusion3d_gui.imaging.reslice.acquisition import FEW_SLICES, acquired_orientation
from fusion3d_gui.imaging.volume import Volume
from fusion3d_gui.state.display.arrangement import ViewArrangement
from fusion3d_gui.state.display.display import Display
from fusion3d_gui.state.prediction.predictions import Predictions
from fusion3d_gui.state.store import Store
from fusion3d_gui.widgets.slice.slice_slider import ViewCell
from fusion3d_gui.widgets.slice.slice_view import SliceView
from fusion3d_gui.widgets.views.layout import Layout
from fusion3d_gui.widgets.views.panes import Panes
from fusion3d_gui.widgets.views.view_menus import slice_view_menu, volume_view_menu
from fusion3d_gui.widgets.volume.look_bar import VolumeCell
from fusion3d_gui.widgets.volume.orbit import Orbit
from fusion3d_gui.widgets.volume.volume_view import VolumeView

#: Width (px) of the borders between views: wide enough to be caught with the mouse.
_HANDLE = 6
#: Name of the 3D view in an arrangement.
_VOLUME = "volume"


class ViewsPanel(QWidget):
    """Shows the current case and heatmap; a double click maximises a view."""

    hovered = Signal(object)
    layout_changed = Signal()
    #: The context menu (QMenu) of a view (QWidget) is about to open at a position (QPoint) in it: others
    #: may add to it.
    menu_opened = Signal(QMenu, QWidget, QPoint)

    def __init__(
        self,
        store: Store,
        display: Display,
        predictions: Predictions,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._store = store
        self._display = display
        self._predictions = predictions
        self.axial = SliceView(AXIAL, display)
        self.coronal = SliceView(CORONAL, display)
        self.sagittal = SliceView(SAGITTAL, display)
        #: The view that comes first and largest in every layout: that of the acquired slices.
        self.main = self.axial
        #: The main view without heatmap, shown beside it and following it.
        self.plain = SliceView(AXIAL, display)
        self.plain.picture.with_overlay = False
        self.volume = VolumeView(display)
        self._cells: dict[QWidget, QWidget] = {view: ViewCell(view, self) for view in self.views}
        self._cells[self.volume] = VolumeCell(self.volume, self)
        self._layout = Layout.LARGE_AND_TWO
        self._maximised: QWidget | None = None
        self.panes = Panes()
        #: Whether the main view is alone because the scan has a slice or two, not because the user wanted it.
        self._alone_for_few = False
        # With a parent from the start: without one, each would flash as a window of its own.
        self._outer = QSplitter(Qt.Orientation.Horizontal, self)
        self._column = QSplitter(Qt.Orientation.Vertical, self)
        self._first = QSplitter(Qt.Orientation.Vertical, self)
        for splitter in self._splitters:
            splitter.setHandleWidth(_HANDLE)
            splitter.splitterMoved.connect(self._on_border_dragged)
            splitter.setChildrenCollapsible(False)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._outer)
        self._arrange()
        self._connect()

    def _connect(self) -> None:
        for view in self.views:
            view.maximise_requested.connect(lambda chosen=view: self.toggle_maximised(chosen))
            view.menu_requested.connect(lambda at, chosen=view: self._show_menu(chosen, at))
            view.hovered.connect(self.hovered)
        self.volume.maximise_requested.connect(lambda: self.toggle_maximised(self.volume))
        self.volume.menu_requested.connect(self._show_volume_menu)
        for view in self.views:
            for signal in (view.camera_changed, view.orientation_changed):
                signal.connect(lambda leader=view: self._on_view_moved(leader))
        arrangement = self._display.arrangement
        arrangement.set_source(self._arrangement)
        arrangement.requested.connect(self._arrange_as)
        self.layout_changed.connect(arrangement.changed)
        for view in self.views:
            view.camera_changed.connect(arrangement.changed)
            view.orientation_changed.connect(arrangement.changed)
        self._store.case_changed.connect(self._on_case_changed)
        self._store.case_filled.connect(self._on_case_filled)
        self._store.prediction_changed.connect(self._on_result_changed)

    # -- state --------------------------------------------------------------------------------

    @property
    def views(self) -> tuple[SliceView, ...]:
        """All slice views, visible or not: axial, coronal, sagittal, plain."""
        return self.axial, self.coronal, self.sagittal, self.plain

    @property
    def _all_views(self) -> tuple[SliceView | VolumeView, ...]:
        """All views that show the case: the slice views and the volume view."""
        return (*self.views, self.volume)

    @property
    def shown(self) -> tuple[SliceView, ...]:
        """The visible slice views."""
        return tuple(view for view in self.views if view.isVisible())

    @property
    def is_settled(self) -> bool:
        """Whether every visible view has its final resolution (no coarse preview left)."""
        flat = all(view.is_settled for view in self.shown)
        return flat and (self.volume.is_settled or not self.volume.isVisible())

    @property
    def active(self) -> SliceView:
        """The slice view that commands act on: the focused one, else the first visible."""
        shown = self.shown
        first = self.main if self.main in shown or not shown else shown[0]
        return next((view for view in shown if view.hasFocus()), first)

    @property
    def layout_name(self) -> Layout:
        """The layout, also while a view is maximised."""
        return self._layout

    # -- layouts ------------------------------------------------------------------------------

    def set_layout(self, layout: Layout) -> None:
        """Choose a layout; ends a maximised view."""
        self._layout, self._maximised, self._alone_for_few = layout, None, False
        self._arrange()
        self.layout_changed.emit()

    def toggle_maximised(self, chosen: QWidget) -> None:
        """Show this view alone, or the whole layout again."""
        self._maximised = None if self._maximised is chosen else chosen
        self._alone_for_few = False
        self._arrange()
        chosen.setFocus()
        self.layout_changed.emit()

    def _arrange(self) -> None:
        row: list[QWidget] = []
        first: list[QWidget] = []
        column: list[QWidget] = []
        main = self.main
        second, third = (view for view in self.views[:3] if view is not main)
        if self._maximised is not None:
            row = [self._maximised]
        elif self._layout is Layout.SIDE_BY_SIDE:
            row = [self.plain, main]
        elif self._layout is Layout.GRID:
            first, column = [main, third], [second, self.volume]
        elif self._layout is Layout.THREE:
            row = [main, second, third]
        else:
            row, column = [main], [second, third]
        wanted = [self._cells[view] for view in row]
        beside = [self._cells[view] for view in column]
        before = [self._cells[view] for view in first]
        for cell in self._cells.values():
            if cell not in (*wanted, *beside, *before):
                cell.hide()
                cell.setParent(self)
        for splitter, cells in ((self._first, before), (self._column, beside)):
            for number, cell in enumerate(cells):
                splitter.insertWidget(number, cell)
            splitter.setVisible(bool(cells))
        row_of_all = [self._first, *wanted, self._column]
        for number, widget in enumerate(row_of_all):
            self._outer.insertWidget(number, widget)
        named = main if main in (*row, *first) else row[0]
        # Three views in a row are small: the lines on the patient leave no room for the scale below them.
        self._name_patient_on(named, second if row == [main, second, third] else named)
        for cell in (*wanted, *beside, *before):
            cell.show()
        self._distribute_space()
        # Once more after Qt has laid out widgets that were shown for the first time.
        QTimer.singleShot(0, self, self._distribute_space)

    @property
    def _splitters(self) -> tuple[QSplitter, QSplitter, QSplitter]:
        return self._outer, self._column, self._first

    def _on_border_dragged(self) -> None:
        if self._maximised is None:
            self.panes.keep(self._layout.name, self._splitters)

    def _arrangement(self) -> ViewArrangement:
        named: dict[str, SliceView | VolumeView] = {**self._slices, _VOLUME: self.volume}
        return ViewArrangement(
            self._layout.name,
            next((name for name, view in named.items() if view is self._maximised), ""),
            {name: view.camera.pose for name, view in named.items()},
            {name: view.orientation for name, view in self._slices.items()},
            (self.volume.orbit.turn_degrees, self.volume.orbit.tilt_degrees),
        )

    def _arrange_as(self, wanted: ViewArrangement) -> None:
        """Arrange the views as they were at another time; what is not known here stays as it is."""
        if wanted.layout in Layout.__members__:
            self.set_layout(Layout[wanted.layout])
        alone = {**self._slices, _VOLUME: self.volume}.get(wanted.alone)
        if alone is not None:
            self.toggle_maximised(alone)
        for name, view in self._slices.items():
            view.set_orientation(wanted.orientations.get(name, view.orientation))
        for name, view in self._slices.items():
            view.take_pose(wanted.cameras.get(name, view.camera.pose))
        self.volume.camera.take(wanted.cameras.get(_VOLUME, self.volume.camera.pose))
        if wanted.orbit is not None:
            self.volume.orbit = Orbit(*wanted.orbit)
        self.volume.update()

    @property
    def _slices(self) -> dict[str, SliceView]:
        """The slice views by the names under which an arrangement knows them."""
        names = ("axial", "coronal", "sagittal", "plain")
        return dict(zip(names, self.views, strict=True))

    def _name_patient_on(self, main: QWidget, scale_on: QWidget) -> None:
        """Name patient and series on the main view of the layout, and the colours' values on one."""
        for view in self._all_views:
            view.names_patient = view is main
            view.update()
        for view in self.views:
            view.with_heat_scale = view is scale_on

    def _distribute_space(self) -> None:
        """Distribute the space among the views, as their borders were dragged or else as usual."""
        if self._maximised is None and self.panes.apply(self._layout.name, self._splitters):
            return
        beside, before = self._column.isVisibleTo(self), self._first.isVisibleTo(self)
        large = beside and not before
        shares = [620 if large else 500] * self._outer.count()
        shares[0], shares[-1] = 500, 380 if large else 500
        self._outer.setSizes(shares)
        for number, share in enumerate(shares):
            self._outer.setStretchFactor(number, share // 10)
        for splitter in (self._first, self._column):
            splitter.setSizes([500] * splitter.count())
            for number in range(splitter.count()):
                splitter.setStretchFactor(number, 1)

    # -- commands -----------------------------------------------------------------------------

    def fit(self) -> None:
        """Fit the whole plane into every view."""
        for view in self.views:
            view.fit()
        self.volume.fit()

    def zoom(self, factor: float) -> None:
        """Zoom the active view about its middle, or 3D where it is alone."""
        if not self.shown:
            self.volume.zoom(factor)
            return
        view = self.active
        view.zoom_about(view.width() / 2, view.height() / 2, factor)

    def straighten(self) -> None:
        """Reset the planes to the patient's axes, fitted and unflipped."""
        self._display.planes.straighten()
        self._unflip()
        self.fit()

    def _unflip(self) -> None:
        """Give every view the planes that its place is named after, unflipped."""
        for view, usual in zip(self.views, (AXIAL, CORONAL, SAGITTAL), strict=False):
            view.set_orientation(usual)
        self.plain.set_orientation(self.main.orientation)

    def follow_scan(self) -> None:
        """Align the planes to the scan's own axes, and fit them."""
        case = self._store.case
        if case is not None:
            self._display.planes.follow_scan(case.volume)
            self.fit()

    def flip(self) -> None:
        """Flip the active view left to right."""
        self.active.set_orientation(self.active.orientation.flipped())

    def turn(self) -> None:
        """Rotate the active view clockwise by 90°."""
        self.active.set_orientation(self.active.orientation.rotated())

    def toggle_cine(self) -> None:
        """Start or stop cine: the active view's slices advance by themselves."""
        cine = self._display.cine
        if cine.running:
            cine.stop()
        else:
            cine.run(self.active, self.active.cycle)

    def _show_menu(self, view: SliceView, at: QPoint) -> None:
        view.setFocus()
        self._open_menu(slice_view_menu(view, self.flip, self.turn), view, at)

    def _show_volume_menu(self, at: QPoint) -> None:
        self._open_menu(volume_view_menu(self.volume, self._display.volume_look), self.volume, at)

    def _open_menu(self, menu: QMenu, view: SliceView | VolumeView, at: QPoint) -> None:
        menu.addAction("Fit", view.fit)
        alone = menu.addAction("This view alone", lambda: self.toggle_maximised(view))
        alone.setCheckable(True)
        alone.setChecked(self._maximised is view)
        self.menu_opened.emit(menu, view, at)
        menu.popup(view.mapToGlobal(at))

    # -- signals ------------------------------------------------------------------------------

    def _on_view_moved(self, leader: SliceView) -> None:
        """Move the main view and the plain one beside it together."""
        follower = {self.main: self.plain, self.plain: self.main}.get(leader)
        if follower is not None and leader.isVisible() and follower.isVisible():
            follower.follow(leader)

    def _on_case_changed(self) -> None:
        case = self._store.case
        volume = case.picture if case else None
        before = self.views[0].picture.volume
        for view in self._all_views:
            view.set_volume(volume)
        if volume is not None and (before is None or before.voxels is not volume.voxels):
            self._follow_acquisition(volume)
            for view in self.views:
                view.await_turn()

    def _follow_acquisition(self, volume: Volume) -> None:
        """Put the acquired slices first; alone where there are so few that other planes would be black."""
        before, alone = self.main, None if self._alone_for_few else self._maximised
        place = ORIENTATIONS.index(acquired_orientation(volume) or AXIAL)
        self.main = self.views[place]
        self._alone_for_few = min(volume.shape) <= FEW_SLICES
        if self._alone_for_few or alone is before:
            alone = self.main
        if (self.main, alone) != (before, self._maximised):
            self._maximised = alone
            self._arrange()
            self.layout_changed.emit()
        self._unflip()

    def _on_case_filled(self) -> None:
        case = self._store.case
        if case is not None and case.picture is not self.views[0].picture.volume:
            self._on_case_changed()
        for view in self.views:
            view.picture.refresh()
            view.update()
        self.volume.update()

    def _on_result_changed(self) -> None:
        heatmap = self._predictions.heatmap
        for view in self._all_views:
            view.heatmap_loss = self._predictions.heatmap_loss
            view.set_heatmap(heatmap)
