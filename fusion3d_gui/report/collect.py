"""``collect_result``: a prediction and what is known about its case become a ``CaseResult``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from fusion3d_gui.imaging.annotations.measurement import Measurement
from fusion3d_gui.imaging.dicom.source_uids import SourceUids, read_source_uids
from fusion3d_gui.imaging.privacy.burnt_in import burnt_in_reasons
from fusion3d_gui.imaging.privacy.deidentify import identity_is_removed
from fusion3d_gui.imaging.series import Series
from fusion3d_gui.imaging.volume import Volume
from fusion3d_gui.inference.explain.explanation import Explanation
from fusion3d_gui.inference.explain.hot_spots import find_hot_spots
from fusion3d_gui.inference.explain.sanity_report import SanityReport
from fusion3d_gui.inference.prediction import Prediction
from fusion3d_gui.model.bundle.bundle_info import BundleInfo
from fusion3d_gui.progress import Progress, no_progress
from fusion3d_gui.report.case_result import (
    Appearance,
    CaseResult,
    FormValue,
    OtherPrediction,
    ReaderNotes,
    ScanIdentity,
    ValueSource,
    usual_appearance,
)

if TYPE_CHECKING:
    from fusion3d_gui.inference.analysis.workbench import Workbench


def collect_result(
    prediction: Prediction,
    bundle: BundleInfo,
    volume: Volume,
    *,
    opened: tuple[Path, ...],
    series: Series | None,
    sources: Mapping[str, ValueSource],
    explanation: Explanation | None = None,
    workbench: Workbench | None = None,
    appearance: Appearance | None = None,
    checks: SanityReport | None = None,
    marks: tuple[Measurement, ...] = (),
    others: tuple[OtherPrediction, ...] = (),
    notes: ReaderNotes | None = None,
    progress: Progress = no_progress,
) -> CaseResult:
    """Put together a case's result; takes about a second: not for the GUI thread.

    Parameters
    ----------
    prediction, bundle, volume
        The prediction, its model and its scan.
    opened, series
        What the user opened, and the series of it that was read, for UIDs and file names.
    sources
        Source of each metadata value, by field name; one that is missing is the default.
    explanation
        How the heatmap was made.
    workbench
        Computes doubt and shares; None: they are left out, as for a case that the model is not meant for.
    appearance
        How pictures show it; None: as the volume's first preset.
    checks, marks, others, notes
        See :class:`~fusion3d_gui.report.case_result.CaseResult`.
    progress
        Raises Cancelled to stop.

    Returns
    -------
    CaseResult
        Without identity where that has been removed from ``volume``.
    """
    uids = SourceUids()
    if series is not None and series.format == "DICOM":
        uids = read_source_uids(series.paths, progress)
    identity = _identity(volume, opened, series, uids)
    progress(0.5, "Collecting the result")
    look = usual_appearance(volume) if appearance is None else appearance
    values = prediction.metadata
    is_usable = workbench is not None and not prediction.despite_misfit
    result = CaseResult(
        volume=volume,
        identity=identity,
        hashes=identity.hashes,
        prediction=prediction,
        bundle=bundle,
        explanation=explanation,
        form=tuple(
            FormValue(
                field,
                values.get(field.name),
                "default" if values.get(field.name) is None else sources.get(field.name, "default"),
            )
            for field in bundle.schema.fields
        ),
        hot_spots=tuple(find_hot_spots(prediction.heatmap, look.threshold)),
        appearance=look,
        uncertainty=workbench.uncertainty(values) if workbench and is_usable else None,
        augmentation=workbench.augmentation_range(values) if workbench and is_usable else None,
        contributions=workbench.contributions(values) if workbench and is_usable else None,
        checks=checks,
        marks=marks,
        others=others,
        notes=ReaderNotes() if notes is None else notes,
        burnt_in=burnt_in_reasons(
            volume.attributes, volume.modality, uids.sop_class, uids.image_type
        ),
    )
    return result.without_identity() if identity_is_removed(volume) else result


def _identity(
    volume: Volume, opened: tuple[Path, ...], series: Series | None, uids: SourceUids
) -> ScanIdentity:
    about = volume.attributes
    is_dicom = series is not None and series.format == "DICOM"
    found = ScanIdentity(
        patient_name=about.get("PatientName", ""),
        patient_id=about.get("PatientID", ""),
        patient_birth_date=about.get("PatientBirthDate", ""),
        patient_sex=about.get("PatientSex", ""),
        accession_number=about.get("AccessionNumber", ""),
        institution=about.get("InstitutionName", ""),
        study_date=about.get("StudyDate", ""),
        study_time=about.get("StudyTime", ""),
        series_date=about.get("SeriesDate", ""),
        opened=opened,
        files=() if series is None else series.paths,
    )
    if not is_dicom:
        return found
    return replace(
        found,
        study_uid=uids.study,
        series_uid=uids.series,
        frame_of_reference_uid=uids.frame_of_reference,
        instance_uids=uids.instances,
    )
