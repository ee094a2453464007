"""Project a whole volume from any side: maximum intensity, or the lit surface of a threshold.

By shear and warp (Lacroute and Levoy, SIGGRAPH 1994): the slices across the axis nearest to the viewing
direction are shifted so that every ray meets the same pixel of all of them, and projected; an affine map
takes the resulting image to the screen.

Own code, so that the volume can be turned by hand where no graphics card draws it: 3 ms for 171 x 171 x 100
voxels, against 290 for SimpleITK's resampling and projection and 1,250 for scipy's (one thread each).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from fusion3d_gui.imaging.reslice.clip import ClipPlane
from fusion3d_gui.imaging.reslice.row_blocks import row_blocks
from fusion3d_gui.imaging.reslice.surface_shading import shade_surface

#: The other two voxel axes of each (0: i, 1: j, 2: k).
_OTHERS = ((1, 2), (0, 2), (0, 1))
#: Slices copied in one step.
_COPIED_SLICES = 8


@dataclass(frozen=True, eq=False)
class ProjectedImage:
    """A projection and its map to the screen.

    Parameters
    ----------
    values
        Image ``[row, column]``.
    to_screen
        2x3: takes (column, row, 1), counted to pixel centres, to screen mm (u, v).
    """

    values: np.ndarray
    to_screen: np.ndarray


@dataclass(frozen=True, eq=False)
class Surface:
    """The lit surface of a threshold, and the face where a plane cuts through what is above it.

    Parameters
    ----------
    shade
        uint8 brightness, see :func:`~fusion3d_gui.imaging.reslice.surface_shading.shade_surface`.
    found
        bool ``[row, column]``: where there is a surface.
    face
        bool ``[row, column]``: where it is the face of a cut.
    face_values
        Stored values ``[n]`` on that face, in the order of ``face``.
    """

    shade: ProjectedImage
    found: np.ndarray
    face: np.ndarray
    face_values: np.ndarray


class VolumeProjector:
    """A volume ready to be projected, with a copy of its voxels for each axis.

    Parameters
    ----------
    voxels
        ``[k, j, i]``.
    affine
        4x4 from voxel index (i, j, k) to LPS mm.
    low_wins
        Whether the lowest value counts as the highest, as stored values do under a negative slope.
    """

    def __init__(self, voxels: np.ndarray, affine: np.ndarray, *, low_wins: bool = False) -> None:
        self.affine = affine
        self._low_wins = low_wins
        self.voxels = voxels
        self.shape = voxels.shape
        self._stacks: dict[int, np.ndarray] = {}
        self._ranks = np.zeros((0, 0, 0), np.uint8)
        self._ranked: tuple[int, float, bool, ClipPlane | None] | None = None
        self._cut = np.zeros((0, 0, 0), voxels.dtype)
        self._cut_by: tuple[int, ClipPlane] | None = None

    def _stack(self, axis: int) -> np.ndarray:
        """The voxels ``[slice, second other axis, first other axis]`` across a voxel axis."""
        if axis not in self._stacks:
            for _ in self._stacking(axis):
                pass
        return self._stacks[axis]

    def _stacking(self, axis: int) -> Iterator[None]:
        slices = self.across(self.voxels, axis)
        stack = np.empty(slices.shape, slices.dtype)
        for some in row_blocks(len(stack), _COPIED_SLICES):
            stack[some] = _reversed_order(slices[some]) if self._low_wins else slices[some]
            yield
        self._stacks[axis] = stack

    @staticmethod
    def across(voxels: np.ndarray, axis: int) -> np.ndarray:
        """Values ``[k, j, i]`` as slices across a voxel axis: ``[slice, second other axis, first other axis]``."""
        first, second = _OTHERS[axis]
        return voxels.transpose(2, 1, 0).transpose(axis, second, first)

    def stacking(self) -> Iterator[None]:
        """Make the copies for all axes in small steps, as one made during a turn would interrupt it."""
        for axis in range(3):
            yield from self._stacking(axis)

    def project(
        self, right_lps: np.ndarray, down_lps: np.ndarray, clip: ClipPlane | None = None
    ) -> ProjectedImage:
        """Maximum intensity projection.

        Parameters
        ----------
        right_lps, down_lps
            Orthogonal unit vectors (LPS) to the screen's right and down. Screen mm (u, v) are the dot
            products of a patient position with them.
        clip
            Voxels with their centre beyond this plane do not count.

        Returns
        -------
        ProjectedImage
            In the dtype of the voxels.
        """
        shear = self.shear(right_lps, down_lps)
        stack = self._stack(shear.axis) if clip is None else self._cut_stack(shear.axis, clip)
        merged = np.full(shear.shape, stack.dtype.type(lowest_value(stack.dtype)))
        for number, position in shear.positions:
            np.maximum(merged[position], stack[number], out=merged[position])
        return ProjectedImage(
            _reversed_order(merged) if self._low_wins else merged, shear.to_screen
        )

    def met(
        self, right_lps: np.ndarray, down_lps: np.ndarray, clip: ClipPlane | None = None
    ) -> np.ndarray:
        """Where the rays of :meth:`project` meet any voxel at all: bool ``[row, column]``."""
        shear = self.shear(right_lps, down_lps)
        met = np.zeros(shear.shape, bool)
        for number, position in shear.positions:
            met[position] |= clip is None or self.beyond(shear.axis, number, clip) <= 0
        return met

    def surface(
        self,
        right_lps: np.ndarray,
        down_lps: np.ndarray,
        least: float,
        clip: ClipPlane | None = None,
    ) -> Surface:
        """The lit surface at which rays first meet a value at or above a threshold.

        Parameters
        ----------
        right_lps, down_lps, clip
            As for :meth:`project`.
        least
            The threshold, a stored value; with ``low_wins`` the surface is at values at or below it.

        Returns
        -------
        Surface
            Where there is a surface, how bright, and what the plane cuts through.
        """
        shear = self.shear(right_lps, down_lps)
        stack = self._stack(shear.axis)
        if self._low_wins:
            least = float(np.iinfo(stack.dtype).max) - least if stack.dtype.kind == "u" else -least
            least -= stack.dtype.kind == "i"
        away = np.cross(right_lps, down_lps)
        step_mm = float(self.affine[:3, shear.axis] @ away)
        ranks = self._rank(shear.axis, least, step_mm > 0, clip)
        highest = np.zeros(shear.shape, ranks.dtype)
        for number, position in shear.positions:
            np.maximum(highest[position], ranks[number], out=highest[position])
        found = highest > 0
        # The slice that was met; an arbitrary one where none was.
        met = np.where(found, (len(stack) - highest if step_mm > 0 else highest - 1), 0)
        # Depth (mm) of the surface: from slice to slice, and within the tilted slices.
        row, column = np.indices(shear.shape, dtype=np.float32)
        along_row, along_column = (away @ each for each in shear.steps)
        tops, lefts = shear.starts
        depth = np.float32(step_mm) * met
        depth += (row - tops.astype(np.float32)[met]) * along_row
        depth += (column - lefts.astype(np.float32)[met]) * along_column
        shade = shade_surface(depth, found, abs(step_mm), shear.to_screen[:, :2])
        face = np.zeros(shear.shape, bool)
        if clip is not None:
            face[found] = self._is_on_face(shear, met, found, step_mm > 0, clip)
        rows, columns = np.nonzero(face)
        slices = met[face]
        values = stack[slices, rows - tops[slices], columns - lefts[slices]]
        return Surface(
            ProjectedImage(shade, shear.to_screen),
            found,
            face,
            _reversed_order(values) if self._low_wins else values,
        )

    def beyond(self, axis: int, number: int, clip: ClipPlane) -> np.ndarray:
        """How far (mm) beyond a plane the voxels ``[row, column]`` of a slice across an axis lie."""
        a, b = _OTHERS[axis]
        _, rows, columns = self._stack(axis).shape
        normal = np.array(clip.normal_lps)
        start = normal @ (self.affine[:3, 3] + number * self.affine[:3, axis]) - clip.offset_mm
        by_row = normal @ self.affine[:3, b] * np.arange(rows)
        by_column = normal @ self.affine[:3, a] * np.arange(columns)
        beyond: np.ndarray = start + by_row[:, None] + by_column[None]
        return beyond

    def _is_on_face(
        self,
        shear: Shear,
        met: np.ndarray,
        found: np.ndarray,
        first_is_nearest: bool,
        clip: ClipPlane,
    ) -> np.ndarray:
        """Whether the next voxel towards the reader is cut away, for each pixel where something is found."""
        rows, columns = np.nonzero(found)
        count, height, width = self._stack(shear.axis).shape
        nearer = met[found].astype(int) + (-1 if first_is_nearest else 1)
        inside = (nearer >= 0) & (nearer < count)
        nearer = nearer.clip(0, count - 1)
        tops, lefts = shear.starts
        a, b = _OTHERS[shear.axis]
        voxel = np.empty((len(rows), 3))
        voxel[:, shear.axis] = nearer
        voxel[:, a], voxel[:, b] = columns - lefts[nearer], rows - tops[nearer]
        inside &= (voxel[:, a] >= 0) & (voxel[:, a] < width)
        inside &= (voxel[:, b] >= 0) & (voxel[:, b] < height)
        lps = voxel @ self.affine[:3, :3].T + self.affine[:3, 3]
        on_face: np.ndarray = inside & (clip.beyond_mm(lps) > 0)
        return on_face

    def _rank(
        self, axis: int, least: float, first_is_nearest: bool, clip: ClipPlane | None
    ) -> np.ndarray:
        """Rank of each voxel ``[slice, row, column]``: 0 below ``least``, else higher the nearer its slice.

        The first surface along a ray is then the maximum. Cached, as a volume that is turned asks for the
        same ranks again.
        """
        wanted = axis, least, first_is_nearest, clip
        if self._ranked != wanted:
            stack = self._stack(axis)
            count = len(stack)
            self._ranks = np.empty(stack.shape, np.min_scalar_type(count))
            for number in range(count):
                rank = count - number if first_is_nearest else number + 1
                solid = stack[number] >= least
                if clip is not None:
                    solid &= self.beyond(axis, number, clip) <= 0
                np.multiply(solid, self._ranks.dtype.type(rank), out=self._ranks[number])
            self._ranked = wanted
        return self._ranks

    def _cut_stack(self, axis: int, clip: ClipPlane) -> np.ndarray:
        """As :meth:`_stack`, with the lowest value beyond the plane. Cached, as :meth:`_rank` is."""
        if self._cut_by != (axis, clip):
            stack = self._stack(axis)
            lowest = stack.dtype.type(lowest_value(stack.dtype))
            self._cut = np.empty_like(stack)
            for number, values in enumerate(stack):
                kept = self.beyond(axis, number, clip) <= 0
                self._cut[number] = np.where(kept, values, lowest)
            self._cut_by = axis, clip
        return self._cut

    def shear(self, right_lps: np.ndarray, down_lps: np.ndarray) -> Shear:
        """How slices are shifted for a view along the screen's axes, as in :meth:`project`."""
        linear = self.affine[:3, :3]
        direction = np.linalg.solve(linear, np.cross(right_lps, down_lps))
        axis = int(np.abs(direction).argmax())
        a, b = _OTHERS[axis]
        count, rows, columns = self._stack(axis).shape
        middle = (count - 1) / 2
        # Displacement of each slice (voxels) that takes it to where the rays meet the middle one.
        steps = middle - np.arange(count)
        shift_a = np.rint(steps * direction[a] / direction[axis]).astype(int)
        shift_b = np.rint(steps * direction[b] / direction[axis]).astype(int)
        left, top = int(shift_a.min()), int(shift_b.min())
        positions = [
            (number, (slice(row, row + rows), slice(column, column + columns)))
            for number, (row, column) in enumerate(
                zip((shift_b - top).tolist(), (shift_a - left).tolist(), strict=True)
            )
        ]
        origin = self.affine[:3, 3] + linear[:, axis] * middle
        origin = origin + linear[:, a] * left + linear[:, b] * top
        screen = np.stack([right_lps, down_lps])
        return Shear(
            axis,
            (rows + int(shift_b.max()) - top, columns + int(shift_a.max()) - left),
            positions,
            (linear[:, b], linear[:, a]),
            screen @ np.stack([linear[:, a], linear[:, b], origin], axis=1),
        )


