"""``TissueOutline``: which part of the patient space the model's input shows tissue in; the rest is air."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np


@dataclass(frozen=True, eq=False)
class TissueOutline:
    """The tissue on the network's input grid.

    Parameters
    ----------
    tissue
        bool ``[k, j, i]``.
    affine
        4x4 from the voxel index (i, j, k) to patient millimetres, LPS; cubic voxels.
    """

    tissue: np.ndarray
    affine: np.ndarray

    @property
    def spacing_mm(self) -> float:
        """Edge of a voxel."""
        return float(np.linalg.norm(self.affine[:3, 0]))

    @cached_property
    def distances_mm(self) -> np.ndarray:
        """Distance of each voxel from the tissue, float32 ``[k, j, i]``; 0 in it and in its hollows."""
        # Half a second to import, for all of the package.
        from scipy.ndimage import binary_fill_holes, distance_transform_edt

        if not self.tissue.any():
            return np.zeros(self.tissue.shape, np.float32)
        filled = binary_fill_holes(self.tissue)
        found: np.ndarray = distance_transform_edt(~filled, sampling=self.spacing_mm)
        return found.astype(np.float32)

    def are_outside(self, positions_lps: np.ndarray, tolerance_mm: float) -> np.ndarray:
        """Which of the positions ``[n, 3]`` (LPS mm) lie further than ``tolerance_mm`` from tissue."""
        inverse = np.linalg.inv(self.affine)
        index = np.asarray(positions_lps) @ inverse[:3, :3].T + inverse[:3, 3]
        last = np.array(self.tissue.shape[::-1]) - 1
        within = index.clip(0, last)
        i, j, k = within.round().astype(int).T
        beyond_mm = np.linalg.norm(index - within, axis=1) * self.spacing_mm
        outside: np.ndarray = self.distances_mm[k, j, i] + beyond_mm > tolerance_mm * 1.001
        return outside
