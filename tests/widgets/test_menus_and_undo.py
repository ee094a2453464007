"""Context menus of views and series, dragging a series into the images, undo across marks and window level."""

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QContextMenuEvent, QDragEnterEvent, QDragMoveEvent, QDropEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QMenu

from fusion3d_gui.imaging.dicom.write import write_dicom_series
from fusion3d_gui.imaging.volume import Volume

LEFT, RIGHT = Qt.MouseButton.LeftButton, Qt.MouseButton.RightButton
NONE = Qt.KeyboardModifier.NoModifier
COPY = Qt.DropAction.CopyAction


@pytest.fixture
def study(window, tmp_path, settled):
    """The window on a study of two series."""
    for name, slices in (("first", 9), ("second", 6)):
        voxels = np.random.default_rng(slices).integers(0, 900, (slices, 24, 20)).astype(np.int16)
        volume = Volume(voxels, np.diag([4.0, 4.0, 6.0, 1.0]), modality="MR", description=name)
        write_dicom_series(
            volume, tmp_path / "study" / name, attributes={"PatientID": "1"}, uid_seed=name
        )
    window.session.opener.open(tmp_path / "study")
    settled(window)
    return window


def menu_under(widget) -> QMenu:
    (menu,) = [each for each in widget.findChildren(QMenu) if each.isVisible()]
    return menu


def entry(menu: QMenu, text: str):
    return next(each for each in menu.actions() if each.text() == text)


def right_drag(view, by: QPoint) -> None:
    at = view.rect().center()
    QTest.mousePress(view, RIGHT, NONE, at)
    for share in (0.3, 0.6, 1.0):
        QTest.mouseMove(view, at + by * share)
        QApplication.processEvents()
    QTest.mouseRelease(view, RIGHT, NONE, at + by)


# -- menus ------------------------------------------------------------------------------------


