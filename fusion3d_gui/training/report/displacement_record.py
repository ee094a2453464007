"""Record on a bundle's model card how far its heatmaps lie from the evidence."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from fusion3d_gui.errors import UserError
from fusion3d_gui.model.attribution.displacement import Displacement, Displacements
from fusion3d_gui.model.attribution.localisation_record import METHOD_NAMES
from fusion3d_gui.training.report.model_card import LIMITS_HEADING
from fusion3d_gui.training.report.model_card_file import card_path, read_card, write_card

#: Section of the card, before the limits.
DISPLACEMENT_HEADING = "## Displacement of the heatmaps"


def record_displacements(bundle: Path, found: Displacements) -> None:
    """Write the figures into a bundle's model card, replacing earlier ones.

    Raises UserError when card or metadata can't be read, or the card has no section of limits.
    """
    text, plain = read_card(bundle)
    section = re.compile(rf"{re.escape(DISPLACEMENT_HEADING)}\n\n.*?\n\n(?=## )", re.DOTALL)
    written = f"{DISPLACEMENT_HEADING}\n\n{displacement_text(found)}\n\n"
    if section.search(text):
        text = section.sub(lambda _: written, text)
    elif f"\n{LIMITS_HEADING}\n" in text:
        text = text.replace(f"\n{LIMITS_HEADING}\n", f"\n{written}{LIMITS_HEADING}\n")
    else:
        raise UserError(f"it has no section {LIMITS_HEADING!r}", path=card_path(bundle))
    write_card(bundle, text, plain)


def displacement_text(found: Displacements) -> str:
    """The figures in Markdown, without a heading."""
    if not found.maps:
        return (
            "The network has no convolutional stages, so no class activation maps. Gradient × input explains it, which "
            "has no displacement."
        )
    rows = [
        "| map | displacement, mm (left, posterior, superior) | spread, mm | with random weights | "
        "deletion | shown |",
        "| --- | --- | --- | --- | --- | --- |",
        *(_row(one) for one in found.maps),
    ]
    cases = max((one.cases for one in found.maps), default=0)
    lesion = any(one.against == "lesion" for one in found.maps)
    where = "the lesion" if lesion else "the peak of gradient × input"
    return "\n\n".join(
        [
            "Convolution, mean pooling and a label that doesn't say where leave a network free to respond "
            "beside what it responds to, by about the same vector in every case. The vector is the median of "
            "map's peak minus peak of gradient × input (smoothed), which has none; no masks are needed. "
            f"Measured on {cases} cases of {found.table} that the model calls positive:",
            "```\nfusion3d displacement BUNDLE CASES.csv --record\n```",
            "\n".join(rows),
            "Spread: median absolute deviation, largest axis. With random weights: how often the same map "
            f"points at {where} when nothing was learned, with its own vector. Deletion: logit drop for "
            f"blanking a ball of 12 mm at the corrected peak, as a share of that at {where}. A map is "
            "corrected only where it points seldom with random weights (10 % at most), deletion is at "
            "least 50 %, spread at most half a cell, and the vector shorter than a cell; otherwise it "
            f"is shown as it is. A constant map points in {100 * found.constant_near:.0f} %.",
        ]
    )


def _row(one: Displacement) -> str:
    vector = ", ".join(f"{each * one.spacing_mm:+.1f}" for each in one.vector_ijk)
    spread = float(np.max(one.spread_ijk)) * one.spacing_mm
    shown = "corrected" if one.applied else f"as it is: {one.reasons[0]}"
    return (
        f"| {METHOD_NAMES[one.method]}, stage {one.stage} | {vector.replace('-', '−')} | {spread:.1f} | "
        f"{100 * one.random_near:.0f} % | {100 * one.deletion.value:.0f} % | {shown} |"
    )
