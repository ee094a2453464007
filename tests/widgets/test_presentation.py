"""Presenting: the images alone, the patient hidden, a tour; and afterwards all as before."""

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtCore import Qt

from fusion3d_gui.widgets.look import theme


@pytest.fixture
def predicted(opened, settled):
    for name, value in {"age": 71.0, "sex": "F", "diabetes": False}.items():
        opened.session.form.set_value(name, value)
    opened.session.predictions.predict()
    settled(opened)
    return opened


def press(window, qtbot, key) -> None:
    window.views.axial.setFocus()
    qtbot.keyClick(window, key)


def test_presenting_hides_panels_and_patient_and_enlarges_text(predicted, qtbot):
    assert predicted.side.isVisible()
    press(predicted, qtbot, Qt.Key.Key_F11)
    for panel in (predicted.side, predicted.strip, predicted.status, predicted.menuBar()):
        assert not panel.isVisible()
    assert predicted.presentation_bar.isVisible()
    assert predicted.header.badge.isVisible()  # what the program is for is never hidden
    assert predicted.session.store.identity.hidden
    assert theme.scale() == 1.5
    assert predicted.isFullScreen()
    assert "yes" in predicted.presentation_bar.answer.text()
    assert predicted.presentation_bar.meaning.text().startswith("calibrated probability")
    assert predicted.presentation_bar.meaning.text().endswith("threshold 40 %")
    assert predicted.session.predictions.current is not None


def test_the_tour_goes_from_spot_to_spot_and_stops_when_asked(predicted, qtbot):
    session = predicted.session
    press(predicted, qtbot, Qt.Key.Key_F11)
    assert predicted.presentation.touring
    assert session.hot_spots.current == 0
    assert "Hot\u00a0spot\u00a01" in predicted.presentation_bar.spot.text()
    predicted.presentation._timer.timeout.emit()
    assert session.hot_spots.current == 1 % len(session.hot_spots.spots)
    press(predicted, qtbot, Qt.Key.Key_F12)
    assert not predicted.presentation.touring


def test_escape_ends_it_and_everything_is_as_it_was(predicted, qtbot):
    size = predicted.size()
    press(predicted, qtbot, Qt.Key.Key_F11)
    press(predicted, qtbot, Qt.Key.Key_Escape)
    assert not predicted.presentation.on
    assert not predicted.presentation.touring
    assert not predicted.session.store.identity.hidden
    assert theme.scale() == 1.0
    assert predicted.side.isVisible()
    assert predicted.menuBar().isVisible()
    assert not predicted.isFullScreen()
    assert predicted.size() == size


def test_a_patient_who_was_hidden_before_stays_hidden_afterwards(predicted, qtbot):
    predicted.session.store.identity.set_hidden(True)
    press(predicted, qtbot, Qt.Key.Key_F11)
    press(predicted, qtbot, Qt.Key.Key_F11)
    assert predicted.session.store.identity.hidden


def test_without_a_heatmap_there_is_no_tour_but_the_keys_still_work(opened, qtbot):
    press(opened, qtbot, Qt.Key.Key_F11)
    assert not opened.presentation.touring
    before = opened.session.display.crosshair.position_lps
    opened.session.display.crosshair.move_to(before + [8.0, 0, 0])
    press(opened, qtbot, Qt.Key.Key_C)
    assert np.allclose(opened.session.display.crosshair.position_lps, before)
    press(opened, qtbot, Qt.Key.Key_F11)
