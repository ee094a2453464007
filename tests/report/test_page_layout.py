"""Blocks of the page: how texts break, how wide columns are, what goes to the next page, where all is painted."""

from __future__ import annotations

from typing import Any

import pytest
from PySide6.QtCore import QBuffer, QByteArray, QIODevice, QMarginsF
from PySide6.QtGui import QFont, QPageLayout, QPageSize, QPainter, QPdfWriter

from fusion3d_gui.report.page.layout import (
    INK,
    LINE,
    MUTED,
    Block,
    Cell,
    Flow,
    Style,
    banner,
    drawings,
    fitted,
    gap,
    paragraph,
    rule,
    table,
)
from fusion3d_gui.report.picture.paint import load_fonts
from fusion3d_gui.report.picture.svg import Drawing
from tests.report.pdf_drawing import DrawnLine, DrawnRectangle, DrawnText, drawn_pages


@pytest.fixture(autouse=True)
def fonts(qapp) -> None:
    load_fonts()


def painted(*placed: tuple[Block, float, float]) -> list[Any]:
    """What blocks draw at places (tenths of a millimetre)."""
    content = QByteArray()
    buffer = QBuffer(content)
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    writer = QPdfWriter(buffer)
    writer.setPageSize(QPageSize(QPageSize.PageSizeId.A4))
    writer.setPageMargins(QMarginsF(0, 0, 0, 0), QPageLayout.Unit.Millimeter)
    writer.setResolution(254)
    painter = QPainter(writer)
    for block, x, y in placed:
        block.paint(painter, x, y)
    painter.end()
    (page,) = drawn_pages(bytes(content.data()))
    return page


def below(blocks: list[Block], x: float, y: float) -> list[Any]:
    """What blocks draw below one another."""
    placed = []
    for block in blocks:
        placed.append((block, x, y))
        y += block.height
    return painted(*placed)


def places(drawn: list[Any]) -> list[tuple[str, float, float]]:
    return [(each.text, each.x, each.y) for each in drawn if isinstance(each, DrawnText)]


def close(place: list[Any]) -> Any:
    return [(name, pytest.approx(x, abs=0.06), pytest.approx(y, abs=0.06)) for name, x, y in place]


# Styles.


def test_a_font_is_ten_pixels_a_unit_of_the_given_weight_without_alternates_but_kerned():
    font = Style(20.5, QFont.Weight.DemiBold).font
    assert font.family() == "Inter"
    assert font.pixelSize() == 205
    assert font.weight() == QFont.Weight.DemiBold
    assert font.hintingPreference() == QFont.HintingPreference.PreferNoHinting
    features = {bytes(tag.toString().data()): font.featureValue(tag) for tag in font.featureTags()}
    assert features == {b"calt": 0, b"ccmp": 0, b"kern": 1}
    assert Style(10).font.weight() == QFont.Weight.Normal
    assert (Style(10).color, INK, MUTED, LINE) == ("#15181c", "#15181c", "#56606b", "#d5d9de")


def test_lines_are_1_36_times_the_size_apart_and_widths_are_those_of_the_face():
    from fontTools.ttLib import TTFont

    from fusion3d_gui.shipped import resources_dir

    assert Style(20).line_height == pytest.approx(27.2)
    face = TTFont(resources_dir() / "fonts" / "Inter-Regular.otf")
    glyph = face.getBestCmap()[ord("n")]
    advance = face["hmtx"][glyph][0] / face["head"].unitsPerEm
    assert Style(40).width("nnnnnnnn") == pytest.approx(8 * 40 * advance, rel=0.005)
    assert Style(40).width("") == 0


def test_a_text_is_drawn_with_its_top_at_y_in_its_size_weight_and_colour():
    (block,) = paragraph("Head", 900, Style(30, QFont.Weight.DemiBold, "#a02020"))
    (drawn,) = painted((block, 200, 400))
    assert (drawn.text, drawn.font, drawn.color) == ("Head", "Inter-SemiBold", "#a02020")
    assert (drawn.x, drawn.y) == pytest.approx((200, 400 + 1.04 * 30), abs=0.05)
    assert drawn.size == pytest.approx(30, abs=0.01)
    assert (block.height, block.keeps_next) == (pytest.approx(40.8), False)


def test_a_text_breaks_between_words_where_it_can_and_within_one_where_it_must():
    style = Style(20)
    width = style.width("three four") + 1
    assert style.lines("one two three four five", width) == ["one two", "three four", "five"]
    assert style.lines("", 100) == []
    assert style.lines("one", 1000) == ["one"]
    broken = style.lines("w" * 20, style.width("w" * 8) + 1)
    assert broken == ["w" * 8, "w" * 8, "w" * 4]
    # Characters of two units of UTF-16 are counted as such.
    assert (
        "".join(style.lines("😀 " * 3 + "end", style.width("😀 😀") + 1)).replace(" ", "")
        == "😀😀😀end"
    )
    assert style.lines("😀 end", 1000) == ["😀 end"]


