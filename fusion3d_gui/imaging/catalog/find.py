"""``find_series``: every volume that files and folders offer, from headers alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from fusion3d_gui.errors import UserError
from fusion3d_gui.imaging.catalog.series_of_files import (
    SUPPORTED_FORMATS,
    is_other_format,
    non_dicom_series,
    series_of_files,
)
from fusion3d_gui.imaging.dicom.dicomdir import is_dicomdir, read_dicomdir
from fusion3d_gui.imaging.dicom.frames.file import read_dicom_file
from fusion3d_gui.imaging.dicom.instance import read_instance
from fusion3d_gui.imaging.dicom.parser.encoding import FileBytes, NotDicom
from fusion3d_gui.imaging.dicom.scan import (
    ScannedFiles,
    files_beside,
    scan_files,
    scan_folder,
    single_slice_notices,
)
from fusion3d_gui.imaging.dicom.stack.sort import patient_of
from fusion3d_gui.imaging.files.archive import (
    UnpackedArchive,
    holds_packed_dicom,
    is_archive,
    unpack,
    unpack_each,
)
from fusion3d_gui.imaging.series import Series
from fusion3d_gui.progress import Progress, no_progress, part_of

_NO_SCAN = "is not a scan that can be opened"


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
    content = _content(path, part_of(progress, 0.0, 0.85))
    sorting = part_of(progress, 0.85, 1.0)
    if content.is_file:
        if (series := non_dicom_series(path)) is not None:
            return series
        content = _one_file(path)
    return series_of_files(
        content.scanned, (path,), sorting, notices=content.notices, unpacked=content.unpacked
    )


def find_series_of(paths: Sequence[Path], progress: Progress = no_progress) -> list[Series]:
    """Every volume that several files and folders offer together, and nothing beside them.

    DICOM files of one series are one series, wherever they lie.

    Parameters
    ----------
    paths
        Each as for :func:`find_series`.
    progress
        Told how far the search is; its ``Cancelled`` passes through.

    Raises
    ------
    UserError
        If there is nothing that can be opened, or a path does not exist. A file that is no scan is
        left out, with a notice, where there are others.
    """
    paths = tuple(dict.fromkeys(Path(path).absolute() for path in paths))
    if len(paths) == 1:
        return find_series(paths[0], progress)
    contents: list[_Content] = []
    named: list[Path] = []
    looking = part_of(progress, 0.0, 0.5)
    for number, path in enumerate(paths):
        content = _content(path, part_of(looking, number / len(paths), (number + 1) / len(paths)))
        if content.is_file:
            named.append(path)
        else:
            contents.append(content)
    scanned = _without_strangers(scan_files(named, part_of(progress, 0.5, 0.85)))
    contents.insert(0, _Content(scanned))
    return series_of_files(
        ScannedFiles(
            tuple(each for content in contents for each in content.scanned.instances),
            tuple(each for content in contents for each in content.scanned.refused),
            tuple(each for content in contents for each in content.scanned.others),
        ),
        paths,
        part_of(progress, 0.85, 1.0),
        notices=tuple(notice for content in contents for notice in content.notices),
        unpacked=tuple(each for content in contents for each in content.unpacked),
    )


def files_of_whole_series(path: Path, progress: Progress = no_progress) -> list[Path]:
    """The DICOM files of one folder that have the series and the patient of one of them.

    Parameters
    ----------
    path
        A DICOM file.
    progress
        Called for each file of the folder.

    Raises
    ------
    UserError
        If the file can't be read, or does not name its series.
    """
    try:
        own = read_dicom_file(FileBytes.from_path(path))
    except NotDicom:
        raise UserError(_NO_SCAN, path=path, remedy=SUPPORTED_FORMATS) from None
    uid = own.elements.text("SeriesInstanceUID")
    if not uid:
        raise UserError("does not name its series", path=path)
    found = []
    beside = files_beside(path)
    for number, file in enumerate(beside):
        progress(number / len(beside), f"Looking at {len(beside):,} files")
        try:
            other = read_dicom_file(FileBytes.from_path(file))
        except (NotDicom, UserError):
            continue
        same = other.elements.text("SeriesInstanceUID") == uid
        if file == path or (same and patient_of(other) == patient_of(own)):
            found.append(file)
    return found


@dataclass(frozen=True, eq=False)
class _Content:
    """What a path holds; ``is_file``: a single file, not looked at yet."""

    scanned: ScannedFiles = field(default_factory=partial(ScannedFiles, (), (), ()))
    notices: tuple[str, ...] = ()
    unpacked: tuple[UnpackedArchive, ...] = ()
    is_file: bool = False


def _content(path: Path, progress: Progress) -> _Content:
    """Look through a folder, an archive or a DICOMDIR; a single file is only told to be one."""
    try:
        is_folder, is_file = path.is_dir(), path.is_file()
        exists = is_folder or is_file or path.exists()
    except (OSError, ValueError):  # e.g. a name that is too long
        exists = False
    if not exists:
        raise UserError("there is no such file or folder", path=path)
    if is_folder:
        return _folder_content(path, progress)
    if not is_file:
        raise UserError("is not a file that can be read", path=path)
    if is_other_format(path):
        return _Content(is_file=True)
    if is_archive(path):
        archive = unpack(path, part_of(progress, 0.0, 0.9))
        scanned = scan_folder(archive.folder, part_of(progress, 0.9, 1.0))
        return _Content(scanned, unpacked=(archive,))
    if is_dicomdir(path):
        files, missing = read_dicomdir(path)
        notices = (f"{missing} of the files that it lists are missing.",) if missing else ()
        return _Content(scan_files(files, progress), notices)
    return _Content(is_file=True)


def _folder_content(folder: Path, progress: Progress) -> _Content:
    """What a folder holds, gzipped DICOM files included."""
    scanned = scan_folder(folder, part_of(progress, 0.0, 0.8))
    packed = [file for file in scanned.others if holds_packed_dicom(file)]
    if not packed:
        return _Content(scanned)
    archive = unpack_each(packed, folder, part_of(progress, 0.8, 0.95))
    inside = scan_folder(archive.folder, part_of(progress, 0.95, 1.0))
    unpacked = set(packed)
    return _Content(
        ScannedFiles(
            (*scanned.instances, *inside.instances),
            (*scanned.refused, *inside.refused),
            tuple(file for file in scanned.others if file not in unpacked),
        ),
        unpacked=(archive,),
    )


def _without_strangers(scanned: ScannedFiles) -> ScannedFiles:
    """Named files of which those that are no scans are refused; the data file of a header is none."""
    known = [path for path in scanned.others if is_other_format(path)]
    headers = {path.with_suffix("") for path in known}
    refused = [
        UserError(_NO_SCAN, path=path)
        for path in scanned.others
        if not is_other_format(path) and path.with_suffix("") not in headers
    ]
    return ScannedFiles(scanned.instances, (*scanned.refused, *refused), tuple(known))


def _one_file(path: Path) -> _Content:
    try:
        instance = read_instance(FileBytes.from_path(path))
    except NotDicom:
        raise UserError(_NO_SCAN, path=path, remedy=SUPPORTED_FORMATS) from None
    return _Content(ScannedFiles((instance,), (), ()), single_slice_notices(instance.file))
