"""Voxel-wise association of lesions with a score (lesion-symptom mapping), with family-wise limits by permutation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

#: Share of permutations in which no voxel exceeds the limit.
_CONFIDENCE = 0.95


@dataclass(frozen=True, eq=False)
class LesionDeficit:
    """``t`` [k, j, i]: t statistic of the lesion's share in a linear model with covariates; NaN where too few have one.

    ``limit``: the absolute t that 95 % of the permutations nowhere exceed. ``counts`` [k, j, i]: patients with lesion
    in the voxel.
    """

    t: np.ndarray
    limit: float
    counts: np.ndarray


def lesion_deficit(
    maps: np.ndarray,
    score: np.ndarray,
    covariates: np.ndarray,
    *,
    fewest: int = 10,
    permutations: int = 500,
    seed: int = 0,
) -> LesionDeficit:
    """Regress a score on the lesion's share in each voxel and on covariates, such as the log of lesion volume.

    Parameters
    ----------
    maps
        Lesion shares (0..1), [n, k, j, i].
    score, covariates
        [n] and [n, c].
    fewest
        Voxels in which fewer patients have lesion are left out.
    permutations
        Of the residuals of the score given the covariates (Freedman & Lane 1983).
    """
    count = len(score)
    flat = maps.reshape(count, -1).astype(np.float64)
    hit = (flat > 0).sum(axis=0)
    used = np.flatnonzero(hit >= fewest)
    design = np.column_stack([np.ones(count), covariates])
    basis, _ = np.linalg.qr(design)

    def residual(values: np.ndarray) -> np.ndarray:
        found: np.ndarray = values - basis @ (basis.T @ values)
        return found

    shares = residual(flat[:, used])
    # Where the covariates explain the share, nothing is left to test.
    norms = np.linalg.norm(shares, axis=0)
    used, shares = used[norms > 1e-9], shares[:, norms > 1e-9] / norms[norms > 1e-9]
    freedom = count - design.shape[1] - 1
    left = residual(score.astype(np.float64)[:, None])[:, 0]

    def statistic(values: np.ndarray) -> np.ndarray:
        correlation = values @ shares / max(float(np.linalg.norm(values)), 1e-12)
        found: np.ndarray = correlation * np.sqrt(freedom / np.maximum(1 - correlation**2, 1e-12))
        return found

    rng = np.random.default_rng(seed)
    highest = [
        np.abs(statistic(residual(rng.permutation(left)[:, None])[:, 0])).max()
        for _ in range(permutations)
    ]
    t = np.full(flat.shape[1], np.nan)
    t[used] = statistic(left)
    shape = maps.shape[1:]
    limit = float(np.quantile(highest, _CONFIDENCE)) if permutations else np.inf
    return LesionDeficit(t.reshape(shape), limit, hit.reshape(shape))
