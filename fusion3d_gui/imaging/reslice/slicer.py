"""``Slicer``: cuts planes and slabs out of one volume, without copying where the voxels lie along the axes."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from fusion3d_gui.imaging.plane import Orientation, Plane, Rect
from fusion3d_gui.imaging.reslice.cubic import enlarge_cubic
from fusion3d_gui.imaging.reslice.row_blocks import row_blocks
from fusion3d_gui.imaging.reslice.sampling import Interpolation, sample
from fusion3d_gui.imaging.reslice.slab import THIN, Slab, project_axis, project_planes
from fusion3d_gui.imaging.volume import Volume

#: Voxel axes that drift from a patient axis by less than this across the volume count as aligned: in mm,
#: and as a share of the smallest voxel edge.
_ALIGNED_WITHIN_MM, _ALIGNED_WITHIN_SHARE = 0.02, 0.1

#: Pixels along the longer side of a plane of an oblique volume, unless the caller gives a pixel size.
_LARGEST_SIDE = 512

#: Smallest pixel as a share of the finest voxel spacing: smaller ones show nothing more.
_FINEST_SHARE = 0.5

#: Pixels interpolated cubically in one step, so that a step takes some milliseconds.
_CUBIC_PIXELS = 32_768

#: Slices from which columns are copied at a time, so that they stay in the cache.
_COPIED_SLICES = 8

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
        where they are asked for. Volumes aligned with the axes always snap, to their slices.
    """

    def __init__(self, volume: Volume, *, snaps: bool = True) -> None:
        self.volume = volume
        self._axes = aligned_axes(volume)
        self.snaps = snaps or self._axes is not None
        self._columns = _Columns(volume.voxels)
        self._low, self._high = volume.bounds_lps
        self._rects: dict[Orientation, Rect] = {}

    @property
    def is_aligned(self) -> bool:
        """Whether the voxels lie along the axes, so that planes need no resampling."""
        return self._axes is not None

    @cached_property
    def _counts(self) -> tuple[int, ...]:
        """Number of planes across each axis."""
        linear = self.volume.affine[:3, :3]
        if self._axes is not None:
            steps = np.abs(linear[(0, 1, 2), self._axes])
        else:
            # The spacing of the voxel axis that runs closest to the axis.
            spacing = np.linalg.norm(linear, axis=0)
            steps = spacing[np.abs(linear / spacing).argmax(axis=1)]
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
        if self.snaps:
            return self.depth_of(orientation, self.index_at(orientation, depth_mm))
        low, high = self._low[orientation.depth], self._high[orientation.depth]
        # Rounded, so that planes that differ by rounding errors only are the same plane.
        return round(float(min(max(depth_mm, low), high)), 6)

    def step_depth(self, orientation: Orientation, depth_mm: float, planes: int) -> float:
        """Coordinate (mm) of the plane that lies ``planes`` planes further."""
        if self.snaps:
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
            plane = voxels[_at(2 - axis, first)]
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


def _half_count(slab: Slab, pitch_mm: float) -> int:
    """Number of planes of a slab on each side of its middle one."""
    return min(int(slab.thickness_mm / pitch_mm / 2 + 1e-6), _MOST_PLANES // 2)


class _Columns:
    """Cache of planes across the voxels' fastest axis (i), each copied to contiguous memory.

    Neighbouring voxels of such a plane lie far apart, and a slab of them is read again at each step.
    Plane ``i`` is kept at ``i`` modulo their number, so that a step copies one plane only: 7 ms for a
    slab of 21 sagittal planes of 512 x 200 voxels, against 64 where it is read in place.
    """

    def __init__(self, voxels: np.ndarray) -> None:
        self._voxels = voxels
        self._range = range(0)
        self._kept = np.empty((0, *voxels.shape[:2]), voxels.dtype)

    def between(self, first: int, end: int) -> np.ndarray:
        """Voxels ``[plane, k, j]`` with ``first <= i < end``; the planes are in any order."""
        count = end - first
        if count > len(self._kept):
            self._range = range(0)
            self._kept = np.empty((count, *self._voxels.shape[:2]), self._voxels.dtype)
        wanted, size = range(first, end), len(self._kept)
        missing = [i for i in wanted if i not in self._range]
        for start, stop in _runs(missing, size):
            self._fetch(start, stop)
        # Planes before and after may have been overwritten: only these are known.
        self._range = wanted
        if count == size:
            return self._kept
        return self._kept[[i % size for i in wanted]]

    def _fetch(self, start: int, stop: int) -> None:
        """Copy planes that are kept next to one another."""
        position = start % len(self._kept)
        kept = self._kept[position : position + stop - start]
        for slices in row_blocks(self._voxels.shape[0], _COPIED_SLICES):
            kept[:, slices] = self._voxels[slices, :, start:stop].transpose(2, 0, 1)


def _runs(numbers: list[int], size: int) -> Iterator[tuple[int, int]]:
    """(first, end) of runs of consecutive numbers, split at multiples of ``size``."""
    start = 0
    for n in range(1, len(numbers) + 1):
        if n == len(numbers) or numbers[n] != numbers[n - 1] + 1 or numbers[n] % size == 0:
            yield numbers[start], numbers[n - 1] + 1
            start = n


def transform_volume(volume: Volume, matrix: np.ndarray) -> Volume:
    """The volume in a space that a rigid transform (4x4, mm to mm) leads to; itself for the identity."""
    if np.array_equal(matrix, np.eye(4)):
        return volume
    return replace(volume, affine=matrix @ volume.affine)


def _at(axis: int, index: slice | int) -> tuple[slice | int, ...]:
    return tuple(index if each == axis else slice(None) for each in range(3))


def aligned_axes(volume: Volume) -> tuple[int, int, int] | None:
    """For each patient axis (L, P, S) the voxel axis (0: i, 1: j, 2: k) along it; None if it is oblique."""
    linear = volume.affine[:3, :3]
    size = np.array(volume.shape[::-1])
    axes = np.abs(linear).argmax(axis=1)
    if len(set(axes.tolist())) < 3:
        return None
    off_axis = np.abs(linear) * size
    off_axis[(0, 1, 2), axes] = 0.0
    if off_axis.max() > min(_ALIGNED_WITHIN_MM, _ALIGNED_WITHIN_SHARE * min(volume.spacing_mm)):
        return None
    along_l, along_p, along_s = axes.tolist()
    return along_l, along_p, along_s
