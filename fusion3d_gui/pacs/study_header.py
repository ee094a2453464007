"""``study_header``: patient and study of a DICOM file, as text, for objects that join the study later."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

#: Longest text that is kept; a longer one holds no mere header.
_LONGEST = 100_000


def study_header(path: Path) -> str:
    """Patient and study of a file in DICOM's JSON model; empty where they can't be read, or are too long."""
    # Imported where they are used: the window starts without pydicom.
    import pydicom

    from fusion3d_gui.imaging.dicom.parser.header import PYDICOM_ERRORS
    from fusion3d_gui.report.dicom.study_identity import copy_study

    header = pydicom.Dataset()
    try:
        copy_study(pydicom.dcmread(path, stop_before_pixels=True), header)
        text = json.dumps(header.to_json_dict())
    except PYDICOM_ERRORS:
        return ""
    return text if len(text) <= _LONGEST else ""


def header_dataset(text: str) -> Dataset:
    """Read back :func:`study_header`."""
    import pydicom

    return pydicom.Dataset.from_json(text)
