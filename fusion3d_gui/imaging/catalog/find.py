"""``find_series``: every volume that a file or folder offers, from headers alone."""

from __future__ import annotations

from pathlib import Path

from fusion3d_gui.errors import UserError
from fusion3d_gui.imaging.catalog.series_of_files import (
    SUPPORTED_FORMATS,
    non_dicom_series,
    series_of_files,
)
from fusion3d_gui.imaging.dicom.dicomdir import is_dicomdir, read_dicomdir
from fusion3d_gui.imaging.dicom.instance import read_instance
from fusion3d_gui.imaging.dicom.parser.encoding import FileBytes, NotDicom
from fusion3d_gui.imaging.dicom.scan import (
    ScannedFiles,
    scan_files,
    scan_folder,
    single_slice_notices,
)
from fusion3d_gui.imaging.files.archive import is_archive, unpack
from fusion3d_gui.imaging.series import Series
from fusion3d_gui.progress import Progress, no_progress, part_of


def find_series(path: Path, progress: Progress = no_progress) -> list[Series]:
    """Every volume that a file or folder offers, largest first, localisers last.

    Only headers are read.

    Parameters
    ----------
    path
        A folder, a DICOM, NIfTI, NRRD or MetaImage file, a ZIP or gzip archive, or a DICOMDIR.
    progress
        Told how far the search is; its ``Cancelled`` passes through.

    Raises
    ------
    UserError
        If there is nothing that can be opened.
    """
    path = Path(path)
    try:
        is_folder, is_file = path.is_dir(), path.is_file()
        exists = is_folder or is_file or path.exists()
    except (OSError, ValueError):  # e.g. a name that is too long
        exists = False
    if not exists:
        raise UserError("there is no such file or folder", path=path)
    if is_folder:
        scanned = scan_folder(path, part_of(progress, 0.0, 0.85))
        return series_of_files(scanned, path, part_of(progress, 0.85, 1.0))
    if not is_file:
        raise UserError("is not a file that can be read", path=path)
    if (series := non_dicom_series(path)) is not None:
        return series
    if is_archive(path):
        content = unpack(path, part_of(progress, 0.0, 0.8))
        scanned = scan_folder(content.folder, part_of(progress, 0.8, 0.95))
        return series_of_files(scanned, path, part_of(progress, 0.95, 1.0), unpacked=content)
    if is_dicomdir(path):
        files, missing = read_dicomdir(path)
        notices = (f"{missing} of the files that it lists are missing.",) if missing else ()
        scanned = scan_files(files, part_of(progress, 0.0, 0.85))
        return series_of_files(scanned, path, part_of(progress, 0.85, 1.0), notices=notices)
    try:
        instance = read_instance(FileBytes.from_path(path))
    except NotDicom:
        raise UserError(
            "is not a scan that can be opened", path=path, remedy=SUPPORTED_FORMATS
        ) from None
    return series_of_files(
        ScannedFiles((instance,), (), ()),
        path,
        progress,
        notices=single_slice_notices(instance.file),
    )
