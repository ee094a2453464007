"""What a scan of files found, as a list of series: each with a UID of its own, and said where it lies."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from pathlib import Path

from fusion3d_gui.errors import UserError, shown_name
from fusion3d_gui.imaging.dicom.scan import ScannedFiles, refused_files_notices
from fusion3d_gui.imaging.dicom.series import read_volume_of_stack, series_of_stack
from fusion3d_gui.imaging.dicom.stack.sort import Stack, sort_into_stacks
from fusion3d_gui.imaging.files.archive import UnpackedArchive
from fusion3d_gui.imaging.files.itk import is_itk_file, itk_series
from fusion3d_gui.imaging.files.nifti import is_nifti, nifti_series
from fusion3d_gui.imaging.series import Reader, Series
from fusion3d_gui.imaging.volume import Volume, Watch
from fusion3d_gui.progress import Progress

SUPPORTED_FORMATS = "Give DICOM, NIfTI, NRRD or MetaImage."


def non_dicom_series(path: Path) -> list[Series] | None:
    """What a file offers that is a scan but not DICOM, by its name; None where it is neither."""
    if is_nifti(path):
        return nifti_series(path)
    return itk_series(path) if is_itk_file(path) else None


def series_of_files(
    scan: ScannedFiles,
    path: Path,
    progress: Progress,
    *,
    notices: tuple[str, ...] = (),
    unpacked: UnpackedArchive | None = None,
) -> list[Series]:
    """Volumes among the files that a scan found under ``path``: DICOM before others.

    No two have the same UID: those of other formats are called by their place below ``path``.
    ``unpacked`` is the archive's content, kept for as long as any of the series is held. Raises
    UserError where there is none.
    """
    root = path if unpacked is None else unpacked.folder
    others: list[Series] = []
    refused = list(scan.refused)
    for file in _without_halves(scan.others):
        try:
            others += [_under(series, root) for series in non_dicom_series(file) or []]
        except UserError as error:
            refused.append(error)
    said = (*notices, *refused_files_notices(refused), *_patients_notice(scan))
    found = [_dicom(stack, path, said) for stack in sort_into_stacks(scan.images, progress)]
    if said:
        others = [_noting(series, said) for series in others]
    found += sorted(others, key=lambda series: -series.voxel_count)
    if found:
        patients: dict[tuple[str, ...], int] = {}
        found = [
            replace(
                series, subfolder=_subfolder(series.paths, root), patient=_patient(series, patients)
            )
            for series in found
        ]
        return [_keeping(series, unpacked) for series in found]
    if len(refused) == 1:
        raise refused[0]
    if refused:
        first = refused[0]
        raise UserError(
            f"none of its {len(refused)} scans can be opened;"
            f" the first, {shown_name(first.path)}, {first.problem}",
            path=path,
        )
    raise UserError("holds no scan that can be opened", path=path, remedy=SUPPORTED_FORMATS)


def _without_halves(files: Iterable[Path]) -> list[Path]:
    """The files without those .img of which the .hdr is there too: a pair is one scan."""
    known = {str(file).lower() for file in files}
    return [
        file
        for file in files
        if not (
            (half := re.sub(r"\.img(\.gz)?$", r".hdr\1", str(file).lower())) in known
            and half != str(file).lower()
        )
    ]


def _patients_notice(scan: ScannedFiles) -> tuple[str, ...]:
    """A warning where scans of several patients lie together."""
    patients = {
        (image.file.elements.text("PatientID"), image.file.elements.text("PatientName"))
        for image in scan.images
    }
    return (f"Scans of {len(patients)} patients lie here.",) if len(patients) > 1 else ()


def _dicom(stack: Stack, path: Path, said: tuple[str, ...]) -> Series:
    return replace(
        series_of_stack(stack, said), reader=partial(read_volume_of_stack, stack, path, said)
    )


def _under(series: Series, root: Path) -> Series:
    """A file's series called by its place under a folder, as files of one name may lie in several."""
    file = series.paths[0]
    if not root.is_dir() or file.parent == root:
        return series
    place = file.parent.relative_to(root).as_posix()
    called = f"{place}/{series.description}"
    return _read_as(series, replace(series, uid=f"{place}/{series.uid}", description=called))


def _noting(series: Series, said: tuple[str, ...]) -> Series:
    return _read_as(series, replace(series, notices=(*said, *series.notices)), said)


def _read_as(series: Series, called: Series, said: tuple[str, ...] = ()) -> Series:
    """``called``, whose volume has its UID and description, and these notices too."""
    assert series.reader is not None
    how = partial(_read_called, series.reader, called.uid, called.description, said)
    return replace(called, reader=how)


def _read_called(
    reader: Reader,
    uid: str,
    description: str,
    said: tuple[str, ...],
    progress: Progress,
    watch: Watch,
) -> Volume:
    def called(volume: Volume) -> Volume:
        notices = (*said, *volume.notices)
        return replace(volume, series_uid=uid, description=description, notices=notices)

    return called(reader(progress, lambda volume: watch(called(volume))))


def _patient(series: Series, known: dict[tuple[str, ...], int]) -> int | None:
    """The number of a series' patient among those ``known``, to whom a new one is added."""
    if series.format != "DICOM":
        return None
    keys = ("PatientID", "PatientName", "PatientBirthDate")
    who = tuple(series.identity.get(key, "") for key in keys)
    return known.setdefault(who, len(known) + 1)


def _subfolder(paths: tuple[Path, ...], root: Path) -> str:
    """Where files lie below a folder: the file, or the folder that holds all of them."""
    if not root.is_dir():
        return ""
    common = paths[0] if len(paths) == 1 else Path(os.path.commonpath([p.parent for p in paths]))
    return common.relative_to(root).as_posix() if common.is_relative_to(root) else ""


def _keeping(series: Series, unpacked: UnpackedArchive | None) -> Series:
    """The series, its reader holding on to the unpacked files for as long as it is held itself."""
    if unpacked is None or series.reader is None:
        return series
    return replace(series, reader=partial(_read_keeping, unpacked, series.reader))


def _read_keeping(
    unpacked: UnpackedArchive, reader: Reader, progress: Progress, watch: Watch
) -> Volume:
    return reader(progress, watch)
