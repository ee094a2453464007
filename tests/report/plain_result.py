"""``plain_result``: a result of a real scan in memory that no model had to compute; made in milliseconds."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from fusion3d_gui.imaging.volume import Volume
from fusion3d_gui.inference.fit.fit_report import FitReport
from fusion3d_gui.inference.prediction import Heatmap, Prediction
from fusion3d_gui.model.bundle.bundle_info import BundleInfo
from fusion3d_gui.report.case_result import CaseResult
from fusion3d_gui.report.collect import collect_result
from fusion3d_gui.shipped import models_dir

PATIENT = {
    "PatientName": "Plantovsky^Quirina",
    "PatientID": "PID-7731-ZX",
    "PatientBirthDate": "19480229",
    "PatientSex": "F",
    "PatientAge": "077Y",
    "StudyDate": "20260112",
}


@cache
def shipped_bundle() -> BundleInfo:
    return BundleInfo.read(models_dir() / "demo-concat")


def plain_volume(shape: tuple[int, int, int] = (10, 14, 12), **changed: Any) -> Volume:
    """Noise in voxels of 3 × 3 × 4 mm, the first at -20, -10, -30 mm."""
    voxels = np.random.default_rng(0).integers(100, 900, shape).astype(np.int16)
    affine = np.diag([3.0, 3.0, 4.0, 1.0])
    affine[:3, 3] = (-20, -10, -30)
    given = {"modality": "MR", "description": "T1 sag", "attributes": PATIENT}
    return Volume(voxels, affine, **{**given, **changed})


def plain_result(
    fit: FitReport | None = None, volume: Volume | None = None, **changed: Any
) -> CaseResult:
    """``changed`` replaces fields of the prediction."""
    volume = plain_volume() if volume is None else volume
    values = np.zeros((4, 5, 4), np.float32)
    values[1, 2, 3], values[3, 0, 0] = 0.5, 0.4
    affine = np.diag([9.0, 8.0, 10.0, 1.0])
    affine[:3, 3] = volume.affine[:3, 3]
    prediction = Prediction(
        probability=0.4375,
        logit=-0.2513,
        temperature=1.0,
        threshold=0.4,
        class_names=("no", "yes"),
        heatmap=Heatmap(values, affine, "gradcam", "layer4"),
        metadata={"age": 77, "sex": "F", "mmse": None, "hypertension": None},
        bundle_name="demo-concat",
        bundle_version="1.2.3",
        weights_sha256="ab" * 32,
        volume_sha256="cd" * 32,
        device="cpu",
        seconds=1.25,
        created=datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC),
        libraries={"torch": "9.9"},
        fit=fit or FitReport("fits"),
    )
    return collect_result(
        replace(prediction, **changed),
        shipped_bundle(),
        volume,
        opened=(Path("scan.nii.gz"),),
        series=None,
        sources={"age": "dicom", "sex": "typed"},
    )
