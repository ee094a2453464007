"""``read_heat_map``: a DICOM Parametric Map as a volume of real values on a scan."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset

from fusion3d_gui.errors import UserError
from fusion3d_gui.imaging.dicom.frames.full_header import (
    finite_numbers,
    first_item,
    read_full_header,
)
from fusion3d_gui.imaging.dicom.instance import read_instance
from fusion3d_gui.imaging.dicom.parser.encoding import FileBytes, NotDicom
from fusion3d_gui.imaging.dicom.series_of_stack import read_volume_of_stack
from fusion3d_gui.imaging.dicom.source_series import SourceSeries
from fusion3d_gui.imaging.dicom.stack.sort import sort_into_stacks
from fusion3d_gui.imaging.labels.object_file import check_belongs, title_of
from fusion3d_gui.imaging.labels.scan_object import ScanObject
from fusion3d_gui.imaging.limits import check_memory
from fusion3d_gui.progress import Progress, no_progress


def read_heat_map(path: Path, source: SourceSeries, progress: Progress = no_progress) -> ScanObject:
    """Read a map; values that are no numbers are 0, the real-world value mapping is applied.

    Raises
    ------
    UserError
        The file is damaged, too large, or about another scan.
    """
    try:
        with FileBytes.from_path(path) as file:
            instance = read_instance(file)
    except NotDicom:
        raise UserError("is no DICOM file", path=path) from None
    header = read_full_header(instance.file)
    check_belongs(header, source, path)
    placed = [
        stack for stack in sort_into_stacks([instance]) if stack.frames[0].position is not None
    ]
    if not placed:
        raise UserError("does not say where its frames lie", path=path)
    check_memory(4 * int(np.prod(placed[0].shape)), path)
    volume = read_volume_of_stack(placed[0], path, (), progress)
    real = volume.real()
    if (volume.slope, volume.intercept) == (1.0, 0.0):
        slope, intercept = _real_world(header)
        real = real * np.float32(slope) + np.float32(intercept)
    real = np.nan_to_num(real, nan=0.0, posinf=0.0, neginf=0.0)
    heat = replace(volume, voxels=real, slope=1.0, intercept=0.0)
    notices = volume.notices
    if len(placed) > 1:
        notices = (*notices, f"It holds {len(placed)} maps; the first is shown.")
    return ScanObject("map", title_of(header, "map"), heat=heat, notices=notices)


def _real_world(header: Dataset) -> tuple[float, float]:
    """Slope and intercept of the real-world value mapping that all frames share (PS3.3 C.7.6.16.2.11)."""
    shared = first_item(header, "SharedFunctionalGroupsSequence")
    mapping = first_item(shared, "RealWorldValueMappingSequence")
    found = [finite_numbers(mapping, f"RealWorldValue{name}", 1) for name in ("Slope", "Intercept")]
    slope, intercept = found
    if slope is None or intercept is None:
        return 1.0, 0.0
    return slope[0], intercept[0]
