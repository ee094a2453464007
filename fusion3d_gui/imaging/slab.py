"""Thick slabs: many parallel planes shown as one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum

import numpy as np


class Projection(Enum):
    """What a pixel shows of the values behind one another in a slab."""

    MAXIMUM = "MIP"
    MINIMUM = "MinIP"
    MEAN = "Average"


@dataclass(frozen=True)
class Slab:
    """How much of the patient a plane shows at once: ``thickness_mm``, or a single slice at 0."""

    thickness_mm: float = 0.0
    projection: Projection = Projection.MAXIMUM


THIN = Slab()


def project_axis(voxels: np.ndarray, axis: int, projection: Projection) -> np.ndarray:
    """Project an array along one axis; the mean is float32, the others keep the type."""
    if projection is Projection.MAXIMUM:
        return voxels.max(axis=axis)
    if projection is Projection.MINIMUM:
        return voxels.min(axis=axis)
    return voxels.mean(axis=axis, dtype=np.float32)


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
