"""``Slab``: parallel planes shown as one, by their maximum, minimum or mean."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum

import numpy as np


class Projection(Enum):
    """Which value of those behind one another in a slab a pixel shows."""

    MAXIMUM = "MIP"
    MINIMUM = "MinIP"
    MEAN = "Average"

    def of_stored(self, slope: float) -> Projection:
        """The projection of stored values that is this one of real values: a negative slope swaps MIP and MinIP."""
        if slope >= 0 or self is Projection.MEAN:
            return self
        return Projection.MINIMUM if self is Projection.MAXIMUM else Projection.MAXIMUM


@dataclass(frozen=True)
class Slab:
    """Thickness in mm (0: a single plane) and how the planes within are projected."""

    thickness_mm: float = 0.0
    projection: Projection = Projection.MAXIMUM


THIN = Slab()


def project_axis(voxels: np.ndarray, axis: int, projection: Projection) -> np.ndarray:
    """Project an array ``[a, b, c]`` along an axis; the mean is float32, the others keep the dtype."""
    projected: np.ndarray
    if projection is Projection.MEAN:
        projected = voxels.mean(axis=axis, dtype=np.float32)
    elif projection is Projection.MAXIMUM:
        projected = voxels.max(axis=axis)
    else:
        projected = voxels.min(axis=axis)
    return projected


def project_planes(planes: Iterable[np.ndarray], projection: Projection) -> Iterator[np.ndarray]:
    """Project planes one by one, and yield the projection of those so far after each.

    Parameters
    ----------
    planes
        float32 ``[row, column]``, NaN outside the volume; the first is overwritten.
    projection
        How they are projected; NaN counts only where no plane has a value.

    Yields
    ------
    numpy.ndarray
        float32 ``[row, column]``. May be overwritten by the next step.
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
