"""One series for each volume of a file that holds several, e.g. of a time series."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Protocol

import numpy as np

from fusion3d_gui.imaging.series import Series
from fusion3d_gui.imaging.volume import Volume, Watch
from fusion3d_gui.progress import Progress

#: Most volumes of one file that are offered.
_MOST_VOLUMES = 1000


class ReadVolume(Protocol):
    """Reads one volume of a file; ``number`` counts from 0."""

    def __call__(self, path: Path, number: int, progress: Progress, watch: Watch) -> Volume: ...


def volume_uid(path: Path, number: int) -> str:
    """The UID of a file's volume: ``name``, ``name#2``, ``name#3`` ..., as for DICOM series of several volumes."""
    return f"{path.name}#{number + 1}" if number else path.name


def volume_description(stem: str, number: int, count: int) -> str:
    """The file's name without its suffix, and where it holds several volumes which one this is."""
    return f"{stem} (volume {number + 1} of {count})" if count > 1 else stem


def series_of_volumes(
    path: Path,
    read: ReadVolume,
    *,
    stem: str,
    format: str,
    shape: tuple[int, int, int],
    affine: np.ndarray,
    count: int,
    notices: tuple[str, ...],
) -> list[Series]:
    """One series for each of a file's ``count`` volumes, in stored order.

    Parameters
    ----------
    path
        The file.
    read
        Reads one of its volumes.
    stem
        Its name without suffix, for the description.
    format, shape, affine, notices
        As in :class:`~fusion3d_gui.imaging.series.Series`, the same for all volumes.
    count
        Number of volumes; at most 1000 are offered, and a notice says so.
    """
    if count > _MOST_VOLUMES:
        notices += (f"It holds {count} volumes; the first {_MOST_VOLUMES} are offered.",)
    return [
        Series(
            uid=volume_uid(path, number),
            description=volume_description(stem, number, count),
            modality="",
            format=format,
            shape=shape,
            affine=affine,
            paths=(path,),
            notices=notices,
            reader=partial(read, path, number),
        )
        for number in range(min(count, _MOST_VOLUMES))
    ]
