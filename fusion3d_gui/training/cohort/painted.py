"""``paint_lesion``: a patient's lesion, painted into the template's brain as diffusion or FLAIR would show it.

Real is the lesion: its shape and its place in standard space, both from its map. Simulated is all else: the brain is the
MNI152 T1 template, deformed as in :mod:`~fusion3d_gui.training.cohort.anatomy`, its grey values are exchanged for those of
the contrast, and the lesion's brightness is drawn. There is no swelling and no displacement of tissue, no earlier stroke,
no white matter disease, no artefact of echo-planar imaging, and no skull.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple, get_args

import numpy as np
from scipy.ndimage import map_coordinates, uniform_filter

from fusion3d_gui.imaging.simulated import PAINTED_ATTRIBUTES
from fusion3d_gui.imaging.volume import Volume
from fusion3d_gui.training.cohort.anatomy import TEMPLATE_CENTER, Acquisition, Anatomy
from fusion3d_gui.training.cohort.generate import FIELD_OF_VIEW_MM
from fusion3d_gui.training.cohort.spline_field import SplineField

ContrastName = Literal["diffusion", "FLAIR"]
CONTRAST_NAMES: tuple[ContrastName, ...] = get_args(ContrastName)

#: What every table, card and page of such a cohort says.
WHAT_IS_REAL = (
    "Real are each lesion, its place in standard space, the clinical values and the outcome, all of one patient. "
    "Simulated are the brain (the MNI152 template, deformed at random or as it is), the contrast and the lesion's "
    "brightness: no scanner made these scans."
)

#: From this share of lesion on, a voxel belongs to the mask.
_LEAST_SHARE = 0.5
#: Grey values of the template from fluid to tissue: how much of a voxel is not fluid.
_FLUID, _TISSUE = 0.30, 0.60
#: Brightness of fluid within a lesion, as a share of the lesion's: sulci and ventricles that its map includes.
_FLUID_BRIGHTNESS = 0.55
#: Outside the template's brain a lesion is taken for grey matter: this patient's brain was larger there.
_GREY = 0.65
#: Distance of the control points of a lesion's texture, and its standard deviation.
_TEXTURE_STEP_MM, _TEXTURE = 7.0, 0.09
_SLAB = 16


@dataclass(frozen=True)
class Contrast:
    """How a contrast shows tissue and lesion.

    Parameters
    ----------
    shown
        Signal (about 0..1) of the template's grey values of :data:`_TEMPLATE_VALUES`: outside, fluid (two), grey matter, white
        matter, the template's brightest.
    lesion
        Least and greatest signal of a lesion.
    noise
        Factor on the noise of :class:`~fusion3d_gui.training.cohort.anatomy.Acquisition`.
    """

    shown: tuple[float, ...]
    lesion: tuple[float, float]
    noise: float


_TEMPLATE_VALUES = (0.0, 0.25, 0.38, 0.65, 0.87, 1.0)
#: Fluid is dark in both, grey matter brighter than white. An acute infarct is 1.8 to 3 times as bright as tissue with
#: b = 1000 s/mm²; on FLAIR, days later, 1.4 to 1.9 times.
CONTRASTS: Mapping[ContrastName, Contrast] = {
    "diffusion": Contrast((0.03, 0.10, 0.16, 0.46, 0.38, 0.34), (0.80, 1.25), 1.4),
    "FLAIR": Contrast((0.03, 0.08, 0.14, 0.58, 0.46, 0.42), (0.72, 0.95), 1.0),
}


class PaintedScan(NamedTuple):
    """A scan with a lesion, and the lesion's mask (bool) on its voxels [k, j, i]; ``anatomy`` is what was drawn."""

    volume: Volume
    lesion_mask: np.ndarray
    anatomy: Anatomy


