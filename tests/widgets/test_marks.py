"""Marks under the mouse: drawn, seen, moved, written on, taken back, listed, exported."""

from __future__ import annotations

import csv

import numpy as np
import pytest
import SimpleITK as sitk
from PySide6.QtCore import QPoint, QPointF, QRect, QRectF, Qt
from PySide6.QtGui import QImage, QPainter
from PySide6.QtWidgets import QApplication

from fusion3d_gui.inference.prediction import Heatmap
from fusion3d_gui.state.export.measurement_export import export_measurements
from fusion3d_gui.widgets.look.measurement_text import label_lines
from fusion3d_gui.widgets.marks.mark_painter import marks_on_screen, paint_label, paint_mark
from fusion3d_gui.widgets.marks.text_editor import MarkTextEditor

LEFT = Qt.MouseButton.LeftButton


def px(view, lps) -> QPoint:
    return view.px_at(np.array(lps, float)).toPoint()


def drag(qtbot, view, start: QPoint, end: QPoint) -> None:
    qtbot.mousePress(view, LEFT, pos=start)
    qtbot.mouseMove(view, (start + end) / 2)
    qtbot.mouseMove(view, end)
    qtbot.mouseRelease(view, LEFT, pos=end)


def draw(window, qtbot, kind: str, start, end, view=None) -> object:
    view = view or window.views.axial
    window.session.tool.choose(kind)
    drag(qtbot, view, px(view, start), px(view, end))
    window.session.tool.choose("crosshair")
    return window.session.annotations.items[-1]


@pytest.fixture
def marks(opened):
    opened.session.display.crosshair.move_to(np.array([0.0, 0.0, 2.5]))
    return opened.session.annotations


def seen_in(window, mark) -> list[str]:
    found = []
    for view in (each for each in window.views.views if each.isVisible()):
        if mark.number in [each.annotation.number for each in marks_on_screen(view, (mark,))]:
            found.append(view.orientation.name)
    return found


def test_a_drawn_distance_is_that_of_simpleitks_physical_points(opened, marks, qtbot, make_case):
    image = sitk.ReadImage(str(opened.session.store.case.paths[0]))
    ends = [(6, 8, 13), (20, 27, 13)]
    # SimpleITK reads NIfTI into LPS too.
    start, end = (np.array(image.TransformIndexToPhysicalPoint(index)) for index in ends)
    opened.session.display.crosshair.move_to(start)
    mark = draw(opened, qtbot, "distance", start, end)
    half_px = 1 / opened.views.axial.camera.scale  # the mouse lands on whole pixels
    assert np.abs(mark.points_lps - [start, end]).max() <= half_px
    exact = mark.with_points(np.stack([start, end]))
    expected = np.linalg.norm(start - end)
    assert marks.measurement(exact)["length_mm"] == pytest.approx(expected, abs=1e-3)
    assert marks.measurement(mark)["length_mm"] == pytest.approx(expected, abs=2 * half_px)


def test_a_distance_in_an_oblique_plane_is_what_simpleitks_resampled_plane_gives(
    opened, marks, qtbot
):
    view = opened.views.axial
    opened.views.coronal.turn_others(0.35)
    opened.views.sagittal.turn_others(-0.2)
    plane = view.screen_plane
    assert abs(plane.normal_lps).max() < 0.99  # oblique indeed
    opened.session.tool.choose("distance")
    start, end = view.rect().center() + QPoint(-70, -40), view.rect().center() + QPoint(80, 30)
    drag(qtbot, view, start, end)
    (mark,) = marks.items
    assert np.abs(plane.distance_mm(mark.points_lps)).max() < 1e-6
    # The plane as an image of 1 mm pixels in SimpleITK's hands, its origin at the first end.
    sheet = sitk.Image(64, 64, 1, sitk.sitkUInt8)
    axes = np.stack([plane.right_lps, plane.down_lps, plane.normal_lps], axis=1)
    sheet.SetDirection(axes.ravel())
    sheet.SetOrigin([float(x) for x in mark.points_lps[0]])
    scale = view.camera.scale
    index = [(end - start).x() / scale, (end - start).y() / scale, 0.0]
    there = np.array(sheet.TransformContinuousIndexToPhysicalPoint(index))
    assert np.abs(there - mark.points_lps[1]).max() < 0.05
    expected = np.linalg.norm(there - np.array(sheet.GetOrigin()))
    assert marks.measurement(mark)["length_mm"] == pytest.approx(expected, abs=0.1)
    # And the volume's own image agrees about where that is.
    image = sitk.ReadImage(str(opened.session.store.case.paths[0]))
    for point in mark.points_lps:
        found = image.TransformPhysicalPointToContinuousIndex([float(x) for x in point])
        assert np.allclose(opened.session.store.case.volume.to_index(point), found, atol=1e-3)


