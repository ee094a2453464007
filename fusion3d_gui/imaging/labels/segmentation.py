"""``read_segmentation``: the segments of a DICOM Segmentation as masks on a scan."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset

from fusion3d_gui.errors import UserError
from fusion3d_gui.imaging.dicom.frames.frame import Frame
from fusion3d_gui.imaging.dicom.frames.full_header import read_full_header
from fusion3d_gui.imaging.dicom.instance import read_instance
from fusion3d_gui.imaging.dicom.parser.encoding import FileBytes, NotDicom
from fusion3d_gui.imaging.dicom.parser.header import PYDICOM_ERRORS
from fusion3d_gui.imaging.dicom.pixels.frame_pixels import can_read, read_frames
from fusion3d_gui.imaging.dicom.source_series import SourceSeries
from fusion3d_gui.imaging.labels.object_file import check_belongs, title_of
from fusion3d_gui.imaging.labels.scan_object import Mask, ScanObject
from fusion3d_gui.imaging.limits import check_memory
from fusion3d_gui.imaging.plane import Plane
from fusion3d_gui.imaging.reslice.sampling import Interpolation, sample
from fusion3d_gui.imaging.volume import Volume
from fusion3d_gui.plain_text import visible_text
from fusion3d_gui.progress import Progress, no_progress

_MOST_SEGMENTS = 400
#: A pixel that lies this near (as a share of a voxel) to a voxel of the scan is that voxel.
_SAME_VOXEL = 0.02


def read_segmentation(
    path: Path, volume: Volume, source: SourceSeries, progress: Progress = no_progress
) -> ScanObject:
    """Read the segments of a file onto the grid of a scan.

    A segment of fractions or probabilities is a mask where it reaches one half. Frames that do not lie on the
    scan's voxels are sampled, the nearest pixel counting through the thickness of the frame.

    Parameters
    ----------
    path
        A Segmentation or Label Map Segmentation.
    volume, source
        The scan.
    progress
        Raises Cancelled to stop.

    Raises
    ------
    UserError
        The file is damaged, too large, or about another scan.
    """
    try:
        with FileBytes.from_path(path) as file:
            instance = read_instance(file)
    except NotDicom:
        raise UserError("is no DICOM file", path=path) from None
    if not can_read(instance.file.transfer_syntax):
        raise UserError("is compressed in a way that can't be read", path=path)
    header = read_full_header(instance.file)
    check_belongs(header, source, path)
    try:
        names, colors = _names(header), _colors(header)
    except PYDICOM_ERRORS:
        raise UserError("is damaged: its segments can't be read", path=path) from None
    if len(names) > _MOST_SEGMENTS:
        raise UserError(f"has {len(names):,} segments, more than can be shown", path=path)
    # Each frame lies in at least one slice of the scan; the slices between two are blank.
    check_memory(
        min(len(instance.frames), len(names) * volume.shape[0]) * _plane_size(volume), path
    )
    planes: dict[int, dict[int, np.ndarray]] = defaultdict(dict)
    lost = 0
    for count, (number, frame, inside) in enumerate(_frames(instance.frames, header, names)):
        progress(count / (len(instance.frames) + 1), "Reading the segments")
        if frame.position is None or frame.orientation is None or frame.spacing is None:
            lost += 1
            continue
        _place(frame, inside, volume, planes[number])
    masks = tuple(
        replace(mask, color=colors.get(number, ""))
        for number, name in names.items()
        if (mask := _mask(name, planes.get(number, {}), volume)) is not None
    )
    notices = [f"{lost} of its frames do not say where they lie."] if lost else []
    empty = len(names) - len(masks)
    if empty:
        notices.append(f"{empty} of its segments lie nowhere in the scan.")
    return ScanObject(
        "segmentation", title_of(header, "segmentation"), masks=masks, notices=tuple(notices)
    )


def _names(header: Dataset) -> dict[int, str]:
    found = {}
    for item in header.get("SegmentSequence") or ():
        number = int(item.SegmentNumber)
        if number == 0:  # the background of a label map
            continue
        name = visible_text(str(item.get("SegmentLabel") or "")) or f"Segment {number}"
        found[number] = name
    return found


def _colors(header: Dataset) -> dict[int, str]:
    """``"#RRGGBB"`` of the segments that have a colour (PS3.3 C.10.7.1.1: CIELab in 16 bits)."""
    # Imported where it is used, on the worker: it takes longer than most files.
    from highdicom.color import CIELabColor

    found = {}
    for item in header.get("SegmentSequence") or ():
        lab = [int(each) for each in item.get("RecommendedDisplayCIELabValue") or ()]
        if len(lab) == 3 and all(0 <= each <= 65_535 for each in lab):
            red, green, blue = CIELabColor.from_dicom_value(lab).to_rgb()
            found[int(item.SegmentNumber)] = f"#{red:02X}{green:02X}{blue:02X}"
    return found


def _plane_size(volume: Volume) -> int:
    return volume.shape[1] * volume.shape[2]


def _frames(
    frames: tuple[Frame, ...], header: Dataset, names: dict[int, str]
) -> Iterator[tuple[int, Frame, np.ndarray]]:
    """Segment number, frame, and which of its pixels are inside, of every frame."""
    kind = str(header.get("SegmentationType", "BINARY"))
    top = int(header.get("MaximumFractionalValue") or 255)
    notices: set[str] = set()
    file = frames[0].file
    for index, pixels in read_frames(file, range(len(frames)), {}, notices):
        frame = frames[index]
        stored = pixels.reshape(frame.shape)
        if kind == "LABELMAP":
            for number in np.unique(stored).tolist():
                if number in names:
                    yield number, frame, stored == number
            continue
        number = _segment_of(frame)
        if number not in names:
            continue
        yield (
            number,
            frame,
            2 * stored.astype(np.int64) >= top if kind == "FRACTIONAL" else stored > 0,
        )


def _segment_of(frame: Frame) -> int:
    text = frame.labels.get("SegmentNumber", "")
    return int(text) if text.isdigit() and len(text) < 8 else 0


def _place(frame: Frame, inside: np.ndarray, volume: Volume, planes: dict[int, np.ndarray]) -> None:
    """Add a frame's mask to the slices of the scan that it meets."""
    plane = _plane(frame)
    here = volume.to_index(plane.origin_lps)
    steps = volume.inverse_affine[:3, :3] @ np.stack([plane.right_step, plane.down_step], axis=1)
    straight = np.array([[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]])
    far = np.array([plane.shape[1], plane.shape[0]])
    is_aligned = np.abs((steps - straight) * far).max() < _SAME_VOXEL
    whole = np.rint(here).astype(int)
    if is_aligned and np.abs(here - whole).max() < _SAME_VOXEL:
        i, j, k = whole
        if 0 <= k < volume.shape[0]:
            target = planes.setdefault(k, np.zeros(volume.shape[1:], bool))
            rows = slice(max(j, 0), max(0, min(j + plane.shape[0], volume.shape[1])))
            columns = slice(max(i, 0), max(0, min(i + plane.shape[1], volume.shape[2])))
            part = inside[
                rows.start - j : max(rows.stop - j, 0), columns.start - i : max(columns.stop - i, 0)
            ]
            if part.size:
                target[rows, columns] |= part
        return
    slab = _slab(frame, plane, inside)
    low, high = slab.bounds_lps
    corners = np.array(
        [(x, y, z) for x in (low[0], high[0]) for y in (low[1], high[1]) for z in (low[2], high[2])]
    )
    depths = volume.to_index(corners)[:, 2]
    first, last = int(np.ceil(depths.min())), int(np.floor(depths.max()))
    for k in range(max(first, 0), min(last, volume.shape[0] - 1) + 1):
        found = sample(slab, _slice_plane(volume, k), 0.0, Interpolation.NEAREST) > 0
        if found.any():
            planes[k] = planes[k] | found if k in planes else found


