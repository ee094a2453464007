"""Make volumes and heatmaps ready to be projected, in small steps that leave the GUI thread free between them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from fusion3d_gui.imaging.plane import Plane
from fusion3d_gui.imaging.reslice.sampling import sample
from fusion3d_gui.imaging.reslice.volume_projection import VolumeProjector, lowest_value
from fusion3d_gui.imaging.volume import Volume

#: Most voxels along an axis of the reduced copy that is projected.
_LARGEST_SIDE = 192


def prepare_projector(volume: Volume) -> Iterator[VolumeProjector | None]:
    """Reduce a volume to at most 192 voxels a side and make it ready to be projected.

    Blocks of voxels become their largest real value. Values that are not finite count as the lowest.

    Yields
    ------
    VolumeProjector or None
        None after each of many small steps, the projector at the end.
    """
    factors = [-(-size // _LARGEST_SIDE) for size in volume.shape]
    starts = [
        np.arange(0, size, factor) for size, factor in zip(volume.shape, factors, strict=True)
    ]
    first = volume.voxels.dtype
    kind = first if first.kind in "iu" and first.itemsize <= 2 else np.dtype(np.float32)
    small = np.empty([len(each) for each in starts], kind)
    low_wins = volume.slope < 0
    best = np.minimum if low_wins else np.maximum
    worst = -lowest_value(np.dtype(np.float32)) if low_wins else lowest_value(np.dtype(np.float32))
    for number, start in enumerate(starts[0]):
        block = best.reduce(volume.voxels[start : start + factors[0]], axis=0)
        block = best.reduceat(block, starts[1], axis=0)
        block = best.reduceat(block, starts[2], axis=1)
        if block.dtype.kind == "f":
            block = np.where(np.isfinite(block), block, worst)
        small[number] = block
        yield None
    fk, fj, fi = factors
    scale = np.diag([fi, fj, fk, 1.0])
    scale[:3, 3] = (fi - 1) / 2, (fj - 1) / 2, (fk - 1) / 2
    projector = VolumeProjector(small, volume.affine @ scale, low_wins=low_wins)
    yield from projector.stacking()
    yield projector


def prepare_heatmap_projector(
    grid: Volume, peak: float, like: VolumeProjector
) -> Iterator[VolumeProjector | None]:
    """Resample a heatmap onto the voxels of another projector, so that both can be laid over each other.

    Parameters
    ----------
    grid
        The heatmap as a volume.
    peak
        The value that becomes level 255.
    like
        The projector of the scan.

    Yields
    ------
    VolumeProjector or None
        None after each of many small steps; at the end the projector, whose voxels are uint8 levels,
        interpolated trilinearly, 0 outside the grid.
    """
    n_k, n_j, n_i = like.shape
    levels = np.empty(like.shape, np.uint8)
    plane = Plane(like.affine[:3, 3], like.affine[:3, 0], like.affine[:3, 1], (n_j, n_i))
    for k in range(n_k):
        share = sample(grid, plane.shifted(like.affine[:3, 2] * k)) * np.float32(255.0 / peak)
        levels[k] = np.nan_to_num(share, nan=0.0).clip(0, 255)
        yield None
    projector = VolumeProjector(levels, like.affine)
    yield from projector.stacking()
    yield projector
