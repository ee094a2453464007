"""Borders between views and panels: dragged with the mouse, remembered, and sensible at large text."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QApplication

from fusion3d_gui.state.session import Session
from fusion3d_gui.widgets.look import theme
from fusion3d_gui.widgets.side.side_panel import WIDTH
from fusion3d_gui.widgets.views.panes import Panes
from fusion3d_gui.widgets.views.views_panel import Layout
from fusion3d_gui.widgets.window.main_window import MainWindow

LEFT = Qt.MouseButton.LeftButton


def drag(qtbot, splitter, number: int, by: QPoint) -> None:
    handle = splitter.handle(number)
    start = handle.rect().center()
    qtbot.mousePress(handle, LEFT, pos=start)
    qtbot.mouseMove(handle, start + by)
    qtbot.mouseRelease(handle, LEFT, pos=start + by)
    QApplication.processEvents()


def test_the_border_between_views_is_dragged_and_remembered_by_layout(opened, qtbot) -> None:
    views, place = opened.views, opened.session.display.crosshair.position_lps
    before = views.axial.width()
    drag(qtbot, views._outer, 2, QPoint(-90, 0))
    narrower = views.axial.width()
    assert narrower < before - 60
    assert (opened.session.display.crosshair.position_lps == place).all()
    views.set_layout(Layout.THREE)
    QApplication.processEvents()
    assert abs(views.axial.width() - views.coronal.width()) < 20
    views.set_layout(Layout.LARGE_AND_TWO)
    qtbot.waitUntil(lambda: abs(views.axial.width() - narrower) < 12)
    opened.close()
    session = Session(device="cpu")
    again = MainWindow(session, settings=opened.settings)
    assert again.views.panes.text == views.panes.text != ""
    again.close()
    assert session.close()
    again.deleteLater()


@pytest.mark.parametrize("text", ["no JSON", "[1]", '{"THREE": 4}', '{"THREE": [["x"]]}', "3"])
def test_remembered_borders_that_make_no_sense_are_ignored(text) -> None:
    panes = Panes()
    panes.restore(text)
    assert panes.text == ""


def test_the_side_panels_border_is_dragged_and_remembered(opened, qtbot) -> None:
    assert opened.side.width() == WIDTH
    drag(qtbot, opened.splitter, 1, QPoint(-80, 0))
    wide = opened.side.width()
    assert wide > WIDTH + 60
    opened.resize(opened.width() - 60, opened.height())
    QApplication.processEvents()
    assert opened.side.width() == wide
    opened.close()
    assert opened.settings.values.side_width == wide


def test_the_side_panel_leaves_the_images_their_room_at_large_text(opened, qtbot) -> None:
    opened.resize(1280, 800)
    theme.change(QApplication.instance(), "dark", 1.5)
    try:
        opened.splitter.fit()
        QApplication.processEvents()
        assert opened.side.width() <= 1280 * 0.36
        assert opened.side.horizontalScrollBar().maximum() == 0
    finally:
        theme.change(QApplication.instance(), "dark", 1.0)


def test_another_scan_is_seen_from_the_usual_side_in_3d(opened, make_case, settled) -> None:
    view = opened.views.volume
    usual = view.axes_lps
    view.turn(90, 20)
    view.camera.zoom_about(10, 10, 3.0)
    opened.session.store.identity.toggle()  # the same scan stays as it is
    assert (view.axes_lps[0] != usual[0]).any()
    opened.session.opener.open(make_case("b", 300))
    settled(opened)
    assert (view.axes_lps[0] == usual[0]).all()
    assert view.camera.is_fitted
