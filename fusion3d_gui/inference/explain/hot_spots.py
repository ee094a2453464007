"""Hot spots: the peaks of a heatmap with position and volume."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import numpy as np

from fusion3d_gui.inference.prediction import Heatmap

#: A spot of fewer cells has no volume: an eighth of a cell's edge more or less would double it.
FEWEST_CELLS = 4


@dataclass(frozen=True, eq=False)
class HotSpot:
    """One peak of a heatmap.

    Parameters
    ----------
    share
        Its value as a share of the map's largest, 0 to 1.
    position_lps
        Centre of its cell, LPS mm.
    cells
        Number of cells above the threshold that belong to it.
    volume_ml
        Their volume (ml); None for fewer than :data:`FEWEST_CELLS`, which the map does not resolve.
    radius_mm
        Of a ball of the volume of its cells.
    in_air
        Whether its peak lies further than one cell from all tissue of the model's input.
    """

    share: float
    position_lps: np.ndarray
    cells: int
    volume_ml: float | None
    radius_mm: float
    in_air: bool


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
    reached, ends = _basins(heatmap, threshold)
    if not reached.size:
        return []
    peaks, counts = np.unique(ends, return_counts=True)
    cell_ml = float(abs(np.linalg.det(heatmap.affine[:3, :3]))) / 1000.0
    order = np.argsort(-values.ravel()[peaks], kind="stable")[:most]
    places = np.stack(np.unravel_index(peaks[order], values.shape), axis=1)
    outside = heatmap.are_in_air(places)
    found = []
    for (k, j, i), count, is_outside in zip(places, counts[order], outside, strict=True):
        found.append(
            HotSpot(
                share=float(values[k, j, i]) / heatmap.peak,
                position_lps=heatmap.as_volume.to_lps(np.array([i, j, k])),
                cells=int(count),
                volume_ml=int(count) * cell_ml if count >= FEWEST_CELLS else None,
                radius_mm=(0.75 / math.pi * 1000 * int(count) * cell_ml) ** (1 / 3),
                in_air=bool(is_outside),
            )
        )
    return found


def hot_spot_numbers(heatmap: Heatmap, threshold: float, most: int = 10) -> np.ndarray:
    """For each cell the number of the hot spot that it belongs to, from 1 as :func:`find_hot_spots` lists them.

    0 below the threshold, and where there are more than ``most``; uint8 ``[k, j, i]``.
    """
    numbers = np.zeros(heatmap.values.size, np.uint8)
    reached, ends = _basins(heatmap, threshold)
    peaks = np.unique(ends)
    order = np.argsort(-heatmap.values.ravel()[peaks], kind="stable")[:most]
    for number, peak in enumerate(peaks[order], 1):
        numbers[reached[ends == peak]] = number
    return numbers.reshape(heatmap.values.shape)


def _basins(heatmap: Heatmap, threshold: float) -> tuple[np.ndarray, np.ndarray]:
    """Flat indices of the cells that reach the threshold, and of the peak that each belongs to."""
    values = heatmap.values
    if heatmap.peak <= 0:
        return np.empty(0, int), np.empty(0, int)
    least = max(threshold * heatmap.peak, np.finfo(np.float32).tiny)
    reached = np.flatnonzero(values >= least)
    uphill = np.arange(values.size)
    uphill[reached] = _uphill(values, reached)
    ends = uphill[reached]
    while not np.array_equal(ends, further := uphill[ends]):
        ends = further
    return reached, ends


def _uphill(values: np.ndarray, cells: np.ndarray) -> np.ndarray:
    """Flat index, for each of the cells (flat), of the largest of itself and its 26 neighbours."""
    padded = np.pad(values, 1, constant_values=-np.inf)
    place = np.stack(np.unravel_index(cells, values.shape)) + 1
    flat = np.ravel_multi_index(tuple(place), padded.shape)
    best, where = padded.ravel()[flat], flat
    _, rows, columns = padded.shape
    for dk, dj, di in itertools.product((-1, 0, 1), repeat=3):
        neighbour = flat + (dk * rows + dj) * columns + di
        found = padded.ravel()[neighbour]
        # Among equal neighbours take the first in memory, so that a plateau has one peak.
        larger = (found > best) | ((found == best) & (neighbour < where))
        best, where = np.where(larger, found, best), np.where(larger, neighbour, where)
    k, j, i = (axis - 1 for axis in np.unravel_index(where, padded.shape))
    found_at: np.ndarray = np.ravel_multi_index((k, j, i), values.shape)
    return found_at
