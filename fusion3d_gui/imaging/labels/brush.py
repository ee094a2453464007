"""Parts of a scan's grid as a brush, a fill or a clean-up makes them, and masks joined with them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from fusion3d_gui.imaging.labels.label_map import mask_of
from fusion3d_gui.imaging.labels.scan_object import Mask
from fusion3d_gui.imaging.volume import Volume

#: Lowest and highest real value that a brush or a fill takes.
Values = tuple[float, float]

#: Voxels that a fill looks at.
_MOST_VOXELS = 30_000_000


@dataclass(frozen=True, eq=False)
class Part:
    """Some voxels of a scan: bool ``[k, j, i]`` of a box, and the scan's voxel (k, j, i) where that begins."""

    start: tuple[int, int, int]
    inside: np.ndarray

    @property
    def stop(self) -> tuple[int, int, int]:
        """The voxel after the box's last."""
        k, j, i = (a + b for a, b in zip(self.start, self.inside.shape, strict=True))
        return k, j, i


def part_of_mask(mask: Mask, scan: Volume) -> Part:
    """A mask's voxels in the scan's grid."""
    i, j, k = np.rint(scan.to_index(mask.grid.affine[:3, 3])).astype(int).tolist()
    return Part((k, j, i), mask.grid.voxels > 0)


def brushed(
    scan: Volume,
    start_lps: np.ndarray,
    end_lps: np.ndarray,
    radius_mm: float,
    normal: np.ndarray | None = None,
    values: Values | None = None,
) -> Part | None:
    """The voxels under a round brush that is drawn along a line.

    Parameters
    ----------
    scan
        Its grid.
    start_lps, end_lps
        The line, mm LPS.
    radius_mm
        Voxels whose centres are as near to the line are under the brush.
    normal
        Of the plane that is painted on: only the layer of voxels that it cuts. None: all around the line.
    values
        Only voxels whose real value is among these.

    Returns
    -------
    Part or None
        None where no voxel is under the brush.
    """
    line = np.stack([np.asarray(start_lps, float), np.asarray(end_lps, float)])
    box = _box_around(scan, line, radius_mm)
    if box is None:
        return None
    centers = _centers(scan, box)
    along = line[1] - line[0]
    length = float(along @ along)
    away = centers - line[0]
    if length > 0:
        share = np.clip(away @ along / length, 0.0, 1.0)
        away = away - share[..., None] * along
    if normal is not None:
        unit = np.asarray(normal, float) / np.linalg.norm(normal)
        depth = (centers - line[0]) @ unit
        half = 0.5 * float(np.abs(unit @ scan.affine[:3, :3]).max())
        away = away - (away @ unit)[..., None] * unit
        inside = (depth > -half) & (depth <= half)
    else:
        inside = np.ones(centers.shape[:3], bool)
    inside &= np.einsum("...c,...c", away, away) <= radius_mm**2
    return _of_values(scan, box, inside, values)


def connected_region(
    scan: Volume, at_lps: np.ndarray, reach_mm: float, values: Values
) -> Part | None:
    """The voxels of such values that hang together, by faces, with the one at a place, within a reach of it.

    None where that voxel is not of such a value, or outside the scan.

    Raises
    ------
    ValueError
        The reach holds too many voxels.
    """
    from scipy.ndimage import label

    box = _box_around(scan, np.asarray(at_lps, float)[None], reach_mm)
    if box is None:
        return None
    if np.prod([each.stop - each.start for each in box], dtype=object) > _MOST_VOXELS:
        raise ValueError("the reach holds too many voxels")
    inside = np.ones([each.stop - each.start for each in box], bool)
    away = _centers(scan, box) - np.asarray(at_lps, float)
    inside &= np.einsum("...c,...c", away, away) <= reach_mm**2
    part = _of_values(scan, box, inside, values)
    if part is None:
        return None
    seed = _index_in(part, scan, at_lps)
    if seed is None or not part.inside[seed]:
        return None
    regions, _ = label(part.inside)
    return Part(part.start, regions == regions[seed])


def joined(mask: Mask | None, part: Part, scan: Volume, name: str, color: str = "") -> Mask | None:
    """A mask with a part added; of ``name`` and ``color`` where there was none."""
    if mask is None:
        return mask_of(name, part.inside, np.array(part.start), scan, color=color)
    own = part_of_mask(mask, scan)
    start = np.minimum(own.start, part.start)
    stop = np.maximum(own.stop, part.stop)
    inside = np.zeros(tuple(stop - start), bool)
    for each in (own, part):
        inside[_slices(each, start)] |= each.inside
    return mask_of(mask.name, inside, start, scan, color=mask.color)


