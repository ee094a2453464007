"""Scan, heat and masks as images for NiiVue: what of them is sent to the browser, and how it is coloured.

What is sent holds voxels, their affine and the mark of a simulated scan: no header of the file that was
read, no name of it, nothing that identifies a patient.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from fusion3d_gui.errors import UserError
from fusion3d_gui.imaging.display.heat_colors import heat_alpha, heatmap_colors
from fusion3d_gui.imaging.files.nifti import nifti_bytes
from fusion3d_gui.imaging.labels.label_map import moved_onto
from fusion3d_gui.imaging.labels.scan_object import MASK_COLORS, Mask
from fusion3d_gui.imaging.notebook import gray_range, orthogonal_slices
from fusion3d_gui.imaging.reslice.acquisition import nearest_axes
from fusion3d_gui.imaging.reslice.resample import area_mean, resample_to_grid
from fusion3d_gui.imaging.simulated import attributes_of_note, simulation_mark
from fusion3d_gui.imaging.volume import RAS_LPS, Volume

#: Voxels of each image at most: finer scans are averaged. As float32 64 MiB.
MOST_VOXELS = 2**24
#: Types of voxels that NiiVue draws as they are stored.
_KEPT_TYPES = (np.uint8, np.int16, np.uint16)
_MASK_OPACITY = 0.5
#: Images of masks at most: masks that overlap lie in different ones.
_MOST_MASK_IMAGES = 8
_MOST_LABELS = 255


@dataclass(frozen=True, eq=False)
class Layer:
    """An image for NiiVue.

    Parameters
    ----------
    name
        What NiiVue calls it; says nothing about the file that was read.
    image
        Its voxels and affine.
    look
        Of a gray image the real values shown black and white; of a coloured one uint8 ``[n, 4]``, RGBA of the
        voxel values 0 to n - 1.
    opacity
        Of all of it, 0 to 1.
    """

    name: str
    image: Volume
    look: tuple[float, float] | np.ndarray
    opacity: float = 1.0

    @property
    def nifti(self) -> bytes:
        """The file (``.nii.gz``) that is sent."""
        return nifti_bytes(self.image)


def scan_layer(volume: Volume) -> Layer:
    """The scan, averaged to at most :data:`MOST_VOXELS` voxels.

    Where the file means low values to be shown white, all values are negated: NiiVue takes an inverted
    colour map only of an image that is on screen already.
    """
    window = volume.windows[0] if volume.windows else None
    slices = orthogonal_slices(volume.voxels, volume.affine)
    low, high = gray_range([volume.real(each.values) for each in slices], window)
    attributes = attributes_of_note(simulation_mark(volume))
    plain = Volume(
        volume.voxels, volume.affine, volume.slope, volume.intercept, attributes=attributes
    )
    image = _drawable(_reduced(plain))
    if not volume.low_is_white:
        return Layer("scan", image, (low, high))
    negated = replace(image, voxels=-image.real(), slope=1.0, intercept=0.0)
    return Layer("scan", negated, (-high, -low))


def heat_layer(heat: Volume, grid: Volume, threshold: float, opacity: float) -> Layer:
    """A heatmap on the grid of the scan that is shown, in the colours of the main window.

    Parameters
    ----------
    heat
        Values on a grid of their own; what is negative counts as 0.
    grid
        The image of :func:`scan_layer`.
    threshold
        Share of the largest value below which nothing is painted.
    opacity
        Alpha from 0 to 1.
    """
    values, inside = resample_to_grid(heat, grid.affine, grid.shape)
    peak = float(heat.real().max())
    share = np.where(inside > 0, values, 0.0) / (peak if peak > 0 else 1.0)
    levels = np.rint(255 * np.clip(share, 0.0, 1.0)).astype(np.uint8)
    alpha = np.rint(255 * heat_alpha(1.0, threshold)).astype(np.uint8)
    colors = np.column_stack([heatmap_colors(), alpha])
    return Layer("heat", Volume(levels, grid.affine), colors, opacity)


def mask_layers(masks: Sequence[Mask], grid: Volume) -> tuple[tuple[Layer, ...], tuple[str, ...]]:
    """Masks on the grid of the scan that is shown, as few images as their overlaps allow.

    Parameters
    ----------
    masks
        The masks; each voxel of the grid takes what is nearest to it.
    grid
        The image of :func:`scan_layer`.

    Returns
    -------
    layers
        The images.
    lost
        Names of the masks that hold no voxel of this grid.

    Raises
    ------
    UserError
        Too many of them overlap.
    """
    labels: list[np.ndarray] = []
    colors: list[list[tuple[int, int, int, int]]] = []
    lost = []
    for number, mask in enumerate(masks):
        there = moved_onto(mask, grid)
        if there is None:
            lost.append(mask.name)
            continue
        i, j, k = np.rint(grid.to_index(there.grid.affine[:3, 3])).astype(int)
        box = tuple(
            slice(start, start + size)
            for start, size in zip((k, j, i), there.grid.shape, strict=True)
        )
        inside = there.grid.voxels > 0
        place = next(
            (
                n
                for n, each in enumerate(labels)
                if len(colors[n]) < _MOST_LABELS and not each[box][inside].any()
            ),
            None,
        )
        if place is None:
            if len(labels) == _MOST_MASK_IMAGES:
                raise UserError("too many masks overlap to be shown", remedy="Show fewer of them.")
            labels.append(np.zeros(grid.shape, np.uint8))
            colors.append([])
            place = len(labels) - 1
        colors[place].append((*rgb_of(mask_color(mask, number)), 255))
        labels[place][box][inside] = len(colors[place])
    layers = tuple(
        Layer(
            f"masks-{n + 1}",
            Volume(each, grid.affine),
            np.array([(0, 0, 0, 0), *colors[n]], np.uint8),
            _MASK_OPACITY,
        )
        for n, each in enumerate(labels)
    )
    return layers, tuple(lost)


def mask_color(mask: Mask, number: int) -> str:
    """``"#RRGGBB"``: the mask's own colour, or that of its number, from 0, among those shown."""
    return mask.color or MASK_COLORS[number % len(MASK_COLORS)]


