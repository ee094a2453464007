"""``Workbench``: the analyses of one prediction, fast enough to run live."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch

from fusion3d_gui.imaging.volume import Volume
from fusion3d_gui.inference.analysis.result_types import (
    AtPrevalence,
    Contributions,
    Curve,
    Uncertainty,
    WhatIf,
    ZeroShare,
)
from fusion3d_gui.inference.analysis.shapley import contributions, zero_shares
from fusion3d_gui.inference.analysis.uncertainty import (
    assess_uncertainty,
    at_prevalence,
    outside_of_training,
)
from fusion3d_gui.inference.analysis.what_if import curves, what_if
from fusion3d_gui.inference.fit.fit_report import FitReport
from fusion3d_gui.inference.fit.judge import judge_case
from fusion3d_gui.inference.out_of_distribution import with_image
from fusion3d_gui.inference.predictor import PredictedCase
from fusion3d_gui.model.reference.reference import Reference
from fusion3d_gui.model.schema import Value


class Workbench:
    """Analyses of one case's image with any metadata; safe to use on any thread.

    ``reference`` holds the bundle's statistics; without it some analyses return None. ``volume`` is the
    case's image.
    """

    def __init__(
        self, predicted: PredictedCase, reference: Reference | None, volume: Volume
    ) -> None:
        self.prediction = predicted.prediction
        self.case = predicted.case
        self._reference = reference
        self._volume = volume
        #: Pooled features [n, C] of augmented copies of the image, once they are computed.
        self.augmented_features: np.ndarray | None = None

    @property
    def has_reference(self) -> bool:
        """Whether the bundle carries reference statistics."""
        return self._reference is not None

    def fit(self, values: Mapping[str, Value]) -> FitReport:
        """Whether the model is meant for this case with these metadata.

        Values that differ from the prediction's are tried: they need not agree with the scan's header.
        """
        own = self.prediction.metadata
        tried = {name for name, value in values.items() if value != own.get(name)}
        report = judge_case(self.case.info, self._volume, values, tried=tried)
        return with_image(report, self.case, self._reference)

    def what_if(self, values: Mapping[str, Value]) -> WhatIf:
        """Logit and probability with other metadata.

        Raises
        ------
        MisfitError
            When the model is not meant for the case with these.
        UserError
            For values that do not fit the schema.
        """
        return what_if(self.case, self.prediction, values, self.fit(values))

    def curves(self, values: Mapping[str, Value]) -> list[Curve]:
        """How the probability depends on each field."""
        return curves(self.case, values)

    def contributions(self, values: Mapping[str, Value]) -> Contributions | None:
        """Contributions of the image and of each field to the logit."""
        if self._reference is None:
            return None
        return contributions(self.case, values, self._reference)

    def zero_shares(
        self, values: Mapping[str, Value], found: Contributions
    ) -> tuple[ZeroShare, ...]:
        """The fields with hardly any contribution though other values would move the probability."""
        return zero_shares(self.case, values, found, self.curves(values))

    def uncertainty(self, values: Mapping[str, Value]) -> Uncertainty:
        """Measures of uncertainty of the prediction with these metadata."""
        return assess_uncertainty(self.case, values, self._reference)

    def outside(self, values: Mapping[str, Value]) -> tuple[str, ...]:
        """Sentences about how the case lies outside the training data; empty if it does not."""
        return outside_of_training(self.case, values, self._reference)

    def augmentation_range(self, values: Mapping[str, Value]) -> tuple[float, float] | None:
        """Lowest and highest probability over the image and its augmented copies, once computed."""
        if self.augmented_features is None:
            return None
        code = self.case.info.schema.encode(values)[None]
        logits = self.case.head.logits(torch.from_numpy(self.augmented_features), code)
        chances = self.case.probabilities(np.append(logits, self.case.logits(code)))
        return float(chances.min()), float(chances.max())

    def validation_scores(self) -> tuple[np.ndarray, np.ndarray] | None:
        """Calibrated probabilities of the validation cases without and with the finding."""
        if self._reference is None:
            return None
        label, scores = self._reference.validation_label, self._reference.validation_probability
        return scores[label == 0], scores[label == 1]

    def at_prevalence(self, probability: float, prevalence: float) -> AtPrevalence | None:
        """A probability and the predictive values at a ``prevalence`` in (0, 1)."""
        if self._reference is None:
            return None
        threshold = self.prediction.threshold
        return at_prevalence(probability, threshold, self._reference, prevalence)
