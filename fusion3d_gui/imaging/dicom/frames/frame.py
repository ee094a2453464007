"""``Frame``: a single image of a DICOM file; slice spacing and windows of a header."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from fusion3d_gui.imaging.dicom.frames.file import DicomFile
from fusion3d_gui.imaging.dicom.frames.lookup_table import LookupTable
from fusion3d_gui.imaging.dicom.frames.unreadable import UnreadableValue
from fusion3d_gui.imaging.dicom.parser.element_values import ElementValues


@dataclass(frozen=True, slots=True)
class Rescale:
    """Real value = ``stored * slope + intercept``, in ``unit`` (empty where the file does not say)."""

    slope: float = 1.0
    intercept: float = 0.0
    unit: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One 2D image: a whole file, one frame of a multi-frame file, or one tile of a mosaic.

    Parameters
    ----------
    file, index
        The file, and the frame's number in it, from 0.
    position
        Centre of its first pixel (LPS mm); None where the file does not say it.
    orientation
        Unit vectors (LPS) along a row and down a column, six numbers; None where not said.
    spacing
        mm between rows, and between columns; None where not said.
    slice_spacing_mm
        mm from this slice to the next by the header; None where not said.
    rescale
        From stored to real values.
    windows
        (centre, width) pairs in real values.
    voi_function
        VOI LUT Function: the shape of the curve in those windows, as the file calls it.
    labels
        What distinguishes it from another frame at the same position, by keyword: echo, time ...
    table
        From stored to real values where that is not linear; ``rescale`` is then the identity.
    tile
        (row, column, rows, columns): the part of the stored frame that it is; None for all of it.
    unreadable
        What of its rescale and geometry is there and is not valid.
    """

    file: DicomFile
    index: int
    position: tuple[float, float, float] | None
    orientation: tuple[float, ...] | None
    spacing: tuple[float, float] | None
    slice_spacing_mm: float | None
    rescale: Rescale
    windows: tuple[tuple[float, float], ...]
    voi_function: str
    labels: Mapping[str, str]
    table: LookupTable | None = None
    tile: tuple[int, int, int, int] | None = None
    unreadable: tuple[UnreadableValue, ...] = ()

    @property
    def shape(self) -> tuple[int, int]:
        """(rows, columns)."""
        if self.tile is not None:
            return self.tile[2], self.tile[3]
        return self.file.format.rows, self.file.format.columns


def display_unit(dicom_unit: str) -> str:
    """A unit as it is written on screen, from DICOM's code for it (PS3.3 C.8.9.1.1.3)."""
    return {"BQML": "Bq/ml", "CNTS": "counts"}.get(dicom_unit.upper(), dicom_unit)


def slice_spacing_mm(elements: ElementValues) -> float | None:
    """Distance from slice to slice by the header, else its slice thickness; None without either."""
    spacing = signed_slice_spacing_mm(elements)
    return None if spacing is None else abs(spacing)


def signed_slice_spacing_mm(elements: ElementValues) -> float | None:
    """As :func:`slice_spacing_mm`, negative where slices follow against the normal (PS3.3 C.8.4.15)."""
    for keyword in ("SpacingBetweenSlices", "SliceThickness"):
        number = elements.number(keyword)
        if number is not None and abs(number) > 1e-6:
            return number
    return None


def recommended_windows(elements: ElementValues) -> tuple[tuple[float, float], ...]:
    """(centre, width) pairs in real values that the header recommends, in its order."""
    centers = elements.numbers("WindowCenter") or ()
    widths = elements.numbers("WindowWidth") or ()
    return tuple(
        (center, width) for center, width in zip(centers, widths, strict=False) if width > 0
    )
