"""The varied scene: lesions as medicine knows them, among things that are brighter and don't count.

Beside the simple scene (one bright egg in one brain: :mod:`~fusion3d_gui.training.cohort.lesion`), in which the
brightest thing is the answer, so that no heatmap can be told from the image's brightness.

Intensities are on the template's scale: white matter about 0.87, grey matter 0.65, ventricles 0.35. Positions are
LPS mm in scan space.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

from fusion3d_gui.training.cohort.anatomy import (
    Anatomy,
    falx_sites,
    lesion_sites,
    surface_sites,
)
from fusion3d_gui.training.cohort.lesion import Lesion
from fusion3d_gui.training.cohort.spline_field import SplineField

#: Decay length of soft edges.
_EDGE_MM = 0.8
#: Radius of a main lesion and of the further ones about it (16 to 25 and 4 to 10 mm wide).
_MAIN_RADIUS_MM, _FURTHER_RADIUS_MM = (8.0, 12.5), (2.0, 5.0)
#: Intensity of oedema: white matter becomes as dark as grey matter or darker.
_OEDEMA_INTENSITY = 0.6
#: Smallest distance between the edges of a lesion and of what is not one.
_GAP_MM = 8.0


@dataclass(frozen=True, eq=False)
class EnhancingLesion:
    """A lesion that takes up contrast medium: irregular, uneven, solid or with a rim, with or without oedema.

    With r the distance from the centre in a stretched frame (axes differ by up to 30 %) and g a B-spline
    field (control points every 6 mm, standard deviation 0.22), f(x) = r / radius + g(x) is below 1 inside;
    edges are soft as in :class:`~fusion3d_gui.training.cohort.lesion.Lesion`. Inside, the intensity is
    ``brightness`` times 1 + a B-spline field (control points every 5 mm, standard deviation 0.1). Where f is
    below ``core`` it is ``core_intensity`` (necrosis). Where f is below ``oedema``, what is brighter than
    0.6 falls towards it.

    ``radius_mm`` is that of the lesion without oedema.
    """

    center_lps_mm: np.ndarray
    radius_mm: float
    brightness: float
    stretch: np.ndarray
    edge: SplineField
    texture: SplineField
    core: float
    core_intensity: float
    oedema: float

    @classmethod
    def draw(
        cls, rng: np.random.Generator, center: np.ndarray, radius_mm: tuple[float, float]
    ) -> EnhancingLesion:
        """Draw a lesion at a position.

        Radius: log-uniform. Brightness: 1.2 to 1.5. Four of ten with a radius of at least 7 mm have a rim (core
        of 0.5 to 0.65 of the radius, intensity 0.55 to 0.7) and oedema; of the others six of ten have oedema,
        out to 1.4 to 2 times the radius.
        """
        radius = float(np.exp(rng.uniform(*np.log(radius_mm))))
        brightness = rng.uniform(1.2, 1.5)
        rotation = Rotation.from_quat(rng.standard_normal(4)).as_matrix()
        stretch = np.diag(1 / rng.uniform(0.8, 1.25, size=3)) @ rotation
        reach = 2.2 * radius + 4
        edge = SplineField.draw(rng, center=center, reach_mm=reach, step_mm=6, channels=1)
        texture = SplineField.draw(rng, center=center, reach_mm=reach, step_mm=5, channels=1)
        rim = radius >= 7 and rng.random() < 0.4
        core = rng.uniform(0.5, 0.65) if rim else 0.0
        core_intensity = rng.uniform(0.55, 0.7)
        spread = rng.uniform(1.4, 2.0)
        oedema = spread if rim or rng.random() < 0.6 else 0.0
        return cls(
            center, radius, brightness, stretch, edge.scaled(0.22), texture.scaled(0.1),
            core, core_intensity, oedema,
        )  # fmt: skip

    def share_on_grid(self, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
        """The lesion's share of each voxel (core included, oedema not), float32 ``[z, y, x]``."""
        share = np.zeros((len(z), len(y), len(x)), dtype=np.float32)
        near = _near(self.center_lps_mm, 2 * self.radius_mm, x, y, z)
        if near is not None:
            share[np.ix_(*near)] = self._within(1.0, self._level(x, y, z, near))
        return share

    def add_on_grid(
        self, intensity: np.ndarray, x: np.ndarray, y: np.ndarray, z: np.ndarray
    ) -> np.ndarray:
        """Intensity ``[z, y, x]`` with the lesion added, on a grid in LPS mm."""
        near = _near(self.center_lps_mm, max(2.0, self.oedema + 0.6) * self.radius_mm, x, y, z)
        if near is None:
            return intensity
        level = self._level(x, y, z, near)
        shown = intensity[np.ix_(*near)]
        if self.oedema:
            share = self._within(self.oedema, level)
            shown = (1 - share) * shown + share * np.minimum(shown, _OEDEMA_INTENSITY)
        kz, ky, kx = near
        texture = 1 + self.texture.on_grid(x[kx], y[ky], z[kz])[..., 0]
        share = self._within(1.0, level)
        shown = (1 - share) * shown + share * self.brightness * texture
        if self.core:
            share = self._within(self.core, level)
            shown = (1 - share) * shown + share * self.core_intensity
        added = intensity.copy()
        added[np.ix_(*near)] = shown
        return added

    def _level(
        self, x: np.ndarray, y: np.ndarray, z: np.ndarray, near: tuple[np.ndarray, ...]
    ) -> np.ndarray:
        """f of the class's docstring on a part of the grid."""
        kz, ky, kx = near
        offset = _offsets(self.center_lps_mm, x[kx], y[ky], z[kz])
        distance = np.linalg.norm(offset @ self.stretch.T, axis=-1)
        edge = self.edge.on_grid(x[kx], y[ky], z[kz])[..., 0]
        level: np.ndarray = distance / self.radius_mm + edge
        return level

    def _within(self, limit: float, level: np.ndarray) -> np.ndarray:
        exponent = np.clip((level - limit) * self.radius_mm / _EDGE_MM, -50, 50)
        return np.asarray(1 / (1 + np.exp(exponent)), dtype=np.float32)


