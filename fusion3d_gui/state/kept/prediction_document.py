"""``KeptPrediction`` as the document of a session file holds it, and back."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import numpy as np

from fusion3d_gui.inference.explain.explanation import Explanation
from fusion3d_gui.inference.fit.fit_report import FitReport
from fusion3d_gui.inference.map_correction import MapCorrection
from fusion3d_gui.inference.prediction import Heatmap, Prediction
from fusion3d_gui.inference.tissue_outline import TissueOutline
from fusion3d_gui.model.attribution.localisation_record import METHOD_NAMES
from fusion3d_gui.plain_text import LONGEST_TEXT, visible_text
from fusion3d_gui.report.session import document as doc
from fusion3d_gui.report.session.archive import add_array
from fusion3d_gui.report.session.document import affine_of, affine_rows
from fusion3d_gui.state.kept.kept_work import KeptPrediction

#: A probability is that of its logit and temperature to this difference.
_SAME_PROBABILITY = 1e-5


def explanation_document(made: Explanation) -> doc.ExplanationDocument:
    """How a map is made, as the document holds it."""
    return doc.ExplanationDocument(made.method, list(made.stages), made.side, made.raw)


def explanation_of(plain: doc.ExplanationDocument) -> Explanation:
    """How a map is made. Raises ValueError where there is no such map."""
    if plain.method not in METHOD_NAMES:
        raise ValueError("no such map")
    return Explanation(plain.method, tuple(plain.stages), plain.side, plain.raw)


def prediction_document(
    each: KeptPrediction, arrays: dict[str, np.ndarray]
) -> doc.PredictionDocument:
    """A prediction as the document holds it; its arrays are added to ``arrays``."""
    made = each.prediction
    heatmap, fit, correction = made.heatmap, made.fit, made.heatmap.correction
    outline = heatmap.outline
    return doc.PredictionDocument(
        probability=made.probability,
        logit=made.logit,
        temperature=made.temperature,
        threshold=made.threshold,
        class_names=made.class_names,
        metadata=dict(made.metadata),
        bundle_name=made.bundle_name,
        bundle_version=made.bundle_version,
        weights_sha256=made.weights_sha256,
        volume_sha256=made.volume_sha256,
        device=made.device,
        seconds=made.seconds,
        created=made.created.isoformat(),
        # PyTorch gives its version as a kind of its own.
        libraries={key: str(text) for key, text in made.libraries.items()},
        fit=doc.FitDocument(fit.fit, list(fit.reasons), list(fit.looked_at), fit.demonstration),
        heatmap=doc.HeatmapDocument(
            add_array(arrays, heatmap.values.astype(np.float32, copy=False)),
            affine_rows(heatmap.affine),
            heatmap.method,
            heatmap.layer,
            heatmap.side,
            heatmap.finished,
            None
            if outline is None
            else doc.OutlineDocument(
                add_array(arrays, outline.tissue), affine_rows(outline.affine)
            ),
            None
            if correction is None
            else doc.CorrectionDocument(
                _triple(correction.vector_lps), list(correction.reasons), correction.applied
            ),
        ),
        explanation=explanation_document(each.explanation),
        notices=list(made.notices),
    )


def prediction_of(
    plain: doc.PredictionDocument, arrays: Mapping[str, np.ndarray]
) -> KeptPrediction:
    """A prediction. Raises ValueError where it contradicts itself, KeyError where an array is missing."""
    chance = 1 / (1 + math.exp(-min(max(plain.logit / plain.temperature, -700.0), 700.0)))
    if abs(chance - plain.probability) > _SAME_PROBABILITY:
        raise ValueError("a probability is not that of its logit")
    made = Prediction(
        probability=plain.probability,
        logit=plain.logit,
        temperature=plain.temperature,
        threshold=plain.threshold,
        class_names=texts_of(plain.class_names)[:2],  # type: ignore[arg-type]
        heatmap=_heatmap(plain.heatmap, arrays),
        metadata={visible_text(name): value for name, value in plain.metadata.items()},
        bundle_name=visible_text(plain.bundle_name),
        bundle_version=visible_text(plain.bundle_version),
        weights_sha256=plain.weights_sha256,
        volume_sha256=plain.volume_sha256,
        device=visible_text(plain.device),
        seconds=plain.seconds,
        created=when_of(plain.created).astimezone(UTC),
        libraries={visible_text(key): visible_text(text) for key, text in plain.libraries.items()},
        fit=FitReport(
            plain.fit.fit,
            texts_of(plain.fit.reasons),
            texts_of(plain.fit.looked_at),
            None if plain.fit.demonstration is None else visible_text(plain.fit.demonstration),
        ),
        notices=texts_of(plain.notices),
    )
    if (plain.fit.fit == "fits") == bool(plain.fit.reasons):
        raise ValueError("a case that fits has reasons, or one that doesn't has none")
    if plain.heatmap.method != plain.explanation.method:
        raise ValueError("a heatmap is of another method than it says")
    return KeptPrediction(made, explanation_of(plain.explanation))


def _heatmap(plain: doc.HeatmapDocument, arrays: Mapping[str, np.ndarray]) -> Heatmap:
    values = arrays[plain.array]
    if values.dtype != np.float32 or values.min() < 0:
        raise ValueError("a heatmap is negative, or no heatmap")
    outline, correction = plain.outline, plain.correction
    if outline is not None and arrays[outline.array].dtype != np.bool_:
        raise ValueError("an outline is none")
    return Heatmap(
        values=values,
        affine=affine_of(plain.affine),
        method=visible_text(plain.method),
        layer=visible_text(plain.layer),
        side=plain.side,
        finished=plain.finished,
        outline=None
        if outline is None
        else TissueOutline(arrays[outline.array], affine_of(outline.affine)),
        correction=None
        if correction is None
        else MapCorrection(
            np.array(correction.vector), texts_of(correction.reasons), correction.applied
        ),
    )


def when_of(text: str) -> datetime:
    """A time. Raises ValueError where it is none, or of no year in which this program ran."""
    when = datetime.fromisoformat(text)
    if not 1990 <= when.year <= 2200:
        raise ValueError("a time is none of this century")
    return when


def texts_of(plain: Any) -> tuple[str, ...]:
    """Texts of a file as plain text."""
    return tuple(visible_text(each, LONGEST_TEXT) for each in plain)


def _triple(vector: np.ndarray) -> doc.Triple:
    x, y, z = (float(each) for each in vector)
    return x, y, z
