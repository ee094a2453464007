"""What leaves of an answer: with its origin, and never a what-if answer as if it were a prediction."""

from __future__ import annotations

import json

import nibabel as nib
import numpy as np
import pytest

from fusion3d_gui.inference.analysis.result_types import WHAT_IF_NOTICE
from fusion3d_gui.report.result_json import SCHEMA
from fusion3d_gui.state.export.result_export import (
    can_export,
    export_prediction,
    prediction_text,
    suggested_name,
)


@pytest.fixture
def predicted(session, make_case, settled):
    """A session with a prediction on screen."""
    assert not can_export(session.predictions)
    session.opener.open(make_case(), metadata={"age": 71.0, "sex": "F"}, then_predict=True)
    settled(session)
    return session


@pytest.fixture
def export(predicted, qtbot, tmp_path):
    """Export the answer on screen; returns the path and what the window said."""

    def write(name: str):
        said = []
        predicted.store.noticed.connect(said.append)
        export_prediction(
            predicted.store, predicted.predictions, predicted.result_collector, tmp_path / name
        )
        qtbot.waitUntil(lambda: bool(said) and not predicted.store.saving.running, timeout=30_000)
        return tmp_path / name, said[0]

    return write


def test_a_prediction_is_saved_with_its_origin_and_its_map(predicted, export):
    prediction = predicted.predictions.current
    assert suggested_name(predicted.predictions) == "result.json"
    path, said = export("result.json")
    plain = json.loads(path.read_text())
    assert {
        key: plain[key] for key in ("probability", "logit", "class", "metadata", "created")
    } == {
        key: prediction.to_json()[key]
        for key in ("probability", "logit", "class", "metadata", "created")
    }
    assert plain["schema"] == SCHEMA
    assert plain["patient"] is None
    assert "what_if" not in json.loads(path.read_text())
    assert said.text == "Result written to result.json."
    path, _ = export("map.nii.gz")
    np.testing.assert_array_equal(nib.load(path).get_fdata(), prediction.heatmap.values.T)
    text = prediction_text(predicted.predictions)
    assert "what-if" not in text.lower()
    for word in (prediction.class_name, "test-concat 1.2.3", prediction.volume_sha256[:12]):
        assert word in text


def test_a_what_if_answer_never_leaves_without_being_called_one(predicted, export):
    predicted.form.set_value("age", 50)
    tried = predicted.predictions.what_if
    assert suggested_name(predicted.predictions) == "what-if.json"
    path, said = export("anything.json")
    plain = json.loads(path.read_text())
    assert plain["what_if"] == WHAT_IF_NOTICE
    assert plain["changed"] == {"age": {"own": 71.0, "tried": 50.0}}
    assert plain["probability_tried"] == tried.probability
    # Under the usual names there is only the case's own prediction, one level down.
    assert not {"probability", "logit", "class"} & set(plain)
    assert plain["prediction"]["metadata"]["age"] == 71.0
    assert said.text.startswith("What-if answer")
    text = prediction_text(predicted.predictions)
    assert text.startswith(WHAT_IF_NOTICE.upper())
    assert "age 71.0 → 50.0" in text


def test_what_can_not_be_written_is_said(predicted, export):
    path, said = export("result.txt")
    assert said.level == "error" and ".json" in said.text
    predicted.form.set_value("age", 50)
    path, said = export("map.nii.gz")
    assert "no heatmap" in said.text
    assert not path.exists()


def test_an_answer_to_other_values_that_can_not_be_computed_is_not_exported(predicted, tmp_path):
    predicted.form.set_value("age", 50)
    predicted.models.choose_and_load(predicted.store.bundle)
    assert can_export(predicted.predictions)
    predicted.switcher.show_none()
    assert not can_export(predicted.predictions)
    assert prediction_text(predicted.predictions) == ""
