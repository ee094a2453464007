"""The series list: what is highlighted is open, captions are whole, keys go to the images."""

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QContextMenuEvent
from PySide6.QtWidgets import QApplication

from fusion3d_gui.imaging.dicom.write import write_dicom_series
from fusion3d_gui.imaging.volume import Volume
from fusion3d_gui.widgets.look.elided_lines import elided_lines

LEFT, RIGHT = Qt.MouseButton.LeftButton, Qt.MouseButton.RightButton
LONG = "t1_mprage_sag_p2_iso_1.0_after_contrast_reformatted_ND"


@pytest.fixture
def study(window, tmp_path, settled):
    """The window on a study of four series, the second with a long name, the last of one slice."""
    for name, slices in (("axial", 9), (LONG, 7), ("coronal", 5), ("scout", 1)):
        voxels = np.random.default_rng(slices).integers(0, 900, (slices, 24, 20)).astype(np.int16)
        volume = Volume(voxels, np.diag([4.0, 4.0, 6.0, 1.0]), modality="MR", description=name)
        write_dicom_series(
            volume, tmp_path / "study" / name, attributes={"PatientID": "1"}, uid_seed=name
        )
    window.session.opener.open(tmp_path / "study")
    settled(window)
    return window


def open_row(window) -> int:
    series = window.session.store.case.series
    return [each.uid for each in series].index(window.session.store.case.volume.series_uid)


def highlighted(window) -> list[int]:
    items = window.series.list
    return [row for row in range(items.count()) if items.item(row).isSelected()]


@pytest.mark.parametrize(
    "key", [Qt.Key.Key_Down, Qt.Key.Key_PageDown, Qt.Key.Key_End, Qt.Key.Key_C, Qt.Key.Key_S]
)
def test_keys_in_the_list_highlight_nothing_that_is_not_open(study, qtbot, key):
    study.series.list.setFocus()
    qtbot.keyClick(study.series.list, key)
    assert highlighted(study) == [open_row(study)] == [0]


def test_enter_opens_the_framed_series_and_the_keys_go_to_the_images(study, qtbot, settled):
    items = study.series.list
    items.setFocus()
    qtbot.keyClick(items, Qt.Key.Key_Down)
    qtbot.keyClick(items, Qt.Key.Key_Down)
    qtbot.keyClick(items, Qt.Key.Key_Return)
    settled(study)
    assert highlighted(study) == [open_row(study)] == [2]
    assert study.views.axial.hasFocus()


def test_right_click_and_drag_highlight_nothing_that_is_not_open(study, qtbot):
    items = study.series.list
    where = items.visualItemRect(items.item(2)).center()
    qtbot.mouseClick(items.viewport(), RIGHT, pos=where)
    menu = QContextMenuEvent(
        QContextMenuEvent.Reason.Mouse, where, items.viewport().mapToGlobal(where)
    )
    QApplication.sendEvent(items.viewport(), menu)
    assert highlighted(study) == [open_row(study)] == [0]
    qtbot.mousePress(items.viewport(), LEFT, pos=where)
    assert highlighted(study) == [0]
    qtbot.mouseRelease(items.viewport(), LEFT, pos=QPoint(2, items.viewport().height() - 2))
    assert highlighted(study) == [open_row(study)] == [0]


def test_after_a_click_the_keys_go_to_the_images(study, qtbot, settled):
    items, axial = study.series.list, study.views.axial
    axial.setFocus()
    where = items.visualItemRect(items.item(1)).center()
    qtbot.mouseClick(items.viewport(), LEFT, pos=where)
    settled(study)
    assert highlighted(study) == [open_row(study)] == [1]
    focused = study.focusWidget()
    assert focused is axial
    before = study.session.display.crosshair.position_lps[2]
    qtbot.keyClick(focused, Qt.Key.Key_Up)
    assert study.session.display.crosshair.position_lps[2] != before
    assert open_row(study) == 1


def test_a_series_that_can_not_be_read_is_neither_highlighted_nor_named(study, qtbot, settled):
    broken = study.session.store.case.series[2]
    for path in broken.paths:
        path.unlink()
    items = study.series.list
    qtbot.mouseClick(items.viewport(), LEFT, pos=items.visualItemRect(items.item(2)).center())
    settled(study)
    assert study.notices.texts
    assert highlighted(study) == [open_row(study)] == [0]
    study.header.series.setCurrentIndex(2)
    study.header.series.activated.emit(2)
    settled(study)
    assert study.header.series.currentIndex() == open_row(study) == 0


def test_captions_are_shortened_in_their_middle_and_whole_in_the_tip(study):
    items = study.series.list
    item = items.item(1)
    *name, slices = item.text().split("\n")
    assert len(name) == 2
    assert name[0].startswith("t1_mprage")
    assert "…" in name[1]
    assert name[1].endswith("ND")
    assert slices == "7 slices"
    assert LONG in item.toolTip()
    room = items.visualItemRect(item).width()
    assert all(items.fontMetrics().horizontalAdvance(line) < room for line in name)
    assert items.item(3).text() == "scout\n1 slice"
    assert study.header.series.itemText(3).endswith("1 slice")


def test_captions_fit_after_the_text_size_has_changed(study, qtbot):
    for _ in range(3):
        study.menus.actions["larger"].trigger()
    qtbot.waitUntil(lambda: not study.restyling.is_busy)
    items = study.series.list
    metrics = items.fontMetrics()
    for row in range(items.count()):
        place = items.visualItemRect(items.item(row))
        for line in items.item(row).text().split("\n"):
            assert metrics.horizontalAdvance(line) < place.width()
        assert place.height() > items.iconSize().height() + 2 * metrics.height()


@pytest.mark.parametrize("text", ["a", "a b", "x" * 200, "word " * 40, "a_b-c.d/e" * 20, ""])
def test_a_name_is_broken_into_lines_that_fit(qapp, window, text):
    metrics = window.series.list.fontMetrics()
    lines = elided_lines(text, metrics, 90, 2).split("\n")
    assert len(lines) <= 2
    assert all(metrics.horizontalAdvance(line) <= 90 for line in lines)
    assert "".join(lines).replace(" ", "")[:4] == text.replace(" ", "")[:4]


def test_a_click_on_the_hot_spot_where_the_crosshair_is_keeps_it_highlighted(
    opened, qtbot, settled
):
    opened.session.predictions.predict()
    settled(opened)
    rows = opened.side.overlay.spots
    if not opened.session.hot_spots.spots:
        opened.session.display.overlay.set_threshold(0.0)
    for _ in range(2):
        qtbot.mouseClick(rows.rows[0], LEFT)
        assert opened.session.hot_spots.current == 0
        assert rows.rows[0].isChecked()
    assert not rows.rows[0].hasFocus()


def test_choosing_a_model_or_a_preset_leaves_the_keys_with_the_images(opened, qtbot):
    opened.views.axial.setFocus()
    for box in (
        opened.side.model_picker.box,
        opened.side.method.box,
        opened.side.overlay.colors,
        opened.header.window_controls.presets,
        opened.header.series,
    ):
        assert not box.focusPolicy() & Qt.FocusPolicy.ClickFocus
        assert box.focusPolicy() & Qt.FocusPolicy.TabFocus
