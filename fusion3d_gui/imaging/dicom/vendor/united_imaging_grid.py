"""Grids of United Imaging (UIH): the slices of a volume as tiles of one image, each with its position."""

from __future__ import annotations

import math
from dataclasses import replace

from pydicom.datadict import add_private_dict_entry

from fusion3d_gui.errors import UserError
from fusion3d_gui.imaging.dicom.frames.file import DicomFile
from fusion3d_gui.imaging.dicom.frames.frame import Frame
from fusion3d_gui.imaging.dicom.frames.full_header import finite_numbers, read_full_header
from fusion3d_gui.imaging.dicom.parser.header import PYDICOM_ERRORS

#: "MR VFrame Sequence", an item with the position of each slice.
_SLICES = (0x0065, 0x1051)
# Implicit encodings don't say that it is a sequence.
add_private_dict_entry("Image Private Header", 0x00651051, "SQ", "MR VFrame Sequence")

_MOST_SLICES = 4096


def is_grid(file: DicomFile) -> bool:
    """Whether an image is a grid, by its image type and its number of slices."""
    is_vframe = "VFRAME" in file.elements.text("ImageType").upper().split("\\")
    return is_vframe and _slice_count(file) > 1


def split_grid(grid: Frame) -> tuple[Frame, ...]:
    """Split a grid into its tiles, row by row, a frame each, at the positions that the file gives.

    Private elements (0065,1050), the number of slices, and (0065,1051), as UIH's conformance statement
    and dcm2niix name them.

    Raises
    ------
    UserError
        If the size of the grid can't be divided into as many tiles, or positions are missing.
    """
    file = grid.file
    count = _slice_count(file)
    across = math.ceil(math.sqrt(count))
    down = math.ceil(count / across)
    if file.format.rows % down or file.format.columns % across:
        raise UserError(
            f"is a grid of {count} slices, yet its size {file.format.columns}x{file.format.rows}"
            f" can't be divided into {across}x{down}",
            path=file.path,
        )
    positions = _positions(file)
    if len(positions) != count:
        raise UserError(
            f"is a grid of {count} slices and gives the position of {len(positions)}",
            path=file.path,
        )
    rows, columns = file.format.rows // down, file.format.columns // across
    return tuple(
        replace(
            grid,
            position=position,
            tile=((number // across) * rows, (number % across) * columns, rows, columns),
        )
        for number, position in enumerate(positions)
    )


def _slice_count(file: DicomFile) -> int:
    count = file.elements.number("UihGridCount")
    return int(count) if count is not None and 1 <= count <= _MOST_SLICES else 0


def _positions(file: DicomFile) -> list[tuple[float, float, float]]:
    """Positions of the slices, those that can be read."""
    dataset = read_full_header(file)
    try:
        items = dataset[_SLICES].value if _SLICES in dataset else ()
        found = [finite_numbers(item, "ImagePositionPatient", 3) for item in items]
    except PYDICOM_ERRORS:
        return []
    return [(each[0], each[1], each[2]) for each in found if each is not None]
