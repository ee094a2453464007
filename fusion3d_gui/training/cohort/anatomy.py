"""Individual anatomy and scanner: the MNI152 T1 template under a random deformation, contrast and noise."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from scipy.ndimage import distance_transform_edt, map_coordinates
from scipy.spatial.transform import Rotation

from fusion3d_gui.errors import UserError
from fusion3d_gui.imaging.volume import RAS_LPS, Volume
from fusion3d_gui.training.cohort.spline_field import SplineField

#: Centre of the template's brain, LPS mm in template space; the scan is centred on it.
TEMPLATE_CENTER = np.array([0.0, 17.0, 5.0])
#: A lesion's centre keeps this distance from the surface of the brain.
_LESION_DEPTH_MM = 13.0
#: Middle (LPS mm in template space) and reach of the region that the ventricles' size changes.
_VENTRICLE_CENTER, _VENTRICLE_REACH_MM = np.array([0.0, 12.0, 14.0]), np.array([20.0, 32.0, 22.0])
#: Height (LPS mm in template space) above which nothing crosses the fissure between the hemispheres.
_CALLOSUM_TOP_MM = 34.0
#: Atrophy shows within this distance from the surface, in what is darker than grey matter.
_CORTEX_MM, _GREY_INTENSITY = 15.0, 0.65
#: Intensity of white matter, about which the varied scene's contrast between tissues changes.
_WHITE_INTENSITY = 0.87


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
    """Template positions [n, 3] (LPS mm) where a lesion may be centred.

    White matter at least 13 mm below the surface of the brain, one position a voxel.
    """
    white = _from_nilearn("load_mni152_wm_template").voxels > 0.5
    kji = np.argwhere(white & (_depth_mm() >= _LESION_DEPTH_MM))
    return template().to_lps(kji[:, ::-1])


@cache
def surface_sites() -> np.ndarray:
    """Template positions [n, 3] (LPS mm) 1 to 3 mm below the surface of the brain, one position a voxel."""
    depth = _depth_mm()
    kji = np.argwhere((depth >= 1) & (depth < 3))
    return template().to_lps(kji[:, ::-1])


@cache
def falx_sites() -> np.ndarray:
    """Template positions [n, 3] (LPS mm) in the fissure between the hemispheres, one position a voxel.

    Within 1 mm of the middle plane, above the corpus callosum, and at least 6 mm below the surface.
    """
    kji = np.argwhere((brain_mask() > 0) & (_depth_mm() >= 6))
    sites = template().to_lps(kji[:, ::-1])
    return np.asarray(sites[(np.abs(sites[:, 0]) < 1) & (sites[:, 2] > _CALLOSUM_TOP_MM)])


@cache
def _depth_mm() -> np.ndarray:
    """float32 ``[k, j, i]`` on the template's grid: distance to the surface of the brain; 0 outside."""
    depth: np.ndarray = distance_transform_edt(brain_mask(), sampling=template().spacing_mm)
    return depth.astype(np.float32)


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
    """One person's anatomy, as a map from scan space to template space.

    A scan position x (LPS mm, origin in the middle of the field of view) shows the template at

        T(x) = center + M (x - shift) + u(x)

    with M a rotation by up to 8 degrees about each axis times a scale of 0.94 to 1.05 along each
    axis, ``shift`` up to 3 mm, and the displacement u a cubic B-spline field with control points every
    32 mm and a standard deviation of 2.2 mm.

    In the varied scene the brain is 5 % smaller, the displacement has a standard deviation of 3 mm, and the
    ventricles and the cortex differ from person to person: the template is shown at T(x) − ``ventricles`` · d · w(d), with d
    the distance vector of T(x) from the ventricles' middle and w a Gaussian (standard deviations 20, 32 and
    22 mm), so that what lies there appears larger; and within 15 mm of the surface, intensities below
    that of grey matter fall by ``atrophy`` times what they lack of it, as wider sulci do at this resolution.
    """

    matrix: np.ndarray
    shift_mm: np.ndarray
    displacement: SplineField
    ventricles: float = 0.0
    atrophy: float = 0.0

    @classmethod
    def of_template(cls) -> Anatomy:
        """The template itself, not deformed."""
        still = SplineField(np.zeros((1, 1, 1, 3)), (0.0, 0.0, 0.0), 32.0)
        return cls(np.eye(3), np.zeros(3), still)

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Anatomy:
        """Draw rotation, scale, shift and displacement."""
        angles = rng.uniform(-8, 8, size=3)
        size = rng.uniform(0.94, 1.05, size=3)
        shift = rng.uniform(-3, 3, size=3)
        unit = SplineField.draw(rng, center=np.zeros(3), reach_mm=110, step_mm=32, channels=3)
        matrix = Rotation.from_euler("xyz", angles, degrees=True).as_matrix() @ np.diag(1 / size)
        return cls(matrix, shift, unit.scaled(2.2))

    @classmethod
    def draw_varied(cls, rng: np.random.Generator) -> Anatomy:
        """Draw one of the varied scene: ``ventricles`` −0.15 to 0.4, ``atrophy`` 0 to 1."""
        plain = cls.draw(rng)
        return replace(
            plain,
            # Slightly smaller, so that the larger displacements don't move the brain out of the field of view.
            matrix=plain.matrix / 0.95,
            displacement=plain.displacement.scaled(3.0 / 2.2),
            ventricles=rng.uniform(-0.15, 0.4),
            atrophy=rng.uniform(0, 1),
        )

    def on_grid(self, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Resample the template on a grid.

        Parameters
        ----------
        x, y, z
            Coordinates (LPS mm, origin in the middle of the field of view) along the grid's axes.

        Returns
        -------
        intensity, mask : np.ndarray
            Template intensity, 0 to 1, linearly interpolated, and the brain mask (bool), both ``[z, y, x]``.
        """
        positions = self.template_positions(x, y, z)
        index = np.moveaxis(template().to_index(positions), -1, 0)[::-1]
        intensity = map_coordinates(template().voxels, index, order=1, cval=0.0)
        mask = map_coordinates(brain_mask(), index, order=0, cval=0.0) > 0.5
        if self.atrophy:
            depth = map_coordinates(_depth_mm(), index, order=1, cval=0.0)
            outer = np.clip((_CORTEX_MM - depth) / 5, 0, 1)
            lack = np.clip(_GREY_INTENSITY - intensity, 0, None)
            intensity = np.maximum(intensity - self.atrophy * outer * lack, 0.05 * mask)
        return intensity, mask

    def template_positions(self, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
        """What each voxel of a grid shows: template positions T (LPS mm) as ``[z, y, x, 3]``; axes as in :meth:`on_grid`."""
        positions = self.displacement.on_grid(x, y, z)
        linear = (self.matrix[:, 0] * (x[:, None] - self.shift_mm[0]))[None, None]
        linear = linear + (self.matrix[:, 1] * (y[:, None] - self.shift_mm[1]))[None, :, None]
        linear = linear + (self.matrix[:, 2] * (z[:, None] - self.shift_mm[2]))[:, None, None]
        positions += linear + TEMPLATE_CENTER
        if self.ventricles:
            positions -= self._ventricle_shift(positions)
        return positions

    def _ventricle_shift(self, template_lps_mm: np.ndarray) -> np.ndarray:
        """Displacement [..., 3] that enlarges the ventricles, at template positions [..., 3] before it."""
        offset = template_lps_mm - _VENTRICLE_CENTER
        weight = np.exp(-0.5 * ((offset / _VENTRICLE_REACH_MM) ** 2).sum(axis=-1, keepdims=True))
        shift: np.ndarray = self.ventricles * weight * offset
        return shift

    def locate(self, template_lps_mm: np.ndarray) -> np.ndarray:
        """Scan position [3] (LPS mm) of a template position [3]: T inverted, by fixed-point iteration."""
        inverse = np.linalg.inv(self.matrix)
        target = np.asarray(template_lps_mm, dtype=np.float64) - TEMPLATE_CENTER
        position: np.ndarray = inverse @ target + self.shift_mm
        # u changes far less than its argument (a contraction), so that this converges quickly.
        for _ in range(20):
            goal = target
            if self.ventricles:
                linear = self.matrix @ (position - self.shift_mm)
                before = linear + self.displacement.at(position) + TEMPLATE_CENTER
                goal = target + self._ventricle_shift(before)
            position = inverse @ (goal - self.displacement.at(position)) + self.shift_mm
        return position


@dataclass(frozen=True, eq=False)
class Acquisition:
    """One scanner: contrast, intensity inhomogeneity and noise.

    Signal = level · t^gamma · exp(b(x)) with t the template's intensity (0..1), ``level`` 600 to
    1400, ``gamma`` 0.8 to 1.25 and b a B-spline field with control points every 90 mm and a standard
    deviation of 0.12. Magnitude (Rician) noise of 1.5 to 4 % of the level is added, then everything
    outside the brain is set to 0, as skull stripping does.

    In the varied scene sequences differ: before all that, tissues darker than white matter (0.87) are
    shown at 0.87 − ``contrast`` times what they lack of it (0.65 to 1.25).
    """

    level: float
    gamma: float
    noise: float
    inhomogeneity: SplineField
    contrast: float = 1.0

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Acquisition:
        """Draw level, gamma, noise and inhomogeneity."""
        level, gamma = rng.uniform(600, 1400), rng.uniform(0.8, 1.25)
        noise = rng.uniform(0.015, 0.04)
        unit = SplineField.draw(rng, center=np.zeros(3), reach_mm=110, step_mm=90, channels=1)
        return cls(level, gamma, noise, unit.scaled(0.12))

    @classmethod
    def draw_varied(cls, rng: np.random.Generator) -> Acquisition:
        """Draw one of the varied scene."""
        return replace(cls.draw(rng), contrast=rng.uniform(0.65, 1.25))

    def signal(
        self,
        intensity: np.ndarray,
        axes: tuple[np.ndarray, np.ndarray, np.ndarray],
        rng: np.random.Generator,
    ) -> np.ndarray:
        """The scanner's image of an anatomy, noise included, before skull stripping.

        Parameters
        ----------
        intensity
            Template intensity ``[z, y, x]``, 0 to 1 (lesions are brighter).
        axes
            Coordinates (LPS mm) along the grid's x, y and z axes.
        rng
            Source of the noise.

        Returns
        -------
        np.ndarray
            Signal ``[z, y, x]``, float32, at least 0.
        """
        lack = np.clip(_WHITE_INTENSITY - intensity, 0, None)
        shown = np.maximum(intensity - (self.contrast - 1) * lack, 0)
        clean = shown**self.gamma * np.exp(self.inhomogeneity.on_grid(*axes)[..., 0])
        real = clean + self.noise * rng.standard_normal(clean.shape, dtype=np.float32)
        imaginary = self.noise * rng.standard_normal(clean.shape, dtype=np.float32)
        magnitude: np.ndarray = self.level * np.hypot(real, imaginary)
        return magnitude.astype(np.float32)
