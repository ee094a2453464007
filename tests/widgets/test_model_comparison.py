"""Several models on one case, beside each other."""

from __future__ import annotations

import pytest

from fusion3d_gui.inference.predictor import load_predictor
from fusion3d_gui.model.bundle_info import BundleInfo
from fusion3d_gui.state.session import Session
from fusion3d_gui.widgets.gauge import percent
from fusion3d_gui.widgets.main_window import MainWindow
from fusion3d_gui.widgets.theme import apply_theme


@pytest.fixture
def window(qapp, make_bundle, make_case, settled):
    apply_theme(qapp)
    bundles = [BundleInfo.read(make_bundle(fusion)) for fusion in ("concat", "image_only")]
    session = Session(bundles, device="cpu", engine="torch")
    made = MainWindow(session)
    made.show()
    session.open(make_case(), metadata={"age": 71.0, "sex": "F"}, then_predict=True)
    settled(made)
    yield made
    made.close()
    assert session.close()
    made.deleteLater()


def test_every_model_answers_as_it_does_alone_and_a_click_turns_to_it(window, settled):
    panel, session = window.side.comparison, window.session
    panel.button.click()
    settled(window)
    answers = panel.comparison.answers
    assert [answer.bundle.name for answer in answers] == ["test-concat", "test-image_only"]
    for answer, values in zip(answers, ({"age": 71, "sex": "F"}, {}), strict=True):
        predictor = load_predictor(answer.bundle.folder, "cpu", engine="torch")
        alone = predictor.predict(session.case.volume, values)
        assert answer.prediction.logit == pytest.approx(alone.logit, abs=1e-6)
    place = session.display.crosshair.position_lps.copy()
    panel.rows[1].click()
    settled(window)
    assert session.bundle.name == "test-image_only"
    shown = window.side.prediction.answer.number.text()
    assert shown == percent(answers[1].prediction.probability)
    assert session.display.crosshair.position_lps == pytest.approx(place)
    assert len(panel.comparison.answers) == 2  # still true of this case


def test_answers_are_forgotten_as_soon_as_a_value_changes(window, settled):
    panel, session = window.side.comparison, window.session
    panel.button.click()
    settled(window)
    assert panel.comparison.answers
    session.form.set_value("age", 50)
    assert panel.comparison.answers == ()
    panel.button.click()
    session.form.set_value("age", 60)  # while they are being asked
    settled(window)
    assert panel.comparison.answers == ()
