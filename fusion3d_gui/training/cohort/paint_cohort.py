"""``paint_cohort``: a cohort whose lesions, metadata and outcomes are patients', in scans that are made.

See :mod:`~fusion3d_gui.training.cohort.painted` for what is real in such a scan.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from fusion3d_gui.errors import UserError
from fusion3d_gui.imaging.catalog.open import open_volume
from fusion3d_gui.imaging.files.nifti import write_nifti
from fusion3d_gui.imaging.volume import Volume
from fusion3d_gui.inference.fit.standard_space import standard_space_faults
from fusion3d_gui.model.scope import Scope
from fusion3d_gui.progress import Progress, no_progress
from fusion3d_gui.table_file import read_table_file
from fusion3d_gui.training.cohort.case_files import (
    UNFINISHED,
    Row,
    begin_cohort,
    finish_cohort,
    keep_row,
    kept_row,
    write_cases,
)
from fusion3d_gui.training.cohort.painted import WHAT_IS_REAL, ContrastName, paint_lesion
from fusion3d_gui.training.data.bids_table import BidsTable, bids_table
from fusion3d_gui.training.data.table import CaseRow, CaseTable, read_table


class PaintedCohort(NamedTuple):
    """What was written: the path of ``cases.csv``, its cases and positives, and what was left out or changed."""

    table: Path
    cases: int
    positives: int
    notices: tuple[str, ...]


def paint_cohort(
    out: Path,
    lesions: Path,
    participants: Path,
    label: str,
    seed: int,
    *,
    cases: int | None = None,
    positive_from: float = 1.0,
    suffix: str | None = None,
    contrast: ContrastName = "diffusion",
    deformed: bool = True,
    spacing_mm: float = 3.0,
    workers: int | None = None,
    progress: Progress = no_progress,
) -> PaintedCohort:
    """Make ``volumes/*.nii.gz``, ``masks/*.nii.gz``, ``cases.csv`` and ``cases.json`` from patients' lesion maps.

    The same call continues an interrupted one. A case depends on the seed and the patient, not on the number of cases.

    The table's columns: case, patient, path, mask (empty where the map has no lesion), the metadata,
    lesion_map_ml (volume of the map's lesion), lesion_ml (of the mask: in a smaller brain the lesion is smaller),
    lesion_x/y/z_lps_mm (the mask's middle) and label.

    Parameters
    ----------
    out
        New or empty folder, or that of an unfinished cohort of the same settings; not within ``lesions``, nor the other
        way round.
    lesions, participants, label, positive_from, suffix
        Folder of the lesion maps in standard space (MNI152), table of the patients with their outcome in the column
        ``label``, which is positive from a value on, and kind of image: see
        :func:`~fusion3d_gui.training.data.bids_table.bids_table`.
    cases
        So many patients, drawn at random by the seed; by default all with a map and an outcome.
    contrast, deformed, spacing_mm
        See :func:`~fusion3d_gui.training.cohort.painted.paint_lesion`.
    workers
        Processes; by default one for each processor.

    Raises
    ------
    UserError
        Naming the file that is wrong, or when ``out`` holds something else.
    """
    if not 0.5 <= spacing_mm <= 8:
        raise UserError(f"spacing is {spacing_mm} mm, not 0.5 to 8")
    out, lesions, participants = Path(out), Path(lesions), Path(participants)
    _check_apart(out, lesions, participants)
    settings = {
        "seed": seed,
        "cases": cases,
        "spacing_mm": spacing_mm,
        "contrast": contrast,
        "deformed": deformed,
        "lesions": str(lesions.resolve()),
        "rows_sha256": _digest(participants),
        "label": label,
        "positive_from": positive_from,
        "suffix": suffix,
    }
    begin_cohort(out, settings)
    listing = out / UNFINISHED / "patients.csv"
    found = bids_table(
        lesions,
        listing,
        participants=participants,
        label=label,
        positive_from=positive_from,
        suffix=suffix,
    )
    patients = read_table(listing)
    chosen = _drawn(patients, cases, seed, participants)
    jobs = [
        _Job(out, number, patients.cases[number], seed, contrast, deformed, spacing_mm)
        for number in chosen
    ]
    rows = write_cases(_write_case, jobs, workers, progress)
    about = {
        **_declared(patients, contrast, deformed),
        "cohort": {
            "simulated": True,
            "lesions": "real",
            "cases": len(rows),
            "all_cases": cases is None,
            "positives": sum(row["label"] for row in rows),
            **{key: settings[key] for key in ("seed", "spacing_mm", "contrast", "deformed")},
            **{key: settings[key] for key in ("label", "positive_from")},
        },
    }
    table = finish_cohort(out, rows, about)
    return PaintedCohort(table, len(rows), about["cohort"]["positives"], _notices(found))


class _Job(NamedTuple):
    out: Path
    number: int
    case: CaseRow
    seed: int
    contrast: ContrastName
    deformed: bool
    spacing_mm: float


def _check_apart(out: Path, lesions: Path, participants: Path) -> None:
    """Refuse to write among the inputs: the next call would take what is made for lesion maps."""
    target, folder = out.resolve(), lesions.resolve()
    if target.is_relative_to(folder) or folder.is_relative_to(target):
        raise UserError(
            "the cohort and the lesion maps can't lie in one another",
            path=out,
            remedy="Name another folder.",
        )
    if participants.resolve().is_relative_to(target):
        raise UserError(
            "it lies in the folder that is written",
            path=participants,
            remedy="Name another folder.",
        )


def _digest(participants: Path) -> str:
    table = read_table_file(participants)
    rows = [list(table.columns), *(list(row.cells.values()) for row in table.rows)]
    return hashlib.sha256(json.dumps(rows).encode()).hexdigest()


def _drawn(patients: CaseTable, cases: int | None, seed: int, participants: Path) -> list[int]:
    """Row numbers, ascending, of the patients that are painted."""
    there = len(patients.cases)
    if cases is None or cases == there:
        return list(range(there))
    if not 1 <= cases < there:
        raise UserError(
            f"it has {there} patients with a lesion map and an outcome, not {cases}",
            path=participants,
            remedy="Leave out --cases to paint all.",
        )
    order: list[int] = np.random.default_rng(seed).permutation(there)[:cases].tolist()
    return sorted(order)


def _write_case(job: _Job) -> Row:
    if (done := kept_row(job.out, job.number)) is not None:
        return done
    case = job.case
    lesion = open_volume(case.path)
    for fault in standard_space_faults(lesion):
        raise UserError(fault.rstrip("."), path=case.path, remedy="See fusion3d lesion-map.")
    seed = np.random.SeedSequence(job.seed, spawn_key=(job.number,))
    painted = paint_lesion(lesion, job.contrast, job.spacing_mm, seed, deformed=job.deformed)
    name = case.name.rpartition("_")[0]  # without the suffix, which is that of the map
    image = f"volumes/{name}.nii.gz"
    write_nifti(painted.volume, job.out / image)
    mask, middle = "", ("", "", "")
    if painted.lesion_mask.any():
        mask = f"masks/{name}.nii.gz"
        drawn = Volume(voxels=painted.lesion_mask.astype(np.uint8), affine=painted.volume.affine)
        write_nifti(drawn, job.out / mask)
        x, y, z = drawn.to_lps(np.argwhere(painted.lesion_mask)[:, ::-1]).mean(axis=0)
        middle = f"{x:.2f}", f"{y:.2f}", f"{z:.2f}"
    whole_ml = np.count_nonzero(lesion.real(lesion.voxels)) * np.prod(lesion.spacing_mm) / 1000
    values = {
        name: "" if value is None else str(value).lower() if isinstance(value, bool) else value
        for name, value in case.values.items()
    }
    row = {
        "case": name,
        "patient": case.patient,
        "path": image,
        "mask": mask,
        **values,
        "lesion_map_ml": f"{whole_ml:.3f}",
        "lesion_ml": f"{np.count_nonzero(painted.lesion_mask) * job.spacing_mm**3 / 1000:.3f}",
        "lesion_x_lps_mm": middle[0],
        "lesion_y_lps_mm": middle[1],
        "lesion_z_lps_mm": middle[2],
        "label": case.label,
    }
    keep_row(job.out, job.number, row)
    return row


def _declared(patients: CaseTable, contrast: ContrastName, deformed: bool) -> dict[str, Any]:
    scope = Scope(
        modality="MR",
        body_part="brain",
        contrasts=(contrast,),
        coverage="skull_stripped",
        space="scanner" if deformed else "standard",
        # A model of these scans has seen no patient's.
        population="simulated",
    )
    return {
        "task": patients.task,
        "description": f"Skull-stripped {contrast} MR of the brain with an infarct, and clinical values. {WHAT_IS_REAL}",
        "class_names": list(patients.class_names),
        "schema": patients.schema.to_json(),
        "scope": scope.to_json(),
    }


def _notices(found: BidsTable) -> tuple[str, ...]:
    return (*found.notices, WHAT_IS_REAL)
