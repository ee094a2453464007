"""Whether a lesion map lies in standard space, as far as its header and the template's brain tell."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from fusion3d_gui.imaging.template import template_values
from fusion3d_gui.imaging.volume import Volume

#: Axes that are turned by more than this (sine of the angle) are a scanner's.
_MOST_TILT = 0.01
#: A map's field reaches this box (LPS mm), most of the template's cerebrum, and is no longer than this.
_LEAST_BOX = (np.array([-62.0, -62.0, -40.0]), np.array([62.0, 96.0, 72.0]))
_LONGEST_EDGE_MM = 260.0
#: Voxel edges may differ by this share: templates have cubic voxels, scans mostly not.
_MOST_ANISOTROPY = 0.02
#: Least share of the lesion that lies in the template's brain, or within this reach of it.
_LEAST_IN_BRAIN, _REACH_MM = 0.75, 4.0
#: Voxels of the lesion that are looked at, about.
_MOST_VOXELS = 20_000


def standard_space_faults(volume: Volume) -> Iterator[str]:
    """Why a lesion map can't be in standard space (MNI152); nothing where nothing speaks against it.

    That it was registered well can't be seen from this.
    """
    if volume.modality:
        yield "The map is a DICOM object of a scan, not one in standard space."
        return
    axes = volume.affine[:3, :3] / np.linalg.norm(volume.affine[:3, :3], axis=0)
    off_axis = np.sort(np.abs(axes), axis=0)[:2]
    if off_axis.max() > _MOST_TILT:
        angle = np.degrees(np.arcsin(min(1.0, float(np.linalg.norm(off_axis, axis=0).max()))))
        yield f"The map's axes are tilted by {angle:.0f}°; in standard space they are the template's."
        return
    edges = np.array(volume.spacing_mm)
    if edges.max() > edges.min() * (1 + _MOST_ANISOTROPY):
        text = " × ".join(f"{edge:.3g}" for edge in edges)
        yield f"The map's voxels measure {text} mm; in standard space they are cubes."
        return
    low, high = volume.bounds_lps
    if (low > _LEAST_BOX[0]).any() or (high < _LEAST_BOX[1]).any():
        yield "The map's field does not cover the template's brain, so that it is not in standard space."
        return
    if (high - low).max() > _LONGEST_EDGE_MM:
        yield f"The map's field is {(high - low).max():.0f} mm long; no template is."
        return
    share = _share_in_brain(volume)
    if share is not None and share < _LEAST_IN_BRAIN:
        yield (
            f"Only {100 * share:.0f} % of the lesion lies in the template's brain, so that the map is not in "
            "standard space."
        )


def _share_in_brain(volume: Volume) -> float | None:
    """Share of the lesion's voxels that lie in the template's brain or just beside it; None without a lesion."""
    kji = np.argwhere(volume.real(volume.voxels) != 0)
    if not len(kji):
        return None
    places = volume.to_lps(kji[:: max(1, len(kji) // _MOST_VOXELS), ::-1])
    steps = np.array([(0, 0, 0), *np.eye(3), *-np.eye(3)]) * _REACH_MM
    near = np.stack([template_values(places + step) > 0 for step in steps])
    return float(near.any(axis=0).mean())
