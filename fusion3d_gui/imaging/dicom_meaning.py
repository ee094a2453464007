"""What the numbers of a DICOM stack mean beyond its rescale: SUV, windows, padding."""

from __future__ import annotations

from dataclasses import dataclass

import pydicom
from pydicom.dataset import Dataset

from fusion3d_gui.imaging.dicom_elements import Elements
from fusion3d_gui.imaging.dicom_encoding import DEFLATED
from fusion3d_gui.imaging.dicom_file import DicomFile
from fusion3d_gui.imaging.dicom_header import PYDICOM_ERRORS
from fusion3d_gui.imaging.dicom_sort import Stack
from fusion3d_gui.imaging.dicom_suv import NoSuv, suv_factor
from fusion3d_gui.imaging.dicom_voi import window_of_table

#: CT values above this are tissue, whatever a header calls padding.
_HIGHEST_CT_PADDING_HU = -900.0


@dataclass(frozen=True)
class Meaning:
    """``factor`` multiplies real values, into ``unit``; ``windows`` are in the result.

    ``padding``: lowest and highest *stored* value that stand for no measurement (PS3.3 C.7.5.1.1.2).
    """

    factor: float
    unit: str
    windows: tuple[tuple[float, float], ...]
    padding: tuple[float, float] | None
    notices: tuple[str, ...]


def meaning_of(stack: Stack) -> Meaning:
    """Look into the header of the middle slice for more than every image needs."""
    middle = stack.frames[len(stack.frames) // 2]
    file, elements = middle.file, middle.file.elements
    notices: list[str] = []
    factor, unit, windows = 1.0, middle.scale.unit, middle.windows
    dataset = _dataset(file) if _needs_more(stack) else Dataset()
    if elements.text("Modality") == "PT":
        if unit == "Bq/ml":
            times = [frame.file.elements.text("AcquisitionTime") for frame in stack.frames]
            try:
                found = suv_factor(dataset, times)
                factor, unit = found.factor, "SUV"
                notices.append(found.sentence)
            except NoSuv as reason:
                notices.append(f"Values stay in Bq/ml, not SUV: {reason}.")
        elif unit.upper() == "GML":
            unit = "SUV"
        elif unit:
            notices.append(f"Values stay in {unit}, not SUV.")
    windows = tuple((center * factor, width * factor) for center, width in windows)
    if not windows and elements.has("VOILUTSequence"):
        table = _table_window(dataset)
        if table is not None:
            windows = (table[0],)
            if not table[1]:
                notices.append(
                    "The file's brightness curve is not a straight line; the nearest window is shown."
                )
    elif elements.text("VOILUTFunction") == "SIGMOID":
        notices.append("The file's window follows a curve; it is shown as a straight line.")
    if elements.has("ModalityLUTSequence"):
        notices.append("The file's table from stored to real values is not applied.")
    padding, notice = _padding(elements, file, middle.scale.slope, middle.scale.intercept)
    notices += [notice] if notice else []
    return Meaning(factor, unit, windows, padding, tuple(notices))


def _needs_more(stack: Stack) -> bool:
    elements = stack.frames[0].file.elements
    return elements.text("Modality") == "PT" or elements.has("VOILUTSequence")


def _dataset(file: DicomFile) -> Dataset:
    """The whole header, by pydicom; an empty one where that can't read it."""
    if file.transfer_syntax == DEFLATED:
        return Dataset()  # pydicom would unpack it without a bound
    try:
        return pydicom.dcmread(file.path, stop_before_pixels=True, force=True)
    except PYDICOM_ERRORS:
        return Dataset()


def _table_window(dataset: Dataset) -> tuple[tuple[float, float], bool] | None:
    try:
        items = dataset.get("VOILUTSequence") or []
        return window_of_table(items[0]) if items else None
    except PYDICOM_ERRORS:
        return None


def _padding(
    elements: Elements, file: DicomFile, slope: float, intercept: float
) -> tuple[tuple[float, float] | None, str]:
    signed = file.format.signed
    if file.format.floating or file.format.samples != 1 or file.format.bits_allocated > 16:
        return None, ""
    ends = [
        values[0]
        for keyword in ("PixelPaddingValue", "PixelPaddingRangeLimit")
        if (values := elements.shorts(keyword, signed))
    ]
    if not ends:
        return None, ""
    low, high = float(min(ends)), float(max(ends))
    if elements.text("Modality") == "CT":
        real = max(low * slope + intercept, high * slope + intercept)
        if real > _HIGHEST_CT_PADDING_HU:
            return None, f"The file calls {real:g} HU padding, which may be tissue; shown as it is."
    return (low, high), ""
