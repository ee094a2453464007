"""Changed metadata: the same numbers as asking anew, and never mistaken for the prediction."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from fusion3d_gui.errors import UserError
from fusion3d_gui.inference.analysis.result_types import WHAT_IF_NOTICE, WhatIf
from fusion3d_gui.inference.analysis.what_if import curves, what_if
from fusion3d_gui.inference.fit.fit_report import FitReport, MisfitError
from fusion3d_gui.inference.predictor import load_predictor
from fusion3d_gui.model.bundle.bundle import ModelBundle
from fusion3d_gui.model.network.network_config import FUSIONS

FITS = FitReport("fits")


@pytest.mark.parametrize("fusion", FUSIONS[:3])
def test_trying_a_value_gives_what_asking_anew_gives(predicted_case, volume, fusion):
    found = predicted_case(fusion)
    tried = {**found.prediction.metadata, "age": 52, "sex": "M"}
    result = what_if(found.case, found.prediction, tried, FITS)
    anew = load_predictor(found.case.info.folder, "cpu", engine="torch").predict(volume, tried)
    assert result.logit == anew.logit
    assert result.probability == anew.probability
    assert result.changed == {"age": (71.0, 52.0), "sex": ("F", "M")}
    np.testing.assert_allclose(found.case.heatmap(tried).values, anew.heatmap.values)


def test_a_curve_passes_through_what_a_whole_forward_pass_gives_at_every_point(predicted_case):
    found = predicted_case("multiply")
    network = ModelBundle.load(found.case.info.folder).network
    image = torch.from_numpy(found.case.model_input.voxels)[None, None]
    values = found.prediction.metadata
    made = curves(found.case, values, points=5)
    assert [curve.field.name for curve in made] == ["age", "sex", "diabetes"]
    assert [len(curve.points) for curve in made] == [5, 2, 2]
    for curve in made:
        codes = np.stack(
            [
                found.case.info.schema.encode({**values, curve.field.name: point})
                for point in curve.points
            ]
        )
        with torch.inference_mode():
            logits = network(image.expand(len(codes), -1, -1, -1, -1), torch.from_numpy(codes))
        expected = torch.sigmoid(logits.double() / 1.5).numpy()
        np.testing.assert_allclose(curve.probabilities, expected, atol=1e-6)
        assert curve.own == values[curve.field.name]
        assert curve.chance == pytest.approx(found.prediction.probability, abs=1e-6)


def test_a_curve_spans_what_training_saw_and_the_cases_own_value(predicted_case):
    ages = {
        own: curves(predicted_case(values={"age": own}).case, {"age": own})[0] for own in (60, 20)
    }
    assert (ages[60].points[0], ages[60].points[-1]) == (40, 90)
    assert (ages[20].points[0], ages[20].points[-1]) == (20, 90)


def test_a_model_of_the_image_alone_has_no_curves(predicted_case):
    found = predicted_case("image_only")
    assert curves(found.case, {}) == []


def test_an_export_says_that_it_is_no_prediction(predicted_case):
    found = predicted_case()
    result = what_if(found.case, found.prediction, {**found.prediction.metadata, "age": 50}, FITS)
    plain = json.loads(json.dumps(result.to_json(), allow_nan=False))
    assert plain["what_if"] == WHAT_IF_NOTICE
    assert plain["changed"] == {"age": {"own": 71.0, "tried": 50.0}}
    assert "probability" not in plain
    assert plain["prediction"]["probability"] == found.prediction.probability


def test_a_value_that_is_not_allowed_is_refused(predicted_case):
    found = predicted_case()
    with pytest.raises(UserError, match="age=200"):
        what_if(found.case, found.prediction, {"age": 200}, FITS)


def test_a_case_that_the_model_is_not_meant_for_has_no_what_if(predicted_case):
    found = predicted_case()
    misfit = FitReport("refused", ("One slice.",))
    with pytest.raises(MisfitError, match="One slice"):
        what_if(found.case, found.prediction, found.prediction.metadata, misfit)


def test_a_doubtful_what_if_has_a_number_without_a_class_and_says_why(predicted_case):
    found = predicted_case()
    doubtful = FitReport("doubtful", ("It is odd.",))
    result = what_if(found.case, found.prediction, found.prediction.metadata, doubtful)
    assert (result.positive, result.class_name) == (None, None)
    assert result.probability == found.prediction.probability
    assert "It is odd." in result.notices
    assert result.to_json()["fit_tried"]["reasons"] == ["It is odd."]


@pytest.mark.parametrize(
    ("probability", "name"), [(0.39, "no"), (0.4, "yes"), (0.45, "yes"), (0.6, "yes")]
)
def test_the_class_is_that_of_the_models_threshold(predicted_case, probability, name):
    prediction = predicted_case().prediction
    assert prediction.threshold == 0.4
    assert WhatIf(prediction, {}, 0.0, probability, FITS).class_name == name
    assert replace(prediction, probability=probability).class_name == name
