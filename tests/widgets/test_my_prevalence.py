"""The probability at the user's prevalence stands beside the stated one, and only where there is a result."""

from __future__ import annotations

import json

import pytest
from PySide6.QtCore import Qt

from fusion3d_gui.model.bundle.bundle_info import BundleInfo
from fusion3d_gui.model.scope import Scope
from fusion3d_gui.state.prediction.percent import percent
from fusion3d_gui.state.session import Session
from fusion3d_gui.state.settings import Settings
from fusion3d_gui.widgets.look.theme import apply_theme
from fusion3d_gui.widgets.window.main_window import MainWindow

VALUES = {"age": 71.0, "sex": "F", "diabetes": False}


@pytest.fixture
def show(qapp, make_bundle, make_case, settled, tmp_path):
    """A window with a prediction by a model that was validated on cases of which one in five was positive."""
    made = []

    def make(scope: Scope | None, *, recorded: bool = True) -> MainWindow:
        apply_theme(qapp)
        configs = make_bundle() / "configs"
        path = configs / "metadata.json"
        if recorded:
            plain = json.loads(path.read_text(encoding="utf-8"))
            plain["training"] = {"validation_cases": 100, "validation_positives": 20}
            path.write_text(json.dumps(plain), encoding="utf-8")
        if scope is None:
            (configs / "scope.json").unlink()
        else:
            (configs / "scope.json").write_text(json.dumps(scope.to_json()), encoding="utf-8")
        window = MainWindow(
            Session([BundleInfo.read(configs.parent)], device="cpu", engine="torch"),
            settings=Settings(tmp_path / "settings.json"),
        )
        window.show()
        made.append(window)
        window.session.opener.open(make_case(), metadata=VALUES, then_predict=True)
        settled(window)
        return window

    yield make
    for window in made:
        window.close()
        assert window.session.close()
        window.deleteLater()


def test_the_stated_probability_stays_and_mine_stands_beside_it(show, tmp_path):
    window = show(Scope())
    readout, prediction = window.side.prediction.readout, window.session.predictions.current
    assert readout.meaning.text() == "probability of yes, calibrated at 20 % yes"
    assert not readout.my_prevalence.isVisible()
    window.my_prevalence.set(window.session.store.bundle, 0.5)
    odds = prediction.probability / (1 - prediction.probability) * 4  # 50 % to 20 %: odds 1 to 1/4
    assert readout.my_prevalence.isVisible()
    assert readout.my_prevalence.text() == f"{percent(odds / (1 + odds))} at my prevalence of 50 %"
    assert readout.number.text() == percent(prediction.probability)
    window.session.form.set_value("age", 55.0)
    what_if = window.session.predictions.what_if
    odds = what_if.probability / (1 - what_if.probability) * 4
    assert readout.my_prevalence.text().startswith(percent(odds / (1 + odds)))


def test_it_is_remembered_for_the_model(show, tmp_path):
    window = show(Scope())
    bundle = window.session.store.bundle
    window.my_prevalence.set(bundle, 0.03)
    kept = Settings(tmp_path / "settings.json").values.prevalences
    assert kept == ((bundle.name, 0.03),)
    window.my_prevalence.set(bundle, None)
    assert Settings(tmp_path / "settings.json").values.prevalences == ()
    assert not window.side.prediction.readout.my_prevalence.isVisible()


def test_a_doubtful_number_has_none_at_my_prevalence(show):
    window = show(None)
    assert window.session.predictions.current.fit.fit == "doubtful"
    window.my_prevalence.set(window.session.store.bundle, 0.5)
    assert window.side.prediction.readout.my_prevalence.text() == ""


def test_nor_has_one_that_was_asked_for_despite_the_misfit(show, qtbot, settled):
    window = show(Scope(fewest_slices=100))
    window.my_prevalence.set(window.session.store.bundle, 0.5)
    readout = window.side.prediction.readout
    assert readout.my_prevalence.text() == ""
    for button in (readout.refusal.ask, readout.refusal.confirm):
        qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    settled(window)
    assert window.session.predictions.current.despite_misfit
    assert readout.my_prevalence.text() == ""


def test_it_is_not_shown_where_nothing_says_what_the_model_is_calibrated_at(show):
    window = show(Scope(), recorded=False)
    window.my_prevalence.set(window.session.store.bundle, 0.5)
    readout = window.side.prediction.readout
    assert readout.meaning.text() == "calibrated probability of yes"
    assert readout.my_prevalence.text() == ""


def test_the_page_how_sure_has_the_same_prevalence(show):
    window = show(Scope())
    box, bundle = window.side.workbench.uncertainty.prevalence, window.session.store.bundle
    window.my_prevalence.set(bundle, 0.25)
    assert box.value() == 25
    box.setValue(2.0)
    assert window.my_prevalence.of(bundle) == pytest.approx(0.02)
    assert "at my prevalence of 2 %" in window.side.prediction.readout.my_prevalence.text()
