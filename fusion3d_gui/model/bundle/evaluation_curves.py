"""``EvaluationCurves``: the ROC and reliability curves that an evaluation recorded in a bundle.

``fusion3d evaluate --record`` writes them under ``eval_metrics.held_out.curves`` in ``configs/metadata.json``,
as counts, so that every figure that depends on the prevalence can be computed for another one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from fusion3d_gui.declared_types import build_types

#: Points of an ROC curve and bins of a reliability curve at most.
MOST_POINTS, MOST_BINS = 200, 50

_Count = Annotated[int, Meta(ge=0, le=10**9)]
_Share = Annotated[float, Meta(ge=0, le=1)]


class RocFile(msgspec.Struct, forbid_unknown_fields=True):
    """The ROC curve: thresholds, descending, and how many cases of either class each calls positive."""

    thresholds: Annotated[list[_Share], Meta(min_length=1, max_length=MOST_POINTS)]
    true_positives: Annotated[list[_Count], Meta(min_length=1, max_length=MOST_POINTS)]
    false_positives: Annotated[list[_Count], Meta(min_length=1, max_length=MOST_POINTS)]


class ReliabilityFile(msgspec.Struct, forbid_unknown_fields=True):
    """The reliability curve: in each bin of probabilities, the cases, the positive ones, and the mean probability."""

    edges: Annotated[list[_Share], Meta(min_length=2, max_length=MOST_BINS + 1)]
    cases: Annotated[list[_Count], Meta(min_length=1, max_length=MOST_BINS)]
    positives: Annotated[list[_Count], Meta(min_length=1, max_length=MOST_BINS)]
    mean_probabilities: Annotated[list[_Share | None], Meta(min_length=1, max_length=MOST_BINS)]


class CurvesFile(msgspec.Struct, forbid_unknown_fields=True):
    """The declared content of ``curves``."""

    cases: _Count
    positives: _Count
    roc: RocFile
    reliability: ReliabilityFile


build_types(CurvesFile)


@dataclass(frozen=True)
class RocPoint:
    """Cases of at least this probability are called positive: so many of the positive, and of the negative."""

    threshold: float
    true_positives: int
    false_positives: int


@dataclass(frozen=True)
class ReliabilityBin:
    """Cases with a probability from ``low`` to below ``high`` (in the last bin: to it), of which some are positive.

    ``mean_probability`` is None where there is no case.
    """

    low: float
    high: float
    cases: int
    positives: int
    mean_probability: float | None


@dataclass(frozen=True)
class EvaluationCurves:
    """The curves of one evaluation.

    Parameters
    ----------
    cases, positives
        Number of cases evaluated, and of positive ones among them; there are some of either class.
    roc
        Points by descending threshold; the last calls every case positive. The point that calls none
        positive has no threshold and is left out.
    reliability
        Bins by ascending probability, without gaps.
    """

    cases: int
    positives: int
    roc: tuple[RocPoint, ...]
    reliability: tuple[ReliabilityBin, ...]

    def __post_init__(self) -> None:
        if not 0 < self.positives < self.cases:
            raise ValueError("the curves are not of cases of both classes")
        for one, other in pairwise(self.roc):
            if not (
                one.threshold > other.threshold
                and one.true_positives <= other.true_positives
                and one.false_positives <= other.false_positives
            ):
                raise ValueError("the ROC curve does not rise from threshold to threshold")
        last = self.roc[-1]
        if (last.true_positives, last.false_positives) != (self.positives, self.negatives):
            raise ValueError("the ROC curve does not end with all cases called positive")
        for each in self.reliability:
            if not each.low < each.high or not each.positives <= each.cases:
                raise ValueError("a bin of the reliability curve is impossible")
            mean = each.mean_probability
            if (mean is None) != (each.cases == 0):
                raise ValueError("a bin of the reliability curve has no mean probability")
            if mean is not None and not each.low <= mean <= each.high:
                raise ValueError("a mean probability lies outside its bin")
        held = sum(each.cases for each in self.reliability)
        positive = sum(each.positives for each in self.reliability)
        if (held, positive) != (self.cases, self.positives):
            raise ValueError("the bins of the reliability curve do not hold all cases")

    @property
    def negatives(self) -> int:
        """Number of negative cases."""
        return self.cases - self.positives

    @property
    def prevalence(self) -> float:
        """Share of positive cases."""
        return self.positives / self.cases

    def sensitivity(self, point: RocPoint) -> float:
        """Share of the positive cases that are called positive."""
        return point.true_positives / self.positives

    def specificity(self, point: RocPoint) -> float:
        """Share of the negative cases that are called negative."""
        return 1 - point.false_positives / self.negatives

    def to_json(self) -> dict[str, Any]:
        """As a JSON object: the content of :class:`CurvesFile`."""
        bins = self.reliability
        return {
            "cases": self.cases,
            "positives": self.positives,
            "roc": {
                "thresholds": [each.threshold for each in self.roc],
                "true_positives": [each.true_positives for each in self.roc],
                "false_positives": [each.false_positives for each in self.roc],
            },
            "reliability": {
                "edges": [bins[0].low, *(each.high for each in bins)],
                "cases": [each.cases for each in bins],
                "positives": [each.positives for each in bins],
                "mean_probabilities": [each.mean_probability for each in bins],
            },
        }

    @classmethod
    def from_json(cls, plain: object) -> EvaluationCurves:
        """Read back :meth:`to_json`. Raises ValueError saying what is wrong in an invalid one."""
        declared = msgspec.convert(plain, CurvesFile)
        roc, bins = declared.roc, declared.reliability
        _check_lengths("ROC", roc.thresholds, roc.true_positives, roc.false_positives)
        columns = (bins.edges[1:], bins.cases, bins.positives, bins.mean_probabilities)
        _check_lengths("reliability", *columns)
        rows = zip(roc.thresholds, roc.true_positives, roc.false_positives, strict=True)
        return cls(
            declared.cases,
            declared.positives,
            tuple(RocPoint(*row) for row in rows),
            tuple(ReliabilityBin(*row) for row in zip(bins.edges[:-1], *columns, strict=True)),
        )

    @classmethod
    def from_metadata(cls, metadata: Mapping[str, Any]) -> EvaluationCurves | None:
        """Read the curves from a bundle's metadata; None where none were recorded.

        Raises ValueError for invalid ones.
        """
        found: object = metadata
        for key in ("eval_metrics", "held_out", "curves"):
            found = found.get(key) if isinstance(found, Mapping) else None
        return None if found is None else cls.from_json(found)


def _check_lengths(name: str, *columns: Sequence[Any]) -> None:
    if len({len(column) for column in columns}) > 1:
        raise ValueError(f"the columns of the {name} curve differ in length")
