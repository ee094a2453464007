"""``map_distances``: how far the peak of each case's heatmap lies from the centre of its lesion."""

from __future__ import annotations

import numpy as np

from fusion3d_gui.errors import UserError
from fusion3d_gui.imaging.files.nifti import read_nifti
from fusion3d_gui.inference.case_list.case_list import CaseList
from fusion3d_gui.progress import Progress, no_progress

#: Columns of the lesion's centre (mm, LPS), as the simulated cohort has them; also in a table of results.
CENTER_COLUMNS = ("lesion_x_lps_mm", "lesion_y_lps_mm", "lesion_z_lps_mm")
#: Larger heatmaps are no heatmaps of a table.
_MOST_VOXELS = 50_000_000


def can_measure(cases: CaseList) -> bool:
    """Whether there are heatmaps, and columns with the lesions' centres."""
    has_centers = all(name in cases.columns and cases.is_number(name) for name in CENTER_COLUMNS)
    return has_centers and any(each is not None for each in cases.heatmaps)


def map_distances(cases: CaseList, progress: Progress = no_progress) -> np.ndarray:
    """Distances (mm), float64 ``[n]``; NaN where there is no heatmap that can be read, no peak or no lesion."""
    centers = np.stack([cases.columns[name] for name in CENTER_COLUMNS], axis=1)
    found = np.full(cases.count, np.nan)
    for row, path in enumerate(cases.heatmaps):
        progress(row / cases.count, "Measuring the heatmaps")
        if path is None or np.isnan(centers[row]).any():
            continue
        try:
            volume = read_nifti(path)
        except UserError:
            continue
        values = volume.real()
        if values.size > _MOST_VOXELS or not float(values.max()) > 0:
            continue
        k, j, i = np.unravel_index(int(values.argmax()), values.shape)
        found[row] = np.linalg.norm(volume.to_lps(np.array([i, j, k])) - centers[row])
    return found
