"""Resample a volume onto another grid in patient space: average down, then interpolate."""

from __future__ import annotations

import numpy as np

from fusion3d_gui.imaging.volume import Volume
from fusion3d_gui.progress import Progress, no_progress


def block_mean(
    volume: Volume, factors_kji: tuple[int, int, int], progress: Progress = no_progress
) -> tuple[np.ndarray, np.ndarray]:
    """Average real values over blocks of voxels.

    The blocks lie symmetrically in the volume, so that the same scan gives the same means whichever
    way its axes run. The first and last block of an axis may have fewer voxels; their mean stands for
    a full block. Works slab by slab, so that no float copy of the whole volume is made. Values that
    are not finite count as 0.

    Parameters
    ----------
    volume
        The voxels.
    factors_kji
        Voxels of a block along each axis: odd numbers.
    progress
        Called for each slab of blocks.

    Returns
    -------
    means
        float32 ``[k, j, i]``.
    affine
        4x4 from block index (i, j, k) to LPS mm.

    Raises
    ------
    ValueError
        A factor is even.
    """
    (k_starts, k_lead), (j_starts, j_lead), (i_starts, i_lead) = (
        _blocks(size, factor) for size, factor in zip(volume.shape, factors_kji, strict=True)
    )
    _, n_j, n_i = volume.shape
    counts = np.outer(np.diff(j_starts, append=n_j), np.diff(i_starts, append=n_i))
    out = np.empty((len(k_starts), len(j_starts), len(i_starts)), dtype=np.float32)
    ends = [*k_starts[1:], volume.shape[0]]
    for block, (start, end) in enumerate(zip(k_starts, ends, strict=True)):
        progress(block / len(out), "Resampling")
        slab = volume.real(volume.voxels[start:end])
        np.nan_to_num(slab, copy=False, nan=0.0, posinf=0.0, neginf=0.0)
        plane = slab.mean(axis=0, dtype=np.float32)
        plane = np.add.reduceat(np.add.reduceat(plane, j_starts, axis=0), i_starts, axis=1)
        out[block] = plane / counts
    fk, fj, fi = factors_kji
    shift = np.eye(4)
    shift[:3, :3] = np.diag([fi, fj, fk])
    shift[:3, 3] = [(fi - 1) / 2 - i_lead, (fj - 1) / 2 - j_lead, (fk - 1) / 2 - k_lead]
    return out, volume.affine @ shift


def _blocks(size: int, factor: int) -> tuple[np.ndarray, int]:
    """First voxel of each block along an axis, and the number of voxels that the first block lacks."""
    if factor % 2 == 0:
        raise ValueError(f"blocks of {factor} voxels can't lie symmetrically in every volume")
    count = -(-size // factor)
    count += (count * factor - size) % 2
    lead = (count * factor - size) // 2
    return np.maximum(np.arange(count) * factor - lead, 0), lead


def resample_to_grid(
    volume: Volume,
    affine: np.ndarray,
    shape_kji: tuple[int, int, int],
    progress: Progress = no_progress,
) -> tuple[np.ndarray, np.ndarray]:
    """Sample a volume's real values on a grid in patient space.

    Axes at least twice as fine as the grid are first averaged over blocks, so that fine detail does
    not alias; then values are interpolated linearly.

    Parameters
    ----------
    volume
        The voxels.
    affine
        4x4 of the target grid, index (i, j, k) to LPS mm.
    shape_kji
        Number of voxels of the target grid.
    progress
        Called while blocks are averaged.

    Returns
    -------
    values
        float32 ``[k, j, i]``; outside the volume the outermost values continue.
    inside
        bool ``[k, j, i]``: whether the point lies within the outer faces of the volume's voxels.
    """
    # Imported where it is used, on the worker: scipy takes a third of the window's time to open.
    from scipy.ndimage import affine_transform

    step = float(np.linalg.norm(np.asarray(affine)[:3, :3], axis=0).min())
    # The odd number nearest to the ratio of the spacings; of 2, 4 ... the upper one.
    fk, fj, fi = (2 * int(step / mm / 2 + 1e-6) + 1 for mm in volume.spacing_mm)
    blocks, blocks_affine = block_mean(volume, (fk, fj, fi), progress)
    to_index = np.linalg.inv(blocks_affine) @ affine
    # scipy counts axes in array order (k, j, i), the affines in (i, j, k).
    values = affine_transform(
        blocks,
        to_index[:3, :3][::-1, ::-1],
        offset=to_index[:3, 3][::-1],
        output_shape=shape_kji,
        output=np.float32,
        order=1,
        mode="nearest",
    )
    return values, _inside(volume, np.asarray(affine), shape_kji)


def _inside(volume: Volume, affine: np.ndarray, shape_kji: tuple[int, int, int]) -> np.ndarray:
    to_index = volume.inverse_affine @ affine
    k, j, i = np.ogrid[: shape_kji[0], : shape_kji[1], : shape_kji[2]]
    inside = np.ones(shape_kji, dtype=bool)
    for axis, size in enumerate(volume.shape[::-1]):
        row = to_index[axis]
        index = row[0] * i + row[1] * j + row[2] * k + row[3]
        inside &= (index >= -0.5 - 1e-6) & (index <= size - 0.5 + 1e-6)
    return inside
