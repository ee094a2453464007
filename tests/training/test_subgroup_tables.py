"""Subgroups and their figures, each number of the table; bands of numbers at the bounds of their steps."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.stats import bootstrap

from fusion3d_gui.model.schema import Field, MetadataSchema
from fusion3d_gui.training.data.table import CaseRow
from fusion3d_gui.training.measure.subgroups import subgroup_metrics, subgroups


def rows_of(values: list[dict]) -> list[CaseRow]:
    return [CaseRow(n + 2, str(n), Path("x"), None, v, 0, None, "") for n, v in enumerate(values)]


def bands(numbers: list[float | None], decimals: int = 0, unit: str = "") -> dict[str, list[int]]:
    """Row numbers by group of a single field of numbers."""
    schema = MetadataSchema((Field("x", "X", "number", unit=unit, decimals=decimals),))
    found = subgroups(schema, rows_of([{"x": number} for number in numbers]))
    assert {group.field for group in found} <= {"X"}
    return {group.group: np.flatnonzero(group.rows).tolist() for group in found}


SEX = Field("sex", "Sex", "category", choices=(("F", "Female"), ("M", "Male"), ("D", "Diverse")))
SMOKER = Field("smoker", "Smoker", "boolean")


def test_groups_come_by_field_and_hold_their_cases_and_empty_ones_are_left_out():
    values = [
        {"sex": "F", "smoker": True},
        {"sex": None, "smoker": False},
        {"sex": "M", "smoker": None},
        {"sex": "F"},
        {"smoker": True},
    ]
    found = subgroups(MetadataSchema((SEX, SMOKER)), rows_of(values))
    assert [(one.field, one.group, np.flatnonzero(one.rows).tolist()) for one in found] == [
        ("Sex", "Female", [0, 3]),
        ("Sex", "Male", [2]),
        ("Sex", "not known", [1, 4]),
        ("Smoker", "no", [1]),
        ("Smoker", "yes", [0, 4]),
        ("Smoker", "not known", [2, 3]),
    ]
    assert all(one.rows.dtype == bool and one.rows.shape == (5,) for one in found)
    assert subgroups(MetadataSchema(), rows_of(values)) == []


def test_the_table_has_the_figures_of_each_group_with_its_bootstrap():
    rng = np.random.default_rng(3)
    labels = np.array([0] * 8 + [1] * 6 + [0] * 3 + [1] * 4)
    chance = np.round(0.25 * labels + rng.uniform(0.1, 0.7, 21), 3)
    chance[[0, 8]] = 0.5  # at the threshold
    values = [{"sex": "F"}] * 14 + [{"sex": "M"}] * 3 + [{"sex": "D"}] * 4
    table = subgroup_metrics(MetadataSchema((SEX,)), rows_of(values), labels, chance, 0.5)
    women, men, diverse = table
    a, b = chance[8:14], chance[:8]

    def area(x, y):
        return float(((x[:, None] > y) + 0.5 * (x[:, None] == y)).mean())

    interval = bootstrap(
        (a, b),
        area,
        n_resamples=1000,
        vectorized=False,
        method="percentile",
        rng=np.random.default_rng(0),
    ).confidence_interval
    assert women == {
        "field": "Sex",
        "group": "Female",
        "n": 14,
        "positives": 6,
        "auroc": {
            "value": round(area(a, b), 5),
            "low": round(float(interval.low), 5),
            "high": round(float(interval.high), 5),
        },
        "mean_probability": round(float(chance[:14].mean()), 4),
        "observed": 0.4286,
        "sensitivity": round(float((a >= 0.5).mean()), 4),
        "specificity": round(float((b < 0.5).mean()), 4),
    }
    assert men == {
        "field": "Sex",
        "group": "Male",
        "n": 3,
        "positives": 0,
        "auroc": None,
        "mean_probability": round(float(chance[14:17].mean()), 4),
        "observed": 0.0,
        "sensitivity": None,
        "specificity": round(float((chance[14:17] < 0.5).mean()), 4),
    }
    assert (diverse["positives"], diverse["observed"], diverse["specificity"]) == (4, 1.0, None)
    assert diverse["sensitivity"] == round(float((chance[17:] >= 0.5).mean()), 4)


def test_shares_have_four_digits():
    labels = np.array([1, 1, 1, 0, 0, 0, 0, 0, 0, 0])
    chance = np.array([0.9, 0.1, 0.1, 0.9] + [1 / 7] * 6)
    (one,) = subgroup_metrics(MetadataSchema((SMOKER,)), rows_of([{}] * 10), labels, chance, 0.5)
    assert (one["sensitivity"], one["specificity"]) == (0.3333, 0.8571)
    assert one["mean_probability"] == round((2.0 + 6 / 7) / 10, 4)
    thirds = subgroup_metrics(
        MetadataSchema((SMOKER,)), rows_of([{}] * 3), np.array([0, 0, 1]), np.full(3, 1 / 3), 0.5
    )
    assert (thirds[0]["observed"], thirds[0]["mean_probability"]) == (0.3333, 0.3333)


def test_a_field_without_numbers_has_the_unknown_alone_and_one_with_a_single_number_that():
    assert bands([None, None]) == {"not known": [0, 1]}
    assert bands([7.5, None, 7.5], 1, "mm") == {"7.5 mm": [0, 2], "not known": [1]}
    assert bands([7.0]) == {"7": [0]}


def test_a_number_at_an_edge_belongs_to_the_band_above():
    numbers = [float(n) for n in range(31)]
    # A tenth of the range is 3: the step is 2, and thirds of 10 and 20 lie on it.
    assert bands([*numbers, None], unit="years") == {
        "below 10 years": list(range(10)),
        "10 to below 20 years": list(range(10, 20)),
        "20 years or more": list(range(20, 31)),
        "not known": [31],
    }


@pytest.mark.parametrize(
    ("high", "step"), [(9, 0.5), (10, 1), (19, 1), (20, 2), (49, 2), (50, 5), (99, 5), (100, 10)]
)
def test_the_step_is_the_largest_of_1_2_and_5_that_is_at_most_a_tenth_of_the_range(high, step):
    # Three groups of numbers: edges are thirds, rounded to the step.
    numbers = np.concatenate([np.linspace(0, high, 61)])
    low, upper = (float(round(q / step) * step) for q in np.quantile(numbers, [1 / 3, 2 / 3]))
    assert list(bands(numbers.tolist(), 1)) == [
        f"below {low:g}",
        f"{low:g} to below {upper:g}",
        f"{upper:g} or more",
    ]


def test_steps_of_whole_numbers_are_whole():
    assert list(bands([0.0, 1, 2, 3, 4, 5], 0)) == ["below 2", "2 to below 3", "3 or more"]
    assert list(bands([0.0, 1, 2, 3, 4, 5], 1)) == ["below 1.5", "1.5 to below 3.5", "3.5 or more"]


def test_edges_that_divide_nothing_are_dropped():
    # Both thirds lie at the lowest number, or at one edge.
    assert bands([0.0, 0, 0, 0, 0, 1]) == {"all": [0, 1, 2, 3, 4, 5]}
    assert bands([0.0, 1, 1, 1, 1, 1]) == {"below 1": [0], "1 or more": [1, 2, 3, 4, 5]}
    # Both thirds lie at the highest number.
    assert bands([0.0, 40, 40, 40, 40]) == {"below 40": [0], "40 or more": [1, 2, 3, 4]}


def test_bands_of_negative_and_of_large_numbers_are_round_too():
    assert list(bands([-30.0 + n for n in range(31)])) == [
        "below -20",
        "-20 to below -10",
        "-10 or more",
    ]
    assert list(bands([1000.0 * n for n in range(31)])) == [
        "below 10000",
        "10000 to below 20000",
        "20000 or more",
    ]
