"""Drawings of planes, of the colour bar and framed ones: each element at its place, and painted onto pixels."""

from __future__ import annotations

import base64
from types import SimpleNamespace
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from imagecodecs import png_decode
from PySide6.QtGui import QFontDatabase

from fusion3d_gui.imaging.display.heat_colors import heatmap_colors
from fusion3d_gui.report.framed_picture import FrameTexts, picture_of_view
from fusion3d_gui.report.picture.paint import drawing_rgb, load_fonts
from fusion3d_gui.report.picture.plane_picture import PlanePicture, png_url
from fusion3d_gui.report.picture.svg import (
    Drawing,
    color_bar_drawing,
    document,
    plane_drawing,
    scale_bar_mm,
    text,
)

INK, FAINT, PEAK = "#e6e9ed", "#aeb6c0", "#56d8a8"


def elements(svg: str) -> list[tuple[str, dict[str, str], str]]:
    """Each element below the root: name, attributes and words; of groups their content after them."""
    found = []
    for each in list(ElementTree.fromstring(svg).iter())[1:]:
        attributes = {key.rpartition("}")[2]: value for key, value in each.attrib.items()}
        found.append((each.tag.rpartition("}")[2], attributes, each.text or ""))
    return found


def words(svg: str) -> list[tuple[str, float, float, float, str, str, bool]]:
    """Texts: words, x, y, size, colour, anchor and whether bold."""
    return [
        (
            said,
            float(each["x"]),
            float(each["y"]),
            float(each["font-size"]),
            each["fill"],
            each["text-anchor"],
            each.get("font-weight") == "600",
        )
        for name, each, said in elements(svg)
        if name == "text"
    ]


def _picture(width_mm: float = 120.0, height_mm: float = 90.0) -> PlanePicture:
    plain, heat = (np.full((6, 8, 3), gray, np.uint8) for gray in (100, 200))
    letters = ("R", "L", "A", "P")
    return PlanePicture(
        "Axial", plain, heat, width_mm, height_mm, letters, "S 1.0 mm", "image 3", (0.25, 0.6)
    )


def _result(threshold: float = 0.3, peak: float = 1.0, side: str = "raised") -> Any:
    heatmap = SimpleNamespace(peak=peak, peak_text="0.71 of the logit", side=side)
    look = SimpleNamespace(threshold=threshold, color_map="Viridis")
    return SimpleNamespace(prediction=SimpleNamespace(heatmap=heatmap), appearance=look)


@pytest.mark.parametrize("heat", [True, False])
def test_a_plane_has_its_captions_letters_ticks_and_scale_bar_around_its_image(heat):
    picture = _picture()
    drawing = plane_drawing(picture, heat=heat, width=600.0, height=500.0, scale=3.0)
    assert (drawing.width, drawing.height) == (600, 500)
    # 360 wide and 270 high, in the middle of what is left below the caption and above the lower letter.
    left, top = 120.0, 40 + (500 - 40 - 34 - 270) / 2
    assert words(drawing.svg) == [
        ("Axial S 1.0 mm", 8, 25, 21, INK, "start", False),
        ("image 3", 592, 25, 19, FAINT, "end", False),
        ("R", 17, top + 135 + 9, 26, INK, "middle", True),
        ("L", 583, top + 135 + 9, 26, INK, "middle", True),
        ("A", 300, top - 8, 26, INK, "middle", True),
        ("P", 300, 491, 26, INK, "middle", True),
        # At most four tenths of the image's 120 mm; on paper 3 units a mm.
        ("20 mm", 600 - 8 - 30, 483, 17, FAINT, "middle", False),
    ]
    found = elements(drawing.svg)
    assert found[0] == (
        "rect",
        {"x": "0", "y": "0", "width": "600", "height": "500", "fill": "#000000"},
        "",
    )
    url = picture.heat_url if heat else picture.plain_url
    assert found[1] == (
        "image",
        {
            "x": f"{left:.2f}",
            "y": f"{top:.2f}",
            "width": "360.00",
            "height": "270.00",
            "preserveAspectRatio": "none",
            "href": url,
        },
        "",
    )
    x, y = left + 0.25 * 360, top + 0.6 * 270
    ends = [(-26, 0, -14, 0), (14, 0, 26, 0), (0, -26, 0, -14), (0, 14, 0, 26)]
    ticks = [
        {
            "d": f"M{x + a:.2f} {y + b:.2f} L{x + c:.2f} {y + d:.2f}",
            "stroke": PEAK,
            "stroke-width": "2.5",
        }
        for a, b, c, d in ends
    ]
    bar = {
        "d": "M532.00 486.0 v6 h60.00 v-6",
        "fill": "none",
        "stroke": INK,
        "stroke-width": "2",
    }
    assert [each for name, each, _ in found if name == "path"] == [*ticks, bar]


