"""Figures and intervals, judged by scikit-learn, SciPy and closed forms."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.stats import binom, norm
from sklearn.calibration import calibration_curve
from sklearn.metrics import (
    average_precision_score,
    brier_score_loss,
    recall_score,
    roc_auc_score,
    roc_curve,
)

from fusion3d_gui.errors import UserError
from fusion3d_gui.model.schema import Field, MetadataSchema
from fusion3d_gui.training.data.table import CaseRow
from fusion3d_gui.training.measure.calibration import ThresholdRule
from fusion3d_gui.training.measure.metrics import (
    Estimate,
    auroc,
    auroc_difference,
    compute_metrics,
    median,
)
from fusion3d_gui.training.measure.subgroups import subgroup_metrics, subgroups


def simulated(n: int, seed: int, separation: float = 1.2) -> tuple[np.ndarray, np.ndarray]:
    """Labels at 20 % and probabilities with many ties, calibrated for this separation."""
    rng = np.random.default_rng(seed)
    labels = (rng.random(n) < 0.2).astype(np.int64)
    score = rng.standard_normal(n) + separation * labels
    odds = separation * score - separation**2 / 2 + np.log(0.2 / 0.8)
    return labels, np.round(1 / (1 + np.exp(-odds)), 2)


def test_figures_are_those_of_scikit_learn():
    labels, chance = simulated(400, 1)
    found = compute_metrics(labels, chance, 0.3, resamples=200)
    assert found["auroc"].value == pytest.approx(roc_auc_score(labels, chance))
    assert found["auprc"].value == pytest.approx(average_precision_score(labels, chance))
    assert found["brier"].value == pytest.approx(brier_score_loss(labels, chance))
    called = chance >= 0.3
    assert found["sensitivity"].value == pytest.approx(recall_score(labels, called))
    assert found["specificity"].value == pytest.approx(recall_score(labels, called, pos_label=0))


def test_the_calibration_error_is_the_weighted_gap_of_scikit_learns_calibration_curve():
    labels, chance = simulated(500, 2)
    chance = np.clip(chance + 0.003, 0, 1)  # off the edges of the bins
    observed, predicted = calibration_curve(labels, chance, n_bins=10)
    counts = np.histogram(chance, np.linspace(0, 1, 11))[0]
    expected = np.average(np.abs(observed - predicted), weights=counts[counts > 0])
    found = compute_metrics(labels, chance, 0.5, resamples=50)["ece"]
    assert found.value == pytest.approx(expected, abs=1e-5)


def test_intervals_of_shares_are_those_of_the_binomial_bootstrap():
    # Resampling n hits of n is a binomial draw, whose quantiles are known.
    labels, chance = simulated(500, 3)
    found = compute_metrics(labels, chance, 0.3)["sensitivity"]
    n = int(labels.sum())
    exact = binom.ppf([0.025, 0.975], n, found.value) / n
    np.testing.assert_allclose([found.low, found.high], exact, atol=1.5 / n)


def test_the_interval_of_the_area_holds_the_truth_in_95_of_100_studies():
    truth = norm.cdf(1.2 / np.sqrt(2))
    inside = 0
    for seed in range(100):
        rng = np.random.default_rng(seed)
        labels = np.repeat([0, 1], [80, 40])
        found = auroc(labels, rng.standard_normal(120) + 1.2 * labels, resamples=300)
        assert found.low is not None and found.high is not None
        inside += found.low <= truth <= found.high
    assert 89 <= inside <= 99


def test_a_paired_difference_is_narrower_than_two_intervals_and_exact_for_equal_scores():
    labels, chance = simulated(600, 4)
    noisy = chance + np.random.default_rng(0).normal(0, 0.02, 600)
    found = auroc_difference(labels, chance, noisy)
    assert found.value == pytest.approx(
        roc_auc_score(labels, chance) - roc_auc_score(labels, noisy)
    )
    alone = auroc(labels, chance)
    assert (found.high - found.low) < 0.5 * (alone.high - alone.low)
    same = auroc_difference(labels, chance, chance)
    assert (same.value, same.low, same.high) == (0, 0, 0)


def test_perfect_scores_and_one_case_of_a_label_have_no_silly_interval():
    labels = np.array([0] * 9 + [1])
    found = auroc(labels, np.arange(10.0))
    assert (found.value, found.low) == (1.0, None)
    labels = np.repeat([0, 1], 5)
    found = auroc(labels, labels.astype(float))
    assert (found.value, found.low, found.high) == (1.0, 1.0, 1.0)


def test_estimates_say_themselves_and_survive_json():
    one = Estimate(0.91234, 0.88, 0.94)
    assert one.text() == "0.912 (0.880 to 0.940)"
    assert Estimate.from_json(one.to_json()) == one
    assert Estimate(2.0).text(1) == "2.0"
    assert median([1, 2, 30]).value == 2


@pytest.mark.parametrize("target", [0.5, 0.8, 0.95])
def test_a_threshold_for_a_sensitivity_is_the_highest_that_reaches_it(target):
    labels, chance = simulated(400, 5)
    threshold = ThresholdRule.parse(f"sensitivity={target}").threshold(chance, labels)
    assert recall_score(labels, chance >= threshold) >= target
    higher = chance[chance >= threshold].min() + 1e-9
    assert recall_score(labels, chance >= higher) < target


def test_youdens_threshold_is_the_best_on_the_curve():
    labels, chance = simulated(400, 6)
    threshold = ThresholdRule.parse("youden").threshold(chance, labels)
    false_rate, true_rate, _ = roc_curve(labels, chance)
    called = chance >= threshold
    index = recall_score(labels, called) - (1 - recall_score(labels, called, pos_label=0))
    assert index == pytest.approx((true_rate - false_rate).max())


@pytest.mark.parametrize(
    "text", ["best", "sensitivity", "sensitivity=1.5", "sensitivity=x", "youden=1"]
)
def test_an_unknown_threshold_rule_is_refused(text):
    with pytest.raises(UserError, match="threshold rule"):
        ThresholdRule.parse(text)


def rows_of(values: list[dict]) -> list[CaseRow]:
    return [
        CaseRow(n + 2, str(n), Path("x"), None, v, n % 2, None, "") for n, v in enumerate(values)
    ]


def test_subgroups_cover_every_case_once_a_field():
    schema = MetadataSchema(
        (
            Field("age", "Age", "number", unit="years"),
            Field("sex", "Sex", "category", choices=(("F", "Female"), ("M", "Male"))),
            Field("smoker", "Smoker", "boolean"),
        )
    )
    rng = np.random.default_rng(0)
    values = [
        {
            "age": None if n % 10 == 0 else float(rng.integers(40, 92)),
            "sex": "F" if n % 3 else "M",
            "smoker": [True, False, None][n % 3],
        }
        for n in range(300)
    ]
    rows = rows_of(values)
    found = subgroups(schema, rows)
    for label in ("Age", "Sex", "Smoker"):
        masks = [group.rows for group in found if group.field == label]
        assert (np.sum(masks, axis=0) == 1).all()
    names = [group.group for group in found]
    assert names == [
        "below 60 years",
        "60 to below 75 years",
        "75 years or more",
        "not known",
        "Female",
        "Male",
        "no",
        "yes",
        "not known",
    ]
    labels = np.array([row.label for row in rows])
    chance = rng.random(300)
    table = subgroup_metrics(schema, rows, labels, chance, 0.5)
    women = next(row for row in table if row["group"] == "Female")
    mask = np.array([v["sex"] == "F" for v in values])
    assert women["n"] == mask.sum()
    assert women["auroc"]["value"] == pytest.approx(
        roc_auc_score(labels[mask], chance[mask]), abs=1e-5
    )
    assert women["mean_probability"] == pytest.approx(chance[mask].mean(), abs=1e-4)
    assert women["observed"] == pytest.approx(labels[mask].mean(), abs=1e-4)
    assert women["positives"] == labels[mask].sum()
    for name, label in (("sensitivity", 1), ("specificity", 0)):
        expected = recall_score(labels[mask], chance[mask] >= 0.5, pos_label=label)
        assert women[name] == pytest.approx(expected, abs=1e-4)


def test_a_group_too_small_to_judge_has_no_area():
    schema = MetadataSchema((Field("age", "Age", "number"),))
    rows = rows_of([{"age": 50.0}] * 6)
    (only,) = subgroup_metrics(schema, rows, np.array([0, 1] * 3), np.linspace(0, 1, 6), 0.5)
    assert only["auroc"] is None and only["group"] == "50"


@pytest.mark.parametrize(
    ("decimals", "numbers", "names"),
    [
        # A tenth of the range is 0.3: whole numbers have whole edges, others the next lower of 1, 2 and 5.
        (0, np.arange(60, 64), ["below 61", "61 to below 62", "62 or more"]),
        (1, np.arange(0, 30) / 10, ["below 1", "1 to below 2", "2 or more"]),
        (1, np.arange(0, 3, 0.01), ["below 1", "1 to below 2", "2 or more"]),
        (2, np.arange(0, 50) / 100, ["below 0.16", "0.16 to below 0.32", "0.32 or more"]),
        (0, np.arange(0, 400), ["below 140", "140 to below 260", "260 or more"]),
    ],
)
def test_bands_of_numbers_are_thirds_at_round_edges(decimals, numbers, names):
    schema = MetadataSchema((Field("x", "X", "number", decimals=decimals),))
    found = subgroups(schema, rows_of([{"x": float(number)} for number in numbers]))
    assert [group.group for group in found] == names
    for group, part in zip(found, np.array_split(np.arange(len(numbers)), 3), strict=True):
        assert abs(group.rows.sum() - len(part)) <= 0.08 * len(numbers) + 1


@pytest.mark.parametrize(("of_each", "has_area"), [(4, False), (5, True)])
def test_an_area_needs_five_cases_of_either_label(of_each, has_area):
    schema = MetadataSchema((Field("age", "Age", "number"),))
    labels = np.repeat([0, 1], [20, of_each])
    for truth in (labels, 1 - labels):
        (only,) = subgroup_metrics(
            schema, rows_of([{"age": 50.0}] * len(truth)), truth, np.linspace(0, 1, len(truth)), 0.5
        )
        assert (only["auroc"] is not None) == has_area
