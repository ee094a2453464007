"""The three demo cases of ``resources/demo``; ``python -m fusion3d_gui.training.cohort.make_demo_cases`` makes them again."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np

from fusion3d_gui.imaging.dicom.write import write_dicom_series
from fusion3d_gui.imaging.files.nifti import write_nifti
from fusion3d_gui.imaging.volume import Volume
from fusion3d_gui.output_file import write_whole_text
from fusion3d_gui.shipped import resources_dir
from fusion3d_gui.training.cohort.generate import SimulatedCase, draw_record, make_case
from fusion3d_gui.training.cohort.made_lesion import made_stroke
from fusion3d_gui.training.cohort.population import OutcomeModel

#: Neither that of the training cohort (1) nor that of the test cohort (2). The first positive of seed 3 is one that
#: every shipped model misses; a demonstration begins with a case that is found.
DEMO_SEED = 4
_PREVALENCE = 0.1
STROKE_SEED = 3
_STROKE_VALUES = {
    "age": 71,
    "sex": "F",
    "race": "w",
    "priorstroke": False,
    "bmi": 27.0,
    "nihss": 14,
}
_DICOM_SPACING_MM = (1.0, 1.0, 1.6)
_NIFTI_SPACING_MM = (1.0, 1.0, 1.0)


def make_demo_cases(out: Path, model: str, seed: int = DEMO_SEED) -> None:
    """Write ``positive/`` (DICOM), ``negative.nii.gz``, ``stroke-lesion.nii.gz`` and ``cases.json`` into ``out``.

    The first two are the first positive with a lesion and the first negative without one of the varied cohort ``seed``
    (prevalence 10 %) with no value missing. They are at 1 mm in plane. Files in ``out`` under these names are replaced. ``model`` is the bundle's name that the
    description recommends.
    """
    outcome = OutcomeModel().with_prevalence(_PREVALENCE)
    found = find_demo_cases(seed, outcome)
    positive = make_case(found[0], seed, outcome, _DICOM_SPACING_MM)
    negative = make_case(found[1], seed, outcome, _NIFTI_SPACING_MM)

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
            "BodyPartExamined": "BRAIN",
            "SeriesDescription": "T1 brain (simulated on MNI152)",
        },
        uid_seed=f"fusion3d demo {seed}",
    )
    write_nifti(negative.volume, out / "negative.nii.gz")
    stroke = made_stroke(STROKE_SEED)
    write_nifti(stroke, out / "stroke-lesion.nii.gz")
    description: list[dict[str, Any]] = [
        _described(positive, "positive", "Progression", "positive", model),
        _described(negative, "negative", "No progression", "negative.nii.gz", model),
        _described_stroke(stroke),
    ]
    text = json.dumps(description, indent=2, ensure_ascii=False) + "\n"
    write_whole_text(out / "cases.json", text)


def find_demo_cases(seed: int, model: OutcomeModel) -> tuple[int, int]:
    """Numbers of the first positive with a lesion and the first negative without, no value missing."""

    def first(label: int) -> int:
        for number in count():
            record = draw_record(number, seed, model)
            if record.label == record.person.lesion == label and None not in record.values.values():
                return number
        raise AssertionError("count() has no end")

    return first(1), first(0)


def _rows_to_the_left(volume: Volume) -> Volume:
    """The same volume with i to the left and j to the back, as in most axial DICOM."""
    _, j, i = volume.shape
    turn = np.diag([-1.0, -1.0, 1.0, 1.0])
    turn[:2, 3] = i - 1, j - 1
    return replace(volume, voxels=volume.voxels[:, ::-1, ::-1], affine=volume.affine @ turn)


def _described(case: SimulatedCase, name: str, title: str, path: str, model: str) -> dict[str, Any]:
    lesion, chosen, remark = "without a lesion", "negative without a lesion", ""
    if case.lesions:
        lesion = f"the largest lesion {2 * case.lesions[0].radius_mm:.0f} mm wide"
        chosen, remark = (
            "positive with a lesion",
            "; that of seed 3 is missed by every shipped model",
        )
    return {
        "name": name,
        "title": f"Demo: {title.lower()}",
        "path": path,
        "model": model,
        "metadata": case.values,
        "label": case.label,
        "about": f"Simulated T1 MR on the MNI152 template, {lesion}; the true probability of "
        f"progression was {case.truth.probability[0]:.2f}. It is the first {chosen} of cohort seed "
        f"{DEMO_SEED}{remark}. No patient.",
    }


def _described_stroke(lesion: Volume) -> dict[str, Any]:
    volume_ml = lesion.voxels.sum() * np.prod(lesion.spacing_mm) / 1000
    return {
        "name": "stroke",
        "title": "Demo: stroke",
        "path": "stroke-lesion.nii.gz",
        "model": "stroke-outcome",
        "metadata": dict(_STROKE_VALUES),
        "label": None,
        "about": f"A lesion map in standard space: {volume_ml:.0f} ml in the left insula and the operculum above it, "
        "drawn by our own generator, with made-up clinical values. The model was trained on real patients; "
        "this is none.",
    }


def _main() -> int:
    parser = argparse.ArgumentParser(prog="python -m fusion3d_gui.training.cohort.make_demo_cases")
    parser.add_argument("--out", type=Path, default=resources_dir() / "demo")
    parser.add_argument("--model", default="demo-concat")
    options = parser.parse_args()
    make_demo_cases(options.out, options.model)
    return 0


if __name__ == "__main__":
    sys.exit(_main())
