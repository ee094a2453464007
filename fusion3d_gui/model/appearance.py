"""What a scan looks like at a glance: enough to tell one that is upside down, cut or of another kind.

A network's own embedding can't be asked for that: it was made to tell findings apart, and what it never
had to look at (which way up a head is) may be gone from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

#: Voxels of the network's input that one coarse cell spans along each axis, about (22 mm at 2.75 mm).
_CELL = 8
#: Of the histogram: bins over the standardised grey values from -4 to 4.
_BINS, _REACH = 32, 4.0
#: By how much a share of tissue (0..1) and the root of a histogram's bin (0..1) count beside a mean grey
#: value, whose standard deviation over tissue is 1.
_TISSUE_WEIGHT, _HISTOGRAM_WEIGHT = 2.0, 4.0


def appearance_features(voxels: np.ndarray, tissue: np.ndarray) -> np.ndarray:
    """Coarse mean grey values, coarse shares of tissue, and the histogram of tissue, float32 [D], weighted.

    Parameters
    ----------
    voxels, tissue
        The network's input ``[k, j, i]`` as
        :class:`~fusion3d_gui.model.preprocessing.Preprocessing` makes it, and which of it is tissue.
    """
    values = np.asarray(voxels, dtype=np.float32)
    inside = values[tissue]
    counts = np.histogram(inside, _BINS, (-_REACH, _REACH))[0]
    # Roots of shares: their plain distance is the histograms' Hellinger distance.
    spread = np.sqrt(counts / max(1, inside.size))
    parts = (
        _coarse(values),
        _TISSUE_WEIGHT * _coarse(tissue.astype(np.float32)),
        _HISTOGRAM_WEIGHT * spread,
    )
    return np.concatenate([part.ravel() for part in parts]).astype(np.float32)


def appearance_size(shape_kji: tuple[int, int, int]) -> int:
    """Length D of :func:`glance` of an input grid."""
    cells = [_cells(size) for size in shape_kji]
    return 2 * cells[0] * cells[1] * cells[2] + _BINS


@dataclass(frozen=True, eq=False)
class AppearanceStatistics:
    """How training cases look at a glance, and how far from them the validation cases lie.

    ``mean`` [D], ``directions`` [K, D], ``variances`` [K] and ``residual_variance`` as in
    :class:`~fusion3d_gui.model.reference.Reference`; ``validation_distance`` [n].
    """

    mean: np.ndarray
    directions: np.ndarray
    variances: np.ndarray
    residual_variance: float
    validation_distance: np.ndarray

    @staticmethod
    def layout(shape_kji: tuple[int, int, int]) -> dict[str, tuple[int | str, ...]]:
        """The arrays of a bundle's reference that are about glances, and their shapes."""
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
        """From a reference's configuration and arrays. Raises KeyError, TypeError or ValueError."""
        residual = float(plain["glance"]["residual_variance"])
        if not (residual > 0 and np.isfinite(residual) and (arrays["glance_variances"] > 0).all()):
            raise ValueError("a variance of the glances is not above 0")
        return cls(
            arrays["glance_mean"],
            arrays["glance_directions"],
            arrays["glance_variances"],
            residual,
            arrays["glance_validation_distance"],
        )

    def distance(self, seen: np.ndarray) -> np.ndarray:
        """Mahalanobis distance [n] of glances [n, D] from the training cases."""
        return mahalanobis(seen, self.mean, self.directions, self.variances, self.residual_variance)

    def percentile(self, distance: float) -> float:
        """Share, in percent, of validation cases that look more like the training cases."""
        return float(100 * np.mean(self.validation_distance < distance))


def mahalanobis(
    points: np.ndarray,
    mean: np.ndarray,
    directions: np.ndarray,
    variances: np.ndarray,
    residual_variance: float,
) -> np.ndarray:
    """Mahalanobis distance [n] of [n, E] under a covariance of K directions and an even rest.

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
    """Means over the coarse cells [k, j, i]."""
    for axis, size in enumerate(values.shape):
        edges = np.linspace(0, size, _cells(size) + 1).astype(int)
        sums = np.add.reduceat(values, edges[:-1], axis=axis)
        values = sums / np.diff(edges).reshape([-1 if n == axis else 1 for n in range(3)])
    return values
