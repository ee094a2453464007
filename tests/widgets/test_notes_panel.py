"""The reader's words in the side panel, and the signs beside them."""

from __future__ import annotations

from typing import get_args

import numpy as np

from fusion3d_gui.report.session.document import AnatomyColors, HeatmapColors
from fusion3d_gui.state.export.left import note_copied
from fusion3d_gui.widgets.look.color_map import ANATOMY_MAPS, HEATMAPS


def test_what_is_typed_stays_with_its_case(opened, make_case, settled, qtbot) -> None:
    panel, session = opened.side.notes, opened.session
    first = session.store.case.paths
    qtbot.keyClicks(panel.reading, "No lesion")
    qtbot.keyClicks(panel.comment, "Heat in air")
    assert (session.notes.now.reading, session.notes.now.comment) == ("No lesion", "Heat in air")
    session.opener.open(make_case("b", base=300))
    settled(opened)
    assert panel.reading.toPlainText() == panel.comment.toPlainText() == ""
    session.opener.open(first)
    settled(opened)
    assert panel.reading.toPlainText() == "No lesion"
    assert panel.isVisible()


def test_typing_in_the_middle_keeps_the_cursor_there(opened, qtbot) -> None:
    reading = opened.side.notes.reading
    qtbot.keyClicks(reading, "ad")
    cursor = reading.textCursor()
    cursor.setPosition(1)
    reading.setTextCursor(cursor)
    qtbot.keyClicks(reading, "bc")
    assert reading.toPlainText() == "abcd" == opened.session.notes.now.reading


def test_an_input_grows_with_its_lines_up_to_a_bound(opened) -> None:
    reading = opened.side.notes.reading
    low = reading.sizeHint().height()
    reading.setPlainText("\n".join("abcdef"))
    middle = reading.sizeHint().height()
    reading.setPlainText("\n".join(["x"] * 100))
    assert low < middle < reading.sizeHint().height() < 300


def test_a_lasting_sign_says_that_what_left_no_longer_matches(opened, settled) -> None:
    panel, session = opened.side.signs, opened.session
    session.form.set_value("age", 71.0)
    session.predictions.predict()
    settled(opened)
    note_copied(session.store, "result", b"", dict(session.form.values))
    assert not panel.mismatch.isVisibleTo(panel)
    session.form.set_value("age", 60.0)
    assert panel.mismatch.isVisibleTo(panel)
    assert "Age 71 years → 60 years" in panel.mismatch.text()
    session.predictions.predict()
    settled(opened)
    assert panel.mismatch.isVisibleTo(panel)
    session.form.set_value("age", 71.0)
    assert not panel.mismatch.isVisibleTo(panel)


def test_a_prediction_that_returns_with_its_case_says_when_it_was_made(
    opened, make_case, settled, qtbot
) -> None:
    session, readout = opened.session, opened.side.prediction.readout
    first = session.store.case.paths
    session.form.set_value("age", 71.0)
    session.predictions.predict()
    settled(opened)
    chance = session.predictions.current.probability
    assert not readout.restored.isVisibleTo(readout)
    session.opener.open(make_case("b", base=300))
    settled(opened)
    assert session.store.shown_prediction is None
    session.opener.open(first)
    settled(opened)
    qtbot.waitUntil(lambda: session.store.shown_prediction is not None)
    assert session.predictions.current.probability == chance
    assert readout.restored.isVisibleTo(readout) and "made on" in readout.restored.text()
    assert not opened.side.workbench.isVisibleTo(opened.side)
    session.predictions.predict()
    settled(opened)
    assert not readout.restored.isVisibleTo(readout)


def test_a_session_knows_the_colour_maps_that_the_window_has() -> None:
    assert get_args(HeatmapColors) == HEATMAPS and get_args(AnatomyColors) == ANATOMY_MAPS


def test_the_window_saves_and_opens_sessions_from_its_menu(
    opened, settled, qtbot, tmp_path, monkeypatch
) -> None:
    from PySide6.QtWidgets import QFileDialog

    session, actions = opened.session, opened.menus.actions
    qtbot.waitUntil(lambda: actions["save_session"].isEnabled())
    session.annotations.add_point(np.array([1.0, 2.0, 3.0]))
    target = tmp_path / "saved"
    asked = []

    def choose(*call) -> tuple[str, str]:
        asked.append(call)
        return str(target), ""

    monkeypatch.setattr(QFileDialog, "getSaveFileName", choose)
    actions["save_session"].trigger()
    saved = tmp_path / "saved.fusion3d"
    qtbot.waitUntil(lambda: saved.exists() and not session.store.saving.running)
    assert len(asked) == 1 and asked[0][2].endswith("a.fusion3d")
    # Saved once, it goes to its file without a question.
    session.annotations.remove_all()
    actions["save_session"].trigger()
    qtbot.waitUntil(lambda: not session.store.saving.running)
    assert len(asked) == 1
    session.annotations.add_point(np.array([9.0, 2.0, 3.0]))
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *call: (str(saved), ""))
    actions["open_session"].trigger()
    settled(opened)
    qtbot.waitUntil(lambda: not session.annotations.items)
    assert opened.settings.values.recent_cases[0] == (saved,)
