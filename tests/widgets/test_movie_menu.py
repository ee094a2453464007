"""Movies are saved from the menu; without identity, names and faces in the pixels are asked about first."""

from __future__ import annotations

from dataclasses import replace

import pytest
from PySide6.QtWidgets import QFileDialog, QMessageBox

from fusion3d_gui.state.export import movie_export
from fusion3d_gui.widgets.window.dialogs import confirm


@pytest.fixture
def predicted(opened, settled):
    opened.session.form.set_value("age", 71.0)
    opened.session.predictions.predict()
    settled(opened)
    return opened


def few_shots(monkeypatch) -> None:
    """Movies of three pictures: each takes a while."""
    for name in ("tour", "scroll", "turn"):
        whole = getattr(movie_export, name)

        def short(*given, whole=whole):
            count, shots = whole(*given)
            return min(3, count), (shot for _, shot in zip(range(3), shots, strict=False))

        monkeypatch.setattr(movie_export, name, short)


@pytest.mark.parametrize("kind", ["tour", "scroll", "turn"])
def test_each_movie_is_written_from_its_command(
    predicted, qtbot, monkeypatch, tmp_path, kind: str
) -> None:
    few_shots(monkeypatch)
    session, target, left = predicted.session, tmp_path / f"{kind}.webp", []
    session.store.departed.connect(left.append)
    asked = []
    monkeypatch.setattr(
        QFileDialog,
        "getSaveFileName",
        lambda *call: (asked.append(call[2]), (str(target), ""))[1],
    )
    predicted.menus.actions[f"movie_{kind}"].trigger()
    qtbot.waitUntil(lambda: target.exists() and bool(left), timeout=60_000)
    assert target.read_bytes()[:4] == b"RIFF"
    assert asked[0].endswith(f"_{kind}.webp")
    assert left[0].items[0].kind == "movie" and left[0].values["age"] == 71.0


def test_a_movie_in_3d_without_identity_is_asked_about_first(
    predicted, qtbot, monkeypatch, tmp_path
) -> None:
    few_shots(monkeypatch)
    session, asked, answers = predicted.session, [], [False, True]

    def confirm_once(title: str, text: str, window) -> bool:
        asked.append(text)
        return answers.pop(0)

    import fusion3d_gui.widgets.window.commands.file.movie_menu as menu

    monkeypatch.setattr(menu, "confirm_save", confirm_once)
    chosen = []
    target = tmp_path / "turn.webp"
    monkeypatch.setattr(
        QFileDialog, "getSaveFileName", lambda *call: (chosen.append(call), (str(target), ""))[1]
    )
    session.store.identity.set_hidden(True)
    action = predicted.menus.actions["movie_turn"]
    qtbot.waitUntil(action.isEnabled)
    action.trigger()
    qtbot.waitUntil(lambda: len(asked) == 1)
    assert "face can be recognised" in asked[0] and not chosen
    qtbot.waitUntil(lambda: not session.store.saving.running)
    action.trigger()
    qtbot.waitUntil(target.exists, timeout=60_000)
    # Sagittal slices show a profile.
    assert "face can be recognised" in replace(_movie(predicted, qtbot), kind="scroll").doubts[0]


def _movie(window, qtbot):
    found = []
    qtbot.waitUntil(lambda: not window.session.store.saving.running)
    window.session.movies.collect("turn", found.append)
    qtbot.waitUntil(lambda: bool(found))
    return found[0]


def test_the_question_is_plain_text_and_cancel_is_its_default(qapp, monkeypatch) -> None:
    shown = []

    def answer(box: QMessageBox) -> int:
        shown.append(box)
        box.defaultButton().click()
        return 0

    monkeypatch.setattr(QMessageBox, "exec", answer)
    assert not confirm.confirm_save("Title", "<b>text</b>", None)
    assert shown[0].text() == "<b>text</b>"
    assert shown[0].textFormat() == confirm.Qt.TextFormat.PlainText
