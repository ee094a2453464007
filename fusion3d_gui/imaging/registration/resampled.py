"""``on_grid_of``: a registered scan on the voxels of the scan that it was registered to, and their difference."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from fusion3d_gui.imaging.registration.registration import Registration
from fusion3d_gui.imaging.reslice.resample import resample_to_grid
from fusion3d_gui.imaging.volume import Volume
from fusion3d_gui.progress import Progress, no_progress


def on_grid_of(
    fixed: Volume, moving: Volume, found: Registration, progress: Progress = no_progress
) -> Volume:
    """The moving scan's real values on the fixed scan's grid, float32, interpolated linearly.

    Beyond its field of view stands the lowest of its values. It keeps its own attributes; what depends on its
    slices (missing ones, numbers of images) is gone.
    """
    values, inside = resample_to_grid(
        found.onto_fixed(moving), np.array(fixed.affine), fixed.shape, progress
    )
    # An affine map moves the outermost voxels of the grid by rounding: half a voxel is still inside.
    lowest = float(values[inside > 0].min()) if (inside > 0).any() else float(values.min())
    return replace(
        moving,
        voxels=np.where(inside > 0, values, np.float32(lowest)),
        affine=fixed.affine,
        slope=1.0,
        intercept=0.0,
        padding=None,
        missing=(),
        image_numbers=(),
        slice_locations_mm=(),
        interpolated_from=0,
    )
