"""Notices lie over the images without moving them; what is wrong with a scan's geometry stays on the images."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QApplication, QLabel

from fusion3d_gui.imaging.dicom.write import write_dicom_series
from fusion3d_gui.imaging.volume import Volume
from fusion3d_gui.state.notice import Notice
from fusion3d_gui.widgets.slice.captions import _items
from fusion3d_gui.widgets.slice.warning_tip import warning_tip_at
from fusion3d_gui.widgets.window.bars import notice_strip

LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def doubtful(window, settled, tmp_path: Path):
    """The window on a CT with a tilted gantry and a missing slice."""
    voxels = np.random.default_rng(0).integers(0, 900, (12, 20, 24)).astype(np.int16)
    volume = Volume(voxels, np.diag([2.0, 2.0, 5.0, 1.0]), modality="CT")
    folder = tmp_path / "ct"
    write_dicom_series(volume, folder, attributes={}, uid_seed="ct")
    for number, path in enumerate(sorted(folder.glob("*.dcm"))):
        file = pydicom.dcmread(path)
        x, y, z = map(float, file.ImagePositionPatient)
        file.ImagePositionPatient = [x, y + 1.0 * number, z]
        file.save_as(path)
        if number == 4:
            path.unlink()
    window.session.opener.open(folder)
    settled(window)
    return window


def test_a_notice_moves_no_image_and_a_click_on_it_no_crosshair(opened, qtbot) -> None:
    QApplication.processEvents()
    view = opened.views.axial
    before = [each.geometry() for each in opened.views.shown], opened.pages.geometry()
    place = opened.session.display.crosshair.position_lps
    opened.notices.add(Notice("Something is worth to be known.", "warning"))
    QApplication.processEvents()
    assert ([each.geometry() for each in opened.views.shown], opened.pages.geometry()) == before
    at = opened.notices.mapTo(opened, opened.notices.rect().center())
    assert opened.childAt(at) is not view
    qtbot.mouseClick(opened.childAt(at), LEFT)
    assert np.array_equal(opened.session.display.crosshair.position_lps, place)


def test_a_second_click_on_a_notice_that_has_just_gone_hits_no_image(opened, qtbot) -> None:
    strip = opened.notices
    strip.add(Notice("One."))
    strip.add(Notice("Two.", "error"))
    qtbot.wait(notice_strip._GRACE_MS + 50)
    button = strip._shown[0].close_button
    at = button.mapTo(opened, button.rect().center())
    qtbot.mouseClick(button, LEFT)
    assert strip.texts == ["One."]
    QApplication.processEvents()
    assert opened.childAt(at) is strip
    qtbot.waitUntil(lambda: opened.childAt(at) is not strip)


def test_a_notice_that_appears_under_a_click_is_not_closed_by_it(opened, qtbot) -> None:
    opened.notices.add(Notice("It has just come."))
    qtbot.mouseClick(opened.notices._shown[0].close_button, LEFT)
    assert opened.notices.texts == ["It has just come."]


def test_information_warning_and_error_look_unlike(opened) -> None:
    rows = {}
    for level in ("info", "warning", "error"):
        opened.notices.add(Notice("The same sentence.", level))
        row = opened.notices._shown[0]
        words = [label.text() for label in row.findChildren(QLabel)]
        rows[level] = row.grab().toImage(), words
    assert "Warning" in rows["warning"][1]
    assert "Error" in rows["error"][1]
    pictures = [picture for picture, _ in rows.values()]
    corners = [picture.pixelColor(1, picture.height() // 2).name() for picture in pictures]
    assert len(set(corners)) == 3


def test_doubts_about_the_geometry_stay_on_every_view_with_their_reasons(doubtful, qtbot) -> None:
    notices = {row.notice.text: row.notice.level for row in doubtful.notices._shown}
    assert {"warning"} == set(notices.values())
    doubtful.notices.clear()
    for view in doubtful.views.shown:
        view.grab()
        texts = [item.text for item in _items(view._caption_texts(view.slicer), view.rect())]
        assert "1 slice missing" in texts
        assert any(text.startswith("gantry tilt") for text in texts)
        captions, volume = view.picture.captions, view.picture.volume
        left, top, right, bottom = captions.warning_areas[0]
        middle = QPoint(round((left + right) / 2), round((top + bottom) / 2))
        tip = warning_tip_at(middle, captions, volume)
        assert "1 slice is missing" in tip
        assert "(gantry tilt)" in tip
        assert warning_tip_at(view.rect().center(), captions, volume) == ""
    volume_view = doubtful.views.volume
    assert "1 slice missing" in volume_view._caption_texts(volume_view.picture.volume).warnings


def test_an_ordinary_scan_carries_no_warning(opened) -> None:
    view = opened.views.axial
    assert view._caption_texts(view.slicer).warnings == ()
