"""``Series``: a volume that a file, folder or archive offers, as far as its headers describe it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from fusion3d_gui.imaging.volume import Volume, Watch
from fusion3d_gui.plain_text import LONGEST_NAME, LONGEST_TEXT, visible_text
from fusion3d_gui.progress import Progress

#: Reads the voxels of a series whose headers are known.
Reader = Callable[[Progress, Watch], Volume]


@dataclass(frozen=True, eq=False, repr=False)
class Series:
    """One volume that a path offers, known from its headers without reading voxels.

    All text but ``uid`` is made plain text of bounded length.

    Parameters
    ----------
    uid
        DICOM Series Instance UID; for other formats the file's path below what was opened.
    description
        Series description or file name.
    modality
        DICOM modality (``"CT"``, ``"MR"`` ...), empty where unknown.
    format
        ``"DICOM"``, ``"NIfTI"``, ``"NRRD"`` or ``"MetaImage"``.
    shape
        Number of voxels ``(k, j, i)``.
    affine
        4x4 from voxel index (i, j, k) to LPS mm; None where it can't be known before reading.
    paths
        The files, in the order of the slices.
    notices
        Sentences that the user should see about this series.
    study_uid
        DICOM Study Instance UID: series of one study belong to one patient.
    image_count
        Number of images that make its slices; 0: one for each slice.
    patient
        Number, from 1, of the patient among those of everything that was opened; None where the
        file names no patient.
    subfolder
        Path of the files below the folder or archive that was searched.
    identity
        Attributes that identify the patient: never show or log them.
    reader
        For :func:`fusion3d_gui.imaging.catalog.open.read_series`: it knows the headers already. The
        unpacked content of an archive is kept for as long as it is held.
    """

    uid: str
    description: str
    modality: str
    format: str
    shape: tuple[int, int, int]
    affine: np.ndarray | None
    paths: tuple[Path, ...]
    notices: tuple[str, ...] = ()
    study_uid: str = ""
    image_count: int = 0
    patient: int | None = None
    subfolder: str = ""
    identity: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    reader: Reader | None = None

    def __post_init__(self) -> None:
        for name, longest in (
            ("description", LONGEST_NAME),
            ("modality", 24),
            ("subfolder", LONGEST_NAME),
        ):
            object.__setattr__(self, name, visible_text(getattr(self, name), longest))
        notices = tuple(visible_text(each, LONGEST_TEXT) for each in self.notices)
        identity = {key: visible_text(text) for key, text in self.identity.items()}
        object.__setattr__(self, "notices", notices)
        object.__setattr__(self, "identity", MappingProxyType(identity))

    def __repr__(self) -> str:
        """What it is, without its files: a notebook stores it, and a folder may be named after a patient."""
        size = " × ".join(str(count) for count in reversed(self.shape))
        words = (self.format, self.modality, self.description, f"{size} (i, j, k)")
        return f"Series({', '.join(word for word in words if word)})"

    @property
    def slice_count(self) -> int:
        """Number of slices that were acquired, without interpolated and missing ones."""
        return self.image_count or self.shape[0]

    @property
    def slices_text(self) -> str:
        """``"1 slice"`` or ``"35 slices"``."""
        return "1 slice" if self.slice_count == 1 else f"{self.slice_count} slices"

    @property
    def voxel_count(self) -> int:
        """Number of voxels; the series with the most is opened by default."""
        k, j, i = self.shape
        return k * j * i

    @property
    def spacing_mm(self) -> tuple[float, float, float] | None:
        """Distance in mm between neighbouring voxels along (k, j, i); None where unknown."""
        if self.affine is None:
            return None
        i, j, k = np.linalg.norm(self.affine[:3, :3], axis=0)
        return float(k), float(j), float(i)

    def to_json(self) -> dict[str, Any]:
        """The JSON object that ``fusion3d info`` prints; holds no patient identity."""
        return {
            "uid": visible_text(self.uid),
            "study_uid": visible_text(self.study_uid),
            "description": self.description,
            "modality": self.modality,
            "format": self.format,
            "shape_kji": list(self.shape),
            "spacing_kji_mm": None
            if self.spacing_mm is None
            else [round(mm, 6 if mm > 0.01 else 9) for mm in self.spacing_mm],
            "affine_lps": None if self.affine is None else self.affine.tolist(),
            "patient": self.patient,
            "place": self.subfolder,
            "files": len(self.paths),
            "warnings": list(self.notices),
        }
