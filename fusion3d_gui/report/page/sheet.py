"""``Sheet``: the page about a result, laid out on paper and painted by Qt, into a PDF or onto pictures.

Needs a QGuiApplication (on any platform, such as ``offscreen``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from PySide6.QtCore import QBuffer, QByteArray, QIODevice, QMarginsF, QPointF, QSizeF
from PySide6.QtGui import (
    QColor,
    QFont,
    QImage,
    QPageLayout,
    QPageSize,
    QPainter,
    QPdfWriter,
    QPen,
)

from fusion3d_gui import __version__
from fusion3d_gui.report.case_result import CaseResult
from fusion3d_gui.report.page.content import PageContent
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
    gap,
    paragraph,
    rule,
    table,
)
from fusion3d_gui.report.page.sections import Section
from fusion3d_gui.report.picture.paint import load_fonts
from fusion3d_gui.report.picture.plane_picture import PlanePicture
from fusion3d_gui.report.picture.svg import Drawing, color_bar_drawing, plane_drawing

Paper = Literal["A4", "Letter"]

#: Width and height in tenths of a millimetre.
_SIZES: dict[Paper, tuple[float, float]] = {"A4": (2100, 2970), "Letter": (2159, 2794)}
_PAGE_SIZES = {"A4": QPageSize.PageSizeId.A4, "Letter": QPageSize.PageSizeId.Letter}
_MARGIN, _FOOT = 120.0, 95.0
_BETWEEN_COLUMNS, _BETWEEN_PICTURES = 60.0, 12.0
#: Heights of a row of pictures to choose from, as shares of the paper's: the first with which all is on one page.
_PICTURE_SHARES = (0.165, 0.155, 0.145, 0.135, 0.125, 0.115, 0.107)
#: Where nothing brings it onto one page.
_USUAL_SHARE = 0.145
_PDF_DPI = 1016
_UNITS_AN_INCH = 254.0

_SEMIBOLD, _MEDIUM = QFont.Weight.DemiBold, QFont.Weight.Medium
_BODY, _SMALL = Style(24), Style(20.5, color=MUTED)
_NAME = Style(24, color=MUTED)
_HEADING = Style(27, _SEMIBOLD)
_TINTS = {"warning": ("#fff3d9", "#d98a00"), "error": ("#fde4e4", "#c22727")}


class Sheet:
    """Laid out once; :meth:`pdf` and :meth:`images` paint it."""

    def __init__(
        self,
        content: PageContent,
        result: CaseResult,
        pictures: Sequence[PlanePicture],
        paper: Paper = "A4",
    ) -> None:
        load_fonts()
        self.paper = paper
        self._content = content
        self._width, self._height = _SIZES[paper]
        self._inner = self._width - 2 * _MARGIN
        self._placed: list[tuple[int, float, float, Block]] = []
        for share in (*_PICTURE_SHARES, _USUAL_SHARE):
            self._placed = self._laid_out(result, pictures, share * self._height)
            if self.page_count == 1:
                break

    @property
    def page_count(self) -> int:
        """Number of pages."""
        return 1 + max(page for page, *_ in self._placed)

    def pdf(self, attachment: tuple[str, bytes] | None = None) -> bytes:
        """The sheet as PDF with its fonts; ``attachment`` is a file's name and content (JSON) to enclose."""
        content = QByteArray()
        buffer = QBuffer(content)
        buffer.open(QIODevice.OpenModeFlag.WriteOnly)
        writer = QPdfWriter(buffer)
        writer.setPageSize(QPageSize(_PAGE_SIZES[self.paper]))
        writer.setPageMargins(QMarginsF(0, 0, 0, 0), QPageLayout.Unit.Millimeter)
        writer.setResolution(_PDF_DPI)
        writer.setTitle("Fusion3D result")
        writer.setCreator(f"Fusion3D {__version__}")
        if attachment is not None:
            writer.addFileAttachment(attachment[0], QByteArray(attachment[1]), "application/json")
        painter = QPainter(writer)
        painter.scale(_PDF_DPI / _UNITS_AN_INCH, _PDF_DPI / _UNITS_AN_INCH)
        for page in range(self.page_count):
            if page:
                writer.newPage()
            self._paint(painter, page)
        painter.end()
        return bytes(content.data())

    def images(self, dots_per_inch: float) -> list[QImage]:
        """Each page as a picture."""
        scale = dots_per_inch / _UNITS_AN_INCH
        size = QSizeF(self._width, self._height) * scale
        found = []
        for page in range(self.page_count):
            image = QImage(size.toSize(), QImage.Format.Format_RGB32)
            image.fill(QColor("#ffffff"))
            painter = QPainter(image)
            painter.setRenderHints(
                QPainter.RenderHint.Antialiasing | QPainter.RenderHint.SmoothPixmapTransform
            )
            painter.scale(scale, scale)
            self._paint(painter, page)
            painter.end()
            found.append(image)
        return found

    # -- layout -------------------------------------------------------------------------------

    def _laid_out(
        self, result: CaseResult, pictures: Sequence[PlanePicture], picture_height: float
    ) -> list[tuple[int, float, float, Block]]:
        bottom = self._height - _MARGIN - _FOOT
        next_top = _MARGIN + 75
        head = Flow(_MARGIN, _MARGIN, bottom, next_top)
        head.add(self._head())
        head.add(self._answer())
        head.add(self._pictures(result, pictures, picture_height))
        column = (self._inner - _BETWEEN_COLUMNS) / 2
        flows = []
        for number, sections in enumerate((self._content.left, self._content.right)):
            x = _MARGIN + number * (column + _BETWEEN_COLUMNS)
            flow = Flow(x, head.y + 14, bottom, next_top)
            flow.page = head.page
            for section in sections:
                flow.add([*_section(section, column), gap(20)])
            flows.append(flow)
        for section in self._content.either:
            flow = min(flows, key=lambda each: (each.page, each.y))
            flow.add([*_section(section, column), gap(20)])
        last = max(flows, key=lambda flow: (flow.page, flow.y))
        foot = Flow(_MARGIN, last.y, bottom, next_top)
        foot.page = last.page
        provenance = self._provenance()
        height = sum(block.height for block in provenance)
        # At the foot of the page where there is room.
        if foot.y + height <= bottom:
            foot.y = bottom - height
        foot.add([_together(provenance)])
        return [
            (page, flow.x, y, block)
            for flow in (head, *flows, foot)
            for page, y, block in flow.placed
        ]

    def _head(self) -> list[Block]:
        content = self._content
        patient = Style(36, _SEMIBOLD)
        return [
            *self._title_line(),
            rule(self._inner),
            gap(8),
            *paragraph(content.patient, self._inner, patient),
            *paragraph(content.study, self._inner, Style(26)),
            *paragraph(content.scan, self._inner, Style(26, color=MUTED)),
            gap(14),
        ]

    def _title_line(self) -> list[Block]:
        content = self._content
        notice = content.notice.upper()
        strong = Style(25, _SEMIBOLD, "#a02020")

        def paint(painter: QPainter, x: float, y: float) -> None:
            Style(25, _SEMIBOLD, MUTED).draw(painter, x, y, "Fusion3D result")
            strong.draw(painter, x + self._inner - strong.width(notice), y, notice)

        return [Block(38, paint)]

    def _answer(self) -> list[Block]:
        content = self._content
        found: list[Block] = []
        if content.doubts:
            fill, edge = _TINTS[content.level]
            strong = Style(28, _SEMIBOLD, "#4a2c00" if content.level == "warning" else "#7a0f0f")
            first, *more = content.doubts
            lines = [(f"{content.mark}: {first}" if content.mark else first, strong)]
            lines += [(each, Style(24)) for each in more]
            found += [*banner(lines, self._inner, fill, edge), gap(16)]
        return [*found, self._number(), gap(16)]

    def _number(self) -> Block:
        """The number, what it is of, the class, and beside it the facts about it."""
        content = self._content
        is_doubtful = bool(content.mark)
        number = Style(50 if is_doubtful else 92, _SEMIBOLD, MUTED if is_doubtful else INK)
        left = [
            *paragraph(content.title, 0.42 * self._inner, Style(26, _MEDIUM, MUTED)),
            *paragraph(content.probability, 0.42 * self._inner, number),
            *paragraph(content.of_class, 0.42 * self._inner, Style(26, color=MUTED)),
            *paragraph(content.verdict, 0.42 * self._inner, Style(32, _SEMIBOLD)),
        ]
        rows = [(Cell(name, _NAME), Cell(text, _BODY)) for name, text in content.facts]
        right = table(rows, 0.54 * self._inner)
        return _side_by_side(left, right, 0.46 * self._inner)

    def _pictures(
        self, result: CaseResult, pictures: Sequence[PlanePicture], height: float
    ) -> list[Block]:
        width = (self._inner - 2 * _BETWEEN_PICTURES) / 3
        scale = min(
            (width - 76) / max(each.width_mm for each in pictures),
            (height - 80) / max(each.height_mm for each in pictures),
        )

        def row(heat: bool) -> list[Drawing]:
            return [
                plane_drawing(each, heat=heat, width=width, height=height, scale=scale)
                for each in pictures
            ]

        return [
            drawings(row(True), _BETWEEN_PICTURES),
            gap(_BETWEEN_PICTURES),
            drawings(row(False), _BETWEEN_PICTURES),
            gap(10),
            drawings([color_bar_drawing(result, self._inner)], 0),
            *paragraph(self._content.pictures, self._inner, _SMALL),
            gap(8),
        ]

    def _provenance(self) -> list[Block]:
        style, name_style = Style(16.5, color=MUTED), Style(16.5, _MEDIUM, MUTED)
        pairs = [
            (Cell(name, name_style), Cell(text, style)) for name, text in self._content.provenance
        ]
        *hashes, made = pairs
        nothing = Cell("", style)
        rows = [
            (*pair, *(hashes[number + 1] if number + 1 < len(hashes) else (nothing, nothing)))
            for number, pair in enumerate(hashes)
            if number % 2 == 0
        ]
        return [
            rule(self._inner),
            gap(4),
            *table(rows, self._inner),
            *table([made], self._inner),
        ]

    # -- painting -----------------------------------------------------------------------------

    def _paint(self, painter: QPainter, page: int) -> None:
        for number, x, y, block in self._placed:
            if number == page:
                block.paint(painter, x, y)
        if page:
            self._paint_next_head(painter)
        self._paint_foot(painter, page)
        if self._content.level == "error":
            self._paint_watermark(painter)

    def _paint_next_head(self, painter: QPainter) -> None:
        content = self._content
        (title,) = self._title_line()
        title.paint(painter, _MARGIN, _MARGIN)
        line = f"{content.mark + ': ' if content.mark else ''}{content.patient}"
        (first, *_) = _BODY.lines(line, self._inner) or [""]
        _BODY.draw(painter, _MARGIN, _MARGIN + 36, first)

    def _paint_foot(self, painter: QPainter, page: int) -> None:
        y = self._height - _MARGIN - _FOOT + 30
        painter.setPen(QPen(QColor(LINE), 1.5))
        painter.drawLine(QPointF(_MARGIN, y), QPointF(self._width - _MARGIN, y))
        strong = Style(23, _SEMIBOLD, "#a02020")
        strong.draw(painter, _MARGIN, y + 14, f"{self._content.notice}. Not for diagnosis.")
        pages = f"Page {page + 1} of {self.page_count}"
        _SMALL.draw(painter, self._width - _MARGIN - _SMALL.width(pages), y + 14, pages)

    def _paint_watermark(self, painter: QPainter) -> None:
        words = self._content.mark
        style = Style(120, _SEMIBOLD, "#c22727")
        painter.save()
        painter.translate(self._width / 2, self._height / 2)
        painter.rotate(-52)
        painter.setOpacity(0.24)
        style.draw(painter, -style.width(words) / 2, -60, words)
        painter.restore()


