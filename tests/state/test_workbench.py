"""The workbench in the session: live what-if, other explanations, and nothing stale ever current."""

from __future__ import annotations

import gc
import importlib.util
import threading
from pathlib import Path

import numpy as np
import pytest

from fusion3d_gui.inference.case_model import CaseModel
from fusion3d_gui.inference.explain.explanation import Explanation
from fusion3d_gui.model.attribution.displacement import (
    Displacement,
    Displacements,
    write_displacements,
)
from fusion3d_gui.model.attribution.localisation_record import Estimate
from fusion3d_gui.model.bundle.bundle import ModelBundle
from fusion3d_gui.model.bundle.bundle_info import BundleInfo
from fusion3d_gui.state.prediction.method_choices import METHODS


@pytest.fixture
def predicted(session, make_case, settled):
    """A session with a prediction on screen."""
    session.opener.open(make_case(), metadata={"age": 71.0, "sex": "F"}, then_predict=True)
    settled(session)
    assert session.predictions.current is not None
    return session


def test_an_edited_form_is_answered_at_once_and_labelled_what_if(predicted, settled):
    assert predicted.predictions.what_if is None
    predicted.form.set_value("age", 50)
    tried = predicted.predictions.what_if
    assert predicted.predictions.current is None
    assert tried.changed == {"age": (71.0, 50.0)}
    predicted.predictions.predict()
    settled(predicted)
    assert predicted.predictions.what_if is None
    assert predicted.predictions.current.probability == pytest.approx(tried.probability, abs=1e-9)


def test_reset_brings_the_predicted_values_and_the_prediction_back(predicted):
    before = predicted.predictions.current
    predicted.form.set_value("age", 50)
    predicted.form.set_value("diabetes", True)
    predicted.predictions.reset_form()
    assert predicted.form.values == {"age": 71.0, "sex": "F", "diabetes": None}
    assert predicted.predictions.current is before


def test_a_value_from_the_file_counts_as_from_the_file_after_a_reset(session):
    session.form.start_case({"PatientAge": "066Y"}, {})
    session.form.set_value("age", 50)
    session.form.put_back({"age": 66.0, "sex": None, "diabetes": None})
    assert session.form.values["age"] == 66
    assert session.form.source("age") == "dicom"


@pytest.mark.parametrize("method", METHODS[1:], ids=lambda method: method.label)
def test_another_method_replaces_the_map_and_nothing_else(predicted, settled, method):
    before = predicted.predictions.current
    predicted.explanation_choice.choose(Explanation(method.method, method.stages, "lowered"))
    settled(predicted)
    after = predicted.predictions.current
    assert after.logit == before.logit
    assert (after.heatmap.method, after.heatmap.side) == (method.method, "lowered")
    assert after.heatmap.layer == ("+".join(f"layer{n}" for n in method.stages) or "input")


def test_the_chosen_method_holds_for_the_next_prediction_too(session, make_case, settled):
    session.explanation_choice.choose(Explanation("layercam", (3,)))
    session.opener.open(make_case(), metadata={"age": 71.0}, then_predict=True)
    settled(session)
    assert session.predictions.current.heatmap.method == "layercam"
    assert session.store.shown_prediction.explanation == Explanation("layercam", (3,))


def test_each_model_is_explained_by_what_was_measured_best_for_it_until_the_user_chooses(
    session, make_case, make_bundle, measure_map, settled
):
    best = BundleInfo.read(measure_map(make_bundle("add"), "layercam", 2))
    plain = session.store.bundle
    assert session.explanation_choice.wanted == Explanation("gradcam", (4,))
    session.models.choose_and_load(best)
    assert session.explanation_choice.wanted == Explanation("layercam", (2,))
    session.explanation_choice.choose(Explanation("layercam", (2,), "lowered"))
    session.opener.open(make_case(), metadata={"age": 71.0}, then_predict=True)
    settled(session)
    heatmap = session.predictions.current.heatmap
    assert (heatmap.method, heatmap.layer, heatmap.side) == ("layercam", "layer2", "lowered")
    session.models.choose_and_load(plain)
    assert session.explanation_choice.wanted == Explanation("gradcam", (4,), "lowered")
    session.explanation_choice.choose(Explanation("hirescam", (3,)))
    session.models.choose_and_load(best)
    assert session.explanation_choice.wanted == Explanation("hirescam", (3,))
    settled(session)


