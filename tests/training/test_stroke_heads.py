"""Heads as blocks of one network; what a fold's model depends on, and what it doesn't."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score

from fusion3d_gui.model.network.network_config import FUSIONS
from fusion3d_gui.training.study.stroke.cohort import read_cohort
from fusion3d_gui.training.study.stroke.fold_models import fit_fold, main_predictions
from fusion3d_gui.training.study.stroke.heads import HeadRecipe, Readout, fit_heads
from fusion3d_gui.training.study.stroke.opponents import OPPONENTS, OpponentGrid
from fusion3d_gui.training.study.stroke.plan import StudyPlan, outer_folds, poor_outcome
from fusion3d_gui.training.study.stroke.pretext import (
    PretextRecipe,
    new_branch,
    pooled_features,
    train_branch,
)
from fusion3d_gui.training.study.stroke.selection import fit_model
from tests.training.stroke_folder import write_stroke_folder

PLAN = StudyPlan(
    folds=2,
    repeats=1,
    of_fold=PretextRecipe(1, 5e-4),
    grid=((0.5, False), (5.0, True)),
    steps=(10, 30),
    inner_folds=2,
    opponents=OpponentGrid(2, (0.03, 1.0), (2,), (10,)),
)


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    root = tmp_path_factory.mktemp("stroke")
    write_stroke_folder(root / "data", 48)
    return read_cohort(root / "data", root / "work")


def random_readout(rng, channels=256, outputs=6):
    return Readout(
        rng.normal(size=channels),
        rng.uniform(0.5, 2, channels),
        rng.normal(size=(outputs, channels)) / 16,
        rng.normal(size=outputs),
    )


@pytest.mark.parametrize("fusion", FUSIONS)
@pytest.mark.parametrize("trained", [False, True])
def test_the_mean_of_the_heads_is_one_networks_logit(fusion, trained):
    rng = np.random.default_rng(0)
    pooled = rng.normal(size=(40, 256)).astype(np.float32)
    metadata = rng.normal(size=(40, 5)).astype(np.float32)
    labels = rng.integers(0, 2, 40)
    heads = fit_heads(
        fusion,
        random_readout(rng),
        pooled,
        metadata,
        labels,
        HeadRecipe(0.5, trained, 12),
        members=3,
        seed=0,
    )[-1]
    network = heads.network(0.125, stage_strides=(2, 1, 1))
    given = None if fusion == "image_only" else torch.from_numpy(metadata)
    with torch.no_grad():
        found = network.head_from_pooled(torch.from_numpy(pooled), given)[3].numpy()
    np.testing.assert_allclose(found, heads.logits(pooled, metadata), atol=2e-5)


def state_of(model):
    return {
        **{name: value.numpy() for name, value in model.heads.state_dict().items()},
        "temperature": np.array(model.temperature),
        "threshold": np.array(model.threshold),
    }


def same(one, other):
    return all(np.array_equal(one[name], other[name]) for name in one)


def test_a_test_patients_outcome_and_values_change_nothing_in_their_fold(cohort):
    fold = outer_folds(cohort, PLAN)[0]
    assert not set(fold.test) & {*fold.training, *fold.pretext, *cohort.without_outcome}

    def made(of):
        branch = new_branch(0)
        train_branch(branch, of, fold.pretext, PLAN.of_fold, fold.seed)
        pooled = pooled_features(branch, of.maps)
        labels = poor_outcome(of, fold.training)
        model = fit_fold(of, fold, PLAN, pooled, labels, fusion="concat")
        weights = {name: value.numpy() for name, value in branch.state_dict().items()}
        # Every model of the fold, the opponents too: what it says of the test patients but the first.
        found = main_predictions(of, fold, PLAN, pooled, pooled[fold.test])
        said = {
            f"{name}: {key}": np.array(value[1:] if key != "chosen" else sorted(value.items()))
            for name, each in found["models"].items()
            for key, value in each.items()
        }
        return {**weights, **state_of(model), **said, "fused": np.array(found["fused"])}

    def changed(row):
        rankin, nihss = cohort.rankin.copy(), cohort.nihss.copy()
        rankin[row], nihss[row] = 6 - 6 * (rankin[row] >= 3), 42 - nihss[row]
        cases = list(cohort.table.cases)
        values = {"age": 18, "sex": None, "race": None, "priorstroke": None, "bmi": 90}
        cases[row] = replace(cases[row], values={**values, "nihss": float(nihss[row])})
        table = replace(cohort.table, cases=tuple(cases))
        return replace(cohort, rankin=rankin, nihss=nihss, table=table)

    usual = made(cohort)
    assert {f"{name}: probabilities" for name in OPPONENTS} < set(usual)
    assert same(usual, made(changed(fold.test[0])))
    assert not same(usual, made(changed(fold.training[0])))


def test_shuffled_outcomes_give_chance_and_true_ones_do_not():
    rng = np.random.default_rng(1)
    pooled = rng.normal(size=(500, 256)).astype(np.float32)
    metadata = rng.normal(size=(500, 4)).astype(np.float32)
    readout = replace(random_readout(rng), mean=np.zeros(256), deviation=np.ones(256))
    score = pooled @ readout.weight[0] + metadata[:, 0]
    labels = (score + rng.normal(0, 0.5, 500) > 0).astype(int)
    areas = []
    for given in (labels[:250], rng.permutation(labels[:250])):
        model = fit_model(
            "concat",
            readout,
            pooled[:250],
            metadata[:250],
            given,
            seed=0,
            grid=((0.5, False),),
            steps=(40,),
            folds=2,
        )
        said = model.probabilities(pooled[250:], metadata[250:])
        areas.append(roc_auc_score(labels[250:], said))
    assert areas[0] > 0.85
    assert abs(areas[1] - 0.5) < 0.12
