"""``make_cohort``: a semi-synthetic cohort as files: scans, lesion masks, the table and its description.

See :mod:`~fusion3d_gui.training.cohort.generate` for how cases are made.
"""

from __future__ import annotations

import csv
import json
import os
import shutil
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from fusion3d_gui.errors import UserError
from fusion3d_gui.imaging.files.nifti import write_nifti
from fusion3d_gui.imaging.volume import Volume
from fusion3d_gui.output_file import is_unused, whole_file, write_whole_text
from fusion3d_gui.progress import Progress, no_progress
from fusion3d_gui.training.cohort.generate import DEFAULT_OUTCOME, SceneKind, make_case
from fusion3d_gui.training.cohort.population import (
    CLASS_NAMES,
    COHORT_SCOPE,
    DESCRIPTION,
    TASK,
    OutcomeModel,
    auc_ceilings,
    cohort_schema,
)

#: Folder of the rows that are done, until the table is written.
_UNFINISHED = "unfinished"

#: Below this many cases, starting processes costs more than it saves.
_CASES_WORTH_PROCESSES = 8


def make_cohort(
    out: Path,
    cases: int,
    seed: int,
    spacing_mm: float = 3.0,
    prevalence: float = 0.1,
    model: OutcomeModel = DEFAULT_OUTCOME,
    kind: SceneKind = "varied",
    workers: int | None = None,
    progress: Progress = no_progress,
) -> Path:
    """Make a cohort: ``volumes/*.nii.gz``, ``masks/*.nii.gz``, ``cases.csv`` and ``cases.json``.

    The same call continues an interrupted one.

    The table's columns: case, path and mask (relative to the table; mask empty without a lesion),
    the metadata (empty where missing), lesion (0/1), lesion_x/y/z_lps_mm (the largest's centre), distractor
    (0/1: whether there is any),
    probability, probability_image and probability_metadata (see
    :class:`~fusion3d_gui.training.cohort.population.Truth`), label (0/1). ``cases.json`` holds the task,
    the schema and the parameters of the generative model.

    Parameters
    ----------
    out
        New or empty folder, or that of an unfinished cohort of the same settings.
    spacing_mm
        Voxel size, the same along all axes.
    prevalence
        Expected share of positive labels; sets the intercept of ``model``.
    model
        Strengths of the signals, and how often lesions and rings occur.
    kind
        Of the scenes: see the module.
    workers
        Processes; by default one for each processor.

    Returns
    -------
    Path
        The path of ``cases.csv``.

    Raises
    ------
    UserError
        When ``out`` holds something else, or the number of cases, the spacing or the prevalence is out of range.
    """
    if not 1 <= cases <= 99_999:
        raise UserError(f"cases is {cases}, not 1 to 99999")
    if not 0.5 <= spacing_mm <= 8:
        raise UserError(f"spacing is {spacing_mm} mm, not 0.5 to 8")
    try:
        model = model.with_prevalence(prevalence)
    except ValueError as error:
        raise UserError(str(error)) from None
    out = Path(out)
    settings = {
        "seed": seed,
        "spacing_mm": spacing_mm,
        "prevalence": prevalence,
        "scene": kind,
        "outcome": model.to_json(),
    }
    _begin(out, settings)
    jobs = [(out, number, seed, model, spacing_mm, kind) for number in range(cases)]
    processes = min(workers or os.cpu_count() or 1, cases)
    if processes == 1 or (workers is None and cases < _CASES_WORTH_PROCESSES):
        rows = _collect(map(_write_case, jobs), cases, progress)
    else:
        # Spawned, not forked: the fork of a process that runs torch's threads could hang.
        context = get_context("spawn")
        with ProcessPoolExecutor(processes, context, initializer=_use_one_thread) as pool:
            try:
                rows = _collect(pool.map(_write_case, jobs), cases, progress)
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise
    _describe(out / "cases.json", cases, seed, spacing_mm, prevalence, model, kind, rows)
    table = out / "cases.csv"
    with whole_file(table) as partial, partial.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    shutil.rmtree(out / _UNFINISHED)
    return table


