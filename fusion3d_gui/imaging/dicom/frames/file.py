"""``DicomFile``: the header of one DICOM image file, and how its pixels are stored."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from pydicom.uid import UID

from fusion3d_gui.errors import UserError
from fusion3d_gui.imaging.dicom.frames.storage_classes import class_name, is_photograph
from fusion3d_gui.imaging.dicom.parser.element_values import ElementValues, tag_numbers
from fusion3d_gui.imaging.dicom.parser.encoding import FileBytes
from fusion3d_gui.imaging.dicom.parser.header import read_header
from fusion3d_gui.imaging.dicom.parser.walker import PIXEL_TAGS, PixelElement
from fusion3d_gui.imaging.limits import gigabytes

#: Attributes of a volume: shown in the corners of a view, or filled into the form.
SHOWN_ATTRIBUTES = (
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
    "ImageComments",
    "LossyImageCompression",
    "PhotometricInterpretation",
)

#: A compressed frame takes at least an item's header (PS3.5 A.4).
_LEAST_BYTES_A_FRAME = 8
#: Pixels that a byte of a compressed file may stand for, and pixels that any file may have: a blank frame of
#: 4096 x 4096 takes JPEG-LS 1 kB and JPEG 2000 less, but no scan is blank throughout.
_MOST_PIXELS_A_BYTE = 10_000
_PIXELS_OF_ANY_FILE = 1 << 26

_WANTED = tag_numbers(
    *SHOWN_ATTRIBUTES,
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
    "UihGridCount",
    "ImagePositionPatient",
    "ImageOrientationPatient",
    "PixelSpacing",
    "ImagerPixelSpacing",
    "NominalScannedPixelSpacing",
    "SpacingBetweenSlices",
    "SliceLocation",
    "GantryDetectorTilt",
    "NumberOfFrames",
    "GridFrameOffsetVector",
    "FrameIncrementPointer",
    "SliceVector",
    "DetectorInformationSequence",
    "DimensionOrganizationType",
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
    """How the pixels of a frame are stored (Image Pixel module, PS3.3 C.7.6.3).

    ``planar``: colour planes one after the other; ``floating``: float or double pixels.
    """

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
        """Type of a stored sample, in native byte order."""
        if self.floating:
            return np.dtype(f"f{self.bits_allocated // 8}")
        width = max(8, self.bits_allocated)
        return np.dtype(f"{'i' if self.signed else 'u'}{width // 8}")

    @property
    def frame_bits(self) -> int:
        """Bits of an uncompressed frame in the file."""
        samples = self.rows * self.columns * self.samples
        if self.photometric == "YBR_FULL_422":
            samples = self.rows * self.columns * 2
        return samples * self.bits_allocated


@dataclass(frozen=True, slots=True, eq=False)
class DicomFile:
    """The header of one DICOM image file.

    Parameters
    ----------
    path
        The file.
    elements
        Values of the elements that all images are read for.
    transfer_syntax
        UID; empty where the file does not say it.
    pixels
        Where the pixels lie in the file.
    format
        How they are stored.
    frame_count
        Number of frames, at least 1.
    """

    path: Path
    elements: ElementValues = field(repr=False)
    transfer_syntax: str
    pixels: PixelElement
    format: PixelFormat
    frame_count: int

    @property
    def has_functional_groups(self) -> bool:
        """Whether it is an enhanced multi-frame image, with a description of each frame (PS3.3 A.36)."""
        return self.elements.has("PerFrameFunctionalGroupsSequence")

    @property
    def is_localiser(self) -> bool:
        """Whether it is a scout image, made to plan others on (PS3.3 C.8.2.1.1.1)."""
        return "LOCALIZER" in self.elements.text("ImageType").upper().split("\\")


def read_dicom_file(source: FileBytes) -> DicomFile:
    """Read the header of one file.

    Raises
    ------
    NotDicom
        If the file is something else.
    UserError
        If it is DICOM that holds no image, is damaged or cut short.
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
    sop_class = elements.text("SOPClassUID")
    if is_photograph(sop_class) or elements.text("DimensionOrganizationType").startswith("TILED"):
        raise UserError(f"is no volume: it holds {_class_or_tiles(sop_class)}", path=path)
    pixel_format = _pixel_format(elements, header.pixels, path)
    length = header.pixels.length
    frame_count = _frame_count(elements, length, pixel_format, path)
    if length is None and frame_count > 1 + source.size // _LEAST_BYTES_A_FRAME:
        raise UserError(f"claims {frame_count:,} frames, more than it can hold", path=path)
    pixels = frame_count * pixel_format.rows * pixel_format.columns
    if length is None and pixels > max(source.size * _MOST_PIXELS_A_BYTE, _PIXELS_OF_ANY_FILE):
        raise UserError(f"claims {pixels:,} pixels in {gigabytes(source.size)}", path=path)
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


def _class_or_tiles(sop_class: str) -> str:
    return class_name(sop_class) if is_photograph(sop_class) else "tiles of one large image"


def _frame_count(
    elements: ElementValues, length: int | None, pixel_format: PixelFormat, path: Path
) -> int:
    """Number of frames, at least 1; by the length of the pixels where the header's can't be read."""
    frames = elements.number("NumberOfFrames")
    if frames is not None:
        return max(1, int(frames))
    if not elements.unreadable("NumberOfFrames", 1):
        return 1
    if length is None:
        raise UserError("has a number of frames that can't be read", path=path)
    return max(1, 8 * length // pixel_format.frame_bits)


def _pixel_format(elements: ElementValues, pixels: PixelElement, path: Path) -> PixelFormat:
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
