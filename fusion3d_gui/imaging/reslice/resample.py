"""Resample a volume onto another grid in patient space: average down, then interpolate.

Everything here is continuous in the voxels and in both affines: a scan whose affine differs by rounding (as
DICOM's and NIfTI's do) gives values that differ by as little.
"""

from __future__ import annotations

import numpy as np

from fusion3d_gui.imaging.volume import Volume
from fusion3d_gui.progress import Progress, no_progress


def area_mean(
    volume: Volume, widths_kji: tuple[float, float, float], progress: Progress = no_progress
) -> tuple[np.ndarray, np.ndarray]:
    """Average real values over boxes of any width, in steps of that width.

    A box weighs each voxel by the share of it that it covers. The boxes lie symmetrically in the volume, so
    that the same scan gives the same means whichever way its axes run, and reach beyond its faces,
    where the outermost voxels continue. Works slab by slab, so that no float copy of the whole volume is
    made. Values that are not finite count as 0.

    Parameters
    ----------
    volume
        The voxels.
    widths_kji
        Width of a box along each axis, in voxels: at least 1. At 1 the boxes are the voxels.
    progress
        Called for each slab of boxes.

    Returns
    -------
    means
        float32 ``[k, j, i]``.
    affine
        4x4 from box index (i, j, k) to LPS mm.

    Raises
    ------
    ValueError
        A width is below 1.
    """
    # Imported where it is used, on the worker: scipy takes a third of the window's time to open.
    from scipy.sparse import csr_array

    (along_k, k_first), (along_j, j_first), (along_i, i_first) = (
        _box_weights(size, width) for size, width in zip(volume.shape, widths_kji, strict=True)
    )
    over_j, over_i = csr_array(along_j), csr_array(along_i)
    out = np.empty((len(along_k), len(along_j), len(along_i)), dtype=np.float32)
    for box, weights in enumerate(along_k):
        progress(box / len(out), "Resampling")
        covered = np.flatnonzero(weights)
        slab = volume.real(volume.voxels[covered[0] : covered[-1] + 1])
        if volume.voxels.dtype.kind == "f":
            np.nan_to_num(slab, copy=False, nan=0.0, posinf=0.0, neginf=0.0)
        plane = np.tensordot(weights[covered[0] : covered[-1] + 1], slab, axes=1)
        out[box] = (over_i @ (over_j @ plane).T).T
    wk, wj, wi = widths_kji
    boxes = np.eye(4)
    boxes[:3, :3] = np.diag([wi, wj, wk])
    boxes[:3, 3] = [i_first, j_first, k_first]
    return out, volume.affine @ boxes


def _box_weights(size: int, width: float) -> tuple[np.ndarray, float]:
    """Weights, float32 [boxes, size], of an axis's voxels in each box, and the index of the first box's centre.

    With an odd size a box is centred in the volume, with an even size two meet there: at a width of 1 they
    are the voxels. The outermost boxes are centred at the faces or beyond, so that one more would change nothing.
    """
    if not width >= 1:
        raise ValueError(f"boxes of {width} voxels are narrower than a voxel")
    middle = (size - 1) / 2
    if width == 1:
        return np.eye(size, dtype=np.float32), 0.0
    odd = size % 2
    each_side = int(np.ceil(size / 2 / width)) + 1
    offsets = (
        np.arange(-each_side, each_side + 1.0) if odd else np.arange(-each_side, each_side) + 0.5
    )
    centers = middle + width * offsets
    edges = np.arange(size + 1) - 0.5
    # The outermost voxels continue beyond the faces.
    edges[0], edges[-1] = centers[0] - width, centers[-1] + width
    low, high = (centers + side * width / 2 for side in (-1, 1))
    overlap = np.minimum(high[:, None], edges[1:]) - np.maximum(low[:, None], edges[:-1])
    weights = np.clip(overlap, 0, None) / width
    return weights.astype(np.float32), float(centers[0])


def resample_to_grid(
    volume: Volume,
    affine: np.ndarray,
    shape_kji: tuple[int, int, int],
    progress: Progress = no_progress,
) -> tuple[np.ndarray, np.ndarray]:
    """Sample a volume's real values on a grid in patient space.

    Axes finer than the grid are first averaged over the grid's spacing, so that fine detail does not alias;
    then values are interpolated linearly.

    Parameters
    ----------
    volume
        The voxels.
    affine
        4x4 of the target grid, index (i, j, k) to LPS mm.
    shape_kji
        Number of voxels of the target grid.
    progress
        Called while boxes are averaged.

    Returns
    -------
    values
        float32 ``[k, j, i]``; outside the volume the outermost values continue.
    inside
        float32 ``[k, j, i]``: 1 within the centres of the volume's outermost voxels, 0 beyond their outer
        faces, falling linearly over the half voxel between them (the product over the axes).
    """
    from scipy.ndimage import affine_transform

    step = float(np.linalg.norm(np.asarray(affine)[:3, :3], axis=0).min())
    wk, wj, wi = (max(1.0, step / mm) for mm in volume.spacing_mm)
    boxes, boxes_affine = area_mean(volume, (wk, wj, wi), progress)
    to_index = np.linalg.inv(boxes_affine) @ affine
    # scipy counts axes in array order (k, j, i), the affines in (i, j, k).
    values = affine_transform(
        boxes,
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
    inside = np.ones(shape_kji, dtype=np.float32)
    for axis, size in enumerate(volume.shape[::-1]):
        row = to_index[axis]
        index = row[0] * i + row[1] * j + row[2] * k + row[3]
        from_face = np.minimum(index + 0.5, size - 0.5 - index)
        inside *= np.clip(2 * from_face, 0, 1)
    return inside
