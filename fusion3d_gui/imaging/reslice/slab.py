"""Thick slabs: many parallel planes shown as one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum

import numpy as np

from fusion3d_gui.imaging.reslice.row_blocks import row_blocks

#: Pixels projected at a time.
_BAND_PIXELS = 8_192


class Projection(Enum):
    """What a pixel shows of the values behind one another in a slab."""

    MAXIMUM = "MIP"
    MINIMUM = "MinIP"
    MEAN = "Average"

    def of_stored(self, slope: float) -> Projection:
        """What to do to stored values for this to be done to real ones: a negative slope turns them over."""
        if slope >= 0 or self is Projection.MEAN:
            return self
        return Projection.MINIMUM if self is Projection.MAXIMUM else Projection.MAXIMUM


@dataclass(frozen=True)
class Slab:
    """How much of the patient a plane shows at once: ``thickness_mm``, or a single slice at 0."""

    thickness_mm: float = 0.0
    projection: Projection = Projection.MAXIMUM


THIN = Slab()


def project_axis(voxels: np.ndarray, axis: int, projection: Projection) -> np.ndarray:
    """Project an array ``[a, b, c]`` along an axis; the mean is float32, the others keep the type."""
    is_mean = projection is Projection.MEAN
    kind = np.dtype(np.float32) if is_mean else voxels.dtype
    rows_axis = 0 if axis else 1
    projected = np.empty([size for n, size in enumerate(voxels.shape) if n != axis], kind)

    for band in row_blocks(len(projected), _BAND_PIXELS // projected.shape[1]):
        part = voxels[band] if rows_axis == 0 else voxels[:, band]
        out = projected[band]
        if is_mean:
            part.mean(axis=axis, dtype=np.float32, out=out)
        elif projection is Projection.MAXIMUM:
            part.max(axis=axis, out=out)
        else:
            part.min(axis=axis, out=out)
    return projected


def project_planes(planes: Iterable[np.ndarray], projection: Projection) -> Iterator[np.ndarray]:
    """Project planes (float32, NaN outside the volume) one by one: what is known after each of them.

    NaN where none has had a value. The first plane is written to, and so may all but the last array
    yielded be afterwards.
    """
    planes = iter(planes)
    merged = next(planes)
    if projection is not Projection.MEAN:
        yield merged
        choose = np.fmax if projection is Projection.MAXIMUM else np.fmin
        for each in planes:
            choose(merged, each, out=merged)
            yield merged
        return
    count = np.isfinite(merged).astype(np.float32)
    total = np.nan_to_num(merged)
    yield merged
    for each in planes:
        inside = np.isfinite(each)
        np.add(total, each, out=total, where=inside)
        count += inside
        yield total / np.where(count > 0, count, np.nan)