def rgb_of(color: str) -> tuple[int, int, int]:
    """Red, green and blue, 0 to 255, of ``"#RRGGBB"``."""
    red, green, blue = bytes.fromhex(color[1:])
    return red, green, blue


def crosshair_share(grid: Volume, lps_mm: np.ndarray) -> tuple[float, float, float]:
    """A patient position (mm, LPS) as NiiVue counts: shares, 0 to 1, along the grid's axes turned to R, A, S."""
    linear = (RAS_LPS @ grid.affine)[:3, :3]
    index = np.clip(grid.to_index(lps_mm), 0, np.array(grid.shape[::-1]) - 1)
    found = []
    for patient, axis in enumerate(nearest_axes(linear)):
        share = float(index[axis] + 0.5) / grid.shape[2 - axis]
        found.append(share if linear[patient, axis] > 0 else 1.0 - share)
    first, second, third = found
    return first, second, third


def _reduced(volume: Volume) -> Volume:
    """The volume, or averages over boxes of its voxels where it has more than may be sent."""
    if volume.voxels.size <= MOST_VOXELS:
        return volume
    step_mm = min(volume.spacing_mm)
    while True:
        step_mm *= 1.02
        widths = tuple(max(1.0, step_mm / mm) for mm in volume.spacing_mm)
        counts = [int(size / width) + 1 for size, width in zip(volume.shape, widths, strict=True)]
        if np.prod(counts) <= MOST_VOXELS:
            break
    wk, wj, wi = widths
    means, affine = area_mean(volume, (wk, wj, wi))
    # The boxes reach beyond the faces: those whose middle lies there show nothing of the scan.
    first = volume.to_index(affine[:3, 3])[::-1]
    kept = []
    for start, width, size, count in zip(first, widths, volume.shape, means.shape, strict=True):
        middles = start + width * np.arange(count)
        inside = np.flatnonzero((middles >= -0.5) & (middles <= size - 0.5))
        kept.append(slice(int(inside[0]), int(inside[-1]) + 1))
    origin = affine @ np.array([*(float(each.start) for each in reversed(kept)), 1.0])
    return replace(
        volume,
        voxels=np.ascontiguousarray(means[tuple(kept)]),
        affine=np.column_stack([affine[:, :3], origin]),
        slope=1.0,
        intercept=0.0,
    )


def _drawable(volume: Volume) -> Volume:
    """The volume in a type that NiiVue draws, without values that are not finite."""
    if volume.voxels.dtype in _KEPT_TYPES:
        return volume
    real = volume.real()
    finite = np.isfinite(real)
    if not finite.all():
        low, high = (real[finite].min(), real[finite].max()) if finite.any() else (0.0, 0.0)
        np.nan_to_num(real, copy=False, nan=low, neginf=low, posinf=high)
    return replace(volume, voxels=real, slope=1.0, intercept=0.0)
