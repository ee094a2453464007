"""``make_heatmap``: computes the heatmap of an explanation by any method."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from fusion3d_gui.errors import UserError
from fusion3d_gui.inference.case_model import CaseModel
from fusion3d_gui.inference.explain.attribution import (
    input_gradient,
    integrated_gradients,
    occlusion,
    smoothgrad,
)
from fusion3d_gui.inference.explain.explanation import INPUT_METHODS, Explanation
from fusion3d_gui.inference.prediction import Heatmap
from fusion3d_gui.inference.predictor import Predictor
from fusion3d_gui.model.attribution.cam import CAM_METHODS
from fusion3d_gui.model.schema import Value
from fusion3d_gui.progress import Progress, no_progress, part_of

#: Share of the progress that the preliminary map of a gradient method takes.
_PRELIMINARY = 0.05


def make_heatmap(
    predictor: Predictor,
    case: CaseModel,
    values: Mapping[str, Value],
    explanation: Explanation,
    progress: Progress = no_progress,
    on_map: Callable[[Heatmap], None] | None = None,
) -> Heatmap:
    """Compute the heatmap of one case.

    Parameters
    ----------
    predictor, case, values
        The model, the case's input and its metadata by field name.
    explanation
        Method, stages and side.
    progress
        Progress callback.
    on_map
        Receives intermediate maps of a method that refines from coarse to fine (occlusion), and first
        gradient × input, which takes one pass, for a gradient method that takes dozens.

    Raises
    ------
    UserError
        For an unknown method.
    Cancelled
        When ``progress`` raises it.
    """
    method, side = explanation.method, explanation.side
    if method in CAM_METHODS:
        found = predictor.explain(case, values, method, explanation.stages, side, progress)
        return found.raw if explanation.raw else found
    if method == "input-gradient":
        return input_gradient(predictor, case, values, side, progress)
    if method == "occlusion":
        return occlusion(predictor, case, values, side, on_map=on_map, progress=progress)
    if method in ("integrated-gradients", "smoothgrad"):
        if on_map is not None:
            report = part_of(progress, 0.0, _PRELIMINARY)
            first = input_gradient(predictor, case, values, side, report)
            on_map(replace(first, finished=False))
            progress = part_of(progress, _PRELIMINARY, 1.0)
        make = smoothgrad if method == "smoothgrad" else integrated_gradients
        return make(predictor, case, values, side, progress)
    known = ", ".join((*CAM_METHODS, *INPUT_METHODS))
    raise UserError(f"there is no method {method}", remedy=f"Use one of: {known}.")
