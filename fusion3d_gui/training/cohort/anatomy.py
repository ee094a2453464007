"""A person's brain: the MNI152 T1 template, bent into an individual shape, in one scanner's contrast."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy.ndimage import distance_transform_edt, map_coordinates
from scipy.spatial.transform import Rotation

from fusion3d_gui.errors import UserError
from fusion3d_gui.imaging.volume import RAS_LPS, Volume
from fusion3d_gui.training.cohort.spline_field import SplineField

#: Middle of the template's brain, LPS mm in the template's own space; the scan is centred on it.
_TEMPLATE_CENTER = np.array([0.0, 17.0, 5.0])
#: A lesion's centre keeps this distance from the surface of the brain.
_LESION_DEPTH_MM = 13.0


@cache
def template() -> Volume:
    """Skull-stripped MNI152 T1 template at 1 mm, 0..1 (Fonov et al. 2011; shipped by nilearn)."""
    return _from_nilearn("load_mni152_template")


@cache
def brain_mask() -> np.ndarray:
    """float32 ``[k, j, i]`` on the template's grid: 1 in the brain, 0 outside."""
    return (template().voxels > 0).astype(np.float32)


@cache
def lesion_sites() -> np.ndarray:
    """Template positions [n, 3] (LPS mm) where a lesion may be centred: deep in white matter."""
    white = _from_nilearn("load_mni152_wm_template").voxels > 0.5
    depth = distance_transform_edt(brain_mask(), sampling=template().spacing_mm)
    kji = np.argwhere(white & (depth >= _LESION_DEPTH_MM))
    return template().to_lps(kji[:, ::-1])


def _from_nilearn(loader: str) -> Volume:
    try:
        from nilearn import datasets
    except ImportError:
        raise UserError(
            "the cohort needs the package nilearn, which ships the brain template",
            remedy="Install the extra: pip install 'fusion3d[train]'.",
        ) from None
    image = getattr(datasets, loader)(resolution=1)
    voxels = np.ascontiguousarray(image.get_fdata(dtype=np.float32).T)
    return Volume(voxels=voxels, affine=RAS_LPS @ image.affine, description=loader)


@dataclass(frozen=True, eq=False)
class Anatomy:
    """One person's shape: where in the template each point of the scan lies.

    A scan position x (LPS mm, origin in the middle of the field of view) shows the template at

        T(x) = center + M (x - shift) + u(x)

    with M a rotation by up to 8 degrees about each axis times a scale of 0.94 to 1.05 along each
    axis, ``shift`` up to 3 mm, and u a cubic B-spline field with control points every 32 mm and a
    standard deviation of 2.2 mm.
    """

    matrix: np.ndarray
    shift_mm: np.ndarray
    bend: SplineField

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Anatomy:
        """Draw a person."""
        angles = rng.uniform(-8, 8, size=3)
        size = rng.uniform(0.94, 1.05, size=3)
        shift = rng.uniform(-3, 3, size=3)
        bend = SplineField.draw(rng, center=np.zeros(3), reach_mm=110, step_mm=32, channels=3)
        bend = SplineField(bend.values * 2.2, bend.origin, bend.step_mm)
        matrix = Rotation.from_euler("xyz", angles, degrees=True).as_matrix() @ np.diag(1 / size)
        return cls(matrix, shift, bend)

    def on_grid(self, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Template intensity (0..1) and brain mask (bool), both ``[z, y, x]``, on a grid in mm."""
        where = self.bend.on_grid(x, y, z)
        straight = (self.matrix[:, 0] * (x[:, None] - self.shift_mm[0]))[None, None]
        straight = straight + (self.matrix[:, 1] * (y[:, None] - self.shift_mm[1]))[None, :, None]
        straight = straight + (self.matrix[:, 2] * (z[:, None] - self.shift_mm[2]))[:, None, None]
        where += straight + _TEMPLATE_CENTER
        index = np.moveaxis(template().to_index(where), -1, 0)[::-1]
        intensity = map_coordinates(template().voxels, index, order=1, cval=0.0)
        mask = map_coordinates(brain_mask(), index, order=0, cval=0.0) > 0.5
        return intensity, mask

    def locate(self, template_lps_mm: np.ndarray) -> np.ndarray:
        """The scan position (LPS mm) that shows this template position: T inverted."""
        inverse = np.linalg.inv(self.matrix)
        target = np.asarray(template_lps_mm, dtype=np.float64) - _TEMPLATE_CENTER
        found = inverse @ target + self.shift_mm
        # u is a contraction here (it bends far less than it moves), so this converges quickly.
        for _ in range(20):
            found = inverse @ (target - self.bend.at(found)) + self.shift_mm
        return found


@dataclass(frozen=True, eq=False)
class Acquisition:
    """What one scanner makes of the anatomy: contrast, shading, noise.

    Signal = level · t^gamma · exp(b(x)) with t the template's intensity (0..1), ``level`` 600 to
    1400, ``gamma`` 0.8 to 1.25 and b a B-spline field with control points every 90 mm and a standard
    deviation of 0.12. Magnitude (Rician) noise of 1.5 to 4 % of the level is added, then everything
    outside the brain is set to 0, as skull stripping does.
    """

    level: float
    gamma: float
    noise: float
    shading: SplineField

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Acquisition:
        """Draw a scanner's settings."""
        level, gamma = rng.uniform(600, 1400), rng.uniform(0.8, 1.25)
        noise = rng.uniform(0.015, 0.04)
        shading = SplineField.draw(rng, center=np.zeros(3), reach_mm=110, step_mm=90, channels=1)
        shading = SplineField(shading.values * 0.12, shading.origin, shading.step_mm)
        return cls(level, gamma, noise, shading)

    def signal(
        self,
        intensity: np.ndarray,
        axes: tuple[np.ndarray, np.ndarray, np.ndarray],
        rng: np.random.Generator,
    ) -> np.ndarray:
        """float32 signal ``[z, y, x]`` of the intensity (0..1) on the grid ``axes`` (x, y, z) in mm."""
        clean = intensity**self.gamma * np.exp(self.shading.on_grid(*axes)[..., 0])
        real = clean + self.noise * rng.standard_normal(clean.shape, dtype=np.float32)
        imaginary = self.noise * rng.standard_normal(clean.shape, dtype=np.float32)
        return (self.level * np.hypot(real, imaginary)).astype(np.float32)
