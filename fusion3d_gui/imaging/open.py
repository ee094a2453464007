"""What a path holds, and the volume that is opened from it: the one door into ``imaging``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from fusion3d_gui.errors import UserError
from fusion3d_gui.imaging.dicom_elements import NotDicom
from fusion3d_gui.imaging.dicom_frames import read_image
from fusion3d_gui.imaging.dicom_scan import Scan, scan_folder
from fusion3d_gui.imaging.dicom_sort import Stack, sort_into_stacks
from fusion3d_gui.imaging.dicom_volume import series_of, volume_of
from fusion3d_gui.imaging.nifti import is_nifti, nifti_series, read_nifti
from fusion3d_gui.imaging.series import Series
from fusion3d_gui.imaging.volume import Volume
from fusion3d_gui.progress import Progress, no_progress, part_of


@dataclass(frozen=True, eq=False)
class _Choice:
    """A series, and how to read it (given the notices to add to it)."""

    series: Series
    read: Callable[[tuple[str, ...], Progress], Volume]


def find_series(path: Path, progress: Progress = no_progress) -> list[Series]:
    """Every volume that a file or folder offers, largest first, localisers last.

    Reads headers only. Raises UserError if there is nothing that can be opened, and lets the
    progress callback's ``Cancelled`` through.
    """
    return [choice.series for choice in _choices(Path(path), progress)]


def open_volume(
    path: Path, *, series_uid: str | None = None, progress: Progress = no_progress
) -> Volume:
    """Open a volume: the series with this UID, or the largest one.

    ``Volume.notices`` says what the user should know, among it that others were there to choose
    from. Raises UserError in one sentence where it can't be read, and lets the progress
    callback's ``Cancelled`` through.
    """
    path = Path(path)
    choices = _choices(path, part_of(progress, 0.0, 0.2))
    notices: tuple[str, ...] = ()
    choice = choices[0]
    if series_uid is not None:
        found = [each for each in choices if each.series.uid == series_uid]
        if not found:
            raise UserError(
                f"holds no series {series_uid}",
                path=path,
                remedy="List its series with: fusion3d info.",
            )
        choice = found[0]
    elif len(choices) > 1:
        notices = (f"{len(choices)} series found; the largest is open.",)
    volume = choice.read(notices, part_of(progress, 0.2, 1.0))
    progress(1.0, "Open")
    return volume


def _choices(path: Path, progress: Progress) -> list[_Choice]:
    try:
        is_folder, exists = path.is_dir(), path.exists()
    except (OSError, ValueError):  # e.g. a name that is too long
        is_folder, exists = False, False
    if not exists:
        raise UserError("there is no such file or folder", path=path)
    if is_folder:
        return _folder_choices(path, progress)
    if is_nifti(path):
        return [_nifti_choice(path)]
    try:
        image = read_image(path)
    except NotDicom:
        raise UserError(
            "is not a scan that can be opened", path=path, remedy="Give DICOM or NIfTI."
        ) from None
    return _dicom_choices(Scan((image,), (), ()), path)


def _folder_choices(folder: Path, progress: Progress) -> list[_Choice]:
    scan = scan_folder(folder, progress)
    choices = _dicom_choices(scan, folder)
    volumes = [_nifti_choice(path) for path in scan.others if is_nifti(path)]
    volumes.sort(key=lambda choice: -choice.series.voxel_count)
    choices += volumes
    if choices:
        return choices
    if scan.refused:
        only = len(scan.refused) == 1
        raise (
            scan.refused[0]
            if only
            else UserError(
                f"none of its {len(scan.refused)} DICOM files can be opened;"
                f" the first, {scan.refused[0].path.name if scan.refused[0].path else ''},"
                f" {scan.refused[0].problem}",
                path=folder,
            )
        )
    raise UserError("holds no scan that can be opened", path=folder, remedy="Give DICOM or NIfTI.")


def _dicom_choices(scan: Scan, path: Path) -> list[_Choice]:
    def choice(stack: Stack) -> _Choice:
        return _Choice(
            series_of(stack, scan.notices),
            lambda notices, progress: volume_of(stack, path, (*scan.notices, *notices), progress),
        )

    return [choice(stack) for stack in sort_into_stacks(scan.images)]


def _nifti_choice(path: Path) -> _Choice:
    def read(notices: tuple[str, ...], progress: Progress) -> Volume:
        volume = read_nifti(path, progress)
        return replace(volume, notices=(*volume.notices, *notices))

    return _Choice(nifti_series(path), read)
