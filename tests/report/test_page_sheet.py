"""The sheet on paper: where each text, line and picture of a page stands, in which size and colour."""

from __future__ import annotations

import re
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from fusion3d_gui import __version__
from fusion3d_gui.report.page.content import NOT_A_RESULT, PageContent
from fusion3d_gui.report.page.sections import Section
from fusion3d_gui.report.page.sheet import Sheet
from fusion3d_gui.report.picture.plane_picture import PlanePicture
from tests.report.pdf_drawing import DrawnImage, DrawnLine, DrawnRectangle, DrawnText, drawn_pages

pytestmark = pytest.mark.usefixtures("qapp")


def _content(**changed: Any) -> PageContent:
    given: dict[str, Any] = {
        "title": "Task",
        "mark": "DOUBTFUL",
        "patient": "Patient Name",
        "study": "Study of 2026",
        "scan": "MR of a head",
        "level": "warning",
        "doubts": ("first doubt", "second doubt"),
        "probability": "12.3 %",
        "of_class": "probability of yes",
        "verdict": "Doubtful: no class",
        "facts": (("Threshold", "50.0 %"), ("Of", "x")),
        "pictures": "Heatmap: what",
        "left": (Section("Left", ("A", "Bee"), (("1", "2"), ("3", "4")), ("a note", "another")),),
        "right": (Section("Right", (), (("n", "t"),)), Section("Empty", ("", ""), (), ("None.",))),
        "either": (
            Section("Either", ("", ""), (("x", "y"),)),
            Section("Other", ("Head", ""), (("x", "y"),)),
        ),
        "provenance": (("Result", "aa"), ("Voxels", "bb"), ("Weights", "cc"), ("Computed", "dd")),
    }
    return PageContent(**{**given, **changed})


def _picture(name: str, width_mm: float, height_mm: float) -> PlanePicture:
    plain, heat = (np.full((8, 8, 3), gray, np.uint8) for gray in (100, 200))
    letters = ("R", "L", "A", "P")
    return PlanePicture(
        name, plain, heat, width_mm, height_mm, letters, "S 1.0 mm", "image 3", (0.5, 0.5)
    )


PICTURES = (
    _picture("Axial", 100.0, 120.0),
    _picture("Coronal", 100.0, 90.0),
    _picture("Sagittal", 120.0, 90.0),
)
RESULT: Any = SimpleNamespace(
    prediction=SimpleNamespace(heatmap=SimpleNamespace(peak=1.0, peak_text="0.7", side="raises")),
    appearance=SimpleNamespace(threshold=0.3, color_map="inferno"),
)


def _sheet(content: PageContent, paper: Any = "A4", pictures: Any = PICTURES) -> Sheet:
    return Sheet(content, RESULT, pictures, paper)


def _listed(page: list[Any]) -> list[str]:
    """One line for each thing on a page but for what is in its pictures: these are drawn elsewhere."""
    found = []
    for each in page:
        if isinstance(each, DrawnText) and each.color not in ("#e6e9ed", "#aeb6c0", "#4a525c"):
            weight = each.font.removeprefix("Inter-")
            extra = f" {each.opacity:.2f} {each.turn:.1f}" if each.opacity < 1 or each.turn else ""
            found.append(
                f"{each.x:.1f} {each.y:.1f} {each.size:g} {weight} {each.color}{extra} {each.text}"
            )
        elif isinstance(each, DrawnLine):
            found.append(
                f"line {' '.join(f'{end:.1f}' for end in each.ends)} {each.width:g} {each.color}"
            )
        elif isinstance(each, DrawnRectangle):
            found.append(f"box {' '.join(f'{n:.1f}' for n in each.place)} {each.color}")
        elif isinstance(each, DrawnImage):
            found.append(f"image {' '.join(f'{n:.1f}' for n in each.place)}")
    return found


def _assert_listed(page: list[Any], expected: str) -> None:
    """Compare with a listing, numbers to 0.02 mm."""
    found = _listed(page)
    lines = [line.strip() for line in expected.strip().splitlines()]
    number = re.compile(r"(?<![\w#.-])-?\d+\.\d+(?!\w)")
    assert [number.sub("_", line) for line in found] == [number.sub("_", line) for line in lines]
    for line, other in zip(found, lines, strict=True):
        ours, theirs = ([float(each) for each in number.findall(text)] for text in (line, other))
        assert ours == pytest.approx(theirs, abs=0.2), (line, other)


