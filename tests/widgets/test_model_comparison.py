"""Several models on one case: their predictions as a list, their heatmaps side by side."""

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from fusion3d_gui.inference.explain.explanation import Explanation
from fusion3d_gui.inference.predictor import load_predictor
from fusion3d_gui.model.bundle.bundle_info import BundleInfo
from fusion3d_gui.state.prediction.percent import percent
from fusion3d_gui.state.session import Session
from fusion3d_gui.widgets.look.theme import apply_theme
from fusion3d_gui.widgets.window.main_window import MainWindow
from tests.widgets.test_menus_and_undo import entry, menu_under


@pytest.fixture
def window(qapp, make_bundle, make_case, settled):
    apply_theme(qapp)
    bundles = [BundleInfo.read(make_bundle(fusion)) for fusion in ("concat", "image_only")]
    session = Session(bundles, device="cpu", engine="torch")
    made = MainWindow(session)
    made.show()
    session.opener.open(make_case(), metadata={"age": 71.0, "sex": "F"}, then_predict=True)
    settled(made)
    yield made
    made.close()
    assert session.close()
    made.deleteLater()


def test_every_model_predicts_as_it_does_alone_and_a_click_switches_to_it(window, settled):
    panel, session = window.side.comparison, window.session
    panel.button.click()
    settled(window)
    compared = panel.comparison.predictions
    assert [each.bundle.name for each in compared] == ["test-concat", "test-image_only"]
    for each, values in zip(compared, ({"age": 71, "sex": "F"}, {}), strict=True):
        predictor = load_predictor(each.bundle.folder, "cpu", engine="torch")
        alone = predictor.predict(session.store.case.volume, values)
        assert each.prediction.logit == pytest.approx(alone.logit, abs=1e-6)
    place = session.display.crosshair.position_lps.copy()
    panel.rows[1].click()
    settled(window)
    assert session.store.bundle.name == "test-image_only"
    shown = window.side.prediction.readout.number.text()
    assert shown == percent(compared[1].prediction.probability)
    assert session.display.crosshair.position_lps == pytest.approx(place)
    assert len(panel.comparison.predictions) == 2  # still true of this case


def test_predictions_are_dropped_as_soon_as_a_value_changes(window, settled):
    panel, session = window.side.comparison, window.session
    panel.button.click()
    settled(window)
    assert panel.comparison.predictions
    session.form.set_value("age", 50)
    assert panel.comparison.predictions == ()
    panel.button.click()
    session.form.set_value("age", 60)  # while they are being asked
    settled(window)
    assert panel.comparison.predictions == ()


def test_maps_of_all_models_lie_beside_each_other_under_one_crosshair(window, settled, qtbot):
    panel, session, beside = window.side.comparison, window.session, window.map_views
    assert not panel.side_by_side.isVisible()
    session.explanation_choice.choose(Explanation("hirescam", (3,)))
    settled(window)
    panel.button.click()
    settled(window)
    panel.side_by_side.click()
    assert window.pages.currentWidget() is beside
    assert len(beside.views) == 2
    qtbot.waitUntil(lambda: all(view.is_settled for view in beside.views))
    for view, title, each in zip(
        beside.views, beside.titles, panel.comparison.predictions, strict=True
    ):
        assert view.picture.heatmap is each.prediction.heatmap
        assert each.prediction.heatmap.method == "hirescam"
        assert title.startswith(each.bundle.name)
        assert percent(each.prediction.probability) in title
    # What moves one moves all: without their maps they are one picture.
    first, second = beside.views
    first.setFixedSize(300, 300)
    second.setFixedSize(300, 300)
    first.step(2)
    first.zoom_about(50, 50, 2.0)
    assert second.camera.scale == pytest.approx(first.camera.scale)
    session.display.overlay.set_visible(False)

    def picture(view):
        # The pointer may rest on one of them, which then shows the handles of its crosshair.
        QApplication.sendEvent(view, QEvent(QEvent.Type.Leave))
        # Only the first of them names the patient and the series, at its upper right.
        return view.grab(view.rect().adjusted(0, 100, 0, 0)).toImage()

    # Finer pictures replace coarse ones when there is time.
    qtbot.waitUntil(lambda: picture(first) == picture(second), timeout=30_000)
    beside.planes["Sagittal"].click()
    assert [view.orientation.name for view in beside.views] == ["Sagittal"] * 2
    # Turning to another model leaves them; another explanation makes them untrue.
    panel.rows[1].click()
    settled(window)
    assert window.pages.currentWidget() is beside
    session.explanation_choice.choose(Explanation("gradcam", (4,)))
    assert panel.comparison.predictions == ()
    assert window.pages.currentWidget().isAncestorOf(window.views)
    settled(window)