def test_two_clicks_draw_as_a_drag_does_and_the_wheel_between_them_makes_it_three_dimensional(
    opened, marks, qtbot, turn_wheel
):
    view = opened.views.axial
    opened.session.tool.choose("distance")
    qtbot.mouseClick(view, LEFT, pos=px(view, (10, 10, 0)))
    assert marks.draft is not None
    turn_wheel(view, 240)
    qtbot.mouseMove(view, px(view, (20, 15, 0)))
    qtbot.mouseClick(view, LEFT, pos=px(view, (30, 20, 0)))
    (mark,) = marks.items
    assert abs(mark.points_lps[1, 2] - mark.points_lps[0, 2]) == pytest.approx(10)


def test_an_angle_takes_three_clicks(opened, marks, qtbot):
    view = opened.views.axial
    opened.session.tool.choose("angle")
    for place in ((30, 0, 0), (0, 0, 0), (0, 30, 0)):
        qtbot.mouseClick(view, LEFT, pos=px(view, place))
        qtbot.mouseMove(view, px(view, place) + QPoint(1, 1))
    (mark,) = marks.items
    assert marks.measurement(mark)["angle_deg"] == pytest.approx(90, abs=2)
    assert marks.draft is None


def test_a_region_measures_what_is_in_it(opened, marks, qtbot):
    opened.session.display.crosshair.move_to(np.array([0.0, 0.0, 22.5]))
    mark = draw(opened, qtbot, "rectangle", (20, -40, 22.5), (40, -20, 22.5))
    assert marks.measurement(mark)["mean"] == 900
    assert marks.measurement(mark)["sd"] == 0
    assert seen_in(opened, mark) == ["Axial"]


def test_a_mark_is_seen_in_every_plane_that_it_touches_and_in_no_other(opened, marks, qtbot):
    mark = draw(opened, qtbot, "distance", (-20, 0, 2.5), (20, 0, 2.5))
    assert seen_in(opened, mark) == ["Axial", "Coronal", "Sagittal"]
    opened.session.display.crosshair.move_to(np.array([0.0, 0.0, 7.5]))
    assert seen_in(opened, mark) == ["Coronal", "Sagittal"]
    opened.session.display.crosshair.move_to(np.array([40.0, 40.0, 7.5]))
    assert seen_in(opened, mark) == []


def test_a_mark_is_moved_by_its_line_and_changed_by_its_handle(opened, marks, qtbot):
    view = opened.views.axial
    mark = draw(opened, qtbot, "distance", (-20, -10, 2.5), (20, -10, 2.5))
    scale = view.camera.scale
    drag(qtbot, view, px(view, (5, -10, 2.5)), px(view, (5, -30, 2.5)))
    moved = marks.items[0].points_lps
    assert np.allclose(moved - mark.points_lps, [0, -20, 0], atol=2 / scale)
    drag(qtbot, view, px(view, moved[1]), px(view, moved[1] + [10, 0, 0]))
    assert marks.items[0].points_lps[1, 0] == pytest.approx(moved[1, 0] + 10, abs=2 / scale)
    assert np.allclose(marks.items[0].points_lps[0], moved[0])
    marks.undo()
    marks.undo()
    assert marks.items == (mark,)


def test_a_corner_of_a_region_moves_and_the_opposite_one_stays(opened, marks, qtbot):
    view = opened.views.axial
    mark = draw(opened, qtbot, "ellipse", (-20, -20, 2.5), (20, 10, 2.5))
    corner = mark.box_corners_lps()[1]
    drag(qtbot, view, px(view, corner), px(view, corner + [10, -10, 0]))
    changed = marks.items[0]
    corners = changed.box_corners_lps()
    assert np.abs(corners - mark.box_corners_lps()[3]).sum(axis=1).min() < 1e-6
    assert changed.half_size_mm == pytest.approx((25, 20), abs=2 / view.camera.scale)


def test_a_click_beside_every_mark_moves_the_crosshair_and_lets_the_mark_go(opened, marks, qtbot):
    view = opened.views.axial
    draw(opened, qtbot, "distance", (-20, -10, 2.5), (20, -10, 2.5))
    assert marks.selected is not None
    qtbot.mouseClick(view, LEFT, pos=px(view, (30, 40, 2.5)))
    assert marks.selected is None
    assert opened.session.display.crosshair.position_lps[0] == pytest.approx(30, abs=2)


