"""Volumes as SimpleITK images of bounded size, with orthogonal axes and clipped values.

SimpleITK is imported inside functions: on the worker only, and only by who registers.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from fusion3d_gui.imaging.reslice.resample import area_mean, resample_to_grid
from fusion3d_gui.imaging.volume import Volume
from fusion3d_gui.progress import Progress, no_progress

#: Voxels of an image that is registered, at most: 32 MB of float32 each, some five times that with the pyramid.
_MOST_VOXELS = 8_000_000
#: Finer voxels (mm) are averaged: registration gains nothing from them.
_FINEST_MM = 0.7
#: Axes whose cosine is larger are sheared, which ITK's gradients do not expect.
_ORTHOGONAL = 1e-4
#: Values beyond these percentiles are clipped: metal and vessels would take the histogram's bins.
_PERCENTILES = (0.5, 99.8)
_SAMPLED = 400_000
#: The core: deeper than this (mm) within the outline, found on voxels of about this size (mm), and used where it is
#: at least this share of the whole.
_CORE_DEPTH_MM, _CORE_GRID_MM, _LEAST_CORE = 20.0, 3.0, 0.2
#: Standard deviation of the smoothing as a share of a level's details; ITK's recursive filter needs four voxels.
_SMOOTHING, _LEAST_SMOOTHED = 0.4, 4


@dataclass(frozen=True, eq=False)
class PreparedImage:
    """A volume on the grid on which it is registered.

    Parameters
    ----------
    values
        float32 ``[k, j, i]``, clipped.
    affine
        4x4, index (i, j, k) to patient mm, LPS; its axes are orthogonal.
    tissue
        bool ``[k, j, i]``: brighter than the background.
    mask
        bool ``[k, j, i]`` where a mask was given, else None.
    """

    values: np.ndarray
    affine: np.ndarray
    tissue: np.ndarray
    mask: np.ndarray | None
    _levels: dict[float, Any] = field(default_factory=dict)

    def mirrored(self) -> PreparedImage:
        """Its mirror image: left and right are exchanged about the middle of its field."""
        middle = self.affine @ (*((np.array(self.values.shape[::-1]) - 1) / 2), 1.0)
        mirror = np.diag([-1.0, 1.0, 1.0, 1.0])
        mirror[0, 3] = 2 * middle[0]
        return replace(self, affine=mirror @ self.affine, _levels={})

    def at_level(self, mm: float) -> Any:
        """The values as a SimpleITK image in which details of less than ``mm`` are smoothed away."""
        if mm not in self._levels:
            self._levels[mm] = self._smoothed(mm)
        return self._levels[mm]

    def _smoothed(self, mm: float) -> Any:
        import SimpleITK as sitk

        image = _itk(self.values, self.affine)
        for axis, spacing in enumerate(image.GetSpacing()):
            if mm > spacing and image.GetSize()[axis] >= _LEAST_SMOOTHED:
                sigma = _SMOOTHING * math.sqrt(mm**2 - spacing**2)
                image = sitk.RecursiveGaussian(image, sigma, direction=axis)
        factors = [
            max(1, min(int(mm / spacing), size // 8))
            for spacing, size in zip(image.GetSpacing(), image.GetSize(), strict=True)
        ]
        return sitk.Shrink(image, factors)

    @cached_property
    def itk_mask(self) -> Any:
        """The mask as a SimpleITK image; without one, of the body's core; None where there is no core to speak of."""
        if self.mask is not None:
            return _itk(self.mask.astype(np.uint8), self.affine)
        return _core(self.tissue, self.affine)

    def tissue_points(self, count: int) -> np.ndarray:
        """At most ``count`` positions ``(n, 3)`` (mm, LPS), evenly drawn from the tissue (or all, where it is empty)."""
        where = self.tissue if self.mask is None else self.tissue & self.mask
        flat = np.flatnonzero(where) if where.any() else np.arange(where.size)
        picked = flat[np.linspace(0, len(flat) - 1, min(count, len(flat))).astype(int)]
        k, j, i = np.unravel_index(picked, where.shape)
        index = np.stack([i, j, k], axis=-1)
        points: np.ndarray = index @ self.affine[:3, :3].T + self.affine[:3, 3]
        return points


def prepare(
    volume: Volume, mask: np.ndarray | None = None, progress: Progress = no_progress
) -> PreparedImage:
    """Average, straighten and clip a volume for registration.

    Parameters
    ----------
    volume
        A whole volume.
    mask
        bool ``[k, j, i]`` of the volume's shape: what counts; None: everything.
    progress
        Called while voxels are averaged.

    Raises
    ------
    ValueError
        The mask has another shape.
    """
    if mask is not None and mask.shape != volume.shape:
        raise ValueError(f"a mask of shape {mask.shape} for a volume of shape {volume.shape}")
    values, affine = _on_grid(volume, progress)
    kept = None
    if mask is not None:
        inked = replace(volume, voxels=mask.astype(np.uint8), slope=1.0, intercept=0.0)
        kept = resample_to_grid(inked, affine, _shape(values))[0] > 0.5
    values = _clipped(values, volume)
    return PreparedImage(values, affine, _tissue(values), kept)


