"""Borders between views and panels: dragged with the mouse, remembered, and sensible at large text."""

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QApplication

from fusion3d_gui.imaging.dicom.write import write_dicom_series
from fusion3d_gui.imaging.volume import Volume
from fusion3d_gui.state.session import Session
from fusion3d_gui.widgets.look import theme
from fusion3d_gui.widgets.marks.mark_table import HEIGHT, LEAST_HEIGHT
from fusion3d_gui.widgets.side.side_panel import WIDTH
from fusion3d_gui.widgets.views.layout import Layout
from fusion3d_gui.widgets.views.panes import Panes
from fusion3d_gui.widgets.window.main_window import MainWindow
from fusion3d_gui.widgets.window.series.series_panel import LEAST_WIDTH
from fusion3d_gui.widgets.window.series.series_panel import WIDTH as WIDTH_OF_SERIES

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
    drag(qtbot, opened.borders.side, 1, QPoint(-80, 0))
    wide = opened.side.width()
    assert wide > WIDTH + 60
    opened.resize(opened.width() - 60, opened.height())
    QApplication.processEvents()
    assert opened.side.width() == wide
    opened.close()
    assert opened.settings.values.side_width == wide


@pytest.fixture
def study(window, settled, tmp_path):
    """The window with two series and the table of marks."""
    for number in range(2):
        voxels = np.random.default_rng(number).integers(0, 900, (9, 20, 24)).astype(np.int16)
        volume = Volume(
            voxels, np.diag([4.0, 4.0, 5.0, 1.0]), modality="MR", description="A sequence " * 4
        )
        folder = tmp_path / "study" / str(number)
        write_dicom_series(volume, folder, attributes={}, uid_seed=str(number))
    window.session.opener.open(tmp_path / "study")
    settled(window)
    window.settings.toggle_panel("marks")
    QApplication.processEvents()
    return window


def test_the_borders_of_series_and_marks_are_dragged_and_remembered(study, qtbot) -> None:
    series, marks = study.series, study.marks
    assert (series.width(), marks.height()) == (WIDTH_OF_SERIES, HEIGHT)
    place = study.session.display.crosshair.position_lps
    lines = series.list.item(0).text().count("\n")
    drag(qtbot, study.borders.series, 1, QPoint(90, 0))
    drag(qtbot, study.borders.marks, 1, QPoint(0, -60))
    assert abs(series.width() - (WIDTH_OF_SERIES + 90)) < 8
    assert abs(marks.height() - (HEIGHT + 60)) < 8
    assert (study.session.display.crosshair.position_lps == place).all()
    # The captions use the room.
    assert series.list.item(0).text().count("\n") < lines or "…" not in series.list.item(0).text()
    assert series.list.item(0).sizeHint().width() > WIDTH_OF_SERIES
    sizes = series.width(), marks.height()
    study.settings.toggle_panel("marks")
    study.settings.toggle_panel("series")
    QApplication.processEvents()
    assert not series.isVisible()
    study.settings.toggle_panel("marks")
    study.settings.toggle_panel("series")
    QApplication.processEvents()
    assert (series.width(), marks.height()) == sizes
    study.resize(study.width() - 80, study.height() - 60)
    QApplication.processEvents()
    assert (series.width(), marks.height()) == sizes
    study.close()
    values = study.settings.values
    assert (values.series_width, values.marks_height) == sizes
    session = Session(device="cpu")
    again = MainWindow(session, settings=study.settings)
    assert again.borders.series.chosen_size == values.series_width
    assert again.borders.marks.chosen_size == values.marks_height
    again.close()
    assert session.close()
    again.deleteLater()


def test_no_border_hides_a_panel_or_the_images(study, qtbot) -> None:
    drag(qtbot, study.borders.series, 1, QPoint(-500, 0))
    drag(qtbot, study.borders.marks, 1, QPoint(0, 500))
    assert study.series.width() >= LEAST_WIDTH
    assert study.marks.height() >= LEAST_HEIGHT
    drag(qtbot, study.borders.series, 1, QPoint(2000, 0))
    drag(qtbot, study.borders.marks, 1, QPoint(0, -2000))
    assert study.pages.width() >= 320
    assert study.pages.height() >= 240


def test_the_side_panel_leaves_the_images_their_room_at_large_text(opened, qtbot) -> None:
    opened.resize(1280, 800)
    theme.change(QApplication.instance(), "dark", 1.5)
    try:
        opened.borders.side.fit()
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
