"""The model's page: opened from panel, menu and palette; curves read under the pointer; hostile bundles shown as text."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QMouseEvent
from PySide6.QtWidgets import QApplication, QLabel, QPushButton, QTableView
from sklearn.metrics import precision_score, recall_score

from fusion3d_gui.model.bundle.bundle_info import BundleInfo
from fusion3d_gui.model.prevalence import predictive_values
from fusion3d_gui.shipped import models_dir
from fusion3d_gui.state.prediction.model_facts import (
    card_facts,
    displacement_table,
    figure_table,
    has_evaluation,
    localisation_table,
    other_weights_text,
    subgroup_table,
)
from fusion3d_gui.state.prediction.operating_point import decision_point, operating_point
from fusion3d_gui.training.measure.curves import evaluation_curves
from fusion3d_gui.widgets.model_page.model_page import ModelPage, show_model_page

LEFT = Qt.MouseButton.LeftButton


def cases(count: int = 500) -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(0)
    chance = np.round(draw.beta(0.5, 2.0, count), 5)
    return (draw.random(count) < chance).astype(int), chance


def figure(value: float) -> dict[str, float]:
    return {"value": value, "low": value - 0.05, "high": value + 0.05}


def held_out() -> dict:
    """What an evaluation records, in short."""
    pointing = {"pointing": figure(0.4), "pointing_near": figure(0.6), "energy": figure(0.1)}
    one = {**pointing, "distance_mm": figure(7.5)}
    heatmap = {"method": "hirescam", "stage": 1, "corrected": True, "cell_mm": 11.0, **one}
    heatmap |= {"random_pointing": 0.01, "deletion": figure(0.9)}
    group = {"field": "Sex", "group": "Female", "n": 250, "positives": 50, "auroc": figure(0.8)}
    group |= {"mean_probability": 0.2, "observed": 0.21, "sensitivity": 0.7, "specificity": None}
    return {
        "n": 500,
        "positives": 100,
        "table": {"name": "test.csv"},
        "figures": {"auroc": figure(0.85), "ece": {"value": 0.03, "low": None, "high": None}},
        "subgroups": [group],
        "localisation": {"tolerance_mm": 10.0, "chance": one, "brightness": one, "maps": [heatmap]},
        "curves": evaluation_curves(*cases(), 0.4).to_json(),
    }


def write(folder: Path, found: object) -> BundleInfo:
    path = folder / "configs" / "metadata.json"
    plain = json.loads(path.read_text(encoding="utf-8"))
    plain["eval_metrics"] = {"mirrored_change": 0.5, "held_out": found}
    plain["training"] = {"validation_cases": 100, "validation_positives": 20}
    path.write_text(json.dumps(plain), encoding="utf-8")
    return BundleInfo.read(folder)


@pytest.fixture
def evaluated(make_bundle) -> BundleInfo:
    return write(make_bundle(), held_out())


@pytest.fixture
def page(window, evaluated) -> ModelPage:
    made = show_model_page(evaluated, window.my_prevalence, window.session.store, window)
    pick(made, "Performance")
    return made


def pick(page: ModelPage, title: str) -> None:
    button = next(b for b in page.segments.findChildren(QPushButton) if b.text() == title)
    button.click()
    QApplication.processEvents()


def hover(chart, x: float, y: float) -> None:
    at = chart.plot.panels[0].px_at(x, y)
    none, keys = Qt.MouseButton.NoButton, Qt.KeyboardModifier.NoModifier
    event = QMouseEvent(QEvent.Type.MouseMove, at, chart.mapToGlobal(at), none, none, keys)
    QApplication.sendEvent(chart, event)


def test_it_opens_from_the_side_panel_and_the_menu_and_never_twice(opened, qtbot):
    qtbot.mouseClick(opened.side.model_picker.page, LEFT)
    (page,) = opened.findChildren(ModelPage)
    assert page.isVisible() and not page.isModal()
    assert page.info is opened.session.store.bundle
    action = opened.menus.actions["model_page"]
    assert action.isEnabled()
    action.trigger()
    assert opened.findChildren(ModelPage) == [page]


def test_an_operating_point_is_that_of_scikit_learn(evaluated):
    labels, chance = cases()
    assert evaluated.curves is not None
    point = decision_point(evaluated.curves, 0.4)
    found = operating_point(evaluated.curves, point, float(labels.mean()))
    called = chance >= 0.4
    assert found.sensitivity.value == pytest.approx(recall_score(labels, called))
    assert found.specificity.value == pytest.approx(recall_score(1 - labels, ~called))
    assert found.ppv is not None and found.npv is not None
    assert found.ppv.value == pytest.approx(precision_score(labels, called))
    assert found.npv.value == pytest.approx(precision_score(1 - labels, ~called))
    assert found.ppv.low < found.ppv.value < found.ppv.high
    none = operating_point(evaluated.curves, decision_point(evaluated.curves, 0.9999999), 0.5)
    assert none.sensitivity.value == 0 and none.ppv is None


def test_the_pointer_on_the_roc_curve_reads_the_nearest_threshold(page, evaluated):
    view, curves = page.performance, evaluated.curves
    own = [label.text() for label in view.values]
    assert own[0] == "40 %" and view.ranges[0].text() == "the model's threshold"
    target = curves.roc[len(curves.roc) // 2]
    x, y = 1 - curves.specificity(target), curves.sensitivity(target)
    hover(view.roc, 100 * x, 100 * y)
    assert view.ranges[0].text() == "under the pointer"
    assert view.values[1].text() == f"{100 * y:.0f} %"
    assert view.values[2].text() == f"{100 * (1 - x):.0f} %"
    QApplication.sendEvent(view.roc, QEvent(QEvent.Type.Leave))
    assert [label.text() for label in view.values] == own


def test_predictive_values_are_those_at_my_prevalence(page, evaluated, window, qtbot):
    view, curves = page.performance, evaluated.curves
    point = decision_point(curves, 0.4)
    assert "of the evaluation" in view.titles[3].text()
    qtbot.keyClicks(view.box, "2.5")
    assert window.my_prevalence.of(evaluated) == pytest.approx(0.025)
    rates = curves.sensitivity(point), curves.specificity(point)
    ppv, npv = predictive_values(*rates, 0.025)
    assert view.titles[3].text() == "PPV at 2.5 %, my prevalence"
    assert view.values[3].text() == f"{100 * ppv:.0f} %"
    assert view.values[4].text() == f"{100 * npv:.0f} %"
    view.box.clear()
    qtbot.keyClicks(view.box, "120")
    assert view.box.property("refused")
    assert window.my_prevalence.of(evaluated) is None
    assert "of the evaluation" in view.titles[3].text()


def test_the_reliability_curve_says_what_was_observed_in_a_bin(page, evaluated):
    chart = page.performance.reliability
    hover(chart, 0, 50)
    first = evaluated.curves.reliability[0]
    reading = chart.plot.panels[0].title.reading
    assert f"{first.positives} of {first.cases}" in reading


def test_tables_hold_what_was_recorded(evaluated):
    assert figure_table(evaluated).rows[0] == ("AUROC", "0.850", "0.800 to 0.900")
    assert figure_table(evaluated).rows[1] == ("Expected calibration error", "0.030", "–")
    (group,) = subgroup_table(evaluated).rows
    assert group[:5] == ("Sex", "Female", "250", "50", "0.800 (0.750 to 0.850)")
    assert group[5:] == ("70 %", "–", "20.0 %", "21.0 %")
    chance, brightness, heatmap = localisation_table(evaluated).rows
    assert chance[0] == "Chance" and brightness[0] == "Brightness alone, no model"
    assert heatmap[0] == "HiResCAM, stage 1, corrected"
    assert heatmap[2:4] == ("40 %", "60 %") and heatmap[-2:] == ("1 %", "90 %")
    facts = dict(card_facts(evaluated))
    assert facts["Left and right"].startswith("The model can tell left from right")
    assert facts["Calibrated at"] == "20 % yes"


def test_shipped_models_have_displacements_limits_and_sides():
    info = BundleInfo.read(models_dir() / "demo-concat")
    assert len(displacement_table(info).rows) == len(info.displacements.maps)
    facts = dict(card_facts(info))
    assert "simulated scans" in facts["Limitations"]
    assert "left from right" in facts["Left and right"]


def test_a_model_without_an_evaluation_says_not_recorded(opened):
    page = show_model_page(
        opened.session.store.bundle, opened.my_prevalence, opened.session.store, opened
    )
    assert page.performance.roc is None
    said = [label.text() for label in page.findChildren(QLabel)]
    for what in ("Evaluation", "ROC and calibration curve"):
        assert f"{what}: Not recorded in this bundle." in said
    assert not page.findChildren(QTableView)


@pytest.mark.parametrize("found", ["text", [], {"figures": 3, "subgroups": [{}], "n": "x"}])
def test_a_record_of_another_shape_is_as_none(make_bundle, found):
    info = write(make_bundle(), found)
    for table in (figure_table, subgroup_table, localisation_table):
        assert table(info) is None


def test_all_text_of_a_hostile_bundle_is_plain(window, make_hostile_bundle):
    folder = make_hostile_bundle()
    card = folder / "docs" / "README.md"
    card.write_text("# x\n\n## Limits\n\n<b>bold</b> \u202e\x1b[2J " + "y" * 9000, encoding="utf-8")
    info = BundleInfo.read(folder)
    page = show_model_page(info, window.my_prevalence, window.session.store, window)
    for label in page.findChildren(QLabel):
        assert label.textFormat() == Qt.TextFormat.PlainText
        assert not set("\u202e\u2066\x1b\x07\n\u2028") & set(label.text())
        assert len(label.text()) < 5000
    assert "\u202e" not in page.windowTitle()


def weights_of(folder: Path) -> str:
    """As sha256sum says."""
    done = subprocess.run(
        ["sha256sum", folder / "models" / "model.safetensors"], capture_output=True, check=True
    )
    return done.stdout.split()[0].decode()


@pytest.mark.parametrize(
    ("recorded", "said"),
    [
        ("own", ""),
        ("OWN", ""),
        ("0" * 64, "other weights than this bundle has"),
        (None, "does not record which weights"),
        (["<b>"], "does not record which weights"),
    ],
)
def test_an_evaluation_of_other_weights_is_called_so(window, make_bundle, qtbot, recorded, said):
    folder = make_bundle()
    found = held_out()
    own = weights_of(folder)
    if recorded is not None:
        found["weights_sha256"] = {"own": own, "OWN": own.upper()}.get(str(recorded), recorded)
    page = show_model_page(write(folder, found), window.my_prevalence, window.session.store, window)
    qtbot.waitUntil(lambda: not window.session.store.listing.running)
    assert said in page.weights_note.text()
    assert page.weights_note.isVisible() == bool(said)
    for title in ("Performance", "Subgroups", "Heatmaps", "Card"):
        pick(page, title)
        assert page.weights_note.isVisible() == bool(said)
    if recorded == "0" * 64:
        assert f"evaluated 00000000…, here {own[:8]}…" in page.weights_note.text()


def test_without_an_evaluation_nothing_is_compared(window, make_bundle, qtbot):
    info = write(make_bundle(), None)
    page = show_model_page(info, window.my_prevalence, window.session.store, window)
    assert not window.session.store.listing.running
    assert not page.weights_note.isVisible()


def test_weights_that_can_not_be_read_leave_the_question_open(window, make_bundle, qtbot):
    info = write(make_bundle(), held_out() | {"weights_sha256": "0" * 64})
    info.weights_path.unlink()
    said = []
    window.session.store.noticed.connect(said.append)
    page = show_model_page(info, window.my_prevalence, window.session.store, window)
    qtbot.waitUntil(lambda: not window.session.store.listing.running)
    assert page.weights_note.text().startswith("Not checked")
    assert "model.safetensors" in said[0].text


def test_the_shipped_models_were_evaluated_with_the_weights_that_they_have():
    # The weights of the stroke models were tested on nobody: their figures are those of the study's folds.
    for folder in sorted(models_dir().glob("demo-*")):
        info = BundleInfo.read(folder)
        assert other_weights_text(info, weights_of(folder)) == ""
        assert has_evaluation(info)
