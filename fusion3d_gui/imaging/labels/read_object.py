"""``read_scan_object``: a DICOM segmentation, structure set, report, map or presentation state, read onto its scan."""

from __future__ import annotations

from pathlib import Path

from fusion3d_gui.errors import UserError
from fusion3d_gui.imaging.dicom.source_series import SourceSeries
from fusion3d_gui.imaging.labels.heat_map import read_heat_map
from fusion3d_gui.imaging.labels.object_file import object_kind
from fusion3d_gui.imaging.labels.presentation_marks import read_presentation
from fusion3d_gui.imaging.labels.report_marks import read_report
from fusion3d_gui.imaging.labels.scan_object import ScanObject
from fusion3d_gui.imaging.labels.segmentation import read_segmentation
from fusion3d_gui.imaging.labels.structure_set import read_structure_set
from fusion3d_gui.imaging.volume import Volume
from fusion3d_gui.progress import Progress, no_progress


def read_scan_object(
    path: Path, volume: Volume, source: SourceSeries, progress: Progress = no_progress
) -> ScanObject:
    """Read what a file adds to a scan.

    Parameters
    ----------
    path
        The file.
    volume, source
        The scan, and the images that it was read from.
    progress
        Raises Cancelled to stop.

    Raises
    ------
    UserError
        It is none of these, is damaged or too large, or is about another scan: an object is never shown
        on a scan of another study or frame of reference.
    """
    progress(0.0, "Reading the DICOM object")
    kind = object_kind(path)
    if kind == "segmentation":
        return read_segmentation(path, volume, source, progress)
    if kind == "structure set":
        return read_structure_set(path, volume, source, progress)
    if kind == "map":
        return read_heat_map(path, source, progress)
    if kind == "report":
        return read_report(path, source)
    if kind == "presentation state":
        return read_presentation(path, source)
    raise UserError(
        "is no DICOM segmentation, structure set, report, parametric map or presentation state",
        path=path,
    )
