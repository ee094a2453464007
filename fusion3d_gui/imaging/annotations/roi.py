"""Which voxels lie in a region drawn on a plane, and the statistics of their values."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from fusion3d_gui.imaging.annotations.annotation import Annotation
from fusion3d_gui.imaging.volume import Volume

#: A voxel whose centre lies this close (mm) outside the outline counts as inside: rounding alone.
_SLACK_MM = 1e-6


@dataclass(frozen=True)
class RegionStatistics:
    """Of the real values of a region's voxels. ``sd`` divides by n - 1; it is 0 of one voxel."""

    count: int
    mean: float
    sd: float
    minimum: float
    maximum: float


def region_voxels(volume: Volume, region: Annotation) -> np.ndarray:
    """Indices ``[n, 3]`` (i, j, k) of a region's voxels.

    A voxel belongs to it if the region's plane passes through the voxel, and the voxel's centre,
    projected onto the plane along the plane's normal, lies inside the outline or on it. "Passes
    through" means ``-h <= d < h``, with d the centre's signed distance from the plane and h half the
    extent of the voxel along the normal, so that a plane along the voxels takes exactly one layer.
    """
    found = [np.stack(np.broadcast_arrays(*each), axis=1) for each in _voxels(volume, region)]
    return np.concatenate(found) if found else np.empty((0, 3), dtype=int)


def _voxels(volume: Volume, region: Annotation) -> Iterator[list[np.ndarray | int]]:
    """The region's voxels in parts: i, j and k, each an array ``[n]`` or one number for all."""
    linear, size = volume.affine[:3, :3], np.array(volume.shape[::-1])
    right, down = np.asarray(region.right, float), np.asarray(region.down, float)
    normal, middle = region.normal_lps, region.points_lps.mean(axis=0)
    a, b = region.half_size_mm
    steps = normal @ linear  # how far each index step leads from the plane, mm
    half = float(np.abs(steps).sum()) / 2
    corners = [
        middle + x * a * right + y * b * down + z * half * normal
        for x in (-1, 1)
        for y in (-1, 1)
        for z in (-1, 1)
    ]
    box = volume.to_index(np.array(corners))
    low = np.maximum(np.floor(box.min(axis=0)).astype(int), 0)
    high = np.minimum(np.ceil(box.max(axis=0)).astype(int) + 1, size)
    if (low >= high).any():
        return
    # Along the index axis that leads most steeply out of the plane, few voxels lie near it.
    main = int(np.abs(steps).argmax())
    first, second = (axis for axis in range(3) if axis != main)
    p = np.arange(low[first], high[first])[:, None]
    q = np.arange(low[second], high[second])[None, :]
    shape = p.size, q.size
    start = volume.affine[:3, 3] - middle
    # Distance from the plane, and position in it, are sums of a part for each index; a part that is
    # nothing is left out, so that in a plane along the voxels they stay rows, columns, numbers.
    d, u, v = (
        _sum(float(start @ way), (way @ linear[:, first], p), (way @ linear[:, second], q))
        for way in (normal, right, down)
    )
    across, along = float(right @ linear[:, main]), float(down @ linear[:, main])
    nearest = np.floor(-d / steps[main]).astype(int)
    reach = half / abs(float(steps[main]))
    for shift in range(math.ceil(-reach), math.ceil(1 + reach)):
        m = nearest + shift
        away = d + steps[main] * m
        near = (away >= -half) & (away < half) & (m >= 0) & (m < size[main])
        if not near.any():
            continue
        at: np.ndarray | int
        if m.size == 1:
            inside = _inside(region, u + across * m, v + along * m, a, b)
            rows, columns = np.divmod(np.flatnonzero(np.broadcast_to(inside, shape)), q.size)
            at = int(m.flat[0])
        else:
            # Which columns come near the plane is the same question for fewer and fewer of them.
            flat = np.flatnonzero(np.broadcast_to(near, shape))
            m, x, y = (np.broadcast_to(each, shape).ravel()[flat] for each in (m, u, v))
            inside = _inside(region, x + across * m, y + along * m, a, b)
            at = m[inside]
            rows, columns = np.divmod(flat[inside], q.size)
        index: list[np.ndarray | int] = [0, 0, 0]
        index[main], index[first], index[second] = at, rows + low[first], columns + low[second]
        yield index


def _sum(start: float | np.ndarray, *parts: tuple[float, np.ndarray]) -> np.ndarray:
    total = np.full((1, 1), start) if isinstance(start, float) else start
    for share, index in parts:
        if share:
            total = total + share * index
    return total


def _inside(region: Annotation, u: np.ndarray, v: np.ndarray, a: float, b: float) -> np.ndarray:
    if region.kind == "rectangle":
        inside: np.ndarray = (np.abs(u) <= a + _SLACK_MM) & (np.abs(v) <= b + _SLACK_MM)
        return inside
    a, b = a + _SLACK_MM, b + _SLACK_MM
    return (u / a) ** 2 + (v / b) ** 2 <= 1.0


def region_statistics(volume: Volume, region: Annotation) -> RegionStatistics | None:
    """Statistics of the finite real values in a region; None where there are none.

    The region's voxels are those of :func:`region_voxels`.
    """
    stored = [volume.voxels[k, j, i] for i, j, k in _voxels(volume, region)]
    if not stored:
        return None
    values = np.concatenate(stored).astype(np.float64) * volume.slope + volume.intercept
    values = values[np.isfinite(values)]
    if not len(values):
        return None
    return RegionStatistics(
        count=len(values),
        mean=float(values.mean()),
        sd=float(values.std(ddof=1)) if len(values) > 1 else 0.0,
        minimum=float(values.min()),
        maximum=float(values.max()),
    )