@dataclass(frozen=True, eq=False)
class BrightStructure:
    """Something bright that the label does not depend on: a vessel, a calcified spot, a patch of dura or falx.

    The union of balls of ``radius_mm`` about ``points`` [n, 3] (LPS mm; a vessel's lie 1 mm apart), with
    soft edges. Inside, the intensity is at least ``brightness``.
    """

    points: np.ndarray
    radius_mm: float
    brightness: float

    @property
    def center_lps_mm(self) -> np.ndarray:
        """Middle of its points [3]."""
        middle: np.ndarray = self.points.mean(axis=0)
        return middle

    def add_on_grid(
        self, intensity: np.ndarray, x: np.ndarray, y: np.ndarray, z: np.ndarray
    ) -> np.ndarray:
        """Intensity ``[z, y, x]`` with the structure added, on a grid in LPS mm."""
        reach = self.radius_mm + 6 * _EDGE_MM
        low, high = self.points.min(axis=0) - reach, self.points.max(axis=0) + reach
        near = [
            np.flatnonzero((axis >= low[n]) & (axis <= high[n])) for n, axis in enumerate((x, y, z))
        ]
        if any(len(n) == 0 for n in near):
            return intensity
        kx, ky, kz = near
        places = _offsets(np.zeros(3), x[kx], y[ky], z[kz])
        distance, _ = cKDTree(self.points).query(places.reshape(-1, 3), distance_upper_bound=reach)
        distance = np.minimum(distance, reach).reshape(places.shape[:3])
        share = 1 / (1 + np.exp((distance - self.radius_mm) / _EDGE_MM))
        added = intensity.copy()
        index = np.ix_(kz, ky, kx)
        shown = added[index]
        added[index] = (1 - share) * shown + share * np.maximum(shown, self.brightness)
        return added


def draw_lesions(rng: np.random.Generator, anatomy: Anatomy) -> tuple[EnhancingLesion, ...]:
    """Draw a main lesion in deep white matter and, in four of ten, one to three small ones within 30 mm."""
    sites = lesion_sites()
    center = anatomy.locate(sites[rng.integers(len(sites))])
    lesions = [EnhancingLesion.draw(rng, center, _MAIN_RADIUS_MM)]
    count = int(rng.integers(1, 4)) if rng.random() < 0.4 else 0
    tries = 0
    while count and tries < 200:
        tries += 1
        place = anatomy.locate(sites[rng.integers(len(sites))])
        if np.linalg.norm(place - center) < 30:
            lesions.append(EnhancingLesion.draw(rng, place, _FURTHER_RADIUS_MM))
            count -= 1
    return tuple(lesions)


