"""``read_report``: the measurements of a DICOM structured report (template 1500 and its kin) as marks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pydicom.dataset import Dataset

from fusion3d_gui.errors import UserError
from fusion3d_gui.imaging.annotations.annotation import KINDS, Annotation, Kind
from fusion3d_gui.imaging.dicom.frames.full_header import first_item
from fusion3d_gui.imaging.dicom.parser.header import PYDICOM_ERRORS
from fusion3d_gui.imaging.dicom.source_series import SourceFrame, SourceSeries
from fusion3d_gui.imaging.labels.graphics import (
    Graphic,
    frames_by_uid,
    graphic_on,
    marks_of,
    points_of,
    referred_frame,
)
from fusion3d_gui.imaging.labels.object_file import check_belongs, items_below, read_whole, title_of
from fusion3d_gui.imaging.labels.scan_object import ScanObject
from fusion3d_gui.plain_text import visible_text

_GROUP, _TRACKING, _FINDING, _COMMENT = "125007", "112039", "121071", "121106"
#: Coding scheme of this program, in which each kind of mark has a code.
_OWN = "99FUSION3D"
_MOST_MARKS = 500
#: A mark's text stands on the image.
_LONGEST_TEXT = 60


def read_report(path: Path, source: SourceSeries) -> ScanObject:
    """Read the points, lines and outlines of a report's measurements as marks, with its words and values.

    Raises
    ------
    UserError
        The file is damaged, holds no measurement that lies in the scan, or is about another scan.
    """
    dataset = read_whole(path)
    check_belongs(dataset, source, path)
    frames = frames_by_uid(source)
    marks: list[Annotation] = []
    lost = 0
    try:
        for group in _groups(dataset):
            graphics, missing = _graphics(group, frames, source)
            lost += missing
            text, wanted = _words(group)
            for graphic in graphics:
                if len(marks) <= _MOST_MARKS:  # one more than is shown is told
                    marks += marks_of(graphic, len(marks) + 1, text, wanted)
        title = title_of(dataset, "report")
    except PYDICOM_ERRORS:
        raise UserError("is damaged: its measurements can't be read", path=path) from None
    if not marks:
        where = " in this series" if lost else ""
        raise UserError(f"holds no measurement with a place{where}", path=path)
    notices = [f"{lost} of its measurements lie in other images."] if lost else []
    if len(marks) > _MOST_MARKS:
        notices.append(f"Only the first {_MOST_MARKS} of its marks are shown.")
    return ScanObject("report", title, marks=tuple(marks[:_MOST_MARKS]), notices=tuple(notices))


def _groups(dataset: Dataset) -> list[Dataset]:
    """The groups of measurements; the whole report where it has none."""
    found = [item for item in items_below(dataset) if _code(item, "ConceptName") == _GROUP]
    return found or [dataset]


def _content(item: Dataset) -> Iterator[Dataset]:
    """The content items below an item."""
    return (each for each in items_below(item) if "ValueType" in each and each is not item)


def _graphics(
    group: Dataset, frames: dict[tuple[str, int], SourceFrame], source: SourceSeries
) -> tuple[list[Graphic], int]:
    """The graphics of a group that lie in the scan, and the number of those that do not."""
    found, lost = [], 0
    for item in _content(group):
        kind, graphic = str(item.ValueType), None
        if kind == "SCOORD3D":
            points = points_of(item, "GraphicData", 3)
            same = str(item.get("ReferencedFrameOfReferenceUID", "")) == (
                source.frame_of_reference_uid
            )
            if points is not None and same:
                graphic = Graphic(str(item.get("GraphicType", "")), points)
        elif kind == "SCOORD":
            pixels = points_of(item, "GraphicData", 2)
            frame = _frame_of(item, frames)
            if pixels is not None and frame is not None:
                graphic = graphic_on(frame, str(item.get("GraphicType", "")), pixels)
        else:
            continue
        if graphic is None:
            lost += 1
        else:
            found.append(graphic)
    return found, lost


def _frame_of(item: Dataset, frames: dict[tuple[str, int], SourceFrame]) -> SourceFrame | None:
    for each in _content(item):
        if str(each.ValueType) == "IMAGE":
            return referred_frame(first_item(each, "ReferencedSOPSequence"), frames)
    return None


def _words(group: Dataset) -> tuple[str, Kind | None]:
    """What the marks of a group say, and their kind where it is one of this program's marks."""
    name, finding = "", ""
    comments: list[str] = []
    values: list[str] = []
    wanted: Kind | None = None
    for item in _content(group):
        concept, kind = _code(item, "ConceptName"), str(item.ValueType)
        if kind == "TEXT" and concept == _TRACKING:
            name = str(item.get("TextValue", ""))
        elif kind == "TEXT" and concept == _COMMENT:
            comments.append(str(item.get("TextValue", "")))
        elif kind == "CODE" and concept == _FINDING:
            code = first_item(item, "ConceptCodeSequence")
            own = str(code.get("CodeValue", "")).lower()
            if str(code.get("CodingSchemeDesignator", "")) == _OWN and own in KINDS:
                wanted = own
            else:
                finding = str(code.get("CodeMeaning", ""))
        elif kind == "NUM":
            values.append(_value(item))
    if wanted is not None:
        return visible_text(" ".join(comments), _LONGEST_TEXT), wanted
    told = [name or finding, ", ".join(filter(None, values))]
    return visible_text(": ".join(filter(None, told)), _LONGEST_TEXT), None


def _value(item: Dataset) -> str:
    measured = first_item(item, "MeasuredValueSequence")
    unit = str(first_item(measured, "MeasurementUnitsCodeSequence").get("CodeValue", ""))
    name = str(first_item(item, "ConceptNameCodeSequence").get("CodeMeaning", ""))
    number = measured.get("NumericValue")
    if number is None:
        return ""
    shown = "" if unit in ("1", "") else f" {unit}"
    return f"{name} {float(number):.4g}{shown}".strip()


def _code(item: Dataset, which: str) -> str:
    return str(first_item(item, f"{which}CodeSequence").get("CodeValue", ""))
