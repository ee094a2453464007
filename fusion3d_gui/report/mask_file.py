"""Write a reader's mask: as NIfTI on the scan's grid, or as a DICOM Segmentation in the scan's study."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import numpy as np

from fusion3d_gui.errors import UserError
from fusion3d_gui.imaging.labels.brush import part_of_mask
from fusion3d_gui.imaging.labels.scan_object import Mask
from fusion3d_gui.imaging.volume import Volume
from fusion3d_gui.output_file import whole_file
from fusion3d_gui.progress import Progress, no_progress

_NOTE = "Fusion3D reader's mask, research use only"


def write_mask(
    path: Path,
    mask: Mask,
    scan: Volume,
    files: tuple[Path, ...] = (),
    progress: Progress = no_progress,
) -> None:
    """Write a mask: 1 inside, 0 outside.

    Parameters
    ----------
    path
        ``.nii`` or ``.nii.gz``: NIfTI; ``.dcm``: a DICOM Segmentation.
    mask, scan
        The mask, and the scan on whose grid it lies.
    files
        The DICOM files of the scan: for a Segmentation only.
    progress
        Raises Cancelled to stop.

    Raises
    ------
    UserError
        The file can't be written, is named otherwise, or the scan is no DICOM.
    """
    name = path.name.lower()
    if name.endswith((".nii", ".nii.gz")):
        from fusion3d_gui.imaging.files.nifti import write_nifti

        part = part_of_mask(mask, scan)
        voxels = np.zeros(scan.shape, np.uint8)
        k, j, i = (slice(a, b) for a, b in zip(part.start, part.stop, strict=True))
        voxels[k, j, i] = part.inside
        write_nifti(Volume(voxels, scan.affine, description=mask.name), path, note=_NOTE)
        return
    if not name.endswith(".dcm"):
        raise UserError("masks are written as .nii.gz, .nii or .dcm", path=path)
    if not files:
        raise UserError(
            "can't be a DICOM Segmentation, as the scan is no DICOM",
            path=path,
            remedy="Name it .nii.gz.",
        )
    # Imported where they are used, on the worker: highdicom takes a second.
    from fusion3d_gui.imaging.dicom.source_series import read_source_series
    from fusion3d_gui.report.dicom.mask_segmentation import mask_segmentation
    from fusion3d_gui.report.dicom.result_object import SourceObjects

    source = read_source_series(files, scan, progress)
    made = mask_segmentation(SourceObjects(source=source, created=datetime.now()), (mask,))
    try:
        with whole_file(path) as partial:
            made.save_as(partial, enforce_file_format=True)
    except OSError as error:
        raise UserError(f"can't be written ({error.strerror})", path=path) from None
