"""What pydicom reads of a file's header: all of it, and the table from stored to real values."""

from __future__ import annotations

import pydicom
from pydicom.dataset import Dataset

from fusion3d_gui.errors import UserError
from fusion3d_gui.imaging.dicom.frames.file import DicomFile
from fusion3d_gui.imaging.dicom.frames.lookup_table import LookupTable, read_lookup_table
from fusion3d_gui.imaging.dicom.parser.encoding import open_inflated
from fusion3d_gui.imaging.dicom.parser.header import PYDICOM_ERRORS


def read_full_header(file: DicomFile) -> Dataset:
    """All of a file's header, by pydicom; an empty one where that can't read it.

    pydicom unpacks a deflated file itself; that its size is bounded is known from the first look.
    """
    with open_inflated(file.path) as stream:
        try:
            return pydicom.dcmread(stream, stop_before_pixels=True, force=True)
        except PYDICOM_ERRORS:
            return Dataset()


def read_modality_lut(file: DicomFile) -> LookupTable | None:
    """The table from stored to real values (PS3.3 C.11.1); None where the file has none.

    Raises UserError where it has one that can't be used: its values are then not known.
    """
    if not file.elements.has("ModalityLUTSequence"):
        return None
    dataset = read_full_header(file)
    if "ModalityLUTSequence" in dataset and not dataset["ModalityLUTSequence"].value:
        return None
    table = read_lookup_table(dataset, "ModalityLUTSequence", file.format.signed)
    if table is None or file.format.floating:
        raise UserError("has a table from stored to real values that can't be used", path=file.path)
    return table
