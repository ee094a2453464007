"""Graphics of DICOM objects as marks: kinds, corners and axes by closed forms, what is no graphic."""

from __future__ import annotations

import numpy as np
import pytest
from pydicom.dataset import Dataset

from fusion3d_gui.imaging.annotations.annotation import Annotation
from fusion3d_gui.imaging.dicom.source_series import SourceFrame, SourceSeries
from fusion3d_gui.imaging.labels.graphics import (
    Graphic,
    frames_by_uid,
    graphic_on,
    marks_of,
    points_of,
    referred_frame,
)
from fusion3d_gui.imaging.plane import Plane

# -- coordinates --------------------------------------------------------------------------------


def with_data(values) -> Dataset:
    item = Dataset()
    item.GraphicData = values
    return item


def test_coordinates_are_rows_of_as_many_numbers():
    assert points_of(with_data([1, 2, 3, 4, 5, 6]), "GraphicData", 2).tolist() == [
        [1, 2],
        [3, 4],
        [5, 6],
    ]
    assert points_of(with_data([1, 2, 3, 4, 5, 6]), "GraphicData", 3).tolist() == [
        [1, 2, 3],
        [4, 5, 6],
    ]
    anchor = Dataset()
    anchor.AnchorPoint = [999_999.0, -999_999.0]
    assert points_of(anchor, "AnchorPoint", 2).tolist() == [[999_999, -999_999]]


@pytest.mark.parametrize(
    "values", [[1, 2, 3], 5.0, [], [1, float("nan")], [1, float("inf")], [1e6, 1], [1, -1e6]]
)
def test_what_is_no_coordinates_is_none(values):
    assert points_of(with_data(values), "GraphicData", 2) is None


def test_missing_and_packed_coordinates_are_none():
    assert points_of(Dataset(), "GraphicData", 2) is None
    packed = Dataset()
    packed.add_new("GraphicData", "OB", b"\0" * 8)
    assert points_of(packed, "GraphicData", 2) is None
    text = Dataset()
    text.add_new("GraphicData", "LO", "12")
    assert points_of(text, "GraphicData", 1) is None


def test_twenty_thousand_points_are_the_most():
    most = np.zeros(40_000).tolist()
    assert points_of(with_data(most), "GraphicData", 2).shape == (20_000, 2)
    assert points_of(with_data([*most, 0.0, 0.0]), "GraphicData", 2) is None


# -- frames ---------------------------------------------------------------------------------------


def frame(uid: str, number: int | None, origin=(0.0, 0.0, 0.0), offset=(0, 0)) -> SourceFrame:
    header = Dataset()
    header.SOPInstanceUID = uid
    plane = Plane(np.array(origin), np.array([0.0, 0.5, 0.0]), np.array([0.0, 0.0, -2.0]), (10, 12))
    return SourceFrame(header, plane, number, 1.0, None, offset)


def reference(uid: str, number=None) -> Dataset:
    item = Dataset()
    item.ReferencedSOPInstanceUID = uid
    if number is not None:
        item.ReferencedFrameNumber = number
    return item


def test_a_reference_names_a_frame_by_file_and_number():
    frames = frame("1.1", 1), frame("1.1", 2), frame("1.1", 3), frame("1.2", None)
    known = frames_by_uid(SourceSeries((frames[0].header, frames[3].header), frames))
    assert list(known) == [("1.1", 1), ("1.1", 2), ("1.1", 3), ("1.2", 1)]
    assert referred_frame(reference("1.1"), known) is frames[0]
    assert referred_frame(reference("1.1", 2), known) is frames[1]
    assert referred_frame(reference("1.1", [3, 2]), known) is frames[2]
    assert referred_frame(reference("1.2"), known) is frames[3]
    assert referred_frame(reference("1.2", 2), known) is None
    assert referred_frame(reference("1.3"), known) is None
    assert referred_frame(Dataset(), known) is None


def test_pixels_of_an_image_are_places_in_the_patient():
    """The middle of the first pixel is 0.5, 0.5 (PS3.3 C.10.5.1.2)."""
    made = graphic_on(
        frame("1.1", 1, (5.0, 6.0, 7.0)), "POLYLINE", np.array([[0.5, 0.5], [4.5, 2.5]])
    )
    assert made.kind == "POLYLINE"
    np.testing.assert_allclose(made.points, [[5, 6, 7], [5, 8, 3]])
    np.testing.assert_allclose(made.right, [0, 1, 0])
    np.testing.assert_allclose(made.down, [0, 0, -1])


# -- marks --------------------------------------------------------------------------------------


def turned() -> np.ndarray:
    return np.linalg.qr(np.array([[3.0, 1, 0.4], [-1, 2, 1], [0.5, 0.3, 3]]))[0]


