"""Hot spots: the peaks of a heatmap with position and volume."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

from fusion3d_gui.inference.prediction import Heatmap


@dataclass(frozen=True, eq=False)
class HotSpot:
    """One peak of a heatmap.

    Parameters
    ----------
    share
        Its value as a share of the map's largest, 0 to 1.
    position_lps
        Centre of its cell, LPS mm.
    volume_ml
        Volume (ml) of the cells above the threshold that belong to it.
    """

    share: float
    position_lps: np.ndarray
    volume_ml: float


def find_hot_spots(heatmap: Heatmap, threshold: float, most: int = 10) -> list[HotSpot]:
    """The peaks that reach ``threshold``, strongest first.

    Every cell above the threshold belongs to the peak to which steepest ascent leads (a watershed of the
    26-neighbourhood), so the volumes of all peaks add up to what the views colour.

    Parameters
    ----------
    heatmap
        The map; an empty one has no peaks.
    threshold
        Least value of a peak and its cells, as a share of the map's largest.
    most
        Largest number of peaks to return.
    """
    values = heatmap.values
    if heatmap.peak <= 0:
        return []
    least = max(threshold * heatmap.peak, np.finfo(np.float32).tiny)
    uphill = _uphill(values)
    while not np.array_equal(uphill, further := uphill[uphill]):
        uphill = further
    reached = values.ravel() >= least
    peaks, counts = np.unique(uphill[reached], return_counts=True)
    cell_ml = float(abs(np.linalg.det(heatmap.affine[:3, :3]))) / 1000.0
    order = np.argsort(-values.ravel()[peaks], kind="stable")[:most]
    found = []
    for peak, count in zip(peaks[order], counts[order], strict=True):
        k, j, i = np.unravel_index(int(peak), values.shape)
        found.append(
            HotSpot(
                float(values[k, j, i]) / heatmap.peak,
                heatmap.as_volume.to_lps(np.array([i, j, k])),
                int(count) * cell_ml,
            )
        )
    return found


def _uphill(values: np.ndarray) -> np.ndarray:
    """Flat index, for each cell, of the largest of itself and its 26 neighbours."""
    padded = np.pad(values, 1, constant_values=-np.inf)
    numbers = np.pad(np.arange(values.size).reshape(values.shape), 1)
    best, where = values.copy(), numbers[1:-1, 1:-1, 1:-1].copy()
    k, j, i = values.shape
    for dk, dj, di in itertools.product((0, 1, 2), repeat=3):
        window = slice(dk, dk + k), slice(dj, dj + j), slice(di, di + i)
        # Among equal neighbours take the first in memory, so that a plateau has one peak.
        larger = (padded[window] > best) | ((padded[window] == best) & (numbers[window] < where))
        larger &= np.isfinite(padded[window])
        best[larger], where[larger] = padded[window][larger], numbers[window][larger]
    return where.ravel()