def _on_grid(volume: Volume, progress: Progress) -> tuple[np.ndarray, np.ndarray]:
    spacing = np.array(volume.spacing_mm)
    wanted = np.maximum(spacing, _FINEST_MM)
    count = np.prod(np.array(volume.shape) * spacing / wanted)
    while count > _MOST_VOXELS:
        # The finest axes first: slices that are thick already stay as they are.
        wanted = np.maximum(wanted, wanted.min() * 1.05)
        count = np.prod(np.array(volume.shape) * spacing / wanted)
    axes = volume.affine[:3, :3] / np.linalg.norm(volume.affine[:3, :3], axis=0)
    cosines = axes.T @ axes - np.eye(3)
    if np.abs(cosines).max() > _ORTHOGONAL:
        return _straightened(volume, wanted, progress)
    wk, wj, wi = (wanted / spacing).tolist()
    # Widths that barely exceed a voxel would blur without making the image smaller.
    widths = tuple(1.0 if each < 1.3 else each for each in (wk, wj, wi))
    if widths == (1.0, 1.0, 1.0):
        return volume.real(), np.array(volume.affine)
    return area_mean(volume, (widths[0], widths[1], widths[2]), progress)


def _straightened(
    volume: Volume, spacing_kji: np.ndarray, progress: Progress
) -> tuple[np.ndarray, np.ndarray]:
    """A sheared volume on the smallest grid along the patient's axes that holds it."""
    low, high = volume.bounds_lps
    spacing = spacing_kji[::-1].copy()
    sizes = np.maximum(np.ceil((high - low) / spacing), 1)
    while np.prod(sizes) > _MOST_VOXELS:
        spacing *= 1.05
        sizes = np.maximum(np.ceil((high - low) / spacing), 1)
    affine = np.diag([*spacing, 1.0])
    affine[:3, 3] = low + spacing / 2
    i, j, k = (int(each) for each in sizes)
    values, inside = resample_to_grid(volume, affine, (k, j, i), progress)
    return np.where(inside > 0.5, values, values.min()), affine


def _clipped(values: np.ndarray, volume: Volume) -> np.ndarray:
    stride = max(1, values.size // _SAMPLED)
    some = values.ravel()[::stride]
    some = some[np.isfinite(some)]
    if volume.padding is not None:
        low, high = sorted(float(each) * volume.slope + volume.intercept for each in volume.padding)
        some = some[(some < low) | (some > high)]
    if not some.size:
        return np.zeros(values.shape, np.float32)
    low, high = (float(each) for each in np.percentile(some, _PERCENTILES))
    finite = np.nan_to_num(values, nan=low, posinf=high, neginf=low)
    clipped: np.ndarray = np.clip(finite, low, high if high > low else low + 1.0)
    return clipped.astype(np.float32)


def _tissue(values: np.ndarray) -> np.ndarray:
    """Brighter than the background: by three tenths of the way from the darkest value to the mean of what is above the mean."""
    low = float(values.min())
    above = values[values > values.mean(dtype=np.float64)]
    level = low + 0.3 * (float(above.mean(dtype=np.float64)) - low) if above.size else low
    tissue: np.ndarray = values > level
    return tissue


def _core(tissue: np.ndarray, affine: np.ndarray) -> Any:
    """What lies deep within the outline of the tissue, on a coarse grid: skin, neck and jaw move by themselves."""
    from scipy import ndimage

    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    steps = np.maximum(np.rint(_CORE_GRID_MM / spacing), 1).astype(int)
    coarse = tissue[:: steps[2], :: steps[1], :: steps[0]]
    spacing_kji = (spacing * steps)[::-1]
    reach = max(1, round(3 * _CORE_GRID_MM / float(spacing_kji.max())))
    padded = np.pad(coarse, reach + 1, mode="edge")
    filled = ndimage.binary_closing(padded, iterations=reach)
    for axis in range(3):
        for plane in np.moveaxis(filled, axis, 0):
            plane[...] = ndimage.binary_fill_holes(plane)
    # The body goes on beyond the outermost slices, where its outline is no skin.
    depth = ndimage.distance_transform_edt(filled, sampling=spacing_kji)
    inner = (slice(reach + 1, -reach - 1),) * 3
    core = (depth > _CORE_DEPTH_MM)[inner]
    if not core.sum() > _LEAST_CORE * filled[inner].sum():
        return None
    coarse_affine = affine.copy()
    coarse_affine[:3, :3] = affine[:3, :3] * steps
    return _itk(core.astype(np.uint8), coarse_affine)


def _shape(values: np.ndarray) -> tuple[int, int, int]:
    k, j, i = values.shape
    return k, j, i


def _itk(values: np.ndarray, affine: np.ndarray) -> Any:
    import SimpleITK as sitk

    image = sitk.GetImageFromArray(values)
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    image.SetSpacing(spacing.tolist())
    image.SetOrigin(affine[:3, 3].tolist())
    image.SetDirection((affine[:3, :3] / spacing).ravel().tolist())
    return image
