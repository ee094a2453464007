"""``MaskComparison``: how well a heatmap agrees with a mask, beside what chance would give."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from fusion3d_gui.imaging.labels.brush import part_of_mask
from fusion3d_gui.imaging.labels.scan_object import Mask
from fusion3d_gui.imaging.plane import Plane
from fusion3d_gui.imaging.reslice.sampling import sample
from fusion3d_gui.imaging.volume import Volume
from fusion3d_gui.inference.prediction import Heatmap
from fusion3d_gui.progress import Progress, no_progress

#: Most points at which map and mask are compared; of a larger scan every second voxel is taken, or third ...
_MOST_POINTS = 4_000_000


@dataclass(frozen=True)
class Agreement:
    """A map and a mask, at one threshold.

    Parameters
    ----------
    peak_inside
        Whether the map's peak lies in the mask.
    peak_distance_mm
        From the peak to the nearest voxel of the mask; 0 inside.
    share_inside
        Of the sum of the map's values, what lies in the mask, 0 to 1.
    dice
        Overlap of the map above the threshold with the mask, 0 to 1.
    mask_share
        Share of the region that the mask fills: how often a point put anywhere in it is inside, and which share of
        an even map is.
    chance_distance_mm
        Median distance to the mask of all points of the region.
    chance_dice
        Overlap expected of as many points put anywhere in the region.
    in_tissue
        Whether the region is the tissue of the model's input; else all of the scan.
    step
        Every so many voxels along each axis were compared.
    """

    peak_inside: bool
    peak_distance_mm: float
    share_inside: float
    dice: float
    mask_share: float
    chance_distance_mm: float
    chance_dice: float
    in_tissue: bool
    step: int


class MaskComparison:
    """A heatmap and a mask on common points, made once; figures at any threshold then take milliseconds.

    Parameters
    ----------
    heatmap
        Not empty.
    mask
        On the scan's grid.
    scan
        Its voxels are the points; of a large one every second, or third ...
    progress
        Raises Cancelled to stop.

    Raises
    ------
    ValueError
        The map is empty, or no point lies in the mask.
    """

    def __init__(
        self, heatmap: Heatmap, mask: Mask, scan: Volume, progress: Progress = no_progress
    ) -> None:
        peak = heatmap.peak_lps
        if peak is None:
            raise ValueError("an empty map agrees with nothing")
        self._step = step = max(1, math.ceil((scan.voxels.size / _MOST_POINTS) ** (1 / 3)))
        inside = _on_scan(mask, scan)[::step, ::step, ::step]
        progress(0.1, "Comparing the map with the mask")
        self._values = _sampled(heatmap.as_volume, scan, step, progress)
        region = _tissue(heatmap, scan, step)
        self._in_tissue = region is not None
        # What the mask marks is part of the patient, whatever the outline says.
        region = np.ones(inside.shape, bool) if region is None else region | inside
        self._inside_values = self._values[inside]
        self._outside_values = self._values[~inside]
        self._mask_count, self._region_count = int(inside.sum()), int(region.sum())
        if not self._mask_count:
            raise ValueError("no point lies in the mask")
        progress(0.6, "Comparing the map with the mask")
        self._chance_distance = _median_distance(inside, region, scan, step)
        self._peak_distance = distance_to_mask(mask, peak)

    def at(self, least: float) -> Agreement:
        """The figures with the map cut below ``least`` (in its own values)."""
        floor = max(least, float(np.finfo(np.float32).tiny))
        hit = int((self._inside_values >= floor).sum())
        above = hit + int((self._outside_values >= floor).sum())
        count, room = self._mask_count, self._region_count
        inside_sum = float(self._inside_values.sum(dtype=np.float64))
        total = inside_sum + float(self._outside_values.sum(dtype=np.float64))
        expected = above * count / room
        return Agreement(
            peak_inside=self._peak_distance == 0.0,
            peak_distance_mm=self._peak_distance,
            share_inside=inside_sum / total if total else 0.0,
            dice=2 * hit / (above + count),
            mask_share=count / room,
            chance_distance_mm=self._chance_distance,
            chance_dice=min(1.0, 2 * expected / (above + count)),
            in_tissue=self._in_tissue,
            step=self._step,
        )


def distance_to_mask(mask: Mask, lps_mm: np.ndarray) -> float:
    """Distance (mm) of a place from the centre of the nearest voxel of a mask; 0 in one of its voxels."""
    grid = mask.grid
    i, j, k = np.floor(grid.to_index(lps_mm) + 0.5).astype(int)
    is_there = all(0 <= a < size for a, size in zip((k, j, i), grid.shape, strict=True))
    if is_there and grid.voxels[k, j, i]:
        return 0.0
    least = math.inf
    for number, plane in enumerate(grid.voxels):
        rows, columns = np.nonzero(plane)
        if len(rows):
            at = grid.to_lps(np.stack([columns, rows, np.full(len(rows), number)], axis=1))
            least = min(least, float(np.linalg.norm(at - lps_mm, axis=1).min()))
    return least


def _on_scan(mask: Mask, scan: Volume) -> np.ndarray:
    part = part_of_mask(mask, scan)
    full = np.zeros(scan.shape, bool)
    k, j, i = (slice(a, b) for a, b in zip(part.start, part.stop, strict=True))
    full[k, j, i] = part.inside
    return full


def _points(scan: Volume, step: int) -> tuple[np.ndarray, tuple[int, int, int]]:
    """Affine and shape of the grid of the points that are compared."""
    affine = scan.affine.copy()
    affine[:3, :3] *= step
    k, j, i = (-(-size // step) for size in scan.shape)
    return affine, (k, j, i)


def _sampled(grid: Volume, scan: Volume, step: int, progress: Progress) -> np.ndarray:
    """A map's values at the points, as the views show it; 0 outside its grid."""
    affine, shape = _points(scan, step)
    values = np.empty(shape, np.float32)
    for k in range(shape[0]):
        progress(0.1 + 0.5 * k / shape[0], "Comparing the map with the mask")
        origin = affine[:3, 3] + k * affine[:3, 2]
        plane = Plane(origin, affine[:3, 0], affine[:3, 1], shape[1:])
        values[k] = sample(grid, plane, outside=0.0)
    return values


def _tissue(heatmap: Heatmap, scan: Volume, step: int) -> np.ndarray | None:
    """Which points lie in the tissue of the model's input; None where it is unknown."""
    from scipy.ndimage import affine_transform, binary_fill_holes

    outline = heatmap.outline
    if outline is None or not outline.tissue.any():
        return None
    affine, shape = _points(scan, step)
    to_index = (np.linalg.inv(outline.affine) @ affine)[:3]
    found: np.ndarray = affine_transform(
        binary_fill_holes(outline.tissue).view(np.uint8),
        to_index[::-1, 2::-1],
        offset=to_index[::-1, 3],
        output_shape=shape,
        order=0,
        mode="grid-constant",
        prefilter=False,
    )
    return found.view(bool) if found.any() else None


def _median_distance(inside: np.ndarray, region: np.ndarray, scan: Volume, step: int) -> float:
    """Median distance (mm) of the region's points from the mask; by the axes' lengths, as if they were perpendicular."""
    from scipy.ndimage import distance_transform_edt

    sizes = [step * mm for mm in scan.spacing_mm]
    away = distance_transform_edt(~inside, sampling=sizes)
    return float(np.median(away[region]))
