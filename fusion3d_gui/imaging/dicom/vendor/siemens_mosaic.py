"""Siemens mosaics: the slices of a volume as tiles of one image."""

from __future__ import annotations

import math
import re
from dataclasses import replace

import numpy as np

from fusion3d_gui.errors import UserError
from fusion3d_gui.imaging.dicom.frames.file import DicomFile
from fusion3d_gui.imaging.dicom.frames.frame import Frame
from fusion3d_gui.imaging.dicom.parser.element_values import ElementValues, tag_numbers
from fusion3d_gui.imaging.dicom.parser.encoding import FileBytes
from fusion3d_gui.imaging.dicom.parser.header import read_header
from fusion3d_gui.imaging.dicom.vendor.siemens_csa import csa_numbers, read_csa

(_CSA_IMAGE,) = tag_numbers("SiemensCsaImage")
_MOST_TILES = 1024
_LAST_MAY_BE_EMPTY = (
    "The file does not say how many slices its mosaic holds: it is cut into the {} of the size of its"
    " matrix; the last ones may be empty."
)


def is_mosaic(file: DicomFile) -> bool:
    """Whether an image is a Siemens mosaic, by its image type."""
    return "MOSAIC" in file.elements.text("ImageType").upper().split("\\")


def split_mosaic(mosaic: Frame) -> tuple[tuple[Frame, ...], tuple[str, ...]]:
    """Split a mosaic into its tiles, a frame each, with their true positions; and sentences for the user.

    The position in the header is that of the whole mosaic taken as one large slice around the
    centre of the first tile, so that the first tile begins half the difference in size further
    in. Tiles follow each other along the slice normal of the private CSA header (the right-handed
    one where it has none). Sources: Guy Williams,
    https://imaging.mrc-cbu.cam.ac.uk/imaging/DicomMosaic; nibabel's ``MosaicWrapper``.

    Raises
    ------
    UserError
        If the number of tiles is unknown, or contradicts the size of the mosaic.
    """
    file = mosaic.file
    private = _private_elements(file)
    csa = read_csa(private.values.get(_CSA_IMAGE, b""))
    count = _tile_count(file.elements, csa)
    if count is None:
        count = _protocol_count(private)
    notices: tuple[str, ...] = ()
    if count is None and (count := _count_of_places(file, private)):
        notices = (_LAST_MAY_BE_EMPTY.format(count),)
    if count is None:
        raise UserError(
            "is a Siemens mosaic that does not say how many slices it holds", path=file.path
        )
    side = math.ceil(math.sqrt(count))
    if file.format.rows % side or file.format.columns % side:
        raise UserError(
            f"is a Siemens mosaic of {count} slices, yet its size"
            f" {file.format.columns}x{file.format.rows} can't be divided into {side}x{side}",
            path=file.path,
        )
    rows, columns = file.format.rows // side, file.format.columns // side
    positions = _tile_positions(mosaic, rows, columns, count, csa)
    tiles = tuple(
        replace(
            mosaic,
            position=positions[number],
            tile=((number // side) * rows, (number % side) * columns, rows, columns),
        )
        for number in range(count)
    )
    return tiles, notices


def _tile_positions(
    mosaic: Frame, rows: int, columns: int, count: int, csa: dict[str, tuple[str, ...]]
) -> list[tuple[float, float, float] | None]:
    """Centre of the first pixel of each tile (LPS mm); None where the mosaic's is unknown."""
    if mosaic.position is None or mosaic.orientation is None or mosaic.spacing is None:
        return [None] * count
    right, down = np.array(mosaic.orientation[:3]), np.array(mosaic.orientation[3:])
    row_mm, column_mm = mosaic.spacing
    first = np.array(mosaic.position)
    first += right * column_mm * (mosaic.file.format.columns - columns) / 2
    first += down * row_mm * (mosaic.file.format.rows - rows) / 2
    normal = np.cross(right, down)
    csa_normal = csa_numbers(csa, "SliceNormalVector", 3)
    if csa_normal is not None and float(np.dot(csa_normal, normal)) < 0:
        normal = -normal
    step = normal * (mosaic.slice_spacing_mm or 1.0)
    return [_triple(first + number * step) for number in range(count)]


def _triple(position: np.ndarray) -> tuple[float, float, float]:
    x, y, z = position.tolist()
    return x, y, z


def _private_elements(file: DicomFile) -> ElementValues:
    """The CSA headers and the text of the matrix, by their tags alone: their private creator may be removed."""
    wanted = tag_numbers("SiemensCsaImage", "SiemensCsaSeries", "SiemensMatrixText")
    return read_header(FileBytes.from_path(file.path), wanted).elements


def _protocol_count(private: ElementValues) -> int | None:
    """Number of slices by the scan protocol, a text within either of the CSA headers."""
    for value in private.values.values():
        found = re.search(rb"sSliceArray\.lSize\s*=\s*(\d{1,4})\b", value)
        if found and 1 <= int(found[1]) <= _MOST_TILES:
            return int(found[1])
    return None


def _count_of_places(file: DicomFile, private: ElementValues) -> int | None:
    """Places for tiles, by the size of one as the text of the matrix says it, e.g. ``64p*64``; None if it does not fit."""
    found = re.fullmatch(
        r"\s*(\d{1,4})[a-z]*\s*\*\s*(\d{1,4})[a-z]*\s*", private.text("SiemensMatrixText")
    )
    if found is None:
        return None
    for rows, columns in ((int(found[1]), int(found[2])), (int(found[2]), int(found[1]))):
        if rows and columns and not (file.format.rows % rows or file.format.columns % columns):
            side = file.format.rows // rows
            if side == file.format.columns // columns and 1 < side * side <= _MOST_TILES:
                return side * side
    return None


def _tile_count(elements: ElementValues, csa: dict[str, tuple[str, ...]]) -> int | None:
    """Number of slices by the private element (0019,100A), else by the CSA header."""
    counts = elements.shorts("SiemensMosaicCount") or csa_numbers(csa, "NumberOfImagesInMosaic", 1)
    return int(counts[0]) if counts and 1 <= counts[0] <= _MOST_TILES else None