def _plane(frame: Frame) -> Plane:
    assert (
        frame.position is not None and frame.orientation is not None and frame.spacing is not None
    )
    row, column = np.array(frame.orientation[:3]), np.array(frame.orientation[3:])
    down_mm, right_mm = frame.spacing
    return Plane(np.array(frame.position), row * right_mm, column * down_mm, frame.shape)


def _slab(frame: Frame, plane: Plane, inside: np.ndarray) -> Volume:
    """A frame as a volume of one slice, as thick as frames are apart."""
    normal = np.cross(plane.right_step, plane.down_step)
    normal /= np.linalg.norm(normal)
    affine = np.eye(4)
    affine[:3, 0], affine[:3, 1] = plane.right_step, plane.down_step
    affine[:3, 2] = normal * (frame.slice_spacing_mm or 1.0)
    affine[:3, 3] = plane.origin_lps
    return Volume(inside[None].astype(np.uint8), affine)


def _slice_plane(volume: Volume, k: int) -> Plane:
    affine = volume.affine
    origin = affine[:3, 3] + k * affine[:3, 2]
    return Plane(origin, affine[:3, 0], affine[:3, 1], (volume.shape[1], volume.shape[2]))


def _mask(name: str, planes: dict[int, np.ndarray], volume: Volume) -> Mask | None:
    """The mask cropped to what is inside; None where nothing is."""
    full = {k: plane for k, plane in planes.items() if plane.any()}
    if not full:
        return None
    union = np.any(list(full.values()), axis=0)
    rows, columns = np.flatnonzero(union.any(axis=1)), np.flatnonzero(union.any(axis=0))
    first = min(full), rows[0], columns[0]
    shape = max(full) - first[0] + 1, rows[-1] - first[1] + 1, columns[-1] - first[2] + 1
    voxels = np.zeros(shape, np.uint8)
    for k, plane in full.items():
        voxels[k - first[0]] = plane[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    affine = volume.affine.copy()
    affine[:3, 3] = volume.to_lps(np.array(first[::-1], float))
    return Mask(name, Volume(voxels, affine, description=name))
