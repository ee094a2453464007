"""``write_new_study``: a scan that has no DICOM study, or must not name it, as a study of its own."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from fusion3d_gui.errors import UserError
from fusion3d_gui.imaging.dicom.write import write_dicom_series
from fusion3d_gui.imaging.simulated import simulation_mark
from fusion3d_gui.imaging.volume import Volume
from fusion3d_gui.progress import Progress, no_progress
from fusion3d_gui.report.case_result import CaseResult

_LEVELS = 65535


def write_new_study(
    result: CaseResult, folder: Path, progress: Progress = no_progress
) -> list[Path]:
    """Write the scan as classic CT or MR images of a new study, without name, dates or accession number.

    The same scan always gets the same UIDs and the same patient number, made from its voxels, so that its
    results meet in an archive. Values that do not fit 16 bits are rounded to 65,535 steps.

    Raises
    ------
    UserError
        The modality is neither CT nor MR, DICOM can't express the grid, or the folder can't be written.
    """
    volume = result.volume
    scope = result.bundle.scope
    modality = volume.modality or ("" if scope is None else scope.modality)
    if modality not in ("CT", "MR"):
        raise UserError(
            "a new study can hold CT and MR only",
            path=volume.path,
            remedy="Write the results as JSON.",
        )
    progress(0.0, "Writing the scan as DICOM")
    sha256 = result.prediction.volume_sha256
    about = volume.attributes
    attributes = {
        "PatientID": f"F3D-{sha256[:12]}",
        "PatientIdentityRemoved": "YES",
        "DeidentificationMethod": "Fusion3D: a new study without identity",
        "StudyDescription": "New study by Fusion3D",
        "BodyPartExamined": about.get("BodyPartExamined", ""),
        "PatientSex": about.get("PatientSex", ""),
        "PatientAge": about.get("PatientAge", ""),
        "DerivationDescription": "Written anew by Fusion3D, rounded to 16 bits where needed",
        "ImageComments": simulation_mark(volume),
    }
    kept = {keyword: text for keyword, text in attributes.items() if text}
    try:
        return write_dicom_series(
            replace(sixteen_bits(volume), modality=modality),
            folder,
            attributes=kept,
            uid_seed=f"fusion3d new study {sha256}",
        )
    except ValueError as error:
        raise UserError(f"DICOM can't hold this scan: {error}", path=volume.path) from None


def sixteen_bits(volume: Volume) -> Volume:
    """The volume with stored values that fit 16 bits; rounded, with slope and intercept, only where needed."""
    voxels = volume.voxels
    if voxels.dtype.kind in "iu":
        lowest, highest = int(voxels.min()), int(voxels.max())
        if (lowest >= 0 and highest <= _LEVELS) or (lowest >= -(2**15) and highest < 2**15):
            return volume
    finite = np.isfinite(voxels) if voxels.dtype.kind == "f" else np.True_
    values = np.where(finite, voxels, 0).astype(np.float64)
    low, high = float(values.min()), float(values.max())
    step = (high - low) / _LEVELS or 1.0
    stored = np.rint((values - low) / step).astype(np.uint16)
    return replace(
        volume,
        voxels=stored,
        slope=volume.slope * step,
        intercept=volume.intercept + volume.slope * low,
        padding=None,
    )
