"""A prediction together with its request, so that the window knows when it is outdated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from fusion3d_gui.inference.explain.explanation import Explanation
from fusion3d_gui.inference.explain.sanity_report import SanityReport
from fusion3d_gui.inference.prediction import Heatmap, Prediction
from fusion3d_gui.model.bundle.bundle_info import BundleInfo
from fusion3d_gui.model.schema import Value
from fusion3d_gui.state.data.case import Case

if TYPE_CHECKING:
    from fusion3d_gui.inference.analysis.workbench import Workbench


@dataclass(frozen=True, eq=False)
class PredictionRequest:
    """What a prediction is made of: this very case, this very bundle, these metadata values."""

    case: Case
    bundle: BundleInfo
    metadata: Mapping[str, Value]

    def same_subject(self, other: PredictionRequest | None) -> bool:
        """Whether the other request has the same case and bundle."""
        return other is not None and other.case is self.case and other.bundle is self.bundle

    def same(self, other: PredictionRequest | None) -> bool:
        """Whether the other request has the same case, bundle and metadata values."""
        return (
            other is not None
            and self.same_subject(other)
            and dict(other.metadata) == dict(self.metadata)
        )

    def same_but_identity(self, other: PredictionRequest | None) -> bool:
        """As :meth:`same`, also where the patient's identity is hidden in one of the two cases."""
        if other is None:
            return False
        mine, theirs = self.case.volume, other.case.volume
        is_same_scan = mine.voxels is theirs.voxels and mine.modality == theirs.modality
        return is_same_scan and replace(self, case=other.case).same(other)


@dataclass(frozen=True, eq=False)
class ShownPrediction:
    """The prediction of a request, and what further analyses of it need.

    Its heatmap is made as ``explanation`` says; None while a preliminary one stands for the one
    that is being made. ``workbench`` is None where the prediction was restored from an earlier run: it has to be
    made again for further analyses. With ``awaits_heatmap`` none has been made that anybody asked for: the prediction
    has the map that comes with every prediction.
    """

    request: PredictionRequest
    prediction: Prediction
    workbench: Workbench | None
    explanation: Explanation | None
    awaits_heatmap: bool = False

    @property
    def heatmap(self) -> Heatmap | None:
        """The heatmap to show; None where it is still awaited."""
        return None if self.awaits_heatmap else self.prediction.heatmap

    def with_heatmap(self, heatmap: Heatmap, explanation: Explanation | None) -> ShownPrediction:
        """The same prediction with another heatmap, made as ``explanation`` says."""
        prediction = replace(self.prediction, heatmap=heatmap)
        return replace(self, prediction=prediction, explanation=explanation, awaits_heatmap=False)

    def for_case(self, before: Case, case: Case) -> ShownPrediction:
        """The same prediction where ``case`` is ``before`` with its identity hidden or shown."""
        if self.request.case is not before:
            return self
        return replace(self, request=replace(self.request, case=case))


@dataclass(frozen=True, eq=False)
class MapChecks:
    """The sanity checks of one heatmap: of which prediction, and the figures."""

    subject: str
    report: SanityReport
