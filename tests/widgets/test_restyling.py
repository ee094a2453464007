"""Another theme or text size comes in steps, of which nobody sees the middle, and all of it arrives."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QObject, QTimer
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QApplication, QDialog, QLabel, QVBoxLayout

from fusion3d_gui.imaging.dicom.write import write_dicom_series
from fusion3d_gui.imaging.volume import Volume
from fusion3d_gui.state.display.corner_text import patient_line
from fusion3d_gui.widgets.look import theme


@pytest.fixture
def restyled(opened, qtbot):
    """The window with a case, and a wait until a change of looks has ended."""

    def wait() -> None:
        qtbot.waitUntil(lambda: not opened.restyling.is_busy)
        qtbot.waitUntil(lambda: opened.views.is_settled)
        for _ in range(20):
            QApplication.processEvents()

    opened.wait = wait
    wait()
    yield opened
    theme.change(QApplication.instance(), "dark", 1.0)


class Paints(QObject):
    """What of a window was painted while it was listened to, and under which theme."""

    def __init__(self, window) -> None:
        super().__init__(window)
        self.seen: list[bool] = []
        self._styled = True
        self._window = window
        window.restyling.styled.connect(lambda: setattr(self, "_styled", True))
        window.installEventFilter(self)

    def begin(self) -> None:
        self._styled = False

    def eventFilter(self, watched, event) -> bool:
        if event.type() == QEvent.Type.UpdateRequest and watched.updatesEnabled():
            self.seen.append(self._styled)
        return False


def on_screen(window) -> QImage:
    """What the window's own memory of the screen holds."""
    shot = window.screen().grabWindow(window.winId()).toImage()
    return shot.convertToFormat(QImage.Format.Format_RGB32)


def drawn_anew(window) -> QImage:
    return window.grab().toImage().convertToFormat(QImage.Format.Format_RGB32)


def test_a_change_takes_several_turns_and_is_painted_only_once_all_is_styled(restyled):
    turns, paints = [], Paints(restyled)
    timer = QTimer(restyled)
    timer.timeout.connect(lambda: turns.append(restyled.restyling.is_busy))
    timer.start(0)
    paints.begin()
    restyled.settings.change(replace(restyled.settings.values, theme="light"))
    assert restyled.restyling.is_busy
    restyled.wait()
    assert sum(turns) >= 6
    assert paints.seen
    assert all(paints.seen)


@pytest.mark.parametrize(("name", "scale"), [("light", 1.0), ("dark", 1.3)])
def test_it_looks_as_if_all_had_been_done_at_once_and_no_part_of_the_screen_is_left_out(
    restyled, name, scale
):
    before = on_screen(restyled)
    assert before == drawn_anew(restyled)
    restyled.settings.change(replace(restyled.settings.values, text_scale=scale))
    restyled.settings.change(replace(restyled.settings.values, theme=name))
    restyled.wait()
    after = on_screen(restyled)
    theme.change(QApplication.instance(), name, scale)
    restyled.wait()
    assert after == drawn_anew(restyled)
    assert after != before
    restyled.settings.change(replace(restyled.settings.values, text_scale=1.0))
    restyled.settings.change(replace(restyled.settings.values, theme="dark"))
    restyled.wait()
    assert on_screen(restyled) == before


def test_the_header_names_the_whole_patient_at_every_text_size(window, settled, qtbot, tmp_path):
    voxels = np.random.default_rng(0).integers(0, 900, (9, 20, 24)).astype(np.int16)
    volume = Volume(voxels, np.diag([4.0, 4.0, 5.0, 1.0]), modality="MR")
    who = {"PatientName": "Querido^Jane", "PatientID": "QUERIDO-4711", "PatientAge": "070Y"}
    write_dicom_series(volume, tmp_path / "scan", attributes=who, uid_seed="header")
    window.session.opener.open(tmp_path / "scan")
    settled(window)
    window.resize(1280, 800)
    for scale in (1.5, 0.9, 1.5, 1.3, 1.0, 1.5):
        window.settings.change(replace(window.settings.values, text_scale=scale))
        qtbot.waitUntil(lambda: not window.restyling.is_busy)
        qtbot.wait(50)
        title = window.header.title
        wanted = title.fontMetrics().horizontalAdvance(title.text())
        assert title.text() == patient_line(window.session.store.case.volume)
        assert title.width() >= wanted, scale
    theme.change(QApplication.instance(), "dark", 1.0)


def test_the_newest_of_changes_in_quick_succession_is_what_arrives(restyled):
    places = (restyled.header, restyled.side, restyled.status, restyled.strip, restyled.views)
    before = [each.size() for each in places]
    for scale in (1.15, 1.3, 1.5):
        restyled.settings.change(replace(restyled.settings.values, text_scale=scale))
        QApplication.processEvents()  # a step or two of each
    restyled.wait()
    assert theme.scale() == 1.5
    assert restyled.status.value.font().pixelSize() == 18  # 12 at the usual size
    assert restyled.status.height() == 42
    restyled.settings.change(replace(restyled.settings.values, text_scale=1.15))
    QApplication.processEvents()
    restyled.settings.change(replace(restyled.settings.values, text_scale=1.0))
    restyled.wait()
    assert [each.size() for each in places] == before
    assert restyled.status.value.font().pixelSize() == 12


def test_a_dialog_that_is_open_changes_along(restyled):
    dialog = QDialog(restyled)
    label = theme.label("words", color=theme.MUTED)
    QVBoxLayout(dialog).addWidget(label)
    dialog.show()
    QApplication.processEvents()
    restyled.settings.change(replace(restyled.settings.values, theme="light"))
    late = QLabel("made while it was under way", restyled)
    late.show()
    restyled.wait()
    for widget in (dialog, label, late, restyled.side, restyled.views.axial):
        assert widget.updatesEnabled()
    assert on_screen(dialog) == drawn_anew(dialog)
    dialog.close()


def test_a_dialog_that_goes_in_the_middle_does_no_harm(restyled):
    dialog = QDialog(restyled)
    dialog.show()
    restyled.settings.change(replace(restyled.settings.values, theme="light"))
    dialog.deleteLater()
    restyled.wait()
    assert theme.name() == "light"
    assert on_screen(restyled) == drawn_anew(restyled)


def test_a_window_that_changes_its_size_in_the_middle_is_painted_too(restyled):
    for _ in range(2):  # to the full screen with larger text, and back
        restyled.presentation.toggle()
        restyled.wait()
        assert on_screen(restyled) == drawn_anew(restyled)
    restyled.settings.change(replace(restyled.settings.values, theme="light"))
    restyled.resize(1200, 760)
    restyled.wait()
    shot = on_screen(restyled)
    assert (shot.width(), shot.height()) == (1200, 760)
    assert shot == drawn_anew(restyled)
