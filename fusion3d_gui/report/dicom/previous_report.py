"""``read_previous_report``: the report that a later one corrects."""

from __future__ import annotations

from pathlib import Path

import pydicom
from pydicom.dataset import Dataset

from fusion3d_gui.errors import UserError
from fusion3d_gui.imaging.dicom.parser.header import PYDICOM_ERRORS
from fusion3d_gui.imaging.dicom.source_series import SourceSeries

#: A report of a result takes some kilobytes.
_LARGEST_BYTES = 20_000_000


def read_previous_report(path: Path, source: SourceSeries) -> Dataset:
    """Read an earlier report about the same scan.

    Raises
    ------
    UserError
        It can't be read, is no structured report, or belongs to another study or patient.
    """
    try:
        if path.stat().st_size > _LARGEST_BYTES:
            raise UserError("is too large to be a report", path=path)
        found = pydicom.dcmread(path)
        is_report = str(found.get("Modality", "")) == "SR" and "ContentSequence" in found
    except PYDICOM_ERRORS:
        raise UserError("can't be read as a DICOM report", path=path) from None
    if not is_report:
        raise UserError("is no structured report, so that no other can correct it", path=path)
    keys = ("StudyInstanceUID", "PatientID")
    if any(str(found.get(key, "")) != str(source.first.get(key, "")) for key in keys):
        raise UserError("is a report about another study or patient", path=path)
    return found
