"""Compare arms by the AUC of many readers of many cases: the analysis of Obuchowski and Rockette.

Obuchowski and Rockette, Commun Stat Simul Comput 1995; 24: 285-308, with the denominator's degrees of freedom
of Hillis, Stat Med 2007; 26: 596-619. The error covariances come from the jackknife or from DeLong et al.,
Biometrics 1988; 44: 837-845.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import Literal

import numpy as np
from scipy import stats

from fusion3d_gui.training.measure.metrics import CONFIDENCE, Estimate

Covariance = Literal["jackknife", "delong"]

#: Variances below this are those of rounding: no test is made of them.
_NO_VARIANCE = 1e-15


@dataclass(frozen=True)
class ArmTest:
    """A test of equal AUC in all arms. ``df2`` is None where the statistic is a chi-square."""

    statistic: float
    df1: int
    df2: float | None
    p: float


@dataclass(frozen=True)
class ArmDifference:
    """AUC of ``arm`` minus that of ``reference``, averaged over readers; ``p`` is None where it is not defined."""

    arm: str
    reference: str
    difference: Estimate
    p: float | None


@dataclass(frozen=True)
class ArmAnalysis:
    """Arms compared under one assumption of what is a random sample.

    ``test`` is None where there is one arm, or no variance to test against; ``areas`` are the arms' mean AUC.
    """

    test: ArmTest | None
    areas: tuple[Estimate, ...]
    differences: tuple[ArmDifference, ...]


@dataclass(frozen=True)
class ObuchowskiRockette:
    """Result of the analysis.

    Parameters
    ----------
    areas
        [arm, reader] empirical AUC.
    intervals
        The same with intervals of each reader alone, by arm and reader.
    variance, cov1, cov2, cov3
        Error variance; covariance of one reader in two arms, two readers in one arm, two readers in two arms.
        A covariance that the study has no pairs for is 0.
    mean_square_arm, mean_square_interaction
        Mean squares of arm, and of arm by reader.
    random_readers
        Holds for the populations of readers and cases; None where there is one reader.
    fixed_readers
        Holds for the population of cases, and these readers only.
    """

    areas: np.ndarray
    intervals: tuple[tuple[Estimate, ...], ...]
    variance: float
    cov1: float
    cov2: float
    cov3: float
    mean_square_arm: float
    mean_square_interaction: float
    random_readers: ArmAnalysis | None
    fixed_readers: ArmAnalysis


@dataclass(frozen=True)
class _Parts:
    """Mean covariances and mean squares of all arms, and of one arm each."""

    variance: float
    cov1: float
    cov2: float
    cov3: float
    arm_variances: np.ndarray
    arm_cov2: np.ndarray
    square_arm: float
    square_both: float
    square_readers: np.ndarray


def obuchowski_rockette(
    arms: tuple[str, ...],
    ratings: np.ndarray,
    truth: np.ndarray,
    covariance: Covariance = "jackknife",
) -> ObuchowskiRockette:
    """Compare arms that the same readers have read on the same cases.

    Parameters
    ----------
    arms
        Names of the arms.
    ratings
        [arm, reader, case], higher means more surely positive.
    truth
        [case] 0 or 1; each at least twice.
    covariance
        How the covariances of the AUCs are estimated.
    """
    t, r, n = ratings.shape
    flat = ratings.reshape(t * r, n)
    values, matrix = auc_covariance(flat, truth, covariance)
    areas = values.reshape(t, r)
    spread = matrix.reshape(t, r, t, r)
    parts = _parts(areas, spread)
    z = float(stats.norm.ppf((1 + CONFIDENCE) / 2))
    alone = tuple(
        tuple(_estimate(areas[i, j], z * _root(spread[i, j, i, j])) for j in range(r))
        for i in range(t)
    )
    return ObuchowskiRockette(
        areas,
        alone,
        parts.variance,
        parts.cov1,
        parts.cov2,
        parts.cov3,
        parts.square_arm,
        parts.square_both,
        _random_readers(arms, areas, parts) if r > 1 else None,
        _fixed_readers(arms, areas, parts),
    )


def auc_covariance(
    scores: np.ndarray, truth: np.ndarray, covariance: Covariance
) -> tuple[np.ndarray, np.ndarray]:
    """Empirical AUCs [m] of scores [m, case], and their covariance matrix [m, m]."""
    positives, negatives = scores[:, truth == 1], scores[:, truth == 0]
    p, q = positives.shape[1], negatives.shape[1]
    # Share of the negatives that lie below each positive, and of the positives above each negative.
    above = np.stack(
        [_share_below(one, other) for one, other in zip(positives, negatives, strict=True)]
    )
    below = np.stack(
        [1 - _share_below(one, other) for one, other in zip(negatives, positives, strict=True)]
    )
    areas = above.mean(axis=1)
    if covariance == "delong":
        return areas, _cov(above) / p + _cov(below) / q
    left = np.concatenate(
        [
            (areas[:, None] * p - above) / (p - 1),  # without one positive each
            (areas[:, None] * q - below) / (q - 1),  # without one negative each
        ],
        axis=1,
    )
    n = p + q
    return areas, _cov(left) * (n - 1) ** 2 / n


def _share_below(values: np.ndarray, others: np.ndarray) -> np.ndarray:
    """The share of ``others`` that is less than each value; equal ones count half."""
    ordered = np.sort(others)
    counts = np.searchsorted(ordered, values, "left") + np.searchsorted(ordered, values, "right")
    share: np.ndarray = counts / (2 * len(others))
    return share


def _cov(rows: np.ndarray) -> np.ndarray:
    return np.atleast_2d(np.cov(rows))


def _parts(areas: np.ndarray, spread: np.ndarray) -> _Parts:
    t, r = areas.shape
    same_arm = np.eye(t, dtype=bool)[:, None, :, None]
    same_reader = np.eye(r, dtype=bool)[None, :, None, :]

    def mean(which: np.ndarray) -> float:
        which = np.broadcast_to(which, spread.shape)
        return float(spread[which].mean()) if which.any() else 0.0

    between = ~np.eye(r, dtype=bool)
    arm_mean, reader_mean = areas.mean(axis=1), areas.mean(axis=0)
    rest = areas - arm_mean[:, None] - reader_mean[None, :] + areas.mean()
    squares = ((areas - arm_mean[:, None]) ** 2).sum(axis=1)
    return _Parts(
        mean(same_arm & same_reader),
        mean(~same_arm & same_reader),
        mean(same_arm & ~same_reader),
        mean(~same_arm & ~same_reader),
        np.array([np.diag(spread[i, :, i, :]).mean() for i in range(t)]),
        np.array([spread[i, :, i, :][between].mean() if r > 1 else 0.0 for i in range(t)]),
        float(r * ((arm_mean - areas.mean()) ** 2).sum() / (t - 1)) if t > 1 else 0.0,
        float((rest**2).sum() / ((t - 1) * (r - 1))) if t > 1 and r > 1 else 0.0,
        squares / (r - 1) if r > 1 else np.zeros(t),
    )


def _random_readers(arms: tuple[str, ...], areas: np.ndarray, parts: _Parts) -> ArmAnalysis:
    t, r = areas.shape
    shared = r * max(parts.cov2 - parts.cov3, 0.0)
    denominator = parts.square_both + shared
    df2 = _hillis(denominator, parts.square_both, (t - 1) * (r - 1))
    test = None
    if t > 1 and denominator > _NO_VARIANCE:
        f = parts.square_arm / denominator
        test = ArmTest(f, t - 1, df2, float(stats.f.sf(f, t - 1, df2)))
    single = []
    for i in range(t):
        variance = parts.square_readers[i] + r * max(parts.arm_cov2[i], 0.0)
        df = _hillis(variance, parts.square_readers[i], r - 1)
        reach = float(stats.t.ppf((1 + CONFIDENCE) / 2, df)) * _root(variance / r)
        single.append(_estimate(float(areas[i].mean()), reach))
    error = _root(2 * denominator / r)
    return ArmAnalysis(test, tuple(single), _differences(arms, areas, error, df2))


def _fixed_readers(arms: tuple[str, ...], areas: np.ndarray, parts: _Parts) -> ArmAnalysis:
    t, r = areas.shape
    denominator = parts.variance - parts.cov1 + (r - 1) * max(parts.cov2 - parts.cov3, 0.0)
    test = None
    if t > 1 and denominator > _NO_VARIANCE:
        x2 = (t - 1) * parts.square_arm / denominator
        test = ArmTest(x2, t - 1, None, float(stats.chi2.sf(x2, t - 1)))
    z = float(stats.norm.ppf((1 + CONFIDENCE) / 2))
    single = tuple(
        _estimate(
            float(areas[i].mean()),
            z * _root((parts.arm_variances[i] + (r - 1) * max(parts.arm_cov2[i], 0.0)) / r),
        )
        for i in range(t)
    )
    error = _root(2 * denominator / r)
    return ArmAnalysis(test, single, _differences(arms, areas, error, np.inf))


def _differences(
    arms: tuple[str, ...], areas: np.ndarray, error: float, df: float
) -> tuple[ArmDifference, ...]:
    """Differences of each pair of arms, later minus earlier."""
    found = []
    reach = float(stats.t.ppf((1 + CONFIDENCE) / 2, df)) * error
    for a, b in combinations(range(len(arms)), 2):
        gap = float(areas[b].mean() - areas[a].mean())
        p = float(2 * stats.t.sf(abs(gap) / error, df)) if error > 0 else None
        found.append(ArmDifference(arms[b], arms[a], _estimate(gap, reach, -1.0), p))
    return tuple(found)


def _hillis(variance: float, square: float, df: int) -> float:
    """Degrees of freedom of a variance that is a mean square of ``df`` plus what is known better."""
    return df * (variance / square) ** 2 if square > _NO_VARIANCE else np.inf


def _root(variance: float) -> float:
    """Standard error; 0 for a variance of rounding only."""
    return float(np.sqrt(variance)) if variance > _NO_VARIANCE else 0.0


def _estimate(value: float, reach: float, least: float = 0.0) -> Estimate:
    """With its interval, within ``least`` to 1; without one where the variance is 0, as at an AUC of 1."""
    if reach == 0:
        return Estimate(float(value))
    return Estimate(float(value), max(float(value - reach), least), min(float(value + reach), 1.0))
