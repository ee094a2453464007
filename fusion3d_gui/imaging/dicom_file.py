"""``DicomFile`` and ``Frame``: one DICOM file's header, and the single images it holds."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import numpy as np
from pydicom.uid import UID

from fusion3d_gui.errors import UserError
from fusion3d_gui.imaging.dicom_elements import Elements, tags
from fusion3d_gui.imaging.dicom_encoding import FileBytes
from fusion3d_gui.imaging.dicom_header import read_header
from fusion3d_gui.imaging.dicom_table import Table
from fusion3d_gui.imaging.dicom_walk import PIXEL_TAGS, PixelElement

#: Shown in a corner of the window, or used to fill in the form.
ATTRIBUTES = (
    "PatientName",
    "PatientID",
    "PatientBirthDate",
    "PatientSex",
    "PatientAge",
    "PatientWeight",
    "PatientSize",
    "PatientPosition",
    "StudyDate",
    "StudyTime",
    "StudyDescription",
    "SeriesDescription",
    "SeriesNumber",
    "SeriesDate",
    "ProtocolName",
    "BodyPartExamined",
    "AccessionNumber",
    "InstitutionName",
    "Manufacturer",
    "ManufacturerModelName",
    "MagneticFieldStrength",
    "RepetitionTime",
    "EchoTime",
    "InversionTime",
    "FlipAngle",
    "SequenceName",
    "KVP",
    "ConvolutionKernel",
    "SliceThickness",
    "ContrastBolusAgent",
    "BurnedInAnnotation",
    "PhotometricInterpretation",
)

#: Of a series all images have the same.
_KEPT_ORIENTATIONS = 64

#: A compressed frame takes at least an item's header (PS3.5 A.4).
_LEAST_BYTES_A_FRAME = 8

_WANTED = tags(
    *ATTRIBUTES,
    "SpecificCharacterSet",
    "ImageType",
    "SOPClassUID",
    "SOPInstanceUID",
    "StudyInstanceUID",
    "SeriesInstanceUID",
    "FrameOfReferenceUID",
    "Modality",
    "InstanceNumber",
    "AcquisitionNumber",
    "AcquisitionTime",
    "ContentTime",
    "EchoNumbers",
    "TemporalPositionIdentifier",
    "TriggerTime",
    "DiffusionBValue",
    "SiemensBValue",
    "SiemensMosaicCount",
    "ImagePositionPatient",
    "ImageOrientationPatient",
    "PixelSpacing",
    "ImagerPixelSpacing",
    "NominalScannedPixelSpacing",
    "SpacingBetweenSlices",
    "GantryDetectorTilt",
    "NumberOfFrames",
    "GridFrameOffsetVector",
    "Rows",
    "Columns",
    "SamplesPerPixel",
    "PlanarConfiguration",
    "PhotometricInterpretation",
    "BitsAllocated",
    "BitsStored",
    "HighBit",
    "PixelRepresentation",
    "PixelPaddingValue",
    "PixelPaddingRangeLimit",
    "RealWorldValueMappingSequence",
    "ModalityLUTSequence",
    "VOILUTSequence",
    "RescaleSlope",
    "RescaleIntercept",
    "RescaleType",
    "DoseGridScaling",
    "Units",
    "WindowCenter",
    "WindowWidth",
    "VOILUTFunction",
    "LossyImageCompression",
    *(
        f"{colour}PaletteColorLookupTable{part}"
        for colour in ("Red", "Green", "Blue")
        for part in ("Descriptor", "Data")
    ),
    *(f"Segmented{colour}PaletteColorLookupTableData" for colour in ("Red", "Green", "Blue")),
    "SharedFunctionalGroupsSequence",
    "PerFrameFunctionalGroupsSequence",
)


@dataclass(frozen=True, slots=True)
class PixelFormat:
    """How one frame's pixels are stored (PS3.3 C.7.6.3)."""

    rows: int
    columns: int
    samples: int
    planar: bool
    photometric: str
    bits_allocated: int
    bits_stored: int
    high_bit: int
    signed: bool
    floating: bool

    @property
    def dtype(self) -> np.dtype:
        """Type of a stored sample, in this machine's byte order."""
        if self.floating:
            return np.dtype(f"f{self.bits_allocated // 8}")
        width = max(8, self.bits_allocated)
        return np.dtype(f"{'i' if self.signed else 'u'}{width // 8}")

    @property
    def frame_bits(self) -> int:
        """Bits that an uncompressed frame takes in the file."""
        samples = self.rows * self.columns * self.samples
        if self.photometric == "YBR_FULL_422":
            samples = self.rows * self.columns * 2
        return samples * self.bits_allocated


@dataclass(frozen=True, slots=True, eq=False)
class DicomFile:
    """What the header of one DICOM image file says, without its pixels."""

    path: Path
    elements: Elements = field(repr=False)
    transfer_syntax: str
    pixels: PixelElement
    format: PixelFormat
    frame_count: int

    @property
    def has_functional_groups(self) -> bool:
        """Whether it is an enhanced multi-frame image, which describes each frame (PS3.3 A.36)."""
        return self.elements.has("PerFrameFunctionalGroupsSequence")

    @property
    def is_localiser(self) -> bool:
        """Whether it is a scout image, made to plan others on (PS3.3 C.8.2.1.1.1)."""
        return "LOCALIZER" in self.elements.text("ImageType").upper().split("\\")


