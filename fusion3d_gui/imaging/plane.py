"""Planes through a patient: where their pixels lie in space, and the values of a volume on them.

Radiological convention throughout: on axial and coronal planes the patient's right is on the
screen's left; on a sagittal plane anterior is on the left; superior is up.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from fusion3d_gui.imaging.volume import Volume

#: Axes whose drift across the whole volume stays below this many mm count as patient axes.
_ALIGNED_WITHIN_MM = 0.02

#: An oblique volume is sampled on at most this many pixels along each side of a plane.
_LARGEST_SIDE = 512


@dataclass(frozen=True)
class Orientation:
    """A family of parallel planes along patient axes.

    ``right``, ``down`` and ``depth`` are patient axes (0: +L, 1: +P, 2: +S) with a sign: where the
    screen's right and down point, and which axis leads from plane to plane. ``toward`` is the sign
    of the step along ``depth`` that one turn of the wheel forward makes: to superior, anterior, left.

    *Screen millimetres* (u, v) grow to the screen's right and down: ``u = right_sign * lps[right]``.
    """

    name: str
    right: int
    right_sign: int
    down: int
    down_sign: int
    depth: int
    toward: int

    def to_screen(self, lps_mm: np.ndarray) -> np.ndarray:
        """Screen millimetres (u, v) of patient position(s) ``(..., 3)``."""
        lps_mm = np.asarray(lps_mm, dtype=np.float64)
        return np.stack(
            [self.right_sign * lps_mm[..., self.right], self.down_sign * lps_mm[..., self.down]],
            axis=-1,
        )

    def to_lps(self, u_mm: float, v_mm: float, depth_mm: float) -> np.ndarray:
        """Patient position (mm, LPS) of screen millimetres on the plane at ``depth_mm``."""
        lps = np.empty(3)
        lps[self.right] = self.right_sign * u_mm
        lps[self.down] = self.down_sign * v_mm
        lps[self.depth] = depth_mm
        return lps

    @property
    def right_lps(self) -> np.ndarray:
        """Unit vector (LPS) to the screen's right."""
        return self.right_sign * np.eye(3)[self.right]

    @property
    def down_lps(self) -> np.ndarray:
        """Unit vector (LPS) down the screen."""
        return self.down_sign * np.eye(3)[self.down]


AXIAL = Orientation("Axial", right=0, right_sign=1, down=1, down_sign=1, depth=2, toward=1)
CORONAL = Orientation("Coronal", right=0, right_sign=1, down=2, down_sign=-1, depth=1, toward=-1)
SAGITTAL = Orientation("Sagittal", right=1, right_sign=1, down=2, down_sign=-1, depth=0, toward=1)
ORIENTATIONS = (AXIAL, CORONAL, SAGITTAL)


@dataclass(frozen=True)
class Rect:
    """A rectangle in screen millimetres; its sides are the outer edges of the outer pixels."""

    left: float
    top: float
    width: float
    height: float


