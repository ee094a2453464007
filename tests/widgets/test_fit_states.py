"""What the window shows of a case that the model is meant for, hardly, or not; and that no number escapes."""

from __future__ import annotations

import json
import re

import nibabel as nib
import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QLabel, QWidget

from fusion3d_gui.imaging.dicom.write import write_dicom_series
from fusion3d_gui.imaging.volume import Volume
from fusion3d_gui.inference.fit.fit_report import DEMONSTRATION
from fusion3d_gui.model.bundle.bundle_info import BundleInfo
from fusion3d_gui.model.scope import Scope
from fusion3d_gui.state.export.result_export import (
    can_export,
    export_prediction,
    prediction_json,
    prediction_text,
)
from fusion3d_gui.state.prediction.percent import percent
from fusion3d_gui.state.session import Session
from fusion3d_gui.widgets.look import theme
from fusion3d_gui.widgets.look.theme import apply_theme
from fusion3d_gui.widgets.window.main_window import MainWindow

LEFT = Qt.MouseButton.LeftButton
UNDECLARED = "The model does not declare which scans it is meant for."
TOO_FEW = "The scan has 26 slices; the model needs at least 100."
VALUES = {"age": 71.0, "sex": "F", "diabetes": False}


@pytest.fixture
def scoped(make_bundle):
    """A bundle that declares this scope; None: it declares none."""

    def make(scope: Scope | None, fusion: str = "concat") -> BundleInfo:
        folder = make_bundle(fusion)
        path = folder / "configs" / "scope.json"
        if scope is None:
            path.unlink()
        else:
            path.write_text(json.dumps(scope.to_json()), encoding="utf-8")
        return BundleInfo.read(folder)

    return make


@pytest.fixture
def show(qapp, make_case, settled):
    """A window with these bundles, a case, and a prediction of it as far as the model gives one."""
    made = []

    def start(*bundles: BundleInfo) -> MainWindow:
        apply_theme(qapp)
        window = MainWindow(Session(list(bundles), device="cpu", engine="torch"))
        window.resize(1280, 1000)
        window.show()
        made.append(window)
        window.session.opener.open(make_case(), metadata=VALUES, then_predict=True)
        settled(window)
        return window

    yield start
    for window in made:
        window.close()
        assert window.session.close()
        window.deleteLater()


REFUSING = Scope(fewest_slices=100)


def texts(root: QWidget) -> list[str]:
    """All that can be read, heard or found under a resting pointer of what is on screen."""
    found = []
    for widget in (root, *root.findChildren(QWidget)):
        if widget.isVisible():
            label = widget.text() if isinstance(widget, QLabel) else ""
            found += [label, widget.toolTip(), widget.accessibleName()]
    return [text for text in found if text]


def numbers(window: MainWindow) -> list[str]:
    """Percentages on screen that could be a probability; the heatmap's sliders and scale are none."""
    heat = {text for part in (window.side.overlay, window.side.method) for text in texts(part)}
    return [t for t in texts(window) if re.search(r"\d\s*%|logit", t) and t not in heat]


def ask_for_the_number(window: MainWindow, qtbot, settled) -> None:
    view = window.side.prediction.readout.refusal
    qtbot.mouseClick(view.ask, LEFT)
    qtbot.mouseClick(view.confirm, LEFT)
    settled(window)


def test_a_case_that_fits_has_class_gauge_and_a_calibrated_probability(show, scoped):
    window = show(scoped(Scope()))
    readout = window.side.prediction.readout
    assert window.session.predictions.current.fit.fit == "fits"
    for widget in (readout.class_name, readout.gauge, readout.number):
        assert widget.isVisible()
    for widget in (readout.doubt, readout.misfit, readout.refusal, readout.demonstration):
        assert not widget.isVisible()
    assert readout.meaning.text() == "calibrated probability of yes"
    assert not window.header.fit_badge.isVisible()
    assert not window.watermark.isVisible()