@dataclass(frozen=True, slots=True)
class Scale:
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
        From stored to real values, where that is no straight line; ``scale`` is then 1.
    tile
        (row, column) of its first pixel within the stored frame, and its size; None for all of it.
    """

    file: DicomFile
    index: int
    position: tuple[float, float, float] | None
    orientation: tuple[float, ...] | None
    spacing: tuple[float, float] | None
    slice_mm: float | None
    scale: Scale
    windows: tuple[tuple[float, float], ...]
    voi_function: str
    labels: Mapping[str, str]
    table: Table | None = None
    tile: tuple[int, int, int, int] | None = None

    @property
    def shape(self) -> tuple[int, int]:
        """(rows, columns)."""
        if self.tile is not None:
            return self.tile[2], self.tile[3]
        return self.file.format.rows, self.file.format.columns


def read_dicom_file(source: FileBytes) -> DicomFile:
    """Read one file's header.

    Raises ``NotDicom`` where it is something else, and UserError where it is DICOM that holds no
    image, is damaged or cut short.
    """
    path = source.path
    header = read_header(source, _WANTED)
    elements = header.elements
    if header.pixels is None:
        if elements.integer("Rows") or "Image" in UID(elements.text("SOPClassUID")).name:
            raise UserError(
                "holds no pixels, or is cut short before them",
                path=path,
                remedy="Copy it again from its source.",
            )
        raise UserError(
            "is a DICOM file without an image", path=path, remedy="Open the image series itself."
        )
    pixel_format = _pixel_format(elements, header.pixels, path)
    frames = elements.number("NumberOfFrames")
    frame_count = 1 if frames is None else int(frames)
    if frame_count < 1:
        frame_count = 1
    length = header.pixels.length
    if length is None and frame_count > 1 + source.size // _LEAST_BYTES_A_FRAME:
        raise UserError(f"claims {frame_count:,} frames, more than it can hold", path=path)
    if length is not None and 8 * length < frame_count * pixel_format.frame_bits:
        raise UserError(
            f"holds fewer pixels ({length:,} bytes) than its header says"
            f" ({frame_count * pixel_format.frame_bits // 8:,})",
            path=path,
            remedy="Copy it again from its source.",
        )
    return DicomFile(
        path, elements, header.transfer_syntax, header.pixels, pixel_format, frame_count
    )


def _pixel_format(elements: Elements, pixels: PixelElement, path: Path) -> PixelFormat:
    rows, columns = elements.integer("Rows"), elements.integer("Columns")
    allocated = elements.integer("BitsAllocated")
    if not rows or not columns or not allocated:
        raise UserError("does not say how large its image is", path=path)
    floating = pixels.tag != PIXEL_TAGS[2]
    if allocated not in ((32, 64) if floating else (1, 8, 16, 32)):
        raise UserError(f"stores {allocated} bits a pixel, which can't be read", path=path)
    samples = elements.integer("SamplesPerPixel") or 1
    photometric = elements.text("PhotometricInterpretation").upper() or "MONOCHROME2"
    if samples not in (1, 3):
        raise UserError(f"has {samples} samples a pixel, which can't be read", path=path)
    if (samples == 3) == (photometric in ("MONOCHROME1", "MONOCHROME2", "PALETTE COLOR")):
        raise UserError(f"claims {samples} samples a pixel, yet to be {photometric}", path=path)
    stored = elements.integer("BitsStored") or allocated
    if stored > allocated:
        raise UserError(f"claims to use {stored} bits of {allocated}", path=path)
    high_bit = elements.integer("HighBit")
    if high_bit is None or not stored - 1 <= high_bit < allocated:
        high_bit = stored - 1
    return PixelFormat(
        rows=rows,
        columns=columns,
        samples=samples,
        planar=elements.integer("PlanarConfiguration") == 1,
        photometric=photometric,
        bits_allocated=allocated,
        bits_stored=stored,
        high_bit=high_bit,
        signed=elements.integer("PixelRepresentation") == 1,
        floating=floating,
    )


@lru_cache(_KEPT_ORIENTATIONS)
def unit_orientation(numbers: tuple[float, ...] | None) -> tuple[float, ...] | None:
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


def unit_on_screen(said: str) -> str:
    """A unit as one writes it, from DICOM's word for it (PS3.3 C.8.9.1.1.3)."""
    return {"BQML": "Bq/ml", "CNTS": "counts"}.get(said.upper(), said)


def slice_mm(elements: Elements) -> float | None:
    """Distance from slice to slice as the header says; None where it does not."""
    for keyword in ("SpacingBetweenSlices", "SliceThickness"):
        number = elements.number(keyword)
        if number is not None and abs(number) > 1e-6:
            return abs(number)
    return None


def windows(elements: Elements) -> tuple[tuple[float, float], ...]:
    """(centre, width) pairs that the header recommends, in its order."""
    centers = elements.numbers("WindowCenter") or ()
    widths = elements.numbers("WindowWidth") or ()
    return tuple(
        (center, width) for center, width in zip(centers, widths, strict=False) if width > 0
    )