def without(mask: Mask, part: Part, scan: Volume) -> Mask | None:
    """A mask with a part taken away; None where nothing is left."""
    own = part_of_mask(mask, scan)
    low = np.maximum(own.start, part.start)
    high = np.minimum(own.stop, part.stop)
    if (low >= high).any():
        return mask
    inside = own.inside.copy()
    common = Part(tuple((low).tolist()), np.zeros(tuple(high - low), bool))
    taken = part.inside[_slices(common, np.array(part.start))]
    inside[_slices(common, np.array(own.start))] &= ~taken
    return mask_of(mask.name, inside, np.array(own.start), scan, color=mask.color)


def without_holes(mask: Mask, scan: Volume) -> Mask:
    """A mask with everything filled that it encloses on all sides."""
    from scipy.ndimage import binary_fill_holes

    own = part_of_mask(mask, scan)
    filled = binary_fill_holes(own.inside)
    return _changed(mask, mask_of(mask.name, filled, np.array(own.start), scan, color=mask.color))


def part_at(mask: Mask, scan: Volume, at_lps: np.ndarray) -> Mask:
    """Only the part of a mask that hangs together, by faces, with the voxel at a place; else its largest part."""
    from scipy.ndimage import label

    own = part_of_mask(mask, scan)
    regions, count = label(own.inside)
    if count < 2:
        return mask
    seed = _index_in(own, scan, at_lps)
    number = 0 if seed is None else int(regions[seed])
    if not number:
        number = 1 + int(np.argmax(np.bincount(regions.ravel())[1:]))
    kept = mask_of(mask.name, regions == number, np.array(own.start), scan, color=mask.color)
    return _changed(mask, kept)


def _changed(mask: Mask, now: Mask | None) -> Mask:
    return mask if now is None else replace(now, stored_ml=None)


def _index_in(part: Part, scan: Volume, lps: np.ndarray) -> tuple[int, int, int] | None:
    """The voxel of a part's box that holds a place; None outside."""
    i, j, k = np.floor(scan.to_index(lps) + 0.5).astype(int).tolist()
    found = k - part.start[0], j - part.start[1], i - part.start[2]
    is_in = all(0 <= a < size for a, size in zip(found, part.inside.shape, strict=True))
    return found if is_in else None


def _box_around(
    scan: Volume, points_lps: np.ndarray, reach_mm: float
) -> tuple[slice, slice, slice] | None:
    """The voxels of the scan that can be as near to the points; None where there are none."""
    index = scan.to_index(points_lps)
    # How far a ball reaches along each index, whatever the angles between the axes.
    reach = reach_mm * np.linalg.norm(scan.inverse_affine[:3, :3], axis=1)
    low = np.maximum(np.ceil(index.min(axis=0) - reach - 1).astype(int), 0)
    high = np.minimum(np.floor(index.max(axis=0) + reach + 1).astype(int) + 1, scan.shape[::-1])
    if (low >= high).any():
        return None
    i, j, k = (slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
    return k, j, i


def _centers(scan: Volume, box: tuple[slice, slice, slice]) -> np.ndarray:
    """Centres of voxels, mm LPS, ``[k, j, i, 3]``."""
    k, j, i = (np.arange(each.start, each.stop, dtype=float) for each in box)
    affine = scan.affine
    centers: np.ndarray = (
        k[:, None, None, None] * affine[:3, 2]
        + j[None, :, None, None] * affine[:3, 1]
        + i[None, None, :, None] * affine[:3, 0]
        + affine[:3, 3]
    )
    return centers


def _of_values(
    scan: Volume, box: tuple[slice, slice, slice], inside: np.ndarray, values: Values | None
) -> Part | None:
    if values is not None:
        real = scan.real(scan.voxels[box])
        inside &= (real >= values[0]) & (real <= values[1])
    if not inside.any():
        return None
    k, j, i = (each.start for each in box)
    return Part((k, j, i), inside)


def _slices(part: Part, start: np.ndarray) -> tuple[slice, ...]:
    """Where a part lies in an array that begins at a voxel of the scan."""
    return tuple(
        slice(int(a - b), int(a - b) + size)
        for a, b, size in zip(part.start, start, part.inside.shape, strict=True)
    )
