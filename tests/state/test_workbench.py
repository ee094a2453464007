"""The workbench in the session: live what-if, other explanations, and nothing stale ever current."""

from __future__ import annotations

import gc
import random
import threading

import numpy as np
import pytest
from PySide6.QtCore import QCoreApplication

from fusion3d_gui.inference.case_model import CaseModel
from fusion3d_gui.inference.explanation import Explanation
from fusion3d_gui.model.bundle_info import BundleInfo
from fusion3d_gui.state.explanation import METHODS
from fusion3d_gui.state.session import Session


@pytest.fixture
def predicted(session, make_case, settled):
    """A session with a prediction on screen."""
    session.open(make_case(), metadata={"age": 71.0, "sex": "F"}, then_predict=True)
    settled(session)
    assert session.current_prediction is not None
    return session


def test_an_edited_form_is_answered_at_once_and_labelled_what_if(predicted, settled):
    assert predicted.what_if is None
    predicted.form.set_value("age", 50)
    tried = predicted.what_if
    assert predicted.current_prediction is None
    assert tried.changed == {"age": (71.0, 50.0)}
    predicted.predict()
    settled(predicted)
    assert predicted.what_if is None
    assert predicted.current_prediction.probability == pytest.approx(tried.probability, abs=1e-9)


def test_reset_brings_the_predicted_values_and_the_prediction_back(predicted):
    before = predicted.current_prediction
    predicted.form.set_value("age", 50)
    predicted.form.set_value("diabetes", True)
    predicted.reset_form()
    assert predicted.form.values == {"age": 71.0, "sex": "F", "diabetes": None}
    assert predicted.current_prediction is before


def test_a_value_from_the_file_counts_as_from_the_file_after_a_reset(session):
    session.form.start_case({"PatientAge": "066Y"}, {})
    session.form.set_value("age", 50)
    session.form.put_back({"age": 66.0, "sex": None, "diabetes": None})
    assert session.form.values["age"] == 66
    assert session.form.source("age") == "dicom"


@pytest.mark.parametrize("method", METHODS[1:], ids=lambda method: method.label)
def test_another_method_replaces_the_map_and_nothing_else(predicted, settled, method):
    before = predicted.current_prediction
    predicted.explain(Explanation(method.method, method.stages, "lowered"))
    settled(predicted)
    after = predicted.current_prediction
    assert after.logit == before.logit
    assert (after.heatmap.method, after.heatmap.side) == (method.method, "lowered")
    assert after.heatmap.layer == ("+".join(f"layer{n}" for n in method.stages) or "input")


def test_the_chosen_method_holds_for_the_next_prediction_too(session, make_case, settled):
    session.explain(Explanation("layercam", (3,)))
    session.open(make_case(), metadata={"age": 71.0}, then_predict=True)
    settled(session)
    assert session.current_prediction.heatmap.method == "layercam"
    assert session.result.explanation == Explanation("layercam", (3,))


def test_each_model_is_explained_by_what_was_measured_best_for_it_until_the_user_chooses(
    session, make_case, make_bundle, measure_map, settled
):
    best = BundleInfo.read(measure_map(make_bundle("add"), "layercam", 2))
    plain = session.bundle
    assert session.explanation == Explanation("gradcam", (4,))
    session.choose_bundle(best)
    assert session.explanation == Explanation("layercam", (2,))
    session.explain(Explanation("layercam", (2,), "lowered"))
    session.open(make_case(), metadata={"age": 71.0}, then_predict=True)
    settled(session)
    heatmap = session.current_prediction.heatmap
    assert (heatmap.method, heatmap.layer, heatmap.side) == ("layercam", "layer2", "lowered")
    session.choose_bundle(plain)
    assert session.explanation == Explanation("gradcam", (4,), "lowered")
    session.explain(Explanation("hirescam", (3,)))
    session.choose_bundle(best)
    assert session.explanation == Explanation("hirescam", (3,))
    settled(session)


def test_a_method_chosen_while_predicting_is_used_when_the_answer_comes(
    session, make_case, settled, qtbot
):
    session.open(make_case())
    settled(session)
    session.predict()
    session.explain(Explanation("hirescam", (3,)))
    qtbot.waitUntil(
        lambda: (
            session.current_prediction is not None
            and session.current_prediction.heatmap.method == "hirescam"
        ),
        timeout=60_000,
    )


