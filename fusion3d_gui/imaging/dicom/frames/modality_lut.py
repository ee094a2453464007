"""Modality LUTs: the table from stored to real values of an image that has no linear rescale."""

from __future__ import annotations

from fusion3d_gui.errors import UserError
from fusion3d_gui.imaging.dicom.frames.file import DicomFile
from fusion3d_gui.imaging.dicom.frames.full_header import read_full_header
from fusion3d_gui.imaging.dicom.frames.lookup_table import (
    LookupTable,
    has_lookup_table,
    read_lookup_table,
)


def read_modality_lut(file: DicomFile) -> LookupTable | None:
    """The table from stored to real values (PS3.3 C.11.1); None where the file has none.

    Raises UserError where it has one that can't be used: its real values are then unknown.
    """
    if not file.elements.has("ModalityLUTSequence"):
        return None
    dataset = read_full_header(file)
    if "ModalityLUTSequence" in dataset and not has_lookup_table(dataset, "ModalityLUTSequence"):
        return None
    table = read_lookup_table(dataset, "ModalityLUTSequence", file.format.signed)
    if table is None or file.format.floating:
        raise UserError("has a table from stored to real values that can't be used", path=file.path)
    return table