def test_doubt_comes_first_and_largest_and_the_number_is_gray_without_a_class(show, scoped, qtbot):
    window = show(scoped(None))
    prediction = window.session.predictions.current
    readout = window.side.prediction.readout
    assert readout.doubt.text() == UNDECLARED
    assert readout.doubt.palette().windowText().color() == QColor(theme.WARNING)
    assert readout.number.palette().windowText().color() == QColor(theme.FAINT)
    labels = [each for each in readout.findChildren(QLabel) if each.isVisible()]
    assert (
        min(labels, key=lambda each: each.mapTo(readout, each.rect().topLeft()).y())
        is readout.doubt
    )
    assert all(
        each.font().pixelSize() < readout.doubt.font().pixelSize()
        for each in labels
        if each is not readout.doubt
    )
    assert readout.number.text() == percent(prediction.probability)
    for widget in (readout.class_name, readout.gauge):
        assert not widget.isVisible()
    assert readout.meaning.text() == "probability of yes, doubtful for this scan"
    assert window.header.fit_badge.text() == "Doubtful"
    assert not any("calibrated" in text.lower() for text in texts(window))
    first = prediction_text(window.session.predictions).splitlines()[0]
    assert first == f"DOUBTFUL: {UNDECLARED}"
    qtbot.keyClick(window, Qt.Key.Key_F11)
    bar = window.presentation_bar
    assert bar.answer.text() == UNDECLARED
    assert bar.meaning.text() == f"doubtful   ·   yes: {percent(prediction.probability)}"
    assert not any("calibrated" in text.lower() for text in texts(window))
    qtbot.keyClick(window, Qt.Key.Key_F11)


def test_a_doubtful_what_if_is_doubtful_too(show, scoped):
    window = show(scoped(None))
    window.session.form.set_value("age", 50)
    readout = window.side.prediction.readout
    assert readout.outdated.text() == "What if, not predicted"
    assert readout.doubt.text() == UNDECLARED
    assert not readout.class_name.isVisible()
    assert not readout.gauge.isVisible()
    assert "as it is now, doubtful" in readout.meaning.text()
    assert f"DOUBTFUL: {UNDECLARED}" in prediction_text(window.session.predictions)


def test_the_size_of_a_number_survives_another_theme_and_another_state(show, scoped, qtbot):
    window = show(scoped(Scope()))
    readout = window.side.prediction.readout
    assert readout.number.font().pixelSize() == theme.HUGE
    window.session.form.set_value("age", None)
    window.session.form.set_value("sex", None)  # two of three are missing
    assert readout.number.font().pixelSize() == theme.LARGE
    window.menus.actions["larger"].trigger()
    qtbot.waitUntil(lambda: not window.restyling.is_busy)
    assert readout.number.font().pixelSize() == theme.px(theme.LARGE)
    window.menus.actions["usual"].trigger()
    qtbot.waitUntil(lambda: not window.restyling.is_busy)


