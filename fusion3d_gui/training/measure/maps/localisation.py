"""Does the heatmap point at the lesion? Measured at the mask's voxels, beside chance and controls.

All figures are taken in patient space at the voxels of the lesion's mask, whatever the grid of the map:
a coarse map is interpolated (linearly) there and gets no credit for the size of its cells.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import torch

from fusion3d_gui.inference.prediction import Heatmap
from fusion3d_gui.inference.tissue_outline import TissueOutline
from fusion3d_gui.model.attribution.cam import CAM_METHODS, STAGES, CamMethod
from fusion3d_gui.model.attribution.displacement import MOST_BY_RANDOM_WEIGHTS, Displacements
from fusion3d_gui.model.attribution.input_gradient import smoothed
from fusion3d_gui.model.network.fusion import LearnedFeatureFusion3D
from fusion3d_gui.model.preprocessing import Preprocessing
from fusion3d_gui.progress import Progress, no_progress, part_of
from fusion3d_gui.training.data.cases import Cases
from fusion3d_gui.training.data.table import CaseRow
from fusion3d_gui.training.measure.maps.blanking import Blanking
from fusion3d_gui.training.measure.maps.case_maps import (
    REFERENCE,
    GridMap,
    MapKey,
    MoreMaps,
    all_maps,
)
from fusion3d_gui.training.measure.maps.lesion_target import (
    TOLERANCE_MM,
    Judgement,
    chance_of,
    judge,
    strongest_lps,
    target_of,
)
from fusion3d_gui.training.measure.maps.localisation_table import (
    Localisation,
    MapFigures,
    PointingFigures,
)
from fusion3d_gui.training.measure.maps.map_displacement import hits_of, random_hits
from fusion3d_gui.training.measure.maps.sub_cell_peak import peak_lps
from fusion3d_gui.training.measure.metrics import RESAMPLES, mean, median, ratio_of_means

#: A map's key, and whether it is corrected for its displacement.
_Row = tuple[MapKey, bool]


def localise(
    network: LearnedFeatureFusion3D,
    preprocessing: Preprocessing,
    rows: Sequence[CaseRow],
    cases: Cases,
    affines: np.ndarray,
    *,
    displacements: Displacements | None = None,
    methods: Sequence[CamMethod] = CAM_METHODS,
    stages: Sequence[int] = STAGES,
    more_maps: MoreMaps | None = None,
    random: Mapping[MapKey, float] | None = None,
    resamples: int = RESAMPLES,
    progress: Progress = no_progress,
) -> Localisation:
    """How well each map points at the lesion, over these cases.

    Parameters
    ----------
    rows, cases, affines
        The table's rows, all with a mask; the same cases as the network sees them; the affines
        [n, 4, 4] (LPS mm) of their grids.
    displacements
        As measured on other cases: maps are judged raw, and corrected by them.
    more_maps
        Further maps to judge, e.g. by methods of many passes.
    random
        Share of these cases in which each map points with random weights; None: measured here.

    Raises
    ------
    UserError
        For an unusable mask.
    """
    judged: dict[_Row, list[Judgement]] = defaultdict(list)
    drops: dict[_Row, list[float]] = defaultdict(list)
    in_air: dict[_Row, list[float]] = defaultdict(list)
    grids: dict[MapKey, GridMap] = {}
    chance, bright, at_lesion = [], [], []
    targets, reference = [], []
    report = part_of(progress, 0.0, 0.6)
    maps_of = all_maps(network, cases, affines, methods=methods, stages=stages, more_maps=more_maps)
    for number, found in enumerate(maps_of):
        report(number / len(rows), f"Comparing heatmaps of case {number + 1} of {len(rows)}")
        image, affine = cases.images[number], affines[number]
        outline = TissueOutline(preprocessing.foreground(image), affine)
        aim = target_of(rows[number], outline.tissue, affine)
        targets.append(aim)
        chance.append(chance_of(aim))
        bright.append(judge(_brightness(image, affine), aim))
        place = peak_lps(found[REFERENCE].values, found[REFERENCE].affine)
        reference.append(np.full(3, np.nan) if place is None else place)
        keys, places = [], []
        for row, one in _rows_of(found, displacements, affine):
            grids.setdefault(row[0], one)
            judged[row].append(judge(one, aim))
            shown = _as_shown(one, row[0], outline)
            if shown.share_in_air is not None:
                in_air[row].append(shown.share_in_air)
            keys.append(row)
            places.append(strongest_lps(one, aim))
        ball = Blanking(network, image, cases.metadata[number], affine)
        at_lesion.append(float(ball.drops([aim.center_lps])[0]))
        for row, drop in zip(keys, ball.drops(places), strict=True):
            drops[row].append(float(drop))
    if random is None:
        places_of_reference = np.stack(reference)
        hit = hits_of(places_of_reference, targets)
        report = part_of(progress, 0.6, 1.0)
        random = random_hits(network, cases, affines, places_of_reference, hit, report, more_maps)
    return Localisation(
        cases=len(rows),
        tolerance_mm=TOLERANCE_MM,
        chance=_figures(chance, resamples),
        brightness=_figures(bright, resamples),
        maps=tuple(
            MapFigures(
                method=key[0],
                stage=key[1],
                corrected=corrected,
                grid_kji=grids[key].values.shape,
                cell_mm=round(float(np.linalg.norm(grids[key].affine[:3, 0])), 2),
                empty=sum(bool(np.isnan(one.distance_mm)) for one in each),
                figures=_figures(each, resamples),
                deletion=ratio_of_means(
                    np.array(drops[key, corrected]), np.array(at_lesion), resamples
                ),
                random_pointing=random.get(key),
                eligible=_eligible(key, corrected, displacements, random.get(key)),
                in_air=mean(in_air[key, corrected], resamples) if in_air[key, corrected] else None,
            )
            for (key, corrected), each in judged.items()
        ),
    )


def _rows_of(
    found: Mapping[MapKey, GridMap], displacements: Displacements | None, affine: np.ndarray
) -> Iterator[tuple[_Row, GridMap]]:
    """Each map as it is, and corrected where its displacement was measured."""
    for key, one in found.items():
        yield (key, False), one
        method, stage = key
        known = None
        if displacements is not None and stage is not None:
            known = displacements.of(method, (stage,))
        if known is not None:
            yield (key, True), one.moved(-known.vector_lps(affine))


def _eligible(
    key: MapKey, corrected: bool, displacements: Displacements | None, random: float | None
) -> bool:
    """Whether a map may be a model's default: by what it shows it has learned, not by how well it points."""
    method, stage = key
    if random is None or random > MOST_BY_RANDOM_WEIGHTS:
        return False
    known = None
    if displacements is not None and stage is not None:
        known = displacements.of(method, (stage,))
    return known is None or (corrected and known.applied)


def _as_shown(one: GridMap, key: MapKey, outline: TissueOutline) -> Heatmap:
    """A map with the case's tissue; gradient × input without what the smoothing carries into the air."""
    values = one.values
    if key == REFERENCE:
        values = np.where(outline.distances_mm > 1.001 * outline.spacing_mm, 0, values)
    return Heatmap(values, one.affine, key[0], "", outline=outline)


def _brightness(image: np.ndarray, affine: np.ndarray) -> GridMap:
    """The input itself, smoothed as the reference map is: what points without any model."""
    voxels = torch.from_numpy(image.astype(np.float32))[None]
    spacing = float(np.linalg.norm(affine[:3, 0]))
    return GridMap(smoothed(voxels, spacing)[0].clamp(min=0).numpy(), affine, 1)


def _figures(judged: Sequence[Judgement], resamples: int) -> PointingFigures:
    distances = [one.distance_mm for one in judged if not np.isnan(one.distance_mm)]
    return PointingFigures(
        pointing=mean([one.pointing for one in judged], resamples),
        pointing_near=mean([one.pointing_near for one in judged], resamples),
        energy=mean([one.energy for one in judged], resamples),
        distance_mm=median(distances, resamples) if distances else None,
    )
