"""Training and evaluation end to end, on a tiny cohort: what is written, and what is reported."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import brier_score_loss, roc_auc_score

from fusion3d_gui.cli import run
from fusion3d_gui.errors import Cancelled, UserError
from fusion3d_gui.model.bundle import ModelBundle
from fusion3d_gui.model.bundle_info import BundleInfo
from fusion3d_gui.model.preprocessing import Preprocessing
from fusion3d_gui.training.cohort import make_cohort
from fusion3d_gui.training.evaluate import evaluate
from fusion3d_gui.training.fit import Recipe, Stage
from fusion3d_gui.training.train import train

SMALL = {
    "width": 1 / 16,
    "preprocessing": Preprocessing((17, 33, 17), 11.0),
    "recipe": Recipe(stages=(Stage(1, 1, 8, 1e-3),)),
}


@pytest.fixture(scope="module")
def bundle(cohort: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("trained") / "tiny"
    train(cohort, out, "concat", seed=3, **SMALL)
    return out


@pytest.fixture(scope="module")
def held_out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("held-out") / "c"
    return make_cohort(out, 16, seed=6, spacing_mm=8.0, workers=1)


def test_a_trained_bundle_loads_and_knows_what_it_was_trained_on(bundle, cohort):
    loaded = ModelBundle.load(bundle)
    assert loaded.info.network.fusion == "concat"
    assert [field.name for field in loaded.info.schema.fields] == [
        "age",
        "sex",
        "mmse",
        "hypertension",
    ]
    age = loaded.info.schema["age"]
    assert 40 <= age.seen_minimum < age.seen_maximum <= 92
    assert loaded.info.metadata["training"]["cases"] == 19
    card = (bundle / "docs" / "README.md").read_text()
    assert "Research use only" in card
    assert "--seed 5" in card
    assert str(cohort.parent) not in card


def test_the_same_seed_gives_the_same_weights(cohort, bundle, tmp_path):
    again = tmp_path / "again"
    train(cohort, again, "concat", seed=3, **SMALL)
    one, other = (ModelBundle.load(folder).weights_sha256 for folder in (bundle, again))
    assert one == other


def test_image_only_is_trained_without_metadata(cohort, tmp_path):
    info = train(cohort, tmp_path / "i", "image_only", seed=3, **SMALL)
    assert info.schema.fields == ()
    assert info.network.metadata_width == 0


def test_the_figures_are_those_that_scikit_learn_computes_from_the_cases(bundle, held_out):
    found = evaluate(bundle, held_out)
    labels = np.array([case["label"] for case in found["cases"]])
    scores = np.array([case["probability"] for case in found["cases"]])
    assert found["n"] == len(labels) == 16
    assert found["auc"] == pytest.approx(roc_auc_score(labels, scores), abs=1e-4)
    assert found["brier"] == pytest.approx(brier_score_loss(labels, scores), abs=1e-4)
    called = np.array([case["positive"] for case in found["cases"]])
    assert found["sensitivity"] == pytest.approx(called[labels == 1].mean(), abs=1e-4)
    assert found["specificity"] == pytest.approx(1 - called[labels == 0].mean(), abs=1e-4)
    assert found["auc_interval"][0] <= found["auc"] <= found["auc_interval"][1]


def test_the_command_writes_the_figures_and_records_them_on_the_card(
    bundle, held_out, tmp_path, capsys
):
    out = tmp_path / "figures.json"
    assert run(["evaluate", str(bundle), str(held_out), "--json", str(out), "--record"]) == 0
    figures = json.loads(out.read_text())
    assert len(figures["cases"]) == 16
    assert "cases" not in json.loads(capsys.readouterr().out)
    card = (bundle / "docs" / "README.md").read_text()
    assert f"{figures['auc']:.3f}" in card
    recorded = BundleInfo.read(bundle).metadata["eval_metrics"]["held_out"]
    assert recorded["auc"] == figures["auc"]


def test_a_folder_that_holds_something_is_not_overwritten(cohort, bundle):
    with pytest.raises(UserError, match="not an empty folder"):
        train(cohort, bundle, "concat", **SMALL)


def test_training_can_be_cancelled_and_leaves_no_bundle(cohort, tmp_path):
    def progress(fraction: float, message: str) -> None:
        if fraction > 0.3:
            raise Cancelled

    with pytest.raises(Cancelled):
        train(cohort, tmp_path / "b", "concat", progress=progress, **SMALL)
    assert not (tmp_path / "b" / "configs").exists()


def test_a_table_of_one_class_cannot_be_trained_on_or_judged_by(cohort, bundle, tmp_path):
    lines = cohort.read_text().splitlines()
    positives = [line for line in lines[1:] if line.endswith(",1")]
    table = cohort.parent / "one-class.csv"
    table.write_text("\n".join([lines[0], *positives]) + "\n")
    with pytest.raises(UserError, match=r"label|class"):
        evaluate(bundle, table)
    with pytest.raises(UserError, match=r"label|class|positive"):
        train(table, tmp_path / "x", "concat", **SMALL)
