"""The whole study on a small made-up folder: in parts, to figures, a page and two bundles that predict."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score

from fusion3d_gui.errors import UserError
from fusion3d_gui.imaging.catalog.open import open_volume
from fusion3d_gui.inference.explain.explanation import Explanation
from fusion3d_gui.inference.pipeline import predict_and_explain
from fusion3d_gui.inference.predictor import load_predictor
from fusion3d_gui.model.attribution.input_gradient import gradient_times_input
from fusion3d_gui.model.bundle.bundle import ModelBundle
from fusion3d_gui.training.study.stroke.analysis import SECONDARY, analyse
from fusion3d_gui.training.study.stroke.cohort import read_cohort
from fusion3d_gui.training.study.stroke.faithfulness import lesion_faithfulness
from fusion3d_gui.training.study.stroke.maps import average_attribution, write_maps_page
from fusion3d_gui.training.study.stroke.opponents import OPPONENTS, OpponentGrid
from fusion3d_gui.training.study.stroke.page import write_study_page
from fusion3d_gui.training.study.stroke.plan import StudyPlan, outer_folds, poor_outcome
from fusion3d_gui.training.study.stroke.pretext import PretextRecipe
from fusion3d_gui.training.study.stroke.rerun import read_results, write_rerun_page
from fusion3d_gui.training.study.stroke.ship import MODEL_NAMES, make_models
from fusion3d_gui.training.study.stroke.study import MAIN, fold_file, run_study
from tests.training.stroke_folder import write_stroke_folder

PLAN = StudyPlan(
    folds=2,
    repeats=1,
    common=PretextRecipe(1, 1e-3),
    of_fold=PretextRecipe(1, 5e-4),
    grid=((0.5, False),),
    steps=(15,),
    inner_folds=2,
    opponents=OpponentGrid(2, (0.03, 1.0), (2,), (10,)),
)


@pytest.fixture(scope="module")
def study(tmp_path_factory) -> tuple[Path, Path, dict]:
    root = tmp_path_factory.mktemp("study")
    data, work = root / "data", root / "work"
    write_stroke_folder(data, 72)
    left = run_study(data, work, PLAN, minutes=0)
    assert left[0] == "common pretext"
    with pytest.raises(UserError, match="not done yet"):
        analyse(data, work, PLAN)
    assert run_study(data, work, PLAN) == []
    return data, work, analyse(data, work, PLAN, resamples=50)


def test_every_patient_with_an_outcome_is_predicted_once_by_every_model(study):
    data, work, results = study
    cohort = read_cohort(data, work)
    folds = outer_folds(cohort, PLAN)
    tested = np.concatenate([fold.test for fold in folds])
    assert sorted(tested) == cohort.with_outcome.tolist()
    said = {}
    for fold in folds:
        found = fold_file(work, fold, MAIN)["models"]["LR everything"]["probabilities"]
        said.update(dict(zip(fold.test.tolist(), found, strict=True)))
    labels = poor_outcome(cohort, cohort.with_outcome)
    area = roc_auc_score(labels, [said[n] for n in cohort.with_outcome])
    assert results["models"]["LR everything"]["auroc"]["value"] == pytest.approx(area, abs=1e-5)
    assert set(results["models"]) == {
        "fused",
        "concat",
        "add",
        "multiply",
        "image_only",
        *OPPONENTS,
    }
    assert [each["opponent"] for each in results["secondary"]] == list(SECONDARY)
    assert all(each["p_holm"] >= each["p"] for each in results["secondary"])
    assert results["participants"]["with outcome"]["n"] == 48
    assert sum(each["n"] for each in results["subgroups"] if each["kind"] == "sex") == 48


def test_a_study_that_is_done_does_nothing_more_and_another_plan_is_refused(study):
    data, work, _ = study
    before = {path: path.stat().st_mtime_ns for path in work.rglob("main.json")}
    assert run_study(data, work, PLAN) == []
    assert before == {path: path.stat().st_mtime_ns for path in work.rglob("main.json")}
    with pytest.raises(UserError, match="another plan"):
        run_study(data, work, StudyPlan(seed=1))


def test_the_page_tells_the_results_figures(study, tmp_path):
    _, _, results = study
    write_study_page(results, tmp_path / "page")
    text = (tmp_path / "page" / "study.md").read_text(encoding="utf-8")
    assert f"{results['primary']['auroc_b']:.3f}" in text
    assert f"{results['models']['GB everything']['auroc']['value']:.3f}" in text
    assert {path.name for path in (tmp_path / "page").glob("*.png")} == {
        "auroc.png",
        "calibration.png",
        "net-benefit.png",
    }


def test_a_rerun_is_compared_figure_by_figure_with_the_first_run(study, tmp_path):
    _, _, results = study
    write_study_page(results, tmp_path)
    first = read_results(tmp_path / "study.json")
    again = json.loads(json.dumps(first))
    with pytest.raises(UserError, match="divide the patients by seed 0"):
        write_rerun_page(first, again, tmp_path)
    again["plan"]["seed"] = 5
    usual = first["models"]["GB everything"]["brier"]
    again["models"]["GB everything"]["brier"]["value"] = usual["high"] + 0.1
    write_rerun_page(first, again, tmp_path)
    lines = (tmp_path / "rerun.md").read_text(encoding="utf-8").splitlines()
    (missed,) = [line for line in lines if "**no**" in line]
    assert missed.startswith("| gradient boosting, everything | Brier |")
    assert f"| {usual['high'] + 0.1:.3f} | +" in missed
    assert sum(line.endswith("| yes |") for line in lines) == 5 * 12 - 1 + 10 + 2
    (tmp_path / "study.json").write_text("{}")
    with pytest.raises(UserError, match="does not hold a study's figures"):
        read_results(tmp_path / "study.json")


def test_the_models_predict_a_lesion_map_as_the_study_did(study, tmp_path):
    data, work, results = study
    make_models(data, work, tmp_path, PLAN, results)
    lesion = open_volume(data / "lesions" / "sub-1_lesion.nii.gz")
    values = {"age": 70, "sex": "F", "race": None, "priorstroke": False, "bmi": 25, "nihss": 12}
    for name, given in (("stroke-outcome", values), ("stroke-outcome-image-only", {})):
        predictor = load_predictor(tmp_path / name, "cpu", engine="torch")
        prediction = predict_and_explain(
            predictor, lesion, given, Explanation("input-gradient", ()), despite_misfit=True
        ).prediction  # the small grid of this test has fewer slices than the models want
        assert 0 < prediction.probability < 1
        assert prediction.heatmap.peak > 0
        card = (tmp_path / name / "docs" / "README.md").read_text(encoding="utf-8")
        assert "logistic regression" in card.splitlines()[2]
        scope = json.loads((tmp_path / name / "configs" / "scope.json").read_text())
        assert (scope["kind"], scope["space"], scope["population"]) == (
            "lesion_map",
            "standard",
            "real",
        )
    bundles = {name: ModelBundle.load(tmp_path / name) for name in MODEL_NAMES}
    cohort = read_cohort(data, work)
    found = write_maps_page(cohort, bundles, tmp_path, lambda fraction, message: None)
    assert -1 <= found["models"]["stroke-outcome"]["correlation"] <= 1
    text = (tmp_path / "maps.md").read_text(encoding="utf-8")
    assert "front left" in text
    within = found["models"]["stroke-outcome"]["faithfulness"]
    assert set(within["gain"]) == {"gradient × input", "Grad-CAM, stage 1", "the lesion's middle"}
    assert f"| stroke-outcome | {within['patients']} |" in text
    assert (tmp_path / "lesion-deficit.png").stat().st_size > 10_000
    # The fall at one lesion's middle, by hand.
    row = max(cohort.with_outcome, key=lambda n: (cohort.maps[n] > 0).sum())
    network = bundles["stroke-outcome-image-only"].network
    one = lesion_faithfulness(bundles["stroke-outcome-image-only"], cohort, np.array([row]))
    share = cohort.maps[row].astype(np.float32)
    kji = np.moveaxis(np.indices(share.shape), 0, -1)
    center = np.rint((kji * share[..., None]).sum(axis=(0, 1, 2)) / share.sum())
    near = np.linalg.norm(kji - center, axis=-1) * 5.6 <= 12
    with torch.no_grad():
        whole, blanked = (
            float(network(torch.from_numpy(each)[None, None]))
            for each in (share, np.where(near, np.float32(0), share))
        )
    fall = one["chance"]["value"] + one["gain"]["the lesion's middle"]["value"]
    assert fall == pytest.approx(whole - blanked, abs=2e-4)
    # It lies between the least and the greatest that any cell of any patient added.
    rows = cohort.with_outcome
    values = average_attribution(bundles["stroke-outcome-image-only"], cohort, rows)
    image = torch.from_numpy(cohort.maps[rows].astype(np.float32))[:, None]
    one, _ = gradient_times_input(bundles["stroke-outcome-image-only"].network, image)
    each = (one / image[:, 0])[image[:, 0] > 0]
    assert each.min() < np.nanmin(values) <= np.nanmax(values) < each.max()
    assert np.isnan(values[0, 0, 0])
