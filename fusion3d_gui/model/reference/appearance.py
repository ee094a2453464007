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
#: Share of ordinary cases that one gauge may call odd. With three gauges, and tails that are heavier than the
#: normal distribution's, fewer than 2 % are called odd by any.
_FALSE_ALARMS = 0.001
_LEAST_DISTANCE = 1e-12


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
    """Distribution of features of the training cases' inputs, and the validation cases' distances.

    The features are those of :func:`appearance_features` or of
    :func:`~fusion3d_gui.model.reference.texture.texture_features`.

    ``mean`` [D], ``directions`` [K, D], ``variances`` [K] and ``residual_variance`` as in
    :class:`~fusion3d_gui.model.reference.reference.Reference`; ``validation_distance`` [n] holds
    :meth:`distance` of cases that were not trained on.
    """

    mean: np.ndarray
    directions: np.ndarray
    variances: np.ndarray
    residual_variance: float
    validation_distance: np.ndarray

    @staticmethod
    def layout(name: str, size: int) -> dict[str, tuple[int | str, ...]]:
        """Names and shapes of the arrays in a bundle's reference file, of features of this name and size."""
        return {
            f"{name}_mean": (size,),
            f"{name}_directions": (f"directions of {name}", size),
            f"{name}_variances": (f"directions of {name}",),
            f"{name}_validation_distance": ("n",),
        }

    @classmethod
    def read(
        cls, name: str, plain: Mapping[str, Any], arrays: Mapping[str, np.ndarray]
    ) -> AppearanceStatistics:
        """Read from a reference's configuration and arrays.

        Raises KeyError, TypeError or ValueError where they are invalid.
        """
        residual = float(plain[name]["residual_variance"])
        variances = arrays[f"{name}_variances"]
        if not (residual > 0 and np.isfinite(residual) and (variances > 0).all()):
            raise ValueError(f"a variance of the features {name} is not above 0")
        return cls(
            arrays[f"{name}_mean"],
            arrays[f"{name}_directions"],
            variances,
            residual,
            arrays[f"{name}_validation_distance"],
        )

    def distance(self, features: np.ndarray) -> np.ndarray:
        """Mahalanobis distance [n] of appearance features [n, D] from the training cases."""
        return mahalanobis(
            features, self.mean, self.directions, self.variances, self.residual_variance
        )

    def percentile(self, distance: float) -> float:
        """Percentage of validation cases that lie nearer to the training cases than ``distance``."""
        return float(100 * np.mean(self.validation_distance < distance))


def is_beyond(distance: float, validation_distance: np.ndarray) -> bool:
    """Whether a distance is larger than a new ordinary case's would be in all but 1 of 1000 cases.

    The limit is the one-sided prediction limit of a normal distribution of log distances, from the n validation
    cases' distances [n]: unlike an extreme percentile it is known from a hundred cases, and takes into
    account how few they are.
    """
    logs = np.log(np.maximum(validation_distance, _LEAST_DISTANCE))
    count = len(logs)
    if count < 2:
        return False
    # Imported where it is used, and from scipy.special: scipy.stats takes as long to import as torch.
    from scipy.special import stdtrit

    factor = -float(stdtrit(count - 1, _FALSE_ALARMS)) * np.sqrt(1 + 1 / count)
    limit = logs.mean() + factor * logs.std(ddof=1)
    return bool(np.log(max(distance, _LEAST_DISTANCE)) > limit)


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