@pytest.mark.parametrize(("height_mm", "y"), [(163.0, 41.25), (164.0, 40), (164.2, 34), (170, 34)])
def test_the_upper_letter_never_stands_in_the_caption(height_mm, y):
    # It stands 8 above the image, which is in the middle of what is left of the drawing.
    picture = _picture(height_mm=height_mm)
    drawing = plane_drawing(picture, heat=True, width=600, height=500, scale=2.5)
    letter = next(each for each in words(drawing.svg) if each[0] == "A")
    assert letter[2] == pytest.approx(y, abs=0.01)


@pytest.mark.parametrize(
    ("longest", "length"),
    [
        (0.9, 0.5),
        (1.0, 1.0),
        (1.99, 1.0),
        (2.0, 2.0),
        (4.9, 2.0),
        (5.0, 5.0),
        (9.9, 5.0),
        (10.0, 10.0),
        (48.0, 20.0),
        (50.0, 50.0),
        (120.0, 100.0),
        (999.0, 500.0),
    ],
)
def test_a_scale_bar_is_1_2_or_5_times_a_power_of_ten(longest, length):
    assert scale_bar_mm(longest) == pytest.approx(length)


@pytest.mark.parametrize("threshold", [0.3, 0.0, 0.62])
def test_the_colour_bar_begins_at_the_threshold_and_says_what_its_ends_are(threshold):
    drawing = color_bar_drawing(_result(threshold), 1000.0)
    assert (drawing.width, drawing.height) == (1000, 42)
    x = 1000 * threshold
    ink = "#4a525c"
    assert words(drawing.svg) == [
        ("0", 0, 33, 19, ink, "start", False),
        (f"shown from {100 * threshold:.0f} % on", x, 33, 19, ink, "middle", False),
        ("100 % = 0.71 of the logit", 1000, 33, 19, ink, "end", False),
    ]
    blank, image, *_ = elements(drawing.svg)
    assert blank[1] == {"x": "0.5", "y": "0.5", "width": "999", "height": "10", "fill": "#d5d9de"}
    encoded = image[1].pop("href").partition(",")[2]
    assert image[1] == {
        "x": f"{x:.2f}",
        "y": "0.5",
        "width": f"{1000 - x - 0.5:.2f}",
        "height": "10",
        "preserveAspectRatio": "none",
    }
    shown = png_decode(base64.b64decode(encoded))
    np.testing.assert_array_equal(shown, heatmap_colors("Viridis")[round(255 * threshold) :][None])
    other = color_bar_drawing(_result(), 500.0, ink="#112233", blank="#445566")
    assert {each[4] for each in words(other.svg)} == {"#112233"}
    assert elements(other.svg)[0][1]["fill"] == "#445566"


@pytest.mark.parametrize("peak", [0.0, -1.0])
def test_of_an_empty_heatmap_the_colour_bar_says_so(peak):
    drawing = color_bar_drawing(_result(peak=peak, side="lowered"), 1000.0)
    said = "Nothing lowered the logit by this method."
    assert words(drawing.svg) == [(said, 0, 25, 21, "#4a525c", "start", False)]
    assert len(elements(drawing.svg)) == 1


def test_a_line_of_text_is_at_its_baseline_and_never_markup():
    assert text(1.005, 2, "<b>&", 12.5) == (
        f'<text x="1.00" y="2.00" font-size="12.5" fill="{INK}" text-anchor="start" '
        'font-family="Inter">&lt;b&gt;&amp;</text>'
    )
    ((said, *rest),) = words(document(9, 9, [text(1, 2, "x", 3, color="#010203", bold=True)]))
    assert (said, rest) == ("x", [1, 2, 3, "#010203", "start", True])


def test_a_document_is_as_many_millimetres_as_its_tenths():
    root = ElementTree.fromstring(document(1234.5, 60, ["<g/>", "<g/>"]))
    assert root.attrib == {"viewBox": "0 0 1234.5 60", "width": "123.45mm", "height": "6mm"}
    assert len(root) == 2


# Painted.


def _boxes(width: float, height: float) -> Drawing:
    """Three quarters white, of which the lower left is red, on nothing at the right."""
    parts = [
        f'<rect x="0" y="0" width="{0.75 * width}" height="{height}" fill="#ffffff"/>',
        f'<rect x="0" y="{height / 2}" width="{width / 4}" height="{height / 2}" fill="#ff0000"/>',
    ]
    return Drawing(document(width, height, parts), width, height)