def test_a_right_click_on_a_view_offers_planes_window_levels_and_a_reset(opened):
    view, level = opened.views.axial, opened.session.display.window_level
    before = level.window
    place = QPoint(view.width() // 2 + 30, view.height() // 2 + 30)
    QTest.mouseClick(view, RIGHT, NONE, place)
    menu = menu_under(view)
    assert level.window == before
    texts = [action.text() for action in menu.actions()]
    for text in ("Coronal", "Fit", "This view alone", "Reset display settings"):
        assert text in texts
    entry(menu, "Crosshair to here").trigger()
    assert np.allclose(
        opened.session.display.crosshair.position_lps, view.lps_at(QPointF(place)), atol=3
    )
    presets = entry(menu, "Window level").menu()
    presets.actions()[-1].trigger()
    assert level.window == level.presets[-1].window
    menu.close()


def test_a_right_drag_changes_the_window_level_and_opens_no_menu(opened):
    view, level = opened.views.axial, opened.session.display.window_level
    before = level.window
    right_drag(view, QPoint(80, 0))
    assert level.window.width > before.width
    assert not [each for each in view.findChildren(QMenu) if each.isVisible()]


def test_the_menu_key_opens_the_menu_of_the_view(opened):
    view = opened.views.coronal
    event = QContextMenuEvent(
        QContextMenuEvent.Reason.Keyboard, QPoint(5, 5), view.mapToGlobal(QPoint(5, 5))
    )
    QApplication.sendEvent(view, event)
    menu_under(view).close()


def test_a_right_click_on_a_mark_offers_to_delete_it(opened):
    marks, view = opened.session.annotations, opened.views.axial
    marks.add_point(opened.session.display.crosshair.position_lps)
    number = marks.items[0].number
    marks.select(None)
    QTest.mouseClick(view, RIGHT, NONE, view.px_at(marks.items[0].points_lps[0]).toPoint())
    menu = menu_under(view)
    assert marks.selected.number == number
    entry(menu, "Delete mark").trigger()
    assert not marks.items
    menu.close()


def test_the_3d_view_has_a_menu(opened):
    opened.menus.actions["layout_grid"].trigger()
    QApplication.processEvents()
    view = opened.views.volume
    QTest.mouseClick(view, RIGHT, NONE, view.rect().center())
    menu = menu_under(view)
    look = view.display.volume_look
    shown = look.is_surface
    entry(menu, "Surface").trigger()
    assert look.is_surface != shown
    menu.close()


def test_a_right_click_on_a_series_offers_to_open_it(study, settled):
    items = study.series.list
    for row, is_open in ((0, True), (1, False)):
        where = items.visualItemRect(items.item(row)).center()
        event = QContextMenuEvent(
            QContextMenuEvent.Reason.Mouse, where, items.viewport().mapToGlobal(where)
        )
        QApplication.sendEvent(items.viewport(), event)
        menu = menu_under(study.series)
        assert entry(menu, "Open").isEnabled() != is_open
        assert any(each.text().startswith("DICOM tags") for each in menu.actions()) == is_open
        entry(menu, "Copy the name").trigger()
        assert QApplication.clipboard().text() == ("first" if is_open else "second")
        if not is_open:
            entry(menu, "Open").trigger()
        menu.close()
        QApplication.processEvents()
    settled(study)
    assert study.session.store.case.volume.description == "second"


# -- drag and drop ----------------------------------------------------------------------------


def drag_series(window, row: int, where: QPoint) -> bool:
    """Drag a series to a place of the window; whether it may be dropped there."""
    items = window.series.list
    mime = items.dragged(items.item(row))
    QApplication.sendEvent(window, QDragEnterEvent(where, COPY, mime, LEFT, NONE))
    move = QDragMoveEvent(where, COPY, mime, LEFT, NONE)
    QApplication.sendEvent(window, move)
    QApplication.sendEvent(window, QDropEvent(QPointF(where), COPY, mime, LEFT, NONE))
    return move.isAccepted()


def test_a_series_dragged_into_the_images_is_opened(study, settled):
    axial, items = study.views.axial, study.series.list
    assert not drag_series(study, 1, items.mapTo(study, items.rect().center()))
    settled(study)
    assert study.session.store.case.volume.description == "first"
    assert drag_series(study, 1, axial.mapTo(study, axial.rect().center()))
    settled(study)
    assert study.session.store.case.volume.description == "second"


# -- undo -------------------------------------------------------------------------------------


def test_a_drag_of_the_window_level_is_undone_and_redone(opened):
    level, undo = opened.session.display.window_level, opened.menus.actions["undo"]
    assert not undo.isEnabled()
    before = level.window
    right_drag(opened.views.axial, QPoint(80, 40))
    dragged = level.window
    assert dragged != before
    undo.trigger()
    assert level.window == before
    assert not undo.isEnabled()
    opened.menus.actions["redo"].trigger()
    assert level.window == dragged


def test_presets_typed_values_the_histogram_and_the_wheel_are_undone_too(opened, turn_wheel):
    level, undo = opened.session.display.window_level, opened.session.undo
    seen = [level.window]

    def note() -> None:
        assert level.window != seen[-1]
        seen.append(level.window)

    level.apply_preset(len(level.presets) - 1)
    if level.window != seen[-1]:
        seen.append(level.window)
    box = opened.header.window_controls.width_box
    box.setValue(box.value() + 50)
    note()
    turn_wheel(opened.views.axial, 120)  # slices: no step
    level.drag(0.2, 0.0)
    level.drag(0.2, 0.0)
    level.settle()
    note()
    opened.session.display.reset()
    if level.window != seen[-1]:
        seen.append(level.window)
    for expected in reversed(seen[:-1]):
        assert undo.can_undo
        undo.undo()
        assert level.window == expected
    assert not undo.can_undo


def test_marks_and_window_level_are_undone_in_the_order_in_which_they_were_changed(opened):
    session = opened.session
    level, marks, undo = session.display.window_level, session.annotations, session.undo
    start = level.window
    marks.add_point(session.display.crosshair.position_lps)
    level.drag(0.3, 0.0)
    level.settle()
    widened = level.window
    marks.add_point(session.display.crosshair.position_lps + 4)
    undo.undo()
    assert (len(marks.items), level.window) == (1, widened)
    undo.undo()
    assert (len(marks.items), level.window) == (1, start)
    undo.undo()
    assert (len(marks.items), level.window) == (0, start)
    assert not undo.can_undo
    undo.redo()
    undo.redo()
    assert (len(marks.items), level.window) == (1, widened)
    # Something new: what was undone is gone.
    level.drag(0.1, 0.0)
    level.settle()
    assert not undo.can_redo
    undo.undo()
    undo.undo()
    undo.undo()
    assert (len(marks.items), level.window) == (0, start)


def test_a_moved_mark_is_put_back_where_it_was(opened):
    marks, view = opened.session.annotations, opened.views.axial
    marks.add_point(opened.session.display.crosshair.position_lps)
    before = marks.items[0].points
    at = view.px_at(marks.items[0].points_lps[0]).toPoint()
    QTest.mousePress(view, LEFT, NONE, at)
    for step in (10, 25, 40):
        QTest.mouseMove(view, at + QPoint(step, step))
        QApplication.processEvents()
    QTest.mouseRelease(view, LEFT, NONE, at + QPoint(40, 40))
    assert marks.items[0].points != before
    opened.menus.actions["undo"].trigger()
    assert marks.items[0].points == before


def test_another_case_has_nothing_of_this_one_to_undo(opened, make_case, settled):
    session = opened.session
    session.display.window_level.drag(0.3, 0.0)
    session.display.window_level.settle()
    session.opener.open(make_case("b"))
    settled(opened)
    assert not session.undo.can_undo
    before = session.display.window_level.window
    session.undo.undo()
    assert session.display.window_level.window == before