ROWS = 44


def _long(**changed: Any) -> PageContent:
    """More than a page, of a case that the model is not meant for."""
    rows = tuple((f"row {n}", f"value {n}") for n in range(ROWS))
    given: dict[str, Any] = {
        "level": "error",
        "mark": NOT_A_RESULT,
        "doubts": ("It is a photograph.",),
        "left": (
            Section("Long", ("Name", "Value"), rows),
            Section("Next", ("Kind", "Size"), (("p", "q"),)),
        ),
        "right": (Section("Lines", (), rows[:14]),),
        "either": (Section("Either", ("", ""), (("x", "y"),)),),
        "provenance": (("Result", "aa"), ("Computed", "dd")),
    }
    return _content(**{**given, **changed})


PLACED_SHORT = """
120.0 146.0 25 SemiBold #56606b Fusion3D result
1715.6 146.0 25 SemiBold #a02020 RESEARCH USE ONLY
line 120.0 161.0 1980.0 161.0 1.5 #d5d9de
120.0 210.4 36 SemiBold #15181c Patient Name
120.0 249.0 26 Regular #15181c Study of 2026
120.0 284.4 26 Regular #56606b MR of a head
box 120.0 306.7 1860.0 90.7 #fff3d9
box 120.0 306.7 9.0 90.7 #d98a00
144.0 344.8 28 SemiBold #4a2c00 DOUBTFUL: first doubt
144.0 378.7 24 Regular #15181c second doubt
120.0 440.4 26 Medium #56606b Task
120.0 500.8 50 SemiBold #56606b 12.3 %
120.0 543.8 26 Regular #56606b probability of yes
120.0 585.4 32 SemiBold #15181c Doubtful: no class
975.6 438.4 24 Regular #56606b Threshold
1104.3 438.4 24 Regular #15181c 50.0 %
975.6 472.0 24 Regular #56606b Of
1104.3 472.0 24 Regular #15181c x
box 120.0 611.6 612.0 490.1 #000000
image 255.2 654.6 341.7 410.1
box 744.0 611.6 612.0 490.1 #000000
image 879.1 705.9 341.7 307.5
box 1368.0 611.6 612.0 490.1 #000000
image 1469.0 705.9 410.1 307.5
box 120.0 1113.7 612.0 490.1 #000000
image 255.2 1156.7 341.7 410.1
box 744.0 1113.7 612.0 490.1 #000000
image 879.1 1208.0 341.7 307.5
box 1368.0 1113.7 612.0 490.1 #000000
image 1469.0 1208.0 410.1 307.5
box 120.5 1614.2 1859.0 10.0 #d5d9de
image 678.0 1614.2 1301.5 10.0
120.0 1677.1 20.5 Regular #56606b Heatmap: what
120.0 1733.7 27 SemiBold #15181c Left
line 120.0 1745.3 1020.0 1745.3 1.5 #d5d9de
120.0 1770.7 20.5 Regular #56606b A
150.3 1770.7 20.5 Regular #56606b Bee
120.0 1803.2 24 Regular #15181c 1
150.3 1803.2 24 Regular #15181c 2
120.0 1836.8 24 Regular #15181c 3
150.3 1836.8 24 Regular #15181c 4
120.0 1866.8 20.5 Regular #56606b a note
120.0 1894.7 20.5 Regular #56606b another
120.0 1949.3 27 SemiBold #15181c Other
line 120.0 1961.0 1020.0 1961.0 1.5 #d5d9de
120.0 1986.3 20.5 Regular #56606b Head
120.0 2018.8 24 Regular #15181c x
186.4 2018.8 24 Regular #15181c y
1080.0 1733.7 27 SemiBold #15181c Right
line 1080.0 1745.3 1980.0 1745.3 1.5 #d5d9de
1080.0 1774.3 24 Regular #56606b n
1109.0 1774.3 24 Regular #15181c t
1080.0 1831.1 27 SemiBold #15181c Empty
line 1080.0 1842.7 1980.0 1842.7 1.5 #d5d9de
1080.0 1868.0 20.5 Regular #56606b None.
1080.0 1922.7 27 SemiBold #15181c Either
line 1080.0 1934.3 1980.0 1934.3 1.5 #d5d9de
1080.0 1963.3 24 Regular #15181c x
1108.0 1963.3 24 Regular #15181c y
line 120.0 2676.7 1980.0 2676.7 1.5 #d5d9de
120.0 2701.8 16.5 Medium #56606b Result
199.0 2701.8 16.5 Regular #56606b aa
232.6 2701.8 16.5 Medium #56606b Voxels
299.2 2701.8 16.5 Regular #56606b bb
120.0 2725.3 16.5 Medium #56606b Weights
199.0 2725.3 16.5 Regular #56606b cc
120.0 2748.7 16.5 Medium #56606b Computed
217.7 2748.7 16.5 Regular #56606b dd
line 120.0 2785.0 1980.0 2785.0 1.5 #d5d9de
120.0 2822.9 23 SemiBold #a02020 Research use only. Not for diagnosis.
1875.0 2820.3 20.5 Regular #56606b Page 1 of 1
"""

