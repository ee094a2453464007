"""``lesion_in_standard_space``: a patient's scan with a lesion, brought onto the template."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.ndimage import binary_dilation

from fusion3d_gui.errors import UserError
from fusion3d_gui.imaging.registration.register import register
from fusion3d_gui.imaging.registration.registration import Registration
from fusion3d_gui.imaging.registration.resampled import on_grid_of
from fusion3d_gui.imaging.reslice.resample import resample_to_grid
from fusion3d_gui.imaging.template import template_volume
from fusion3d_gui.imaging.volume import Volume
from fusion3d_gui.progress import Progress, no_progress, part_of

#: About the lesion the scan differs from the template, too: this is not compared.
_MARGIN_MM = 6.0
_RIM_MM = 6.0
_EDGE_MM = 1.0


@dataclass(frozen=True, eq=False)
class StandardLesion:
    """A lesion in standard space, and what a reader needs to check it.

    Parameters
    ----------
    lesion_map
        uint8, 1 mm, the template's field; with the scan's attributes, but for its modality and identifiers.
    scan
        The scan on the same grid, to be seen beside the template.
    registration
        From the template to the scan.
    left_share
        Share (0..1) of the lesion's volume to the patient's left of the middle plane.
    """

    lesion_map: Volume
    scan: Volume
    registration: Registration
    left_share: float

    @property
    def side_text(self) -> str:
        """Where the lesion lies, in words to be compared with the scan's letters."""
        share = round(100 * max(self.left_share, 1 - self.left_share))
        side = "left" if self.left_share >= 0.5 else "right"
        return f"{share} % of the lesion lies on the patient's {side}."


def lesion_in_standard_space(
    scan: Volume, lesion: np.ndarray, progress: Progress = no_progress
) -> StandardLesion:
    """Register a scan to MNI152 (affine, mutual information), without its lesion, and carry the lesion over.

    Parameters
    ----------
    scan
        Of a head, with or without skull; any orientation and modality.
    lesion
        bool ``[k, j, i]`` of the scan's shape.

    Raises
    ------
    UserError
        The mask is empty, or the scan can't be registered.
    """
    if not lesion.any():
        raise UserError("the mask holds no lesion", path=scan.path)
    template = template_volume()
    # Scans with a skull need the brain alone to be compared; where the scan has none, that may shrink the brain
    # into its own interior. Either failure shows in the way back.
    rim = _grown(template.voxels > 0, template, _RIM_MM)
    tried: list[Registration] = []
    for number, fixed_mask in enumerate((rim, None)):
        found = register(
            template,
            scan,
            kind="affine",
            fixed_mask=fixed_mask,
            moving_mask=~_grown(lesion, scan, _MARGIN_MM),
            progress=part_of(progress, 0.45 * number, 0.45 * (number + 1)),
        )
        tried.append(found)
        if not found.doubt:
            break
    found = tried[-1] if not tried[-1].doubt else tried[0]
    low, high = template.bounds_lps
    shape = tuple(int(n) for n in np.ceil((high - low) / _EDGE_MM)[::-1])
    affine = np.diag([_EDGE_MM, _EDGE_MM, _EDGE_MM, 1.0])
    affine[:3, 3] = low + _EDGE_MM / 2
    grid = Volume(voxels=np.zeros(shape, np.uint8), affine=affine)
    marked = replace(scan, voxels=lesion.astype(np.uint8), slope=1.0, intercept=0.0, padding=None)
    share, _ = resample_to_grid(found.onto_fixed(marked), affine, grid.shape)
    inside = share >= 0.5
    if not inside.any():
        raise UserError(
            "nothing of the lesion lies in the template's field after registration",
            path=scan.path,
            remedy="Check scan and mask; they may not be of a head.",
        )
    left = affine[0, 3] + affine[0, 0] * np.arange(grid.shape[2]) > 0
    return StandardLesion(
        replace(
            grid,
            voxels=inside.astype(np.uint8),
            description=scan.description,
            attributes=scan.attributes,
        ),
        on_grid_of(grid, scan, found, part_of(progress, 0.9, 1.0)),
        found,
        float(inside[..., left].sum() / inside.sum()),
    )


def union_on(parts: Sequence[Volume], scan: Volume) -> np.ndarray:
    """The union, bool ``[k, j, i]``, of masks that lie on a scan's grid, each cropped to what is inside."""
    union = np.zeros(scan.shape, dtype=bool)
    for part in parts:
        i, j, k = np.rint(scan.to_index(part.affine[:3, 3])).astype(int)
        size = part.shape
        union[k : k + size[0], j : j + size[1], i : i + size[2]] |= part.voxels > 0
    return union


def _grown(inside: np.ndarray, grid: Volume, reach_mm: float) -> np.ndarray:
    """A mask grown by a distance, along each axis by whole voxels."""
    k, j, i = (max(1, round(reach_mm / mm)) for mm in grid.spacing_mm)
    away = np.stack(np.meshgrid(*(np.arange(-n, n + 1) / n for n in (k, j, i)), indexing="ij"))
    grown: np.ndarray = binary_dilation(inside, (away**2).sum(axis=0) <= 1)
    return grown
