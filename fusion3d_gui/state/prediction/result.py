"""``Result``: a prediction together with exactly what was asked, so that it can be known outdated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fusion3d_gui.inference.explain.explanation import Explanation
from fusion3d_gui.inference.explain.sanity_report import SanityReport
from fusion3d_gui.inference.prediction import Prediction
from fusion3d_gui.model.bundle_info import BundleInfo
from fusion3d_gui.model.schema import Value
from fusion3d_gui.report.sanity_picture import SanityPicture
from fusion3d_gui.state.case.case import Case

if TYPE_CHECKING:
    from fusion3d_gui.inference.analysis.workbench import Workbench


@dataclass(frozen=True, eq=False)
class Request:
    """What a prediction is asked of: this very case, this very bundle, these values."""

    case: Case
    bundle: BundleInfo
    metadata: Mapping[str, Value]

    def same_subject(self, other: Request | None) -> bool:
        """Whether the other request is about the same case and bundle."""
        return other is not None and other.case is self.case and other.bundle is self.bundle

    def same(self, other: Request | None) -> bool:
        """Whether the answer to the other request is the answer to this one."""
        return (
            other is not None
            and self.same_subject(other)
            and dict(other.metadata) == dict(self.metadata)
        )


@dataclass(frozen=True, eq=False)
class MapChecks:
    """The checks of one result's map: of what, the figures, and a picture of them."""

    subject: str
    report: SanityReport
    picture: SanityPicture


@dataclass(frozen=True, eq=False)
class Result:
    """The answer to a request: its heatmap is made as ``explanation`` says, and more can be asked.

    ``explanation`` is None while the heatmap is a coarse one on the way to a finer.
    """

    request: Request
    prediction: Prediction
    workbench: Workbench
    explanation: Explanation | None
