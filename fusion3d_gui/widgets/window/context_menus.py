"""``ContextMenus``: the menus of the views and of the list of series, with the commands of the menu bar."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtCore import QObject, QPoint, QPointF, Qt
from PySide6.QtGui import QAction, QGuiApplication
from PySide6.QtWidgets import QMenu, QWidget

from fusion3d_gui.state.beside.second_scan import SecondScan
from fusion3d_gui.state.case.opening import Opener
from fusion3d_gui.state.display.crosshair import Crosshair
from fusion3d_gui.state.display.window_level import WindowLevel
from fusion3d_gui.state.store import Store
from fusion3d_gui.widgets.marks.mark_layer import MarkLayer
from fusion3d_gui.widgets.slice.slice_view import SliceView
from fusion3d_gui.widgets.window.series.series_panel import SeriesPanel

_OF_VIEWS = ("center", "auto_window", "invert", "reset_display")
_OF_MARKS = ("write_mark", "delete_mark")


class ContextMenus(QObject):
    """Adds commands to the menus of views, and opens the menu of the list of series."""

    def __init__(
        self,
        store: Store,
        opener: Opener,
        level: WindowLevel,
        crosshair: Crosshair,
        marks: MarkLayer,
        series: SeriesPanel,
        second: SecondScan,
        actions: Mapping[str, QAction],
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        self._store, self._opener = store, opener
        self._level, self._crosshair = level, crosshair
        self._marks, self._series, self._actions = marks, series, actions
        self._second = second
        series.list.menu_requested.connect(self._show_series_menu)

    def add_to(self, menu: QMenu, view: QWidget, at: QPoint) -> None:
        """Add what can be done with the mark at a position of a view, then with the image."""
        if (
            isinstance(view, SliceView)
            and self._marks.is_on(view)
            and self._marks.select_at(view, QPointF(at)) is not None
        ):
            first = menu.actions()[0]
            for name in _OF_MARKS:
                menu.insertAction(first, self._actions[name])
            menu.insertSeparator(first)
        menu.addSeparator()
        if isinstance(view, SliceView):
            lps = view.lps_at(QPointF(at))
            menu.addAction("Crosshair to here", lambda: self._crosshair.move_to(lps))
        presets = menu.addMenu("Window level")
        for number, preset in enumerate(self._level.presets):
            # An ampersand in a name would be taken for a key.
            action = presets.addAction(preset.title.replace("&", "&&"))
            action.setCheckable(True)
            action.setChecked(preset == self._level.preset)
            action.triggered.connect(lambda _=False, n=number: self._level.apply_preset(n))
        for name in _OF_VIEWS:
            menu.addAction(self._actions[name])

    def _show_series_menu(self, uid: str, at: QPoint) -> None:
        case, series = self._store.case, self._series.series(uid)
        if case is None or series is None:
            return
        menu = QMenu(self._series)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        is_open = uid == case.volume.series_uid
        menu.addAction("Open", lambda: self._opener.open_series(uid)).setEnabled(not is_open)
        beside = menu.addAction("Open beside", lambda: self._second.open_series(series))
        beside.setEnabled(not is_open and case.is_complete)
        if is_open:
            menu.addAction(self._actions["whole_series"])
            menu.addAction(self._actions["tags"])
        name = series.description or series.modality
        menu.addAction("Copy the name", lambda: QGuiApplication.clipboard().setText(name))
        menu.addSeparator()
        menu.addAction("Hide this list", self._actions["series"].trigger)
        menu.popup(at)
