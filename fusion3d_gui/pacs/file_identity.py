"""``FileIdentity``: whose a DICOM file is and what it is, read from its header by the program's own parser."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from fusion3d_gui.errors import UserError
from fusion3d_gui.imaging.dicom.parser.encoding import FileBytes, NotDicom
from fusion3d_gui.pacs.query import is_uid

_WANTED = (
    "SpecificCharacterSet",
    "SOPClassUID",
    "SOPInstanceUID",
    "StudyInstanceUID",
    "SeriesInstanceUID",
    "PatientName",
    "PatientID",
    "PatientBirthDate",
    "ImageComments",
    "SeriesDescription",
)


@dataclass(frozen=True)
class FileIdentity:
    """UIDs of a DICOM file, its encoding, and its patient: never show or log the latter."""

    sop_class: str
    uid: str
    study_uid: str
    series_uid: str
    transfer_syntax: str
    #: ID, name and date of birth.
    patient: tuple[str, str, str]
    comments: str = ""
    series_description: str = ""

    @property
    def patient_id(self) -> str:
        """The patient's ID."""
        return self.patient[0]


def read_identity(path: Path) -> FileIdentity:
    """Read the identity of a DICOM file.

    Raises
    ------
    UserError
        It is no whole DICOM file, or lacks one of its UIDs.
    """
    # Imported where they are used: the window starts without pydicom.
    from fusion3d_gui.imaging.dicom.parser.element_values import tag_numbers
    from fusion3d_gui.imaging.dicom.parser.header import read_header

    with FileBytes.from_path(path) as file:
        try:
            header = read_header(file, tag_numbers(*_WANTED))
        except NotDicom:
            raise UserError("is no DICOM file", path=path) from None
    text = header.elements.text
    sop_class, uid = text("SOPClassUID"), text("SOPInstanceUID")
    study_uid, series_uid = text("StudyInstanceUID"), text("SeriesInstanceUID")
    if not all(map(is_uid, (sop_class, uid, study_uid, series_uid))):
        raise UserError("lacks a UID that every DICOM object has", path=path)
    return FileIdentity(
        sop_class,
        uid,
        study_uid,
        series_uid,
        transfer_syntax=header.transfer_syntax,
        patient=(
            text("PatientID"),
            # Trailing delimiters mean nothing (PS3.5 section 6.2.1.1).
            "=".join(group.rstrip("^ ") for group in text("PatientName").split("=")).rstrip("="),
            text("PatientBirthDate"),
        ),
        comments=text("ImageComments"),
        series_description=text("SeriesDescription"),
    )
