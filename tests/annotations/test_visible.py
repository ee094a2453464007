"""In which planes a mark is seen, and what of it."""

from __future__ import annotations

import numpy as np
import pytest

from fusion3d_gui.imaging.annotations.annotation import Annotation, as_point
from fusion3d_gui.state.display.screen_plane import ScreenPlane
from fusion3d_gui.state.marks.visible_marks import visible_mark


def plane(depth: float, thickness: float = 4.0, frame: np.ndarray | None = None) -> ScreenPlane:
    frame = np.eye(3) if frame is None else frame
    return ScreenPlane(depth * frame[2], frame[0], frame[1], thickness)


@pytest.mark.parametrize(
    ("depth", "seen"), [(0.0, True), (1.99, True), (2.0, True), (2.01, False), (-2.01, False)]
)
def test_a_mark_is_seen_within_half_a_slice(depth, seen):
    mark = Annotation(1, "point", ((5.0, 5.0, 0.0),))
    assert (visible_mark(mark, plane(depth)) is not None) == seen


def test_a_distance_through_the_plane_is_seen_where_it_crosses():
    mark = Annotation(1, "distance", ((0.0, 0.0, -10.0), (20.0, 0.0, 10.0)))
    seen = visible_mark(mark, plane(0.0))
    assert not seen.handles
    assert not seen.whole
    (line,) = seen.lines
    assert np.allclose(line, [[8, 0, -2], [12, 0, 2]])
    assert visible_mark(mark, plane(30.0)) is None


def test_a_region_is_a_chord_in_a_plane_across_it_and_has_its_handles_only_in_its_own():
    region = Annotation(1, "rectangle", ((-6, -3, 1), (6, 3, 1)), (1, 0, 0), (0, 1, 0))
    own = visible_mark(region, plane(0.0))
    assert own.whole
    assert len(own.handles) == 4
    across = ScreenPlane(np.zeros(3), np.array([1.0, 0, 0]), np.array([0, 0, -1.0]), 2.0)
    chord = visible_mark(region, across)
    assert not chord.handles
    (line,) = chord.lines
    assert np.allclose(line[:, 2], 1)
    assert (line[:, 0].min(), line[:, 0].max()) == (-6, 6)
    assert np.abs(line[:, 1]).max() == pytest.approx(1.0, abs=1e-5)
    assert visible_mark(region, plane(4.0)) is None


@pytest.mark.parametrize("seed", range(8))
def test_what_is_drawn_lies_in_the_slab_and_on_the_mark_in_any_direction(seed):
    chance = np.random.default_rng(seed)
    frame, _ = np.linalg.qr(chance.normal(size=(3, 3)))
    frame = frame if np.linalg.det(frame) > 0 else -frame
    slab = plane(1.3, 3.0, frame)
    a, b = chance.normal(0, 8, (2, 3))
    line = Annotation(1, "distance", (as_point(a), as_point(b)))
    seen = visible_mark(line, slab)
    samples = a + np.linspace(0, 1, 2001)[:, None] * (b - a)
    inside = samples[np.abs(slab.distance_mm(samples)) <= 1.5]
    assert (seen is None) == (len(inside) == 0)
    if seen is not None:
        (piece,) = seen.lines
        assert np.abs(slab.distance_mm(piece)).max() <= 1.5 + 1e-5
        length = np.linalg.norm(b - a)
        assert np.linalg.norm(piece[0] - piece[1]) == pytest.approx(
            length * len(inside) / 2001, abs=length / 500
        )
    box, _ = np.linalg.qr(chance.normal(size=(3, 3)))
    middle = np.array([0.0, 0, 0]) + 1.3 * frame[2]
    half = 6 * box[0] + 4 * box[1]
    ellipse = Annotation(
        2,
        "ellipse",
        (as_point(middle - half), as_point(middle + half)),
        as_point(box[0]),
        as_point(box[1]),
    )
    (outline,) = visible_mark(ellipse, slab).lines
    assert np.abs(slab.distance_mm(outline)).max() <= 1.5 + 1e-5
    away = outline - middle
    assert ((away @ box[0] / 6) ** 2 + (away @ box[1] / 4) ** 2).max() <= 1 + 1e-6
    assert np.allclose(away @ np.cross(box[0], box[1]), 0, atol=1e-9)