def _section(section: Section, width: float) -> list[Block]:
    found = [
        *paragraph(section.title, width, _HEADING, keeps_next=True),
        rule(width),
    ]
    if section.header:
        has_names = any(section.header)
        rows = [[Cell(each, _SMALL) for each in section.header]] if has_names else []
        rows += [[Cell(each, _BODY) for each in row] for row in section.rows]
        blocks = table(rows, width) if section.rows else []
        found += [replace(each, keeps_next=has_names and not n) for n, each in enumerate(blocks)]
    else:
        found += table(
            [(Cell(name, _NAME), Cell(text, _BODY)) for name, text in section.rows], width
        )
    for note in section.notes:
        found += paragraph(note, width, _SMALL)
    return found


def _together(blocks: Sequence[Block]) -> Block:
    def paint(painter: QPainter, x: float, y: float) -> None:
        for block in blocks:
            block.paint(painter, x, y)
            y += block.height

    return Block(sum(block.height for block in blocks), paint)


def _side_by_side(left: Sequence[Block], right: Sequence[Block], second: float) -> Block:
    """Two stacks of blocks on one height; the second begins ``second`` to the right."""
    one, other = _together(left), _together(right)

    def paint(painter: QPainter, x: float, y: float) -> None:
        one.paint(painter, x, y)
        other.paint(painter, x + second, y)

    return Block(max(one.height, other.height), paint)
