"""Stamps on the images: that the heatmap is not finished, or has gone because the form changed."""

from __future__ import annotations

from fusion3d_gui.inference.prediction import Heatmap

#: A text with its shorter forms, longest first: a view shows the longest for which it has room.
Stamp = tuple[str, ...]

UNFINISHED: Stamp = ("Heatmap not finished",)
REMOVED: Stamp = (
    "Heatmap removed: the form changed. Press Predict",
    "Heatmap removed: form changed",
    "Heatmap removed",
)


def stamp_of(heatmap: Heatmap | None, *, is_on: bool, was_removed: bool) -> Stamp:
    """The stamp of a view: its heatmap is on but would still have been refined, or has been removed."""
    if was_removed:
        return REMOVED
    return UNFINISHED if is_on and heatmap is not None and not heatmap.finished else ()