def test_a_paragraph_is_a_block_a_line():
    style = Style(20)
    blocks = paragraph("aaa bbb ccc", style.width("bbbb"), style, keeps_next=True)
    assert [block.keeps_next for block in blocks] == [True] * 3
    assert [block.height for block in blocks] == [style.line_height] * 3
    drawn = below(blocks, 100, 200)
    assert places(drawn) == close([("aaa", 100, 220.8), ("bbb", 100, 248), ("ccc", 100, 275.2)])


def test_a_rule_is_a_thin_grey_line_and_a_gap_nothing():
    for block, keeps in ((rule(500), True), (rule(500, keeps_next=False), False)):
        (drawn,) = painted((block, 100, 200))
        assert drawn == DrawnLine((100.0, 203.0, 600.0, 203.0), 1.5, LINE)
        assert (block.height, block.keeps_next) == (7, keeps)
    empty = gap(33)
    assert (empty.height, empty.keeps_next, painted((empty, 0, 0))) == (33, False, [])


# Columns.


@pytest.mark.parametrize(
    ("natural", "room", "expected"),
    [
        ([], 10, []),
        ([3, 4], 10, [3, 4]),
        ([3, 7], 10, [3, 7]),
        ([3, 8], 10, [3, 7]),
        ([8, 3], 10, [7, 3]),
        ([20, 30], 10, [5, 5]),
        ([5, 30], 10, [5, 5]),
        ([2, 5, 30, 40], 20, [2, 5, 6.5, 6.5]),
        ([1, 7, 6.5, 40], 20, [1, 19 / 3, 19 / 3, 19 / 3]),
        ([1, 6, 5, 40], 20, [1, 6, 5, 8]),
    ],
)
def test_columns_are_as_wide_as_their_texts_and_the_widest_are_cut(natural, room, expected):
    assert fitted(natural, room) == pytest.approx(expected)


def test_columns_of_a_table_begin_after_the_widest_text_of_the_column_before():
    style, bold = Style(20), Style(24, QFont.Weight.DemiBold, MUTED)
    rows = [
        (Cell("wide name", bold), Cell("b", style), Cell("c", style)),
        (Cell("n", bold), Cell("middle", style), Cell("d", style)),
    ]
    blocks = table(rows, 1000)
    second = 100 + bold.width("wide name") + 1 + 14
    third = second + style.width("middle") + 1 + 14
    height = bold.line_height + 1
    assert [block.height for block in blocks] == pytest.approx([height, height])
    assert places(below(blocks, 100, 300)) == close(
        [
            ("wide name", 100, 300 + 24.96),
            ("b", second, 300 + 20.8),
            ("c", third, 300 + 20.8),
            ("n", 100, 300 + height + 24.96),
            ("middle", second, 300 + height + 20.8),
            ("d", third, 300 + height + 20.8),
        ]
    )
    apart = places(below(table(rows, 1000, between=50), 100, 300))
    assert apart[1][1] == pytest.approx(second + 36, abs=0.06)
    assert table([], 1000) == []
    (alone,) = table([(Cell("x", style),)], 1000)
    assert alone.height == pytest.approx(28.2)


def test_a_row_whose_last_cell_has_several_lines_is_a_block_a_line():
    style = Style(20)
    room = style.width("key") + 1 + 14 + style.width("bbbbb") + 3
    blocks = table([(Cell("key", style), Cell("aaaa bbbbb cc", style))], room)
    assert len(blocks) == 3
    at = 100 + style.width("key") + 1 + 14
    assert places(below(blocks, 100, 300)) == close(
        [
            ("key", 100, 320.8),
            ("aaaa", at, 320.8),
            ("bbbbb", at, 320.8 + 28.2),
            ("cc", at, 320.8 + 2 * 28.2),
        ]
    )


def test_a_row_whose_first_cell_has_several_lines_is_one_block():
    style, small = Style(20), Style(10)
    words = "aaaa bbbbb cc"
    rows = [(Cell(words, style), Cell(words, small)), (Cell("x", style), Cell("y", small))]
    room = style.width("aaaa bb") + 14 + small.width(words) + 3
    blocks = table(rows, room)
    assert [block.height for block in blocks] == pytest.approx([3 * 27.2 + 1, 28.2])
    drawn = places(below(blocks, 100, 300))
    at = drawn[3][1]
    assert drawn == close(
        [
            ("aaaa", 100, 320.8),
            ("bbbbb", 100, 348),
            ("cc", 100, 375.2),
            ("aaaa bbbbb cc", at, 310.4),
            ("x", 100, 320.8 + 82.6),
            ("y", at, 310.4 + 82.6),
        ]
    )
    assert at == pytest.approx(100 + room - small.width(words) - 1, abs=0.1)


