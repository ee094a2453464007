"""The MNI152 T1 template that ships with the program: what maps in standard space lie on."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np

from fusion3d_gui.imaging.reslice.resample import resample_to_grid
from fusion3d_gui.imaging.scan_warning import ScanWarning
from fusion3d_gui.imaging.volume import Volume
from fusion3d_gui.shipped import resources_dir

#: Grey values (0..255): of the template's brightest tissue; of lesion, with this share of the template's texture.
_BRAIN_SHADE, _LESION_SHADE, _TEXTURE = 0.55, 190.0, 0.25

BACKDROP_WARNING = ScanWarning(
    "brain: MNI152 template", "The grey brain is the MNI152 template, not this patient's."
)


@cache
def template_volume() -> Volume:
    """The skull-stripped MNI152 T1 template at 2 mm; 0 outside the brain.

    Raises UserError where it is not installed.
    """
    from fusion3d_gui.imaging.files.nifti import read_nifti

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


def on_template(lesion_map: Volume) -> Volume:
    """A picture (uint8) of a lesion map in standard space: the template in grey, the lesion bright over it.

    It has the map's grid, identity and notices, and a warning that the brain is not the patient's.
    """
    shade, _ = resample_to_grid(template_volume(), lesion_map.affine, lesion_map.shape)
    lesion = lesion_map.real(lesion_map.voxels) != 0
    picture = np.where(lesion, _LESION_SHADE + _TEXTURE * shade, _BRAIN_SHADE * shade)
    return replace(
        lesion_map,
        voxels=np.clip(np.round(picture), 0, 255).astype(np.uint8),
        slope=1.0,
        intercept=0.0,
        unit="",
        warnings=(*lesion_map.warnings, BACKDROP_WARNING),
    )
