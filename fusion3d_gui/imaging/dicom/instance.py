"""``DicomInstance``: one DICOM file and its frames, whichever way it encodes them."""

from __future__ import annotations

from dataclasses import dataclass

from fusion3d_gui.imaging.dicom.frames.classic import read_classic_frames
from fusion3d_gui.imaging.dicom.frames.enhanced import read_enhanced_frames
from fusion3d_gui.imaging.dicom.frames.file import DicomFile, read_dicom_file
from fusion3d_gui.imaging.dicom.frames.frame import Frame
from fusion3d_gui.imaging.dicom.parser.encoding import FileBytes
from fusion3d_gui.imaging.dicom.vendor.siemens_mosaic import is_mosaic, split_mosaic
from fusion3d_gui.imaging.dicom.vendor.united_imaging_grid import is_grid, split_grid


@dataclass(frozen=True, slots=True, eq=False)
class DicomInstance:
    """A file, its frames in stored order, and sentences about it for the user."""

    file: DicomFile
    frames: tuple[Frame, ...]
    notices: tuple[str, ...] = ()


def read_instance(source: FileBytes) -> DicomInstance:
    """Read the header of a file, and describe its frames: classic, enhanced, or tiles of a mosaic or grid.

    Raises
    ------
    NotDicom
        If the file is something else.
    UserError
        If it is DICOM that can't be used.
    """
    file = read_dicom_file(source)
    if file.has_functional_groups:
        return DicomInstance(file, *read_enhanced_frames(file))
    frames = read_classic_frames(file)
    if is_mosaic(file):
        parts = [split_mosaic(frame) for frame in frames]
        tiles = tuple(tile for found, _ in parts for tile in found)
        return DicomInstance(file, tiles, parts[0][1] if parts else ())
    if is_grid(file):
        frames = tuple(tile for frame in frames for tile in split_grid(frame))
    return DicomInstance(file, frames)
