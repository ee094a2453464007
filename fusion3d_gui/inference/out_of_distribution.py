"""Gauges of how unlike a model's training cases an image is."""

from __future__ import annotations

import numpy as np

from fusion3d_gui.inference.case_model import CaseModel
from fusion3d_gui.inference.fit.fit_report import FitReport
from fusion3d_gui.model.reference.appearance import AppearanceStatistics, is_beyond
from fusion3d_gui.model.reference.reference import Reference

#: What :func:`image_outside` looks at.
_LOOKED_AT = ("outline and grey values", "texture", "what the model makes of the image")


def with_image(report: FitReport, case: CaseModel, reference: Reference | None) -> FitReport:
    """A report with what the model's features of the image say; unchanged without ``reference``."""
    if reference is None:
        return report
    return report.doubting(image_outside(case, reference), _LOOKED_AT)


def image_outside(case: CaseModel, reference: Reference | None) -> tuple[str, ...]:
    """A sentence if the image is unlike the training cases; empty otherwise, or without ``reference``.

    It is where the distance of its appearance, of its texture or of its embedding from the training cases is
    larger than that of ordinary cases (:func:`~fusion3d_gui.model.reference.appearance.is_beyond`).
    """
    if reference is None:
        return ()
    embedding = float(np.ravel(reference.distance(case.image_embedding))[0])
    gauges = (
        ("its outline and grey values", *_gauge(case.appearance, reference.appearance)),
        ("its texture", *_gauge(case.texture, reference.texture)),
        ("what the model makes of it", embedding, reference.validation_distance),
    )
    outside = {
        name: float(100 * np.mean(known < distance))
        for name, distance, known in gauges
        if is_beyond(distance, known)
    }
    if not outside:
        return ()
    return (
        f"By {' and by '.join(outside)}, the image is less like the training cases than "
        f"{max(outside.values()):.0f} % of the cases with which the model was checked.",
    )


def appearance_percent(case: CaseModel, reference: Reference) -> float | None:
    """Percentage of validation cases nearer to the training cases in appearance; None where unknown."""
    known = reference.appearance
    return None if known is None else known.percentile(float(known.distance(case.appearance)[0]))


def embedding_distance(case: CaseModel, reference: Reference) -> tuple[float, float]:
    """Distance of the image embedding from the training cases, and percentage of validation cases nearer."""
    distance = float(np.ravel(reference.distance(case.image_embedding))[0])
    return distance, reference.distance_percentile(distance)


def _gauge(features: np.ndarray, known: AppearanceStatistics | None) -> tuple[float, np.ndarray]:
    """Distance of features [D] from the training cases, and the validation cases' distances."""
    if known is None:
        return 0.0, np.zeros(0)
    return float(known.distance(features)[0]), known.validation_distance
