"""A small picture of a series: its middle slice, the way round that radiologists look at it."""

from __future__ import annotations

import numpy as np

from fusion3d_gui.errors import Cancelled
from fusion3d_gui.imaging.series import Series
from fusion3d_gui.imaging.volume import Volume
from fusion3d_gui.progress import Progress, no_progress

#: Formats that can't show one slice before all are read are read only up to this size.
_LARGEST_VOXELS = 48_000_000


class _EnoughError(Cancelled):
    """The middle slice is there: stops the reader as a user's change of mind would."""


def thumbnail(series: Series, side: int, progress: Progress = no_progress) -> np.ndarray | None:
    """uint8 ``[row, column]`` of at most ``side`` pixels each way; None where it would take too much.

    Reads no more than the middle slice where the format allows that. Raises UserError where the
    series can't be read, and lets the progress callback's ``Cancelled`` through.
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
    """uint8 ``[row, column]`` of a volume's middle slice in true proportions, 1st to 99th percentile."""
    loaded_slices = volume.loaded_slices
    k = volume.shape[0] // 2
    if loaded_slices is not None and not loaded_slices.is_read[k]:
        k = int(np.flatnonzero(loaded_slices.is_read)[0])
    face = volume.voxels[k]  # [j, i]
    right, down = volume.affine[:3, 0], volume.affine[:3, 1]
    if _rank(right) > _rank(down):
        face, right, down = face.T, down, right
    # To the right: left or posterior; down: posterior or inferior.
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
    gray = (np.nan_to_num(values, nan=low) - low) / max(high - low, 1e-12)
    if volume.slope < 0:
        gray = 1 - gray
    if volume.low_is_white:
        gray = 1 - gray
    return (gray.clip(0, 1) * 255).astype(np.uint8)


def _rank(direction: np.ndarray) -> int:
    """Left and right come first, across the screen; superior and inferior last, down the screen."""
    return int(np.abs(direction).argmax())


def _nearest(count: int, wanted: int) -> np.ndarray:
    return np.minimum(((np.arange(wanted) + 0.5) * count / wanted).astype(int), count - 1)
