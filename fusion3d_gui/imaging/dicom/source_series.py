"""``SourceSeries``: the DICOM images that a volume was read from, with the plane of each of their frames."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset

from fusion3d_gui.errors import UserError
from fusion3d_gui.imaging.dicom.frames.frame import Frame, Rescale
from fusion3d_gui.imaging.dicom.frames.full_header import read_full_header
from fusion3d_gui.imaging.dicom.instance import DicomInstance, read_instance
from fusion3d_gui.imaging.dicom.parser.encoding import FileBytes, NotDicom
from fusion3d_gui.imaging.dicom.stack.sort import Stack, sort_into_stacks
from fusion3d_gui.imaging.plane import Plane
from fusion3d_gui.imaging.volume import Volume
from fusion3d_gui.progress import Progress, no_progress, part_of

#: A frame may lie this far (mm) from where the volume has it: rounding in the header.
_SAME_PLACE_MM = 0.05
#: Frames of an interpolated volume lie between its slices.
_HALF_SLICE = 0.5

_REMEDY = "Open the scan again from its DICOM files."


@dataclass(frozen=True, eq=False)
class SourceFrame:
    """One slice as the scanner stored it.

    Parameters
    ----------
    header
        Of its file, without pixels.
    plane
        Where its pixels lie in the patient.
    number
        Its number, from 1, in a multi-frame file; None in a file of one image.
    thickness_mm
        Distance from slice to slice, or thickness of this one, as its header says; None where it does not.
    rescale
        From its stored to real values; None where a table gives those.
    offset
        (row, column) of its first pixel in the stored image: of a tile of a mosaic, else (0, 0).
    """

    header: Dataset
    plane: Plane
    number: int | None
    thickness_mm: float | None
    rescale: Rescale | None
    offset: tuple[int, int] = (0, 0)

    def pixel_of(self, lps_mm: np.ndarray) -> np.ndarray:
        """Position(s) ``[..., 2]`` (column, row) in the stored image, projected onto it.

        Counted as PS3.3 C.10.5.1.2 and C.18.6.1.1 do: the middle of the first pixel is 0.5, 0.5.
        """
        away = np.asarray(lps_mm, float) - self.plane.origin_lps
        steps = np.stack([self.plane.right_step, self.plane.down_step])
        pixel: np.ndarray = away @ np.linalg.pinv(steps) + 0.5
        pixel += np.array(self.offset[::-1])
        return pixel

    def lps_of(self, pixels: np.ndarray) -> np.ndarray:
        """Position(s) ``[..., 3]`` (mm, LPS) of (column, row) in the stored image, as :meth:`pixel_of` counts."""
        columns, rows = np.moveaxis(np.asarray(pixels, float), -1, 0)
        return self.plane.to_lps(rows - 0.5 - self.offset[0], columns - 0.5 - self.offset[1])

    def distance_mm(self, lps_mm: np.ndarray) -> np.ndarray:
        """Distance(s) of positions ``[..., 3]`` from the plane, along its normal."""
        distances: np.ndarray = (np.asarray(lps_mm, float) - self.plane.origin_lps) @ self.normal
        return distances

    @property
    def normal(self) -> np.ndarray:
        """Unit normal (LPS) of the plane: rows x columns."""
        normal = np.cross(self.plane.right_step, self.plane.down_step)
        unit: np.ndarray = normal / np.linalg.norm(normal)
        return unit


@dataclass(frozen=True, eq=False)
class SourceSeries:
    """The images of a series that make one volume.

    Parameters
    ----------
    headers
        One for each file, without pixels, in the order in which ``frames`` name them first.
    frames
        Ascending along the normal of the slices (rows x columns); as they lie, so that their spacing may be
        uneven, and their positions may not be perpendicular above each other (gantry tilt).
    """

    headers: tuple[Dataset, ...]
    frames: tuple[SourceFrame, ...]

    @property
    def path(self) -> Path:
        """One of its files, for messages."""
        return Path(self.first.filename)

    @property
    def slice_thickness_mm(self) -> float:
        """Thickness of a slice as the header has it, else the distance of neighbours, else 1 mm."""
        said = self.frames[0].thickness_mm
        if said is not None:
            return said
        return 2 * self.half_gap_mm(0) if len(self.frames) > 1 else 1.0

    @property
    def first(self) -> Dataset:
        """The header that speaks for patient and study."""
        return self.headers[0]

    @property
    def frame_of_reference_uid(self) -> str:
        """UID of the patient space of all images."""
        return str(self.first.FrameOfReferenceUID)

    def nearest(self, lps_mm: np.ndarray) -> int:
        """Index of the frame whose plane is nearest to a position (mm, LPS)."""
        return int(np.argmin([abs(float(frame.distance_mm(lps_mm))) for frame in self.frames]))

    def half_gap_mm(self, index: int) -> float:
        """Half the distance from a frame to its farther neighbour; half the slice thickness of a single one."""
        origin = self.frames[index].plane.origin_lps
        gaps = [
            abs(float(self.frames[near].distance_mm(origin)))
            for near in (index - 1, index + 1)
            if 0 <= near < len(self.frames)
        ]
        return max(gaps, default=self.frames[index].thickness_mm or 1.0) / 2


def read_source_series(
    files: Sequence[Path], volume: Volume, progress: Progress = no_progress
) -> SourceSeries:
    """Read the headers of the files from which a volume was read.

    Parameters
    ----------
    files
        Those of its series.
    volume
        The volume: only frames that lie on it are taken.
    progress
        Raises Cancelled to stop.

    Raises
    ------
    UserError
        A file can't be read any more, the images do not say where they lie or in which frame of reference,
        or they are not those of the volume.
    """
    instances = list(_instances(files, part_of(progress, 0.0, 0.5)))
    stacks = sort_into_stacks(instances)
    stack = next((each for each in stacks if _makes(each, volume)), None)
    if stack is None and all(not _is_placed(each) for each in stacks):
        raise UserError(
            "its images do not say where they lie in the patient, so that nothing can refer to a place",
            path=volume.path,
        )
    if stack is None:
        raise UserError("its files are not those of the scan", path=volume.path, remedy=_REMEDY)
    headers: dict[Path, Dataset] = {}
    frames = []
    for number, frame in enumerate(stack.frames):
        progress(0.5 + 0.5 * number / len(stack.frames), "Reading the headers")
        file = frame.file
        if file.path not in headers:
            headers[file.path] = _header(frame)
        tile = (0, 0) if frame.tile is None else frame.tile[:2]
        place = frame.index + 1 if file.frame_count > 1 else None
        rescale = frame.rescale if frame.table is None else None
        frames.append(
            SourceFrame(
                headers[file.path], _plane(frame), place, frame.slice_spacing_mm, rescale, tile
            )
        )
    return SourceSeries(tuple(headers.values()), tuple(frames))


def _instances(files: Sequence[Path], progress: Progress) -> Iterator[DicomInstance]:
    for number, path in enumerate(files):
        progress(number / len(files), "Reading the headers")
        try:
            with FileBytes.from_path(path) as source:
                yield read_instance(source)
        except NotDicom:
            raise UserError("is no longer a DICOM file", path=path, remedy=_REMEDY) from None


def _header(frame: Frame) -> Dataset:
    header = read_full_header(frame.file)
    header.filename = str(frame.file.path)
    missing = [
        keyword
        for keyword in ("SOPInstanceUID", "SOPClassUID", "StudyInstanceUID", "SeriesInstanceUID")
        if not header.get(keyword)
    ]
    if missing or not header.get("FrameOfReferenceUID"):
        what = "frame of reference" if not missing else "study, series and instance"
        raise UserError(
            f"does not name its {what}, so that no result can refer to it", path=frame.file.path
        )
    return header


def _plane(frame: Frame) -> Plane:
    if frame.position is None or frame.orientation is None or frame.spacing is None:
        raise ValueError("the frame does not say where it lies")
    row, column = np.array(frame.orientation[:3]), np.array(frame.orientation[3:])
    down_mm, right_mm = frame.spacing
    return Plane(np.array(frame.position), row * right_mm, column * down_mm, frame.shape)


def _is_placed(stack: Stack) -> bool:
    """Whether all frames say where they lie."""
    return all(None not in (each.position, each.orientation, each.spacing) for each in stack.frames)


def _makes(stack: Stack, volume: Volume) -> bool:
    """Whether a stack's frames lie on the volume's slices (between them, where it is interpolated)."""
    if stack.shape != volume.shape or not _is_placed(stack):
        return False
    index = volume.to_index(np.array([frame.position for frame in stack.frames]))
    row_mm, column_mm = np.linalg.norm(volume.affine[:3, :2], axis=0)
    sideways = float(np.abs(index[:, :2] * (row_mm, column_mm)).max())
    return sideways < _SAME_PLACE_MM + _shift_mm(volume) and bool(
        (index[:, 2] > -_HALF_SLICE).all() and (index[:, 2] < volume.shape[0] - _HALF_SLICE).all()
    )


def _shift_mm(volume: Volume) -> float:
    """How far slices of a volume may lie beside its grid: it says so itself where they do."""
    said = any(each.short == "slices shifted sideways" for each in volume.warnings)
    return float("inf") if said else 0.0
