"""``Slicer``: cuts planes and slabs out of one volume, without copying where the voxels lie along the axes."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from fusion3d_gui.imaging.plane import Orientation, Plane, Rect
from fusion3d_gui.imaging.reslice.acquisition import (
    Source,
    aligned_axes,
    lone_axes,
    shifted_slice_axes,
    slice_axis,
)
from fusion3d_gui.imaging.reslice.columns import Columns
from fusion3d_gui.imaging.reslice.cubic import enlarge_cubic
from fusion3d_gui.imaging.reslice.row_blocks import row_blocks
from fusion3d_gui.imaging.reslice.sampling import Interpolation, sample
from fusion3d_gui.imaging.reslice.slab import THIN, Slab, project_axis, project_planes
from fusion3d_gui.imaging.volume import Volume

#: Pixels along the longer side of a plane of an oblique volume, unless the caller gives a pixel size.
_LARGEST_SIDE = 512

#: Smallest pixel as a share of the finest voxel spacing: smaller ones show nothing more.
_FINEST_SHARE = 0.5

#: Pixels interpolated cubically in one step, so that a step takes some milliseconds.
_CUBIC_PIXELS = 32_768

#: Most columns that are copied: more take longer to copy than to be read in place.
_MOST_COLUMNS = 32

#: Most planes in one slab, against files with impossible spacings.
_MOST_PLANES = 512


@dataclass(frozen=True, eq=False)
class Slice:
    """An image of a volume on one plane, or of the slab around it.

    Parameters
    ----------
    values
        *Stored* values ``[row, column]`` (``Volume.slope`` and ``intercept`` not applied): a view into
        the voxels where these lie along the axes, else float32, interpolated, NaN outside the volume.
    rect
        Screen mm of the outer edges of the outermost pixels.
    depth_mm
        Coordinate of the plane along its orientation's depth axis.
    """

    values: np.ndarray
    rect: Rect
    depth_mm: float

    def with_contiguous_rows(self) -> Slice:
        """The same slice with C-contiguous rows, for values that are read repeatedly."""
        values = self.values
        if abs(values.strides[1]) == values.itemsize:
            return self
        return replace(self, values=np.ascontiguousarray(values))

    def enlarged(self, onto: Rect, shape: tuple[int, int]) -> Slice:
        """The part within ``onto`` at ``shape`` (rows, columns) smaller pixels, interpolated cubically."""
        return replace(self, values=enlarge_cubic(self.values, self.rect, onto, shape), rect=onto)


@dataclass(frozen=True)
class SamplingOptions:
    """How oblique planes, which must be resampled, are sampled.

    Parameters
    ----------
    within
        The part of the plane that is needed, in screen mm; None: all of it.
    pixel_mm
        Size of a pixel; 0: so that the longer side of the plane has 512.
    interpolation
        Between voxel centres. A slab of several planes is never interpolated cubically.
    """

    within: Rect | None = None
    pixel_mm: float = 0.0
    interpolation: Interpolation = Interpolation.LINEAR


class Slicer:
    """Cuts planes across the axes of the space to which the volume's affine leads.

    This is the patient's, or for oblique planes the patient's tilted by
    :func:`transform_volume`.

    Parameters
    ----------
    volume
        The voxels, and their affine into this space.
    snaps
        Whether planes lie only at numbered positions, one voxel apart; otherwise they lie exactly
        where they are asked for. Planes that coincide with slices of voxels always snap to these.
    """

    def __init__(self, volume: Volume, *, snaps: bool = True) -> None:
        self.volume = volume
        self._axes = aligned_axes(volume)
        self._lone_axes = lone_axes(volume)
        self.snaps = snaps or self._axes is not None
        self._columns = Columns(volume.voxels)
        self._low, self._high = volume.bounds_lps
        self._rects: dict[Orientation, Rect] = {}
        self._whole_slices: dict[Orientation, tuple[int, int, int] | None] = {}

    @property
    def is_aligned(self) -> bool:
        """Whether the voxels lie along the axes, so that planes need no resampling."""
        return self._axes is not None

    def source(self, orientation: Orientation) -> Source:
        """What a single plane shows: an acquired slice, or values from several of them."""
        axis = slice_axis(self.volume)
        whole = self._shifted_axes(orientation)
        if whole is not None and axis == whole[2] and not self.volume.interpolated_from:
            return "acquired"
        if self._axes is None:
            return "resampled"
        if axis is None:
            return "voxels"
        return "resampled" if self.volume.interpolated_from else "reformatted"

    def voxel_index(self, orientation: Orientation, depth_mm: float) -> int | None:
        """Index along their own axis of the slices of voxels that coincide with the planes; None where none do."""
        axis, depth = self._lone_axes[orientation.depth], orientation.depth
        if axis is None:
            return None
        affine, size = self.volume.affine, self.volume.shape[2 - axis]
        at = (self.nearest_depth(orientation, depth_mm) - self._origin(axis)[depth]) / affine[
            depth, axis
        ]
        return min(max(round(float(at)), 0), size - 1)

    def _origin(self, axis: int) -> np.ndarray:
        """Position of the middle of the first slice across a voxel axis."""
        middle = (np.array(self.volume.shape[::-1]) - 1) / 2
        middle[axis] = 0.0
        return self.volume.to_lps(middle)

    def _shifted_axes(self, orientation: Orientation) -> tuple[int, int, int] | None:
        if orientation not in self._whole_slices:
            self._whole_slices[orientation] = shifted_slice_axes(self.volume, orientation)
        return self._whole_slices[orientation]

    @cached_property
    def _counts(self) -> tuple[int, ...]:
        """Number of planes across each axis."""
        linear = self.volume.affine[:3, :3]
        # The spacing of the voxel axis that runs closest to the axis, or the step along it where it runs alone.
        spacing = np.linalg.norm(linear, axis=0)
        steps = spacing[np.abs(linear / spacing).argmax(axis=1)]
        for depth, axis in enumerate(self._lone_axes):
            if axis is not None:
                steps[depth] = abs(linear[depth, axis])
        extent_mm = (self._high - self._low).tolist()
        return tuple(
            max(round(mm / step), 1) for mm, step in zip(extent_mm, steps.tolist(), strict=True)
        )

    @cached_property
    def _pitches_mm(self) -> tuple[float, ...]:
        return tuple(((self._high - self._low) / self._counts).tolist())

    def count(self, orientation: Orientation) -> int:
        """Number of planes."""
        return self._counts[orientation.depth]

    def index_at(self, orientation: Orientation, depth_mm: float) -> int:
        """Index (from 0, growing with the coordinate) of the plane nearest to a depth."""
        above_mm = depth_mm - float(self._low[orientation.depth])
        index = math.floor(above_mm / self.pitch_mm(orientation))
        return min(max(index, 0), self.count(orientation) - 1)

    def depth_of(self, orientation: Orientation, index: int) -> float:
        """Coordinate (mm) of the plane with this index, which is clamped to the existing ones."""
        index = min(max(index, 0), self.count(orientation) - 1)
        return float(self._low[orientation.depth] + (index + 0.5) * self.pitch_mm(orientation))

    def pitch_mm(self, orientation: Orientation) -> float:
        """Distance (mm) between neighbouring planes, such that they fill the bounds exactly."""
        return self._pitches_mm[orientation.depth]

    def thickness_mm(self, orientation: Orientation, slab: Slab) -> float:
        """Thickness (mm) that a slab really has: an odd number of whole planes."""
        pitch = self.pitch_mm(orientation)
        return (2 * _half_count(slab, pitch) + 1) * pitch

    def nearest_depth(self, orientation: Orientation, depth_mm: float) -> float:
        """Coordinate (mm) of the plane that is cut for a depth."""
        if self.snaps or self._lone_axes[orientation.depth] is not None:
            return self.depth_of(orientation, self.index_at(orientation, depth_mm))
        low, high = self._low[orientation.depth], self._high[orientation.depth]
        # Rounded, so that planes that differ by rounding errors only are the same plane.
        return round(float(min(max(depth_mm, low), high)), 6)

    def step_depth(self, orientation: Orientation, depth_mm: float, planes: int) -> float:
        """Coordinate (mm) of the plane that lies ``planes`` planes further."""
        if self.snaps or self._lone_axes[orientation.depth] is not None:
            return self.depth_of(orientation, self.index_at(orientation, depth_mm) + planes)
        return self.nearest_depth(orientation, depth_mm + planes * self.pitch_mm(orientation))

    def rect(self, orientation: Orientation) -> Rect:
        """The volume's bounding rectangle in screen mm."""
        if orientation not in self._rects:
            corners = orientation.to_screen(np.stack([self._low, self._high]))
            (left, top), (right, bottom) = corners.min(axis=0), corners.max(axis=0)
            self._rects[orientation] = Rect(
                float(left), float(top), float(right - left), float(bottom - top)
            )
        return self._rects[orientation]

    def cut(self, orientation: Orientation, depth_mm: float, slab: Slab = THIN) -> Slice:
        """The whole plane nearest to ``depth_mm``, or the slab around it."""
        *_, piece = self.cut_gradually(orientation, depth_mm, slab, SamplingOptions())
        return piece

    def cut_gradually(
        self, orientation: Orientation, depth_mm: float, slab: Slab, options: SamplingOptions
    ) -> Iterator[Slice]:
        """Cut a plane or slab in steps of some milliseconds, between which the caller can do other work.

        Parameters
        ----------
        orientation, depth_mm, slab
            What to cut, as for :meth:`cut`.
        options
            How to sample; not used where the volume is aligned with the axes.

        Yields
        ------
        Slice
            The slice so far: only the last one has all its planes and rows.
        """
        depth = self.nearest_depth(orientation, depth_mm)
        rect = self.rect(orientation)
        slab = Slab(slab.thickness_mm, slab.projection.of_stored(self.volume.slope))
        if self._axes is not None:
            yield self._cut_aligned(self._axes, orientation, rect, depth, slab)
            return
        whole = self._shifted_axes(orientation)
        if whole is not None and not _half_count(slab, self.pitch_mm(orientation)):
            yield self._cut_shifted(whole, orientation, depth)
            return
        finest = min(self.volume.spacing_mm) * _FINEST_SHARE
        pixel = max(finest, options.pixel_mm or max(rect.width, rect.height) / _LARGEST_SIDE)
        if options.within is not None:
            rect = rect.intersection(options.within)
        shape = max(1, round(rect.height / pixel)), max(1, round(rect.width / pixel))
        plane = Plane.covering(orientation, rect, depth, shape)
        # Planes closer together than the pixels' size would show nothing more.
        pitch = max(self.pitch_mm(orientation), pixel if options.pixel_mm else 0.0)
        half = _half_count(slab, pitch)
        if options.interpolation is Interpolation.CUBIC and not half:
            for values in self._cubic(plane):
                yield Slice(values, rect, depth)
            return
        # A slab averages or selects among planes: smoother planes would show nothing more.
        linear = Interpolation.LINEAR
        how = linear if options.interpolation is Interpolation.CUBIC else options.interpolation
        step = np.eye(3)[orientation.depth] * pitch
        planes = (
            sample(self.volume, plane.shifted(step * n), interpolation=how)
            for n in range(-half, half + 1)
        )
        for values in project_planes(planes, slab.projection):
            yield Slice(values, rect, depth)

    def _cubic(self, plane: Plane) -> Iterator[np.ndarray]:
        """Interpolate a plane cubically, block of rows by block."""
        values = np.full(plane.shape, np.nan, np.float32)
        for block in row_blocks(plane.shape[0], _CUBIC_PIXELS // plane.shape[1]):
            origin = plane.origin_lps + block.start * plane.down_step
            part = replace(plane, origin_lps=origin, shape=values[block].shape)
            sample(self.volume, part, interpolation=Interpolation.CUBIC, out=values[block])
            yield values

    def _cut_aligned(
        self,
        axes: tuple[int, int, int],
        orientation: Orientation,
        rect: Rect,
        depth_mm: float,
        slab: Slab,
    ) -> Slice:
        affine, voxels = self.volume.affine, self.volume.voxels
        axis = axes[orientation.depth]
        size = voxels.shape[2 - axis]
        at = (depth_mm - affine[orientation.depth, 3]) / affine[orientation.depth, axis]
        middle = round(float(at))
        half = _half_count(slab, self.pitch_mm(orientation))
        middle = min(max(middle, 0), size - 1)
        first, end = max(0, middle - half), min(size, middle + half + 1)
        if end - first == 1:
            plane = self._columns.single(first) if axis == 0 else voxels[_at(2 - axis, first)]
        elif axis == 0 and end - first <= _MOST_COLUMNS:
            plane = project_axis(self._columns.between(first, end), 0, slab.projection)
        else:
            part = voxels[_at(2 - axis, slice(first, end))]
            plane = project_axis(part, 2 - axis, slab.projection)
        plane = plane.T  # by the lower voxel axis first
        across, along = axes[orientation.right], axes[orientation.down]
        if along > across:
            plane = plane.T
        if orientation.down_sign * affine[orientation.down, along] < 0:
            plane = plane[::-1]
        if orientation.right_sign * affine[orientation.right, across] < 0:
            plane = plane[:, ::-1]
        return Slice(plane, rect, depth_mm)

    def _cut_shifted(
        self, axes: tuple[int, int, int], orientation: Orientation, depth_mm: float
    ) -> Slice:
        """A slice that lies on the plane as a whole, where the other slices are shifted sideways against it."""
        across, along, axis = axes
        index = self.voxel_index(orientation, depth_mm)
        assert index is not None
        affine, size = self.volume.affine, np.array(self.volume.shape[::-1])
        plane = self.volume.voxels[_at(2 - axis, index)].T  # by the lower voxel axis first
        plane = plane.T if along > across else plane
        middle = (size - 1) / 2
        middle[axis] = index
        u, v = orientation.to_screen(self.volume.to_lps(middle)).tolist()
        width = abs(affine[orientation.right, across]) * size[across]
        height = abs(affine[orientation.down, along]) * size[along]
        if orientation.down_sign * affine[orientation.down, along] < 0:
            plane = plane[::-1]
        if orientation.right_sign * affine[orientation.right, across] < 0:
            plane = plane[:, ::-1]
        rect = Rect(u - width / 2, v - height / 2, float(width), float(height))
        return Slice(plane, rect, depth_mm)


def _half_count(slab: Slab, pitch_mm: float) -> int:
    """Number of planes of a slab on each side of its middle one."""
    return min(int(slab.thickness_mm / pitch_mm / 2 + 1e-6), _MOST_PLANES // 2)


def transform_volume(volume: Volume, matrix: np.ndarray) -> Volume:
    """The volume in a space that a rigid transform (4x4, mm to mm) leads to; itself for the identity."""
    if np.array_equal(matrix, np.eye(4)):
        return volume
    return replace(volume, affine=matrix @ volume.affine)


def _at(axis: int, index: slice | int) -> tuple[slice | int, ...]:
    return tuple(index if each == axis else slice(None) for each in range(3))
