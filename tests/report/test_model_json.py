"""What a bundle records of its training and evaluation, as the result says it; what is missing or odd is None."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from fusion3d_gui.model.bundle.bundle_info import BundleInfo
from fusion3d_gui.report.model_json import _evaluation, _training
from fusion3d_gui.shipped import models_dir


def _with(metadata: dict[str, Any]) -> BundleInfo:
    return replace(BundleInfo.read(models_dir() / "demo-concat"), metadata=metadata)


def _evaluated(**changed: Any) -> dict[str, Any] | None:
    held_out = {
        "n": 20,
        "positives": 3,
        "table": {"name": "test.csv"},
        "figures": {"auroc": {"value": 0.8, "low": 0.7, "high": 0.9}, "brier": {"value": 0.1}},
        **changed,
    }
    return _evaluation(_with({"eval_metrics": {"held_out": held_out}}))


def test_an_evaluation_is_its_table_cases_and_known_figures() -> None:
    found = _evaluated()
    assert found is not None
    assert (found["table"], found["cases"], found["positives"]) == ("test.csv", 20, 3)
    assert found["figures"]["auroc"] == {"value": 0.8, "low": 0.7, "high": 0.9}


@pytest.mark.parametrize(
    "changed", [{"n": 0}, {"n": None}, {"n": True}, {"n": -4}, {"positives": None}, {"n": "20"}]
)
def test_without_numbers_of_cases_there_is_no_evaluation(changed: dict[str, Any]) -> None:
    assert _evaluated(**changed) is None


def test_an_evaluation_of_negative_cases_alone_is_one() -> None:
    found = _evaluated(positives=0)
    assert found is not None and found["positives"] == 0


@pytest.mark.parametrize("table", [None, {}, {"name": ""}, {"name": 3}, "test.csv"])
def test_a_table_without_a_name_is_none(table: Any) -> None:
    found = _evaluated(table=table)
    assert found is not None and found["table"] is None


@pytest.mark.parametrize("odd", [None, {}, {"value": "high"}, 0.8])
def test_a_figure_that_is_none_is_left_out(odd: Any) -> None:
    found = _evaluated(figures={"auroc": odd, "ece": {"value": 0.02, "low": None, "high": None}})
    assert found is not None
    assert found["figures"] == {"ece": {"value": 0.02, "low": None, "high": None}}


def test_the_numbers_of_a_training_are_whole_and_not_negative() -> None:
    given = {"cases": 0, "positives": 12, "validation_cases": -1, "validation_positives": 2.5}
    assert _training(_with({"training": given})) == {
        "cases": 0,
        "positives": 12,
        "validation_cases": None,
        "validation_positives": None,
    }
    assert set(_training(_with({})).values()) == {None}
