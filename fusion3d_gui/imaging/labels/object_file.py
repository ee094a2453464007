"""A DICOM object's file: whether it is one about a scan, its whole content, and of which scan it is."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import pydicom
from pydicom.dataset import Dataset

from fusion3d_gui.errors import UserError
from fusion3d_gui.imaging.dicom.frames.full_header import first_item
from fusion3d_gui.imaging.dicom.parser.element_values import tag_numbers
from fusion3d_gui.imaging.dicom.parser.encoding import DEFLATED, FileBytes, NotDicom
from fusion3d_gui.imaging.dicom.parser.header import PYDICOM_ERRORS, read_header
from fusion3d_gui.imaging.dicom.source_series import SourceSeries
from fusion3d_gui.imaging.labels.scan_object import Kind
from fusion3d_gui.input_file import read_bounded
from fusion3d_gui.plain_text import visible_text

_STORAGE = "1.2.840.10008.5.1.4.1.1."
_KINDS: dict[str, Kind] = {
    _STORAGE + "66.4": "segmentation",
    _STORAGE + "66.7": "segmentation",
    _STORAGE + "30": "map",
    _STORAGE + "11.1": "presentation state",
    _STORAGE + "481.3": "structure set",
    **{_STORAGE + f"88.{end}": "report" for end in ("11", "22", "33", "34")},
}

#: Reports and presentation states hold no pixels: real ones have some kilobytes.
_LARGEST_BYTES = 50_000_000
#: Sequences within sequences that are looked into.
_DEEPEST = 24
#: Items that are looked at in all.
_MOST_ITEMS = 200_000


def object_kind(path: Path) -> Kind | None:
    """What a file is, by its storage class; None where it is no object about a scan, or can't be read."""
    try:
        with FileBytes.from_path(path) as file:
            elements = read_header(file, tag_numbers("SOPClassUID")).elements
    except (NotDicom, UserError):
        return None
    return _KINDS.get(elements.text("SOPClassUID"))


def read_whole(path: Path) -> Dataset:
    """A report or presentation state, of bounded size.

    Raises
    ------
    UserError
        It can't be read, or is too large for what it is.
    """
    try:
        content = read_bounded(path, _LARGEST_BYTES)
        with FileBytes.from_path(path) as file:
            syntax = read_header(file, frozenset()).transfer_syntax
        if syntax == DEFLATED:
            raise UserError("is packed as a whole, which is not read", path=path)
        found = pydicom.dcmread(io.BytesIO(content))
        _ = [element.VR for element in found]  # reads every element
        return found
    except OSError as error:
        raise UserError(f"can't be read ({error.strerror})", path=path) from None
    except NotDicom:
        raise UserError("is no DICOM file", path=path) from None
    except PYDICOM_ERRORS:
        raise UserError("is damaged, or is too large for what it is", path=path) from None


def items_below(dataset: Dataset) -> Iterator[Dataset]:
    """The items of all sequences, depth first, to a bounded depth and number."""
    pending = [(dataset, 0)]
    count = 0
    while pending and count < _MOST_ITEMS:
        current, depth = pending.pop()
        count += 1
        yield current
        if depth < _DEEPEST:
            inner = [
                item for element in current if element.VR == "SQ" for item in element.value or ()
            ]
            pending += [(item, depth + 1) for item in reversed(inner)]


def title_of(dataset: Dataset, kind: Kind) -> str:
    """The series' description, else what the object is."""
    return visible_text(str(dataset.get("SeriesDescription") or "")) or kind.capitalize()


def check_belongs(dataset: Dataset, source: SourceSeries, path: Path) -> None:
    """Refuse an object that is about another scan.

    It belongs to the scan if it is of the same study, and names the scan's series or one of its images, or lies
    in its frame of reference.

    Raises
    ------
    UserError
        It does not.
    """
    own, scan = str(dataset.get("StudyInstanceUID", "")), source.first
    if own != str(scan.StudyInstanceUID):
        raise UserError(
            "belongs to another study than the scan on screen",
            path=path,
            remedy="Open the scan that it is about.",
        )
    owners = {str(each.get("PatientID") or "").strip() for each in (dataset, scan)} - {""}
    if len(owners) > 1:
        raise UserError(
            "names another patient than the scan on screen",
            path=path,
            remedy="Open the scan that it is about.",
        )
    referenced = first_item(dataset, "ReferencedFrameOfReferenceSequence")
    frame = str(dataset.get("FrameOfReferenceUID") or referenced.get("FrameOfReferenceUID") or "")
    if frame and frame != source.frame_of_reference_uid:
        raise UserError(
            "lies in another frame of reference than the scan on screen: its positions mean nothing there",
            path=path,
            remedy="Open the series that it is about.",
        )
    try:
        if frame or _names_scan(dataset, source):
            return
    except PYDICOM_ERRORS:
        raise UserError("is damaged: what it refers to can't be read", path=path) from None
    raise UserError(
        "is about another series of this study",
        path=path,
        remedy="Open the series that it is about.",
    )


def _names_scan(dataset: Dataset, source: SourceSeries) -> bool:
    """Whether an object names the scan's series, one of its images, or its frame of reference."""
    wanted = {str(source.first.SeriesInstanceUID), source.frame_of_reference_uid}
    wanted |= {str(header.SOPInstanceUID) for header in source.headers}
    keywords = ("SeriesInstanceUID", "ReferencedSOPInstanceUID", "ReferencedFrameOfReferenceUID")
    return any(
        str(item.get(keyword, "")) in wanted
        for item in items_below(dataset)
        if item is not dataset
        for keyword in keywords
    )
