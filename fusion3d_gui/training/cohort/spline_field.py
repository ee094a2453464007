"""Smooth random fields: cubic B-splines, the same function of position at every resolution."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np


@dataclass(frozen=True, eq=False)
class SplineField:
    """A cubic B-spline field with control points on a lattice and any number of channels.

    It is defined on all of space, on no voxel grid, so that one draw gives the same anatomy at 1 mm and
    at 2 mm. Beyond the lattice it falls to zero.

    Parameters
    ----------
    values
        Control values ``[z, y, x, channels]``.
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
        """Draw a field of mean 0 and a standard deviation of about 1, from independent normal control values.

        It covers the cube that reaches ``reach_mm`` from ``center`` (x, y, z; mm) along every axis.
        """
        half = int(np.ceil(reach_mm / step_mm)) + 2
        size = 2 * half + 1
        # The squared cubic B-spline weights of a point sum to 151/315 on average, per axis.
        scale = (151 / 315) ** -1.5
        values = rng.standard_normal((size, size, size, channels)) * scale
        x, y, z = (float(c) - half * step_mm for c in center)
        return cls(values, (x, y, z), step_mm)

    def scaled(self, factor: float) -> SplineField:
        """The field times a factor."""
        return replace(self, values=self.values * factor)

    def on_grid(self, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
        """The field ``[z, y, x, channels]`` on the grid with these coordinates (mm) along its axes."""
        nz, ny, nx = self.values.shape[:3]
        along_x = self._weights(x, 0, nx)
        along_y = self._weights(y, 1, ny)
        along_z = self._weights(z, 2, nz)
        lines = np.einsum("zyxc,kz->kyxc", self.values, along_z)
        planes = np.einsum("kyxc,jy->kjxc", lines, along_y)
        field: np.ndarray = np.einsum("kjxc,ix->kjic", planes, along_x, optimize=True)
        return field

    def at(self, point: np.ndarray) -> np.ndarray:
        """The field ``[channels]`` at one position (x, y, z; mm)."""
        x, y, z = np.asarray(point, dtype=np.float64)[:, None]
        field: np.ndarray = self.on_grid(x, y, z)[0, 0, 0]
        return field

    def _weights(self, positions: np.ndarray, axis: int, size: int) -> np.ndarray:
        """B-spline weights [n, size] of the control points along an axis at positions [n] (mm)."""
        steps = (np.asarray(positions, dtype=np.float64) - self.origin[axis]) / self.step_mm
        distance = np.abs(steps[:, None] - np.arange(size))
        near = 2 / 3 - distance**2 + distance**3 / 2
        far = (2 - distance) ** 3 / 6
        return np.where(distance < 1, near, np.where(distance < 2, far, 0.0))
