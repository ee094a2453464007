"""Detects images that are unlike a model's training cases."""

from __future__ import annotations

import numpy as np

from fusion3d_gui.inference.case_model import CaseModel
from fusion3d_gui.model.reference import OUTSIDE_PERCENT, Reference

#: What :func:`image_outside` looks at.
LOOKED_AT = ("outline and grey values", "what the model makes of the image")


def image_outside(case: CaseModel, reference: Reference | None) -> tuple[str, ...]:
    """A sentence if the image is unlike the training cases; empty otherwise, or without ``reference``.

    The criterion is that the distance of its appearance or of its embedding exceeds that of
    :data:`~fusion3d_gui.model.reference.OUTSIDE_PERCENT` of the validation cases.
    """
    if reference is None:
        return ()
    percent_by = {
        "its outline and grey values": appearance_percent(case, reference),
        "what the model makes of it": embedding_distance(case, reference)[1],
    }
    outside = {
        name: percent
        for name, percent in percent_by.items()
        if percent is not None and percent >= OUTSIDE_PERCENT
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
