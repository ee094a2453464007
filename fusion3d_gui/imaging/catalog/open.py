"""``open_volume``: find the series of a path, choose one of them, and read its voxels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from fusion3d_gui.errors import UserError
from fusion3d_gui.imaging.series import Series
from fusion3d_gui.imaging.volume import Volume, Watch, no_watch
from fusion3d_gui.progress import Progress, no_progress, part_of


def choose_series(
    found: Sequence[Series], series_uid: str | None, path: Path
) -> tuple[Series, tuple[str, ...]]:
    """Choose the series with this UID, or the first, and return it with notices for the user.

    Raises UserError where no series has the UID; ``path`` is what the user opened.
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
        f"holds no series {series_uid}",
        path=path,
        remedy="List its series with: fusion3d info.",
        quoted=[Path(series_uid)],  # other formats than DICOM have the file's name there
    )


def read_series(
    series: Series,
    *,
    notices: tuple[str, ...] = (),
    progress: Progress = no_progress,
    watch: Watch = no_watch,
) -> Volume:
    """Read a series that :func:`find_series` found, without reading its headers again.

    Parameters
    ----------
    series
        The series.
    notices
        Put before the volume's own.
    progress
        Told how far reading is; its ``Cancelled`` passes through.
    watch
        Called on this thread with the volume as soon as its middle slice is there, where the
        geometry is known by then; ``Volume.loaded_slices`` then says which slices are. The volume
        that is returned has the same voxels.

    Raises
    ------
    UserError
        If it can't be read.
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
    watch: Watch = no_watch,
) -> Volume:
    """Find the series of a path, and read one of them.

    Parameters
    ----------
    path
        A file, folder or archive, as for :func:`find_series`.
    series_uid
        Which series; None for the largest, with a notice where there are others.
    progress, watch
        As for :func:`read_series`.

    Returns
    -------
    Volume
        Its ``notices`` are sentences for the user.

    Raises
    ------
    UserError
        If there is nothing that can be opened, no series has the UID, or it can't be read.
    """
    # Imported where it is used: the window starts without what reads files.
    from fusion3d_gui.imaging.catalog.find import find_series

    path = Path(path)
    found = find_series(path, part_of(progress, 0.0, 0.2))
    series, notices = choose_series(found, series_uid, path)
    return read_series(series, notices=notices, progress=part_of(progress, 0.2, 1.0), watch=watch)
