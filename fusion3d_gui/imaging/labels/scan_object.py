"""``ScanObject``: what a DICOM object about a scan adds to it, and ``Mask``: a region of the scan."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np

from fusion3d_gui.imaging.annotations.annotation import Annotation
from fusion3d_gui.imaging.volume import Volume

Kind = Literal["segmentation", "report", "map", "presentation state", "structure set", "label map"]

#: Colours of masks in turn: those that Okabe and Ito chose to be told apart by everybody, without black.
MASK_COLORS = ("#56B4E9", "#E69F00", "#009E73", "#F0E442", "#CC79A7", "#D55E00", "#0072B2")


@dataclass(frozen=True, eq=False)
class Mask:
    """A region of the scan.

    Parameters
    ----------
    name
        As the file calls it; plain text.
    grid
        1 inside, 0 outside (uint8), on the grid of the scan, cropped to what is inside.
    color
        ``"#RRGGBB"`` as the file has it; empty where it has none.
    stored_ml
        Volume (ml) on the file's own grid, where that is not the scan's.
    """

    name: str
    grid: Volume
    color: str = ""
    stored_ml: float | None = None

    @property
    def volume_ml(self) -> float:
        """Volume of the voxels inside, in ml; as the file has them, where its grid is another than the scan's."""
        return self.volume_on_scan_ml if self.stored_ml is None else self.stored_ml

    @property
    def volume_on_scan_ml(self) -> float:
        """Volume of the scan's voxels inside, in ml."""
        cell = abs(float(np.linalg.det(self.grid.affine[:3, :3])))
        return float(np.count_nonzero(self.grid.voxels)) * cell / 1000.0

    @cached_property
    def center_lps(self) -> np.ndarray:
        """Centre of gravity, mm LPS."""
        found = np.nonzero(self.grid.voxels)
        return self.grid.to_lps(np.array([each.mean() for each in reversed(found)]))

    @cached_property
    def inner_lps(self) -> np.ndarray:
        """Centre of the voxel, mm LPS, that is nearest to the centre of gravity: where the mask can be seen."""
        k, j, i = np.nonzero(self.grid.voxels)
        at = self.grid.to_lps(np.stack([i, j, k], axis=1))
        nearest: np.ndarray = at[np.argmin(np.linalg.norm(at - self.center_lps, axis=1))]
        return nearest


@dataclass(frozen=True, eq=False)
class ScanObject:
    """What an object adds to its scan.

    Parameters
    ----------
    kind
        What it is.
    title
        Its series' description, or the kind; plain text.
    masks, marks, heat, window
        What it holds; marks are numbered from 1, ``heat`` is a map of real values, ``window`` a centre and
        width in real values.
    notices
        Sentences about what of it is not shown.
    """

    kind: Kind
    title: str
    masks: tuple[Mask, ...] = ()
    marks: tuple[Annotation, ...] = ()
    heat: Volume | None = None
    window: tuple[float, float] | None = None
    notices: tuple[str, ...] = ()
