"""``middle_of_largest_part``: the place in a mask to look at first."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import label


def middle_of_largest_part(inside: np.ndarray) -> np.ndarray:
    """Index (k, j, i) of the voxel nearest to the mean of a mask's largest connected part, in that part.

    Parameters
    ----------
    inside
        bool ``[k, j, i]``, not empty. Voxels that share a face are connected.
    """
    parts, count = label(inside)
    largest = 1 + int(np.argmax(np.bincount(parts.ravel(), minlength=count + 1)[1:]))
    kji = np.argwhere(parts == largest)
    nearest: np.ndarray = kji[np.argmin(((kji - kji.mean(axis=0)) ** 2).sum(axis=1))]
    return nearest
