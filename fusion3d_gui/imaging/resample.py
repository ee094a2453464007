"""A volume onto another grid in patient space: averaged down, then interpolated."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import affine_transform

from fusion3d_gui.imaging.volume import Volume
from fusion3d_gui.progress import Progress, no_progress


def block_mean(
    volume: Volume, factors_kji: tuple[int, int, int], progress: Progress = no_progress
) -> tuple[np.ndarray, np.ndarray]:
    """Mean of the real values in blocks of voxels, and the affine (4x4, LPS mm) of the blocks.

    The last block of an axis may hold fewer voxels; its mean stands at the place of a full one.
    Works slab by slab, so that no float copy of the whole volume is made. Values that are not
    finite count as 0.
    """
    fk, fj, fi = factors_kji
    n_k, n_j, n_i = volume.shape
    starts_j, starts_i = np.arange(0, n_j, fj), np.arange(0, n_i, fi)
    counts = np.outer(np.minimum(fj, n_j - starts_j), np.minimum(fi, n_i - starts_i))
    out = np.empty((-(-n_k // fk), len(starts_j), len(starts_i)), dtype=np.float32)
    for block, start in enumerate(range(0, n_k, fk)):
        progress(block / len(out), "Resampling")
        slab = volume.real(volume.voxels[start : start + fk])
        np.nan_to_num(slab, copy=False, nan=0.0, posinf=0.0, neginf=0.0)
        plane = slab.mean(axis=0, dtype=np.float32)
        if fj > 1:
            plane = np.add.reduceat(plane, starts_j, axis=0)
        if fi > 1:
            plane = np.add.reduceat(plane, starts_i, axis=1)
        out[block] = plane / counts
    shift = np.eye(4)
    shift[:3, :3] = np.diag([fi, fj, fk])
    shift[:3, 3] = [(fi - 1) / 2, (fj - 1) / 2, (fk - 1) / 2]
    return out, volume.affine @ shift


def resample_to_grid(
    volume: Volume,
    affine: np.ndarray,
    shape_kji: tuple[int, int, int],
    progress: Progress = no_progress,
) -> tuple[np.ndarray, np.ndarray]:
    """Sample a volume's real values on a grid in patient space.

    Axes finer than the grid are first averaged over whole blocks (so that fine detail does not
    alias), then everything is interpolated linearly.

    Parameters
    ----------
    affine
        4x4 of the target grid, index (i, j, k) to LPS mm.
    shape_kji
        Its number of voxels.

    Returns
    -------
    values
        float32 ``[k, j, i]``; points outside the volume take the nearest voxel's value.
    inside
        bool ``[k, j, i]``: whether the point lies within the volume (to the voxels' outer faces).
    """
    step = float(np.linalg.norm(np.asarray(affine)[:3, :3], axis=0).min())
    fk, fj, fi = (max(1, int(step / mm + 1e-6)) for mm in volume.spacing_mm)
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
