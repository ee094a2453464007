"""What the values of a DICOM stack mean beyond its rescale: SUV, windows, padding."""

from __future__ import annotations

from dataclasses import dataclass

from pydicom.dataset import Dataset

from fusion3d_gui.imaging.dicom.frames.frame import Frame
from fusion3d_gui.imaging.dicom.frames.full_header import read_full_header
from fusion3d_gui.imaging.dicom.frames.lookup_table import has_lookup_table, read_lookup_table
from fusion3d_gui.imaging.dicom.frames.voi_lut import voi_lut_window
from fusion3d_gui.imaging.dicom.stack.sort import Stack
from fusion3d_gui.imaging.dicom.suv import SuvUnavailable, suv_factor
from fusion3d_gui.imaging.voi_curve import SIGMOID, VoiCurve

#: CT values above this are tissue, whatever a header calls padding.
_HIGHEST_CT_PADDING_HU = -900.0

Windows = tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class ValueInterpretation:
    """How the values of a stack are to be understood.

    Parameters
    ----------
    factor
        Multiplies rescaled values, into ``unit``.
    unit
        Of the result: ``"HU"``, ``"SUV"`` ...; empty where unknown.
    windows
        (centre, width) pairs in the result that the file recommends.
    curve
        Brightness within the windows; None where it is linear.
    padding
        Lowest and highest *stored* value that stand for no measurement (PS3.3 C.7.5.1.1.2).
    padding_may_be_bright
        Whether padding may be brighter than what was measured.
    notices
        Sentences for the user.
    """

    factor: float
    unit: str
    windows: Windows
    curve: VoiCurve | None
    padding: tuple[float, float] | None
    padding_may_be_bright: bool
    notices: tuple[str, ...]


def interpret_values(stack: Stack) -> ValueInterpretation:
    """Interpret the values of a stack by the header of its middle slice."""
    middle = stack.frames[len(stack.frames) // 2]
    elements = middle.file.elements
    is_pet = elements.text("Modality") == "PT"
    has_table = elements.has("VOILUTSequence") and not middle.windows
    dataset = read_full_header(middle.file) if is_pet or has_table else Dataset()
    factor, unit, notices = 1.0, middle.rescale.unit, list[str]()
    if any(value.changes_values for frame in stack.frames for value in frame.unreadable):
        unit = ""
    elif is_pet:
        factor, unit, notices = _suv(stack, dataset, unit)
    windows, curve = _windows(middle, dataset)
    if has_table and not windows and has_lookup_table(dataset, "VOILUTSequence"):
        notices.append("The file's table from values to brightness can't be used.")
    if curve is not None:
        notices.append("The file asks for a brightness curve; it is applied in the file's window.")
    padding, notice = _padding(middle)
    notices += [notice] if notice else []
    return ValueInterpretation(
        factor,
        unit,
        tuple((center * factor, width * factor) for center, width in windows),
        curve,
        padding,
        padding is not None and _may_be_bright(middle, padding),
        tuple(notices),
    )


def _suv(stack: Stack, dataset: Dataset, unit: str) -> tuple[float, str, list[str]]:
    """Factor and unit of a PET stack's values, and notices about them."""
    if unit == "Bq/ml":
        times = [frame.file.elements.text("AcquisitionTime") for frame in stack.frames]
        try:
            found = suv_factor(dataset, times)
        except SuvUnavailable as reason:
            return 1.0, unit, [f"Values stay in Bq/ml, not SUV: {reason}."]
        return found.factor, "SUV", [found.notice]
    if unit.upper() == "GML":
        return 1.0, "SUV", []
    return 1.0, unit, [f"Values stay in {unit}, not SUV."] if unit else []


def _windows(frame: Frame, dataset: Dataset) -> tuple[Windows, VoiCurve | None]:
    """The file's windows, else that of its first VOI LUT; the curve in them, None where linear."""
    if frame.windows:
        return frame.windows, SIGMOID if frame.voi_function == "SIGMOID" else None
    negative = frame.file.format.signed or frame.rescale.intercept < 0
    table = read_lookup_table(dataset, "VOILUTSequence", negative)
    if table is None:
        return (), None
    window, curve = voi_lut_window(table)
    return (window,), curve


def _padding(frame: Frame) -> tuple[tuple[float, float] | None, str]:
    """Lowest and highest stored padding value (None without), and a notice (empty without)."""
    elements, pixels = frame.file.elements, frame.file.format
    if pixels.floating or pixels.samples != 1 or pixels.bits_allocated > 16:
        return None, ""
    ends = [
        _stored_value(values[0], pixels.bits_stored, pixels.signed)
        for keyword in ("PixelPaddingValue", "PixelPaddingRangeLimit")
        if (values := elements.shorts(keyword, pixels.signed))
    ]
    if not ends:
        return None, ""
    low, high = float(min(ends)), float(max(ends))
    if elements.text("Modality") == "CT" and frame.table is None:
        real = max(end * frame.rescale.slope + frame.rescale.intercept for end in (low, high))
        if real > _HIGHEST_CT_PADDING_HU:
            return None, f"The file calls {real:g} HU padding, which may be tissue; shown as it is."
    return (low, high), ""


def _stored_value(value: int, bits: int, signed: bool) -> int:
    """A value without the bits above the stored ones, which are cleared in the pixels too."""
    value &= (1 << bits) - 1
    return value - (1 << bits) if signed and value >> (bits - 1) else value


def _may_be_bright(frame: Frame, padding: tuple[float, float]) -> bool:
    """Whether padding may be brighter than what was measured, so that a slab would show it."""
    pixels = frame.file.format
    if pixels.photometric == "MONOCHROME1" or frame.file.elements.text("Modality") == "CT":
        return False  # MONOCHROME1 shows high values dark; CT's padding lies below air
    return padding[1] > (-(1 << (pixels.bits_stored - 1)) if pixels.signed else 0)
