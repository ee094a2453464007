"""The curves that an evaluation records in a bundle, judged by scikit-learn; broken ones are refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from sklearn.calibration import calibration_curve
from sklearn.metrics import auc, confusion_matrix, roc_auc_score

from fusion3d_gui.errors import UserError
from fusion3d_gui.model.bundle.bundle_info import BundleInfo
from fusion3d_gui.model.bundle.evaluation_curves import MOST_POINTS, EvaluationCurves
from fusion3d_gui.shipped import models_dir
from fusion3d_gui.training.evaluate import evaluate
from fusion3d_gui.training.measure.curves import evaluation_curves


def scores(cases: int = 1000, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Labels, one in ten positive, and calibrated probabilities of them with 6 digits."""
    draw = np.random.default_rng(seed)
    chance = draw.beta(0.4, 3.6, cases)
    return (draw.random(cases) < chance).astype(int), np.array([float(f"{p:.6g}") for p in chance])


def test_a_long_roc_curve_is_thinned_without_moving_it():
    labels, chance = scores()
    curves = evaluation_curves(labels, chance, 0.13)
    assert len(curves.roc) <= MOST_POINTS < len(set(chance))
    x = [0.0, *(1 - curves.specificity(point) for point in curves.roc)]
    y = [0.0, *(curves.sensitivity(point) for point in curves.roc)]
    assert auc(x, y) == pytest.approx(roc_auc_score(labels, chance), abs=1e-3)
    assert max(np.diff(x) + np.diff(y)) < 0.03
    for point in curves.roc[::20]:
        (_, false), (_, true) = confusion_matrix(labels, chance >= point.threshold)
        assert (point.true_positives, point.false_positives) == (true, false)


def test_the_decisions_own_point_is_kept():
    labels, chance = scores()
    for threshold in (0.01, 0.2137, 0.5):
        curves = evaluation_curves(labels, chance, threshold)
        point = [each for each in curves.roc if each.threshold >= threshold][-1]
        assert curves.sensitivity(point) == np.mean(chance[labels == 1] >= threshold)
        assert curves.specificity(point) == pytest.approx(np.mean(chance[labels == 0] < threshold))


def test_the_reliability_curve_is_that_of_scikit_learn():
    labels, chance = scores()
    found = [each for each in evaluation_curves(labels, chance, 0.1).reliability if each.cases]
    observed, stated = calibration_curve(labels, chance, n_bins=10)
    assert [each.positives / each.cases for each in found] == pytest.approx(observed.tolist())
    assert [each.mean_probability for each in found] == pytest.approx(stated.tolist(), abs=1e-5)


def test_an_evaluation_records_its_curves_in_the_bundle(make_untrained, judged_table):
    folder = make_untrained("concat", 4)
    assert BundleInfo.read(folder).curves is None
    found = evaluate(folder, judged_table, record=True, resamples=50)
    curves = BundleInfo.read(folder).curves
    assert curves is not None
    assert curves.to_json() == found["curves"]
    assert (curves.cases, curves.positives) == (found["n"], found["positives"])


def bundle_with(folder: Path, curves: object) -> Path:
    bundle = shutil.copytree(models_dir() / "demo-concat", folder / "bundle")
    path = bundle / "configs" / "metadata.json"
    plain = json.loads(path.read_text(encoding="utf-8"))
    plain.setdefault("eval_metrics", {}).setdefault("held_out", {})["curves"] = curves
    path.write_text(json.dumps(plain), encoding="utf-8")
    return bundle


@pytest.mark.parametrize(
    ("where", "value"),
    [
        (("cases",), 10**12),
        (("positives",), 0),
        (("positives",), "12"),
        (("unknown",), 1),
        (("roc", "thresholds"), [0.5] * 5000),
        (("roc", "thresholds", 3), 1.5),
        (("roc", "thresholds", 3), "0.5"),
        (("roc", "thresholds", 3), 0.0),
        (("roc", "true_positives", 3), 10**6),
        (("roc", "false_positives"), [0]),
        (("reliability", "edges", 2), 0.05),
        (("reliability", "cases", 0), 3),
        (("reliability", "positives", 9), 999),
        (("reliability", "mean_probabilities", 0), None),
        (("reliability", "mean_probabilities", 0), 0.7),
    ],
)
def test_broken_curves_are_refused_in_one_sentence(tmp_path, where, value):
    curves = evaluation_curves(*scores(300), 0.1)
    plain = target = curves.to_json()
    assert BundleInfo.read(bundle_with(tmp_path / "whole", plain)).curves == curves
    for key in where[:-1]:
        target = target[key]
    target[where[-1]] = value
    with pytest.raises(UserError) as refused:
        BundleInfo.read(bundle_with(tmp_path / "broken", plain))
    assert "metadata.json does not describe a model" in str(refused.value)
    assert "\n" not in str(refused.value)


