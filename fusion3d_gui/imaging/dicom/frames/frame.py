"""``Frame``: a single image of a DICOM file, and readings of a header that tell where it lies."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from fusion3d_gui.imaging.dicom.frames.file import DicomFile
from fusion3d_gui.imaging.dicom.frames.lookup_table import LookupTable
from fusion3d_gui.imaging.dicom.parser.element_values import ElementValues

#: Of a series all images have the same.
_KEPT_ORIENTATIONS = 64


@dataclass(frozen=True, slots=True)
class Rescale:
    """Stored value to real value: ``stored * slope + intercept``, in ``unit`` (empty: not said)."""

    slope: float = 1.0
    intercept: float = 0.0
    unit: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One 2D image: a whole file, one frame of a multi-frame file, or one tile of a mosaic.

    Parameters
    ----------
    file, index
        Where it is; ``index`` counts from 0.
    position
        Patient position (mm, LPS) of the centre of its first pixel; None where not said.
    orientation
        Unit vectors (LPS) along a row and down a column, six numbers; None where not said.
    spacing
        mm between rows, and between columns; None where not said.
    slice_mm
        mm from this slice to the next as the header says; None where it does not.
    scale
        Stored value to real value.
    windows, voi_function
        (centre, width) pairs in real values, and the shape of the curve in them, as the file calls it.
    labels
        What tells it from another frame at the same place, by keyword: echo, time, b-value ...
    table
        From stored to real values, where that is no straight line; ``rescale`` is then 1.
    tile
        (row, column) of its first pixel within the stored frame, and its size; None for all of it.
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

    @property
    def shape(self) -> tuple[int, int]:
        """(rows, columns)."""
        if self.tile is not None:
            return self.tile[2], self.tile[3]
        return self.file.format.rows, self.file.format.columns


@lru_cache(_KEPT_ORIENTATIONS)
def normalised_orientation(numbers: tuple[float, ...] | None) -> tuple[float, ...] | None:
    """Image Orientation (Patient) as two vectors of length 1; None where it is unusable.

    Vectors more than 1 % from unit length, or 0.6 degrees from perpendicular, contradict the
    standard (PS3.3 C.7.6.2.1.1) and are not used.
    """
    if numbers is None or len(numbers) != 6:
        return None
    lengths = math.hypot(*numbers[:3]), math.hypot(*numbers[3:])
    if not all(0.99 < length < 1.01 for length in lengths):
        return None
    unit = [number / lengths[0] for number in numbers[:3]]
    unit += [number / lengths[1] for number in numbers[3:]]
    if abs(sum(a * b for a, b in zip(unit[:3], unit[3:], strict=True))) > 0.01:
        return None
    return tuple(unit)


def display_unit(said: str) -> str:
    """A unit as one writes it, from DICOM's word for it (PS3.3 C.8.9.1.1.3)."""
    return {"BQML": "Bq/ml", "CNTS": "counts"}.get(said.upper(), said)


def slice_spacing_mm(elements: ElementValues) -> float | None:
    """Distance from slice to slice as the header says; None where it does not."""
    for keyword in ("SpacingBetweenSlices", "SliceThickness"):
        number = elements.number(keyword)
        if number is not None and abs(number) > 1e-6:
            return abs(number)
    return None


def windows(elements: ElementValues) -> tuple[tuple[float, float], ...]:
    """(centre, width) pairs that the header recommends, in its order."""
    centers = elements.numbers("WindowCenter") or ()
    widths = elements.numbers("WindowWidth") or ()
    return tuple(
        (center, width) for center, width in zip(centers, widths, strict=False) if width > 0
    )