@dataclass(frozen=True, eq=False)
class Plane:
    """A rectangle of pixels in patient space.

    Parameters
    ----------
    origin_lps
        Patient position (mm) of the centre of pixel (row 0, column 0).
    right_step, down_step
        Vectors (mm, LPS) from a pixel to the next one in its row, and in its column.
    shape
        (rows, columns).
    """

    origin_lps: np.ndarray
    right_step: np.ndarray
    down_step: np.ndarray
    shape: tuple[int, int]

    @classmethod
    def covering(
        cls, orientation: Orientation, rect: Rect, depth_mm: float, shape: tuple[int, int]
    ) -> Plane:
        """The plane at ``depth_mm`` whose (rows, columns) pixels fill ``rect`` exactly."""
        rows, columns = shape
        width, height = rect.width / columns, rect.height / rows
        return cls(
            orientation.to_lps(rect.left + width / 2, rect.top + height / 2, depth_mm),
            orientation.right_lps * width,
            orientation.down_lps * height,
            shape,
        )

    def to_lps(self, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        """Patient positions ``(..., 3)`` of (fractional) pixels."""
        rows, columns = np.broadcast_arrays(rows, columns)
        return (
            self.origin_lps
            + columns[..., None] * self.right_step
            + rows[..., None] * self.down_step
        )


@dataclass(frozen=True, eq=False)
class Slice:
    """What a volume shows on one plane.

    ``values`` are *stored* values ``[row, column]`` (``Volume.slope`` and ``intercept`` not applied):
    a view into the voxels where the volume lies along patient axes, else float32 interpolated
    trilinearly with NaN outside the volume. ``depth_mm`` is where the plane truly lies.
    """

    values: np.ndarray
    rect: Rect
    depth_mm: float


class Slicer:
    """Cuts planes along patient axes out of one volume."""

    def __init__(self, volume: Volume) -> None:
        self.volume = volume
        self._axes = aligned_axes(volume)
        low, high = volume.bounds_lps
        self._low, self._high = low, high

    @property
    def is_aligned(self) -> bool:
        """Whether the voxels lie along patient axes, so that planes are cut without resampling."""
        return self._axes is not None

    @cached_property
    def _steps_mm(self) -> np.ndarray:
        """Distance between neighbouring planes along each patient axis."""
        linear = self.volume.affine[:3, :3]
        if self._axes is not None:
            return np.abs(linear[(0, 1, 2), self._axes])
        # The spacing of the voxel axis that runs closest to the patient axis.
        spacing = np.linalg.norm(linear, axis=0)
        return spacing[np.abs(linear / spacing).argmax(axis=1)]

    def count(self, orientation: Orientation) -> int:
        """How many planes there are."""
        axis = orientation.depth
        return max(1, round((self._high[axis] - self._low[axis]) / self._steps_mm[axis]))

    def index_at(self, orientation: Orientation, depth_mm: float) -> int:
        """Number (from 0, growing with the patient coordinate) of the plane nearest to a depth."""
        axis = orientation.depth
        index = int(np.floor((depth_mm - self._low[axis]) / self._pitch(axis)))
        return min(max(index, 0), self.count(orientation) - 1)

    def depth_of(self, orientation: Orientation, index: int) -> float:
        """Patient coordinate (mm) of a plane, clamped to the first and the last one."""
        axis = orientation.depth
        index = min(max(index, 0), self.count(orientation) - 1)
        return float(self._low[axis] + (index + 0.5) * self._pitch(axis))

    def pitch_mm(self, orientation: Orientation) -> float:
        """Distance in mm from one plane to the next."""
        return self._pitch(orientation.depth)

    def _pitch(self, axis: int) -> float:
        """Distance between planes that fills the bounds exactly."""
        count = max(1, round((self._high[axis] - self._low[axis]) / self._steps_mm[axis]))
        return float((self._high[axis] - self._low[axis]) / count)

    def rect(self, orientation: Orientation) -> Rect:
        """The volume's bounds in screen millimetres."""
        corners = orientation.to_screen(np.stack([self._low, self._high]))
        (left, top), (right, bottom) = corners.min(axis=0), corners.max(axis=0)
        return Rect(float(left), float(top), float(right - left), float(bottom - top))

    def cut(self, orientation: Orientation, depth_mm: float) -> Slice:
        """The plane nearest to ``depth_mm``."""
        depth = self.depth_of(orientation, self.index_at(orientation, depth_mm))
        rect = self.rect(orientation)
        if self._axes is not None:
            return Slice(self._cut_aligned(self._axes, orientation, depth), rect, depth)
        pixel = max(min(self.volume.spacing_mm), max(rect.width, rect.height) / _LARGEST_SIDE)
        shape = max(1, round(rect.height / pixel)), max(1, round(rect.width / pixel))
        plane = Plane.covering(orientation, rect, depth, shape)
        return Slice(sample(self.volume, plane), rect, depth)

    def _cut_aligned(
        self, axes: tuple[int, int, int], orientation: Orientation, depth_mm: float
    ) -> np.ndarray:
        affine = self.volume.affine
        by_ijk = self.volume.voxels.transpose(2, 1, 0)
        axis = axes[orientation.depth]
        start = affine[orientation.depth, 3]
        index = round((depth_mm - start) / affine[orientation.depth, axis])
        index = min(max(index, 0), by_ijk.shape[axis] - 1)
        across, along = axes[orientation.right], axes[orientation.down]
        plane = by_ijk[_at(axis, index)]
        if along > across:
            plane = plane.T
        if orientation.down_sign * affine[orientation.down, along] < 0:
            plane = plane[::-1]
        if orientation.right_sign * affine[orientation.right, across] < 0:
            plane = plane[:, ::-1]
        return plane


def _at(axis: int, index: int) -> tuple[slice | int, ...]:
    return tuple(index if each == axis else slice(None) for each in range(3))


def aligned_axes(volume: Volume) -> tuple[int, int, int] | None:
    """For each patient axis (L, P, S) the voxel axis (0: i, 1: j, 2: k) along it; None if oblique."""
    linear = volume.affine[:3, :3]
    size = np.array(volume.shape[::-1])
    axes = np.abs(linear).argmax(axis=1)
    if len(set(axes.tolist())) < 3:
        return None
    off_axis = np.abs(linear) * size
    off_axis[(0, 1, 2), axes] = 0.0
    if off_axis.max() > _ALIGNED_WITHIN_MM:
        return None
    along_l, along_p, along_s = axes.tolist()
    return along_l, along_p, along_s


def sample(volume: Volume, plane: Plane) -> np.ndarray:
    """Stored values of a volume on any plane: float32 ``[row, column]``, NaN outside.

    Trilinear between voxel centres. In the outer half of the outermost voxels, where there is no
    neighbour to interpolate with, the outermost value continues to the voxel's edge.
    """
    inverse = volume.inverse_affine
    # Voxel index (i, j, k) is affine in (row, column).
    start = inverse[:3, :3] @ plane.origin_lps + inverse[:3, 3]
    per_column = inverse[:3, :3] @ plane.right_step
    per_row = inverse[:3, :3] @ plane.down_step
    rows = np.arange(plane.shape[0])[:, None]
    columns = np.arange(plane.shape[1])[None, :]
    axes = [start[a] + rows * per_row[a] + columns * per_column[a] for a in range(3)]
    size = volume.shape[::-1]
    slack = 1e-6  # the bounds' own rounding must not cut the outermost row
    outside = np.zeros(plane.shape, dtype=bool)
    for index, count in zip(axes, size, strict=True):
        outside |= (index < -0.5 - slack) | (index > count - 0.5 + slack)
    values = _sample_separable(volume, plane, start, per_row, per_column)
    if values is None:
        values = _sample_general(volume, plane, start, per_row, per_column)
    values[outside] = np.nan
    return values


def _sample_separable(
    volume: Volume,
    plane: Plane,
    start: np.ndarray,
    per_row: np.ndarray,
    per_column: np.ndarray,
) -> np.ndarray | None:
    """Trilinear values by two small matrix products, where rows and columns run along voxel axes.

    That is the everyday case of a heatmap on a coarse grid, several times faster than the general
    one. None where it does not apply.
    """
    across, down = int(np.abs(per_column).argmax()), int(np.abs(per_row).argmax())
    size = volume.shape[::-1]
    drift = np.abs(per_column) * plane.shape[1] + np.abs(per_row) * plane.shape[0]
    drift[across] -= np.abs(per_column[across]) * plane.shape[1]
    drift[down] -= np.abs(per_row[down]) * plane.shape[0]
    if across == down or drift.max() > 1e-3 or max(size[across], size[down]) > 128:
        return None
    depth = 3 - across - down
    by_ijk = volume.voxels.transpose(2, 1, 0)
    position = min(max(start[depth], 0.0), size[depth] - 1.0)
    lower = int(position)
    upper = min(lower + 1, size[depth] - 1)
    share = np.float32(position - lower)
    face = by_ijk[_at(depth, lower)] * (1 - share) + by_ijk[_at(depth, upper)] * share
    if down > across:
        face = face.T
    to_rows = _linear_weights(start[down] + np.arange(plane.shape[0]) * per_row[down], size[down])
    to_columns = _linear_weights(
        start[across] + np.arange(plane.shape[1]) * per_column[across], size[across]
    )
    return to_rows @ face.astype(np.float32) @ to_columns.T


def _linear_weights(positions: np.ndarray, count: int) -> np.ndarray:
    """float32 matrix [position, cell] that interpolates linearly between cell centres."""
    positions = positions.clip(0, count - 1)
    cells = np.arange(count)
    return np.maximum(0.0, 1.0 - np.abs(positions[:, None] - cells)).astype(np.float32)


def _sample_general(
    volume: Volume,
    plane: Plane,
    start: np.ndarray,
    per_row: np.ndarray,
    per_column: np.ndarray,
) -> np.ndarray:
    """Trilinear values on any plane: eight neighbours a pixel, merged axis by axis.

    The same as scipy's ``affine_transform`` of order 1 at half its time. Readers give voxels in one
    piece; others are copied here.
    """
    voxels = np.ascontiguousarray(volume.voxels).reshape(-1)
    rows = np.arange(plane.shape[0])[:, None]
    columns = np.arange(plane.shape[1])[None, :]
    share, lower, step = [], np.zeros(plane.shape, np.intp), []
    stride = 1
    for axis, count in enumerate(volume.shape[::-1]):
        position = start[axis] + rows * per_row[axis] + columns * per_column[axis]
        np.clip(position, 0.0, count - 1.0, out=position)
        below = np.minimum(position.astype(np.intp), max(count - 2, 0))
        share.append((position - below).astype(np.float32))
        lower += below * stride
        step.append(stride if count > 1 else 0)
        stride *= count

    def along_i(offset: int) -> np.ndarray:
        first = voxels.take(lower + offset)
        return _between(first, voxels.take(lower + (offset + step[0])), share[0])

    def along_j(offset: int) -> np.ndarray:
        return _between(along_i(offset), along_i(offset + step[1]), share[1])

    return _between(along_j(0), along_j(step[2]), share[2])


def _between(first: np.ndarray, second: np.ndarray, share: np.ndarray) -> np.ndarray:
    """float32, linearly between two arrays."""
    start = first.astype(np.float32, copy=False)
    merged = second.astype(np.float32)
    merged -= start
    merged *= share
    merged += start
    return merged
