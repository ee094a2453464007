"""``predict_and_explain``: predicts a case with its heatmap, for main window, command line, batch and API."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from fusion3d_gui.imaging.volume import Volume
from fusion3d_gui.inference.explain.explanation import Explanation
from fusion3d_gui.inference.explain.methods import make_heatmap
from fusion3d_gui.inference.predictor import PredictedCase, Predictor
from fusion3d_gui.progress import Progress, no_progress, part_of

#: The explanation that :meth:`~fusion3d_gui.inference.predictor.Predictor.predict_case` includes.
_INCLUDED = Explanation()


def predict_and_explain(
    predictor: Predictor,
    volume: Volume,
    values: Mapping[str, object],
    explanation: Explanation = _INCLUDED,
    progress: Progress = no_progress,
    *,
    despite_misfit: bool = False,
) -> PredictedCase:
    """Predict one case and compute the requested heatmap.

    Parameters
    ----------
    predictor
        The loaded model.
    volume
        The image, completely read.
    values
        Metadata by field name, as text or of their type; see
        :meth:`~fusion3d_gui.model.schema.MetadataSchema.case_values` for how they are gathered.
    explanation
        How ``prediction.heatmap`` is made; by default Grad-CAM at the last stage, which comes with
        every prediction. A slow one (occlusion, gradients at the voxels) takes many passes.
    despite_misfit
        Compute the number also for a case that the model is not meant for.

    Raises
    ------
    MisfitError
        When the model is not meant for the case (see :mod:`fusion3d_gui.inference.fit.judge`).
    UserError
        For metadata that do not fit the schema, a volume whose voxels are all equal, or an unknown method.
    Cancelled
        When ``progress`` raises it.
    """
    if explanation == _INCLUDED:
        return predictor.predict_case(volume, values, progress, despite_misfit=despite_misfit)
    if explanation.method == "input-gradient":
        predictor.prepare_input_gradient()
    # A class activation map takes about two passes, other methods dozens.
    share = 0.05 if explanation.is_slow else 0.4
    predicted = predictor.predict_case(
        volume, values, part_of(progress, 0.0, share), despite_misfit=despite_misfit
    )
    heatmap = make_heatmap(
        predictor,
        predicted.case,
        predicted.prediction.metadata,
        explanation,
        part_of(progress, share, 1.0),
    )
    return replace(predicted, prediction=replace(predicted.prediction, heatmap=heatmap))
