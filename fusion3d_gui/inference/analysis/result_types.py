"""Results of the analyses of a prediction, as data classes for the main window; does not import torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from fusion3d_gui.inference.fit.fit_report import FitReport
from fusion3d_gui.inference.prediction import Prediction
from fusion3d_gui.model.reference.reference import OUTSIDE_PERCENT, UNUSUAL_PERCENT, Neighbour
from fusion3d_gui.model.schema import Field, Value

#: Notice in every export of a what-if.
WHAT_IF_NOTICE = "What-if: answer to changed metadata, not the prediction for this case"


@dataclass(frozen=True, eq=False)
class Curve:
    """How the probability of one case depends on one field, with all others unchanged.

    An individual conditional expectation (Goldstein et al. 2015).

    ``points`` are the field's values in order, numbers along the range seen in training (widened to
    the case's own value), or every choice; ``probabilities`` [n] go with them; ``own`` and ``chance`` are
    the field's present value and the probability there.
    """

    field: Field
    points: tuple[Value, ...]
    probabilities: np.ndarray
    own: Value
    chance: float


@dataclass(frozen=True, eq=False)
class WhatIf:
    """The model's output for changed metadata; not the case's prediction.

    ``changed`` holds (the case's own value, the value tried) by field name. ``notices`` are sentences about
    the image and the values tried: outside the training data, or not given. ``fit`` says whether the case
    would be one that the model is meant for; it never is ``"refused"``.
    """

    prediction: Prediction
    values: Mapping[str, Value]
    logit: float
    probability: float
    fit: FitReport
    notices: tuple[str, ...] = ()

    @property
    def positive(self) -> bool | None:
        """Whether the probability reaches the model's threshold; None unless the case would fit."""
        reaches = self.probability >= self.prediction.threshold
        return reaches if self.fit.fit == "fits" else None

    @property
    def class_name(self) -> str | None:
        """Name of the class that the model would then predict; None unless the case would fit."""
        return None if self.positive is None else self.prediction.class_names[int(self.positive)]

    @property
    def changed(self) -> dict[str, tuple[Value, Value]]:
        """Fields that differ from the case's own values."""
        own = self.prediction.metadata
        return {
            name: (own.get(name), value)
            for name, value in self.values.items()
            if own.get(name) != value
        }

    def to_json(self) -> dict[str, Any]:
        """As a JSON object, marked as a what-if, with the original prediction."""
        return {
            "what_if": WHAT_IF_NOTICE,
            "changed": {
                name: {"own": own, "tried": tried} for name, (own, tried) in self.changed.items()
            },
            "metadata_tried": dict(self.values),
            "probability_tried": self.probability,
            "logit_tried": self.logit,
            "fit_tried": self.fit.to_json(),
            "notices_tried": list(self.notices),
            "prediction": self.prediction.to_json(),
        }


@dataclass(frozen=True)
class Contributions:
    """Decomposition of the logit into contributions, relative to the bundle's background case.

    ``image`` + the sum of ``fields`` = ``logit`` − ``reference_logit``. ``exact`` is False where there
    are so many fields that their orders were sampled (the sum still holds). ``reference_values`` and
    ``reference_probability`` are the background case's.
    """

    reference_logit: float
    logit: float
    image: float
    fields: Mapping[str, float]
    reference_values: Mapping[str, Value]
    reference_probability: float
    exact: bool = True

    @property
    def metadata(self) -> float:
        """Sum of the contributions of all fields."""
        return sum(self.fields.values())

    def to_json(self) -> dict[str, Any]:
        """As a JSON object, in units of the logit."""
        return {
            "reference_logit": self.reference_logit,
            "reference_metadata": dict(self.reference_values),
            "reference_probability": self.reference_probability,
            "logit": self.logit,
            "image": self.image,
            "metadata": self.metadata,
            "fields": dict(self.fields),
            "exact": self.exact,
        }


@dataclass(frozen=True)
class ZeroShare:
    """Why a field has hardly any contribution, though other values would move the probability.

    ``"same"``: the case has the background case's value. ``"flat"``: with this image the two values give
    nearly the same logit. ``"interaction"``: they do not, but the field's effects with this and with the
    background's image and values cancel. ``low`` and ``high`` are the ends of its curve, as probabilities.
    """

    field: Field
    reason: Literal["same", "flat", "interaction"]
    low: float
    high: float


@dataclass(frozen=True, eq=False)
class Uncertainty:
    """Measures of the uncertainty of one prediction.

    Parameters
    ----------
    lower_negative, lower_positive
        Share of the validation cases without and with the finding that scored lower, 0..1; None where
        the bundle has no such cases.
    interval
        2.5th and 97.5th percentile of the probability under dropout in the head; None where the model
        was trained without dropout.
    image_distance, image_percent
        Mahalanobis distance of the image's embedding from the training cases, and the share (%) of
        validation cases that lie nearer; None without reference statistics.
    appearance_percent
        The same share by appearance (coarse outline and intensities); None where the bundle lacks its
        statistics.
    outside
        Sentences about how the case lies outside the training data; empty if it does not.
    neighbours
        The reference cases most similar to this image, nearest first.
    """

    lower_negative: float | None
    lower_positive: float | None
    interval: tuple[float, float] | None
    image_distance: float | None
    image_percent: float | None
    appearance_percent: float | None
    outside: tuple[str, ...]
    neighbours: tuple[Neighbour, ...]

    @property
    def unusual(self) -> bool:
        """Whether the image is unusual, but not outside the training data."""
        known = [
            share for share in (self.image_percent, self.appearance_percent) if share is not None
        ]
        return bool(known) and UNUSUAL_PERCENT <= max(known) < OUTSIDE_PERCENT

    def to_json(self) -> dict[str, Any]:
        """As a JSON object."""
        return {
            "validation_negatives_scored_lower": self.lower_negative,
            "validation_positives_scored_lower": self.lower_positive,
            "dropout_interval": None if self.interval is None else list(self.interval),
            "image_distance": self.image_distance,
            "image_distance_percent": self.image_percent,
            "glance_distance_percent": self.appearance_percent,
            "outside": list(self.outside),
            "neighbours": [
                {"distance": n.distance, "label": n.label, "probability": n.probability}
                for n in self.neighbours
            ],
        }


@dataclass(frozen=True)
class AtPrevalence:
    """A prediction where a share ``prevalence`` of the examined have the finding.

    ``probability`` is the case's own, with its prior odds replaced. ``ppv`` and ``npv`` are the positive
    and negative predictive values with intervals (conservative: from the ends of the 95 % Wilson
    intervals of sensitivity and specificity); None where undefined.
    """

    prevalence: float
    probability: float
    ppv: tuple[float, float, float] | None
    npv: tuple[float, float, float] | None


@dataclass(frozen=True)
class Change:
    """How a model's prediction differs between two scans of a patient, and what changed it.

    Parameters
    ----------
    before, now
        Calibrated probabilities.
    image, metadata
        Shapley shares of the two in ``now - before``, which they add up to.
    logit_before, logit_now
        The logits.
    logit_image, logit_metadata
        Shapley shares in their difference.
    """

    before: float
    now: float
    image: float
    metadata: float
    logit_before: float
    logit_now: float
    logit_image: float
    logit_metadata: float
