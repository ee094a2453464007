"""Blocks of text and pictures that flow down columns and over pages; painted by Qt in tenths of a millimetre.

A block is measured once and split only between its lines or rows, so that one layout serves a PDF and a
picture of the page alike.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from PySide6.QtCore import QByteArray, QPointF, QRectF
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter, QPen, QTextLayout, QTextOption
from PySide6.QtSvg import QSvgRenderer

from fusion3d_gui.report.picture.svg import Drawing

FAMILY = "Inter"
INK, MUTED, LINE = "#15181c", "#56606b", "#d5d9de"

#: Paints a block at the left and top of its place.
Paint = Callable[[QPainter, float, float], object]


@dataclass(frozen=True)
class Block:
    """Something of a height (tenths of a millimetre). ``keeps_next``: it stands on one page with what follows it."""

    height: float
    paint: Paint
    keeps_next: bool = False


@dataclass(frozen=True)
class Style:
    """Size (tenths of a millimetre), weight and colour of a text."""

    size: float
    weight: QFont.Weight = QFont.Weight.Normal
    color: str = INK

    @property
    def font(self) -> QFont:
        """The font, without alternates of its glyphs: in a PDF these would have no text to search or copy."""
        font = QFont(FAMILY)
        # Whole pixels only: ten of them make a unit, and the painter scales.
        font.setPixelSize(round(10 * self.size))
        font.setWeight(self.weight)
        for feature in ("calt", "ccmp", "kern"):
            font.setFeature(QFont.Tag(feature), feature == "kern")
        font.setHintingPreference(QFont.HintingPreference.PreferNoHinting)
        return font

    @property
    def line_height(self) -> float:
        """Distance of baselines."""
        return 1.36 * self.size

    def width(self, text: str) -> float:
        """Width of a line of text."""
        return QFontMetricsF(self.font).horizontalAdvance(text) / 10

    def lines(self, text: str, width: float) -> list[str]:
        """A text broken into lines of at most ``width``, between words where that is possible."""
        if not text:
            return []
        layout = QTextLayout(text, self.font)
        option = QTextOption()
        option.setWrapMode(QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere)
        layout.setTextOption(option)
        layout.beginLayout()
        while (line := layout.createLine()).isValid():
            line.setLineWidth(10 * width)
        layout.endLayout()
        # Qt counts in UTF-16.
        units = text.encode("utf-16-le")
        found = []
        for number in range(layout.lineCount()):
            line = layout.lineAt(number)
            start, end = line.textStart(), line.textStart() + line.textLength()
            found.append(units[2 * start : 2 * end].decode("utf-16-le").rstrip())
        return found

    def draw(self, painter: QPainter, x: float, y: float, text: str) -> None:
        """Draw one line whose top is at ``y``."""
        painter.save()
        painter.scale(0.1, 0.1)
        painter.setFont(self.font)
        painter.setPen(QColor(self.color))
        painter.drawText(QPointF(10 * x, 10 * (y + 1.04 * self.size)), text)
        painter.restore()


@dataclass(frozen=True)
class Cell:
    """A text in a table's row."""

    text: str
    style: Style


def paragraph(text: str, width: float, style: Style, *, keeps_next: bool = False) -> list[Block]:
    """A text, one block a line."""

    def line(words: str) -> Block:
        def paint(painter: QPainter, x: float, y: float) -> None:
            style.draw(painter, x, y, words)

        return Block(style.line_height, paint, keeps_next)

    return [line(words) for words in style.lines(text, width)]


def gap(height: float) -> Block:
    """Empty space."""
    return Block(height, lambda painter, x, y: None)


def rule(width: float, *, keeps_next: bool = True) -> Block:
    """A thin line."""

    def paint(painter: QPainter, x: float, y: float) -> None:
        painter.setPen(QPen(QColor(LINE), 1.5))
        painter.drawLine(QPointF(x, y + 3), QPointF(x + width, y + 3))

    return Block(7, paint, keeps_next)


