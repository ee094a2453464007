"""``read_tags``: the header of a DICOM file as lines of text, with or without the patient's identity."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pydicom
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset

from fusion3d_gui.errors import UserError
from fusion3d_gui.imaging.dicom.parser.header import PYDICOM_ERRORS
from fusion3d_gui.imaging.privacy.deidentify import identifying_words
from fusion3d_gui.imaging.privacy.identifying_words import NAMING, WHOLE, IdentifyingWords
from fusion3d_gui.plain_text import visible_text
from fusion3d_gui.progress import Progress, no_progress

HIDDEN = "hidden"

_MOST_LINES = 20_000
_DEEPEST = 8
_LONGEST_VALUE = 300
#: Larger values are not read: they hold pixels or curves.
_DEFER_BYTES = 65_536

#: Value representations of names, dates, times and free text.
_IDENTIFYING_VRS = frozenset(("PN", "DA", "TM", "DT", "LT", "UT", "ST", "UR", "AE"))
_BINARY_VRS = frozenset(("OB", "OW", "OD", "OF", "OL", "OV", "UN"))
#: Elements of the patient group that do not identify anybody.
_HARMLESS_PATIENT = frozenset(
    (
        "PatientSex",
        "PatientAge",
        "PatientSize",
        "PatientWeight",
        "PatientIdentityRemoved",
        "PatientPosition",
        "PatientOrientation",
    )
)
#: Parts of the keywords of elements that may identify somebody.
_IDENTIFYING_KEYWORD_PARTS = (
    "Patient",
    "Physician",
    "Operator",
    "Institution",
    "Accession",
    "StudyID",
    "StationName",
    "SerialNumber",
    "Address",
    "Comment",
    "Telephone",
    "Requesting",
    "Performed",
    "Scheduled",
    "Admission",
    "Issuer",
    "Author",
    "Consulting",
    "Referring",
    "Name",
    "Identifier",
    "Provider",
    "Organization",
    "Description",
)
_HARMLESS_UIDS = frozenset(("SOPClassUID", "TransferSyntaxUID", "MediaStorageSOPClassUID"))


@dataclass(frozen=True)
class TagLine:
    """One element: its depth in sequences, tag as ``"(0010,0010)"``, name, VR, and value as text."""

    depth: int
    tag: str
    name: str
    vr: str
    value: str


def read_tags(
    path: Path, *, hide_identity: bool, progress: Progress = no_progress
) -> list[TagLine]:
    """Read the header of a DICOM file, sequences unfolded, without pixels.

    Parameters
    ----------
    path
        The file.
    hide_identity
        Whether to replace by ``"hidden"`` the values that could identify the patient, the place or
        the time, all private elements, and any value that contains a part of the patient's name or
        numbers: rather too many than too few.
    progress
        Told that reading begins.

    Returns
    -------
    list of TagLine
        In the file's order, at most 20,000. Sequences are unfolded to a depth of 8.

    Raises
    ------
    UserError
        If it can't be read as DICOM.
    """
    progress(0.0, "Reading the tags")
    try:
        dataset = pydicom.dcmread(
            path, stop_before_pixels=True, defer_size=_DEFER_BYTES, force=False
        )
        words = None
        if hide_identity:
            words = identifying_words({key: str(dataset.get(key) or "") for key in NAMING + WHOLE})
        lines: list[TagLine] = []
        meta = getattr(dataset, "file_meta", None)
        if meta is not None:
            _add(lines, meta, 0, words)
        _add(lines, dataset, 0, words)
    except PYDICOM_ERRORS:
        raise UserError("its tags can't be read", path=path) from None
    return lines


def _add(lines: list[TagLine], dataset: Dataset, depth: int, hide: IdentifyingWords | None) -> None:
    for tag in sorted(dataset.keys()):
        if len(lines) >= _MOST_LINES:
            return
        element = dataset[tag]
        name = (
            visible_text(element.name) if element.keyword or element.tag.is_private else "Unknown"
        )
        if element.VR == "SQ":
            items = list(element.value or ())
            count = f"{len(items)} item" + ("" if len(items) == 1 else "s")
            hidden = hide is not None and _identifies(element)
            value = HIDDEN if hidden else count
            lines.append(TagLine(depth, str(element.tag), name, "SQ", value))
            # Deeper ones are only counted: as text, each level would hold all below it once more.
            if not hidden and depth < _DEEPEST:
                for item in items:
                    _add(lines, item, depth + 1, hide)
            continue
        value = _text(element)
        if hide is not None and (_identifies(element) or hide.occur_in(value)):
            value = HIDDEN
        lines.append(TagLine(depth, str(element.tag), name, element.VR, value))


def _identifies(element: DataElement) -> bool:
    """Whether a value could identify the patient, the place or the time."""
    keyword = element.keyword
    if element.tag.is_private or not keyword or element.VR in _IDENTIFYING_VRS:
        return True
    if element.VR == "UI":
        return keyword not in _HARMLESS_UIDS
    if keyword in _HARMLESS_PATIENT:
        return False
    return element.tag.group == 0x0010 or any(
        word in keyword for word in _IDENTIFYING_KEYWORD_PARTS
    )


def _text(element: DataElement) -> str:
    value = element.value
    if value is None:
        return ""
    if element.VR in _BINARY_VRS or isinstance(value, bytes):
        return f"{len(value)} bytes"
    text = " \\ ".join(map(str, value)) if element.VM > 1 else str(value)
    return visible_text(" ".join(text.split()), _LONGEST_VALUE)
