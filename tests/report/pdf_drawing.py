"""What a PDF of Qt's draws on each page: texts, lines, rectangles and images, with places, sizes and colours."""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np

#: From points to tenths of a millimetre.
_UNITS = 254 / 72


@dataclass(frozen=True)
class DrawnText:
    """A text: left end of its baseline from the page's top left corner, size (both in tenths of a millimetre)."""

    text: str
    x: float
    y: float
    size: float
    font: str
    color: str
    opacity: float
    #: Degrees, clockwise.
    turn: float


@dataclass(frozen=True)
class DrawnLine:
    """A line with its ends and width in tenths of a millimetre."""

    ends: tuple[float, float, float, float]
    width: float
    color: str


@dataclass(frozen=True)
class DrawnRectangle:
    """A filled rectangle: left, top, width, height in tenths of a millimetre."""

    place: tuple[float, float, float, float]
    color: str


@dataclass(frozen=True)
class DrawnImage:
    """An image: left, top, width, height in tenths of a millimetre."""

    place: tuple[float, float, float, float]


def drawn_pages(pdf: bytes) -> list[list[Any]]:
    """What each page draws, in its order."""
    objects = {
        int(number): body
        for number, body in re.findall(rb"(\d+) 0 obj\b(.*?)endobj", pdf, re.DOTALL)
    }
    pages = [body for body in objects.values() if re.search(rb"/Type /Page\b", body)]
    return [_page(objects, page) for page in pages]


def _stream(body: bytes) -> str:
    content = re.search(rb"stream\r?\n(.*?)\nendstream", body, re.DOTALL)[1]
    if b"/FlateDecode" in body:
        content = zlib.decompressobj().decompress(content)
    return content.decode("latin1")


def _reference(objects: dict[int, bytes], body: bytes, name: bytes) -> bytes:
    return objects[int(re.search(name + rb" (\d+) 0 R", body)[1])]


def _page(objects: dict[int, bytes], page: bytes) -> list[Any]:
    resources = _reference(objects, page, b"/Resources")
    height = float(re.search(rb"/MediaBox \[\S+ \S+ \S+ ([\d.]+)", page)[1])
    fonts = {}
    states = {}
    for name, number in re.findall(rb"/(\w+) (\d+) 0 R", resources):
        body = objects.get(int(number), b"")
        if b"/ToUnicode" in body:
            fonts[name.decode()] = (
                re.search(rb"/BaseFont /(?:\w+\+)?([\w-]+)", body)[1].decode(),
                _letters(_stream(_reference(objects, body, b"/ToUnicode"))),
            )
        elif opacity := re.search(rb"/ca ([\d.]+)", body):
            states[name.decode()] = float(opacity[1])
    return _Interpreter(fonts, states, height).run(_stream(_reference(objects, page, b"/Contents")))


def _letters(table: str) -> dict[int, str]:
    found = {}
    for first, last, to in re.findall(r"<(\w+)> <(\w+)> (<\w+>|\[[^\]]*\])", table):
        targets = re.findall(r"<(\w+)>", to)
        for n in range(int(first, 16), int(last, 16) + 1):
            offset = n - int(first, 16)
            if to.startswith("["):
                found[n] = bytes.fromhex(targets[offset]).decode("utf-16-be")
            else:
                found[n] = chr(int(targets[0], 16) + offset)
    return found


