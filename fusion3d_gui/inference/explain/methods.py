"""Every method by which a prediction can be explained, behind one function."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from fusion3d_gui.errors import UserError
from fusion3d_gui.inference.case_model import CaseModel
from fusion3d_gui.inference.explain.attribution import integrated_gradients, occlusion, smoothgrad
from fusion3d_gui.inference.explain.explanation import INPUT_METHODS, Explanation
from fusion3d_gui.inference.prediction import Heatmap
from fusion3d_gui.inference.predictor import Predictor
from fusion3d_gui.model.cam import CAM_METHODS
from fusion3d_gui.model.schema import Value
from fusion3d_gui.progress import Progress, no_progress


def make_heatmap(
    predictor: Predictor,
    case: CaseModel,
    values: Mapping[str, Value],
    explanation: Explanation,
    progress: Progress = no_progress,
    on_map: Callable[[Heatmap], None] | None = None,
) -> Heatmap:
    """The map of one case: by a class activation method at its stages, or of the voxels.

    A method that comes from coarse to fine (occlusion) gives ``on_map`` the maps on the way.

    Raises UserError for a method that is not known; Cancelled when ``progress`` raises it.
    """
    method, side = explanation.method, explanation.side
    if method in CAM_METHODS:
        return predictor.explain(case, values, method, explanation.stages, side, progress)
    if method == "occlusion":
        return occlusion(predictor, case, values, side, on_map=on_map, progress=progress)
    if method == "integrated-gradients":
        return integrated_gradients(predictor, case, values, side, progress)
    if method == "smoothgrad":
        return smoothgrad(predictor, case, values, side, progress)
    known = ", ".join((*CAM_METHODS, *INPUT_METHODS))
    raise UserError(f"there is no method {method}", remedy=f"Use one of: {known}.")
