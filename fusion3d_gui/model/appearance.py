"""Appearance features of an input image, to detect scans that are upside down, cropped or of another kind.

The network's embedding is not suited to this: trained to discriminate findings, it may have discarded
whatever does not vary in training (such as which way up a head is). In bundle files the features are
called ``glance``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

#: Approximate edge of a coarse cell in voxels of the network's input (22 mm at a spacing of 2.75 mm).
_CELL = 8
#: Histogram: number of bins, over standardised intensities from -4 to 4.
_BINS, _REACH = 32, 4.0
#: Weights of a tissue fraction (0..1) and of the square root of a histogram bin (0..1), relative to a mean
#: intensity, whose standard deviation over tissue is 1.
_TISSUE_WEIGHT, _HISTOGRAM_WEIGHT = 2.0, 4.0


def appearance_features(voxels: np.ndarray, tissue: np.ndarray) -> np.ndarray:
    """Weighted mean intensities and tissue fractions of coarse cells, and tissue's histogram.

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
        float32 ``[D]``; see :func:`appearance_size`.
    """
    values = np.asarray(voxels, dtype=np.float32)
    inside = values[tissue]
    counts = np.histogram(inside, _BINS, (-_REACH, _REACH))[0]
    # Square roots of bin fractions: their Euclidean distance is proportional to the Hellinger distance.
    spread = np.sqrt(counts / max(1, inside.size))
    parts = (
        _coarse(values),
        _TISSUE_WEIGHT * _coarse(tissue.astype(np.float32)),
        _HISTOGRAM_WEIGHT * spread,
    )
    return np.concatenate([part.ravel() for part in parts]).astype(np.float32)


def appearance_size(shape_kji: tuple[int, int, int]) -> int:
    """Length D of :func:`appearance_features` for an input grid."""
    cells = [_cells(size) for size in shape_kji]
    return 2 * cells[0] * cells[1] * cells[2] + _BINS


@dataclass(frozen=True, eq=False)
class AppearanceStatistics:
    """Distribution of the training cases' appearance features, and the validation cases' distances.

    ``mean`` [D], ``directions`` [K, D], ``variances`` [K] and ``residual_variance`` as in
    :class:`~fusion3d_gui.model.reference.Reference`; ``validation_distance`` [n] holds
    :meth:`distance` of cases that were not trained on.
    """

    mean: np.ndarray
    directions: np.ndarray
    variances: np.ndarray
    residual_variance: float
    validation_distance: np.ndarray

    @staticmethod
    def layout(shape_kji: tuple[int, int, int]) -> dict[str, tuple[int | str, ...]]:
        """Names and shapes of the appearance arrays in a bundle's reference file."""
        size = appearance_size(shape_kji)
        return {
            "glance_mean": (size,),
            "glance_directions": ("g", size),
            "glance_variances": ("g",),
            "glance_validation_distance": ("n",),
        }

    @classmethod
    def read(
        cls, plain: Mapping[str, Any], arrays: Mapping[str, np.ndarray]
    ) -> AppearanceStatistics:
        """Read from a reference's configuration and arrays.

        Raises KeyError, TypeError or ValueError where they are invalid.
        """
        residual = float(plain["glance"]["residual_variance"])
        if not (residual > 0 and np.isfinite(residual) and (arrays["glance_variances"] > 0).all()):
            raise ValueError("a variance of the appearance features is not above 0")
        return cls(
            arrays["glance_mean"],
            arrays["glance_directions"],
            arrays["glance_variances"],
            residual,
            arrays["glance_validation_distance"],
        )

    def distance(self, features: np.ndarray) -> np.ndarray:
        """Mahalanobis distance [n] of appearance features [n, D] from the training cases."""
        return mahalanobis(
            features, self.mean, self.directions, self.variances, self.residual_variance
        )

    def percentile(self, distance: float) -> float:
        """Percentage of validation cases that lie nearer to the training cases than ``distance``."""
        return float(100 * np.mean(self.validation_distance < distance))


def mahalanobis(
    points: np.ndarray,
    mean: np.ndarray,
    directions: np.ndarray,
    variances: np.ndarray,
    residual_variance: float,
) -> np.ndarray:
    """Mahalanobis distance [n] of points [n, E] under a low-rank plus isotropic covariance.

    The covariance is sum_k variance_k d_k d_kᵀ + residual variance · (I − sum_k d_k d_kᵀ) with
    orthonormal d_k (as in probabilistic PCA, Tipping & Bishop 1999).
    """
    offset = np.atleast_2d(np.asarray(points, dtype=np.float64)) - mean
    along = offset @ directions.astype(np.float64).T
    rest = np.maximum((offset**2).sum(axis=1) - (along**2).sum(axis=1), 0)
    distance: np.ndarray = np.sqrt((along**2 / variances).sum(axis=1) + rest / residual_variance)
    return distance


def _cells(size: int) -> int:
    return max(1, round(size / _CELL))


def _coarse(values: np.ndarray) -> np.ndarray:
    """Means over coarse cells, [k, j, i]."""
    for axis, size in enumerate(values.shape):
        edges = np.linspace(0, size, _cells(size) + 1).astype(int)
        sums = np.add.reduceat(values, edges[:-1], axis=axis)
        values = sums / np.diff(edges).reshape([-1 if n == axis else 1 for n in range(3)])
    return values
