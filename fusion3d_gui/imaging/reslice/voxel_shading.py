"""Which way the boundary of tissue at each voxel faces, in few numbers, so that 3D can light it from any side at once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np

from fusion3d_gui.imaging.reslice.surface_shading import AMBIENT, LIGHT

#: Directions along each of the two coordinates of the octahedron (Cigolle et al., JCGT 2014).
_SIDE = 32
#: Number of directions; number 0 stands for none, where values do not change.
DIRECTIONS = _SIDE * _SIDE
#: How strong a boundary is, from 0 (none) on.
STRENGTHS = 4
#: Of the largest gradients so many percent are all called strongest.
_STRONGEST_PERCENT = 2.0
#: Below this share of the strongest there is no boundary, only noise.
FLAT = 0.04
#: A boundary seen from behind is lit by so much of what it would be from the front.
BEHIND = 0.5
#: Exponent and brightness of the highlight.
SHININESS, HIGHLIGHT = 24, 0.22


@dataclass(frozen=True, eq=False)
class VoxelShading:
    """Directions (0 to ``DIRECTIONS`` - 1, uint16) and strengths (0 to ``STRENGTHS`` - 1, uint8), both ``[k, j, i]``.

    ``strongest``: the gradient (stored values a millimetre) from which on a boundary is strongest.
    """

    directions: np.ndarray
    strengths: np.ndarray
    strongest: float


def prepare_shading(
    voxels: np.ndarray, affine: np.ndarray, *, rising_inwards: bool = True
) -> Iterator[VoxelShading | None]:
    """Find the boundaries of a volume.

    Parameters
    ----------
    voxels
        ``[k, j, i]``.
    affine
        4x4 from voxel index (i, j, k) to LPS mm.
    rising_inwards
        Whether larger stored values are denser; not under a negative slope.

    Yields
    ------
    VoxelShading or None
        None after each of many small steps, at the end the shading.
    """
    # Imported where it is used: the window starts without scipy.
    from scipy.ndimage import sobel

    n_k = len(voxels)
    # A gradient along the axes (i, j, k) is one per mm by the transposed inverse.
    to_lps = np.linalg.inv(affine[:3, :3]).T.astype(np.float32)
    sign = np.float32(-1 if rising_inwards else 1)
    directions = np.zeros(voxels.shape, np.uint16)
    lengths = np.zeros(voxels.shape, np.float16)
    top = float(np.abs(_finite(voxels[:: max(1, n_k // 8)])).max(initial=1e-6))
    for k in range(n_k):
        rows = np.clip(np.arange(k - 1, k + 2), 0, n_k - 1)
        slab = _finite(voxels[rows]) / np.float32(top)
        along = np.stack([sobel(slab, axis)[1] for axis in (2, 1, 0)], axis=-1)
        normals = sign * (along @ to_lps.T)
        length = np.linalg.norm(normals, axis=-1)
        lengths[k] = length
        directions[k] = _numbered(normals / np.maximum(length, 1e-12)[..., None])
        yield None
    sample = lengths[:: max(1, n_k // 24)].astype(np.float32)
    strongest = (
        max(float(np.percentile(sample[sample > 0], 100 - _STRONGEST_PERCENT)), 1e-6)
        if (sample > 0).any()
        else 1.0
    )
    strengths = np.zeros(voxels.shape, np.uint8)
    for k in range(n_k):
        share = lengths[k].astype(np.float32) / np.float32(strongest)
        strengths[k] = np.clip(share * STRENGTHS, 0, STRENGTHS - 1)
        directions[k][share < FLAT] = 0
        yield None
    # Sobel's weights add up to 32 times the change from voxel to voxel.
    yield VoxelShading(directions, strengths, strongest * top / 32)


def brightness(right_lps: np.ndarray, down_lps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Brightness of every direction, lit and seen along the screen's axes: diffuse and highlight, float64 ``[DIRECTIONS]``."""
    away = np.cross(right_lps, down_lps)
    light = LIGHT[0] * right_lps + LIGHT[1] * down_lps - away
    light = light / np.linalg.norm(light)
    half = light - away
    half = half / np.linalg.norm(half)
    facing = direction_vectors() @ light
    lit = np.maximum(facing, -BEHIND * facing)
    diffuse = AMBIENT + (1 - AMBIENT) * lit
    highlight = HIGHLIGHT * np.maximum(direction_vectors() @ half, 0) ** SHININESS
    diffuse[0], highlight[0] = 0.5 * (1 + AMBIENT), 0.0
    return diffuse, highlight


@cache
def direction_vectors() -> np.ndarray:
    """Unit vectors (LPS) of the directions, float64 ``[DIRECTIONS, 3]``."""
    middle = (np.arange(_SIDE) + 0.5) / _SIDE * 2 - 1
    v, u = (each.ravel() for each in np.meshgrid(middle, middle, indexing="ij"))
    z = 1 - np.abs(u) - np.abs(v)
    fold = np.maximum(-z, 0)
    x, y = u - np.copysign(fold, u), v - np.copysign(fold, v)
    vectors = np.stack([x, y, z], axis=1)
    found: np.ndarray = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    found.flags.writeable = False
    return found


def _numbered(units: np.ndarray) -> np.ndarray:
    """Numbers of the directions nearest to unit vectors ``[..., 3]``, 1 or more."""
    x, y, z = np.moveaxis(units, -1, 0)
    total = np.maximum(np.abs(x) + np.abs(y) + np.abs(z), np.float32(1e-12))
    u, v = x / total, y / total
    below = z < 0
    folded_u = (1 - np.abs(v)) * np.where(u < 0, -1, 1)
    folded_v = (1 - np.abs(u)) * np.where(v < 0, -1, 1)
    u, v = np.where(below, folded_u, u), np.where(below, folded_v, v)
    column, row = (
        np.clip((each + 1) / 2 * _SIDE, 0, _SIDE - 1).astype(np.uint16) for each in (u, v)
    )
    numbers: np.ndarray = np.maximum(row * np.uint16(_SIDE) + column, 1)
    return numbers


def _finite(voxels: np.ndarray) -> np.ndarray:
    values = voxels.astype(np.float32)
    return (
        np.where(np.isfinite(values), values, np.float32(0)) if voxels.dtype.kind == "f" else values
    )
