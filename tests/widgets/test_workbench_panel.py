"""The analysis pages in the side panel: what-if, contributions, uncertainty; and the checks of a heatmap."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QImage
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QFileDialog

from fusion3d_gui import RESEARCH_USE_ONLY
from fusion3d_gui.inference.analysis.result_types import WhatIf
from fusion3d_gui.inference.fit.fit_report import FitReport
from fusion3d_gui.model.bundle.bundle import ModelBundle
from fusion3d_gui.model.bundle.bundle_info import BundleInfo
from fusion3d_gui.model.reference.reference import save_reference
from fusion3d_gui.state.prediction.percent import percent
from fusion3d_gui.state.session import Session
from fusion3d_gui.widgets.look.theme import apply_theme
from fusion3d_gui.widgets.side.sanity_dialog import SanityDialog
from fusion3d_gui.widgets.window.main_window import MainWindow


@pytest.fixture
def make_predicted(qapp, make_bundle, make_case, settled):
    """A window with a prediction, by a model with or without reference statistics."""
    made = []

    def make(fusion: str = "concat", *, reference: bool = True, farthest: float = 1e6):
        apply_theme(qapp)
        folder = make_bundle(fusion)
        if reference:
            write_reference(folder, farthest)
        window = MainWindow(Session([BundleInfo.read(folder)], device="cpu", engine="torch"))
        window.resize(1400, 1200)
        window.show()
        made.append(window)
        values = {} if fusion == "image_only" else {"age": 71.0, "sex": "F"}
        window.session.opener.open(make_case(), metadata=values, then_predict=True)
        settled(window)
        return window

    yield make
    for window in made:
        window.close()
        assert window.session.close()
        window.deleteLater()


def write_reference(folder, farthest: float = 1e6) -> None:
    bundle = ModelBundle.load(folder)
    rng = np.random.default_rng(0)
    network = bundle.info.network
    embeddings = rng.random((40, network.embedding)).astype(np.float32)
    labels = (np.arange(40) % 2).astype(np.uint8)
    logits = rng.normal(labels - 0.5, 1).astype(np.float32)
    save_reference(
        folder,
        {
            "weights_sha256": bundle.weights_sha256,
            "covariance": {"residual_variance": 0.1},
            "background_values": (
                {"age": 60, "sex": "M", "diabetes": False} if bundle.info.schema.fields else {}
            ),
        },
        {
            "mean": embeddings.mean(axis=0),
            "directions": np.eye(network.embedding, dtype=np.float16)[:2],
            "variances": np.array([0.2, 0.1], dtype=np.float32),
            "validation_logit": logits,
            "validation_label": labels,
            "validation_distance": np.linspace(farthest / 1e6, farthest, 40, dtype=np.float32),
            "case_embedding": embeddings.astype(np.float16),
            "case_label": labels,
            "case_logit": logits,
            "pooled_mean": rng.random(network.feature_channels).astype(np.float32),
        },
    )


def press(button) -> None:
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)
    QTest.qWait(20)


def test_there_is_no_workbench_without_a_prediction(window):
    assert not window.side.workbench.isVisible()


def test_each_button_opens_its_page_and_closes_it_again(make_predicted):
    panel = make_predicted().side.workbench
    pages = (panel.curves, panel.why.shares, panel.uncertainty)
    assert not any(page.isVisible() for page in pages)
    for number, page in enumerate(pages):
        press(panel.buttons[number])
        assert [each.isVisible() for each in pages] == [each is page for each in pages]
    press(panel.buttons[2])
    assert not any(page.isVisible() for page in pages)


def test_dragging_along_a_curve_tries_values_and_reset_brings_the_prediction_back(make_predicted):
    window = make_predicted()
    session, panel, readout = window.session, window.side.workbench, window.side.prediction.readout
    predicted = readout.number.text()
    press(panel.buttons[0])
    chart = panel.curves
    QTest.mouseClick(chart, Qt.MouseButton.LeftButton, pos=QPoint(8, 30))
    QTest.qWait(20)
    assert session.form.values["age"] == 40
    assert window.side.form.rows["age"].input.box.given == 40
    assert window.side.form.rows["age"].origin.text() == "was 71"
    assert readout.outdated.isVisible()
    assert "What if" in readout.outdated.text()
    assert readout.number.text() == percent(session.predictions.what_if.probability)
    press(readout.reset)
    assert session.form.values["age"] == 71
    assert not readout.outdated.isVisible()
    assert readout.number.text() == predicted
    assert window.side.form.rows["age"].origin.text() == ""


@pytest.mark.parametrize(
    ("probability", "threshold", "is_positive"),
    [(0.45, 0.4, True), (0.35, 0.4, False), (0.55, 0.6, False), (0.6, 0.6, True)],
)
def test_the_class_of_a_what_if_follows_the_models_threshold_not_one_half(
    make_predicted, probability, threshold, is_positive
):
    window = make_predicted()
    prediction = replace(window.session.predictions.current, threshold=threshold)
    readout = window.side.prediction.readout
    logit = float(np.log(probability / (1 - probability)))
    what_if = WhatIf(prediction, {"age": 50.0}, logit, probability, FitReport("fits"))
    readout.show_prediction(prediction, outdated=True, what_if=what_if)
    assert readout.class_name.text() == prediction.class_names[is_positive]
    assert readout.number.text() == percent(probability)
    assert f"threshold {percent(threshold)}" in readout.gauge.accessibleName()


def test_why_names_image_and_fields_and_their_shares_add_up(make_predicted):
    window = make_predicted()
    panel = window.side.workbench
    press(panel.buttons[1])
    name = panel.why.shares.accessibleName()
    for word in ("Image", "Clinical data", "Age", "Sex", "Diabetes"):
        assert word in name
    found = window.session.predictions.workbench.contributions(window.session.form.values)
    assert found.image + sum(found.fields.values()) == pytest.approx(
        found.logit - found.reference_logit, abs=1e-4
    )
    assert found.logit == pytest.approx(window.session.predictions.current.logit, abs=1e-4)
    for amount in (found.image, found.metadata, *found.fields.values()):
        assert f"{abs(amount):.2f}" in name


def test_why_shows_the_reference_case_beside_this_one_and_explains_a_share_of_nothing(
    make_predicted,
):
    window = make_predicted()
    why, session = window.side.workbench.why, window.session
    press(window.side.workbench.buttons[1])
    found = session.predictions.workbench.contributions(session.form.values)
    chance = percent(session.predictions.current.probability)
    assert why.reference.isVisible()
    assert why.reference.rows == (
        ("Image", "this scan", "mean of training"),
        ("Age", "71 years", "60 years"),
        ("Sex", "Female", "Male"),
        ("Diabetes", "not given", "No"),
        ("Probability", chance, percent(found.reference_probability)),
    )
    assert not why.zero.isVisible()
    # The untrained network hardly reacts to any value; its classifier times 1000 does.
    with torch.no_grad():
        session.predictions.workbench.case.head.network.classifier[-1].weight.mul_(1000)
    session.form.set_value("age", 60)
    QTest.qWait(20)
    assert why.reference.rows[1] == ("Age", "60 years", "60 years")
    assert why.zero.isVisible()
    assert "Age has no share: this case has the reference case's value." in why.zero.text()
    assert "see What if" in why.zero.text()


def test_the_uncertainty_page_warns_of_a_case_outside_the_training_data(make_predicted):
    window = make_predicted()
    page = window.side.workbench.uncertainty
    press(window.side.workbench.buttons[2])
    assert page.verdict.text() == "Nothing odd was noticed."
    assert page.looked_at.text().startswith("Looked at: modality,")
    assert [name for name, _ in page.rank.facts] == ["“no” cases", "“yes” cases"]
    assert page.neighbours.facts[0][0].startswith("1.  ")
    assert [name for name, _ in page.distance.facts][-1] == "Model's embedding"
    readout = window.side.prediction.readout
    assert not readout.outside.isVisible()
    window.session.form.set_value("age", 20)
    QTest.qWait(20)
    assert page.verdict.text() == "Outside this model's training data"
    # Shown with the prediction too, whatever page is open.
    press(window.side.workbench.buttons[2])
    assert readout.outside.isVisible()
    assert "outside the 40 to 90" in readout.warnings.text()
    assert readout.provenance.text().startswith("What if, not predicted")
    press(readout.reset)
    assert not readout.outside.isVisible()
    assert not readout.provenance.text().startswith("What if")
    window.session.form.set_value("age", 20)
    press(window.side.workbench.buttons[2])


def test_an_image_unlike_the_training_cases_is_marked_beside_the_prediction_and_in_its_export(
    make_predicted,
):
    window = make_predicted(farthest=1e-3)
    session = window.session
    readout = window.side.prediction.readout
    assert readout.doubt.isVisible()
    assert "less like the training cases than 100 %" in readout.doubt.text()
    assert "less like" not in readout.warnings.text()
    page = window.side.workbench.uncertainty
    press(window.side.workbench.buttons[2])
    assert page.verdict.text() == readout.doubt.text()
    # It has no place among the validation cases.
    for widget in (page.strip, page.rank, page.prevalence, page.predictive_values):
        assert not widget.isVisible()
    notices = session.predictions.current.to_json()["notices"]
    assert any("less like the training cases" in notice for notice in notices)


def test_shifting_and_mirroring_the_image_adds_a_range_that_follows_the_form(
    make_predicted, settled
):
    window = make_predicted()
    page = window.side.workbench.uncertainty
    press(window.side.workbench.buttons[2])
    named = "Shifted and mirrored images"
    assert named not in dict(page.range.facts)
    press(page.augment)
    settled(window)
    QTest.qWait(20)
    assert named in dict(page.range.facts)
    assert not page.augment.isVisible()
    workbench, form = window.session.predictions.workbench, window.session.form
    seen = set()
    for age in (71.0, 40.0, 90.0):
        form.set_value("age", age)
        QTest.qWait(20)
        low, high = workbench.augmentation_range(form.values)
        assert low < workbench.case.probability(form.values) < high
        for end in (low, high):
            told = dict(page.range.facts)[named]
            assert percent(end).removeprefix("< ").replace(" ", "\u00a0") in told
        seen.add(told)
    assert len(seen) == 3


def test_another_prevalence_changes_the_predictive_values(make_predicted):
    window = make_predicted()
    page = window.side.workbench.uncertainty
    press(window.side.workbench.buttons[2])
    before = page.predictive_values.text()
    page.prevalence.setValue(1.0)
    assert page.predictive_values.text() != before
    assert "Of 100 “positive” predictions" in page.predictive_values.text()


def test_without_reference_statistics_the_pages_say_so(make_predicted):
    window = make_predicted(reference=False)
    panel = window.side.workbench
    press(panel.buttons[1])
    assert "no reference case" in panel.why.text.text()
    press(panel.buttons[2])
    assert panel.uncertainty.verdict.text() == "Not known: this model has no reference cases"
    assert not panel.uncertainty.strip.isVisible()


def test_a_model_of_the_image_alone_has_pages_too(make_predicted):
    window = make_predicted("image_only")
    panel = window.side.workbench
    press(panel.buttons[0])
    assert "image alone" in panel._curves_text.text()
    press(panel.buttons[1])
    assert panel.why.shares.accessibleName().startswith("Image")


def test_the_method_picker_changes_the_map_and_says_which_it_is(make_predicted, settled):
    window = make_predicted()
    picker = window.side.method
    press(picker.sides["lowered"])
    settled(window)
    assert window.session.predictions.current.heatmap.side == "lowered"
    picker.box.setCurrentIndex(3)
    picker.box.activated.emit(3)
    settled(window)
    heatmap = window.session.predictions.current.heatmap
    assert (heatmap.method, heatmap.side) == ("layercam", "lowered")
    if heatmap.peak > 0:
        assert "LayerCAM" in window.side.overlay.about.text()


def test_one_button_checks_the_map_and_shows_what_came_of_it(make_predicted, settled, qtbot):
    window = make_predicted()
    press(window.side.method.check)
    assert window.side.method.check.text() == "Cancel"
    settled(window)
    (dialog,) = window.findChildren(SanityDialog)
    assert len(dialog.verdicts) == 5
    assert all(label.text()[0] in "✓✗" for label in dialog.verdicts)
    dialog.close()


def test_the_charts_of_the_checks_are_saved_as_a_png_that_says_what_they_are_of(
    make_predicted, settled, tmp_path, monkeypatch
):
    window = make_predicted()
    press(window.side.method.check)
    settled(window)
    (dialog,) = window.findChildren(SanityDialog)
    file = tmp_path / "checks.png"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(file), ""))
    press(dialog.save)
    saved = QImage(str(file))
    assert saved.width() > 3 * dialog.chart.width()
    about = saved.text("Source")
    assert "Grad-CAM" in about
    assert RESEARCH_USE_ONLY in about
    assert about.count("Passed") + about.count("Failed") == 5
    dialog.close()


def test_a_check_can_be_cancelled(make_predicted, settled):
    window = make_predicted()
    press(window.side.method.check)
    press(window.side.method.check)
    settled(window)
    assert window.findChildren(SanityDialog) == []
    assert window.side.method.check.text() == "Check this heatmap"
