"""The two demo cases of ``resources/demo``; ``python -m fusion3d_gui.training.cohort.make_demo_cases`` makes them again."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch

from fusion3d_gui.errors import UserError
from fusion3d_gui.imaging.dicom.write import write_dicom_series
from fusion3d_gui.imaging.files.nifti import write_nifti
from fusion3d_gui.imaging.volume import Volume
from fusion3d_gui.model.bundle import ModelBundle
from fusion3d_gui.model.cam import CamMethod, explain
from fusion3d_gui.progress import Progress, no_progress
from fusion3d_gui.shipped import models_dir, resources_dir
from fusion3d_gui.training.cohort.generate import SimulatedCase, draw_record, make_case
from fusion3d_gui.training.cohort.population import OutcomeModel

#: Neither that of the training cohort (1) nor that of the test cohort (2).
DEMO_SEED = 3
_PREVALENCE = 0.1
_DICOM_SPACING_MM = (1.0, 1.0, 1.6)
_NIFTI_SPACING_MM = (1.0, 1.0, 1.0)
#: That of the cohort that the model was trained on.
_SEARCHED_SPACING_MM = (3.0, 3.0, 3.0)
_SEARCHED_CASES = 600
#: Largest distance of the heatmap's peak from the lesion's edge.
_NEAR_MM = 10.0


def make_demo_cases(
    out: Path, bundle: Path, seed: int = DEMO_SEED, progress: Progress = no_progress
) -> None:
    """Write ``positive/`` (DICOM), ``negative.nii.gz`` and ``cases.json`` into ``out``.

    They are the first suitable cases of the cohort ``seed`` (prevalence 10 %) with no value missing: a
    positive with a lesion that the model calls positive, the peak of its heatmap within 10 mm of the
    lesion's edge; and a negative without a lesion that it calls negative. They are chosen at 3 mm, the
    training cohort's spacing, and written at 1 mm in plane. Files in ``out`` under these names are
    replaced.

    Raises UserError when the first 600 cases hold no such two.
    """
    model = OutcomeModel().with_prevalence(_PREVALENCE)
    found = find_demo_cases(ModelBundle.load(bundle), seed, model, progress)
    positive = make_case(found[0], seed, model, _DICOM_SPACING_MM)
    negative = make_case(found[1], seed, model, _NIFTI_SPACING_MM)

    out.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(out / "positive", ignore_errors=True)
    write_dicom_series(
        _rows_to_the_left(positive.volume),
        out / "positive",
        attributes={
            "PatientName": "Demo^Positive",
            "PatientID": "DEMO-1",
            "PatientAge": f"{positive.person.age:03d}Y",
            "PatientSex": positive.person.sex,
            "SeriesDescription": "T1 brain (simulated on MNI152)",
        },
        uid_seed=f"fusion3d demo {seed}",
    )
    write_nifti(negative.volume, out / "negative.nii.gz")
    description = [
        _described(positive, "positive", "Progression", "positive", bundle.name),
        _described(negative, "negative", "No progression", "negative.nii.gz", bundle.name),
    ]
    text = json.dumps(description, indent=2, ensure_ascii=False) + "\n"
    (out / "cases.json").write_text(text, encoding="utf-8")
    progress(1.0, "Demo cases written")


def find_demo_cases(
    bundle: ModelBundle, seed: int, model: OutcomeModel, progress: Progress = no_progress
) -> tuple[int, int]:
    """Numbers of the first suitable positive and negative case (see :func:`make_demo_cases`).

    Raises UserError when the first 600 cases hold no such two.
    """
    positive = negative = None
    for number in range(_SEARCHED_CASES):
        progress(0.8 * number / _SEARCHED_CASES, f"Looking at case {number}")
        record = draw_record(number, seed, model)
        if None in record.values.values():
            continue
        if positive is None and record.label and record.person.lesion:
            case = make_case(number, seed, model, _SEARCHED_SPACING_MM)
            positive = number if _explains(bundle, case) else None
        elif negative is None and not record.label and not record.person.lesion:
            case = make_case(number, seed, model, _SEARCHED_SPACING_MM)
            negative = number if _calls_negative(bundle, case) else None
        if positive is not None and negative is not None:
            return positive, negative
    raise UserError(
        "this model gives no good example", path=bundle.info.folder, remedy="Train it longer."
    )


def _rows_to_the_left(volume: Volume) -> Volume:
    """The same volume with i to the left and j to the back, as in most axial DICOM."""
    _, j, i = volume.shape
    turn = np.diag([-1.0, -1.0, 1.0, 1.0])
    turn[:2, 3] = i - 1, j - 1
    return replace(volume, voxels=volume.voxels[:, ::-1, ::-1], affine=volume.affine @ turn)


def _calls_negative(bundle: ModelBundle, case: SimulatedCase) -> bool:
    return _judge(bundle, case)[0] < bundle.info.decision.threshold


def _explains(bundle: ModelBundle, case: SimulatedCase) -> bool:
    probability, heatmap, affine = _judge(bundle, case)
    if probability < bundle.info.decision.threshold or heatmap.max() <= 0 or case.lesion is None:
        return False
    centers = np.argwhere(np.ones(heatmap.shape))[:, ::-1] @ affine[:3, :3].T + affine[:3, 3]
    distances = np.linalg.norm(centers - case.lesion.center_lps_mm, axis=1)
    return bool(distances[int(heatmap.argmax())] <= case.lesion.radius_mm + _NEAR_MM)


def _judge(bundle: ModelBundle, case: SimulatedCase) -> tuple[float, np.ndarray, np.ndarray]:
    """Calibrated probability, the bundle's default map [k, j, i], and the map's affine (LPS mm)."""
    given = bundle.info.preprocessing.apply(case.volume)
    fields = bundle.info.schema.fields
    metadata = (
        torch.from_numpy(bundle.info.schema.encode({f.name: case.values[f.name] for f in fields}))
        if fields
        else None
    )
    batch = None if metadata is None else metadata[None]
    image = torch.from_numpy(given.voxels)[None, None]
    method, stages = bundle.info.default_map
    maps = explain(bundle.network, image, batch, cast("CamMethod", method), stages)
    return (
        bundle.info.decision.probability(float(maps.logit[0])),
        maps.raised[0].numpy(),
        maps.affine(given.affine),
    )


def _described(case: SimulatedCase, name: str, title: str, path: str, model: str) -> dict[str, Any]:
    lesion, chosen = "without a lesion", "that the model gets right"
    if case.lesion:
        lesion = f"a lesion of {case.lesion.radius_mm:.0f} mm radius"
        chosen += " and whose heatmap peaks within 10 mm of the lesion's edge"
    return {
        "name": name,
        "title": f"Demo: {title.lower()}",
        "path": path,
        "model": model,
        "metadata": case.values,
        "label": case.label,
        "about": f"Simulated T1 MR on the MNI152 template, {lesion}; the true probability of "
        f"progression was {case.truth.probability[0]:.2f}. Chosen as the first such case of an unseen cohort "
        f"{chosen}. No patient.",
    }


def _main() -> int:
    parser = argparse.ArgumentParser(prog="python -m fusion3d_gui.training.cohort.make_demo_cases")
    parser.add_argument("--out", type=Path, default=resources_dir() / "demo")
    parser.add_argument("--model", type=Path, default=models_dir() / "demo-concat")
    options = parser.parse_args()
    try:
        make_demo_cases(options.out, options.model)
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(_main())
