"""``Workbench``: one prediction and everything that can be asked about it, fast enough to be live."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from fusion3d_gui.inference.answers import AtPrevalence, Contributions, Curve, Doubt, WhatIf
from fusion3d_gui.inference.contributions import contributions
from fusion3d_gui.inference.doubt import at_prevalence, doubt
from fusion3d_gui.inference.predictor import Answer
from fusion3d_gui.inference.what_if import curves, what_if
from fusion3d_gui.model.reference import Reference
from fusion3d_gui.model.schema import Value


class Workbench:
    """Questions about one case's image with any metadata; may be asked on any thread.

    ``reference`` are the bundle's statistics; without them some questions have no answer (None).
    """

    def __init__(self, answer: Answer, reference: Reference | None) -> None:
        self.prediction = answer.prediction
        self.case = answer.case
        self._reference = reference

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

    def doubt(self, values: Mapping[str, Value]) -> Doubt:
        """What speaks for caution."""
        return doubt(self.case, values, self._reference)

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
