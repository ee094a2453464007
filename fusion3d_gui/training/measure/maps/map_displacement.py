"""``measure_displacements``: how far each map of a network lies from the evidence, and whether it means anything.

The evidence lies where gradient × input, smoothed, is largest: that map attributes a voxel's value at
that voxel, so it has no displacement, and needs no mask. A network of centre taps only is found to have
none, and one whose kernels were shifted by known voxels is found to have just that (see the tests).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from fusion3d_gui.errors import UserError
from fusion3d_gui.model.attribution.displacement import (
    FEWEST_CASES,
    Displacement,
    Triple,
)
from fusion3d_gui.model.attribution.localisation_record import Estimate as RecordedEstimate
from fusion3d_gui.model.network.fusion import LearnedFeatureFusion3D
from fusion3d_gui.progress import Progress, no_progress, part_of
from fusion3d_gui.training.data.cases import Cases
from fusion3d_gui.training.measure.maps.blanking import Blanking
from fusion3d_gui.training.measure.maps.case_maps import (
    REFERENCE,
    MapKey,
    MoreMaps,
    all_maps,
    with_random_weights,
)
from fusion3d_gui.training.measure.maps.lesion_target import TOLERANCE_MM, Target
from fusion3d_gui.training.measure.maps.sub_cell_peak import peak_lps
from fusion3d_gui.training.measure.metrics import RESAMPLES, median, ratio_of_means

#: More cases than these add nothing to a median.
MOST_CASES = 60

#: Seeds of the networks with random weights: with three, the share in which gradient × input points by chance
#: had a standard error of 4 % over 23 cases, and the limit is 10 %.
RANDOM_SEEDS = tuple(range(10))


@dataclass(frozen=True, eq=False)
class MapPeaks:
    """Peaks of one map over n cases, in patient space.

    ``places`` [n, 3] mm, LPS, NaN where the map is empty; ``apart`` [n, 3] from the reference's peak, in
    voxels (i, j, k) of the case's input grid; ``stride`` input voxels from one cell to the next.
    """

    places: np.ndarray
    apart: np.ndarray
    stride: int

    @property
    def vector(self) -> np.ndarray:
        """Median of :attr:`apart` [3]; zeros where no case has a peak."""
        known = np.isfinite(self.apart[:, 0])
        return np.median(self.apart[known], axis=0) if known.any() else np.zeros(3)

    def corrected(self, affines: np.ndarray) -> np.ndarray:
        """:attr:`places` [n, 3] less the vector, by the affines [n, 4, 4] of the input grids."""
        found: np.ndarray = self.places - affines[:, :3, :3] @ self.vector
        return found


@dataclass(frozen=True, eq=False)
class MeasuredDisplacements:
    """What :func:`measure_displacements` finds.

    Parameters
    ----------
    maps
        One for each class activation method and stage.
    constant_near
        Share of the cases in which a constant map points with its own vector.
    random_near
        The same of each map with random weights.
    reference_places
        Peaks of gradient × input [n, 3], mm, LPS; NaN where it is empty.
    """

    maps: tuple[Displacement, ...]
    constant_near: float
    random_near: Mapping[MapKey, float]
    reference_places: np.ndarray


def measure_displacements(
    network: LearnedFeatureFusion3D,
    cases: Cases,
    affines: np.ndarray,
    targets: Sequence[Target] | None = None,
    *,
    more_maps: MoreMaps | None = None,
    resamples: int = RESAMPLES,
    progress: Progress = no_progress,
) -> MeasuredDisplacements:
    """The displacement of each method's map at each stage.

    Parameters
    ----------
    network
        In eval mode.
    cases, affines
        Cases that the network calls positive; affines [n, 4, 4] (LPS mm) of their input grids.
    targets
        The cases' lesions, if their masks are known. The vectors don't depend on them, but what the
        corrected peak is compared with does: the lesion, or else the reference's peak.
    more_maps
        Further maps whose share with random weights is wanted.

    Raises
    ------
    UserError
        Where gradient × input is empty in nearly every case: there is no evidence to compare with.
    """
    peaks = collect_peaks(network, cases, affines, progress=part_of(progress, 0, 0.25))
    reference = peaks[REFERENCE].places
    kept = np.flatnonzero(np.isfinite(reference[:, 0]))
    if len(kept) < min(2, len(affines)):
        raise UserError("the logit depends on the image in too few cases to measure displacements")
    hit = hits_of(reference, targets)
    random_near = random_hits(
        network, cases, affines, reference, hit, part_of(progress, 0.25, 0.7), more_maps
    )
    aims = reference if targets is None else np.stack([one.center_lps for one in targets])
    corrected = {key: one.corrected(affines) for key, one in peaks.items() if key != REFERENCE}
    drops = _drops(network, cases, affines, corrected, aims, part_of(progress, 0.7, 1.0))
    spacing = float(np.median(np.linalg.norm(affines[:, :3, 0], axis=1)))
    found = []
    for key, places in corrected.items():
        one, (method, stage) = peaks[key], key
        assert stage is not None
        apart = one.apart[np.isfinite(one.apart[:, 0])]
        vector = one.vector
        estimates = [median(axis, resamples) for axis in apart.T] if len(apart) else []
        share = ratio_of_means(drops[key], drops[None], resamples)
        found.append(
            Displacement(
                method=method,
                stage=stage,
                stride=one.stride,
                spacing_mm=round(spacing, 4),
                cases=len(apart),
                vector_ijk=_triple(vector),
                low_ijk=_triple([e.value if e.low is None else e.low for e in estimates]),
                high_ijk=_triple([e.value if e.high is None else e.high for e in estimates]),
                spread_ijk=_triple(np.median(np.abs(apart - vector), axis=0) if len(apart) else []),
                near=round(hit(places), 4),
                random_near=round(random_near[key], 4),
                deletion=RecordedEstimate(0.0)
                if share is None
                else RecordedEstimate(share.value, share.low, share.high),
                against="reference" if targets is None else "lesion",
            )
        )
    middle = np.stack([_middle(affine, cases.images.shape[1:]) for affine in affines])
    constant = MapPeaks(middle, _apart(middle, reference, affines), 1)
    near_by_constant = hit(constant.corrected(affines))
    return MeasuredDisplacements(tuple(found), near_by_constant, random_near, reference)


def collect_peaks(
    network: LearnedFeatureFusion3D,
    cases: Cases,
    affines: np.ndarray,
    reference: np.ndarray | None = None,
    progress: Progress = no_progress,
    more_maps: MoreMaps | None = None,
) -> dict[MapKey, MapPeaks]:
    """The peaks of all maps of all cases.

    ``reference`` [n, 3] (mm, LPS) are the places to compare them with; None: the peaks of gradient ×
    input of this network.
    """
    places: dict[MapKey, list[np.ndarray]] = {}
    strides: dict[MapKey, int] = {}
    nowhere = np.full(3, np.nan)
    for number, maps in enumerate(all_maps(network, cases, affines, more_maps=more_maps)):
        progress(number / len(affines), f"Comparing heatmaps of case {number + 1}")
        for key, one in maps.items():
            place = peak_lps(one.values, one.affine)
            places.setdefault(key, []).append(nowhere if place is None else place)
            strides[key] = one.stride
    if reference is None:
        reference = np.stack(places[REFERENCE])
    return {
        key: MapPeaks(np.stack(each), _apart(np.stack(each), reference, affines), strides[key])
        for key, each in places.items()
    }


def random_hits(
    network: LearnedFeatureFusion3D,
    cases: Cases,
    affines: np.ndarray,
    reference: np.ndarray,
    hit: Callable[[np.ndarray], float],
    progress: Progress = no_progress,
    more_maps: MoreMaps | None = None,
) -> dict[MapKey, float]:
    """How often each map points when the weights are random, corrected by the vector of those weights.

    ``hit`` gives the share of places [n, 3] (mm, LPS) at the evidence; ``reference`` [n, 3] as for
    :func:`collect_peaks`, of the trained network. Maps at the input are taken as they are. The mean over
    the networks of :data:`RANDOM_SEEDS`.
    """
    found: dict[MapKey, float] = defaultdict(float)
    for number, seed in enumerate(RANDOM_SEEDS):
        changed = with_random_weights(network, seed)
        report = part_of(progress, number / len(RANDOM_SEEDS), (number + 1) / len(RANDOM_SEEDS))
        peaks = collect_peaks(changed, cases, affines, reference, report, more_maps)
        for key, one in peaks.items():
            places = one.places if key[1] is None else one.corrected(affines)
            found[key] += hit(places) / len(RANDOM_SEEDS)
    return dict(found)


def chosen_cases(
    labels: np.ndarray | None, probabilities: np.ndarray, threshold: float
) -> np.ndarray:
    """Row numbers of the cases to measure on: those with evidence to point at.

    True positives; without ``labels`` all that are called positive. Where these are fewer than a
    measurement needs, those with the highest probability. At most :data:`MOST_CASES`, the first.
    """
    called = probabilities >= threshold
    found = np.flatnonzero(called if labels is None else called & (labels == 1))
    if len(found) < FEWEST_CASES:
        found = np.sort(np.argsort(-probabilities, kind="stable")[: 2 * FEWEST_CASES])
    return found[:MOST_CASES]


def hits_of(
    reference: np.ndarray, targets: Sequence[Target] | None
) -> Callable[[np.ndarray], float]:
    """Function from places [n, 3] (mm, LPS; NaN where there is none) to the share at the evidence."""

    def near(places: np.ndarray) -> float:
        # A comparison with NaN is false: an empty map misses.
        return float((np.linalg.norm(places - reference, axis=1) <= TOLERANCE_MM).mean())

    def inside(places: np.ndarray) -> float:
        assert targets is not None
        return float(
            np.mean(
                [
                    bool(np.isfinite(place[0])) and one.holds(place)
                    for place, one in zip(places, targets, strict=True)
                ]
            )
        )

    return near if targets is None else inside


def _drops(
    network: LearnedFeatureFusion3D,
    cases: Cases,
    affines: np.ndarray,
    corrected: Mapping[MapKey, np.ndarray],
    aims: np.ndarray,
    progress: Progress,
) -> dict[MapKey | None, np.ndarray]:
    """Logit drops [n] for blanking the corrected peaks, and (under None) for blanking the evidence."""
    found: dict[MapKey | None, list[float]] = {}
    keys: list[MapKey | None] = [None, *corrected]
    for number, affine in enumerate(affines):
        progress(number / len(affines), f"Blanking the evidence of case {number + 1}")
        ball = Blanking(network, cases.images[number], cases.metadata[number], affine)
        places = [aims[number], *(each[number] for each in corrected.values())]
        drops = ball.drops([one if np.isfinite(one).all() else None for one in places])
        for key, drop in zip(keys, drops, strict=True):
            found.setdefault(key, []).append(float(drop))
    return {key: np.array(each) for key, each in found.items()}


def _apart(places: np.ndarray, reference: np.ndarray, affines: np.ndarray) -> np.ndarray:
    """``places`` minus ``reference`` (both [n, 3] mm) in voxels (i, j, k) of the grids with these affines."""
    away = (places - reference)[..., None]
    found: np.ndarray = (np.linalg.inv(affines[:, :3, :3]) @ away)[..., 0]
    return found


def _middle(affine: np.ndarray, shape: Sequence[int]) -> np.ndarray:
    """Centre (mm, LPS) [3] of a grid of this shape (k, j, i)."""
    place: np.ndarray = affine[:3, :3] @ ((np.array(shape[::-1]) - 1) / 2) + affine[:3, 3]
    return place


def _triple(values: Sequence[float] | np.ndarray) -> Triple:
    i, j, k = (float(each) for each in values) if len(values) else (0.0, 0.0, 0.0)
    return i, j, k
