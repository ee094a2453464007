"""``read_structure_set``: the regions of a DICOM RT Structure Set (contours in planes) as masks on a scan."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset

from fusion3d_gui.errors import UserError
from fusion3d_gui.imaging.dicom.frames.full_header import raw_text
from fusion3d_gui.imaging.dicom.parser.header import PYDICOM_ERRORS
from fusion3d_gui.imaging.dicom.source_series import SourceSeries
from fusion3d_gui.imaging.labels.contour_fill import fill_contours
from fusion3d_gui.imaging.labels.label_map import MOST_LABELS, label_map_of, mask_of, masks_on
from fusion3d_gui.imaging.labels.object_file import check_belongs, read_whole, title_of
from fusion3d_gui.imaging.labels.scan_object import Mask, ScanObject
from fusion3d_gui.imaging.limits import check_memory
from fusion3d_gui.imaging.volume import Volume
from fusion3d_gui.plain_text import visible_text
from fusion3d_gui.progress import Progress, no_progress

#: Contours of one region are in one plane where their points are this near to it (mm).
_FLAT_MM = 0.1
#: Contours are parallel to the scan's slices where no point is farther from one, in slices.
_SAME_SLICE = 0.02
#: Distances that differ by less, in slices, are equal.
_TIE = 1e-3
#: Most voxels of the grid on which a region is filled that is not drawn in the scan's slices.
_MOST_VOXELS = 200_000_000


@dataclass(frozen=True, eq=False)
class _Region:
    """A region's name, colour, and its closed contours, each ``[points, 3]`` in mm LPS."""

    name: str
    color: str
    contours: list[np.ndarray]
    open_count: int


def read_structure_set(
    path: Path, volume: Volume, source: SourceSeries, progress: Progress = no_progress
) -> ScanObject:
    """Fill the closed contours of each region, by the even-odd rule in each plane.

    A plane reaches half way to the next: as far as the region's planes are apart, so that a gap of more than one
    plane stays a gap. Points and open lines enclose nothing.

    Parameters
    ----------
    path
        An RT Structure Set.
    volume, source
        The scan.
    progress
        Raises Cancelled to stop.

    Raises
    ------
    UserError
        The file is damaged, too large, or about another scan.
    """
    header = read_whole(path)
    check_belongs(header, source, path)
    try:
        regions = list(_regions(header, source, path))
    except (*PYDICOM_ERRORS, ValueError):
        raise UserError("is damaged: its contours can't be read", path=path) from None
    check_memory(2 * int(np.prod(volume.shape)), path)
    masks, notices, lost = [], [], 0
    for count, region in enumerate(regions):
        progress(count / len(regions), "Filling the contours")
        if region.open_count:
            notices.append(
                f"{region.open_count} of the points and open lines in “{region.name}” enclose nothing."
            )
        mask = _filled(region, volume, path)
        if mask is None:
            lost += 1
        else:
            masks.append(mask)
    if lost:
        notices.append(f"{lost} of its regions enclose no voxel of the scan.")
    return ScanObject(
        "structure set",
        title_of(header, "structure set"),
        masks=tuple(masks),
        notices=tuple(notices),
    )


def _regions(header: Dataset, source: SourceSeries, path: Path) -> Iterator[_Region]:
    names = {}
    for item in header.get("StructureSetROISequence") or ():
        frame = str(item.get("ReferencedFrameOfReferenceUID") or "")
        if frame and frame != source.frame_of_reference_uid:
            raise UserError(
                "lies in another frame of reference than the scan on screen: its positions mean nothing there",
                path=path,
                remedy="Open the series that it is about.",
            )
        number = int(item.ROINumber)
        names[number] = visible_text(str(item.get("ROIName") or "")) or f"Region {number}"
    if len(names) > MOST_LABELS:
        raise UserError(f"has {len(names):,} regions, more than can be shown", path=path)
    for item in header.get("ROIContourSequence") or ():
        number = int(item.ReferencedROINumber)
        if number not in names:
            continue
        closed, open_count = [], 0
        for contour in item.get("ContourSequence") or ():
            kind = str(contour.get("ContourGeometricType") or "CLOSED_PLANAR")
            if not kind.startswith("CLOSED"):
                open_count += 1
                continue
            # As text: pydicom makes an object of 200 bytes of each number.
            points = np.array(raw_text(contour, "ContourData").split("\\"), dtype=np.float64)
            if points.size % 3 or not np.isfinite(points).all():
                raise ValueError("a contour has half a point")
            if points.size >= 9:
                closed.append(points.reshape(-1, 3))
        yield _Region(names[number], _color(item), closed, open_count)


def _color(item: Dataset) -> str:
    shares = [int(each) for each in item.get("ROIDisplayColor") or ()]
    if len(shares) != 3 or not all(0 <= each <= 255 for each in shares):
        return ""
    return "#" + "".join(f"{each:02X}" for each in shares)