def test_a_refused_case_has_its_reason_and_no_number_anywhere(show, scoped, qtbot, settled):
    window = show(scoped(REFUSING))
    session, readout = window.session, window.side.prediction.readout
    assert readout.refusal.reasons.text() == TOO_FEW
    assert session.store.shown_prediction is None
    assert not window.side.prediction.button.isEnabled()
    assert window.header.fit_badge.text() == "Not for this scan"
    assert numbers(window) == []
    assert not window.side.workbench.isVisible()
    assert not can_export(session.predictions)
    assert prediction_text(session.predictions) == ""
    assert prediction_json(session.predictions) is None
    qtbot.keyClick(window, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    settled(window)
    assert session.store.shown_prediction is None
    assert f"No number: {TOO_FEW}" in window.notices.texts
    qtbot.keyClick(window, Qt.Key.Key_F11)
    assert window.presentation_bar.answer.text() == f"No number. {TOO_FEW}"
    assert numbers(window) == []
    qtbot.keyClick(window, Qt.Key.Key_F11)


def test_one_click_does_not_show_the_number_of_a_refused_case(show, scoped, qtbot, settled):
    window = show(scoped(REFUSING))
    view = window.side.prediction.readout.refusal
    qtbot.mouseClick(view.ask, LEFT)
    settled(window)
    assert numbers(window) == []
    qtbot.mouseClick(view.cancel, LEFT)
    assert not view.confirm.isVisible()
    assert window.session.store.shown_prediction is None


def test_a_number_despite_the_misfit_is_marked_on_screen_and_in_every_file(
    show, scoped, qtbot, settled, tmp_path
):
    window = show(scoped(REFUSING))
    session, readout = window.session, window.side.prediction.readout
    ask_for_the_number(window, qtbot, settled)
    prediction = session.predictions.current
    assert prediction.despite_misfit
    assert readout.number.text() == percent(prediction.probability)
    assert readout.number.palette().windowText().color() == QColor(theme.FAINT)
    assert readout.misfit.isVisible()
    assert readout.doubt.text() == TOO_FEW
    assert not readout.class_name.isVisible()
    assert window.watermark.isVisible()
    assert window.watermark.geometry() == window.pages.rect()
    assert window.header.fit_badge.text() == "Despite misfit"
    assert not window.side.workbench.isVisible()
    assert not any("calibrated" in text.lower() for text in texts(window))
    shown = window.pages.grab().toImage()
    window.watermark.hide()
    assert window.pages.grab().toImage() != shown
    window.watermark.show()
    assert prediction_text(session.predictions).startswith("DESPITE MISFIT, NOT A RESULT")
    for name in ("result.json", "result.nii.gz"):
        export_prediction(
            session.store, session.predictions, session.result_collector, tmp_path / name
        )
        qtbot.waitUntil(lambda name=name: (tmp_path / name).exists(), timeout=30_000)
        qtbot.waitUntil(lambda: not session.store.saving.running)
    plain = json.loads((tmp_path / "result.json").read_text())
    assert (plain["fit"], plain["despite_misfit"], plain["class"]) == ("refused", True, None)
    assert b"DESPITE MISFIT" in nib.load(tmp_path / "result.nii.gz").header["descrip"].tobytes()
    qtbot.keyClick(window, Qt.Key.Key_F11)
    assert "despite misfit, not a result" in window.presentation_bar.meaning.text()
    assert window.watermark.isVisible()
    qtbot.keyClick(window, Qt.Key.Key_F11)


def test_the_watermark_lets_the_mouse_through(show, scoped, qtbot, settled):
    window = show(scoped(REFUSING))
    ask_for_the_number(window, qtbot, settled)
    view = window.views.axial
    at = view.mapTo(window.pages, view.rect().center())
    assert window.pages.childAt(at) is view


def test_any_change_of_the_form_brings_the_refusal_back(show, scoped, qtbot, settled):
    window = show(scoped(REFUSING))
    session = window.session
    ask_for_the_number(window, qtbot, settled)
    session.form.set_value("age", 50)
    assert session.predictions.what_if is None
    assert numbers(window) == []
    assert not window.watermark.isVisible()
    assert window.side.prediction.readout.refusal.isVisible()
    session.form.set_value("age", 71)
    assert numbers(window) == []
    assert session.store.shown_prediction is None


def test_the_number_can_be_taken_off_the_screen_again(show, scoped, qtbot, settled):
    window = show(scoped(REFUSING))
    ask_for_the_number(window, qtbot, settled)
    qtbot.mouseClick(window.side.prediction.readout.withdraw, LEFT)
    assert numbers(window) == []
    assert window.side.prediction.readout.refusal.isVisible()


def test_another_model_or_scan_is_judged_at_once(show, scoped, make_case, settled, tmp_path):
    window = show(scoped(Scope()), scoped(REFUSING, "add"))
    session, readout = window.session, window.side.prediction.readout
    fits, refuses = session.models.bundles
    assert numbers(window)
    session.models.choose_and_load(refuses)
    settled(window)
    assert readout.refusal.reasons.text() == TOO_FEW
    assert numbers(window) == []
    session.models.choose_and_load(fits)
    settled(window)
    assert not readout.refusal.isVisible()
    one_slice = nib.Nifti1Image(nib.load(make_case()).get_fdata()[:, :, 13:14], None)
    nib.save(one_slice, tmp_path / "scout.nii.gz")
    session.opener.open(tmp_path / "scout.nii.gz", metadata=VALUES)
    settled(window)
    assert "1 slice; the model needs at least 2" in readout.refusal.reasons.text()
    assert numbers(window) == []


def test_the_comparison_says_for_which_models_the_scan_is_none_or_doubtful(show, scoped, settled):
    window = show(scoped(Scope()), scoped(REFUSING, "add"), scoped(None, "multiply"))
    session = window.session
    session.model_comparison.start()
    settled(window)
    fits, refused, doubtful = session.model_comparison.predictions
    assert fits.summary.endswith(fits.prediction.class_name)
    assert (refused.prediction, refused.summary, refused.detail) == (
        None,
        "not for this scan",
        TOO_FEW,
    )
    assert doubtful.summary == f"{percent(doubtful.prediction.probability)}  doubtful"
    said = texts(window.side.comparison)
    for text in (refused.summary, TOO_FEW, doubtful.summary, UNDECLARED):
        assert text in said
    session.model_comparison.show_maps(True)
    assert window.map_views.titles[1].endswith("not for this scan")
    assert window.map_views.titles[2] == f"test-multiply: {doubtful.summary}"


def test_a_model_of_simulated_cases_says_so_beside_everything_about_a_real_scan(
    show, scoped, qtbot
):
    window = show(scoped(Scope(population="simulated")))
    session, readout = window.session, window.side.prediction.readout
    for change in ({"age": 71.0}, {"age": 50.0}, {"age": None}):
        for name, value in change.items():
            session.form.set_value(name, value)
        assert readout.demonstration.isVisible()
        assert readout.demonstration.text() == DEMONSTRATION
        assert DEMONSTRATION in prediction_text(session.predictions)
    assert window.header.fit_badge.text() == "Demonstration model"
    qtbot.keyClick(window, Qt.Key.Key_F11)
    assert window.presentation_bar.demonstration.isVisible()
    qtbot.keyClick(window, Qt.Key.Key_F11)
    session.store.drop_prediction()
    assert readout.demonstration.isVisible()


def test_a_value_that_is_tried_need_not_agree_with_the_header_but_a_predicted_one_must(
    show, scoped, tmp_path, settled
):
    window = show(scoped(Scope()))
    session, readout = window.session, window.side.prediction.readout
    voxels = np.random.default_rng(0).integers(0, 900, (26, 34, 30)).astype(np.int16)
    volume = Volume(voxels, np.diag([4.0, 4.0, 5.0, 1.0]), modality="MR")
    header = {"PatientAge": "077Y", "PatientSex": "F"}
    write_dicom_series(volume, tmp_path / "scan", attributes=header, uid_seed="fit")
    session.opener.open(tmp_path / "scan", metadata={"diabetes": False}, then_predict=True)
    settled(window)
    assert session.predictions.current.fit.fit == "fits"
    session.form.set_value("age", 50)
    assert session.predictions.what_if.fit.fit == "fits"
    assert readout.class_name.isVisible()
    session.predictions.predict()
    settled(window)
    assert session.predictions.current.fit.fit == "doubtful"
    assert readout.doubt.text() == "Age is 50, but the scan's header says 77."


def test_a_prediction_kept_from_before_is_no_number_for_a_case_that_is_refused_now(
    make_case, make_bundle, qtbot, tmp_path
):
    """The same weights under another scope, as after the bundle was corrected."""
    folder, case = make_bundle("concat"), make_case()

    def begin(scope: Scope) -> tuple[Session, list[str]]:
        (folder / "configs" / "scope.json").write_text(json.dumps(scope.to_json()))
        made = Session(
            [BundleInfo.read(folder)], device="cpu", engine="torch", kept_folder=tmp_path / "kept"
        )
        told: list[str] = []
        made.store.noticed.connect(lambda notice: told.append(notice.text))
        made.opener.open(case, metadata=VALUES, then_predict=scope is not REFUSING)
        return made, told

    session, _ = begin(Scope())
    qtbot.waitUntil(lambda: session.predictions.current is not None, timeout=60_000)
    qtbot.waitUntil(lambda: not session.store.inference.running, timeout=60_000)
    qtbot.wait(500)
    assert session.close()
    again, said = begin(REFUSING)
    qtbot.waitUntil(lambda: any("another scope" in text for text in said), timeout=30_000)
    assert again.predictions.current is None
    assert again.predictions.refusal is not None
    assert again.close()
