"""What a path holds, and the volume that is opened from it: the one door into ``imaging``."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from fusion3d_gui.errors import UserError
from fusion3d_gui.imaging.archive import is_archive, unpacked
from fusion3d_gui.imaging.dicom_encoding import FileBytes, NotDicom
from fusion3d_gui.imaging.dicom_frames import read_image
from fusion3d_gui.imaging.dicom_scan import Scan, scan_files, scan_folder
from fusion3d_gui.imaging.dicom_sort import Stack, sort_into_stacks
from fusion3d_gui.imaging.dicom_volume import series_of, volume_of
from fusion3d_gui.imaging.dicomdir import is_dicomdir, listed_files
from fusion3d_gui.imaging.nifti import is_nifti, nifti_series, read_nifti
from fusion3d_gui.imaging.series import Series
from fusion3d_gui.imaging.volume import Volume
from fusion3d_gui.progress import Progress, no_progress, part_of

_FORMATS = "Give DICOM or NIfTI."


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
    with ExitStack() as held:
        return [choice.series for choice in _choices(Path(path), progress, held)]


def open_volume(
    path: Path, *, series_uid: str | None = None, progress: Progress = no_progress
) -> Volume:
    """Open a volume: the series with this UID, or the largest one.

    ``Volume.notices`` says what the user should know, among it that others were there to choose
    from. Raises UserError in one sentence where it can't be read, and lets the progress
    callback's ``Cancelled`` through.
    """
    path = Path(path)
    with ExitStack() as held:
        choices = _choices(path, part_of(progress, 0.0, 0.2), held)
        choice, notices = _chosen(choices, series_uid, path)
        volume = choice.read(notices, part_of(progress, 0.2, 1.0))
    progress(1.0, "Open")
    return volume


def _chosen(
    choices: list[_Choice], series_uid: str | None, path: Path
) -> tuple[_Choice, tuple[str, ...]]:
    if series_uid is None:
        if len(choices) == 1:
            return choices[0], ()
        return choices[0], (f"{len(choices)} series found; the largest is open.",)
    for choice in choices:
        if choice.series.uid == series_uid:
            return choice, ()
    raise UserError(
        f"holds no series {series_uid}", path=path, remedy="List its series with: fusion3d info."
    )


def _choices(path: Path, progress: Progress, held: ExitStack) -> list[_Choice]:
    """What a path offers, best first. What has to last until it is read is given to ``held``."""
    try:
        is_folder, exists = path.is_dir(), path.exists()
    except (OSError, ValueError):  # e.g. a name that is too long
        is_folder, exists = False, False
    if not exists:
        raise UserError("there is no such file or folder", path=path)
    if is_folder:
        return _scan_choices(scan_folder(path, progress), path)
    if is_nifti(path):
        return [_nifti_choice(path)]
    if is_archive(path):
        folder = held.enter_context(unpacked(path, part_of(progress, 0.0, 0.8)))
        return _scan_choices(scan_folder(folder, part_of(progress, 0.8, 1.0)), path)
    if is_dicomdir(path):
        files, missing = listed_files(path)
        notices = (f"{missing} of the files that it lists are missing.",) if missing else ()
        return _scan_choices(scan_files(files, progress), path, notices)
    try:
        image = read_image(FileBytes.of(path))
    except NotDicom:
        raise UserError("is not a scan that can be opened", path=path, remedy=_FORMATS) from None
    return _scan_choices(Scan((image,), (), ()), path)


def _scan_choices(scan: Scan, path: Path, notices: tuple[str, ...] = ()) -> list[_Choice]:
    """Volumes among the files that a scan found under ``path``: DICOM before others."""
    said = (*notices, *scan.notices)
    choices = [_dicom_choice(stack, path, said) for stack in sort_into_stacks(scan.images)]
    others = [_nifti_choice(file) for file in scan.others if is_nifti(file)]
    choices += sorted(others, key=lambda choice: -choice.series.voxel_count)
    if choices:
        return choices
    if len(scan.refused) == 1:
        raise scan.refused[0]
    if scan.refused:
        first = scan.refused[0]
        raise UserError(
            f"none of its {len(scan.refused)} DICOM files can be opened;"
            f" the first, {first.path.name if first.path else ''}, {first.problem}",
            path=path,
        )
    raise UserError("holds no scan that can be opened", path=path, remedy=_FORMATS)


def _dicom_choice(stack: Stack, path: Path, said: tuple[str, ...]) -> _Choice:
    def read(notices: tuple[str, ...], progress: Progress) -> Volume:
        return volume_of(stack, path, (*said, *notices), progress)

    return _Choice(series_of(stack, said), read)


def _nifti_choice(path: Path) -> _Choice:
    def read(notices: tuple[str, ...], progress: Progress) -> Volume:
        volume = read_nifti(path, progress)
        return replace(volume, notices=(*volume.notices, *notices))

    return _Choice(nifti_series(path), read)