def _filled(region: _Region, scan: Volume, path: Path) -> Mask | None:
    """The region on the scan's grid; None where it encloses no voxel of it."""
    if not region.contours:
        return None
    inside_scan = [scan.to_index(each) for each in region.contours]
    flat = all(np.ptp(each[:, 2]) < _SAME_SLICE for each in inside_scan)
    if flat:
        planes = [(float(each[:, 2].mean()), each[:, :2]) for each in inside_scan]
        first, inside = _stacked(planes, scan.shape, 1.0)
        return mask_of(region.name, inside, np.array([first, 0, 0]), scan, color=region.color)
    grid = _own_grid(region, scan, path)
    masks, _ = masks_on(label_map_of(grid), scan)
    return (
        replace(masks[0], name=region.name, color=region.color, stored_ml=None) if masks else None
    )


def _stacked(
    planes: list[tuple[float, np.ndarray]], shape: tuple[int, int, int], alone: float
) -> tuple[int, np.ndarray]:
    """Fill slices by the nearest plane of contours.

    Parameters
    ----------
    planes
        Place along k, and points (i, j), of each contour.
    shape
        Of the grid.
    alone
        Thickness, in slices, of a single plane.

    Returns
    -------
    first : int
        Number of the first slice that is filled.
    inside : ndarray
        bool ``[k, j, i]`` from that slice on.
    """
    places = np.array([each[0] for each in planes])
    order = np.argsort(places, kind="stable")
    # Contours nearer than a tenth of a slice are of one plane.
    starts = np.flatnonzero(np.diff(places[order], prepend=-np.inf) > 0.1)
    groups = np.split(order, starts[1:])
    levels = np.array([places[each].mean() for each in groups])
    gaps = np.diff(levels)
    thickness = float(np.median(gaps)) if len(gaps) else alone
    # A slice that lies between planes of contours is filled too, where the scan's slices are the finer.
    reach = max(thickness, alone) / 2
    first = max(0, int(np.ceil(levels[0] - reach - _TIE)))
    last = min(shape[0] - 1, int(np.floor(levels[-1] + reach)))
    if last < first:
        return 0, np.zeros((0, 0, 0), bool)
    inside = np.zeros((last - first + 1, *shape[1:]), bool)
    for k in range(first, last + 1):
        # Of two planes at equal distance the next one counts, so that each fills as many slices.
        nearest = int(np.argmin(np.abs(levels - k - _TIE)))
        if not -reach + _TIE < levels[nearest] - k <= reach + _TIE:
            continue
        inside[k - first] = fill_contours([planes[n][1] for n in groups[nearest]], shape[1:])
    return first, inside


def _own_grid(region: _Region, scan: Volume, path: Path) -> Volume:
    """Fill contours in planes of their own, on a grid finer than the scan, along those planes.

    Raises UserError where the contours are not flat, or not parallel.
    """
    points = max(region.contours, key=len)
    origin = points.mean(axis=0)
    axes = np.linalg.svd(points - origin, full_matrices=False)[2]
    local = [(each - origin) @ axes.T for each in region.contours]
    if any(np.ptp(each[:, 2]) > 2 * _FLAT_MM for each in local):
        raise UserError(
            f"its region “{region.name}” is drawn in planes that are not parallel, which can't be filled",
            path=path,
        )
    step = min(scan.spacing_mm) / 4  # what the scan takes of it is then the contour, not its pixels
    depths = np.unique(np.round([each[:, 2].mean() for each in local], 3))
    gaps = np.diff(depths)
    between = (
        float(np.median(gaps[gaps > 0.4 * step]))
        if (gaps > 0.4 * step).any()
        else max(scan.spacing_mm)
    )
    flat = np.concatenate([each[:, :2] for each in local])
    low, high = flat.min(axis=0) - step, flat.max(axis=0) + step
    columns, rows = (int(np.ceil(each)) for each in (high - low) / step)
    slices = int(np.ceil((depths[-1] - depths[0]) / between)) + 1
    if slices * rows * columns > _MOST_VOXELS:
        raise UserError(f"its region “{region.name}” is too large to be filled", path=path)
    planes = [
        ((each[:, 2].mean() - depths[0]) / between, (each[:, :2] - low) / step) for each in local
    ]
    first, inside = _stacked(planes, (slices, rows, columns), 1.0)
    affine = np.eye(4)
    affine[:3, 0], affine[:3, 1], affine[:3, 2] = axes[0] * step, axes[1] * step, axes[2] * between
    start = np.array([low[0], low[1], depths[0] + first * between])
    affine[:3, 3] = origin + start @ axes
    return Volume(inside.astype(np.uint8), affine)
