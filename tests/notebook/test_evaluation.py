"""``f3d.evaluate`` beside scikit-learn, and what it refuses."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm
from sklearn.metrics import (
    average_precision_score,
    brier_score_loss,
    recall_score,
    roc_auc_score,
)

import fusion3d_gui as f3d
from fusion3d_gui.errors import UserError


@pytest.fixture
def drawn() -> tuple[np.ndarray, np.ndarray]:
    """Labels and probabilities whose true AUROC is 0.760."""
    rng = np.random.default_rng(3)
    labels = (rng.random(300) < 0.3).astype(int)
    odds = np.exp(rng.normal(labels) - 0.5) * 0.3 / 0.7
    return labels, odds / (1 + odds)


def test_the_figures_are_those_of_scikit_learn(drawn):
    labels, chance = drawn
    found = f3d.evaluate(labels, chance, threshold=0.3, resamples=200)
    called = chance >= 0.3
    for name, expected in {
        "auroc": roc_auc_score(labels, chance),
        "auprc": average_precision_score(labels, chance),
        "brier": brier_score_loss(labels, chance),
        "sensitivity": recall_score(labels, called),
        "specificity": recall_score(labels, called, pos_label=0),
    }.items():
        assert found[name].value == pytest.approx(expected)
        assert found[name].low < expected < found[name].high
    assert (found.n, found.positives) == (300, labels.sum())
    auroc = found["auroc"]
    assert auroc.low < norm.cdf(1 / np.sqrt(2)) < auroc.high
    assert f"AUROC {auroc.value:.3f} ({auroc.low:.3f} to {auroc.high:.3f})" in repr(found)


def test_lists_booleans_and_columns_of_pandas_are_taken_alike(drawn):
    labels, chance = drawn
    expected = f3d.evaluate(labels, chance, resamples=50)
    index = [f"case {n}" for n in range(300)]
    for same_labels, same_chance in (
        (labels.astype(bool).tolist(), chance.tolist()),
        (pd.Series(labels, index), pd.Series(chance, index)),
    ):
        assert f3d.evaluate(same_labels, same_chance, resamples=50) == expected


def test_the_table_has_a_row_for_each_figure_and_says_what_it_is_for(drawn):
    found = f3d.evaluate(*drawn, resamples=50)
    table = found.to_frame()
    assert table.columns.tolist() == ["value", "low", "high"]
    assert table.columns.name == "Research use only"
    assert table.loc["AUROC"].tolist() == [
        found["auroc"].value,
        found["auroc"].low,
        found["auroc"].high,
    ]
    html = found._repr_html_()
    assert "Research use only" in html and "300 cases" in html and "50 resamples" in html


def test_one_case_of_a_class_has_figures_without_an_interval():
    table = f3d.evaluate([1, 0, 0], [0.9, 0.2, 0.4], resamples=20).to_frame()
    assert table.loc["AUROC", "value"] == 1.0
    assert table.loc["AUROC", ["low", "high"]].isna().all()


@pytest.mark.parametrize(
    ("labels", "chance", "said"),
    [
        ([0, 1, 1], [0.1, 0.9], "there are 3 labels and 2 probabilities"),
        ([0, 1, 1], [0.1, np.nan, 0.9], "1 of 3 cases have no probability. Leave them out"),
        ([0, np.nan, 1], [0.1, 0.4, 0.9], "1 of 3 cases have no label"),
        ([0, 2, 1], [0.1, 0.4, 0.9], "labels must be 0 or 1"),
        ([0, 1, 1], [0.1, 0.4, 1.2], "probabilities must be from 0 to 1"),
        ([1, 1, 1], [0.1, 0.4, 0.9], "all cases have the same label"),
        (["no", "yes"], [0.1, 0.9], "labels must be numbers"),
        ([0, 1], [[0.9, 0.1], [0.2, 0.8]], "probabilities must have one dimension, not 2"),
        (
            pd.Series([0, 1, 1], ["a", "b", "c"]),
            pd.Series([0.1, 0.9, 0.8], ["a", "c", "b"]),
            "different indexes",
        ),
    ],
)
def test_what_cannot_be_judged_is_refused_in_one_sentence(labels, chance, said):
    with pytest.raises(UserError, match=said):
        f3d.evaluate(labels, chance)
