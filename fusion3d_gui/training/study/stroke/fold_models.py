"""All models of one outer fold, trained on its training rows, and what they say about its test rows."""

from __future__ import annotations

from typing import Any

import numpy as np

from fusion3d_gui.model.network.network_config import FUSIONS, Fusion
from fusion3d_gui.training.study.stroke.cohort import StrokeCohort
from fusion3d_gui.training.study.stroke.opponents import (
    OPPONENTS,
    fit_opponent,
    opponent_probabilities,
    sources,
)
from fusion3d_gui.training.study.stroke.plan import (
    MODERATE_NIHSS,
    SEVERE,
    Fold,
    StudyPlan,
    poor_outcome,
)
from fusion3d_gui.training.study.stroke.pretext import fit_readout
from fusion3d_gui.training.study.stroke.selection import (
    FOCAL,
    FUSED,
    OTHER_LOSSES,
    FittedModel,
    LossChoice,
    fit_model,
)

#: Name under which the fusion that inner validation chose is listed.
CHOSEN = "fused"


def main_predictions(
    cohort: StrokeCohort, fold: Fold, plan: StudyPlan, pooled: np.ndarray, mirrored: np.ndarray
) -> dict[str, Any]:
    """The four fusion modes and all opponents for a poor outcome.

    Returns a JSON object: ``test`` (row numbers), ``fused`` (the chosen mode), and of each model in ``models``
    the probabilities of the test rows; of the networks also logits, logits of the mirrored lesions, and choices.
    """
    labels = poor_outcome(cohort, fold.training)
    models: dict[str, Any] = {}
    fitted = {
        fusion: fit_fold(cohort, fold, plan, pooled, labels, fusion=fusion) for fusion in FUSIONS
    }
    for fusion, model in fitted.items():
        models[fusion] = _said(model, cohort, fold, pooled, mirrored)
    chosen = min(FUSED, key=lambda fusion: fitted[fusion].inner_log_loss)
    models[CHOSEN] = models[chosen]
    seen = sources(cohort, fold.training, fold.training)
    held = sources(cohort, fold.training, fold.test)
    for name in OPPONENTS:
        opponent = fit_opponent(name, seen, labels, fold.seed, plan.opponents)
        models[name] = {"probabilities": _listed(opponent_probabilities(name, opponent, held))}
    return {"test": fold.test.tolist(), "fused": chosen, "models": models}


def further_predictions(
    cohort: StrokeCohort,
    fold: Fold,
    plan: StudyPlan,
    pooled: np.ndarray,
    fusion: Fusion,
) -> dict[str, Any]:
    """Other targets, and other losses for a poor outcome, by one fusion; with logistic regression on everything."""
    severe = (cohort.rankin >= SEVERE).astype(np.int64)
    moderate = (cohort.nihss >= MODERATE_NIHSS).astype(np.int64)
    models: dict[str, Any] = {}
    targets = {"mRS 5 or more": (severe, ()), "NIHSS 10 or more": (moderate, ("nihss",))}
    for name, (labels, left_out) in targets.items():
        modes: tuple[Fusion, ...] = (fusion, "image_only")
        for each in modes:
            model = fit_fold(
                cohort,
                fold,
                plan,
                pooled,
                labels[fold.training],
                fusion=each,
                leave_out=left_out,
            )
            models[f"{name}: {each}"] = _said(model, cohort, fold, pooled, None, left_out)
        seen = sources(cohort, fold.training, fold.training, without_nihss=bool(left_out))
        held = sources(cohort, fold.training, fold.test, without_nihss=bool(left_out))
        for opponent in ("LR everything", "LR volume", "GB everything"):
            fitted = fit_opponent(opponent, seen, labels[fold.training], fold.seed, plan.opponents)
            said = opponent_probabilities(opponent, fitted, held)
            models[f"{name}: {opponent}"] = {"probabilities": _listed(said)}
    labels = poor_outcome(cohort, fold.training)
    for loss in OTHER_LOSSES:
        model = fit_fold(cohort, fold, plan, pooled, labels, fusion=fusion, loss=loss)
        models[f"loss: {loss.name}"] = _said(model, cohort, fold, pooled, None)
    return {"test": fold.test.tolist(), "models": models}


def control_predictions(
    cohort: StrokeCohort,
    fold: Fold,
    plan: StudyPlan,
    pooled: np.ndarray,
    fusion: Fusion,
) -> dict[str, Any]:
    """The chosen fusion with outcomes shuffled among the training rows; and with clinical values shuffled.

    The clinical values are shuffled within training and within test rows, so that no value crosses over.
    """
    rng = np.random.default_rng(fold.seed)
    labels = poor_outcome(cohort, fold.training)
    shuffled = fit_fold(cohort, fold, plan, pooled, rng.permutation(labels), fusion=fusion)
    schema = cohort.schema(fold.training)
    training = cohort.encoded(schema, rng.permutation(fold.training))
    test = cohort.encoded(schema, rng.permutation(fold.test))
    readout = fit_readout(cohort, pooled, fold.pretext)
    mixed = fit_model(
        fusion,
        readout,
        pooled[fold.training],
        training,
        labels,
        seed=fold.seed,
        folds=plan.inner_folds,
        grid=plan.grid,
        steps=plan.steps,
    )
    return {
        "test": fold.test.tolist(),
        "models": {
            "outcomes shuffled": _said(shuffled, cohort, fold, pooled, None),
            "clinical values shuffled": {
                "probabilities": _listed(mixed.probabilities(pooled[fold.test], test))
            },
        },
    }


def fit_fold(
    cohort: StrokeCohort,
    fold: Fold,
    plan: StudyPlan,
    pooled: np.ndarray,
    labels: np.ndarray,
    *,
    fusion: Fusion,
    loss: LossChoice = FOCAL,
    leave_out: tuple[str, ...] = (),
) -> FittedModel:
    """A network for ``labels`` [m] of the fold's training rows; nothing of its test rows is looked at.

    ``pooled`` [n, C] are features of the whole cohort; ``leave_out`` names fields that the model does not take.
    """
    schema = cohort.schema(fold.training, leave_out=leave_out)
    return fit_model(
        fusion,
        fit_readout(cohort, pooled, fold.pretext),
        pooled[fold.training],
        cohort.encoded(schema, fold.training),
        labels,
        seed=fold.seed,
        folds=plan.inner_folds,
        loss=loss,
        grid=plan.grid,
        steps=plan.steps,
    )


def _said(
    model: FittedModel,
    cohort: StrokeCohort,
    fold: Fold,
    pooled: np.ndarray,
    mirrored: np.ndarray | None,
    leave_out: tuple[str, ...] = (),
) -> dict[str, Any]:
    metadata = cohort.encoded(cohort.schema(fold.training, leave_out=leave_out), fold.test)
    found = {
        "probabilities": _listed(model.probabilities(pooled[fold.test], metadata)),
        "logits": _listed(model.heads.logits(pooled[fold.test], metadata)),
        "chosen": model.to_json(),
    }
    if mirrored is not None:
        found["mirrored_logits"] = _listed(model.heads.logits(mirrored, metadata))
    return found


def _listed(values: np.ndarray) -> list[float]:
    return [round(float(value), 7) for value in values]
