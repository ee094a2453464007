"""DICOM files and frames that exist in memory only, for tests of what is done with their headers."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np

from fusion3d_gui.imaging.dicom.frames.file import DicomFile, PixelFormat
from fusion3d_gui.imaging.dicom.frames.frame import Frame, Rescale
from fusion3d_gui.imaging.dicom.parser.element_values import ElementValues
from fusion3d_gui.imaging.dicom.parser.walker import PIXEL_TAGS, PixelElement

FORMAT = {
    "rows": 4,
    "columns": 6,
    "samples": 1,
    "planar": False,
    "photometric": "MONOCHROME2",
    "bits_allocated": 16,
    "bits_stored": 12,
    "high_bit": 11,
    "signed": False,
    "floating": False,
}


def elements(**values: Any) -> ElementValues:
    """Values by keyword: text and numbers as decimal strings, bytes as they are, lists joined by backslashes."""
    made = ElementValues({}, True)
    for keyword, value in values.items():
        if isinstance(value, list | tuple):
            value = "\\".join(str(each) for each in value)
        raw = value if isinstance(value, bytes) else str(value).encode()
        made.values[_tag(keyword)] = raw
    return made


def _tag(keyword: str) -> int:
    from fusion3d_gui.imaging.dicom.parser.element_values import tag_numbers

    (number,) = tag_numbers(keyword)
    return number


def shorts(*numbers: int) -> bytes:
    """Binary integers of 16 bits."""
    return struct.pack(f"<{len(numbers)}H", *numbers)


def dicom_file(path: str = "scan/a.dcm", frame_count: int = 1, **values: Any) -> DicomFile:
    """A file; of ``values`` those in lower case are of its pixel format, the others are elements."""
    form = {**FORMAT, **{key: value for key, value in values.items() if key in FORMAT}}
    said = elements(**{key: value for key, value in values.items() if key not in FORMAT})
    pixels = PixelElement(PIXEL_TAGS[2], 0, 48 * frame_count, "OW")
    return DicomFile(
        Path(path), said, "1.2.840.10008.1.2.1", pixels, PixelFormat(**form), frame_count
    )


def frame(file: DicomFile | None = None, **changes: Any) -> Frame:
    """An upright frame at 0, 0, 0 of pixels of 0.5 by 0.8 mm (between rows, between columns)."""
    made: dict[str, Any] = {
        "file": dicom_file() if file is None else file,
        "index": 0,
        "position": (0.0, 0.0, 0.0),
        "orientation": (1.0, 0.0, 0.0, 0.0, 1.0, 0.0),
        "spacing": (0.5, 0.8),
        "slice_spacing_mm": 2.0,
        "rescale": Rescale(),
        "windows": (),
        "voi_function": "",
        "labels": {},
    }
    return Frame(**{**made, **changes})


def stacked(depths: Any, file: DicomFile | None = None, **changes: Any) -> list[Frame]:
    """Upright frames at these depths (mm) along the patient's axis."""
    return [
        frame(file, position=(1.0, 2.0, float(depth)), **changes) for depth in np.asarray(depths)
    ]
