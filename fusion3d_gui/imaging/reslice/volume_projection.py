"""Maximum intensity projections of a whole volume from any side, fast enough to turn by hand.

By shear and warp (Lacroute and Levoy, SIGGRAPH 1994): the slices across the axis nearest to the line
of sight are shifted so that every ray runs through the same pixel of all of them, and merged; what
remains is an affine map of one flat picture to the screen.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from fusion3d_gui.imaging.plane import Plane
from fusion3d_gui.imaging.reslice.row_blocks import row_blocks
from fusion3d_gui.imaging.reslice.sampling import sample
from fusion3d_gui.imaging.reslice.surface_shading import shade_surface
from fusion3d_gui.imaging.volume import Volume

#: The projected copy of a volume has at most this many voxels along an axis.
_LARGEST_SIDE = 192

#: The other two axes of each.
_OTHERS = ((1, 2), (0, 2), (0, 1))
_COPIED_SLICES = 8


@dataclass(frozen=True, eq=False)
class ProjectedImage:
    """A flat picture ``[row, column]`` and its map to the screen.

    ``to_screen`` is 2x3: (u, v) in screen mm of (column, row, 1), counted to pixel centres.
    """

    values: np.ndarray
    to_screen: np.ndarray


class VolumeProjector:
    """A volume ready to be projected, with a copy for each axis that it has been looked along."""

    def __init__(self, voxels: np.ndarray, affine: np.ndarray, *, low_wins: bool = False) -> None:
        """``voxels`` ``[k, j, i]``; ``affine`` 4x4 from their index (i, j, k) to mm, LPS.

        With ``low_wins`` the lowest value counts as the largest, as stored values do under a negative
        slope.
        """
        self.affine = affine
        self._low_wins = low_wins
        self.voxels = voxels
        self.shape = voxels.shape
        self._stacks: dict[int, np.ndarray] = {}
        self._ranks = np.zeros((0, 0, 0), np.uint8)
        self._ranked: tuple[int, float, bool] | None = None

    def _stack(self, axis: int) -> np.ndarray:
        """The slices along an axis, as [slice, second other axis, first other axis]."""
        if axis not in self._stacks:
            for _ in self._stacking(axis):
                pass
        return self._stacks[axis]

    def _stacking(self, axis: int) -> Iterator[None]:
        first, second = _OTHERS[axis]
        slices = self.voxels.transpose(2, 1, 0).transpose(axis, second, first)
        stack = np.empty(slices.shape, slices.dtype)
        for some in row_blocks(len(stack), _COPIED_SLICES):
            stack[some] = _turned_over(slices[some]) if self._low_wins else slices[some]
            yield
        self._stacks[axis] = stack

    def stacking(self) -> Iterator[None]:
        """Make all copies in small steps: one in the middle of a turn would hold that up."""
        for axis in range(3):
            yield from self._stacking(axis)

    def project(self, right_lps: np.ndarray, down_lps: np.ndarray) -> ProjectedImage:
        """The largest value along each line of sight.

        ``right_lps`` and ``down_lps`` are orthogonal unit vectors (LPS) along the screen; u and v of
        the result are the products of a patient position with them.
        """
        shear = self._shear(right_lps, down_lps)
        stack = self._stack(shear.axis)
        merged = np.full(shear.shape, stack.dtype.type(_lowest(stack.dtype)))
        for number, place in shear.places:
            np.maximum(merged[place], stack[number], out=merged[place])
        return ProjectedImage(_turned_over(merged) if self._low_wins else merged, shear.to_screen)

    def surface(
        self, right_lps: np.ndarray, down_lps: np.ndarray, least: float
    ) -> tuple[ProjectedImage, np.ndarray]:
        """The surface at which lines of sight first meet a value of at least ``least``, lit.

        (Of at most that where low values win.)

        The values are uint8 brightness from 0 to 255 by Lambert's law, the light where the reader is,
        a little to the upper left. With them bool ``[row, column]``: where there is a surface.
        """
        shear = self._shear(right_lps, down_lps)
        stack = self._stack(shear.axis)
        if self._low_wins:
            least = float(np.iinfo(stack.dtype).max) - least if stack.dtype.kind == "u" else -least
            least -= stack.dtype.kind == "i"
        away = np.cross(right_lps, down_lps)
        step_mm = float(self.affine[:3, shear.axis] @ away)
        ranks = self._rank(shear.axis, least, step_mm > 0)
        highest = np.zeros(shear.shape, ranks.dtype)
        for number, place in shear.places:
            np.maximum(highest[place], ranks[number], out=highest[place])
        found = highest > 0
        # The slice that was met; any where there is none.
        met = np.where(found, (len(stack) - highest if step_mm > 0 else highest - 1), 0)
        # How far away (mm) the surface is: along the stack, and by the tilt of the slices.
        row, column = np.indices(shear.shape, dtype=np.float32)
        along_row, along_column = (away @ each for each in shear.steps)
        tops = np.array([place[0].start for _, place in shear.places], np.float32)
        lefts = np.array([place[1].start for _, place in shear.places], np.float32)
        depth = np.float32(step_mm) * met
        depth += (row - tops[met]) * along_row + (column - lefts[met]) * along_column
        shade = shade_surface(depth, found, abs(step_mm), shear.to_screen[:, :2])
        return ProjectedImage(shade, shear.to_screen), found

    def _rank(self, axis: int, least: float, first_is_nearest: bool) -> np.ndarray:
        """The slices along an axis: 0 below ``least``, else the higher the nearer to the reader.

        The first surface along a ray is then the largest of them. Kept, as a volume that is turned asks
        for the same again and again.
        """
        wanted = axis, least, first_is_nearest
        if self._ranked != wanted:
            stack = self._stack(axis)
            count = len(stack)
            self._ranks = np.empty(stack.shape, np.min_scalar_type(count))
            for number in range(count):
                rank = count - number if first_is_nearest else number + 1
                np.multiply(
                    stack[number] >= least, self._ranks.dtype.type(rank), out=self._ranks[number]
                )
            self._ranked = wanted
        return self._ranks

    def _shear(self, right_lps: np.ndarray, down_lps: np.ndarray) -> _Shear:
        linear = self.affine[:3, :3]
        sight = np.linalg.solve(linear, np.cross(right_lps, down_lps))
        axis = int(np.abs(sight).argmax())
        a, b = _OTHERS[axis]
        count, rows, columns = self._stack(axis).shape
        middle = (count - 1) / 2
        # How far a slice moves along the other two axes to lie where the rays meet the middle one.
        steps = middle - np.arange(count)
        shift_a = np.rint(steps * sight[a] / sight[axis]).astype(int)
        shift_b = np.rint(steps * sight[b] / sight[axis]).astype(int)
        left, top = int(shift_a.min()), int(shift_b.min())
        places = [
            (number, (slice(row, row + rows), slice(column, column + columns)))
            for number, (row, column) in enumerate(
                zip((shift_b - top).tolist(), (shift_a - left).tolist(), strict=True)
            )
        ]
        origin = self.affine[:3, 3] + linear[:, axis] * middle
        origin = origin + linear[:, a] * left + linear[:, b] * top
        screen = np.stack([right_lps, down_lps])
        return _Shear(
            axis,
            (rows + int(shift_b.max()) - top, columns + int(shift_a.max()) - left),
            places,
            (linear[:, b], linear[:, a]),
            screen @ np.stack([linear[:, a], linear[:, b], origin], axis=1),
        )


@dataclass(frozen=True, eq=False)
class _Shear:
    """How slices are shifted: across which axis, into what shape, each to which place; the steps (mm,
    LPS) from row to row and column to column; and the map of the result to the screen."""

    axis: int
    shape: tuple[int, int]
    places: list[tuple[int, tuple[slice, slice]]]
    steps: tuple[np.ndarray, np.ndarray]
    to_screen: np.ndarray


def _turned_over(values: np.ndarray) -> np.ndarray:
    """The lowest values largest, and back: what is done twice changes nothing."""
    return ~values if values.dtype.kind in "iu" else -values


def _lowest(dtype: np.dtype) -> float:
    return float(np.iinfo(dtype).min) if dtype.kind in "iu" else -np.inf


def prepare_projector(volume: Volume) -> Iterator[VolumeProjector | None]:
    """Make a volume ready to be projected, in small steps: None after each, the projector at last.

    Blocks of voxels become their largest real value. Values that are not finite count as the lowest.
    """
    factors = [-(-size // _LARGEST_SIDE) for size in volume.shape]
    starts = [
        np.arange(0, size, factor) for size, factor in zip(volume.shape, factors, strict=True)
    ]
    first = volume.voxels.dtype
    kind = first if first.kind in "iu" and first.itemsize <= 2 else np.dtype(np.float32)
    small = np.empty([len(each) for each in starts], kind)
    low_wins = volume.slope < 0
    best = np.minimum if low_wins else np.maximum
    worst = -_lowest(np.dtype(np.float32)) if low_wins else _lowest(np.dtype(np.float32))
    for number, start in enumerate(starts[0]):
        block = best.reduce(volume.voxels[start : start + factors[0]], axis=0)
        block = best.reduceat(block, starts[1], axis=0)
        block = best.reduceat(block, starts[2], axis=1)
        if block.dtype.kind == "f":
            block = np.where(np.isfinite(block), block, worst)
        small[number] = block
        yield None
    fk, fj, fi = factors
    scale = np.diag([fi, fj, fk, 1.0])
    scale[:3, 3] = (fi - 1) / 2, (fj - 1) / 2, (fk - 1) / 2
    made = VolumeProjector(small, volume.affine @ scale, low_wins=low_wins)
    yield from made.stacking()
    yield made


def prepare_heatmap_projector(
    grid: Volume, peak: float, like: VolumeProjector
) -> Iterator[VolumeProjector | None]:
    """A coarse grid (a heatmap) as levels 0 to 255 on a projector's voxels, in small steps.

    Trilinear, 0 outside the grid.
    """
    n_k, n_j, n_i = like.shape
    levels = np.empty(like.shape, np.uint8)
    plane = Plane(like.affine[:3, 3], like.affine[:3, 0], like.affine[:3, 1], (n_j, n_i))
    for k in range(n_k):
        share = sample(grid, plane.shifted(like.affine[:3, 2] * k)) * np.float32(255.0 / peak)
        levels[k] = np.nan_to_num(share, nan=0.0).clip(0, 255)
        yield None
    made = VolumeProjector(levels, like.affine)
    yield from made.stacking()
    yield made
