"""``gain_over_chance``: whether a map's peak is where a network looks, among all places *within* the lesion.

That a map of a lesion map lies in the lesion says nothing: gradient × input is 0 elsewhere, whatever the weights. What can
be wrong is the place within it.
"""

from __future__ import annotations

import numpy as np

from fusion3d_gui.model.attribution.displacement import FEWEST_CASES
from fusion3d_gui.model.network.fusion import LearnedFeatureFusion3D
from fusion3d_gui.progress import Progress, no_progress
from fusion3d_gui.training.data.cases import Cases
from fusion3d_gui.training.measure.maps.blanking import Blanking
from fusion3d_gui.training.measure.metrics import RESAMPLES, Estimate, mean

#: Lesions of fewer voxels have hardly a place within them.
FEWEST_VOXELS = 16

#: Places in the lesion at which chance is measured, for each case.
_DRAWS = 8


def gain_over_chance(
    network: LearnedFeatureFusion3D,
    cases: Cases,
    affines: np.ndarray,
    places: np.ndarray,
    *,
    resamples: int = RESAMPLES,
    progress: Progress = no_progress,
) -> Estimate | None:
    """Fall of the logit for a ball of 12 mm blanked at a place, less that at random voxels of the same lesion.

    Parameters
    ----------
    network
        In eval mode, of lesion maps: what is not 0 in the input is lesion.
    cases, affines
        As the network sees them; affines [n, 4, 4] (LPS mm) of their grids.
    places
        The map's peaks [n, 3], mm, LPS; where one is NaN, the map is empty and the logit does not fall.

    Returns
    -------
    Estimate or None
        The mean over the cases whose lesion has at least 16 voxels, in logits, with its interval. Above 0 the map knows
        more of the place than chance does. None for fewer than 8 such cases.
    """
    rng = np.random.default_rng(0)
    gains = []
    for number, affine in enumerate(affines):
        progress(number / len(affines), f"Blanking places in the lesion of case {number + 1}")
        voxels = np.argwhere(cases.images[number] != 0)[:, ::-1]
        if len(voxels) < FEWEST_VOXELS:
            continue
        drawn = voxels[rng.integers(len(voxels), size=_DRAWS)] @ affine[:3, :3].T + affine[:3, 3]
        ball = Blanking(network, cases.images[number], cases.metadata[number], affine)
        place = places[number]
        at_peak, *elsewhere = ball.drops([place if np.isfinite(place).all() else None, *drawn])
        gains.append(float(at_peak - np.mean(elsewhere)))
    return mean(gains, resamples) if len(gains) >= FEWEST_CASES else None
