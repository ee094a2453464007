"""Real world value mappings (PS3.3 C.7.6.16.2.11): a rescale with a unit of measurement."""

from __future__ import annotations

from pydicom.dataset import Dataset

from fusion3d_gui.imaging.dicom.frames.file import DicomFile
from fusion3d_gui.imaging.dicom.frames.frame import Rescale
from fusion3d_gui.imaging.dicom.frames.full_header import (
    finite_numbers,
    first_item,
    read_full_header,
)
from fusion3d_gui.imaging.dicom.parser.header import PYDICOM_ERRORS


def real_world_rescale(mapping: Dataset) -> Rescale | None:
    """The rescale of an item of Real World Value Mapping Sequence; None where it is not linear."""
    slope = finite_numbers(mapping, "RealWorldValueSlope", 1)
    intercept = finite_numbers(mapping, "RealWorldValueIntercept", 1)
    if slope is None or slope[0] == 0:
        return None
    unit = str(first_item(mapping, "MeasurementUnitsCodeSequence").get("CodeValue") or "")
    return Rescale(slope[0], intercept[0] if intercept else 0.0, "" if unit == "1" else unit)


def read_real_world_rescale(file: DicomFile) -> Rescale | None:
    """The linear real world value mapping of a classic image; None without one."""
    try:
        return real_world_rescale(
            first_item(read_full_header(file), "RealWorldValueMappingSequence")
        )
    except PYDICOM_ERRORS:
        return None
