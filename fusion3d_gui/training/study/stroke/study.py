"""``run_study``: the study's steps, each kept in a file, so that an interrupted study goes on where it was."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from fusion3d_gui.errors import UserError
from fusion3d_gui.model.network.network_config import Fusion
from fusion3d_gui.output_file import whole_file, write_whole_text
from fusion3d_gui.progress import Progress, no_progress, with_message
from fusion3d_gui.training.study.stroke.cohort import StrokeCohort, read_cohort
from fusion3d_gui.training.study.stroke.fold_models import (
    control_predictions,
    further_predictions,
    main_predictions,
)
from fusion3d_gui.training.study.stroke.plan import Fold, StudyPlan, outer_folds
from fusion3d_gui.training.study.stroke.pretext import (
    load_branch,
    new_branch,
    pooled_features,
    save_branch,
    train_branch,
)
from fusion3d_gui.training.study.stroke.selection import FUSED

_COMMON = "common.safetensors"
#: Files of a fold: image features; predictions of the four modes and the opponents; of further targets and losses; of
#: the controls.
_FEATURES, MAIN, FURTHER, CONTROLS = "features.npz", "main.json", "further.json", "controls.json"


@dataclass(frozen=True)
class Step:
    """A step of the study: its name, the file that it writes last, its work."""

    name: str
    file: Path
    work: Callable[[Progress], None]


def run_study(
    folder: Path,
    out: Path,
    plan: StudyPlan = StudyPlan(),  # noqa: B008  (immutable)
    *,
    minutes: float | None = None,
    progress: Progress = no_progress,
) -> list[str]:
    """Do the steps of a study that are not done yet; returns the names of those that are left.

    Parameters
    ----------
    folder
        See :func:`~fusion3d_gui.training.study.stroke.cohort.read_cohort`.
    out
        Folder of the study: new, or that of an unfinished study of the same plan.
    minutes
        No step is begun after this time.

    Raises
    ------
    UserError
        For a folder that holds another study, or data that can't be read.
    Cancelled
        From ``progress``.
    """
    began = time.monotonic()
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    _check_plan(out / "plan.json", plan)
    torch.set_num_threads(1)
    cohort = read_cohort(folder, out, progress, most=plan.most)
    steps = study_steps(cohort, out, plan)
    for step in steps:
        if step.file.exists():
            continue
        if minutes is not None and time.monotonic() - began > 60 * minutes:
            break
        started = time.process_time()
        step.work(with_message(progress, step.name))
        _log(out / "steps.jsonl", step.name, time.process_time() - started)
    return [step.name for step in steps if not step.file.exists()]


def study_steps(cohort: StrokeCohort, out: Path, plan: StudyPlan) -> list[Step]:
    """All steps, in order."""
    folds = outer_folds(cohort, plan)
    steps = [Step("common pretext", out / _COMMON, partial(_common, cohort, out, plan))]
    for fold in folds:
        folder = out / fold.name
        features = partial(_features, cohort, out, plan, fold)
        main = partial(_main, cohort, out, plan, fold)
        steps.append(Step(f"{fold.name}: pretext and features", folder / _FEATURES, features))
        steps.append(Step(f"{fold.name}: models", folder / MAIN, main))
    for fold in folds:
        work = partial(_further, cohort, out, plan, fold)
        steps.append(Step(f"{fold.name}: further targets", out / fold.name / FURTHER, work))
    # One repeat shows whether a control fails.
    for fold in folds[: plan.folds]:
        work = partial(_controls, cohort, out, plan, fold)
        steps.append(Step(f"{fold.name}: controls", out / fold.name / CONTROLS, work))
    return steps


def chosen_fusion(out: Path, folds: list[Fold]) -> Fusion:
    """The fusion that inner validation chose in most folds; of several the one that comes first."""
    chosen = [fold_file(out, fold, MAIN)["fused"] for fold in folds]
    return max(FUSED, key=chosen.count)


def fold_file(out: Path, fold: Fold, name: str) -> dict[str, Any]:
    """The content of a file of a fold."""
    found: dict[str, Any] = json.loads((out / fold.name / name).read_text(encoding="utf-8"))
    return found


def _common(cohort: StrokeCohort, out: Path, plan: StudyPlan, progress: Progress) -> None:
    branch = new_branch(plan.seed)
    train_branch(branch, cohort, cohort.without_outcome, plan.common, plan.seed, progress)
    save_branch(branch, out / _COMMON)


def _features(
    cohort: StrokeCohort, out: Path, plan: StudyPlan, fold: Fold, progress: Progress
) -> None:
    """The fold's part of the pretext; features of all maps, and of the test maps mirrored."""
    branch = load_branch(out / _COMMON)
    train_branch(branch, cohort, fold.pretext, plan.of_fold, fold.seed, progress)
    save_branch(branch, out / fold.name / "branch.safetensors")
    pooled = pooled_features(branch, cohort.maps)
    mirrored = pooled_features(branch, mirrored_maps(cohort.maps[fold.test]))
    with whole_file(out / fold.name / _FEATURES) as partial, partial.open("wb") as file:
        np.savez(file, allow_pickle=False, pooled=pooled, mirrored=mirrored)


def mirrored_maps(maps: np.ndarray) -> np.ndarray:
    """Maps [n, k, j, i] with left and right exchanged; the grid's middle is the template's."""
    return np.ascontiguousarray(maps[..., ::-1])


def _main(cohort: StrokeCohort, out: Path, plan: StudyPlan, fold: Fold, progress: Progress) -> None:
    found = main_predictions(cohort, fold, plan, *fold_features(out, fold))
    _write(out / fold.name / MAIN, found)


def _further(
    cohort: StrokeCohort, out: Path, plan: StudyPlan, fold: Fold, progress: Progress
) -> None:
    fusion = chosen_fusion(out, outer_folds(cohort, plan))
    pooled, _ = fold_features(out, fold)
    _write(out / fold.name / FURTHER, further_predictions(cohort, fold, plan, pooled, fusion))


def _controls(
    cohort: StrokeCohort, out: Path, plan: StudyPlan, fold: Fold, progress: Progress
) -> None:
    fusion = chosen_fusion(out, outer_folds(cohort, plan))
    pooled, _ = fold_features(out, fold)
    _write(out / fold.name / CONTROLS, control_predictions(cohort, fold, plan, pooled, fusion))


def fold_features(out: Path, fold: Fold) -> tuple[np.ndarray, np.ndarray]:
    """Pooled features of the whole cohort [n, C], and of the fold's test maps mirrored [m, C]."""
    with np.load(out / fold.name / _FEATURES, allow_pickle=False) as stored:
        return stored["pooled"], stored["mirrored"]


def _write(path: Path, found: dict[str, Any]) -> None:
    write_whole_text(path, json.dumps(found) + "\n")


def _check_plan(path: Path, plan: StudyPlan) -> None:
    text = json.dumps(plan.to_json(), indent=2) + "\n"
    if not path.exists():
        write_whole_text(path, text)
    elif path.read_text(encoding="utf-8") != text:
        raise UserError(
            "it holds a study of another plan",
            path=path.parent,
            remedy="Name another folder, or delete it.",
        )


def _log(path: Path, name: str, seconds: float) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps({"step": name, "cpu_seconds": round(seconds, 1)}) + "\n")
