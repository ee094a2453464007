"""The ablation's figures, judged from its per-case table by scikit-learn; and that it goes on."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from fusion3d_gui.errors import Cancelled, UserError
from fusion3d_gui.progress import no_progress
from fusion3d_gui.training.cohort.make_cohort import make_cohort
from fusion3d_gui.training.data.table import read_table
from fusion3d_gui.training.measure.metrics import share_of_ceiling
from fusion3d_gui.training.study.ablation import _shuffled_table, ablate
from fusion3d_gui.training.study.ablation_scores import _scored_bundles, score_ablation


@pytest.fixture(scope="module")
def learned_from(tmp_path_factory):
    out = tmp_path_factory.mktemp("learned") / "c"
    return make_cohort(out, 40, seed=12, spacing_mm=8.0, prevalence=0.4, workers=1)


@pytest.fixture(scope="module")
def bundles(make_untrained):
    return {
        "image_only": make_untrained("image_only", 5),
        "concat": make_untrained("concat", 6),
        "concat-shuffled": make_untrained("concat", 7),
    }


@pytest.fixture(scope="module")
def scored(bundles, learned_from, judged_table, tmp_path_factory):
    out = tmp_path_factory.mktemp("ablation") / "a"
    return out, score_ablation(bundles, learned_from, judged_table, out, resamples=100)


def test_figures_are_those_of_the_table_of_cases(scored):
    out, result = scored
    with (out / "scores.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    labels = np.array([int(row["label"]) for row in rows])
    assert result["n"] == len(rows) == 30
    names = [row["name"] for row in result["rows"]]
    assert names == [
        "probability",
        "probability_image",
        "probability_metadata",
        "metadata-logistic",
        "metadata-boosting",
        "image_only",
        "concat",
        "concat-shuffled",
    ]
    for row in result["rows"]:
        scores = np.array([float(line[row["name"]]) for line in rows])
        area = row["figures"]["auroc"]
        assert area["value"] == pytest.approx(roc_auc_score(labels, scores), abs=1e-4)
        assert row["figures"]["auprc"]["value"] == pytest.approx(
            average_precision_score(labels, scores), abs=1e-4
        )
        assert ("sensitivity" in row["figures"]) == (row["kind"] in ("model", "control"))
        best = roc_auc_score(labels, [float(line["probability"]) for line in rows])
        expected = (area["value"] - 0.5) / (best - 0.5)
        assert row["share_of_bayes"]["value"] == pytest.approx(expected, abs=1e-3)
    with (out / "ablation.csv").open(newline="") as file:
        flat = {line["name"]: line for line in csv.DictReader(file)}
    for row in result["rows"]:
        assert float(flat[row["name"]]["auroc"]) == row["figures"]["auroc"]["value"]


def test_the_verdict_compares_the_best_fusion_with_single_sources(scored):
    out, result = scored
    assert result == json.loads((out / "ablation.json").read_text())
    verdict = result["verdict"]
    assert verdict["best_fusion"] == "concat"
    assert set(verdict["intervals_apart_from"]) == {
        "metadata-logistic",
        "metadata-boosting",
        "image_only",
    }
    pairs = {(one["a"], one["b"]) for one in result["comparisons"]}
    assert pairs == {("concat", name) for name in verdict["intervals_apart_from"]}
    page = (out / "ablation.html").read_text()
    assert "Research use only" in page and "<svg" in page
    assert "trained on labels that were shuffled" in page
    assert (out / "plots" / "auroc.png").stat().st_size > 10_000


def test_scores_of_the_same_weights_and_cases_are_not_computed_again(scored, bundles, judged_table):
    out, _ = scored
    test, file = read_table(judged_table), out / "scores" / "concat.json"
    plain = json.loads(file.read_text())
    marked = [round(logit, 3) for logit in plain["logits"]]
    file.write_text(json.dumps({**plain, "logits": marked}))
    given = {"concat": bundles["concat"]}
    found = _scored_bundles(given, test, out / "scores", no_progress)["concat"]
    np.testing.assert_allclose(found.logits, marked, rtol=1e-6)
    file.write_text(json.dumps({**plain, "weights_sha256": "0" * 64, "logits": marked}))
    found = _scored_bundles(given, test, out / "scores", no_progress)["concat"]
    np.testing.assert_allclose(found.logits, plain["logits"], atol=1e-5)
    assert json.loads(file.read_text())["weights_sha256"] == plain["weights_sha256"]


def test_cases_that_were_trained_on_are_not_tested_on(bundles, judged_table, tmp_path):
    with pytest.raises(UserError, match="trained on"):
        score_ablation(bundles, judged_table, judged_table, tmp_path / "a")


def test_the_share_of_the_way_to_the_best_is_one_for_the_best():
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1], 50)
    best = rng.standard_normal(100) + labels
    assert share_of_ceiling(labels, best, best).value == 1
    assert share_of_ceiling(labels, rng.standard_normal(100), best).value < 0.5
    # With few cases some resamples put the best at chance: then there is no interval, and no warning.
    few = np.array([0, 0, 0, 1, 1, 1])
    found = share_of_ceiling(few, few + 0.0, np.array([1.0, 2, 3, 2.5, 1.5, 4]))
    assert found.value == pytest.approx(0.5 / (6 / 9 - 0.5)) and found.low is None
    assert share_of_ceiling(few, few + 0.0, 1.0 - few) is None


def test_shuffled_labels_are_the_same_labels_of_other_cases(learned_from):
    shuffled = _shuffled_table(learned_from, 3)
    one, other = read_table(learned_from), read_table(shuffled)
    assert one.labels.sum() == other.labels.sum()
    assert not np.array_equal(one.labels, other.labels)
    assert [case.values for case in one.cases] == [case.values for case in other.cases]


def test_a_folder_with_something_else_in_it_is_refused_and_an_interrupted_one_goes_on(tmp_path):
    (tmp_path / "precious.txt").write_text("x")
    with pytest.raises(UserError, match="not an empty folder"):
        ablate(tmp_path, seed=1)

    def stop_at(limit: int):
        def progress(fraction: float, message: str) -> None:
            if f"Case {limit} of" in message:
                raise Cancelled

        return progress

    out = tmp_path / "a"
    sizes = {"train_cases": 3, "test_cases": 4, "spacing_mm": 8.0}
    with pytest.raises(Cancelled):
        ablate(out, seed=1, progress=stop_at(2), **sizes)
    assert not (out / "train").exists()
    with pytest.raises(Cancelled):
        ablate(out, seed=1, progress=stop_at(4), **sizes)
    assert (out / "train" / "cases.csv").is_file()
    with pytest.raises(UserError, match="another ablation"):
        ablate(out, seed=2, **sizes)
