"""``read_masks``: the masks of any file on a scan, whatever its format."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fusion3d_gui.errors import UserError
from fusion3d_gui.imaging.dicom.source_series import SourceSeries
from fusion3d_gui.imaging.labels.label_map import masks_on
from fusion3d_gui.imaging.labels.label_map_file import is_label_file, read_label_maps
from fusion3d_gui.imaging.labels.mask_position import check_position, side_notice
from fusion3d_gui.imaging.labels.object_file import object_kind
from fusion3d_gui.imaging.labels.read_object import read_scan_object
from fusion3d_gui.imaging.labels.scan_object import Mask, ScanObject
from fusion3d_gui.imaging.volume import Volume
from fusion3d_gui.plain_text import visible_text
from fusion3d_gui.progress import Progress, no_progress, part_of

#: Objects about a scan that hold masks.
MASK_KINDS = ("segmentation", "structure set")


def read_masks(
    path: Path, scan: Volume, source: SourceSeries | None, progress: Progress = no_progress
) -> ScanObject:
    """Read a label map (NIfTI, NRRD, MetaImage), DICOM Segmentation or RT Structure Set onto a scan.

    Parameters
    ----------
    path
        The file.
    scan
        The scan.
    source
        The DICOM images that it was read from; None where it is no DICOM: no DICOM object can be about it.
    progress
        Raises Cancelled to stop.

    Raises
    ------
    UserError
        It is none of these, is damaged or too large, lies beside the scan, or is about another scan or patient.
    """
    if is_label_file(path):
        return _read_label_file(path, scan, progress)
    if object_kind(path) not in MASK_KINDS:
        raise UserError(
            "is no mask",
            path=path,
            remedy="Give NIfTI, NRRD or MetaImage, a DICOM Segmentation or an RT Structure Set.",
        )
    if source is None:
        raise UserError(
            "is a DICOM object, which can only be about a DICOM scan",
            path=path,
            remedy="Open the DICOM series that it is about.",
        )
    return read_scan_object(path, scan, source, progress)


def _read_label_file(path: Path, scan: Volume, progress: Progress) -> ScanObject:
    maps, notices = read_label_maps(path, part_of(progress, 0.0, 0.7))
    check_position(maps[0].grid, scan, path)
    side = side_notice(maps[0].grid, scan)
    masks: list[Mask] = []
    outside = 0
    for number, each in enumerate(maps):
        part = part_of(
            progress, 0.7 + 0.3 * number / len(maps), 0.7 + 0.3 * (number + 1) / len(maps)
        )
        found, missing = masks_on(each, scan, part)
        masks += found
        outside += missing
    if not masks:
        raise UserError(
            "has no voxel of a label in the scan",
            path=path,
            remedy="Open the scan on which it was drawn.",
        )
    if outside:
        notices += (f"{outside} of its labels lie nowhere in the scan.",)
    return ScanObject(
        "label map",
        visible_text(path.name),
        masks=tuple(masks),
        notices=((side,) if side else ()) + tuple(notices),
    )


def mask_document(found: ScanObject, scan: Volume) -> dict[str, Any]:
    """What ``fusion3d mask`` prints: each mask's name, colour, volume and place, and the notices."""
    masks = []
    for each in found.masks:
        low, high = each.grid.bounds_lps
        masks.append(
            {
                "name": each.name,
                "color": each.color or None,
                "volume_ml": each.volume_ml,
                "volume_on_scan_ml": each.volume_on_scan_ml,
                "voxels_on_scan": int(each.grid.voxels.sum()),
                "center_lps_mm": each.center_lps.tolist(),
                "box_lps_mm": [low.tolist(), high.tolist()],
            }
        )
    return {
        "kind": found.kind,
        "masks": masks,
        "scan": {"shape_kji": list(scan.shape), "affine_lps": scan.affine.tolist()},
        "notices": list(found.notices),
    }
