"""Does the heatmap point at the lesion? Measured at the mask's voxels, beside chance.

All figures are taken in patient space at the voxels of the lesion's mask, whatever the grid of the map:
a coarse map is interpolated (linearly) there and gets no credit for the size of its cells.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from scipy.ndimage import distance_transform_edt, map_coordinates

from fusion3d_gui.errors import UserError
from fusion3d_gui.imaging.catalog.open import open_volume
from fusion3d_gui.model.cam import CAM_METHODS, STAGES, CamMethod, class_maps, trace
from fusion3d_gui.model.fusion import LearnedFeatureFusion3D
from fusion3d_gui.model.preprocessing import Preprocessing
from fusion3d_gui.progress import Progress, no_progress
from fusion3d_gui.training.data.cases import Cases
from fusion3d_gui.training.data.table import CaseRow
from fusion3d_gui.training.measure.metrics import Estimate, mean, median

#: A peak this near to the lesion counts as a hit of the lenient pointing game.
TOLERANCE_MM = 10.0

#: Cases that are traced at once: bounds the memory for activations and gradients of all stages.
_BATCH = 4


@dataclass(frozen=True, eq=False)
class Target:
    """A lesion and the brain about it, at the mask's voxels.

    ``brain_lps`` [m, 3] positions in mm of the voxels that count (tissue, and the lesion);
    ``inside`` bool [m] which of them are lesion; ``distance_mm`` [m] from each to the lesion.
    """

    brain_lps: np.ndarray
    inside: np.ndarray
    distance_mm: np.ndarray


def localise(
    network: LearnedFeatureFusion3D,
    preprocessing: Preprocessing,
    rows: Sequence[CaseRow],
    cases: Cases,
    affines: np.ndarray,
    *,
    methods: Sequence[CamMethod] = CAM_METHODS,
    stages: Sequence[int] = STAGES,
    progress: Progress = no_progress,
) -> dict[str, Any]:
    """How well each method's map at each stage points at the lesion, over these cases.

    Parameters
    ----------
    rows, cases, affines
        The table's rows, all with a mask; the same cases as the network sees them; the affines
        [n, 4, 4] (LPS mm) of their grids.

    Returns
    -------
    A JSON object: ``cases``, ``tolerance_mm``, ``chance`` (of a random brain voxel, and of an even map
    over the brain) and ``maps``, one object a method and stage with ``grid_kji``, ``cell_mm``, ``empty``
    and, each with a bootstrap interval over the cases:

    ``pointing``
        share of cases whose strongest voxel lies in the lesion (pointing game, Zhang et al. 2018);
        where it is shared by several voxels, the share of them that do.
    ``pointing_near``
        the same within ``tolerance_mm`` of the lesion.
    ``distance_mm``
        median distance from the strongest voxel to the lesion; empty maps left out.
    ``energy``
        mean share of the map's sum over the brain that lies in the lesion (energy-based pointing game,
        Wang et al. 2020).

    A map that is empty within the brain is a miss with no energy. Raises UserError for an unusable mask.
    """
    collected: dict[tuple[str, int], list[dict[str, float]]] = defaultdict(list)
    grids: dict[tuple[str, int], tuple[tuple[int, ...], float]] = {}
    chance: list[dict[str, float]] = []
    for number, found, affine, image in _traced(network, cases, affines, methods, stages):
        progress(number / len(rows), f"Comparing heatmaps of case {number + 1} of {len(rows)}")
        aim = _target(rows[number], preprocessing.foreground(image), affine)
        chance.append(_chance(aim))
        for key, (values, cell_affine) in found.items():
            spacing = float(np.linalg.norm(cell_affine[:3, 0]))
            grids[key] = values.shape, spacing
            collected[key].append(_judge(values, cell_affine, aim))
    return {
        "cases": len(rows),
        "tolerance_mm": TOLERANCE_MM,
        "chance": _summary(chance),
        "maps": [
            {
                "method": method,
                "stage": stage,
                "grid_kji": list(grids[method, stage][0]),
                "cell_mm": round(grids[method, stage][1], 2),
                "empty": sum(bool(np.isnan(one["distance_mm"])) for one in judged),
                **_summary(judged),
            }
            for (method, stage), judged in collected.items()
        ],
    }


#: How :func:`best_map` chooses, for whoever reads the result.
BEST_RULE = (
    "Of the maps whose share of peaks within the tolerance is not clearly below the best one's (their "
    "95 % interval reaches it), the one with the most energy inside the lesion."
)


def best_map(found: Mapping[str, Any]) -> dict[str, Any]:
    """The map that points best in the result of :func:`localise`, by :data:`BEST_RULE`.

    The pointing game of Zhang et al. 2018 has a tolerance too; without one it would reward chance hits,
    since a lesion is smaller than a cell. Of equals the first in the table.
    """
    most = max(one["pointing_near"]["value"] for one in found["maps"])
    able = [
        one
        for one in found["maps"]
        if one["pointing_near"]["high"] is None or one["pointing_near"]["high"] >= most
    ]
    best = max(able, key=lambda one: one["energy"]["value"])
    figures = {name: best[name] for name in ("pointing", "pointing_near", "distance_mm", "energy")}
    return {
        "method": best["method"],
        "stage": best["stage"],
        "rule": BEST_RULE,
        "cases": found["cases"],
        "tolerance_mm": found["tolerance_mm"],
        **figures,
        "chance": {name: found["chance"][name]["value"] for name in ("pointing_near", "energy")},
    }


def _traced(
    network: LearnedFeatureFusion3D,
    cases: Cases,
    affines: np.ndarray,
    methods: Sequence[CamMethod],
    stages: Sequence[int],
) -> Iterator[
    tuple[int, dict[tuple[str, int], tuple[np.ndarray, np.ndarray]], np.ndarray, np.ndarray]
]:
    """Number of the case, its maps [k, j, i] and their affines by method and stage, its grid's affine, image."""
    for start in range(0, len(cases.labels), _BATCH):
        numbers = np.arange(start, min(start + _BATCH, len(cases.labels)))
        image, metadata, _ = cases.batch(numbers)
        given = None if network.config.fusion == "image_only" else metadata
        image = image.contiguous(memory_format=torch.channels_last_3d)
        traced = trace(network, image, given, stages=tuple(stages))
        maps = {(m, s): class_maps(traced, m, (s,)) for m in methods for s in stages}
        for position, number in enumerate(numbers):
            affine = affines[number]
            yield (
                int(number),
                {
                    key: (one.raised[position].numpy(), one.affine(affine))
                    for key, one in maps.items()
                },
                affine,
                cases.images[number],
            )


