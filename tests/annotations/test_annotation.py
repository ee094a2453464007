"""What a mark knows of itself: outline, box, size, middle, and its measurement."""

from __future__ import annotations

import numpy as np
import pytest

from fusion3d_gui.imaging.annotations.annotation import KINDS, POINT_COUNT, Annotation, as_point
from fusion3d_gui.imaging.annotations.measurement import Quantity, measure
from fusion3d_gui.imaging.volume import Volume

#: An oblique plane: right and down across the patient axes.
RIGHT = np.array([0.6, 0.0, 0.8])
DOWN = np.array([0.0, 1.0, 0.0])
MIDDLE = np.array([10.0, -20.0, 30.0])


def region(kind: str, half_width: float = 6.0, half_height: float = 2.0) -> Annotation:
    half = half_width * RIGHT + half_height * DOWN
    points = as_point(MIDDLE - half), as_point(MIDDLE + half)
    return Annotation(3, kind, points, as_point(RIGHT), as_point(DOWN))


def test_the_outline_of_a_rectangle_is_its_four_corners_in_order():
    a, b = 6 * RIGHT, 2 * DOWN
    expected = [MIDDLE - a - b, MIDDLE + a - b, MIDDLE + a + b, MIDDLE - a + b]
    np.testing.assert_allclose(region("rectangle").outline_lps(), expected)


def test_the_outline_of_an_ellipse_lies_on_the_ellipse_and_goes_round_once():
    outline = region("ellipse").outline_lps() - MIDDLE
    u, v = outline @ RIGHT, outline @ DOWN
    np.testing.assert_allclose((u / 6) ** 2 + (v / 2) ** 2, 1)
    np.testing.assert_allclose(outline @ np.cross(RIGHT, DOWN), 0, atol=1e-12)
    turn = np.unwrap(np.arctan2(v / 2, u / 6))
    np.testing.assert_allclose(np.diff(turn), 2 * np.pi / 72)


@pytest.mark.parametrize(
    ("half_width", "half_height", "longer"), [(6, 2, RIGHT), (2, 6, DOWN), (4, 4, RIGHT)]
)
def test_the_longer_axis_of_an_ellipse_comes_first(half_width, half_height, longer):
    shorter = DOWN if longer is RIGHT else RIGHT
    a, b = max(half_width, half_height) * longer, min(half_width, half_height) * shorter
    found = region("ellipse", half_width, half_height).axis_ends_lps()
    np.testing.assert_allclose(found, [MIDDLE - a, MIDDLE + a, MIDDLE - b, MIDDLE + b])


@pytest.mark.parametrize("swapped", [False, True])
def test_the_corners_of_a_box_begin_at_its_first_point_and_go_along_its_right(swapped):
    mark = region("ellipse")
    first, last = mark.points_lps[::-1] if swapped else mark.points_lps
    mark = mark.with_points(np.array([first, last]))
    step = (-12 if swapped else 12) * RIGHT
    np.testing.assert_allclose(mark.box_corners_lps(), [first, first + step, last, last - step])
    assert mark.half_size_mm == pytest.approx((6, 2))


def test_the_normal_of_a_region_is_right_across_down():
    np.testing.assert_allclose(region("ellipse").normal_lps, np.cross(RIGHT, DOWN))


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("distance", (2, 3, 4)),
        ("rectangle", (2, 3, 4)),
        ("arrow", (0, 0, 0)),
        ("angle", (4, 6, 8)),
        ("point", (0, 0, 0)),
    ],
)
def test_a_mark_is_looked_at_in_its_middle_an_angle_at_its_vertex_an_arrow_at_its_tip(
    kind, expected
):
    points = ((0, 0, 0), (4, 6, 8), (9, 9, 9))[: POINT_COUNT[kind]]
    mark = Annotation(1, kind, points, (1, 0, 0), (0, 1, 0))
    np.testing.assert_allclose(mark.middle_lps, expected)


def test_a_moved_mark_keeps_its_number_its_words_and_its_plane():
    mark = region("ellipse").with_text("here")
    moved = mark.moved(np.array([1.0, 2.0, 3.0]))
    np.testing.assert_allclose(moved.points_lps, mark.points_lps + [1, 2, 3])
    assert (moved.number, moved.kind, moved.text) == (3, "ellipse", "here")
    assert (moved.right, moved.down) == (mark.right, mark.down)
    assert moved.name == "Ellipse 3"