#: Without the rows of its long tables.
PLACED_LONG = (
    """
120.0 146.0 25 SemiBold #56606b Fusion3D result
1774.6 146.0 25 SemiBold #a02020 RESEARCH USE ONLY
line 120.0 161.0 2039.0 161.0 1.5 #d5d9de
120.0 210.4 36 SemiBold #15181c Patient Name
120.0 249.0 26 Regular #15181c Study of 2026
120.0 284.4 26 Regular #56606b MR of a head
box 120.0 306.7 1919.0 58.1 #fde4e4
box 120.0 306.7 9.0 58.1 #c22727
144.0 344.8 28 SemiBold #7a0f0f DESPITE MISFIT – NOT A RESULT: It is a photograph.
120.0 407.8 26 Medium #56606b Task
120.0 468.1 50 SemiBold #56606b 12.3 %
120.0 511.2 26 Regular #56606b probability of yes
120.0 552.8 32 SemiBold #15181c Doubtful: no class
1002.7 405.7 24 Regular #56606b Threshold
1131.5 405.7 24 Regular #15181c 50.0 %
1002.7 439.4 24 Regular #56606b Of
1131.5 439.4 24 Regular #15181c x
box 120.0 579.0 631.7 405.1 #000000
image 300.4 622.0 270.9 325.1
box 763.7 579.0 631.7 405.1 #000000
image 944.0 662.6 270.9 243.8
box 1407.3 579.0 631.7 405.1 #000000
image 1560.6 662.6 325.1 243.8
box 120.0 996.1 631.7 405.1 #000000
image 300.4 1039.1 270.9 325.1
box 763.7 996.1 631.7 405.1 #000000
image 944.0 1079.8 270.9 243.8
box 1407.3 996.1 631.7 405.1 #000000
image 1560.6 1079.8 325.1 243.8
box 120.5 1411.8 1918.0 10.0 #d5d9de
image 695.7 1411.8 1342.8 10.0
120.0 1474.6 20.5 Regular #56606b Heatmap: what
120.0 1531.2 27 SemiBold #15181c Long
line 120.0 1542.9 1049.5 1542.9 1.5 #d5d9de
120.0 1568.2 20.5 Regular #56606b Name
214.3 1568.2 20.5 Regular #56606b Value
1109.5 1531.2 27 SemiBold #15181c Lines
line 1109.5 1542.9 2039.0 1542.9 1.5 #d5d9de
1109.5 2065.9 27 SemiBold #15181c Either
line 1109.5 2077.5 2039.0 2077.5 1.5 #d5d9de
1109.5 2106.5 24 Regular #15181c x
1137.5 2106.5 24 Regular #15181c y
line 120.0 2609.0 2039.0 2609.0 1.5 #d5d9de
120.0 2646.9 23 SemiBold #a02020 Research use only. Not for diagnosis.
1931.2 2644.3 20.5 Regular #56606b Page 1 of 2
543.2 2188.7 120 SemiBold #c22727 0.24 -52.0 DESPITE MISFIT – NOT A RESULT
""",
    """
120.0 747.7 27 SemiBold #15181c Next
line 120.0 759.3 1049.5 759.3 1.5 #d5d9de
120.0 784.6 20.5 Regular #56606b Kind
178.7 784.6 20.5 Regular #56606b Size
120.0 817.2 24 Regular #15181c p
178.7 817.2 24 Regular #15181c q
line 120.0 2524.1 2039.0 2524.1 1.5 #d5d9de
120.0 2549.3 16.5 Medium #56606b Result
184.1 2549.3 16.5 Regular #56606b aa
120.0 2572.7 16.5 Medium #56606b Computed
217.7 2572.7 16.5 Regular #56606b dd
120.0 146.0 25 SemiBold #56606b Fusion3D result
1774.6 146.0 25 SemiBold #a02020 RESEARCH USE ONLY
120.0 181.0 24 Regular #15181c DESPITE MISFIT – NOT A RESULT: Patient Name
line 120.0 2609.0 2039.0 2609.0 1.5 #d5d9de
120.0 2646.9 23 SemiBold #a02020 Research use only. Not for diagnosis.
1928.3 2644.3 20.5 Regular #56606b Page 2 of 2
543.2 2188.7 120 SemiBold #c22727 0.24 -52.0 DESPITE MISFIT – NOT A RESULT
""",
)


