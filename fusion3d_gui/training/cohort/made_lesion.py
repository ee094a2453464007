"""A made-up stroke: a lesion map in standard space, drawn in a typical territory; no patient's."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import binary_opening, label

from fusion3d_gui.imaging.simulated import SIMULATED_ATTRIBUTES
from fusion3d_gui.imaging.template import template_volume
from fusion3d_gui.imaging.volume import Volume
from fusion3d_gui.training.cohort.spline_field import SplineField

#: Middle (LPS mm: left, back, up) and half axes (mm) of the left insula and the operculum above it.
_MIDDLE, _HALF_AXES_MM = np.array([40.0, -2.0, 10.0]), np.array([15.0, 25.0, 17.0])
#: How far the border strays from the ellipsoid, as a share of its half axes, and over how many mm.
_RAGGED, _STEP_MM = 0.35, 9.0
#: The template is darker than this in the fluid between the gyri (0..255).
_FLUID = 70


def made_stroke(seed: int) -> Volume:
    """A lesion map (uint8, 2 mm, on the template's grid) of a left insular stroke, marked as simulated."""
    brain = template_volume()
    k, j, i = (np.arange(size) for size in brain.shape)
    x, y, z = (brain.affine[n, 3] + brain.affine[n, n] * axis for n, axis in enumerate((i, j, k)))
    field = SplineField.draw(
        np.random.default_rng(seed), center=_MIDDLE, reach_mm=60.0, step_mm=_STEP_MM, channels=1
    )
    away = np.sqrt(
        ((x[None, None, :] - _MIDDLE[0]) / _HALF_AXES_MM[0]) ** 2
        + ((y[None, :, None] - _MIDDLE[1]) / _HALF_AXES_MM[1]) ** 2
        + ((z[:, None, None] - _MIDDLE[2]) / _HALF_AXES_MM[2]) ** 2
    )
    inside = away + _RAGGED * field.on_grid(x, y, z)[..., 0] < 1
    inside &= (away < 1.6) & (brain.voxels > _FLUID)
    parts, count = label(binary_opening(inside))
    largest = 1 + int(np.argmax(np.bincount(parts.ravel(), minlength=count + 1)[1:]))
    return Volume(
        voxels=(parts == largest).astype(np.uint8),
        affine=brain.affine,
        attributes=SIMULATED_ATTRIBUTES,
    )
