"""What a path holds, and the volume that is opened from it: the one door into ``imaging``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from fusion3d_gui.errors import UserError
from fusion3d_gui.imaging.catalog.find import FORMATS, other_series, series_of_scan
from fusion3d_gui.imaging.dicom.dicomdir import is_dicomdir, listed_files
from fusion3d_gui.imaging.dicom.parser.encoding import FileBytes, NotDicom
from fusion3d_gui.imaging.dicom.scan import Scan, part_of_series, scan_files, scan_folder
from fusion3d_gui.imaging.dicom.stack.image import read_image
from fusion3d_gui.imaging.files.archive import is_archive, unpack
from fusion3d_gui.imaging.series import Series
from fusion3d_gui.imaging.volume import Volume, Watch, nobody
from fusion3d_gui.progress import Progress, no_progress, part_of


def find_series(path: Path, progress: Progress = no_progress) -> list[Series]:
    """Every volume that a file or folder offers, largest first, localisers last.

    Reads headers only. Raises UserError if there is nothing that can be opened, and lets the
    progress callback's ``Cancelled`` through.
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
        scan = scan_folder(path, part_of(progress, 0.0, 0.85))
        return series_of_scan(scan, path, part_of(progress, 0.85, 1.0))
    if not is_file:
        raise UserError("is not a file that can be read", path=path)
    if (other := other_series(path)) is not None:
        return other
    if is_archive(path):
        content = unpack(path, part_of(progress, 0.0, 0.8))
        scan = scan_folder(content.folder, part_of(progress, 0.8, 0.95))
        return series_of_scan(scan, path, part_of(progress, 0.95, 1.0), unpacked=content)
    if is_dicomdir(path):
        files, missing = listed_files(path)
        notices = (f"{missing} of the files that it lists are missing.",) if missing else ()
        scan = scan_files(files, part_of(progress, 0.0, 0.85))
        return series_of_scan(scan, path, part_of(progress, 0.85, 1.0), notices=notices)
    try:
        image = read_image(FileBytes.of(path))
    except NotDicom:
        raise UserError("is not a scan that can be opened", path=path, remedy=FORMATS) from None
    alone = part_of_series(image.file)
    return series_of_scan(Scan((image,), (), ()), path, progress, notices=alone)


def choose(
    found: Sequence[Series], series_uid: str | None, path: Path
) -> tuple[Series, tuple[str, ...]]:
    """The series with this UID, or the first, and what the user should know of the choice.

    Raises UserError where no series has the UID.
    """
    if series_uid is None:
        if len(found) == 1:
            return found[0], ()
        if all(series.paths == found[0].paths for series in found):
            return found[0], (f"It holds {len(found)} volumes; the first is open.",)
        return found[0], (f"{len(found)} series found; the largest is open.",)
    for series in found:
        if series.uid == series_uid:
            return series, ()
    raise UserError(
        f"holds no series {series_uid}", path=path, remedy="List its series with: fusion3d info."
    )


def read_series(
    series: Series,
    *,
    notices: tuple[str, ...] = (),
    progress: Progress = no_progress,
    watch: Watch = nobody,
) -> Volume:
    """Read a series that :func:`find_series` found, without looking at its headers again.

    ``notices`` are put before the volume's own. ``watch`` is called, on this thread, with the volume
    as soon as its middle slice is there, where its geometry is known before; its ``filling`` then
    tells which slices are. The volume that is returned has the same voxels. Raises UserError in
    one sentence where it can't be read, and lets the progress callback's ``Cancelled`` through.
    """
    if series.reader is None:
        raise ValueError("this series was not found by find_series")

    def watch_with_notices(volume: Volume) -> None:
        watch(replace(volume, notices=(*notices, *volume.notices)))

    volume = series.reader(progress, watch_with_notices)
    progress(1.0, "Open")
    return replace(volume, notices=(*notices, *volume.notices))


def open_volume(
    path: Path,
    *,
    series_uid: str | None = None,
    progress: Progress = no_progress,
    watch: Watch = nobody,
) -> Volume:
    """Open a volume: the series with this UID, or the largest one.

    ``Volume.notices`` says what the user should know, among it that others were there to choose
    from. ``watch`` and what is raised are as for :func:`read_series`.
    """
    path = Path(path)
    found = find_series(path, part_of(progress, 0.0, 0.2))
    series, notices = choose(found, series_uid, path)
    return read_series(series, notices=notices, progress=part_of(progress, 0.2, 1.0), watch=watch)