def test_marks_with_too_few_points_or_without_their_plane_are_refused():
    for kind in KINDS:
        points = ((0.0, 0.0, 0.0),) * (POINT_COUNT[kind] + 1)
        with pytest.raises(ValueError, match=f"{kind} needs {POINT_COUNT[kind]} points"):
            Annotation(1, kind, points, (1, 0, 0), (0, 1, 0))
    for right, down in (((), (0, 1, 0)), ((1, 0, 0), ())):
        with pytest.raises(ValueError, match="directions of its plane"):
            Annotation(1, "ellipse", ((0, 0, 0), (1, 1, 0)), right, down)


@pytest.fixture
def volume() -> Volume:
    voxels = np.arange(4 * 5 * 6, dtype=np.float32).reshape(4, 5, 6)
    return Volume(voxels, np.eye(4), slope=2.0, intercept=-7.0, unit="HU")


def test_distances_angles_and_arrows_have_what_can_be_said_without_voxels(volume):
    distance = Annotation(1, "distance", ((0, 0, 0), (3, 4, 12)))
    assert measure(distance, volume).quantities == (Quantity("length_mm", "Length", 13.0, "mm"),)
    angle = Annotation(1, "angle", ((5, 0, 0), (0, 0, 0), (5, 5, 0)))
    (found,) = measure(angle, volume).quantities
    assert (found.key, found.name, found.unit) == ("angle_deg", "Angle", "°")
    assert found.value == pytest.approx(45)
    assert measure(Annotation(1, "arrow", ((0, 0, 0), (1, 1, 1))), volume).quantities == ()


def test_a_point_has_the_real_value_of_its_voxel_and_none_outside(volume):
    point = Annotation(1, "point", ((3.4, 1.6, 2.2),))  # in voxel (3, 2, 2)
    value = 2.0 * (2 * 30 + 2 * 6 + 3) - 7.0
    assert measure(point, volume).quantities == (Quantity("value", "Value", value, "HU"),)
    assert measure(Annotation(1, "point", ((9, 9, 9),)), volume).quantities == ()
    volume.voxels[2, 2, 3] = np.nan
    assert measure(point, volume).quantities == ()


def test_a_region_has_statistics_area_and_count_and_outside_its_area_alone(volume):
    mark = Annotation(1, "rectangle", ((1, 1, 2), (2, 3, 2)), (1, 0, 0), (0, 1, 0))
    values = 2.0 * volume.voxels[2, 1:4, 1:3].astype(float) - 7.0
    expected = {
        "mean": (values.mean(), "HU"),
        "sd": (values.std(ddof=1), "HU"),
        "minimum": (values.min(), "HU"),
        "maximum": (values.max(), "HU"),
        "area_mm2": (2.0, "mm²"),
        "voxels": (6, ""),
    }
    found = measure(mark, volume)
    assert [each.key for each in found.quantities] == list(expected)
    assert [each.name for each in found.quantities] == [
        "Mean",
        "SD",
        "Min",
        "Max",
        "Area",
        "Voxels",
    ]
    for quantity in found.quantities:
        assert (pytest.approx(quantity.value), quantity.unit) == expected[quantity.key]
        assert found[quantity.key] == quantity.value
    with pytest.raises(KeyError):
        found["length_mm"]
    outside = measure(mark.moved(np.array([0, 0, 99.0])), volume)
    assert [each.key for each in outside.quantities] == ["area_mm2"]


def test_one_voxel_has_no_spread(volume):
    mark = Annotation(1, "rectangle", ((2.9, 2.9, 1), (3.1, 3.1, 1)), (1, 0, 0), (0, 1, 0))
    found = measure(mark, volume)
    assert (found["voxels"], found["sd"]) == (1, 0.0)


def test_the_spread_of_two_voxels_divides_by_one(volume):
    mark = Annotation(1, "rectangle", ((1, 1, 1), (2, 1, 1)), (1, 0, 0), (0, 1, 0))
    found = measure(mark, volume)
    assert found["voxels"] == 2
    assert found["sd"] == pytest.approx(2.0 / np.sqrt(2))  # values 2 apart
