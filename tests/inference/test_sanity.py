"""The checks of a map: known answers for a network whose evidence is known."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr

from fusion3d_gui.errors import Cancelled
from fusion3d_gui.inference.explain.attribution import input_gradient
from fusion3d_gui.inference.explain.checked_map import InputGradient
from fusion3d_gui.inference.explain.explanation import Explanation
from fusion3d_gui.inference.explain.sanity import check_map
from fusion3d_gui.inference.explain.sanity_report import SanityReport
from fusion3d_gui.inference.predictor import load_predictor

LAYERCAM = Explanation("layercam", (3, 4))
GRADIENT = Explanation("input-gradient", ())


@pytest.fixture
def made(make_bundle, volume):
    predictor = load_predictor(make_bundle(), "cpu", engine="torch")
    predicted = predictor.predict_case(volume, {"age": 71})
    return predictor, predicted.case, predicted.prediction.metadata


@pytest.mark.parametrize("explanation", [Explanation(), GRADIENT], ids=["cam", "gradient"])
def test_curves_begin_and_end_at_the_whole_and_the_blank_image(made, explanation):
    predictor, case, values = made
    report = check_map(predictor, case, values, explanation, orders=2)
    whole = case.logit(values)
    maps = predictor.features(np.zeros_like(case.model_input.voxels))
    pooled = torch.from_numpy(maps)[None].mean(dim=(2, 3, 4))
    blank = case.head.logits(pooled, predictor.info.schema.encode(values)[None])[0]
    for deletion in (report.deletion, *report.deletion_random):
        assert [deletion[0], deletion[-1]] == pytest.approx([whole, blank], abs=1e-6)
    for insertion in (report.insertion, *report.insertion_random):
        assert [insertion[0], insertion[-1]] == pytest.approx([blank, whole], abs=1e-6)
    assert len(report.verdicts) == 5
    json.dumps(report.to_json(), allow_nan=False)


@pytest.mark.parametrize("explanation", [LAYERCAM, GRADIENT], ids=["cam", "gradient"])
def test_the_network_is_as_before_and_the_report_the_same_twice(made, explanation):
    predictor, case, values = made
    before = {name: value.clone() for name, value in predictor.network.state_dict().items()}
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    first = check_map(predictor, case, values, explanation, orders=1)
    assert torch.equal(torch.rand(1), expected)
    for name, value in predictor.network.state_dict().items():
        assert torch.equal(value, before[name])
    assert first.to_json() == check_map(predictor, case, values, explanation, orders=1).to_json()
    assert first.randomised[0] == "classifier"
    assert first.randomised[-1] == "stem"


@pytest.mark.parametrize(("explanation", "least"), [(Explanation(), 0.8), (GRADIENT, 0.6)])
def test_noise_that_is_small_leaves_the_map_alike(made, explanation, least):
    predictor, case, values = made
    assert min(check_map(predictor, case, values, explanation, orders=2).stability) > least


@pytest.mark.parametrize("side", ["raised", "lowered"])
def test_the_gradient_that_is_checked_is_the_heatmap_that_is_shown(made, side):
    predictor, case, values = made
    shown = input_gradient(predictor, case, values, side)
    code = torch.from_numpy(case.info.schema.encode(values))[None]
    outline = case.outline
    tissue = outline.distances_mm <= 1.001 * outline.spacing_mm
    checked = InputGradient(code, side, tissue, outline.spacing_mm)
    found = checked.evidence(predictor.network, case.model_input.voxels)
    np.testing.assert_allclose(np.maximum(found, 0), shown.values, atol=1e-5 * shown.peak)


def test_maps_of_chance_are_as_smooth_as_the_gradient_and_know_nothing_of_it():
    tissue = np.ones((60, 60, 60), bool)
    checked = InputGradient(None, "raised", tissue, 2.0)
    rng = np.random.default_rng(0)
    one, other = (checked.random(tissue.shape, tissue, rng) for _ in range(2))
    # A Gaussian of 8 mm correlates with itself 8 mm away by exp(-1/4).
    core = (slice(8, -8),) * 3
    near = np.corrcoef(one[core].ravel(), np.roll(one, 4, axis=2)[core].ravel())[0, 1]
    assert near == pytest.approx(np.exp(-0.25), abs=0.08)
    assert abs(checked.likeness(one, other)) < 0.35


def test_likeness_is_scipys_rank_correlation_over_tissue_and_0_with_a_constant():
    rng = np.random.default_rng(1)
    tissue = rng.random((6, 7, 8)) > 0.5
    checked = InputGradient(None, "raised", tissue, 2.0)
    one = rng.random(tissue.shape)
    other = one**3 + np.where(tissue, 0.2, 5.0) * rng.random(tissue.shape)
    expected = spearmanr(one[tissue], other[tissue]).statistic
    assert checked.likeness(one, other) == pytest.approx(expected)
    flat = np.where(tissue, 0.5, one)
    assert checked.likeness(one, flat) == checked.likeness(flat, one) == 0.0


def test_a_method_of_many_passes_is_not_checked(made):
    predictor, case, values = made
    with pytest.raises(ValueError, match="too many passes"):
        check_map(predictor, case, values, Explanation("occlusion", ()))


def test_the_verdicts_follow_the_figures():
    falling, rising = np.linspace(1, 0, 11), np.linspace(0, 1, 11)
    report = SanityReport(
        explanation=Explanation(),
        randomised=("classifier", "stem"),
        likeness=(0.6, 0.1),
        stability=(0.9, 0.95),
        agreement={"hirescam": 0.9},
        deletion=falling**2,
        deletion_random=np.stack([falling, falling]),
        insertion=rising,
        insertion_random=np.stack([rising, rising]),
    )
    assert [each.passed for each in report.verdicts] == [True, True, True, True, False]
    assert "0 of 2 random orders" in report.verdicts[-1].figures
    # A map of regions that lowered the logit is right where deleting raises it.
    lowered = replace(report, explanation=Explanation(side="lowered"))
    assert [each.passed for each in lowered.verdicts] == [True, True, True, False, False]
    assert lowered.verdicts[3].text.startswith("Deleting what it marks raises the logit")


def test_it_can_be_cancelled(made):
    predictor, case, values = made
    seen: list[float] = []

    def progress(fraction: float, message: str) -> None:
        seen.append(fraction)
        if fraction > 0.6:
            raise Cancelled

    with pytest.raises(Cancelled):
        check_map(predictor, case, values, Explanation(), progress)
    assert seen == sorted(seen)