def _begin(out: Path, settings: dict[str, Any]) -> None:
    """Make the folders of a cohort, or check that it is an unfinished one of the same settings."""
    note = out / _UNFINISHED / "settings.json"
    wanted = json.dumps(settings, indent=2)
    if note.is_file():
        if note.read_text(encoding="utf-8") != wanted:
            raise UserError(
                "it holds an unfinished cohort with other settings",
                path=out,
                remedy="Call it as before to go on, or delete the folder.",
            )
        return
    if not is_unused(out):
        raise UserError("it is not an empty folder", path=out, remedy="Name a new folder.")
    for name in ("volumes", "masks", _UNFINISHED):
        (out / name).mkdir(parents=True, exist_ok=True)
    write_whole_text(note, wanted)


def _use_one_thread() -> None:
    """Let NumPy use one thread: as many processes as cores, each with several, took 3 times as long."""
    from threadpoolctl import threadpool_limits

    threadpool_limits(1)


def _collect(rows: Any, cases: int, progress: Progress) -> list[dict[str, Any]]:
    collected = []
    for row in rows:
        collected.append(row)
        progress(len(collected) / cases, f"Case {len(collected)} of {cases}")
    return collected


def _write_case(job: tuple[Path, int, int, OutcomeModel, float, SceneKind]) -> dict[str, Any]:
    out, number, seed, model, spacing, kind = job
    note = out / _UNFINISHED / f"{number:05d}.json"
    if note.is_file():
        found: dict[str, Any] = json.loads(note.read_text(encoding="utf-8"))
        return found
    case = make_case(number, seed, model, (spacing, spacing, spacing), kind)
    image = f"volumes/{case.name}.nii.gz"
    write_nifti(case.volume, out / image)
    mask, center = "", ("", "", "")
    if case.lesion_mask is not None:
        mask = f"masks/{case.name}.nii.gz"
        write_nifti(
            Volume(voxels=case.lesion_mask.astype(np.uint8), affine=case.volume.affine), out / mask
        )
        x, y, z = (f"{mm:.2f}" for mm in case.lesions[0].center_lps_mm)
        center = (x, y, z)
    values = {
        name: "" if value is None else str(value).lower() if isinstance(value, bool) else value
        for name, value in case.values.items()
    }
    row = {
        "case": case.name,
        "path": image,
        "mask": mask,
        **values,
        "lesion": int(case.person.lesion),
        "lesion_x_lps_mm": center[0],
        "lesion_y_lps_mm": center[1],
        "lesion_z_lps_mm": center[2],
        "distractor": int(bool(case.distractors)),
        "probability": f"{case.truth.probability[0]:.6f}",
        "probability_image": f"{case.truth.image[0]:.6f}",
        "probability_metadata": f"{case.truth.metadata[0]:.6f}",
        "label": case.label,
    }
    write_whole_text(note, json.dumps(row))
    return row


def _describe(
    path: Path,
    cases: int,
    seed: int,
    spacing_mm: float,
    prevalence: float,
    model: OutcomeModel,
    kind: SceneKind,
    rows: list[dict[str, Any]],
) -> None:
    plain = {
        "task": TASK,
        "description": DESCRIPTION,
        "class_names": list(CLASS_NAMES),
        "schema": cohort_schema().to_json(),
        "scope": COHORT_SCOPE.to_json(),
        "cohort": {
            "simulated": True,
            "scene": kind,
            "cases": cases,
            "positives": sum(row["label"] for row in rows),
            "lesions": sum(row["lesion"] for row in rows),
            "distractors": sum(row["distractor"] for row in rows),
            "seed": seed,
            "spacing_mm": spacing_mm,
            "prevalence": prevalence,
            "outcome": model.to_json(),
            "auc_ceilings": auc_ceilings(model),
        },
    }
    write_whole_text(path, json.dumps(plain, indent=2, ensure_ascii=False) + "\n")
