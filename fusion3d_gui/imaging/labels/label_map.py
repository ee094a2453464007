"""``LabelMap``: a number for each voxel, with the names of the numbers; its regions as masks on a scan's grid."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from fusion3d_gui.imaging.labels.scan_object import Mask
from fusion3d_gui.imaging.volume import Volume
from fusion3d_gui.plain_text import visible_text
from fusion3d_gui.progress import Progress, no_progress

#: More labels than these can't be told apart, nor listed.
MOST_LABELS = 400
#: Two grids are the same where no corner of them is farther apart than this share of a voxel.
_SAME_GRID = 0.01


@dataclass(frozen=True)
class Label:
    """What a number stands for: its name (plain text) and colour, ``"#RRGGBB"``; empty where the file has none."""

    number: int
    name: str
    color: str = ""


@dataclass(frozen=True, eq=False)
class LabelMap:
    """Regions that do not overlap, on a grid of their own in patient space.

    Parameters
    ----------
    grid
        Labels, uint8 or uint16 ``[k, j, i]``, with the affine to LPS mm; 0 belongs to no region.
    labels
        Names of the numbers that occur, ascending.
    """

    grid: Volume
    labels: tuple[Label, ...]

    def __post_init__(self) -> None:
        if self.grid.voxels.dtype not in (np.uint8, np.uint16):
            raise ValueError("labels are uint8 or uint16")


def label_map_of(volume: Volume, labels: tuple[Label, ...] = ()) -> LabelMap:
    """Whole numbers as labels; numbers that ``labels`` does not name are called ``Label 3``.

    Raises
    ------
    ValueError
        There are values that are no labels, too many, or none above 0; the text says which.
    """
    numbers = _numbers_in(volume)
    kind = np.uint8 if numbers[-1] < 256 else np.uint16
    voxels = volume.voxels
    if (volume.slope, volume.intercept) != (1.0, 0.0):
        voxels = volume.real()
    known = {each.number: each for each in labels}
    named = tuple(known.get(each, Label(each, f"Label {each}")) for each in numbers)
    grid = replace(volume, voxels=voxels.astype(kind, copy=False), slope=1.0, intercept=0.0)
    return LabelMap(grid, named)


def _numbers_in(volume: Volume) -> list[int]:
    """The labels that occur, ascending, without 0; looked for slice by slice."""
    found: set[float] = set()
    for plane in volume.voxels:
        values = volume.real(plane) if volume.voxels.dtype.kind == "f" else plane
        if (
            values.dtype.kind == "f"
            and not (np.isfinite(values) & (values == np.rint(values))).all()
        ):
            raise ValueError(
                "it holds values that are no whole numbers, so that they are no labels"
            )
        found.update(np.unique(values).tolist())
        if len(found) > MOST_LABELS + 1:
            raise ValueError(
                f"it holds more than {MOST_LABELS} different values: it is a scan, or no mask"
            )
    slope, intercept = volume.slope, volume.intercept
    if volume.voxels.dtype.kind != "f":
        found = {each * slope + intercept for each in found}
    if any(each != round(each) for each in found):
        raise ValueError("it holds values that are no whole numbers, so that they are no labels")
    numbers = sorted(int(each) for each in found if each)
    if not numbers:
        raise ValueError("it is empty: no voxel has a label")
    if numbers[0] < 0 or numbers[-1] > 65_535:
        raise ValueError(
            f"it holds the value {numbers[0] if numbers[0] < 0 else numbers[-1]}, which is no label"
        )
    return numbers


def is_same_grid(one: Volume, other: Volume) -> bool:
    """Whether the voxels of two volumes are the same places of the patient."""
    if one.shape != other.shape:
        return False
    k, j, i = one.shape
    corners = np.array(
        [(a, b, c) for a in (0, i - 1) for b in (0, j - 1) for c in (0, k - 1)], float
    )
    away = np.abs(other.to_index(one.to_lps(corners)) - corners)
    return bool(away.max() < _SAME_GRID)


def masks_on(
    label_map: LabelMap, scan: Volume, progress: Progress = no_progress
) -> tuple[tuple[Mask, ...], int]:
    """The regions on the grid of a scan, each voxel of which takes the label of the nearest voxel of the map.

    Parameters
    ----------
    label_map
        The regions.
    scan
        Its grid is used.
    progress
        Called for each region.

    Returns
    -------
    masks
        Each with the volume that it has on its own grid (``stored_ml``).
    outside
        How many of the labels lie nowhere in the scan.
    """
    from scipy.ndimage import find_objects

    grid = label_map.grid
    aligned = is_same_grid(grid, scan)
    boxes = find_objects(grid.voxels, max_label=max(each.number for each in label_map.labels))
    unit_ml = abs(float(np.linalg.det(grid.affine[:3, :3]))) / 1000.0
    masks: list[Mask] = []
    for count, label in enumerate(label_map.labels):
        progress(count / len(label_map.labels), "Placing the masks on the scan")
        box = boxes[label.number - 1]
        if box is None:
            continue
        inside = grid.voxels[box] == label.number
        start = np.array([each.start for each in box])
        stored_ml = float(np.count_nonzero(inside)) * unit_ml
        if not aligned:
            start, inside = _resampled(inside, start, grid, scan)
        mask = mask_of(label.name, inside, start, scan, color=label.color)
        if mask is not None:
            masks.append(replace(mask, stored_ml=stored_ml))
    return tuple(masks), len(label_map.labels) - len(masks)


def mask_of(
    name: str, inside: np.ndarray, start_kji: np.ndarray, scan: Volume, *, color: str = ""
) -> Mask | None:
    """A mask of what is inside, cropped to it; None where nothing is.

    Parameters
    ----------
    name, color
        Of the mask.
    inside
        bool ``[k, j, i]``: part of the scan's grid, whose first voxel is ``start_kji``.
    scan
        The scan.
    """
    if not inside.any():
        return None
    parts = []
    for axis in range(3):
        others = tuple(each for each in range(3) if each != axis)
        along = np.flatnonzero(inside.any(axis=others))
        parts.append(slice(int(along[0]), int(along[-1]) + 1))
    cropped = np.ascontiguousarray(inside[tuple(parts)]).view(np.uint8)
    first = np.array([each.start for each in parts]) + start_kji
    affine = scan.affine.copy()
    affine[:3, 3] = scan.to_lps(first[::-1].astype(float))
    plain = visible_text(name)
    return Mask(plain, Volume(cropped, affine, description=plain), color=color)


def moved_onto(mask: Mask, scan: Volume) -> Mask | None:
    """A mask on the grid of a scan, on which it may have been drawn or not; None where it lies elsewhere."""
    start = scan.to_index(mask.grid.affine[:3, 3])
    whole = np.rint(start)
    last = np.array(mask.grid.shape[::-1]) - 1.0
    end = scan.to_index(mask.grid.to_lps(last))
    is_on_grid = np.abs(np.stack([start - whole, end - whole - last])).max() < _SAME_GRID
    i, j, k = whole.astype(int)
    inside = mask.grid.voxels > 0
    if is_on_grid and min(i, j, k) >= 0 and (np.add((k, j, i), inside.shape) <= scan.shape).all():
        return mask
    first, found = _resampled(inside, np.zeros(3, int), mask.grid, scan)
    return mask_of(mask.name, found, first, scan, color=mask.color)


def _resampled(
    inside: np.ndarray, start: np.ndarray, grid: Volume, scan: Volume
) -> tuple[np.ndarray, np.ndarray]:
    """What a box of a grid covers of the scan's grid: first voxel (k, j, i), and what is inside."""
    from scipy.ndimage import affine_transform

    low, high = start - 0.5, start + inside.shape - 0.5
    corners = np.array(
        [(i, j, k) for i in (low[2], high[2]) for j in (low[1], high[1]) for k in (low[0], high[0])]
    )
    reached = scan.to_index(grid.to_lps(corners))[:, ::-1]
    first = np.maximum(np.floor(reached.min(axis=0)).astype(int), 0)
    last = np.minimum(np.ceil(reached.max(axis=0)).astype(int) + 1, scan.shape)
    if (last <= first).any():
        return first, np.zeros((0, 0, 0), bool)
    # scipy counts axes in array order (k, j, i), the affines in (i, j, k).
    to_grid = (grid.inverse_affine @ scan.affine)[:3]
    matrix = to_grid[::-1, 2::-1]
    offset = matrix @ first + to_grid[::-1, 3] - start
    found: np.ndarray = affine_transform(
        inside.view(np.uint8),
        matrix,
        offset=offset,
        output_shape=tuple(last - first),
        order=0,
        mode="grid-constant",
        prefilter=False,
    )
    return first, found.view(bool)