#: Directions of an oblique plane, and a place on it.
RIGHT, DOWN = turned()[:2]
PLACE = np.array([10.0, -20.0, 30.0])


def on_plane(*points: tuple[float, float]) -> np.ndarray:
    return np.array([PLACE + u * RIGHT + v * DOWN for u, v in points])


def one(kind: str, points: np.ndarray, wanted=None, text: str = "said", **directions) -> Annotation:
    (mark,) = marks_of(Graphic(kind, points, **directions), 4, text, wanted)
    assert mark.number == 4
    return mark


def is_at(mark: Annotation, *points: tuple[float, float]) -> None:
    np.testing.assert_allclose(mark.points, on_plane(*points), atol=1e-9)


@pytest.mark.parametrize("kind", ["POINT", "MULTIPOINT"])
def test_points_are_marks_numbered_on(kind):
    marks = marks_of(Graphic(kind, on_plane((0, 0), (3, 4), (5, 6))), 7, "said", None)
    assert [(each.number, each.kind, each.text) for each in marks] == [
        (7, "point", "said"),
        (8, "point", "said"),
        (9, "point", "said"),
    ]
    np.testing.assert_allclose([each.points[0] for each in marks], on_plane((0, 0), (3, 4), (5, 6)))


def test_a_circle_is_an_ellipse_of_equal_axes_in_its_image():
    mark = one("CIRCLE", on_plane((2, 3), (2 + 3, 3 + 4)), right=RIGHT, down=DOWN)
    assert (mark.kind, mark.text) == ("ellipse", "said")
    is_at(mark, (-3, -2), (7, 8))
    np.testing.assert_allclose([mark.right, mark.down], [RIGHT, DOWN])


@pytest.mark.parametrize("given", [{}, {"right": RIGHT}, {"down": DOWN}])
@pytest.mark.parametrize("edge", [(3.0, 0.1, 0.2), (0.1, -3.0, 0.2), (0.2, 0.1, 3.0)])
def test_a_circle_in_space_lies_in_a_plane_through_its_edge(given, edge):
    mark = one("CIRCLE", np.array([PLACE, PLACE + edge]), **given)
    radius = np.linalg.norm(edge)
    assert mark.half_size_mm == pytest.approx((radius, radius))
    np.testing.assert_allclose(mark.middle_lps, PLACE)
    np.testing.assert_allclose(mark.right, np.array(edge) / radius)
    assert np.dot(mark.right, mark.down) == pytest.approx(0, abs=1e-12)
    assert np.linalg.norm(mark.down) == pytest.approx(1)


def test_a_circle_without_size_is_one_at_its_middle():
    mark = one("CIRCLE", np.array([PLACE, PLACE]))
    np.testing.assert_allclose(mark.points, [PLACE, PLACE])
    assert (mark.right, mark.down) == ((1, 0, 0), (0, 0, 1))


def test_an_ellipse_is_of_the_ends_of_its_axes():
    mark = one("ELLIPSE", on_plane((-4, 1), (6, 1), (1, -2), (1, 4)))
    assert (mark.kind, mark.text) == ("ellipse", "said")
    is_at(mark, (-4, -2), (6, 4))
    np.testing.assert_allclose([mark.right, mark.down], [RIGHT, DOWN], atol=1e-12)


def test_axes_of_an_ellipse_that_are_not_perpendicular_are_made_so():
    mark = one("ELLIPSE", on_plane((-5, 0), (5, 0), (-1, -2), (1, 2)))
    is_at(mark, (-5, -2), (5, 2))
    np.testing.assert_allclose(mark.down, DOWN, atol=1e-12)


def test_an_ellipse_without_width_keeps_its_length():
    mark = one("ELLIPSE", on_plane((-5, 0), (5, 0), (0, 0), (0, 0)))
    assert mark.half_size_mm == pytest.approx((5, 0))
    np.testing.assert_allclose(mark.right, RIGHT)
    assert np.dot(mark.right, mark.down) == pytest.approx(0, abs=1e-12)
    assert np.linalg.norm(mark.down) == pytest.approx(1)
    mark = one("ELLIPSE", np.array([[4.0, 5, 6], [4, 5, 6], [4, 2, 6], [4, 8, 6]]))
    assert mark.half_size_mm == pytest.approx((0, 3))
    assert (mark.right, mark.down) == ((1, 0, 0), (0, 1, 0))


BOX = (1, 2), (9, 2), (9, 5), (1, 5)


