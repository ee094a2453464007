"""``make_cohort``: a semi-synthetic cohort as files: scans, lesion masks, the table and its description.

See :mod:`~fusion3d_gui.training.cohort.generate` for how cases are made.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from fusion3d_gui.errors import UserError
from fusion3d_gui.imaging.files.nifti import write_nifti
from fusion3d_gui.imaging.volume import Volume
from fusion3d_gui.progress import Progress, no_progress
from fusion3d_gui.training.cohort.case_files import (
    Row,
    begin_cohort,
    finish_cohort,
    keep_row,
    kept_row,
    write_cases,
)
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
    begin_cohort(out, settings)
    jobs = [(out, number, seed, model, spacing_mm, kind) for number in range(cases)]
    rows = write_cases(_write_case, jobs, workers, progress)
    about = _description(cases, seed, spacing_mm, prevalence, model, kind, rows)
    return finish_cohort(out, rows, about)


def _write_case(job: tuple[Path, int, int, OutcomeModel, float, SceneKind]) -> Row:
    out, number, seed, model, spacing, kind = job
    if (done := kept_row(out, number)) is not None:
        return done
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
    keep_row(out, number, row)
    return row


def _description(
    cases: int,
    seed: int,
    spacing_mm: float,
    prevalence: float,
    model: OutcomeModel,
    kind: SceneKind,
    rows: list[Row],
) -> dict[str, Any]:
    return {
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
