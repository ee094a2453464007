"""``Layout``: the arrangements of the views."""

from __future__ import annotations

from enum import Enum


class Layout(Enum):
    """Arrangements of the views."""

    LARGE_AND_TWO = "One large and two"
    THREE = "Three in a row"
    GRID = "Two by two, with 3D"
    SIDE_BY_SIDE = "Plain beside heatmap"