def test_occlusion_comes_coarse_after_the_answer_and_keeps_what_it_has_when_cancelled(
    session, make_case, settled, qtbot, monkeypatch
):
    monkeypatch.setattr("fusion3d_gui.state.explaining._COARSE_EVERY_S", 0.0)
    seen = []

    def look() -> None:
        prediction = session.current_prediction
        if prediction is not None:
            shape = prediction.heatmap.values.shape
            seen.append((prediction.heatmap.method, shape, session.result.explanation is None))

    session.result_changed.connect(look)
    session.explain(Explanation("occlusion", ()))
    session.open(make_case(), metadata={"age": 71.0}, then_predict=True)
    settled(session)
    # The answer waits for no map of this kind; then every map is finer, and the last one whole.
    assert seen[0][0] == "gradcam"
    sizes = [np.prod(shape) for method, shape, _ in seen if method == "occlusion"]
    assert len(set(sizes)) > 1
    assert sizes == sorted(sizes)
    assert [coarse for *_, coarse in seen[1:-1]] == [True] * len(seen[1:-1])
    assert seen[-1][2] is False
    session.explain(Explanation("occlusion", (), "lowered"))
    qtbot.waitUntil(lambda: session.current_prediction.heatmap.side == "lowered", timeout=60_000)
    coarse = session.result.explanation is None
    session.cancel_inference()
    settled(session)
    assert session.current_prediction.heatmap.side == "lowered"
    assert not session.can_check_map
    session.explain(Explanation("gradcam", (4,)))
    settled(session)
    assert session.current_prediction.heatmap.method == "gradcam"
    assert coarse or session.result.explanation is not None


class Watch:
    """Holds after every change that what is shown as current is about what is on screen."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.current = 0
        session.result_changed.connect(self.look)
        session.case_changed.connect(self.look)
        session.bundle_changed.connect(self.look)

    def look(self) -> None:
        session = self.session
        result = session.result
        if result is not None:
            assert result.request.case is session.case
            assert result.request.bundle is session.bundle
            assert result.workbench.case.info.name == session.bundle.name
        prediction = session.current_prediction
        if prediction is None:
            return
        self.current += 1
        assert prediction.volume_sha256 == session.case.volume.sha256
        assert prediction.bundle_name == session.bundle.name
        assert dict(prediction.metadata) == session.form.values
        assert session.what_if is None
        np.testing.assert_allclose(
            prediction.logit, session.workbench.case.logit(session.form.values)
        )


def case_models() -> int:
    """How many looked-at images are in memory."""
    gc.collect()
    return sum(type(each) is CaseModel for each in gc.get_objects())


@pytest.mark.parametrize("seed", range(5))
def test_no_order_of_a_hundred_actions_attributes_a_result_wrongly(
    qapp, make_bundle, make_case, settled, seed
):
    threads, held = threading.active_count(), case_models()
    choose = random.Random(seed)
    bundles = [BundleInfo.read(make_bundle(fusion)) for fusion in ("concat", "add", "image_only")]
    paths = [make_case(name, seed=number) for number, name in enumerate("abc")]
    failures: list[Exception] = []
    session = Session(bundles, device="cpu", engine="torch")
    session.failed.connect(failures.append)
    watch = Watch(session)

    def edit() -> None:
        if session.bundle.schema.fields:
            session.form.set_value("age", choose.choice([45.0, 60.0, 75.0]))

    def explain() -> None:
        method = choose.choice(METHODS[:6])
        session.explain(
            Explanation(method.method, method.stages, choose.choice(["raised", "lowered"]))
        )

    actions = [
        lambda: session.open(choose.choice(paths), then_predict=choose.random() < 0.5),
        session.predict,
        session.predict,
        session.cancel_inference,
        session.cancel_loading,
        edit,
        edit,
        session.reset_form,
        explain,
        lambda: session.choose_bundle(choose.choice(bundles)),
    ]
    try:
        for _ in range(100):
            choose.choice(actions)()
            watch.look()
            for _ in range(choose.choice([0, 0, 1, 3])):
                threading.Event().wait(0.01)
                QCoreApplication.processEvents()
        settled(session)
        session.open(paths[0], then_predict=True)
        settled(session)
        QCoreApplication.processEvents()
        assert session.current_prediction is not None
        assert watch.current > 0
        assert failures == []
    finally:
        assert session.close()
    assert threading.active_count() <= threads
    del watch, actions
    # Of this session's many cases; earlier tests may hold some of theirs.
    assert case_models() <= held + 3