def test_a_row_whose_middle_cell_has_several_lines_is_one_block_too():
    style = Style(20)
    row = (Cell("a", style), Cell("aaaa bbbbb cc", style), Cell("aaaa bbbbb cc", style))
    room = style.width("a") + 1 + 28 + 2 * (style.width("aaaa bb") + 1)
    (block,) = table([row], room)
    assert block.height == pytest.approx(3 * 27.2 + 1)


def test_a_row_without_texts_is_as_high_as_a_line():
    blocks = table([(Cell("", Style(30)), Cell("", Style(20)))], 500)
    assert [block.height for block in blocks] == pytest.approx([1.36 * 30 + 1])


# Pictures and boxes.


def _drawing(width: float, height: float, color: str) -> Drawing:
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}">'
        f'<rect x="0" y="0" width="{width}" height="{height}" fill="{color}"/></svg>'
    )
    return Drawing(svg, width, height)


def test_drawings_stand_side_by_side_in_their_sizes():
    block = drawings([_drawing(100, 50, "#102030"), _drawing(60, 80, "#405060")], 12)
    assert block.height == 80
    assert painted((block, 200, 300)) == [
        DrawnRectangle((200.0, 300.0, 100.0, 50.0), "#102030"),
        DrawnRectangle((312.0, 300.0, 60.0, 80.0), "#405060"),
    ]


def test_a_banner_is_a_tinted_box_with_an_edge_around_its_lines():
    style, strong = Style(20), Style(30, QFont.Weight.DemiBold)
    width = style.width("second line") + 44 + 1
    (block,) = banner(
        [("First", strong), ("second line follows", style)], width, "#fff3d9", "#d98a00"
    )
    inner = 30 * 1.36 + 2 * 20 * 1.36
    assert block.height == pytest.approx(inner + 20)
    assert not block.keeps_next
    box, edge, *texts = painted((block, 100, 200))
    assert box.place == pytest.approx((100, 200, width, inner + 20), abs=0.05)
    assert edge.place == pytest.approx((100, 200, 9, inner + 20), abs=0.05)
    assert (box.color, edge.color) == ("#fff3d9", "#d98a00")
    assert places(texts) == close(
        [
            ("First", 124, 209 + 31.2),
            ("second line", 124, 209 + 40.8 + 20.8),
            ("follows", 124, 209 + 40.8 + 27.2 + 20.8),
        ]
    )


# Pages.


def blocks_of(*heights: float) -> list[Block]:
    """Blocks of these heights; a negative one keeps its next."""
    return [Block(abs(height), lambda *_: None, keeps_next=height < 0) for height in heights]


def placed(flow: Flow) -> list[tuple[int, float]]:
    return [(page, y) for page, y, _ in flow.placed]


def test_blocks_flow_down_a_column_and_over_pages():
    flow = Flow(7, 50, 100, 20)
    assert (flow.x, flow.y, flow.page) == (7, 50, 0)
    blocks = blocks_of(30, 20, 10, 80, 70, 10.5)
    flow.add(blocks)
    # Exactly up to the bottom; the next on the page after, from its own top.
    assert placed(flow) == [(0, 50), (0, 80), (1, 20), (2, 20), (3, 20), (4, 20)]
    assert [block for *_, block in flow.placed] == blocks
    assert (flow.page, flow.y) == (4, 30.5)
    flow.add(blocks_of(5))
    assert placed(flow)[-1] == (4, 30.5)


def test_a_block_higher_than_a_page_is_placed_once_and_moves_on_no_further():
    flow = Flow(0, 20, 100, 20)
    flow.add(blocks_of(200, 10))
    assert placed(flow) == [(0, 20), (1, 20)]


def test_what_keeps_its_next_goes_to_the_next_page_with_it_and_with_what_that_keeps():
    flow = Flow(0, 0, 100, 0)
    flow.add(blocks_of(70, -10, -10, 10, 5))
    assert placed(flow) == [(0, 0), (0, 70), (0, 80), (0, 90), (1, 0)]
    flow = Flow(0, 0, 100, 0)
    flow.add(blocks_of(71, -10, -10, 10, 5))
    assert placed(flow) == [(0, 0), (1, 0), (1, 10), (1, 20), (1, 30)]
    # Only as far as the chain goes: what follows its end may stand on the page after.
    flow = Flow(0, 0, 100, 0)
    flow.add(blocks_of(80, -10, 10, 50))
    assert placed(flow) == [(0, 0), (0, 80), (0, 90), (1, 0)]
    # The last block has nothing to keep.
    flow = Flow(0, 0, 100, 0)
    flow.add(blocks_of(90, -10))
    assert placed(flow) == [(0, 0), (0, 90)]
