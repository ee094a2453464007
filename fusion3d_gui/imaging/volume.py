"""``Volume``: voxels, where each of them lies in the patient, and what their numbers mean."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import MappingProxyType

import numpy as np

from fusion3d_gui.imaging.loaded_slices import LoadedSlices
from fusion3d_gui.imaging.scan_warning import ScanWarning
from fusion3d_gui.imaging.voi_curve import VoiCurve
from fusion3d_gui.plain_text import LONGEST_TEXT, visible_text

#: Flips the first two axes: takes RAS millimetres (NIfTI) to LPS millimetres (DICOM) and back.
RAS_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])


#: Longest unit and modality: both stand in front of other texts. DICOM's code strings have 16 characters.
_LONGEST_UNIT = 24

#: Plausible voxel sizes in mm, lowest and highest; a header that says otherwise is wrong.
_VOXEL_MM = (1e-5, 1e4)
#: Smallest volume of the cell between unit vectors along the axes that counts as a volume.
_LEAST_CELL = 1e-6


def spans_space(affine: np.ndarray) -> bool:
    """Whether a 4x4 affine is finite and its three axes are linearly independent, at any voxel size."""
    lengths = np.linalg.norm(affine[:3, :3], axis=0)
    if not (np.isfinite(affine).all() and np.isfinite(lengths).all() and lengths.min() > 0):
        return False
    return bool(abs(np.linalg.det(affine[:3, :3] / lengths)) >= _LEAST_CELL)


def affine_of_sizes(sizes_mm: Sequence[float]) -> np.ndarray:
    """The 4x4 affine of a volume of which only its voxel sizes (i, j, k) are known; 1 mm for implausible ones."""
    low, high = _VOXEL_MM
    sizes = [float(mm) if low <= mm <= high else 1.0 for mm in (*sizes_mm, 1.0, 1.0)]
    return np.diag([*sizes[:3], 1.0])


@dataclass(frozen=True, eq=False, repr=False)
class Volume:
    """One 3D image in patient space.

    All text but ``series_uid`` is made plain text of bounded length.

    Parameters
    ----------
    voxels
        Array ``[k, j, i]``, in the type in which the file stores it where that is possible.
        For DICOM ``i`` runs along a row, ``j`` down a column, ``k`` from slice to slice along
        the normal. Real value = ``voxels * slope + intercept``.
    affine
        4x4, takes the voxel index ``(i, j, k, 1)`` (centre of a voxel) to patient millimetres, LPS
        (+x towards the patient's Left, +y Posterior, +z Superior; DICOM PS3.3 C.7.6.2.1.1).
    slope, intercept
        The modality's rescale, the same for the whole volume (a reader of a series whose slices
        differ applies it itself and stores float32).
    unit
        Unit of the real values: ``"HU"``, ``"SUV"`` ... or empty where the file does not say.
    modality
        DICOM modality (``"CT"``, ``"MR"``, ``"PT"`` ...), empty where unknown.
    windows
        (centre, width) pairs in real values that the file recommends, in its order.
    curve
        How brightness grows within those windows; None along a straight line.
    description
        Series description or file name, for the screen. Never a patient's name.
    series_uid
        DICOM Series Instance UID, or empty.
    path
        Where it was read from: a file or the folder of the series.
    attributes
        DICOM attributes by keyword (e.g. ``PatientAge: "054Y"``) that a form may be filled from or
        that the window shows in a corner. May hold identity: never log it.
    notices
        Sentences that the user should see about how this volume was read.
    faults
        Those of the notices that say why its voxels or geometry are wrong, or that it is no volume: no
        model is meant for it.
    doubts
        Those of the notices that say what in the header is odd, so that geometry or order may be wrong.
    warnings
        Those of the notices that the reader must have in view, as they tell how far the geometry can be trusted.
    padding
        Lowest and highest *stored* value that stand for no measurement; None where there are none.
        They are never brighter than what was measured, as slabs and projections need it.
    missing
        Slices (k) that the series should have and has not; they are blank.
    image_numbers
        For each slice (k) the number of its image in the file: Instance Number, or the frame's number; None
        where a slice is missing. Empty where slices are no images of a file.
    slice_locations_mm
        For each slice (k) the file's Slice Location, None where it has none; empty as above.
    interpolated_from
        Number of images between which unevenly spaced slices were interpolated; 0: none was.
    loaded_slices
        Which slices are there, while the volume is still being read; None once all are.
    """

    voxels: np.ndarray
    affine: np.ndarray
    slope: float = 1.0
    intercept: float = 0.0
    unit: str = ""
    modality: str = ""
    windows: tuple[tuple[float, float], ...] = ()
    curve: VoiCurve | None = None
    description: str = ""
    series_uid: str = ""
    path: Path | None = None
    attributes: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    notices: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()
    warnings: tuple[ScanWarning, ...] = ()
    padding: tuple[float, float] | None = None
    missing: tuple[int, ...] = ()
    image_numbers: tuple[int | None, ...] = ()
    slice_locations_mm: tuple[float | None, ...] = ()
    interpolated_from: int = 0
    loaded_slices: LoadedSlices | None = None

    def __post_init__(self) -> None:
        if self.voxels.ndim != 3 or min(self.voxels.shape) < 1:
            raise ValueError(f"a volume needs three axes, got shape {self.voxels.shape}")
        affine = np.array(self.affine, dtype=np.float64)
        if affine.shape != (4, 4) or not np.isfinite(affine).all():
            raise ValueError("the affine must be a finite 4x4 matrix")
        if not spans_space(affine):
            raise ValueError("the affine is singular: two axes of the volume coincide")
        affine.setflags(write=False)
        attributes = {key: visible_text(text) for key, text in self.attributes.items()}
        changed: dict[str, object] = {
            "affine": affine,
            "attributes": MappingProxyType(attributes),
            **{
                key: tuple(visible_text(each, LONGEST_TEXT) for each in getattr(self, key))
                for key in ("notices", "faults", "doubts")
            },
            "unit": visible_text(self.unit, _LONGEST_UNIT),
            "modality": visible_text(self.modality, _LONGEST_UNIT),
            "description": visible_text(self.description),
        }
        for key, value in changed.items():
            object.__setattr__(self, key, value)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Number of voxels ``(k, j, i)``."""
        k, j, i = self.voxels.shape
        return k, j, i

    @property
    def low_is_white(self) -> bool:
        """Whether the file means low values to be shown white (MONOCHROME1, PS3.3 C.7.6.3.1.2)."""
        return self.attributes.get("PhotometricInterpretation") == "MONOCHROME1"

    @property
    def absent(self) -> np.ndarray:
        """For each slice whether it holds nothing measured: missing, or not read yet (bool ``[k]``)."""
        absent = np.zeros(len(self.voxels), dtype=bool)
        if self.missing:
            absent[list(self.missing)] = True
        return absent if self.loaded_slices is None else absent | ~self.loaded_slices.is_read

    @cached_property
    def spacing_mm(self) -> tuple[float, float, float]:
        """Distance in mm between neighbours along ``(k, j, i)``."""
        i, j, k = np.linalg.norm(self.affine[:3, :3], axis=0)
        return float(k), float(j), float(i)

    @cached_property
    def inverse_affine(self) -> np.ndarray:
        """4x4 from LPS mm to voxel index (i, j, k)."""
        return np.linalg.inv(self.affine)

    def to_lps(self, index_ijk: np.ndarray) -> np.ndarray:
        """Patient position(s) in mm, LPS, of voxel indices ``(..., 3)`` in the order (i, j, k)."""
        index_ijk = np.asarray(index_ijk, dtype=np.float64)
        lps_mm: np.ndarray = index_ijk @ self.affine[:3, :3].T + self.affine[:3, 3]
        return lps_mm

    def to_index(self, lps_mm: np.ndarray) -> np.ndarray:
        """Fractional voxel indices (i, j, k) of patient position(s) ``(..., 3)`` in mm, LPS."""
        lps_mm = np.asarray(lps_mm, dtype=np.float64)
        index: np.ndarray = lps_mm @ self.inverse_affine[:3, :3].T + self.inverse_affine[:3, 3]
        return index

    @cached_property
    def bounds_lps(self) -> tuple[np.ndarray, np.ndarray]:
        """Lowest and highest LPS coordinates (mm) that any voxel's outer corner reaches."""
        k, j, i = self.shape
        corners = np.array(
            [(a, b, c) for a in (-0.5, i - 0.5) for b in (-0.5, j - 0.5) for c in (-0.5, k - 0.5)]
        )
        lps = self.to_lps(corners)
        return lps.min(axis=0), lps.max(axis=0)

    @cached_property
    def center_lps(self) -> np.ndarray:
        """Patient position (mm, LPS) of the middle of the volume."""
        k, j, i = self.shape
        return self.to_lps(np.array([(i - 1) / 2, (j - 1) / 2, (k - 1) / 2]))

    def value_at(self, lps_mm: np.ndarray) -> float | None:
        """Real value of the voxel that holds this patient position (mm, LPS).

        None outside, and in slices that are missing or have not been read yet.
        """
        i, j, k = np.floor(self.to_index(lps_mm) + 0.5).astype(int)
        if not (0 <= k < self.shape[0] and 0 <= j < self.shape[1] and 0 <= i < self.shape[2]):
            return None
        if self.absent[k]:
            return None
        return float(self.voxels[k, j, i]) * self.slope + self.intercept

    def real(self, voxels: np.ndarray | None = None) -> np.ndarray:
        """Real values, float32, of the given stored values (default: of the whole volume)."""
        values = np.asarray(self.voxels if voxels is None else voxels).astype(np.float32)
        if self.slope != 1.0:
            values *= np.float32(self.slope)
        if self.intercept != 0.0:
            values += np.float32(self.intercept)
        return values

    def __repr__(self) -> str:
        """Kind and geometry: a notebook stores it, so that it says nothing of the file and the patient."""
        from fusion3d_gui.imaging.notebook import facts_of_grid

        return f"Volume({', '.join((self.modality or 'no modality', *facts_of_grid(self.shape, self.spacing_mm)))})"

    def _repr_html_(self) -> str:
        """The three middle slices and the geometry, for a notebook; nothing that identifies the patient."""
        from fusion3d_gui.imaging.notebook import (
            facts_of_grid,
            gray_levels,
            orthogonal_slices,
            page,
        )

        slices = orthogonal_slices(self.voxels, self.affine)
        values = [self.real(each.values) for each in slices]
        window = self.windows[0] if self.windows else None
        grays = gray_levels(values, window, inverted=self.low_is_white)
        facts = facts_of_grid(self.voxels.shape, self.spacing_mm)
        kind = " ".join(word for word in (self.modality, "volume") if word)
        return page(kind, (*facts, *((f"in {self.unit}",) if self.unit else ())), slices, grays)

    @cached_property
    def sha256(self) -> str:
        """SHA-256 of stored voxels, shape, type, rescale and affine: the identity of the image.

        Raises ValueError while the volume is still being read.
        """
        if self.loaded_slices is not None:
            raise ValueError("a volume has no identity before all of it is read")
        digest = hashlib.sha256()
        digest.update(
            f"{self.shape}{self.voxels.dtype.str}{self.slope!r}{self.intercept!r}".encode()
        )
        digest.update(self.affine.tobytes())
        for plane in self.voxels:
            digest.update(np.ascontiguousarray(plane).data)
        return digest.hexdigest()


#: Called once with a volume whose middle slice has been read, while the others are still loading.
Watch = Callable[[Volume], None]


def no_watch(volume: Volume) -> None:
    """Ignore the volume: the default for callers who wait until all of it is read."""
