"""Texture features of an input image, to detect scans of another kind: contrast, sharpness, skull.

They say how grey values spread and how they vary over 3 to 8 voxels, and nothing about where: so a real brain
differs from a simulated one that has the same outline. What varies over fewer voxels is mostly noise, which
depends on the size of the scan's own voxels, and is left out.
"""

from __future__ import annotations

import numpy as np

#: Standard deviations, in voxels, of the smoothings between which the bands of the texture lie.
_SCALES = (0.7, 1.4, 2.8)
#: A voxel whose surroundings are tissue to this share belongs to the core; the rest of tissue is its rim.
_CORE_SHARE = 0.95
_CORE_SCALE = 1.0
#: Fewer voxels than this make no core: all of the tissue is looked at.
_LEAST_CORE = 500
_LEVELS = (0.02, 0.1, 0.25, 0.5, 0.75, 0.9, 0.98)
_SMALL = 1e-4

#: Typical deviations among ordinary brains, by which the features are divided: spread of the finest band;
#: middle, tails and skewness of a band; a grey level; shares of core and tissue; the coarsest deviation.
_SPREAD_UNIT, _BAND_UNITS, _LEVEL_UNIT, _REST_UNITS = (
    0.1,
    (0.05, 0.05, 0.3),
    0.08,
    (0.05, 0.05, 0.02),
)
_UNITS = np.array(
    [
        _SPREAD_UNIT,
        *_BAND_UNITS * (len(_SCALES) - 1),
        *(_LEVEL_UNIT,) * len(_LEVELS),
        *_REST_UNITS,
    ]
)

#: Number of the features.
TEXTURE_SIZE = len(_UNITS)


def texture_features(voxels: np.ndarray, tissue: np.ndarray) -> np.ndarray:
    """Statistics of the bands and of the grey values of tissue.

    For each band, the difference of two Gaussian-smoothed images (smoothed over tissue alone), in the core
    of the tissue: logarithms of the ranges from the 25th to the 75th and from the 2nd to the 98th percentile,
    over the standard deviation; skewness. Of the finest band alone the logarithm of the standard deviation:
    its ratio to the next band's says how large the scan's own voxels were. Then percentiles of the core's grey
    values, logarithms of the shares of core and tissue in the grid, and the standard deviation of
    the core at the coarsest scale. Each is in units of its typical deviation among ordinary brains.

    Parameters
    ----------
    voxels
        The network's input, float32 ``[k, j, i]``, as made by
        :class:`~fusion3d_gui.model.preprocessing.Preprocessing`.
    tissue
        Mask of its tissue, bool ``[k, j, i]``.

    Returns
    -------
    numpy.ndarray
        float32 ``[TEXTURE_SIZE]``; of all zeros where there is no tissue.
    """
    if not tissue.any():
        return np.zeros(TEXTURE_SIZE, dtype=np.float32)
    values = np.asarray(voxels, dtype=np.float32) * tissue
    share = tissue.astype(np.float32)
    core = _smooth(share, _CORE_SCALE) > _CORE_SHARE
    if core.sum() < _LEAST_CORE:
        core = tissue
    found: list[float] = []
    finer = None
    for scale in _SCALES:
        weight = np.maximum(_smooth(share, scale), 1e-3)
        coarser = np.where(tissue, _smooth(values, scale) / weight, 0)
        if finer is not None:
            band = (finer - coarser)[core]
            deviation = float(band.std()) + _SMALL
            if not found:
                found.append(float(np.log(deviation)))
            found += _form(band / deviation)
        finer = coarser
    found += np.quantile(values[core], _LEVELS).tolist()
    found += [
        np.log(core.mean() + _SMALL),
        np.log(tissue.mean() + _SMALL),
        coarser[core].std(),
    ]
    features: np.ndarray = (np.array(found) / _UNITS).astype(np.float32)
    return features


def _smooth(values: np.ndarray, scale: float) -> np.ndarray:
    # Imported where it is used: the window starts without scipy.
    from scipy.ndimage import gaussian_filter

    smooth: np.ndarray = gaussian_filter(values, scale, truncate=2.5)
    return smooth


def _form(values: np.ndarray) -> list[float]:
    """Middle, tails and skewness of a band's values [n] of unit standard deviation."""
    low, first, third, high = np.quantile(values, (0.02, 0.25, 0.75, 0.98))
    return [
        float(np.log(third - first + _SMALL)),
        float(np.log(high - low + _SMALL)),
        float(np.mean((values - values.mean()) ** 3)),
    ]