@dataclass(frozen=True, eq=False)
class Shear:
    """How slices are shifted.

    Parameters
    ----------
    axis
        The voxel axis across which they lie.
    shape
        (rows, columns) of the projected image.
    positions
        For each slice its number, and its (rows, columns) in that image.
    steps
        Vectors (mm, LPS) from row to row and from column to column.
    to_screen
        As in :class:`ProjectedImage`.
    """

    axis: int
    shape: tuple[int, int]
    positions: list[tuple[int, tuple[slice, slice]]]
    steps: tuple[np.ndarray, np.ndarray]
    to_screen: np.ndarray

    @property
    def starts(self) -> tuple[np.ndarray, np.ndarray]:
        """First row and first column of each slice in the image."""
        return (
            np.array([position[0].start for _, position in self.positions]),
            np.array([position[1].start for _, position in self.positions]),
        )


def _reversed_order(values: np.ndarray) -> np.ndarray:
    """Reverse the order of values, lowest for highest; applied twice it changes nothing."""
    return ~values if values.dtype.kind in "iu" else -values


def lowest_value(dtype: np.dtype) -> float:
    """The value below all others of a dtype: of integers the smallest, else minus infinity."""
    return float(np.iinfo(dtype).min) if dtype.kind in "iu" else -np.inf