def test_everything_on_a_page_stands_at_its_place_in_its_size_and_colour():
    (page,) = drawn_pages(_sheet(_content()).pdf())
    _assert_listed(page, PLACED_SHORT)


def test_a_page_without_doubt_has_a_large_number_and_no_box():
    content = _content(level="", mark="", doubts=(), study="", verdict="yes", either=())
    (page,) = drawn_pages(_sheet(content).pdf())
    texts = {each.text: each for each in page if isinstance(each, DrawnText)}
    assert (texts["12.3 %"].size, texts["12.3 %"].color) == (92, "#15181c")
    assert (texts["12.3 %"].x, texts["12.3 %"].y) == pytest.approx((120, 402.4), abs=0.2)
    assert texts["MR of a head"].y == pytest.approx(249, abs=0.2)
    assert texts["yes"].y == pytest.approx(500.4, abs=0.2)
    boxes = [each for each in page if isinstance(each, DrawnRectangle) and each.place[2] > 1800]
    assert [box.color for box in boxes] == ["#d5d9de"]  # of the colour bar


@pytest.fixture(scope="module")
def long_pages(qapp) -> list[list[Any]]:
    return drawn_pages(_sheet(_long(), "Letter").pdf())


def test_what_does_not_fit_goes_on_upon_the_next_page_which_has_the_marks_of_the_first(long_pages):
    assert len(long_pages) == len(PLACED_LONG)
    rows = re.compile(r"(row|value) \d+")
    for page, expected in zip(long_pages, PLACED_LONG, strict=True):
        usual = [each for each in page if not rows.fullmatch(getattr(each, "text", ""))]
        _assert_listed(usual, expected)


def test_the_rows_of_a_table_go_on_below_one_another_and_on_the_next_page(long_pages):
    step = 24 * 1.36 + 1
    first, second = (
        [each for each in page if re.fullmatch(r"value \d+", getattr(each, "text", ""))]
        for page in long_pages
    )
    left = [each for each in first if each.x < 1000]
    right = [each for each in first if each.x > 1000]
    assert [each.text for each in (*left, *second)] == [f"value {n}" for n in range(ROWS)]
    assert [each.text for each in right] == [f"value {n}" for n in range(14)]
    for drawn, top in ((left, 1600.7), (right, 1571.8), (second, 219.96)):
        expected = [top + n * step for n in range(len(drawn))]
        assert [each.y for each in drawn] == pytest.approx(expected, abs=0.3)
    assert left[-1].y + 8.7 <= 2794 - 120 - 95 < left[-1].y + 8.7 + step
    assert {each.x for each in (*left, *second)} == {left[0].x}


@pytest.mark.parametrize(
    ("count", "share", "pages"),
    [
        (2, 0.165, 1),
        (26, 0.165, 1),
        (27, 0.155, 1),
        (29, 0.145, 1),
        (31, 0.135, 1),
        (33, 0.125, 1),
        (34, 0.115, 1),
        (36, 0.107, 1),
        (38, 0.145, 2),  # nothing brings it onto one page: the usual size
    ],
)
def test_pictures_are_the_largest_with_which_all_is_on_one_page(count, share, pages):
    rows = tuple((f"{n}", "x") for n in range(count))
    sheet = _sheet(_content(left=(Section("L", (), rows),), right=(), either=()))
    assert sheet.page_count == pages
    drawn = drawn_pages(sheet.pdf())
    assert len(drawn) == pages
    heights = {
        each.place[3]
        for each in drawn[0]
        if isinstance(each, DrawnRectangle) and each.color == "#000000"
    }
    assert [*heights] == [pytest.approx(share * 2970, abs=0.1)]


