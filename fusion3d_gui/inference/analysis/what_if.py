"""What-if analyses: the model's output for changed metadata, and probability curves over each field."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from fusion3d_gui.inference.analysis.result_types import Curve, WhatIf
from fusion3d_gui.inference.case_model import CaseModel
from fusion3d_gui.inference.fit.fit_report import FitReport, MisfitError
from fusion3d_gui.inference.prediction import Prediction
from fusion3d_gui.model.schema import Field, Value


def what_if(
    case: CaseModel, prediction: Prediction, values: Mapping[str, object], fit: FitReport
) -> WhatIf:
    """Compute logit and probability with other metadata, reusing the image's features.

    ``fit`` says whether the model is meant for the case with these values.

    Raises
    ------
    MisfitError
        When it is not meant for it.
    UserError
        For values that do not fit the schema.
    """
    schema = case.info.schema
    parsed = schema.parse(values)
    if fit.fit == "refused":
        raise MisfitError(fit)
    logit = case.logit(parsed)
    about_own = (*prediction.fit.reasons, *schema.warnings(prediction.metadata))
    kept = [notice for notice in prediction.notices if notice not in about_own]
    return WhatIf(
        prediction,
        parsed,
        logit,
        case.info.decision.probability(logit),
        fit,
        (*kept, *fit.reasons, *schema.warnings(parsed)),
    )


def curves(case: CaseModel, values: Mapping[str, Value], points: int = 61) -> list[Curve]:
    """One curve for each field of the model, through the given values; all in one pass.

    ``points`` is the number of values along a number's range. An image-only model has no curves.
    """
    schema = case.info.schema
    if not schema.fields:
        return []
    tried = [_points(field, values.get(field.name), points) for field in schema.fields]
    own = schema.encode(values)
    codes = [own]
    start = 0
    for field, candidates in zip(schema.fields, tried, strict=True):
        for candidate in candidates:
            code = own.copy()
            code[start : start + field.width] = field.encode(candidate)
            codes.append(code)
        start += field.width
    chances = case.probabilities(case.logits(np.stack(codes)))
    ends = np.cumsum([1] + [len(candidates) for candidates in tried])
    return [
        Curve(field, candidates, chances[begin:end], values.get(field.name), float(chances[0]))
        for field, candidates, begin, end in zip(
            schema.fields, tried, ends[:-1], ends[1:], strict=True
        )
    ]


def number_range(field: Field, own: Value = None) -> tuple[float, float]:
    """Range of a number's curve: that of the training data, widened to the case's own value."""
    low = field.mean - 3 * field.std if field.seen_minimum is None else field.seen_minimum
    high = field.mean + 3 * field.std if field.seen_maximum is None else field.seen_maximum
    if isinstance(own, float | int):
        low, high = min(low, float(own)), max(high, float(own))
    if field.minimum is not None:
        low = max(low, field.minimum)
    if field.maximum is not None:
        high = min(high, field.maximum)
    return low, high


def _points(field: Field, own: Value, count: int) -> tuple[Value, ...]:
    if field.kind == "number":
        return tuple(float(value) for value in np.linspace(*number_range(field, own), count))
    if field.kind == "category":
        return tuple(value for value, _ in field.choices)
    return (False, True)