class _Interpreter:
    """Runs a page's operators."""

    def __init__(self, fonts: dict[str, Any], states: dict[str, float], height: float) -> None:
        self.fonts, self.states = fonts, states
        to_paper = np.array([[_UNITS, 0, 0], [0, -_UNITS, 0], [0, _UNITS * height, 1]])
        self.now = {"matrix": to_paper, "fill": "", "stroke": "", "width": 1.0, "opacity": 1.0}
        self.saved: list[dict[str, Any]] = []
        self.found: list[Any] = []
        self.path: list[tuple[float, float]] = []
        self.rectangles: list[tuple[float, float, float, float]] = []

    def run(self, content: str) -> list[Any]:
        operands: list[str] = []
        for token in re.findall(r"<[0-9A-F]*>|\[[^\]]*\]|/\S+|[^\s<\[/]+", content):
            if re.fullmatch(r"[-+.\d]+|/.*|<.*|\[.*", token):
                operands.append(token)
            else:
                self.do(token, operands)
                operands = []
        return self.found

    def at(self, x: float, y: float) -> tuple[float, float]:
        found = np.array([x, y, 1.0]) @ self.now["matrix"]
        return round(float(found[0]), 2), round(float(found[1]), 2)

    def box(self, x: float, y: float, width: float, height: float) -> tuple[float, ...]:
        (left, top), (right, bottom) = self.at(x, y), self.at(x + width, y + height)
        return (
            round(min(left, right), 2),
            round(min(top, bottom), 2),
            round(abs(right - left), 2),
            round(abs(bottom - top), 2),
        )

    def do(self, operator: str, operands: list[str]) -> None:
        numbers = [float(each) for each in operands if re.fullmatch(r"[-+.\d]+", each)]
        if operator == "q":
            self.saved.append(dict(self.now))
        elif operator == "Q":
            self.now = self.saved.pop()
        elif operator == "cm":
            a, b, c, d, e, f = numbers
            self.now["matrix"] = np.array([[a, b, 0], [c, d, 0], [e, f, 1]]) @ self.now["matrix"]
        elif operator in ("SCN", "scn"):
            color = "#" + "".join(f"{round(255 * share):02x}" for share in numbers)
            self.now["stroke" if operator == "SCN" else "fill"] = color
        elif operator == "w":
            self.now["width"] = numbers[0]
        elif operator == "gs":
            self.now["opacity"] = self.states.get(operands[0][1:], 1.0)
        elif operator == "m":
            self.path = [(numbers[0], numbers[1])]
        elif operator == "l":
            self.path.append((numbers[0], numbers[1]))
        elif operator == "re":
            self.rectangles.append(tuple(numbers))
        elif operator == "S":
            self._stroke()
        elif operator in ("f", "f*", "n", "W"):
            if operator.startswith("f"):
                self.found += [
                    DrawnRectangle(self.box(*each), self.now["fill"]) for each in self.rectangles
                ]
            self.rectangles, self.path = [], []
        elif operator == "Do":
            self.found.append(DrawnImage(self.box(0, 0, 1, 1)))
        else:
            self._text(operator, operands, numbers)

    def _stroke(self) -> None:
        if len(self.path) == 2:
            scale = float(np.sqrt(abs(np.linalg.det(self.now["matrix"][:2, :2]))))
            ends = (*self.at(*self.path[0]), *self.at(*self.path[1]))
            width = round(scale * self.now["width"], 2)
            self.found.append(DrawnLine(ends, width, self.now["stroke"]))
        self.path = []

    def _text(self, operator: str, operands: list[str], numbers: list[float]) -> None:
        if operator == "BT":
            self.text, self.place, self.start = "", np.zeros(2), None
        elif operator == "Tf":
            self.font, self.size = operands[0][1:], numbers[0]
        elif operator == "Tm":
            self.flip = numbers[3]
        elif operator == "Td":
            self.place = self.place + np.array(numbers)
        elif operator == "Tj":
            if self.start is None:
                self.start = self.place
            letters = self.fonts[self.font][1]
            codes = operands[0].strip("<>")
            self.text += "".join(
                letters.get(int(codes[n : n + 4], 16), "\ufffd") for n in range(0, len(codes), 4)
            )
        elif operator == "ET" and self.text:
            matrix = self.now["matrix"]
            scale = float(np.sqrt(abs(np.linalg.det(matrix[:2, :2]))))
            x, y = self.at(self.start[0], self.flip * self.start[1])
            self.found.append(
                DrawnText(
                    self.text.replace("\t", " "),
                    x,
                    y,
                    round(scale * self.size, 2),
                    self.fonts[self.font][0],
                    self.now["fill"],
                    self.now["opacity"],
                    round(float(np.degrees(np.arctan2(matrix[0, 1], matrix[0, 0]))), 2),
                )
            )
