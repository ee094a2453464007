"""Stamps on the images: that the heatmap is not finished, or why it has gone."""

from __future__ import annotations

from fusion3d_gui.inference.prediction import Heatmap
from fusion3d_gui.state.prediction.predictions import HeatmapLoss

#: A text with its shorter forms, longest first: a view shows the longest for which it has room.
Stamp = tuple[str, ...]

UNFINISHED: Stamp = ("Heatmap not finished",)
REMOVED: dict[HeatmapLoss, Stamp] = {
    "form": (
        "Heatmap removed: the form changed. Press Predict",
        "Heatmap removed: form changed",
        "Heatmap removed",
    ),
    "model": (
        "Heatmap removed: another model was chosen. Press Predict",
        "Heatmap removed: other model",
        "Heatmap removed",
    ),
}


def stamp_of(heatmap: Heatmap | None, loss: HeatmapLoss | None, *, is_on: bool) -> Stamp:
    """The stamp of a view: its heatmap is on but would still have been refined, or has been removed."""
    if loss is not None:
        return REMOVED[loss]
    return UNFINISHED if is_on and heatmap is not None and not heatmap.finished else ()
