"""``view``: a scan with heat and masks in a notebook."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from fusion3d_gui import RESEARCH_USE_ONLY
from fusion3d_gui.imaging.labels.scan_object import Mask
from fusion3d_gui.imaging.notebook import HEAT_OPACITY, HEAT_THRESHOLD, facts_of_grid
from fusion3d_gui.imaging.reslice.acquisition import nearest_axes
from fusion3d_gui.imaging.volume import Volume
from fusion3d_gui.inference.prediction import Heatmap
from fusion3d_gui.notebook.caption import caption, heat_legend, mask_legend
from fusion3d_gui.notebook.extra import need_packages
from fusion3d_gui.notebook.layers import crosshair_share, heat_layer, mask_layers, scan_layer
from fusion3d_gui.notebook.masks import Masks, masks_of_arrays

if TYPE_CHECKING:
    from fusion3d_gui.notebook.scan_view import ScanView

#: A scan turned by less is said to lie along the patient's axes.
_PLUMB_DEGREES = 2.0


def view(
    volume: Volume,
    heat: Heatmap | Volume | None = None,
    masks: Sequence[Mask] | Mapping[str, np.ndarray] = (),
) -> ScanView:
    """Show a scan in a notebook, with heat and masks over it; drawn by NiiVue in the browser.

    The browser gets voxels and their positions, nothing else of the scan's files; scans of more than 16 million
    voxels are averaged for it. Left on the screen is the patient's right.

    Parameters
    ----------
    volume
        The scan.
    heat
        A prediction's ``heatmap``, or a map that :func:`~fusion3d_gui.api.open_volume` read from a file.
    masks
        Returned by :func:`~fusion3d_gui.notebook.masks.read_masks`, or arrays ``[k, j, i]`` of the scan's
        shape by name, not 0 inside.

    Returns
    -------
    ScanView
        A widget, see :class:`~fusion3d_gui.notebook.scan_view.ScanView`.

    Raises
    ------
    UserError
        The extra ``[notebook]`` is not installed, a mask has another shape than the scan, or too many masks
        overlap.
    """
    title = " ".join(word for word in (volume.modality, "volume") if word)
    facts = facts_of_grid(volume.voxels.shape, volume.spacing_mm)
    in_unit = (f"in {volume.unit}",) if volume.unit else ()
    return view_with_words(volume, heat, masks, title, (*facts, *in_unit))


def view_with_words(
    volume: Volume,
    heat: Heatmap | Volume | None,
    masks: Sequence[Mask] | Mapping[str, np.ndarray],
    title: str,
    facts: Sequence[str],
    notices: Sequence[str] = (),
) -> ScanView:
    """:func:`view` with a title, facts and notices of its own below the images."""
    need_packages("a view", "ipyniivue")
    from fusion3d_gui.notebook.scan_view import ScanView

    found = masks_of_arrays(masks, volume) if isinstance(masks, Mapping) else masks
    said = [each.sentence for each in volume.warnings]
    said += [*notices, *(found.notices if isinstance(found, Masks) else ())]
    scan = scan_layer(volume)
    grid, layers, legend = scan.image, [scan], []
    tilt = _tilt_degrees(volume)
    if tilt > _PLUMB_DEGREES:
        said.append(
            f"The planes are those of the scan, {tilt:.0f}° off the patient's: letters name the nearest side."
        )
    if grid.shape != volume.shape:
        size, spacing = facts_of_grid(grid.shape, grid.spacing_mm)
        said.append(f"Shown averaged, {size}, {spacing}.")
    middle = volume.center_lps
    if found:
        over, lost = mask_layers(found, grid)
        layers += over
        legend.append(mask_legend(found))
        said += [f"The mask {name} holds no voxel of the scan as it is shown." for name in lost]
        middle = found[0].inner_lps
    if heat is not None:
        grid_of_heat = heat.as_volume if isinstance(heat, Heatmap) else heat
        layers.append(heat_layer(grid_of_heat, grid, HEAT_THRESHOLD, HEAT_OPACITY))
        legend.insert(0, heat_legend(_peak_text(heat), HEAT_THRESHOLD))
        middle = _peak_lps(grid_of_heat)
    over_scan = ["heat"] if heat is not None else []
    over_scan += [f"{len(found)} mask{'s' if len(found) > 1 else ''}"] if found else []
    words = f"View of the scan{' with ' if over_scan else ''}{' and '.join(over_scan)}"
    return ScanView(
        layers,
        caption(title, facts, legend, said),
        crosshair_share(grid, middle),
        f"{words}. {RESEARCH_USE_ONLY}.",
    )


def _tilt_degrees(volume: Volume) -> float:
    """Largest angle between an axis of the array and the axis of the patient that is nearest to it."""
    linear = volume.affine[:3, :3] / np.linalg.norm(volume.affine[:3, :3], axis=0)
    nearest = [abs(float(linear[row, axis])) for row, axis in enumerate(nearest_axes(linear))]
    return float(np.degrees(np.arccos(min(1.0, *nearest))))


def _peak_text(heat: Heatmap | Volume) -> str:
    if isinstance(heat, Heatmap):
        return heat.peak_text
    return f"peak {float(heat.real().max()):.3g} {heat.unit}".strip()


def _peak_lps(heat: Volume) -> np.ndarray:
    """Patient position (mm, LPS) of the largest value."""
    k, j, i = np.unravel_index(int(heat.voxels.argmax()), heat.shape)
    return heat.to_lps(np.array([i, j, k]))
