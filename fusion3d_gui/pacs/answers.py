"""Answers to a query, DIMSE's or DICOMweb's, as studies, series and instances; those without a UID are none."""

from __future__ import annotations

from collections.abc import Callable

from fusion3d_gui.pacs.query import InstanceEntry, SeriesEntry, Study, is_uid

#: Gives an element of one answer as text, by keyword; several values joined by backslashes.
Text = Callable[[str], str]


def study_of(text: Text) -> Study | None:
    """The study that an answer names; None where it names none."""
    uid = text("StudyInstanceUID")
    if not is_uid(uid):
        return None
    return Study(
        uid,
        patient=text("PatientName"),
        patient_id=text("PatientID"),
        birth_date=text("PatientBirthDate"),
        sex=text("PatientSex"),
        accession=text("AccessionNumber"),
        date=text("StudyDate"),
        time=text("StudyTime"),
        description=text("StudyDescription"),
        modalities=tuple(filter(None, text("ModalitiesInStudy").split("\\"))),
        series_count=_integer(text("NumberOfStudyRelatedSeries")),
        instance_count=_integer(text("NumberOfStudyRelatedInstances")),
    )


def series_of(study_uid: str, text: Text) -> SeriesEntry | None:
    """The series of a study that an answer names; None where it names none."""
    uid = text("SeriesInstanceUID")
    if not is_uid(uid):
        return None
    return SeriesEntry(
        study_uid,
        uid,
        modality=text("Modality"),
        number=_integer(text("SeriesNumber")),
        description=text("SeriesDescription"),
        body_part=text("BodyPartExamined"),
        instance_count=_integer(text("NumberOfSeriesRelatedInstances")),
    )


def instance_of(study_uid: str, series_uid: str, text: Text) -> InstanceEntry | None:
    """The instance of a series that an answer names; None where it names none."""
    uid = text("SOPInstanceUID")
    if not is_uid(uid):
        return None
    return InstanceEntry(
        study_uid,
        series_uid,
        uid,
        sop_class=text("SOPClassUID"),
        number=_integer(text("InstanceNumber")),
    )


def _integer(text: str) -> int | None:
    try:
        return int(text)
    except ValueError:
        return None
