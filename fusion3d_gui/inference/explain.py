"""Every method by which a prediction can be explained, behind one function."""

from __future__ import annotations

from collections.abc import Mapping

from fusion3d_gui.errors import UserError
from fusion3d_gui.inference.case_model import CaseModel
from fusion3d_gui.inference.explanation import Explanation
from fusion3d_gui.inference.input_maps import integrated_gradients, occlusion, smoothgrad
from fusion3d_gui.inference.prediction import Heatmap
from fusion3d_gui.inference.predictor import Predictor
from fusion3d_gui.model.cam import CAM_METHODS
from fusion3d_gui.model.schema import Value
from fusion3d_gui.progress import Progress, no_progress

#: Methods that explain the voxels; they have no stage.
INPUT_METHODS = ("occlusion", "integrated-gradients", "smoothgrad")


def make_heatmap(
    predictor: Predictor,
    case: CaseModel,
    values: Mapping[str, Value],
    explanation: Explanation,
    progress: Progress = no_progress,
) -> Heatmap:
    """The map of one case: by a class activation method at its stages, or of the voxels.

    Raises UserError for a method that is not known; Cancelled when ``progress`` raises it.
    """
    method, side = explanation.method, explanation.side
    if method in CAM_METHODS:
        return predictor.explain(case, values, method, explanation.stages, side, progress)
    if method == "occlusion":
        return occlusion(predictor, case, values, side, progress=progress)
    if method == "integrated-gradients":
        return integrated_gradients(predictor, case, values, side, progress)
    if method == "smoothgrad":
        return smoothgrad(predictor, case, values, side, progress)
    known = ", ".join((*CAM_METHODS, *INPUT_METHODS))
    raise UserError(f"there is no method {method}", remedy=f"Use one of: {known}.")