def draw_distractors(
    rng: np.random.Generator,
    anatomy: Anatomy,
    ring_rate: float,
    lesions: tuple[EnhancingLesion, ...],
) -> tuple[Lesion | BrightStructure, ...]:
    """Draw what is bright and doesn't count, at least 8 mm from the edge of any lesion.

    A ring with a dark core (``ring_rate``; :class:`~fusion3d_gui.training.cohort.lesion.Lesion`), one or two
    vessels (half of the cases; radius 1.2 to 2.2 mm, 25 to 60 mm long), one to four calcified spots (half;
    radius 1.2 to 2.5 mm), one or two patches of dura at the brain's surface (6 of 10) and one of ossified falx
    between the hemispheres (17 of 20), 6 to 8 mm thick and 22 to 34 mm wide. All but the ring have a brightness
    of 1.6 to 2.4.
    """
    found: list[Lesion | BrightStructure] = []
    inner = lesion_sites()
    if rng.random() < ring_rate:
        ring = _apart(rng, lesions, lambda: Lesion.draw(rng, anatomy, ring=True))
        found += [] if ring is None else [ring]

    def vessel() -> BrightStructure:
        start = anatomy.locate(inner[rng.integers(len(inner))])
        heading = rng.standard_normal(3)
        points = [start]
        for _ in range(int(rng.uniform(25, 60))):
            heading = heading / np.linalg.norm(heading) + 0.15 * rng.standard_normal(3)
            points.append(points[-1] + heading / np.linalg.norm(heading))
        return BrightStructure(np.array(points), rng.uniform(1.2, 2.2), rng.uniform(1.6, 2.3))

    def spot() -> BrightStructure:
        place = anatomy.locate(inner[rng.integers(len(inner))])
        return BrightStructure(place[None], rng.uniform(1.2, 2.5), rng.uniform(1.6, 2.3))

    def patch(sites: np.ndarray) -> BrightStructure:
        middle = sites[rng.integers(len(sites))]
        width = rng.uniform(11, 17)
        # Neighbours on the template's surface, so that it follows the brain; over so short a way the
        # elastic deformation hardly changes.
        about = sites[np.linalg.norm(sites - middle, axis=1) < width]
        about = about[:: max(1, len(about) // 80)]
        points = anatomy.locate(middle) + (about - middle) @ np.linalg.inv(anatomy.matrix).T
        return BrightStructure(points, rng.uniform(3.0, 4.0), rng.uniform(1.8, 2.4))

    kinds = (
        (0.5, 1, 2, vessel),
        (0.5, 1, 4, spot),
        (0.6, 1, 2, lambda: patch(surface_sites())),
        (0.85, 1, 1, lambda: patch(falx_sites())),
    )
    for rate, least, most, draw in kinds:
        if rng.random() < rate:
            for _ in range(int(rng.integers(least, most + 1))):
                one = _apart(rng, lesions, draw)
                found += [] if one is None else [one]
    return tuple(found)


def _apart(rng: np.random.Generator, lesions: tuple[EnhancingLesion, ...], draw):  # type: ignore[no-untyped-def]
    """The first of ten draws that keeps its distance from every lesion; None where none does."""
    for _ in range(10):
        one = draw()
        points = one.points if isinstance(one, BrightStructure) else one.center_lps_mm[None]
        if all(
            np.linalg.norm(points - lesion.center_lps_mm, axis=1).min()
            >= 1.25 * lesion.radius_mm + 1.25 * one.radius_mm + _GAP_MM
            for lesion in lesions
        ):
            return one
    return None


def _near(
    center: np.ndarray, reach: float, x: np.ndarray, y: np.ndarray, z: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
    """Indices (z, y, x) of the grid's lines within reach of a centre; None where there are none."""
    nx, ny, nz = (
        np.flatnonzero(np.abs(axis - c) <= reach) for axis, c in zip((x, y, z), center, strict=True)
    )
    return None if 0 in (len(nx), len(ny), len(nz)) else (nz, ny, nx)


def _offsets(center: np.ndarray, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
    """Positions of a grid less a centre, [z, y, x, 3]."""
    dx, dy, dz = (axis - c for axis, c in zip((x, y, z), center, strict=True))
    return np.stack(np.broadcast_arrays(dx, dy[:, None], dz[:, None, None]), axis=-1)