@pytest.mark.parametrize(
    ("per_mm", "shape"), [(10.0, (40, 101, 3)), (20.0, (80, 202, 3)), (2.5, (10, 25, 3))]
)
def test_a_drawing_is_painted_on_black_at_the_pixels_of_a_millimetre(qapp, per_mm, shape):
    rgb = drawing_rgb(_boxes(101.0, 40.0), per_mm)
    assert rgb.shape == shape and rgb.dtype == np.uint8
    rows, columns, _ = shape
    middle = columns // 2
    assert rgb[0, middle].tolist() == rgb[-1, middle].tolist() == [255, 255, 255]
    assert rgb[0, 0].tolist() == [255, 255, 255]
    assert rgb[-1, 0].tolist() == [255, 0, 0]
    assert not rgb[:, -1].any()
    edge = round(0.75 * columns)
    assert rgb[rows // 2, edge - 2].tolist() == [255, 255, 255]
    assert not rgb[rows // 2, edge + 2].any()


def test_the_smallest_drawing_is_a_pixel(qapp):
    assert drawing_rgb(_boxes(4.0, 4.0), 0.1).shape == (1, 1, 3)


def test_letters_of_drawings_are_of_the_shipped_face_in_three_weights(qapp):
    load_fonts()
    load_fonts()
    assert QFontDatabase.hasFamily("Inter")
    styles = QFontDatabase.styles("Inter")
    assert len(styles) == len(set(styles))
    assert {"Regular", "Medium"} < set(styles)
    assert any(style.replace(" ", "").lower() in ("semibold", "demibold") for style in styles)
    # A heavy letter is heavier than a usual one.
    drawn = [
        drawing_rgb(Drawing(document(300, 80, [text(10, 60, "Hill", 60, bold=bold)]), 300, 80), 10)
        for bold in (False, True)
    ]
    usual, heavy = (int((rgb > 128).sum()) for rgb in drawn)
    assert heavy > 1.15 * usual > 0


# Framed.

NOTICE, WARNING, ERROR, PLAIN = "#ff9b94", "#ffb454", "#ff7b72", "#b7bec7"
LIGHT = "#f1f3f5"


def _foot(whole: float) -> list[tuple[Any, ...]]:
    return [
        ("Research use only. Not for diagnosis.", 24, whole - 18, 23, NOTICE, "start", False),
        ("Fusion3D", 1776, whole - 18, 23, PLAIN, "end", False),
    ]


def test_a_framed_view_has_head_image_and_foot_below_each_other():
    rgb = np.random.default_rng(0).integers(0, 255, (50, 100, 3), dtype=np.uint8)
    drawing = picture_of_view(FrameTexts("Who", "MR · head"), rgb, "The view")
    # 1752 wide and half as high.
    whole = (40 + 38 + 38 + 18) + 876 + 56
    assert (drawing.width, drawing.height) == (1800, whole)
    assert words(drawing.svg) == [
        ("Who", 24, 40, 31, LIGHT, "start", True),
        ("RESEARCH USE ONLY", 1776, 40, 27, NOTICE, "end", True),
        ("MR · head", 24, 78, 25, PLAIN, "start", False),
        ("The view", 24, 116, 25, PLAIN, "start", False),
        *_foot(whole),
    ]
    found = elements(drawing.svg)
    assert found[0][1] == {
        "x": "0",
        "y": "0",
        "width": "1800",
        "height": f"{whole:g}",
        "fill": "#16191d",
    }
    assert [each for name, each, _ in found if name == "g"] == [{"transform": "translate(0 134)"}]
    (image,) = (each for name, each, _ in found if name == "image")
    assert image == {
        "x": "24",
        "y": "0",
        "width": "1752.00",
        "height": "876.00",
        "preserveAspectRatio": "none",
        "href": png_url(rgb),
    }


@pytest.mark.parametrize("is_misfit", [False, True])
def test_up_to_three_doubts_and_what_the_model_says_stand_above_the_picture(is_misfit):
    rgb = np.zeros((10, 40, 3), np.uint8)
    doubts = ("first", "second", "third", "fourth")
    texts = FrameTexts("Who", "MR", "73 % yes", doubts, is_misfit)
    drawing = picture_of_view(texts, rgb, "The view")
    color = ERROR if is_misfit else WARNING
    top, height = 40 + 6 * 38 + 18, 438
    whole = top + height + 56
    expected: list[Any] = [
        ("Who", 24, 40, 31, LIGHT, "start", True),
        ("RESEARCH USE ONLY", 1776, 40, 27, NOTICE, "end", True),
        ("MR", 24, 78, 25, PLAIN, "start", False),
        ("first", 24, 116, 26, color, "start", True),
        ("second", 24, 154, 26, color, "start", False),
        ("third", 24, 192, 26, color, "start", False),
        ("73 % yes", 24, 230, 28, LIGHT, "start", False),
        ("The view", 24, 268, 25, PLAIN, "start", False),
        *_foot(whole),
    ]
    groups = [{"transform": f"translate(0 {top})"}]
    if is_misfit:
        expected.append(
            ("DESPITE MISFIT – NOT A RESULT", 0, 0, 84, ERROR, "middle", True),
        )
        middle = f"translate(900 {top + height / 2:g}) rotate(-24)"
        groups.append({"transform": middle, "opacity": "0.5"})
    assert words(drawing.svg) == expected
    assert drawing.height == whole
    found = elements(drawing.svg)
    assert [each for name, each, _ in found if name == "g"] == groups


@pytest.mark.parametrize("length", [109, 110, 111, 500])
def test_a_line_above_a_picture_is_at_most_110_characters_long(length):
    line = "x" * length
    texts = FrameTexts(line, line, line, (line,))
    drawing = picture_of_view(texts, np.zeros((4, 4, 3), np.uint8), line)
    cut = line if length <= 110 else "x" * 109 + "…"
    assert [said for said, *_ in words(drawing.svg) if "x" in said] == [cut] * 5