def table(rows: Sequence[Sequence[Cell]], width: float, between: float = 14.0) -> list[Block]:
    """Rows of cells; a column is as wide as its texts where there is room.

    A row is one block, and one a line where only its last cell has several.
    """
    if not rows:
        return []
    count = len(rows[0])
    natural = [max(row[n].style.width(row[n].text) for row in rows) + 1 for n in range(count)]
    widths = fitted(natural, width - between * (count - 1))

    def blocks(row: Sequence[Cell]) -> list[Block]:
        wrapped = [
            cell.style.lines(cell.text, each) for cell, each in zip(row, widths, strict=True)
        ]
        if max(map(len, wrapped[:-1]), default=0) > 1:
            return [_row(row, wrapped, widths, between)]
        first = [*(lines[:1] for lines in wrapped[:-1]), wrapped[-1][:1]]
        empty: list[list[str]] = [[] for _ in wrapped[:-1]]
        others = [[*empty, [words]] for words in wrapped[-1][1:]]
        return [_row(row, lines, widths, between) for lines in (first, *others)]

    return [block for row in rows for block in blocks(row)]


def _row(
    row: Sequence[Cell],
    wrapped: Sequence[Sequence[str]],
    widths: Sequence[float],
    between: float,
) -> Block:
    """Cells beside each other, whose texts are broken into lines already."""
    height = max(
        max(len(lines), 1) * cell.style.line_height
        for lines, cell in zip(wrapped, row, strict=True)
    )

    def paint(painter: QPainter, x: float, y: float) -> None:
        for lines, cell, each in zip(wrapped, row, widths, strict=True):
            for number, words in enumerate(lines):
                cell.style.draw(painter, x, y + number * cell.style.line_height, words)
            x += each + between

    return Block(height + 1, paint)


def fitted(natural: Sequence[float], room: float) -> list[float]:
    """Widths of columns: as they want to be, the widest cut where they have no room together."""
    if sum(natural) <= room:
        return list(natural)
    widths, left, open_columns = [0.0] * len(natural), room, set(range(len(natural)))
    while open_columns:
        share = left / len(open_columns)
        small = [n for n in open_columns if natural[n] <= share]
        if not small:
            for n in open_columns:
                widths[n] = share
            break
        for n in small:
            widths[n] = natural[n]
            left -= natural[n]
            open_columns.discard(n)
    return widths


def drawings(row: Sequence[Drawing], between: float) -> Block:
    """Drawings side by side."""
    renderers = [QSvgRenderer(QByteArray(each.svg.encode())) for each in row]

    def paint(painter: QPainter, x: float, y: float) -> None:
        for renderer, each in zip(renderers, row, strict=True):
            renderer.render(painter, QRectF(x, y, each.width, each.height))
            x += each.width + between

    return Block(max(each.height for each in row), paint)


def banner(lines: Iterable[tuple[str, Style]], width: float, fill: str, edge: str) -> list[Block]:
    """Texts in a tinted box with an edge at its left; one block, or one a line where it is long."""
    inner = [block for text, style in lines for block in paragraph(text, width - 44, style)]
    height = sum(block.height for block in inner)

    def paint(painter: QPainter, x: float, y: float) -> None:
        painter.fillRect(QRectF(x, y, width, height + 20), QColor(fill))
        painter.fillRect(QRectF(x, y, 9, height + 20), QColor(edge))
        y += 9
        for block in inner:
            block.paint(painter, x + 24, y)
            y += block.height

    return [Block(height + 20, paint)]


class Flow:
    """Places blocks down one column of a page, and on the same column of the pages after it.

    Parameters
    ----------
    x
        Left edge of the column.
    top, bottom
        Of the column on the first page.
    next_top
        Its top on all other pages.
    """

    def __init__(self, x: float, top: float, bottom: float, next_top: float) -> None:
        self.x = x
        self.y = top
        self.page = 0
        self._bottom = bottom
        self._next_top = next_top
        #: What was placed: (page, y, block).
        self.placed: list[tuple[int, float, Block]] = []

    def add(self, blocks: Sequence[Block]) -> None:
        """Place blocks; what keeps its next goes to another page together with it."""
        for number, block in enumerate(blocks):
            needed = block.height
            for follower in blocks[number + 1 :] if block.keeps_next else ():
                needed += follower.height
                if not follower.keeps_next:
                    break
            if self.y + needed > self._bottom and self.y > self._next_top:
                self.page += 1
                self.y = self._next_top
            self.placed.append((self.page, self.y, block))
            self.y += block.height
