"""The MNI152 T1 template that ships with the program: what maps in standard space lie on."""

from __future__ import annotations

from functools import cache

import numpy as np

from fusion3d_gui.imaging.files.nifti import read_nifti
from fusion3d_gui.imaging.volume import Volume
from fusion3d_gui.shipped import resources_dir


@cache
def template_volume() -> Volume:
    """The skull-stripped MNI152 T1 template at 2 mm; 0 outside the brain.

    Raises UserError where it is not installed.
    """
    return read_nifti(resources_dir() / "template" / "mni152.nii.gz")


def template_values(places_lps: np.ndarray) -> np.ndarray:
    """The template's values at places [n, 3] (LPS mm) by the nearest voxel, [n]; 0 beyond it."""
    template = template_volume()
    ijk = np.round(template.to_index(places_lps)).astype(int)
    kji = ijk[:, ::-1]
    inside = ((kji >= 0) & (kji < template.shape)).all(axis=1)
    found = np.zeros(len(kji), template.voxels.dtype)
    found[inside] = template.voxels[tuple(kji[inside].T)]
    return found
