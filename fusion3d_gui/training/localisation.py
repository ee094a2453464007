"""Does the heatmap point at the lesion? Distances in mm, beside those of chance."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.spatial import KDTree

from fusion3d_gui.errors import UserError
from fusion3d_gui.imaging.open import open_volume
from fusion3d_gui.progress import Progress, no_progress
from fusion3d_gui.training.table import CaseRow

#: Random brain voxels drawn for each case.
_DRAWS = 500


def localisation(
    cases: Sequence[CaseRow],
    brains: np.ndarray,
    affines: np.ndarray,
    maps: np.ndarray,
    map_affines: np.ndarray,
    progress: Progress = no_progress,
) -> dict[str, Any]:
    """How far the heatmap's peak lies from the lesion, over these cases, all with a mask.

    Parameters
    ----------
    brains, affines
        Where the network's inputs show tissue, bool [n, k, j, i], and their affines [n, 4, 4] (LPS mm).
    maps, map_affines
        Heatmaps [n, k, j, i] and the affines of their cells.

    Returns
    -------
    Medians over the cases, in mm: from the centre of the strongest cell to the nearest lesion voxel and
    to the lesion's centre of mass; the same from a random brain voxel; and from the centre of the cell
    that is nearest to the lesion's centre, which no map on this grid can beat on average. Also the share of
    cases whose strongest cell is that nearest cell, the share of random brain voxels that fall into
    it, the number of cases, of those with an empty map (left out of the medians), and the grid.
    """
    rng = np.random.default_rng(0)
    peaks: list[tuple[float, float]] = []
    chances: list[tuple[float, float]] = []
    bests: list[tuple[float, float]] = []
    in_cell, chance_in_cell = [], []
    cells = _positions(np.ones(maps.shape[1:], dtype=bool))
    for number, case in enumerate(cases):
        progress(number / len(cases), f"Comparing heatmap {number + 1} of {len(cases)}")
        lesion = _lesion_lps(case)
        center, tree = lesion.mean(axis=0), KDTree(lesion)
        brain = _positions(brains[number])
        points = _to_lps(affines[number], brain[rng.integers(len(brain), size=_DRAWS)])
        centers = _to_lps(map_affines[number], cells)
        nearest = int(np.linalg.norm(centers - center, axis=1).argmin())
        chance_in_cell.append((KDTree(centers).query(points)[1] == nearest).mean())
        chances += zip(tree.query(points)[0], np.linalg.norm(points - center, axis=1), strict=True)
        if maps[number].max() <= 0:
            continue
        strongest = int(maps[number].argmax())
        in_cell.append(strongest == nearest)
        for found, cell in ((peaks, strongest), (bests, nearest)):
            point = centers[cell]
            found.append((float(tree.query(point)[0]), float(np.linalg.norm(point - center))))
    spacing = np.linalg.norm(map_affines[0][:3, :3], axis=0)[::-1]
    return {
        "true_positives_with_lesion": len(cases),
        "empty_maps": len(cases) - len(peaks),
        "grid_kji": list(maps.shape[1:]),
        "cell_mm_kji": [round(float(mm), 2) for mm in spacing],
        "peak_to_lesion_mm": _median(peaks, 0),
        "peak_to_center_mm": _median(peaks, 1),
        "random_voxel_to_lesion_mm": _median(chances, 0),
        "random_voxel_to_center_mm": _median(chances, 1),
        "best_cell_to_lesion_mm": _median(bests, 0),
        "best_cell_to_center_mm": _median(bests, 1),
        "peak_in_best_cell": round(float(np.mean(in_cell)), 4) if in_cell else None,
        "random_voxel_in_best_cell": round(float(np.mean(chance_in_cell)), 4),
    }


def _lesion_lps(case: CaseRow) -> np.ndarray:
    assert case.mask is not None
    mask = open_volume(case.mask)
    inside = mask.real() > 0.5
    if not inside.any():
        raise UserError(f"row {case.row}: the mask is empty", path=case.mask)
    return mask.to_lps(_positions(inside))


def _positions(chosen: np.ndarray) -> np.ndarray:
    """Indices (i, j, k) [n, 3] of the chosen voxels of an array [k, j, i], in its order."""
    return np.argwhere(chosen)[:, ::-1]


def _to_lps(affine: np.ndarray, index_ijk: np.ndarray) -> np.ndarray:
    return index_ijk @ affine[:3, :3].T + affine[:3, 3]


def _median(pairs: list[tuple[float, float]], which: int) -> float | None:
    return round(float(np.median([pair[which] for pair in pairs])), 1) if pairs else None
