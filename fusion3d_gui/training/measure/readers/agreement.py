"""Agreement between readers, reading time, and reads that the model changed."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np
from scipy import stats

from fusion3d_gui.training.measure.metrics import CONFIDENCE, Estimate

_RESAMPLES = 1000


@dataclass(frozen=True)
class ChangedReads:
    """How one reader's calls in an arm differ from those in the reference arm, on the same cases.

    ``p`` is that of McNemar's exact test of as many changes to wrong as to right.
    """

    arm: str
    reader: str
    cases: int
    to_wrong: int
    to_right: int
    p: float


@dataclass(frozen=True)
class ReadingTime:
    """Seconds a read of one reader in one arm: median and quartiles."""

    arm: str
    reader: str
    median: float
    lower: float
    upper: float


def mean_kappa(ratings: np.ndarray, seed: int = 0) -> Estimate | None:
    """Weighted kappa (quadratic weights, Cohen 1968) of ratings [reader, case], averaged over pairs of readers.

    The interval is a bootstrap over cases (percentile, 1000 resamples). None for fewer than two readers, or
    where it is not defined, since all ratings are equal.
    """
    if len(ratings) < 2:
        return None
    value = _kappas(ratings[:, None, :])[0]
    if not np.isfinite(value):
        return None
    n = ratings.shape[1]
    picked = np.random.default_rng(seed).integers(0, n, (_RESAMPLES, n))
    spread = _kappas(ratings[:, picked])
    tail = 50 * (1 - CONFIDENCE)
    low, high = np.nanpercentile(spread, [tail, 100 - tail])
    return Estimate(float(value), float(low), float(high))


def _kappas(ratings: np.ndarray) -> np.ndarray:
    """Mean kappa over pairs of readers [set], from ratings [reader, set, case]."""
    found = []
    for a, b in combinations(ratings, 2):
        observed = ((a - b) ** 2).mean(axis=-1)
        means = (a.mean(axis=-1) - b.mean(axis=-1)) ** 2
        expected = a.var(axis=-1) + b.var(axis=-1) + means
        with np.errstate(divide="ignore", invalid="ignore"):
            found.append(np.where(expected > 0, 1 - observed / expected, np.nan))
    average: np.ndarray = np.mean(found, axis=0)
    return average


def changed_reads(
    arms: tuple[str, ...], readers: tuple[str, ...], positive: np.ndarray, truth: np.ndarray
) -> tuple[ChangedReads, ...]:
    """What each reader called differently in each arm than in the first, from calls [arm, reader, case]."""
    right = positive == (truth == 1)
    found = []
    for i, arm in enumerate(arms[1:], start=1):
        for j, reader in enumerate(readers):
            to_wrong = int((right[0, j] & ~right[i, j]).sum())
            to_right = int((~right[0, j] & right[i, j]).sum())
            changed = to_wrong + to_right
            p = float(stats.binomtest(to_wrong, changed).pvalue) if changed else 1.0
            found.append(ChangedReads(arm, reader, len(truth), to_wrong, to_right, p))
    return tuple(found)


def reading_times(
    arms: tuple[str, ...], readers: tuple[str, ...], seconds: np.ndarray
) -> tuple[ReadingTime, ...]:
    """Median and quartiles of the times [arm, reader, case], by arm and reader."""
    return tuple(
        ReadingTime(arm, reader, *np.percentile(seconds[i, j], [50, 25, 75]).tolist())
        for i, arm in enumerate(arms)
        for j, reader in enumerate(readers)
    )


def time_ratio(seconds: np.ndarray, arm: int) -> Estimate | None:
    """How many times as long a read takes in an arm as in the first (geometric means), from [arm, reader, case].

    The interval takes readers as the sample (t); it is missing for one reader. None where a time is 0.
    """
    if not (seconds[[0, arm]] > 0).all():
        return None
    logs = (np.log(seconds[arm]) - np.log(seconds[0])).mean(axis=-1)
    value, count = float(logs.mean()), len(logs)
    if count < 2:
        return Estimate(float(np.exp(value)))
    reach = stats.t.ppf((1 + CONFIDENCE) / 2, count - 1) * logs.std(ddof=1) / np.sqrt(count)
    return Estimate(
        float(np.exp(value)), float(np.exp(value - reach)), float(np.exp(value + reach))
    )