def test_keys_delete_undo_and_redo(opened, marks, qtbot):
    mark = draw(opened, qtbot, "distance", (-20, -10, 2.5), (20, -10, 2.5))
    opened.views.axial.setFocus()
    qtbot.keyClick(opened, Qt.Key.Key_Delete)
    assert not marks.items
    qtbot.keyClick(opened, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert marks.items == (mark,)
    qtbot.keyClick(opened, Qt.Key.Key_Y, Qt.KeyboardModifier.ControlModifier)
    assert not marks.items


def test_escape_gives_up_the_draft_first_then_the_tool(opened, marks, qtbot):
    view = opened.views.axial
    view.setFocus()
    qtbot.keyClick(opened, Qt.Key.Key_D)
    assert opened.session.tool.name == "distance"
    qtbot.mouseClick(view, LEFT, pos=px(view, (10, 10, 0)))
    qtbot.keyClick(opened, Qt.Key.Key_Escape)
    assert marks.draft is None
    assert opened.session.tool.name == "distance"
    qtbot.keyClick(opened, Qt.Key.Key_Escape)
    assert opened.session.tool.name == "crosshair"


def test_an_arrow_asks_for_its_text_and_letters_go_into_it_not_to_the_tools(opened, marks, qtbot):
    opened.activateWindow()
    draw(opened, qtbot, "arrow", (0, 0, 2.5), (25, 25, 2.5))
    (editor,) = opened.findChildren(MarkTextEditor)
    qtbot.keyClicks(editor, "dare")
    assert opened.session.tool.name == "crosshair"
    qtbot.keyClick(editor, Qt.Key.Key_Return)
    assert marks.items[0].text == "dare"
    marks.undo()
    assert marks.items[0].text == ""


def test_escape_in_the_text_leaves_the_mark_as_it_was(opened, marks, qtbot):
    opened.activateWindow()
    draw(opened, qtbot, "arrow", (0, 0, 2.5), (25, 25, 2.5))
    (editor,) = opened.findChildren(MarkTextEditor)
    qtbot.keyClicks(editor, "no")
    qtbot.keyClick(editor, Qt.Key.Key_Escape)
    assert len(marks.items) == 1
    assert marks.items[0].text == ""


def test_text_that_is_being_typed_stays_on_its_case_when_another_opens(
    opened, marks, qtbot, make_case, settled
):
    draw(opened, qtbot, "arrow", (0, 0, 2.5), (25, 25, 2.5))
    (editor,) = opened.findChildren(MarkTextEditor)
    qtbot.keyClicks(editor, "left")
    first = opened.session.store.case.paths[0]
    opened.session.opener.open(make_case("b"))
    settled(opened)
    QApplication.processEvents()
    assert not opened.findChildren(MarkTextEditor)
    assert not marks.items
    opened.session.opener.open(first)
    settled(opened)
    assert [mark.text for mark in marks.items] == ["left"]


def test_the_table_lists_marks_jumps_to_them_and_takes_their_text(opened, marks, qtbot):
    opened.settings.toggle_panel("marks")
    mark = draw(opened, qtbot, "rectangle", (-20, -20, 2.5), (20, 10, 2.5))
    opened.session.display.crosshair.move_to(np.array([40.0, 40.0, 40.0]))
    table = opened.marks.table
    texts = [str(opened.marks.model.index(0, column).data()) for column in range(5)]
    assert texts[:2] == ["1", "Rectangle"]
    assert "Mean" in texts[2]
    assert "mm²" in texts[2]
    table.clicked.emit(opened.marks.model.index(0, 2))
    assert np.allclose(opened.session.display.crosshair.position_lps, mark.middle_lps)
    opened.marks.model.setData(opened.marks.model.index(0, 4), "note")
    assert marks.items[0].text == "note"
    qtbot.mouseClick(opened.marks.clear, LEFT)
    assert not marks.items
    assert opened.marks.hint.isVisible()


def test_marks_are_exported_in_the_background_and_said_so(opened, marks, qtbot, tmp_path):
    mark = draw(opened, qtbot, "distance", (-20, -10, 2.5), (20, -10, 2.5))
    path = tmp_path / "marks.csv"
    export_measurements(opened.session.store, opened.session.annotations, path)
    qtbot.waitUntil(lambda: not opened.session.store.saving.running)
    (row,) = csv.DictReader(path.open(encoding="utf-8", newline=""))
    length = marks.measurement(mark)["length_mm"]
    assert float(row["length_mm"]) == pytest.approx(length, abs=1e-6)
    assert "marks.csv" in opened.notices.texts[0]
    export_measurements(
        opened.session.store, opened.session.annotations, tmp_path / "no" / "marks.csv"
    )
    qtbot.waitUntil(lambda: not opened.session.store.saving.running)
    assert "can't be written" in opened.notices.texts[0]


def test_hidden_marks_are_not_drawn_and_cannot_be_taken(opened, marks, qtbot):
    view = opened.views.axial
    plain = view.grab().toImage()
    draw(opened, qtbot, "distance", (-20, -10, 2.5), (20, -10, 2.5))
    marks.select(None)
    before = marks.items
    assert view.grab().toImage() != plain
    marks.toggle_visible()
    assert view.grab().toImage() == plain
    drag(qtbot, view, px(view, (5, -10, 2.5)), px(view, (5, -30, 2.5)))
    assert marks.items == before


def test_marks_are_drawn_where_the_view_says_their_points_are_even_flipped_and_oblique(
    opened, marks, qtbot
):
    view = opened.views.axial
    draw(opened, qtbot, "ellipse", (-20, -20, 2.5), (20, 10, 2.5))
    mark = draw(opened, qtbot, "distance", (-20, 0, 2.5), (20, 15, 2.5))
    for deed in (opened.views.flip, opened.views.turn, lambda: view.step(0)):
        view.setFocus()
        deed()
        for found in marks_on_screen(view, marks.items):
            for line, places in zip(found.mark.lines, found.lines, strict=True):
                for point, place in zip(line, places, strict=True):
                    there = view.px_at(point)
                    assert (place - there).manhattanLength() < 1e-6
    opened.views.coronal.turn_others(0.4)
    (found,) = marks_on_screen(view, (mark,))
    assert (found.lines[0][0] - view.px_at(found.mark.lines[0][0])).manhattanLength() < 1e-6


def test_a_label_leaves_the_hot_spot_beside_its_mark_free_even_while_the_map_is_hidden(
    opened, marks, qtbot
):
    view, session = opened.views.axial, opened.session
    values = np.zeros((1, 1, 2), np.float32)
    values[0, 0, 0] = 1.0
    session.hot_spots.set_heatmap(Heatmap(values, np.diag([8.0, 8.0, 8.0, 1.0]), "gradcam", "x"))
    spot = px(view, (0, 0, 2.5))

    def covered() -> bool:
        """Whether marks change anything where the spot is."""
        pictures = []
        for _ in range(2):
            marks.toggle_visible()
            pictures.append(view.grab(QRect(spot.x() - 5, spot.y() - 5, 10, 10)).toImage())
        return pictures[0] != pictures[1]

    ends = spot - QPoint(60, 30), spot - QPoint(20, 12)
    start, end = (tuple(view.lps_at(QPointF(each)).tolist()) for each in ends)
    marks.set_draft("distance", (start, end), (1.0, 0.0, 0.0), (0.0, 1.0, 0.0))
    marks.keep_draft()
    marks.select(None)
    assert not covered()
    session.hot_spots.set_heatmap(None)
    assert covered()  # there is where it goes by itself


@pytest.mark.parametrize("kind", ["distance", "arrow"])
def test_a_line_that_crosses_another_plane_is_a_small_cross_there_without_a_value(
    opened, marks, qtbot, kind
):
    mark = draw(opened, qtbot, kind, [-30.0, 5.0, 2.5], [30.0, 5.0, 2.5])
    labels, extents = {}, {}
    for view in (opened.views.axial, opened.views.sagittal):
        (seen,) = marks_on_screen(view, (mark,))
        image = QImage(view.size(), QImage.Format.Format_RGB32)
        image.fill(Qt.GlobalColor.black)
        occupied: list[QRectF] = []
        painter = QPainter(image)
        paint_mark(painter, seen, selected=False, handles=False)
        measurement = marks.measurement(mark.with_text("Nodule") if kind == "arrow" else mark)
        paint_label(painter, seen, measurement, QRectF(view.rect()), occupied, [])
        painter.end()
        labels[view] = len(occupied)
        bright = [
            (x, y)
            for x in range(image.width())
            for y in range(image.height())
            if image.pixelColor(x, y).lightness() > 90
        ]
        x, y = np.array(bright).T
        extents[view] = np.ptp(x), np.ptp(y)
    axial, sagittal = opened.views.axial, opened.views.sagittal
    assert labels == {axial: 1, sagittal: 0}
    assert max(extents[sagittal]) < 14
    assert min(extents[sagittal]) > 4
    assert extents[axial][0] > 100


def test_a_length_with_one_end_in_the_plane_says_that_it_leaves_it(opened, marks, qtbot):
    mark = draw(opened, qtbot, "distance", [0.0, 5.0, 2.5], [30.0, 5.0, 2.5])
    opened.session.display.crosshair.move_to(mark.points_lps[0])
    (seen,) = marks_on_screen(opened.views.sagittal, (mark,))
    assert not seen.is_crossing
    (text,) = label_lines(marks.measurement(mark), whole=seen.mark.whole)
    assert text.endswith("mm, out of plane")
