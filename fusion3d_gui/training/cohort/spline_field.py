"""Smooth random fields that are the same function of position at every resolution."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class SplineField:
    """A cubic B-spline field: control values on a lattice, any number of values a point.

    The field is defined on all of space and does not know a voxel grid, so one draw gives the same
    anatomy at 1 mm and at 2 mm. Beyond the lattice it falls to zero.

    Parameters
    ----------
    values
        Control values ``[z, y, x, ...]``.
    origin
        Position (x, y, z), in mm, of the first control point.
    step_mm
        Distance of neighbouring control points, the same along all axes.
    """

    values: np.ndarray
    origin: tuple[float, float, float]
    step_mm: float

    @classmethod
    def draw(
        cls,
        rng: np.random.Generator,
        *,
        center: np.ndarray,
        reach_mm: float,
        step_mm: float,
        channels: int,
    ) -> SplineField:
        """Independent normal control values that give the field a standard deviation of about 1.

        Covers the cube of ``reach_mm`` to all sides of ``center`` (x, y, z).
        """
        half = int(np.ceil(reach_mm / step_mm)) + 2
        size = 2 * half + 1
        # The squared cubic B-spline weights of a point sum to 151/315 on average, per axis.
        scale = (151 / 315) ** -1.5
        values = rng.standard_normal((size, size, size, channels)) * scale
        x, y, z = (float(c) - half * step_mm for c in center)
        return cls(values, (x, y, z), step_mm)

    def on_grid(self, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
        """The field ``[z, y, x, channels]`` at all points of a grid along the axes (in mm)."""
        nz, ny, nx = self.values.shape[:3]
        along_x = self._weights(x, 0, nx)
        along_y = self._weights(y, 1, ny)
        along_z = self._weights(z, 2, nz)
        field = np.einsum("zyxc,kz->kyxc", self.values, along_z)
        field = np.einsum("kyxc,jy->kjxc", field, along_y)
        return np.einsum("kjxc,ix->kjic", field, along_x, optimize=True)

    def at(self, point: np.ndarray) -> np.ndarray:
        """The field ``[channels]`` at one point (x, y, z) in mm."""
        x, y, z = np.asarray(point, dtype=np.float64)[:, None]
        return self.on_grid(x, y, z)[0, 0, 0]

    def _weights(self, positions: np.ndarray, axis: int, size: int) -> np.ndarray:
        steps = (np.asarray(positions, dtype=np.float64) - self.origin[axis]) / self.step_mm
        distance = np.abs(steps[:, None] - np.arange(size))
        near = 2 / 3 - distance**2 + distance**3 / 2
        far = (2 - distance) ** 3 / 6
        return np.where(distance < 1, near, np.where(distance < 2, far, 0.0))
