"""Where a volume's acquired slices lie: its slice axis, the reading plane nearest to them, its axes in a space."""

from __future__ import annotations

from typing import Literal

import numpy as np

from fusion3d_gui.imaging.plane import ORIENTATIONS, Orientation
from fusion3d_gui.imaging.volume import Volume

#: Voxel axes that drift from an axis of space by less than this across the volume count as aligned: in mm,
#: and as a share of the smallest voxel edge.
_ALIGNED_WITHIN_MM, _ALIGNED_WITHIN_SHARE = 0.02, 0.1

#: The slice axis of a file that names no images: its spacing is larger than the others by this factor.
_THICKER = 1.3

#: A volume with at most so many slices is a few images, not something to look at from all sides.
FEW_SLICES = 2

#: What a plane shows: a slice as it was acquired; voxels of many slices, none interpolated; interpolated
#: values; or voxels of a volume whose slices are not known.
Source = Literal["acquired", "reformatted", "resampled", "voxels"]


def slice_axis(volume: Volume) -> int | None:
    """Voxel axis (0: i, 1: j, 2: k) that leads from one acquired slice to the next; None where it is not known.

    Known for DICOM, for a volume of one or two slices, and where slices are thicker than pixels are wide.
    """
    sizes = volume.shape[::-1]
    if volume.image_numbers or volume.interpolated_from:
        return 2
    if min(sizes) <= FEW_SLICES < max(sizes):
        # Of several thin axes the last, as files are written.
        return 2 - int(np.argmin(volume.shape))
    spacing = np.array(volume.spacing_mm[::-1])
    thickest = int(spacing.argmax())
    return thickest if spacing[thickest] > _THICKER * np.sort(spacing)[1] else None


def acquired_orientation(volume: Volume) -> Orientation | None:
    """The reading plane nearest to the acquired slices; None where they are not known."""
    axis = slice_axis(volume)
    if axis is None:
        return None
    depth = nearest_axes(volume.affine[:3, :3]).index(axis)
    return next(each for each in ORIENTATIONS if each.depth == depth)


def nearest_axes(linear: np.ndarray) -> list[int]:
    """For each patient axis the voxel axis (column) nearest to it, each used once."""
    left = np.abs(linear / np.linalg.norm(linear, axis=0))
    order = [0, 0, 0]
    for _ in range(3):
        patient, voxel = np.unravel_index(int(left.argmax()), left.shape)
        order[int(patient)] = int(voxel)
        left[patient, :] = left[:, voxel] = -1.0
    return order


def lone_axes(volume: Volume) -> tuple[int | None, int | None, int | None]:
    """For each axis of space the voxel axis that alone leads along it; None where several do.

    Planes across such an axis coincide with the slices across the voxel axis, also where a tilted gantry
    has shifted these sideways.
    """
    reach = np.abs(volume.affine[:3, :3]) * np.array(volume.shape[::-1])
    found: list[int | None] = []
    for row in reach:
        axis = int(row.argmax())
        others = np.delete(row, axis)
        found.append(axis if others.max() <= _drift_mm(volume) else None)
    first, second, third = found
    return first, second, third


def aligned_axes(volume: Volume) -> tuple[int, int, int] | None:
    """For each patient axis (L, P, S) the voxel axis (0: i, 1: j, 2: k) along it; None if it is oblique."""
    along_l, along_p, along_s = lone_axes(volume)
    if along_l is None or along_p is None or along_s is None:
        return None
    return (along_l, along_p, along_s) if {along_l, along_p, along_s} == {0, 1, 2} else None


def shifted_slice_axes(volume: Volume, orientation: Orientation) -> tuple[int, int, int] | None:
    """Voxel axes along right, down and depth where whole slices lie on the planes, shifted sideways at most.

    None where the planes cut through slices, or the slices' rows lie at an angle on them.
    """
    axis = lone_axes(volume)[orientation.depth]
    if axis is None:
        return None
    reach = np.abs(volume.affine[:3, :3]) * np.array(volume.shape[::-1])
    rest = [each for each in range(3) if each != axis]
    right, down = reach[orientation.right, rest], reach[orientation.down, rest]
    for across, along in ((0, 1), (1, 0)):
        if max(right[along], down[across]) <= _drift_mm(volume):
            return rest[across], rest[along], axis
    return None


def _drift_mm(volume: Volume) -> float:
    return min(_ALIGNED_WITHIN_MM, _ALIGNED_WITHIN_SHARE * min(volume.spacing_mm))
