"""``Series``: one openable volume, as found by looking at headers only."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from fusion3d_gui.imaging.volume import Volume, Watch
from fusion3d_gui.progress import Progress

#: Reads a series whose headers are known already.
Reader = Callable[[Progress, Watch], Volume]


@dataclass(frozen=True, eq=False)
class Series:
    """One volume that a path offers, known from its headers without reading pixels.

    ``uid`` is the DICOM Series Instance UID (for other files: their place below what was opened).
    ``study_uid`` is the DICOM Study Instance UID: series of one study belong to one patient.
    ``shape`` is ``(k, j, i)``; ``affine`` goes from voxel index (i, j, k) to LPS mm and is None
    where the geometry cannot be known before reading; ``paths`` are its files in slice order.
    ``patient`` numbers the patients of what was opened, from 1; None where the file names none.
    ``subfolder`` is where ``paths`` lie below the folder or archive that was searched.
    ``identity`` holds the attributes that tell who the patient is: never show or log it.
    ``reader`` is for :func:`fusion3d_gui.imaging.catalog.open.read_series`: it knows the headers already,
    and what was unpacked from an archive is kept for as long as it is held.
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
    patient: int | None = None
    subfolder: str = ""
    identity: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}), repr=False)
    reader: Reader | None = field(default=None, repr=False)

    @property
    def voxel_count(self) -> int:
        """Number of voxels: the largest series is opened by default."""
        k, j, i = self.shape
        return k * j * i

    @property
    def spacing_mm(self) -> tuple[float, float, float] | None:
        """Distance in mm between neighbours along (k, j, i); None where not known."""
        if self.affine is None:
            return None
        i, j, k = np.linalg.norm(self.affine[:3, :3], axis=0)
        return float(k), float(j), float(i)

    def to_json(self) -> dict[str, Any]:
        """What ``fusion3d info`` prints of a series; no patient identity."""
        return {
            "uid": self.uid,
            "study_uid": self.study_uid,
            "description": self.description,
            "modality": self.modality,
            "format": self.format,
            "shape_kji": list(self.shape),
            "spacing_kji_mm": None
            if self.spacing_mm is None
            else [round(mm, 6) for mm in self.spacing_mm],
            "affine_lps": None if self.affine is None else self.affine.tolist(),
            "patient": self.patient,
            "place": self.subfolder,
            "files": len(self.paths),
            "warnings": list(self.notices),
        }
