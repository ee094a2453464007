"""``OperatingPoint``: what calling cases positive from a threshold on means, at a prevalence."""

from __future__ import annotations

from dataclasses import dataclass

from fusion3d_gui.model.bundle.evaluation_curves import EvaluationCurves, ReliabilityBin, RocPoint
from fusion3d_gui.model.prevalence import predictive_values, wilson_interval


@dataclass(frozen=True)
class Share:
    """A share of cases, with the ends of its 95 % interval."""

    value: float
    low: float
    high: float

    @property
    def text(self) -> str:
        """In per cent, without decimals."""
        return f"{100 * self.value:.0f} %"

    @property
    def interval(self) -> str:
        """The ends of the interval in per cent."""
        return f"{100 * self.low:.0f} to {100 * self.high:.0f} %"


@dataclass(frozen=True)
class OperatingPoint:
    """Sensitivity and specificity, and the predictive values (None where no case is called so)."""

    threshold: float
    prevalence: float
    sensitivity: Share
    specificity: Share
    ppv: Share | None
    npv: Share | None


def operating_point(curves: EvaluationCurves, point: RocPoint, prevalence: float) -> OperatingPoint:
    """A point of an evaluation's ROC curve, at a prevalence.

    Intervals of the predictive values take both ends of those of sensitivity and specificity together.
    """
    negatives = curves.negatives
    sensitivity = _share(point.true_positives, curves.positives)
    specificity = _share(negatives - point.false_positives, negatives)
    ends = zip(
        (sensitivity.value, sensitivity.low, sensitivity.high),
        (specificity.value, specificity.low, specificity.high),
        strict=True,
    )
    ppv, npv = zip(*(predictive_values(*each, prevalence) for each in ends), strict=True)
    return OperatingPoint(
        point.threshold, prevalence, sensitivity, specificity, _whole(*ppv), _whole(*npv)
    )


def decision_point(curves: EvaluationCurves, threshold: float) -> RocPoint:
    """The point at which a model with this threshold works."""
    reached = [each for each in curves.roc if each.threshold >= threshold]
    if not reached:
        return RocPoint(threshold, 0, 0)
    return RocPoint(threshold, reached[-1].true_positives, reached[-1].false_positives)


def observed_share(each: ReliabilityBin) -> Share:
    """The share of positive cases in a bin that has cases."""
    return _share(each.positives, each.cases)


def _share(hits: int, count: int) -> Share:
    return Share(hits / count, *wilson_interval(hits, count))


def _whole(value: float | None, low: float | None, high: float | None) -> Share | None:
    if value is None or low is None or high is None:
        return None
    return Share(value, low, high)
