"""The context menus of a slice view and of the volume view: what changes this view alone."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QMenu, QWidget

from fusion3d_gui.imaging.plane import ORIENTATIONS
from fusion3d_gui.state.display.volume_look import VolumeLook
from fusion3d_gui.widgets.slice.slice_view import SliceView
from fusion3d_gui.widgets.volume.look_text import SIDE_NAMES
from fusion3d_gui.widgets.volume.volume_view import VolumeView


def slice_view_menu(view: SliceView, flip: Callable[[], None], turn: Callable[[], None]) -> QMenu:
    """Planes of a slice view, ``flip`` and ``turn`` for the active view, and its actual size."""
    menu = _menu(view)
    for each in ORIENTATIONS:
        action = menu.addAction(each.name)
        action.setCheckable(True)
        action.setChecked(view.orientation.name == each.name)
        action.triggered.connect(lambda _=False, plane=each: view.set_orientation(plane))
    menu.addSeparator()
    menu.addAction("Flip left and right", flip)
    menu.addAction("Rotate by 90°", turn)
    menu.addAction("Actual size", view.actual_size)
    return menu


def volume_view_menu(view: VolumeView, look: VolumeLook) -> QMenu:
    """What the volume view shows, from which side it is cut, and whether it spins."""
    menu = _menu(view)
    presets, cuts = menu.addMenu("Show"), menu.addMenu("Cut")
    rows: list[tuple[QMenu, str, Callable[[], None], bool]] = [
        (presets, each.title, partial(look.apply, each), each == look.preset)
        for each in look.presets
    ]
    rows += [
        (cuts, f"From the {name}", partial(look.cut_from, side), side is look.cut)
        for side, name in SIDE_NAMES.items()
    ]
    rows += [
        (cuts, "Nothing", partial(look.cut_from, None), look.cut is None),
        (menu, "Surface", look.toggle_surface, look.is_surface),
        (menu, "Spin", view.toggle_spin, view.spinning),
    ]
    for where, title, run, checked in rows:
        action = where.addAction(title, run)
        action.setCheckable(True)
        action.setChecked(checked)
    menu.addSeparator()
    return menu


def _menu(view: QWidget) -> QMenu:
    menu = QMenu(view)
    menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    return menu
