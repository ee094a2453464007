"""``Workbench``: one prediction and everything that can be asked about it, fast enough to be live."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch

from fusion3d_gui.inference.analysis.result_types import (
    AtPrevalence,
    Contributions,
    Curve,
    Uncertainty,
    WhatIf,
)
from fusion3d_gui.inference.analysis.shapley import contributions
from fusion3d_gui.inference.analysis.uncertainty import (
    assess_uncertainty,
    at_prevalence,
    outside_of_training,
)
from fusion3d_gui.inference.analysis.what_if import curves, what_if
from fusion3d_gui.inference.predictor import PredictedCase
from fusion3d_gui.model.reference import Reference
from fusion3d_gui.model.schema import Value


class Workbench:
    """Questions about one case's image with any metadata; may be asked on any thread.

    ``reference`` are the bundle's statistics; without them some questions have no answer (None).
    """

    def __init__(self, predicted: PredictedCase, reference: Reference | None) -> None:
        self.prediction = predicted.prediction
        self.case = predicted.case
        self._reference = reference
        #: Pooled features [n, C] of the image seen otherwise (see ``test_time``), once they are known.
        self.augmented_features: np.ndarray | None = None

    @property
    def has_reference(self) -> bool:
        """Whether the bundle carries reference statistics."""
        return self._reference is not None

    def what_if(self, values: Mapping[str, object]) -> WhatIf:
        """The answer to other metadata. Raises UserError where they do not fit the schema."""
        return what_if(self.case, self.prediction, values)

    def curves(self, values: Mapping[str, Value]) -> list[Curve]:
        """How the probability depends on each field."""
        return curves(self.case, values)

    def contributions(self, values: Mapping[str, Value]) -> Contributions | None:
        """What image and fields add to the logit."""
        if self._reference is None:
            return None
        return contributions(self.case, values, self._reference)

    def uncertainty(self, values: Mapping[str, Value]) -> Uncertainty:
        """What speaks for caution."""
        return assess_uncertainty(self.case, values, self._reference)

    def outside(self, values: Mapping[str, Value]) -> tuple[str, ...]:
        """In what the case is outside of what the model has seen; empty if it is not."""
        return outside_of_training(self.case, values, self._reference)

    def augmentation_range(self, values: Mapping[str, Value]) -> tuple[float, float] | None:
        """Lowest and highest probability over the image as it is and seen otherwise, once known."""
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
        """What a probability means where a share ``prevalence`` (0..1, open) have the finding."""
        if self._reference is None:
            return None
        threshold = self.prediction.threshold
        return at_prevalence(probability, threshold, self._reference, prevalence)