@pytest.mark.parametrize("kind", ["POLYLINE", "POLYGON"])
def test_a_closed_outline_of_four_right_angles_is_a_rectangle(kind):
    mark = one(kind, on_plane(*BOX, BOX[0]))
    assert (mark.kind, mark.text) == ("rectangle", "said")
    is_at(mark, (1, 2), (9, 5))
    np.testing.assert_allclose([mark.right, mark.down], [RIGHT, DOWN], atol=1e-12)


def test_an_open_outline_of_four_is_a_rectangle_only_where_one_is_wanted():
    mark = one("POLYLINE", on_plane(*BOX), "rectangle")
    assert mark.kind == "rectangle"
    is_at(mark, (1, 2), (9, 5))
    mark = one("POLYLINE", on_plane(*BOX))
    assert (mark.kind, mark.text) == ("point", "said: outline of 4 points, shown as its middle")
    is_at(mark, (5, 3.5))


@pytest.mark.parametrize(
    ("corner", "is_rectangle"),
    [
        ((9, 5), True),
        ((9.01, 5), True),
        ((9, 5.0105), True),
        ((9.0115, 5), False),
        ((9, 4.989), False),
    ],
)
def test_four_corners_are_a_rectangle_within_a_thousandth_of_its_sides(corner, is_rectangle):
    points = on_plane(BOX[0], BOX[1], corner, BOX[3], BOX[0])
    assert (one("POLYGON", points).kind == "rectangle") == is_rectangle


@pytest.mark.parametrize(("lean", "is_rectangle"), [(0.0029, True), (0.0031, False)])
def test_a_parallelogram_is_no_rectangle(lean, is_rectangle):
    points = on_plane(BOX[0], BOX[1], (9 + lean, 5), (1 + lean, 5), BOX[0])
    assert (one("POLYGON", points).kind == "rectangle") == is_rectangle
    points = on_plane(BOX[0], BOX[1], (9 - lean, 5), (1 - lean, 5), BOX[0])
    assert (one("POLYGON", points).kind == "rectangle") == is_rectangle


@pytest.mark.parametrize(
    "corners", [((1, 2), (1, 2), (1, 5), (1, 5)), ((1, 2), (9, 2), (9, 2), (1, 2))]
)
def test_a_rectangle_without_width_or_height_is_none(corners):
    assert one("POLYLINE", on_plane(*corners), "rectangle").kind == "point"


def test_outlines_of_other_counts_are_no_rectangle():
    assert (
        one("POLYLINE", on_plane(*BOX[:3], BOX[0])).text
        == "said: outline of 3 points, shown as its middle"
    )
    mark = one("POLYGON", on_plane(*BOX, (0, 3), BOX[0]), text="")
    assert mark.text == "outline of 5 points, shown as its middle"
    is_at(mark, (4, 3.4))
    assert one("POLYLINE", on_plane(*BOX[:3]), "rectangle").kind == "angle"


def test_lines_are_distances_or_arrows_and_angles():
    mark = one("POLYLINE", on_plane((1, 2), (9, 2)))
    assert (mark.kind, mark.text) == ("distance", "said")
    is_at(mark, (1, 2), (9, 2))
    assert one("POLYLINE", on_plane((1, 2), (9, 2)), "arrow").kind == "arrow"
    assert one("POLYLINE", on_plane((1, 2), (9, 2)), "angle").kind == "distance"
    mark = one("POLYLINE", on_plane((1, 2), (9, 2), (3, 7)))
    assert (mark.kind, mark.text) == ("angle", "said")
    is_at(mark, (1, 2), (9, 2), (3, 7))


@pytest.mark.parametrize(
    ("kind", "points"),
    [
        ("POLYGON", ((1, 2), (9, 2))),
        ("POLYGON", ((1, 2), (9, 2), (3, 7))),
        ("CIRCLE", ((1, 2), (9, 2), (3, 7))),
        ("ELLIPSE", ((1, 2), (9, 2), (3, 7))),
        ("POLYLINE", ((1, 2),)),
        ("POLYLINE", ((1, 2), (9, 2), (3, 7), (4, 4))),
        ("", ((1, 2), (9, 2))),
    ],
)
def test_any_other_graphic_is_a_point_in_its_middle(kind, points):
    mark = one(kind, on_plane(*points))
    assert mark.kind == "point"
    assert mark.text == f"said: outline of {len(points)} points, shown as its middle"
    is_at(mark, tuple(np.mean(points, axis=0)))


@pytest.mark.parametrize(("gap", "is_closed"), [(0.0009, True), (0.002, False)])
def test_an_outline_is_closed_where_its_ends_are_a_micrometre_apart(gap, is_closed):
    points = np.array([[0.0, 0, 0], [8, 0, 0], [8, 3, 0], [0, 3, 0], [0, gap, 0]])
    assert (one("POLYLINE", points).kind == "rectangle") == is_closed
