"""Thumbnail of a series: its middle slice, oriented as radiologists look at it."""

from __future__ import annotations

import numpy as np

from fusion3d_gui.errors import Cancelled
from fusion3d_gui.imaging.series import Series
from fusion3d_gui.imaging.volume import Volume
from fusion3d_gui.progress import Progress, no_progress

#: Most voxels of a file in another format than DICOM, of which a packed one must be read to its middle.
_LARGEST_VOXELS = 48_000_000


class _EnoughError(Cancelled):
    """Stops the reader once it has the middle slice, in the way a user's cancelling does."""


def thumbnail(series: Series, side: int, progress: Progress = no_progress) -> np.ndarray | None:
    """Read the middle slice of a series and make a thumbnail of it.

    Parameters
    ----------
    series
        As found by :func:`fusion3d_gui.imaging.catalog.find.find_series`.
    side
        Length of the longer side in pixels.
    progress
        Called by the reader; its ``Cancelled`` is let through.

    Returns
    -------
    numpy.ndarray or None
        uint8 ``[row, column]``; None where the series is too large to be read for it.

    Raises
    ------
    UserError
        The series can't be read.
    """
    if series.reader is None or series.voxel_count > _LARGEST_VOXELS * 20:
        return None
    seen: list[Volume] = []

    def watch(volume: Volume) -> None:
        seen.append(volume)
        raise _EnoughError

    if series.format != "DICOM" and series.voxel_count > _LARGEST_VOXELS:
        return None
    try:
        volume = series.reader(progress, watch)
    except _EnoughError:
        volume = seen[0]
    return middle_slice(volume, side)


def middle_slice(volume: Volume, side: int) -> np.ndarray:
    """A volume's middle slice, or one that is loaded already, as a thumbnail.

    In true proportions, with ``side`` pixels along the longer side; gray levels (uint8
    ``[row, column]``) go from the 1st to the 99th percentile of its values.
    """
    loaded_slices = volume.loaded_slices
    k = volume.shape[0] // 2
    if loaded_slices is not None and not loaded_slices.is_read[k]:
        k = int(np.flatnonzero(loaded_slices.is_read)[0])
    face: np.ndarray = volume.voxels[k]  # [j, i]
    right, down = volume.affine[:3, 0], volume.affine[:3, 1]
    if _rank(right) > _rank(down):
        face, right, down = face.T, down, right
    # The screen's right is the patient's left or posterior, down is posterior or inferior.
    if right[np.abs(right).argmax()] < 0:
        face = face[:, ::-1]
    axis = int(np.abs(down).argmax())
    if (down[axis] < 0) != (axis == 2):
        face = face[::-1]
    height = face.shape[0] * float(np.linalg.norm(down))
    width = face.shape[1] * float(np.linalg.norm(right))
    scale = side / max(height, width)
    rows = _nearest(face.shape[0], max(1, round(height * scale)))
    columns = _nearest(face.shape[1], max(1, round(width * scale)))
    values = face[np.ix_(rows, columns)].astype(np.float32)
    finite = values[np.isfinite(values)]
    low, high = np.percentile(finite, (1, 99)) if finite.size else (0.0, 1.0)
    gray: np.ndarray = (np.nan_to_num(values, nan=low) - low) / max(high - low, 1e-12)
    if volume.slope < 0:
        gray = 1 - gray
    if volume.low_is_white:
        gray = 1 - gray
    return (gray.clip(0, 1) * 255).astype(np.uint8)


def _rank(direction: np.ndarray) -> int:
    """The patient axis that a direction is closest to (0: L, 1: P, 2: S): the lower one runs across."""
    return int(np.abs(direction).argmax())


def _nearest(count: int, wanted: int) -> np.ndarray:
    """Indices, int ``[wanted]``, of the nearest of ``count`` pixels."""
    nearest: np.ndarray = ((np.arange(wanted) + 0.5) * count / wanted).astype(int)
    return nearest.clip(max=count - 1)
