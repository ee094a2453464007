"""``series_of_files``: what a scan of files found, as series, each with a UID of its own."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from pathlib import Path

from fusion3d_gui.errors import UserError, shown_name
from fusion3d_gui.imaging.dicom.scan import ScannedFiles, refused_files_notices
from fusion3d_gui.imaging.dicom.series_of_stack import read_volume_of_stack, series_of_stack
from fusion3d_gui.imaging.dicom.stack.sort import Stack, sort_into_stacks
from fusion3d_gui.imaging.files.archive import UnpackedArchive
from fusion3d_gui.imaging.files.nifti import is_nifti, nifti_series
from fusion3d_gui.imaging.files.voxel_file import is_voxel_file, voxel_file_series
from fusion3d_gui.imaging.series import Reader, Series
from fusion3d_gui.imaging.volume import Volume, Watch
from fusion3d_gui.progress import Progress

SUPPORTED_FORMATS = "Give DICOM, NIfTI, NRRD or MetaImage."


def is_other_format(path: Path) -> bool:
    """Whether a file's name says that it is NIfTI, NRRD or MetaImage."""
    return is_nifti(path) or is_voxel_file(path)


def non_dicom_series(path: Path) -> list[Series] | None:
    """The series in a NIfTI, NRRD or MetaImage file; None where its name says it is none of these."""
    if is_nifti(path):
        return nifti_series(path)
    return voxel_file_series(path) if is_voxel_file(path) else None


def series_of_files(
    scanned: ScannedFiles,
    paths: tuple[Path, ...],
    progress: Progress,
    *,
    notices: tuple[str, ...] = (),
    unpacked: tuple[UnpackedArchive, ...] = (),
) -> list[Series]:
    """List the series in files: DICOM first, then others, largest first, localisers after the rest.

    No two have the same UID: those of other formats are named by their path below what was opened.

    Parameters
    ----------
    scanned
        The files.
    paths
        What the user opened.
    progress
        Told how far sorting is.
    notices
        Put before the notices of every series.
    unpacked
        The content of archives, kept for as long as any of the series.

    Raises
    ------
    UserError
        If no file can be opened.
    """
    path = paths[0] if len(paths) == 1 else _common_folder(paths)

    def root(file: Path) -> Path:
        """The folder below which a file is named."""
        archives = (each.folder for each in unpacked if file.is_relative_to(each.folder))
        return next(archives, path)

    others: list[Series] = []
    refused = list(scanned.refused)
    for file in _without_pair_halves(scanned.others):
        try:
            others += [
                _named_by_path(series, root(file)) for series in non_dicom_series(file) or []
            ]
        except UserError as error:
            refused.append(error)
    notices = (*notices, *refused_files_notices(refused), *_patients_notices(scanned, paths))
    stacks = sort_into_stacks(scanned.instances, progress)
    found = [_series_of_stack(stack, path, notices) for stack in stacks]
    if notices:
        others = [_with_notices(series, notices) for series in others]
    found += sorted(others, key=lambda series: -series.voxel_count)
    if found:
        patients: dict[tuple[str, ...], int] = {}
        return [
            _keep_unpacked(
                replace(
                    series,
                    subfolder=_subfolder(series.paths, root(series.paths[0])),
                    patient=_patient_number(series, patients),
                ),
                unpacked,
            )
            for series in _with_own_uids(found)
        ]
    if len(refused) == 1:
        raise refused[0]
    if refused:
        first = refused[0]
        raise UserError(
            f"none of its {len(refused)} scans can be opened;"
            f" the first, {shown_name(first.path)}, {first.problem}",
            path=path,
            quoted=[] if first.path is None else [first.path, *first.quoted],
        )
    raise UserError("holds no scan that can be opened", path=path, remedy=SUPPORTED_FORMATS)


def _without_pair_halves(files: Iterable[Path]) -> list[Path]:
    """The files without every .img that has its .hdr beside it: the pair is one scan."""
    known = {str(file).lower() for file in files}
    return [
        file
        for file in files
        if not (
            (half := re.sub(r"\.img(\.gz)?$", r".hdr\1", str(file).lower())) in known
            and half != str(file).lower()
        )
    ]


