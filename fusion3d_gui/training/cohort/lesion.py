"""Focal lesions, and distractors: rings of the same brightness that the label does not depend on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from fusion3d_gui.training.cohort.anatomy import Anatomy, lesion_sites
from fusion3d_gui.training.cohort.spline_field import SplineField

#: Decay length of the soft edge.
_EDGE_MM = 0.8
#: Smallest distance of a distractor's centre from the lesion's.
_APART_MM = 35.0
#: Intensity of a ring's dark core, that of the ventricles.
_CORE_INTENSITY = 0.35


@dataclass(frozen=True, eq=False)
class Lesion:
    """One focal lesion in scan space (LPS mm), solid or a ring.

    With r the distance from the centre in a slightly stretched frame (an ellipsoid whose axes
    differ by up to 15 %) and g a B-spline field (control points every 8 mm, standard deviation 0.16),

        f(x) = r / radius + g(x)

    is below 1 inside; the lesion's share of a voxel is 1 / (1 + exp((f - 1) · radius / 0.8 mm)).
    Inside, the intensity is ``brightness`` (1.35 to 1.6 on the template's scale, where white matter is
    about 0.87, grey matter 0.65, ventricles 0.35) plus a tenth of the template's, as in a lesion that
    enhances with contrast medium.

    A ring (``core`` above 0: the distractor) is drawn from the same sizes, sites, edges and brightness,
    but its core (f < ``core``) is dark, 0.35, like a necrotic centre.
    """

    center_lps_mm: np.ndarray
    radius_mm: float
    brightness: float
    stretch: np.ndarray
    edge: SplineField
    core: float = 0.0

    @classmethod
    def draw(
        cls,
        rng: np.random.Generator,
        anatomy: Anatomy,
        *,
        ring: bool = False,
        apart_from: Lesion | None = None,
    ) -> Lesion:
        """Draw a lesion of radius 9 to 15 mm, its centre uniform over deep white matter.

        The core of a ring has 0.6 to 0.7 of its radius. ``apart_from`` is another lesion, from whose
        centre this one's lies at least 35 mm away, so that the two don't touch.
        """
        sites = lesion_sites()
        center = anatomy.locate(sites[rng.integers(len(sites))])
        while (
            apart_from is not None and np.linalg.norm(center - apart_from.center_lps_mm) < _APART_MM
        ):
            center = anatomy.locate(sites[rng.integers(len(sites))])
        radius = rng.uniform(9, 15)
        brightness = rng.uniform(1.35, 1.6)
        rotation = Rotation.from_quat(rng.standard_normal(4)).as_matrix()
        stretch = np.diag(1 / rng.uniform(0.87, 1.15, size=3)) @ rotation
        unit = SplineField.draw(rng, center=center, reach_mm=28, step_mm=8, channels=1)
        core = rng.uniform(0.6, 0.7) if ring else 0.0
        return cls(center, radius, brightness, stretch, unit.scaled(0.16), core)

    def share_on_grid(self, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
        """The lesion's share of each voxel, float32 ``[z, y, x]``, 0.5 at its edge, on a grid in LPS mm."""
        return self._within(1.0, x, y, z)

    def add_on_grid(
        self, intensity: np.ndarray, x: np.ndarray, y: np.ndarray, z: np.ndarray
    ) -> np.ndarray:
        """Template intensity ``[z, y, x]`` with the lesion added, on a grid in LPS mm."""
        share = self._within(1.0, x, y, z)
        shown: np.ndarray = (1 - share) * intensity + share * (self.brightness + 0.1 * intensity)
        if self.core:
            share = self._within(self.core, x, y, z)
            shown = (1 - share) * shown + share * _CORE_INTENSITY
        return shown

    def _within(self, level: float, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
        """Share of each voxel with f below ``level``, float32 ``[z, y, x]``."""
        share = np.zeros((len(z), len(y), len(x)), dtype=np.float32)
        # Beyond twice the radius the share is 0, whatever g is.
        near = [
            np.flatnonzero(np.abs(axis - c) <= 2 * self.radius_mm)
            for axis, c in zip((x, y, z), self.center_lps_mm, strict=True)
        ]
        if any(len(n) == 0 for n in near):
            return share
        nx, ny, nz = near
        dx, dy, dz = (
            axis[n] - c for axis, n, c in zip((x, y, z), near, self.center_lps_mm, strict=True)
        )
        offset = np.stack(np.broadcast_arrays(dx, dy[:, None], dz[:, None, None]), axis=-1)
        distance = np.linalg.norm(offset @ self.stretch.T, axis=-1)
        f = distance / self.radius_mm + self.edge.on_grid(x[nx], y[ny], z[nz])[..., 0]
        exponent = np.clip((f - level) * self.radius_mm / _EDGE_MM, -50, 50)
        share[np.ix_(nz, ny, nx)] = 1 / (1 + np.exp(exponent))
        return share
