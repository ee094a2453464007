"""What a probability and a positive call are worth where the finding is rarer or more frequent: Bayes' theorem."""

from __future__ import annotations

import math

#: Normal quantile of a two-sided interval of 95 %.
_Z = 1.959963984540054


def shifted_probability(probability: float, prevalence: float, other: float) -> float:
    """A probability that is calibrated at one prevalence, for another one; all in 0 to 1, prevalences inside.

    Prior shift (Saerens et al. 2002): ``logit(p') = logit(p) + logit(other) - logit(prevalence)``. It holds
    where the cases of each class are alike in both populations and only their shares differ.
    """
    positive = probability * other / prevalence
    negative = (1 - probability) * (1 - other) / (1 - prevalence)
    return positive / (positive + negative)


def predictive_values(
    sensitivity: float, specificity: float, prevalence: float
) -> tuple[float | None, float | None]:
    """Positive and negative predictive value at a prevalence; None where no case is called so."""
    hits, misses = sensitivity * prevalence, (1 - sensitivity) * prevalence
    right, alarms = specificity * (1 - prevalence), (1 - specificity) * (1 - prevalence)
    return (
        hits / (hits + alarms) if hits + alarms > 0 else None,
        right / (right + misses) if right + misses > 0 else None,
    )


def wilson_interval(hits: int, count: int) -> tuple[float, float]:
    """Ends of the 95 % interval of a share ``hits / count`` (Wilson 1927); ``count`` is above 0."""
    share, weight = hits / count, _Z * _Z / count
    middle = (share + weight / 2) / (1 + weight)
    reach = _Z / (1 + weight) * math.sqrt(share * (1 - share) / count + weight / (4 * count))
    return max(0.0, middle - reach), min(1.0, middle + reach)