def _common_folder(paths: tuple[Path, ...]) -> Path:
    """The innermost folder that holds all of several paths."""
    try:
        return Path(os.path.commonpath([path.parent for path in paths]))
    except ValueError:  # on several drives
        return paths[0].parent


def _with_own_uids(found: list[Series]) -> list[Series]:
    """The series, renamed where two have one UID: files of one name in two archives."""
    taken: dict[str, int] = {}
    own = []
    for series in found:
        number = taken[series.uid] = taken.get(series.uid, 0) + 1
        if number > 1:
            uid = f"{series.uid}#{number}"
            change = partial(replace, series_uid=uid)
            series = _with_changed_volume(replace(series, uid=uid), change)
        own.append(series)
    return own


def _patients_notices(scanned: ScannedFiles, paths: tuple[Path, ...]) -> tuple[str, ...]:
    """A warning where the scans are of several patients."""
    patients = {
        (instance.file.elements.text("PatientID"), instance.file.elements.text("PatientName"))
        for instance in scanned.instances
    }
    if len(patients) < 2:
        return ()
    if len(paths) > 1:
        return (f"The opened files are scans of {len(patients)} patients.",)
    holder = "folder" if paths[0].is_dir() else "file"
    return (f"This {holder} holds scans of {len(patients)} patients.",)


def _series_of_stack(stack: Stack, path: Path, notices: tuple[str, ...]) -> Series:
    reader = partial(read_volume_of_stack, stack, path, notices)
    return replace(series_of_stack(stack, notices), reader=reader)


def _named_by_path(series: Series, root: Path) -> Series:
    """A file's series, named by its path below a folder: several subfolders may hold one file name."""
    file = series.paths[0]
    if not root.is_dir() or file.parent == root or not file.is_relative_to(root):
        return series
    subfolder = file.parent.relative_to(root).as_posix()
    uid, description = f"{subfolder}/{series.uid}", f"{subfolder}/{series.description}"

    def rename(volume: Volume) -> Volume:
        return replace(volume, series_uid=uid, description=description)

    return _with_changed_volume(replace(series, uid=uid, description=description), rename)


def _with_notices(series: Series, notices: tuple[str, ...]) -> Series:
    """A series with notices before its own, and before those of its volume."""

    def add_notices(volume: Volume) -> Volume:
        return replace(volume, notices=(*notices, *volume.notices))

    changed = replace(series, notices=(*notices, *series.notices))
    return _with_changed_volume(changed, add_notices)


def _with_changed_volume(series: Series, change: Callable[[Volume], Volume]) -> Series:
    """A series whose volume is changed once it is read, and while it is watched being read."""
    reader = series.reader
    if reader is None:
        return series

    def read(progress: Progress, watch: Watch) -> Volume:
        return change(reader(progress, lambda volume: watch(change(volume))))

    return replace(series, reader=read)


def _patient_number(series: Series, known: dict[tuple[str, ...], int]) -> int | None:
    """The number of a series' patient among those ``known``, to whom a new one is added."""
    if series.format != "DICOM":
        return None
    keys = ("PatientID", "PatientName", "PatientBirthDate")
    patient = tuple(series.identity.get(key, "") for key in keys)
    return known.setdefault(patient, len(known) + 1)


def _subfolder(paths: tuple[Path, ...], root: Path) -> str:
    """Path below a folder of a file, or of the folder that holds all of several files."""
    if not root.is_dir():
        return ""
    common = paths[0] if len(paths) == 1 else Path(os.path.commonpath([p.parent for p in paths]))
    return common.relative_to(root).as_posix() if common.is_relative_to(root) else ""


def _keep_unpacked(series: Series, unpacked: tuple[UnpackedArchive, ...]) -> Series:
    """A series whose reader holds a reference to the unpacked files, which are deleted with it."""
    reader = series.reader
    if not unpacked or reader is None:
        return series
    return replace(series, reader=partial(_read_unpacked, unpacked, reader))


def _read_unpacked(
    unpacked: tuple[UnpackedArchive, ...], reader: Reader, progress: Progress, watch: Watch
) -> Volume:
    return reader(progress, watch)