def _target(row: CaseRow, brain: np.ndarray, affine: np.ndarray) -> Target:
    """The lesion of a case; ``brain`` bool [k, j, i] on the network's grid with its affine."""
    assert row.mask is not None
    mask = open_volume(row.mask)
    inside = mask.real() > 0.5
    if not inside.any():
        raise UserError(f"row {row.row}: the mask is empty", path=row.mask)
    lps = mask.to_lps(np.argwhere(np.ones_like(inside))[:, ::-1])
    tissue = _sampled(brain.astype(np.float32), affine, lps, order=0, outside=0.0) > 0.5
    lesion = inside.ravel()
    counted = tissue | lesion
    spacing_kji = np.linalg.norm(mask.affine[:3, :3], axis=0)[::-1]
    distance = distance_transform_edt(~inside, sampling=spacing_kji).ravel()
    return Target(lps[counted], lesion[counted], distance[counted])


def _judge(values: np.ndarray, affine: np.ndarray, aim: Target) -> dict[str, float]:
    seen = np.maximum(_sampled(values, affine, aim.brain_lps, order=1, outside=None), 0)
    total, highest = float(seen.sum()), float(seen.max())
    if not highest > 0:
        return {"pointing": 0.0, "pointing_near": 0.0, "distance_mm": np.nan, "energy": 0.0}
    peaks = seen >= highest * (1 - 1e-6)
    return {
        "pointing": float(aim.inside[peaks].mean()),
        "pointing_near": float((aim.distance_mm[peaks] <= TOLERANCE_MM).mean()),
        "distance_mm": float(aim.distance_mm[peaks].mean()),
        "energy": float(seen[aim.inside].sum()) / total,
    }


def _chance(aim: Target) -> dict[str, float]:
    """The same of a random brain voxel, and of a map that is even over the brain: exact, no draws."""
    share = float(aim.inside.mean())
    return {
        "pointing": share,
        "pointing_near": float((aim.distance_mm <= TOLERANCE_MM).mean()),
        "distance_mm": float(np.median(aim.distance_mm)),
        "energy": share,
    }


def _sampled(
    values: np.ndarray,
    affine: np.ndarray,
    lps: np.ndarray,
    *,
    order: int,
    outside: float | None,
) -> np.ndarray:
    """An array [k, j, i] at positions [m, 3] in mm; beyond its edge ``outside``, or the edge's value."""
    inverse = np.linalg.inv(affine)
    index = (lps @ inverse[:3, :3].T + inverse[:3, 3])[:, ::-1].T
    mode = "nearest" if outside is None else "constant"
    sampled: np.ndarray = map_coordinates(
        values.astype(np.float32), index, order=order, mode=mode, cval=outside or 0.0
    )
    return sampled


def _summary(judged: Sequence[dict[str, float]]) -> dict[str, Any]:
    summary: dict[str, Any] = {}
    for name in ("pointing", "pointing_near", "energy"):
        summary[name] = mean([one[name] for one in judged]).to_json()
    distances = [one["distance_mm"] for one in judged if not np.isnan(one["distance_mm"])]
    found: Estimate | None = median(distances) if distances else None
    summary["distance_mm"] = None if found is None else found.to_json()
    return summary
