"""``SourceUids``: the UIDs of the study, series and instances that a volume was read from."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from fusion3d_gui.errors import UserError
from fusion3d_gui.imaging.dicom.parser.encoding import FileBytes, NotDicom
from fusion3d_gui.progress import Progress, no_progress

_WANTED = (
    "StudyInstanceUID",
    "SeriesInstanceUID",
    "FrameOfReferenceUID",
    "SOPInstanceUID",
    "SOPClassUID",
    "ImageType",
)
_BATCH = 64


@dataclass(frozen=True)
class SourceUids:
    """UIDs as the files have them, each empty where unknown.

    ``instances`` are in the order of the files; ``sop_class`` and ``image_type`` are the first file's.
    """

    study: str = ""
    series: str = ""
    frame_of_reference: str = ""
    instances: tuple[str, ...] = ()
    sop_class: str = ""
    image_type: tuple[str, ...] = ()


def read_source_uids(files: Iterable[Path], progress: Progress = no_progress) -> SourceUids:
    """Read the UIDs of DICOM files of one series; what is no DICOM, or can't be read, is passed over."""
    # Imported where they are used: the window starts without pydicom.
    from fusion3d_gui.imaging.dicom.parser.element_values import tag_numbers
    from fusion3d_gui.imaging.dicom.parser.header import read_header

    named, wanted = list(files), tag_numbers(*_WANTED)
    found = SourceUids()
    instances: list[str] = []
    for number, path in enumerate(named):
        if number % _BATCH == 0:
            progress(number / len(named), "Reading the scan's identifiers")
        try:
            with FileBytes.from_path(path) as file:
                elements = read_header(file, wanted).elements
        except (NotDicom, UserError):
            continue
        if not instances:
            found = SourceUids(
                study=elements.text("StudyInstanceUID"),
                series=elements.text("SeriesInstanceUID"),
                frame_of_reference=elements.text("FrameOfReferenceUID"),
                sop_class=elements.text("SOPClassUID"),
                image_type=tuple(elements.text("ImageType").split("\\")),
            )
        instances.append(elements.text("SOPInstanceUID"))
    return replace(found, instances=tuple(instances))