@pytest.mark.parametrize("count", [25, 37, 38, 45])
def test_the_foot_stands_at_the_bottom_of_a_page_below_all_that_is_on_it(count):
    rows = tuple((f"{n}", "end") for n in range(count))
    content = _content(right=(Section("R", (), rows),), left=(), either=())
    pages = drawn_pages(_sheet(content).pdf())
    texts = [each for each in pages[-1] if isinstance(each, DrawnText)]
    (made,) = (each for each in texts if each.text == "Computed")
    assert made.y == pytest.approx(2748.7, abs=0.2)
    result = next(each for each in texts if each.text == "Result")
    assert all(each.y < result.y - 20 for each in texts if each.text == "end")


def test_the_foot_of_a_page_of_rows_alone_looks_as_that_of_the_others():
    rows = tuple((f"{n}", "x") for n in range(130))
    content = _content(left=(Section("L", (), rows),), right=(), either=())
    pages = drawn_pages(_sheet(content).pdf())
    assert len(pages) == 3
    feet = [[each for each in page if isinstance(each, DrawnLine)][-1] for page in pages]
    assert feet == [DrawnLine((120.0, 2785.0, 1980.0, 2785.0), 1.5, "#d5d9de")] * 3


def test_a_section_that_may_stand_anywhere_goes_where_there_is_most_room():
    rows = tuple((f"{n}", "x") for n in range(3))
    either = tuple(Section(f"Either {n}", (), rows) for n in range(3))
    for left, right, expected in ((3, 9, [1, 1, 2]), (9, 3, [2, 2, 1]), (2, 2, [1, 2, 1])):
        given = [(Section("S", (), (("k", "v"),) * count),) for count in (left, right)]
        content = _content(left=given[0], right=given[1], either=either)
        (page,) = drawn_pages(_sheet(content).pdf())
        titles = [each for each in page if getattr(each, "text", "").startswith("Either")]
        columns = {each.text: 1 if each.x < 1000 else 2 for each in titles}
        assert [columns[f"Either {n}"] for n in range(3)] == expected


def test_a_heading_stands_on_the_page_of_its_first_row():
    for count in (29, 30, 31):
        rows = tuple((f"{n}", "x") for n in range(count))
        section = Section("Second", ("Name", "Is"), (("first", "y"), ("then", "z")))
        content = _content(left=(Section("L", (), rows), section), right=(), either=())
        pages = drawn_pages(_sheet(content).pdf())
        of_page = [{getattr(each, "text", "") for each in page} for page in pages]
        (page,) = (texts for texts in of_page if "Second" in texts)
        assert {"Second", "Name", "first"} <= page


@pytest.mark.parametrize(("paper", "size"), [("A4", (1050, 1485)), ("Letter", (1080, 1397))])
def test_the_pages_as_pictures_are_white_paper_with_the_same_on_it(paper, size):
    images = _sheet(_long(), paper).images(127)
    assert len(images) == 2
    first, second = images
    for image in images:
        assert (image.width(), image.height()) == pytest.approx(size, abs=1)
        assert image.pixelColor(10, 10).name() == "#ffffff"
        # The line above the foot, thinner than a pixel.
        row = image.height() - (120 + 95 - 30) // 2
        foot = [image.pixelColor(700, row + n).lightness() for n in (-2, -1, 0, 1)]
        assert min(foot) < 250
    # Half a pixel a unit: the tinted box with its edge, and the black behind a picture.
    assert first.pixelColor(150, 158).name() == "#fde4e4"
    assert first.pixelColor(61, 158).name() == "#c22727"
    assert first.pixelColor(64, 295).name() == "#000000"
    assert second.pixelColor(64, 295).name() != "#000000"


def test_the_file_says_what_wrote_it():
    pdf = _sheet(_content()).pdf()
    for text in ("Fusion3D result", f"Fusion3D {__version__}"):
        assert text.encode("utf-16-be") in pdf
