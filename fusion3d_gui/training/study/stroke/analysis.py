"""``analyse``: from the folds' out-of-fold predictions to the study's figures, as the protocol fixes them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fusion3d_gui.errors import UserError
from fusion3d_gui.progress import Progress, no_progress
from fusion3d_gui.training.measure.auroc_comparison import compare_scores
from fusion3d_gui.training.measure.metrics import RESAMPLES, auroc, compute_metrics
from fusion3d_gui.training.measure.recalibration import (
    holm_adjusted,
    logistic_recalibration,
    net_benefit,
)
from fusion3d_gui.training.study.stroke.cohort import StrokeCohort, read_cohort
from fusion3d_gui.training.study.stroke.fold_models import CHOSEN
from fusion3d_gui.training.study.stroke.opponents import PRIMARY_OPPONENT
from fusion3d_gui.training.study.stroke.plan import (
    MODERATE_NIHSS,
    POOR,
    SEVERE,
    Fold,
    StudyPlan,
    outer_folds,
    poor_outcome,
)
from fusion3d_gui.training.study.stroke.study import CONTROLS, FURTHER, MAIN, fold_file

#: Opponents of the secondary comparisons, in the protocol's order.
SECONDARY = (
    "image_only",
    "LR clinical with NIHSS",
    "LR volume",
    "LR volume, territories",
    "GB everything",
    "concat",
    "add",
    "multiply",
)
THRESHOLDS = tuple(round(0.1 + 0.05 * n, 2) for n in range(17))
_AGES = (("below 60 years", 0, 60), ("60 to 75 years", 60, 75.5), ("above 75 years", 75.5, 200))
#: Fewest patients of either outcome with which a subgroup's AUROC is told.
_FEWEST = 8


def analyse(
    folder: Path,
    out: Path,
    plan: StudyPlan,
    progress: Progress = no_progress,
    *,
    resamples: int = RESAMPLES,
) -> dict[str, Any]:
    """The study's figures as a JSON object, from all folds' files in ``out``; intervals from ``resamples``.

    Raises UserError while steps are left.
    """
    cohort = read_cohort(folder, out, progress, most=plan.most)
    folds = outer_folds(cohort, plan)
    rows = cohort.with_outcome
    labels = poor_outcome(cohort, rows)
    main = _out_of_fold(out, folds, MAIN, rows, plan)
    further = _out_of_fold(out, folds, FURTHER, rows, plan)
    controls = _out_of_fold(out, folds[: plan.folds], CONTROLS, rows, plan)
    fused = main[CHOSEN].mean(axis=0)
    models = {}
    for number, (name, said) in enumerate(main.items()):
        progress(number / len(main), f"Figures of {name}")
        models[name] = _figures(labels, said, resamples)
    secondary = []
    for name in SECONDARY:
        found = compare_scores(labels, fused, main[name].mean(axis=0))
        secondary.append({"opponent": name, **found.to_json()})
    for each, p in zip(secondary, holm_adjusted([each["p"] for each in secondary]), strict=True):
        each["p_holm"] = p
    targets = {
        f"mRS {SEVERE} or more": (cohort.rankin[rows] >= SEVERE).astype(np.int64),
        f"NIHSS {MODERATE_NIHSS} or more": (cohort.nihss[rows] >= MODERATE_NIHSS).astype(np.int64),
    }
    return {
        "plan": plan.to_json(),
        "participants": _participants(cohort),
        "outcome": {"name": f"mRS {POOR} or more", "n": len(rows), "positive": int(labels.sum())},
        "chosen": {
            "fusion": [fold_file(out, fold, MAIN)["fused"] for fold in folds],
            "recipes": [fold_file(out, fold, MAIN)["models"][CHOSEN]["chosen"] for fold in folds],
        },
        "models": models,
        "primary": {
            "opponent": PRIMARY_OPPONENT,
            **compare_scores(labels, fused, main[PRIMARY_OPPONENT].mean(axis=0)).to_json(),
        },
        "secondary": secondary,
        "net_benefit": {
            "thresholds": list(THRESHOLDS),
            "treat all": _listed(net_benefit(labels, np.ones(len(labels)), THRESHOLDS)),
            **{
                name: _listed(net_benefit(labels, main[name].mean(axis=0), THRESHOLDS))
                for name in (CHOSEN, PRIMARY_OPPONENT, "GB everything", "LR clinical with NIHSS")
            },
        },
        "subgroups": _subgroups(cohort, rows, labels, main),
        "side": _side(cohort, out, folds),
        "further": {
            target: {
                name.split(": ")[1]: auroc(truth, said.mean(axis=0)).to_json()
                for name, said in further.items()
                if name.startswith(target)
            }
            for target, truth in targets.items()
        },
        "losses": {
            name.removeprefix("loss: "): _figures(labels, said, resamples)
            for name, said in further.items()
            if name.startswith("loss: ")
        },
        "controls": {
            name: auroc(labels, said.mean(axis=0)).to_json() for name, said in controls.items()
        },
        "calibration_curve": {
            name: _calibration_curve(labels, main[name].mean(axis=0))
            for name in (CHOSEN, PRIMARY_OPPONENT, "GB everything")
        },
        "cpu_minutes": _cpu_minutes(out / "steps.jsonl"),
    }


def _out_of_fold(
    out: Path, folds: Sequence[Fold], name: str, rows: np.ndarray, plan: StudyPlan
) -> dict[str, np.ndarray]:
    """Out-of-fold probabilities [repeats, n] by model."""
    place = {int(row): n for n, row in enumerate(rows)}
    found: dict[str, np.ndarray] = {}
    for number, fold in enumerate(folds):
        try:
            content = fold_file(out, fold, name)
        except FileNotFoundError:
            raise UserError(
                f"{fold.name} is not done yet", path=out, remedy="Run the study to its end."
            ) from None
        at = [place[row] for row in content["test"]]
        for model, said in content["models"].items():
            empty = np.full((-(-len(folds) // plan.folds), len(rows)), np.nan)
            found.setdefault(model, empty)[number // plan.folds, at] = said["probabilities"]
    assert all(np.isfinite(said).all() for said in found.values())
    return found


def _figures(labels: np.ndarray, said: np.ndarray, resamples: int) -> dict[str, Any]:
    """Figures of out-of-fold probabilities [repeats, n]."""
    mean = said.mean(axis=0)
    metrics = compute_metrics(labels, mean, 0.5, resamples)
    kept = {name: metrics[name].to_json() for name in ("auroc", "auprc", "brier", "ece")}
    return {
        **kept,
        **{name: found.to_json() for name, found in logistic_recalibration(labels, mean).items()},
        "auroc_of_repeats": [round(auroc(labels, one, 2).value, 5) for one in said],
    }


def _participants(cohort: StrokeCohort) -> dict[str, Any]:
    """How those with an outcome were selected, and how they differ from the others."""
    listed = np.isfinite(cohort.nihss)
    known = np.isfinite(cohort.rankin)
    groups = {
        "with outcome": known,
        "with clinical values, without outcome": listed & ~known,
        "with a lesion map only": ~listed & ~known,
    }
    return {name: _described(cohort, np.flatnonzero(rows)) for name, rows in groups.items()}


def _described(cohort: StrokeCohort, rows: np.ndarray) -> dict[str, Any]:
    values = [cohort.table.cases[n].values for n in rows]

    def known(name: str) -> list[Any]:
        return [each[name] for each in values if each[name] is not None]

    def quartiles(numbers: Sequence[float] | np.ndarray) -> list[float] | None:
        return (
            [round(float(q), 1) for q in np.percentile(numbers, (50, 25, 75))]
            if len(numbers)
            else None
        )

    return {
        "n": len(rows),
        "age": quartiles(known("age")),
        "nihss": quartiles(known("nihss")),
        "bmi": quartiles(known("bmi")),
        "volume_ml": quartiles(cohort.volumes_mm3[rows] / 1000),
        "women": known("sex").count("F"),
        "black": known("race").count("b"),
        "white": known("race").count("w"),
        "prior_stroke": known("priorstroke").count(True),
        "missing": {name: len(rows) - len(known(name)) for name in ("race", "bmi", "nihss")},
        "poor_outcome": int((cohort.rankin[rows] >= POOR).sum()),
    }


def _subgroups(
    cohort: StrokeCohort, rows: np.ndarray, labels: np.ndarray, main: Mapping[str, np.ndarray]
) -> list[dict[str, Any]]:
    values = [cohort.table.cases[n].values for n in rows]
    age = np.array([np.nan if v["age"] is None else float(v["age"]) for v in values])
    side = lesion_side(cohort)[rows]
    groups: list[tuple[str, str, np.ndarray]] = [
        ("sex", title, np.array([v["sex"] == code for v in values]))
        for code, title in (("F", "women"), ("M", "men"))
    ]
    groups += [("age", title, (age >= low) & (age < high)) for title, low, high in _AGES]
    groups += [
        ("race", title, np.array([v["race"] == code for v in values]))
        for code, title in (("w", "white"), ("b", "Black"), (None, "not recorded"))
    ]
    groups += [("side of the lesion", "left", side > 0), ("side of the lesion", "right", side < 0)]
    found = []
    for kind, title, inside in groups:
        few = min(labels[inside].sum(), (1 - labels[inside]).sum()) < _FEWEST
        row: dict[str, Any] = {
            "kind": kind,
            "group": title,
            "n": int(inside.sum()),
            "positive": int(labels[inside].sum()),
        }
        for name in (CHOSEN, PRIMARY_OPPONENT):
            said = main[name].mean(axis=0)[inside]
            row[name] = {
                "auroc": None if few else auroc(labels[inside], said).to_json(),
                "stated": round(float(said.mean()), 4) if inside.any() else None,
            }
        found.append(row)
    return found


def lesion_side(cohort: StrokeCohort) -> np.ndarray:
    """Mean place of each lesion's cells from the middle, in mm, [n]; positive to the patient's left."""
    shares = cohort.maps.astype(np.float32).sum(axis=(1, 2))
    left = cohort.affine[0, 3] + cohort.affine[0, 0] * np.arange(shares.shape[1])
    found: np.ndarray = shares @ left / np.maximum(shares.sum(axis=1), 1e-6)
    return found


def _side(cohort: StrokeCohort, out: Path, folds: Sequence[Fold]) -> dict[str, Any]:
    """The change of the logit when a lesion is mirrored, in deviations of the fold's logits."""
    side = lesion_side(cohort)
    found = {}
    for name in (CHOSEN, "image_only"):
        changes, left = [], []
        for fold in folds:
            said = fold_file(out, fold, MAIN)["models"][name]
            logits = np.array(said["logits"])
            changes.append((np.array(said["mirrored_logits"]) - logits) / max(logits.std(), 1e-9))
            left.append(side[fold.test] > 0)
        change, is_left = np.concatenate(changes), np.concatenate(left)
        found[name] = {
            "mean_absolute": round(float(np.abs(change).mean()), 4),
            "left_to_right": round(float(change[is_left].mean()), 4),
            "right_to_left": round(float(change[~is_left].mean()), 4),
        }
    return found


def _calibration_curve(labels: np.ndarray, probabilities: np.ndarray) -> list[dict[str, float]]:
    """Ten groups of equal size by probability: mean stated, share observed, number."""
    return [
        {
            "stated": round(float(probabilities[part].mean()), 4),
            "observed": round(float(labels[part].mean()), 4),
            "n": len(part),
        }
        for part in np.array_split(np.argsort(probabilities, kind="stable"), 10)
        if len(part)
    ]


def _cpu_minutes(path: Path) -> float | None:
    if not path.is_file():
        return None
    lines = path.read_text(encoding="utf-8").splitlines()
    return round(sum(float(json.loads(line)["cpu_seconds"]) for line in lines) / 60, 1)


def _listed(values: np.ndarray) -> list[float]:
    return [round(float(value), 5) for value in values]
