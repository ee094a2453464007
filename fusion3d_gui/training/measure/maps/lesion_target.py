"""``Target``: the lesion of a case at its mask's voxels, and how well a map points at it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import center_of_mass, distance_transform_edt, label, map_coordinates

from fusion3d_gui.errors import UserError
from fusion3d_gui.imaging.catalog.open import open_volume
from fusion3d_gui.imaging.volume import Volume
from fusion3d_gui.training.data.table import CaseRow
from fusion3d_gui.training.measure.maps.case_maps import GridMap

#: A peak this near to the lesion counts as a hit of the lenient pointing game.
TOLERANCE_MM = 10.0


@dataclass(frozen=True, eq=False)
class Target:
    """A lesion and the brain about it, at the mask's voxels.

    ``brain_lps`` [m, 3] positions in mm of the voxels that count (tissue, and the lesion);
    ``inside`` bool [m] which of them are lesion; ``distance_mm`` [m] from each to the lesion;
    ``center_lps`` [3] the lesion's voxel nearest to the centre of its largest part.
    """

    brain_lps: np.ndarray
    inside: np.ndarray
    distance_mm: np.ndarray
    center_lps: np.ndarray

    def holds(self, place: np.ndarray) -> bool:
        """Whether the voxel nearest to a place (mm, LPS) [3] is lesion."""
        return bool(self.inside[((self.brain_lps - place) ** 2).sum(axis=1).argmin()])


@dataclass(frozen=True)
class Judgement:
    """How well one map points at one lesion.

    Parameters
    ----------
    pointing, pointing_near
        Share of the strongest voxels that lie in the lesion, or within the tolerance of it.
    distance_mm
        Mean distance of the strongest voxels to it; NaN for an empty map.
    energy
        Share of the map's sum that lies in it.
    """

    pointing: float
    pointing_near: float
    distance_mm: float
    energy: float


def target_of(row: CaseRow, brain: np.ndarray, affine: np.ndarray) -> Target:
    """The lesion of a case; ``brain`` bool [k, j, i] on the network's grid with its affine.

    Raises UserError for an unusable mask.
    """
    assert row.mask is not None
    mask = open_volume(row.mask)
    inside = mask.real() > 0.5
    if not inside.any():
        raise UserError(f"row {row.row}: the mask is empty", path=row.mask)
    lps = mask.to_lps(np.argwhere(np.ones_like(inside))[:, ::-1])
    # Comparison with NaN is false: beyond the grid there is no tissue.
    tissue = _sampled(brain.astype(np.float32), affine, lps, order=0, margin=0.5) > 0.5
    lesion = inside.ravel()
    counted = tissue | lesion
    spacing_kji = np.linalg.norm(mask.affine[:3, :3], axis=0)[::-1]
    distance = distance_transform_edt(~inside, sampling=spacing_kji).ravel()
    return Target(lps[counted], lesion[counted], distance[counted], _center(mask, inside))


def judge(one: GridMap, aim: Target) -> Judgement:
    """How well a map points at a lesion. Voxels that a moved map doesn't cover have no data.

    A map that is empty within the brain is a miss with no energy.
    """
    seen = _seen(one, aim)
    known = np.isfinite(seen)
    total, highest = (float(seen[known].sum()), float(seen[known].max())) if known.any() else (0, 0)
    if not highest > 0:
        return Judgement(0.0, 0.0, np.nan, 0.0)
    peaks = known & (seen >= highest * (1 - 1e-6))
    return Judgement(
        pointing=float(aim.inside[peaks].mean()),
        pointing_near=float((aim.distance_mm[peaks] <= TOLERANCE_MM).mean()),
        distance_mm=float(aim.distance_mm[peaks].mean()),
        energy=float(seen[known & aim.inside].sum()) / total,
    )


def chance_of(aim: Target) -> Judgement:
    """The same of a random brain voxel, and of a map that is even over the brain: exact, no draws."""
    share = float(aim.inside.mean())
    return Judgement(
        pointing=share,
        pointing_near=float((aim.distance_mm <= TOLERANCE_MM).mean()),
        distance_mm=float(np.median(aim.distance_mm)),
        energy=share,
    )


def strongest_lps(one: GridMap, aim: Target) -> np.ndarray | None:
    """Where in the brain a map is largest (mm, LPS) [3], the first of equals; None where it is empty."""
    seen = np.nan_to_num(_seen(one, aim))
    best = int(seen.argmax())
    return aim.brain_lps[best] if seen[best] > 0 else None


def _seen(one: GridMap, aim: Target) -> np.ndarray:
    """A map at the brain's voxels [m], interpolated between its cells; NaN: no data."""
    # Cell 0 lies on input voxel 0: the field ends half an input voxel further out.
    found = _sampled(one.values, one.affine, aim.brain_lps, order=1, margin=0.5 / one.stride)
    shown: np.ndarray = np.maximum(found, 0)
    return shown


def _sampled(
    values: np.ndarray, affine: np.ndarray, lps: np.ndarray, *, order: int, margin: float
) -> np.ndarray:
    """An array [k, j, i] at positions [m, 3] in mm; NaN beyond ``margin`` cells from its outermost centres."""
    inverse = np.linalg.inv(affine)
    index = (lps @ inverse[:3, :3].T + inverse[:3, 3])[:, ::-1].T
    found: np.ndarray = map_coordinates(
        values.astype(np.float32), index, order=order, mode="nearest"
    )
    last = np.array(values.shape)[:, None] - 1
    # What rounding makes of a position just at the margin doesn't count.
    margin += 1e-6
    found[~((index >= -margin) & (index <= last + margin)).all(axis=0)] = np.nan
    return found


def _center(mask: Volume, inside: np.ndarray) -> np.ndarray:
    """The voxel (mm, LPS) [3] of a mask nearest to the centre of its largest connected part."""
    parts, _ = label(inside, structure=np.ones((3, 3, 3)))
    largest = parts == 1 + int(np.bincount(parts.ravel())[1:].argmax())
    voxels = np.argwhere(largest)
    nearest = voxels[((voxels - center_of_mass(largest)) ** 2).sum(axis=1).argmin()]
    place: np.ndarray = mask.to_lps(nearest[::-1])
    return place
