"""The number first, then the model's default map; Grad-CAM one step away and beside it."""

from __future__ import annotations

import numpy as np
import pytest

from fusion3d_gui.inference.explain.explanation import Explanation
from fusion3d_gui.model.bundle.bundle_info import BundleInfo

DEFAULT = Explanation("input-gradient", ())


@pytest.fixture
def by_gradient(session, make_bundle, measure_map, make_case, settled):
    """The session with a model whose default map is gradient × input, and a case; not predicted yet."""
    info = BundleInfo.read(measure_map(make_bundle("add"), "input-gradient", None))
    session.models.choose_and_load(info)
    session.opener.open(make_case(), metadata={"age": 71.0})
    settled(session)
    return session


def test_the_number_comes_first_and_no_map_that_nobody_asked_for(by_gradient, settled):
    session, seen = by_gradient, []

    def look() -> None:
        if session.predictions.current is not None:
            seen.append((session.predictions.current.logit, session.predictions.heatmap))
            assert bool(session.hot_spots.spots) <= (session.predictions.heatmap is not None)

    session.store.prediction_changed.connect(look)
    session.predictions.predict()
    settled(session)
    assert seen[0][1] is None
    assert seen[-1][1].method == "input-gradient"
    assert session.store.shown_prediction.explanation == DEFAULT
    assert {logit for logit, _ in seen} == {session.predictions.current.logit}
    assert session.hot_spots.spots


def test_a_map_whose_making_was_stopped_is_missing_until_it_is_asked_for_again(
    by_gradient, settled, tmp_path
):
    session = by_gradient
    session.predictions.arrived.connect(session.store.inference.cancel)
    session.predictions.predict()
    settled(session)
    assert session.predictions.current is not None
    assert session.predictions.heatmap is None
    failures = []
    session.store.failed.connect(lambda error: failures.append(str(error)))
    from fusion3d_gui.state.export.result_export import export_prediction

    export_prediction(
        session.store, session.predictions, session.result_collector, tmp_path / "map.nii.gz"
    )
    assert "not been made" in failures[0]
    assert not (tmp_path / "map.nii.gz").exists()
    session.explainer.refresh()
    settled(session)
    assert session.predictions.heatmap.method == "input-gradient"


def test_gradcam_is_one_step_away_and_one_step_back(by_gradient, settled):
    session, choice = by_gradient, by_gradient.explanation_choice
    session.predictions.predict()
    settled(session)
    assert (choice.can_toggle_gradcam, choice.is_gradcam) == (True, False)
    choice.toggle_gradcam()
    settled(session)
    assert session.predictions.heatmap.method == "gradcam"
    assert choice.is_gradcam
    choice.toggle_gradcam()
    settled(session)
    assert session.predictions.heatmap.method == "input-gradient"
    choice.choose(Explanation("hirescam", (3,), "lowered"))
    choice.toggle_gradcam()
    assert choice.wanted == Explanation("gradcam", (4,), "lowered")
    choice.toggle_gradcam()
    assert choice.wanted == Explanation("hirescam", (3,), "lowered")


def test_a_model_explained_by_gradcam_has_nothing_to_toggle(session):
    assert session.explanation_choice.is_gradcam
    assert not session.explanation_choice.can_toggle_gradcam
    session.explanation_choice.toggle_gradcam()
    assert session.explanation_choice.wanted == Explanation()


def test_the_default_map_is_shown_beside_gradcam_and_put_away_again(by_gradient, settled):
    session = by_gradient
    session.predictions.predict()
    settled(session)
    own = session.predictions.heatmap
    session.explainer.toggle_beside_gradcam()
    settled(session)
    first, second = session.side_by_side.cells
    assert (first.name, second.name) == ("Gradient × input", "Grad-CAM, stage 4")
    assert first.heatmap is own
    assert second.heatmap.method == "gradcam"
    assert session.explainer.shows_beside_gradcam
    assert not session.explainer.shows_both_sides
    session.explainer.toggle_beside_gradcam()
    assert session.side_by_side.cells == ()
    # From Grad-CAM itself the other one is the model's default, in the same places.
    session.explanation_choice.toggle_gradcam()
    settled(session)
    session.explainer.toggle_beside_gradcam()
    settled(session)
    assert [cell.heatmap.method for cell in session.side_by_side.cells] == [
        "input-gradient",
        "gradcam",
    ]
    np.testing.assert_array_equal(session.side_by_side.cells[0].heatmap.values, own.values)
