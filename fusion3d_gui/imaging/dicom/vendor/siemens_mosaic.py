"""Siemens mosaics: a whole volume laid out as tiles in one image."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from fusion3d_gui.errors import UserError
from fusion3d_gui.imaging.dicom.frames.file import DicomFile
from fusion3d_gui.imaging.dicom.frames.frame import Frame
from fusion3d_gui.imaging.dicom.parser.element_values import ElementValues, tag_numbers
from fusion3d_gui.imaging.dicom.parser.encoding import FileBytes
from fusion3d_gui.imaging.dicom.parser.header import read_header
from fusion3d_gui.imaging.dicom.vendor.siemens_csa import csa_numbers, read_csa


def is_mosaic(file: DicomFile) -> bool:
    """Whether an image is a Siemens mosaic (by the third value of its image type)."""
    return "MOSAIC" in file.elements.text("ImageType").upper().split("\\")


def split_mosaic(whole: Frame) -> tuple[Frame, ...]:
    """The tiles of a mosaic as frames, each at its true place.

    Siemens writes the position that the mosaic would have if it were one large slice, centred
    where the tiles' centre is; so the first tile's corner lies half the difference in size
    further in. Tiles follow each other along the slice normal that the private CSA header gives.
    (Guy Williams, https://imaging.mrc-cbu.cam.ac.uk/imaging/DicomMosaic; nibabel's MosaicWrapper.)

    Raises UserError where the number of tiles is not to be known or contradicts the size.
    """
    file = whole.file
    csa = _csa_header(file)
    count = _tile_count(file.elements, csa)
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
    if whole.position is None or whole.orientation is None or whole.spacing is None:
        positions: list[tuple[float, float, float] | None] = [None] * count
    else:
        right, down = np.array(whole.orientation[:3]), np.array(whole.orientation[3:])
        row_mm, column_mm = whole.spacing
        corner = np.array(whole.position)
        corner += right * column_mm * (file.format.columns - columns) / 2
        corner += down * row_mm * (file.format.rows - rows) / 2
        normal = np.cross(right, down)
        said = csa_numbers(csa, "SliceNormalVector", 3)
        if said is not None and float(np.dot(said, normal)) < 0:
            normal = -normal
        step = normal * (whole.slice_spacing_mm or 1.0)
        positions = [_triple(corner + number * step) for number in range(count)]
    return tuple(
        replace(
            whole,
            position=positions[number],
            tile=((number // side) * rows, (number % side) * columns, rows, columns),
        )
        for number in range(count)
    )


def _triple(position: np.ndarray) -> tuple[float, float, float]:
    x, y, z = position.tolist()
    return x, y, z


def _csa_header(file: DicomFile) -> dict[str, tuple[str, ...]]:
    elements = read_header(FileBytes.from_path(file.path), tag_numbers("SiemensCsaImage")).elements
    return read_csa(next(iter(elements.values.values()), b""))


def _tile_count(elements: ElementValues, csa: dict[str, tuple[str, ...]]) -> int | None:
    counts = elements.shorts("SiemensMosaicCount") or csa_numbers(csa, "NumberOfImagesInMosaic", 1)
    return int(counts[0]) if counts and 1 <= counts[0] <= 1024 else None