def test_a_method_chosen_while_predicting_is_used_when_the_answer_comes(
    session, make_case, settled, qtbot
):
    session.opener.open(make_case())
    settled(session)
    session.predictions.predict()
    session.explanation_choice.choose(Explanation("hirescam", (3,)))
    qtbot.waitUntil(
        lambda: (
            session.predictions.current is not None
            and session.predictions.current.heatmap.method == "hirescam"
        ),
        timeout=60_000,
    )


def test_occlusion_comes_coarse_after_the_answer_and_keeps_what_it_has_when_cancelled(
    session, make_case, settled, qtbot, monkeypatch
):
    monkeypatch.setattr("fusion3d_gui.state.prediction.explainer._COARSE_EVERY_S", 0.0)
    seen = []

    def look() -> None:
        prediction = session.predictions.current
        if prediction is not None:
            shape = prediction.heatmap.values.shape
            seen.append(
                (
                    prediction.heatmap.method,
                    shape,
                    session.store.shown_prediction.explanation is None,
                )
            )

    session.store.prediction_changed.connect(look)
    session.explanation_choice.choose(Explanation("occlusion", ()))
    session.opener.open(make_case(), metadata={"age": 71.0}, then_predict=True)
    settled(session)
    # The answer waits for no map of this kind; then every map is finer, and the last one whole.
    assert seen[0][0] == "gradcam"
    sizes = [np.prod(shape) for method, shape, _ in seen if method == "occlusion"]
    assert len(set(sizes)) > 1
    assert sizes == sorted(sizes)
    assert [coarse for *_, coarse in seen[1:-1]] == [True] * len(seen[1:-1])
    assert seen[-1][2] is False
    session.explanation_choice.choose(Explanation("occlusion", (), "lowered"))
    qtbot.waitUntil(lambda: session.predictions.current.heatmap.side == "lowered", timeout=60_000)
    coarse = session.store.shown_prediction.explanation is None
    session.store.inference.cancel()
    settled(session)
    assert session.predictions.current.heatmap.side == "lowered"
    assert not session.explainer.can_check
    session.explanation_choice.choose(Explanation("gradcam", (4,)))
    settled(session)
    assert session.predictions.current.heatmap.method == "gradcam"
    assert coarse or session.store.shown_prediction.explanation is not None


def case_models() -> int:
    """How many looked-at images are in memory."""
    gc.collect()
    return sum(type(each) is CaseModel for each in gc.get_objects())


@pytest.fixture(scope="module")
def stress_predictions():
    script = Path(__file__).resolve().parents[1] / "benchmarks" / "stress_predictions.py"
    spec = importlib.util.spec_from_file_location("stress_predictions", script)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("seed", range(2))
def test_no_order_of_many_actions_attributes_a_result_wrongly(
    qapp, stress_predictions, tmp_path, seed
):
    threads, held = threading.active_count(), case_models()
    stress = stress_predictions.Stress(tmp_path, seed)
    for _ in range(10):
        stress.round()
    stress.settle()
    stress.session.opener.open(stress.paths[0], then_predict=True)
    stress.settle()
    assert stress.session.predictions.current is not None
    stress.close()
    assert stress.problems == []
    assert stress.seen > 0
    assert threading.active_count() <= threads
    del stress
    # Of this session's many cases; earlier tests may hold some of theirs.
    assert case_models() <= held + 3


def test_the_raw_map_is_a_toggle_away_and_stays_for_other_methods(
    session, make_case, make_bundle, settled
):
    folder = session.store.bundle.folder
    one = Displacement(
        "gradcam", 4, 16, 3.0, 40, (2, 0, 0), (2, 0, 0), (2, 0, 0), (1, 1, 1), 0.9, 0.0, Estimate(1)
    )
    sha = ModelBundle.load(folder).weights_sha256
    write_displacements(folder, Displacements((one,), sha, 0.0, "cases.csv"))
    session.models.choose_and_load(BundleInfo.read(folder))
    session.opener.open(make_case(), metadata={"age": 71.0}, then_predict=True)
    settled(session)
    corrected = session.predictions.current.heatmap
    assert corrected.correction.applied
    session.explanation_choice.toggle_raw()
    settled(session)
    raw = session.predictions.current.heatmap
    np.testing.assert_allclose(raw.affine, corrected.raw.affine)
    session.explanation_choice.choose(Explanation("layercam", (3,)))
    session.explanation_choice.choose(Explanation("gradcam", (4,)))
    settled(session)
    assert session.explanation_choice.raw
    np.testing.assert_allclose(session.predictions.current.heatmap.affine, raw.affine)
    session.explanation_choice.toggle_raw()
    settled(session)
    np.testing.assert_allclose(session.predictions.current.heatmap.affine, corrected.affine)
