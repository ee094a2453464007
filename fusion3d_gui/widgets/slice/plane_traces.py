"""``PlaneTraces``: which sides of the patient a plane's edges are, and where the other planes cut it."""

from __future__ import annotations

from dataclasses import dataclass

from fusion3d_gui.imaging.plane import ORIENTATIONS, Orientation, cross_product, spatial_letters
from fusion3d_gui.state.display.planes import Planes
from fusion3d_gui.widgets.slice import crosshair_arms


@dataclass(frozen=True)
class PlaneTraces:
    """The letters at left, right, top and bottom, and the directions of the other planes' traces by name."""

    sides: tuple[str, str, str, str]
    traces: tuple[tuple[str, tuple[float, float]], ...]

    @classmethod
    def of(cls, planes: Planes, orientation: Orientation) -> PlaneTraces:
        """Of one plane, oriented on screen in this way."""
        to_patient = planes.matrix(orientation.name)[:3, :3].T
        right, down = to_patient @ orientation.right_lps, to_patient @ orientation.down_lps
        normal = cross_product(right, down)
        traces = []
        for other in ORIENTATIONS:
            other_normal = planes.matrix(other.name)[other.depth, :3]
            along = crosshair_arms.screen_direction(normal, other_normal, right, down)
            if other.name != orientation.name and along is not None:
                traces.append((other.name, along))
        left, top = spatial_letters(-right), spatial_letters(-down)
        return cls((left, spatial_letters(right), top, spatial_letters(down)), tuple(traces))