def test_going_back_to_one_model_keeps_the_predictions(window, settled):
    panel = window.side.comparison
    panel.button.click()
    settled(window)
    panel.side_by_side.click()
    window.map_views.back.click()
    assert window.pages.currentWidget().isAncestorOf(window.views)
    assert not panel.side_by_side.isChecked()
    assert len(panel.comparison.predictions) == 2
    assert window.map_views.views == []


def test_the_engine_that_runs_is_shown_with_the_reason(window):
    detail = window.side.model_picker.detail
    assert "CPU" in detail.text() and "PyTorch" in detail.text()
    assert detail.toolTip() == "Why this engine: as asked"


def test_regions_that_raised_and_that_lowered_the_probability_lie_side_by_side(window, settled):
    session, picker = window.session, window.side.method
    before = session.predictions.current
    picker.both.click()
    settled(window)
    assert window.pages.currentWidget() is window.map_views
    assert picker.both.isChecked()
    assert window.map_views.titles[0].startswith("Regions that raised the probability")
    raised, lowered = (view.picture.heatmap for view in window.map_views.views)
    assert raised is before.heatmap
    assert (lowered.side, lowered.method, lowered.layer) == ("lowered", "gradcam", "layer4")
    # No cell both raises and lowers the probability.
    assert not np.any((raised.values > 0) & (lowered.values > 0))
    window.session.form.set_value("age", 50)
    assert window.pages.currentWidget().isAncestorOf(window.views)
    assert not picker.both.isChecked()
    session.predictions.reset_form()
    picker.both.click()
    settled(window)
    picker.sides["lowered"].click()
    settled(window)
    assert window.pages.currentWidget().isAncestorOf(window.views)
    assert session.predictions.current.heatmap.side == "lowered"


@pytest.fixture
def beside(window, settled, qtbot):
    """The window with the maps of both models side by side."""
    window.side.comparison.button.click()
    settled(window)
    window.side.comparison.side_by_side.click()
    qtbot.waitUntil(lambda: all(view.is_settled for view in window.map_views.views))
    return window


def test_maps_side_by_side_have_the_menu_of_a_view(beside):
    view, display = beside.map_views.views[1], beside.session.display
    at = QPoint(view.width() // 3, view.height() // 3)
    wanted = view.lps_at(QPointF(at))
    QTest.mouseClick(view, Qt.MouseButton.RightButton, Qt.KeyboardModifier.NoModifier, at)
    menu = menu_under(view)
    entry(menu, "Crosshair to here").trigger()
    assert display.crosshair.position_lps == pytest.approx(wanted)
    entry(menu, "Go to this heatmap's peak").trigger()
    peak = beside.session.model_comparison.predictions[1].prediction.heatmap.peak_lps
    inside = np.clip(peak, *beside.session.store.case.volume.bounds_lps)
    assert display.crosshair.position_lps == pytest.approx(inside)
    assert [each.text() for each in entry(menu, "Window level").menu().actions()]
    entry(menu, "Coronal").trigger()
    assert [each.orientation.name for each in beside.map_views.views] == ["Coronal"] * 2
    assert beside.map_views.planes["Coronal"].isChecked()
    view.zoom_about(50, 50, 3.0)
    entry(menu, "Fit").trigger()
    assert all(each.camera.is_fitted for each in beside.map_views.views)
    entry(menu, "Back to one heatmap").trigger()
    assert beside.pages.currentWidget().isAncestorOf(beside.views)
    menu.close()


def test_in_a_presentation_each_number_stands_beside_the_name_of_its_model(beside, settled):
    bar = beside.presentation_bar
    own, other = beside.session.model_comparison.predictions
    beside.menus.actions["presentation"].trigger()
    QApplication.processEvents()
    # The same scan without its identity: what was compared stays true.
    assert beside.pages.currentWidget() is beside.map_views
    assert all(
        view.picture.volume is beside.session.store.case.volume for view in beside.map_views.views
    )
    assert percent(own.prediction.probability) in bar.answer.text() + bar.meaning.text()
    assert bar.others.isVisible()
    assert bar.others.text() == f"test-image_only: {other.summary}"
    beside.side.comparison.rows[1].click()
    settled(beside)
    assert bar.others.text() == f"test-concat: {own.summary}"
    beside.map_views.back.click()
    assert not bar.others.isVisible()
    beside.menus.actions["presentation"].trigger()


def test_no_patient_is_named_beside_maps_once_the_identity_is_hidden(beside, make_case, settled):
    beside.session.store.identity.toggle()
    names = [beside.map_views.views[0].picture.volume.path]
    assert names == [beside.session.store.case.volume.path]
    # Another scan is another matter.
    beside.session.opener.open(make_case("b", 300))
    settled(beside)
    assert beside.session.model_comparison.predictions == ()
    assert beside.pages.currentWidget().isAncestorOf(beside.views)