def paint_lesion(
    lesion: Volume,
    contrast: ContrastName,
    spacing_mm: float,
    seed: np.random.SeedSequence,
    *,
    deformed: bool = True,
) -> PaintedScan:
    """Paint a lesion map into the template.

    Voxel x of the scan shows the template and the lesion at T(x), with T the anatomy's map from scan to template, whose
    origin is the middle of the template's brain. Not deformed, T(x) = x: the scan is in standard space and the mask is
    the lesion map on the scan's voxels.

    Parameters
    ----------
    lesion
        In standard space (MNI152); lesion where it is not 0.
    spacing_mm
        Voxel size, the same along all axes.
    seed
        Of everything that is drawn.
    deformed
        Whether an anatomy is drawn.

    Returns
    -------
    PaintedScan
        int16 signal, 0 outside the brain. The mask holds the voxels of which at least half is lesion; of a lesion for
        which there is none, the voxel with the largest share.
    """
    drawn, scanned, noised, painted = map(np.random.default_rng, seed.spawn(4))
    anatomy = Anatomy.draw_varied(drawn) if deformed else Anatomy.of_template()
    look = CONTRASTS[contrast]
    scanner = Acquisition.draw(scanned)
    scanner = replace(scanner, noise=look.noise * scanner.noise)
    texture = SplineField.draw(
        painted, center=np.zeros(3), reach_mm=110, step_mm=_TEXTURE_STEP_MM, channels=1
    ).scaled(_TEXTURE)
    brightness = painted.uniform(*look.lesion)

    counts = [round(edge / spacing_mm) for edge in FIELD_OF_VIEW_MM]
    # A voxel's centre lies on the origin, so that at 1 mm these are voxels of the templates that are used at 1 mm.
    to_left, to_back, up = (spacing_mm * (np.arange(count) - count // 2) for count in counts)
    # The first two axes run to the right and to the front, so that the NIfTI header is RAS.
    x, y, z = to_left[::-1], to_back[::-1], up
    share_of = _averaged(lesion, spacing_mm)
    voxels = np.empty((len(z), len(y), len(x)), dtype=np.int16)
    share = np.empty(voxels.shape, dtype=np.float32)
    # Slab by slab: at 1 mm the coordinates of all voxels at once would need gigabytes.
    for start in range(0, len(z), _SLAB):
        slab = slice(start, start + _SLAB)
        shown, brain = anatomy.on_grid(x, y, z[slab])
        places = lesion.to_index(anatomy.template_positions(x, y, z[slab]))
        share[slab] = part = map_coordinates(
            share_of, np.moveaxis(places, -1, 0)[::-1], order=1, cval=0.0
        )
        shown = np.where(brain, shown, np.where(part >= _LEAST_SHARE, _GREY, 0.0))
        signal = np.interp(shown, _TEMPLATE_VALUES, look.shown)
        solid = np.clip((shown - _FLUID) / (_TISSUE - _FLUID), 0, 1)
        bright = brightness * (_FLUID_BRIGHTNESS + (1 - _FLUID_BRIGHTNESS) * solid)
        bright = bright * (1 + texture.on_grid(x, y, z[slab])[..., 0])
        signal = (1 - part) * signal + part * bright
        made = scanner.signal(signal, (x, y, z[slab]), noised)
        voxels[slab] = np.rint(np.where(shown > 0, made, 0))
    affine = np.diag([-spacing_mm, -spacing_mm, spacing_mm, 1.0])
    affine[:3, 3] = np.array([x[0], y[0], z[0]]) + TEMPLATE_CENTER
    scan = Volume(
        voxels=voxels,
        affine=affine,
        modality="MR",
        description=f"{contrast} (painted)",
        attributes=PAINTED_ATTRIBUTES,
    )
    return PaintedScan(scan, _mask(share), anatomy)


def _averaged(lesion: Volume, spacing_mm: float) -> np.ndarray:
    """Share of lesion about each voxel of the map, float32 [k, j, i]: over a cube as large as the scan's voxels."""
    inside = (lesion.real(lesion.voxels) != 0).astype(np.float32)
    size = [max(1, round(spacing_mm / edge)) for edge in lesion.spacing_mm[::-1]]
    averaged: np.ndarray = uniform_filter(inside, size, mode="constant")
    return averaged


def _mask(share: np.ndarray) -> np.ndarray:
    mask: np.ndarray = share >= _LEAST_SHARE
    if not mask.any() and share.any():
        mask.flat[int(share.argmax())] = True
    return mask
