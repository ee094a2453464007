"""``read_presentation``: window level and graphics of a DICOM presentation state."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset

from fusion3d_gui.errors import UserError
from fusion3d_gui.imaging.annotations.annotation import Annotation
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
from fusion3d_gui.imaging.labels.object_file import check_belongs, read_whole, title_of
from fusion3d_gui.imaging.labels.scan_object import ScanObject
from fusion3d_gui.plain_text import visible_text

_MOST_MARKS = 500
#: A mark's text stands on the image.
_LONGEST_TEXT = 60


def read_presentation(path: Path, source: SourceSeries) -> ScanObject:
    """Read the window level and those graphics that lie in images of the scan.

    Graphics on the screen rather than in an image are left out.

    Raises
    ------
    UserError
        The file is damaged, or about another scan.
    """
    dataset = read_whole(path)
    check_belongs(dataset, source, path)
    frames = frames_by_uid(source)
    marks: list[Annotation] = []
    lost = 0
    try:
        for item in dataset.get("GraphicAnnotationSequence") or ():
            frame = _frame_of(item, frames, source)
            if frame is None:
                lost += 1
                continue
            text = _text(item)
            graphics = list(_graphics(item, frame))
            if not graphics and text:
                graphics = list(_anchors(item, frame))
            for graphic in graphics:
                if len(marks) <= _MOST_MARKS:  # one more than is shown is told
                    marks += marks_of(graphic, len(marks) + 1, text, None)
        window = _window(dataset)
        title = title_of(dataset, "presentation state")
    except PYDICOM_ERRORS:
        raise UserError("is damaged: its graphics can't be read", path=path) from None
    notices = [f"{lost} of its graphics lie in other images."] if lost else []
    if len(marks) > _MOST_MARKS:
        notices.append(f"Only the first {_MOST_MARKS} of its marks are shown.")
    return ScanObject(
        "presentation state",
        title,
        marks=tuple(marks[:_MOST_MARKS]),
        window=window,
        notices=tuple(notices),
    )


def _frame_of(
    item: Dataset, frames: dict[tuple[str, int], SourceFrame], source: SourceSeries
) -> SourceFrame | None:
    """The first of the scan's frames that a graphic is for; the middle one where it is for all images."""
    references = item.get("ReferencedImageSequence") or ()
    if not references:
        return source.frames[len(source.frames) // 2]
    found = (referred_frame(reference, frames) for reference in references)
    return next((frame for frame in found if frame is not None), None)


def _graphics(item: Dataset, frame: SourceFrame) -> Iterator[Graphic]:
    for graphic in item.get("GraphicObjectSequence") or ():
        pixels = points_of(graphic, "GraphicData", 2)
        if pixels is None or str(graphic.get("GraphicAnnotationUnits", "")) != "PIXEL":
            continue
        kind = str(graphic.get("GraphicType", ""))
        yield graphic_on(frame, "POLYLINE" if kind == "INTERPOLATED" else kind, pixels)


def _anchors(item: Dataset, frame: SourceFrame) -> Iterator[Graphic]:
    """Where the texts of an annotation stand, for one that has no graphic."""
    for text in item.get("TextObjectSequence") or ():
        for keyword in ("AnchorPoint", "BoundingBoxTopLeftHandCorner"):
            unit = f"{keyword.replace('TopLeftHandCorner', '')}AnnotationUnits"
            pixels = points_of(text, keyword, 2)
            if pixels is not None and str(text.get(unit, "PIXEL")) == "PIXEL":
                yield graphic_on(frame, "POINT", pixels[:1])
                break


def _text(item: Dataset) -> str:
    texts = [
        " ".join(str(each.get("UnformattedTextValue", "")).split())
        for each in item.get("TextObjectSequence") or ()
    ]
    return visible_text("; ".join(filter(None, texts)), _LONGEST_TEXT)


def _window(dataset: Dataset) -> tuple[float, float] | None:
    for item in dataset.get("SoftcopyVOILUTSequence") or ():
        if "WindowCenter" in item and "WindowWidth" in item:
            center = float(np.atleast_1d(item.WindowCenter)[0])
            width = float(np.atleast_1d(item.WindowWidth)[0])
            if np.isfinite([center, width]).all() and width > 0:
                return center, width
    return None