def test_curves_survive_json(tmp_path):
    curves = evaluation_curves(*scores(50), 0.1)
    assert EvaluationCurves.from_json(json.loads(json.dumps(curves.to_json()))) == curves
    assert len(json.dumps(evaluation_curves(*scores(5000), 0.1).to_json())) < 12_000


def _plain(points: int, bins: int, scale: int = 1) -> dict:
    """Curves of as many points and bins: a positive and a negative case for each of either."""
    count = points * bins * scale
    edges = np.linspace(0, 1, bins + 1)
    return {
        "cases": 2 * count,
        "positives": count,
        "roc": {
            "thresholds": np.linspace(1, 0, points + 1)[1:].tolist(),
            "true_positives": [(n + 1) * bins * scale for n in range(points)],
            "false_positives": [(n + 1) * bins * scale for n in range(points)],
        },
        "reliability": {
            "edges": edges.tolist(),
            "cases": [2 * points * scale] * bins,
            "positives": [points * scale] * bins,
            "mean_probabilities": ((edges[1:] + edges[:-1]) / 2).tolist(),
        },
    }


@pytest.mark.parametrize(
    ("largest", "too_large"),
    [
        (_plain(200, 10), _plain(201, 10)),
        (_plain(10, 50), _plain(10, 51)),
        (_plain(1, 1, 5 * 10**8), _plain(1, 1, 5 * 10**8 + 1)),
    ],
)
def test_curves_have_at_most_200_points_50_bins_and_a_billion_cases(largest, too_large):
    assert EvaluationCurves.from_json(largest).to_json() == largest
    with pytest.raises(ValueError, match="Expected"):
        EvaluationCurves.from_json(too_large)


def test_the_figures_of_a_point_are_shares_of_its_class():
    curves = EvaluationCurves.from_json(
        {
            "cases": 10,
            "positives": 4,
            "roc": {
                "thresholds": [0.5, 0.0],
                "true_positives": [3, 4],
                "false_positives": [1, 6],
            },
            "reliability": {
                "edges": [0.0, 1.0],
                "cases": [10],
                "positives": [4],
                "mean_probabilities": [1.0],  # the edges themselves belong to a bin
            },
        }
    )
    assert (curves.negatives, curves.prevalence) == (6, 0.4)
    assert curves.sensitivity(curves.roc[0]) == 0.75
    assert curves.specificity(curves.roc[0]) == pytest.approx(5 / 6)


@pytest.mark.parametrize(
    ("where", "value", "complaint"),
    [
        (("positives",), 20, "not of cases of both classes"),
        (("roc", "thresholds"), [0.5, 0.5], "does not rise"),
        (("roc", "true_positives"), [5, 4], "does not rise"),
        (("roc", "false_positives"), [7, 6], "does not rise"),
        (("roc", "true_positives"), [3, 3], "does not end with all"),
        (("roc", "false_positives"), [1, 5], "does not end with all"),
        (("roc", "true_positives"), [3], "ROC curve differ in length"),
        (("reliability", "edges"), [0.5, 0.5, 1.0], "bin of the reliability curve is impossible"),
        (("reliability", "positives"), [0, 11], "bin of the reliability curve is impossible"),
        (("reliability", "mean_probabilities"), [0.2, 0.7], "no mean probability"),
        (("reliability", "mean_probabilities"), [None, None], "no mean probability"),
        (("reliability", "mean_probabilities"), [None, 0.49], "lies outside its bin"),
        (("reliability", "cases"), [0, 9], "do not hold all cases"),
        (("reliability", "positives"), [0, 3], "do not hold all cases"),
        (("reliability", "edges"), [0.0, 1.0], "reliability curve differ in length"),
    ],
)
def test_what_contradicts_itself_in_curves_is_named(where, value, complaint):
    plain = target = {
        "cases": 10,
        "positives": 4,
        "roc": {"thresholds": [0.5, 0.0], "true_positives": [3, 4], "false_positives": [1, 6]},
        "reliability": {
            "edges": [0.0, 0.5, 1.0],
            "cases": [0, 10],
            "positives": [0, 4],
            "mean_probabilities": [None, 0.7],
        },
    }
    assert EvaluationCurves.from_json(plain).to_json() == plain
    for key in where[:-1]:
        target = target[key]
    target[where[-1]] = value
    with pytest.raises(ValueError, match=complaint):
        EvaluationCurves.from_json(plain)
