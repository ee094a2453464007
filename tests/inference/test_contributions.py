"""Shares of image and metadata: they add up, and are Captum's Shapley values."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from captum.attr import ShapleyValues

from fusion3d_gui.inference.analysis import shapley as subject
from fusion3d_gui.inference.analysis.shapley import contributions, zero_shares
from fusion3d_gui.inference.analysis.what_if import curves
from fusion3d_gui.model.network.network_config import FUSIONS


@pytest.mark.parametrize("fusion", FUSIONS)
def test_the_shares_add_up_to_the_difference_from_the_reference_case(
    predicted_case, reference_for, fusion
):
    found = predicted_case(fusion)
    reference = reference_for(found.case)
    shares = contributions(found.case, found.prediction.metadata, reference)
    assert shares.logit == pytest.approx(found.prediction.logit, abs=1e-6)
    total = shares.image + shares.metadata
    assert total == pytest.approx(shares.logit - shares.reference_logit, abs=1e-5)
    assert (shares.fields == {}) == (fusion == "image_only")


@pytest.mark.parametrize("fusion", ["concat", "add", "multiply"])
def test_two_players_and_fields_equal_captums_exact_values(predicted_case, reference_for, fusion):
    found = predicted_case(fusion)
    case, reference = found.case, reference_for(found.case)
    shares = contributions(case, found.prediction.metadata, reference)
    own = torch.from_numpy(case.info.schema.encode(found.prediction.metadata))[None]
    other = torch.from_numpy(reference.background_metadata)[None]
    background = torch.from_numpy(reference.background_pooled)[None]

    def game(pooled, code):
        return torch.from_numpy(case.head.logits(pooled, code.numpy()))

    masks = (torch.zeros_like(case.pooled, dtype=torch.long), torch.ones_like(own).long())
    image, metadata = ShapleyValues(game).attribute(
        (case.pooled, own), baselines=(background, other), feature_mask=masks
    )
    assert shares.image == pytest.approx(float(image[0, 0]), abs=1e-5)
    assert shares.metadata == pytest.approx(float(metadata[0, 0]), abs=1e-5)

    def mean_game(code):
        return (game(case.pooled, code) + game(background, code)) / 2

    fields = ShapleyValues(mean_game).attribute(
        own, baselines=other, feature_mask=torch.tensor([[0, 0, 1, 1, 1, 2, 2]])
    )[0]
    expected = [float(fields[place]) for place in (0, 2, 5)]
    assert list(shares.fields.values()) == pytest.approx(expected, abs=1e-5)


def test_a_field_at_the_reference_cases_value_gets_nothing(predicted_case, reference_for):
    found = predicted_case(values={"age": 60, "sex": "M", "diabetes": False})
    shares = contributions(found.case, found.prediction.metadata, reference_for(found.case))
    assert shares.metadata == pytest.approx(0, abs=1e-6)
    assert shares.image != 0


def test_the_reference_case_is_told_with_its_values_and_its_probability(
    predicted_case, reference_for
):
    found = predicted_case()
    reference = reference_for(found.case)
    shares = contributions(found.case, found.prediction.metadata, reference)
    assert shares.reference_values == {"age": 60, "sex": "M", "diabetes": False}
    scaled = shares.reference_logit / 1.5  # the bundle's temperature
    assert shares.reference_probability == pytest.approx(1 / (1 + np.exp(-scaled)))
    assert shares.to_json()["reference_metadata"] == shares.reference_values


def test_a_share_of_nothing_is_explained_where_other_values_would_move_the_probability(
    predicted_case, reference_for
):
    values = {"age": 71, "sex": "M", "diabetes": None}
    found = predicted_case(values=values)
    case, values = found.case, found.prediction.metadata
    shares = contributions(case, values, reference_for(case))
    nothing = replace(shares, fields=dict.fromkeys(shares.fields, 0.01))
    span = np.array([0.30, 0.96])
    drawn = [replace(each, probabilities=span) for each in curves(case, values)]

    def reasons():
        return {z.field.name: z.reason for z in zero_shares(case, values, nothing, drawn)}

    # The untrained network hardly reacts to any value; its classifier times 1000 does.
    assert reasons() == {"age": "flat", "sex": "same", "diabetes": "flat"}
    with torch.no_grad():
        case.head.network.classifier[-1].weight.mul_(1000)
    assert reasons() == {"age": "interaction", "sex": "same", "diabetes": "interaction"}
    first = zero_shares(case, values, nothing, drawn)[0]
    assert (first.low, first.high) == (0.30, 0.96)
    calm = [replace(each, probabilities=np.array([0.30, 0.35])) for each in drawn]
    assert zero_shares(case, values, nothing, calm) == ()
    clear = replace(shares, fields=dict.fromkeys(shares.fields, -0.2))
    assert zero_shares(case, values, clear, drawn) == ()


def test_sampled_shares_add_up_too_and_are_near_the_exact_ones(
    predicted_case, reference_for, monkeypatch
):
    found = predicted_case("multiply")
    reference = reference_for(found.case)
    values = found.prediction.metadata
    exact = contributions(found.case, values, reference)
    monkeypatch.setattr(subject, "MOST_EXACT", 2)
    sampled = contributions(found.case, values, reference)
    assert exact.exact
    assert not sampled.exact
    assert sampled.metadata == pytest.approx(exact.metadata, abs=1e-5)
    largest = max(abs(share) for share in exact.fields.values())
    for name, share in exact.fields.items():
        assert sampled.fields[name] == pytest.approx(share, abs=0.2 * largest)
    assert contributions(found.case, values, reference).fields == sampled.fields
    assert np.isfinite(torch.rand(1).item())
