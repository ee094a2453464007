"""Read tables as spreadsheets write them, and write cells that no spreadsheet takes for a formula.

Which separator, encoding and decimal sign a table uses is found from the table itself. Whatever is ambiguous is
refused with its row: a value must never slip into another column.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from fusion3d_gui.errors import UserError
from fusion3d_gui.input_file import read_bounded

#: Larger files are no tables of cases.
_LARGEST_BYTES = 50_000_000

_SEPARATORS = (",", ";", "\t")

#: A cell that begins with one of these is a formula to spreadsheets, unless it is a number.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")

_DECIMAL_COMMA = re.compile(r"[+-]?\d*,\d+")
_DECIMAL_POINT = re.compile(r"[+-]?\d*\.\d+")
#: With thousands' separators this is a whole number, with decimal commas it has three decimals.
_AMBIGUOUS = re.compile(r"[+-]?[1-9]\d{0,2},\d{3}")


@dataclass(frozen=True)
class TableRow:
    """A row that is not blank: its number as a spreadsheet counts (the header is 1), and its cells by column."""

    number: int
    cells: Mapping[str, str]


@dataclass(frozen=True)
class TableFile:
    """A table's column names and rows, without surrounding spaces."""

    path: Path
    columns: tuple[str, ...]
    rows: tuple[TableRow, ...]

    def unused_notices(self, used: Iterable[str]) -> tuple[str, ...]:
        """A sentence that names the columns which are not among ``used``, with the name that may be meant."""
        known = list(used)
        unused = [name for name in self.columns if name not in known]
        if not unused:
            return ()
        missing = [name for name in known if name not in self.columns]
        by_lower = {name.lower(): name for name in missing}
        said = []
        for name in unused:
            near = get_close_matches(name.lower(), by_lower, n=1, cutoff=0.75)
            said.append(f"{name} (is {by_lower[near[0]]} meant?)" if near else name)
        return (f"Columns of the table that are not used: {', '.join(said)}.",)


def read_table_file(path: Path) -> TableFile:
    """Read a table separated by commas, semicolons or tabs, in UTF-8 or UTF-16, with or without a byte order mark.

    Blank rows are passed over, also those of separators only, but counted. Decimal commas become points
    where the separator is another. Empty cells beyond the header are dropped, and columns that have
    neither name nor content.

    Raises
    ------
    UserError
        The file can't be read, is no such table, has two columns of one name or a column without one, or a
        row has more or fewer cells than the header.
    """
    text = _read_text(path)
    first, _, rest = text.partition("\n")
    named = re.fullmatch(r'"?sep=(.)"?\r?', first)
    if named:
        text = rest
    separator = named[1] if named else _separator_of(text)
    try:
        lines = list(csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True))
    except csv.Error as error:
        raise UserError(f"is not a table in CSV ({error})", path=path) from None
    above = 1 if named else 0
    lines = [[cell.strip() for cell in line] for line in lines]
    start = next((n for n, line in enumerate(lines) if any(line)), len(lines))
    if start == len(lines):
        raise UserError("holds no cases", path=path)
    header = _trimmed(lines[start], 0)
    numbered = [
        (start + above + n, _trimmed(line, len(header)))
        for n, line in enumerate(lines[start + 1 :], start=2)
        if any(line)
    ]
    for number, line in numbered:
        if len(line) != len(header):
            raise _wrong_count(path, number, line, header, separator)
    kept = [n for n, name in enumerate(header) if name or any(line[n] for _, line in numbered)]
    columns = [header[n] for n in kept]
    if "" in columns:
        raise UserError("a column has no name", path=path, remedy="Name it, or remove it.")
    twice = {name for name in columns if columns.count(name) > 1}
    if twice:
        raise UserError(f"two columns are named {min(twice)!r}", path=path, remedy="Rename one.")
    cells = [[line[n] for n in kept] for _, line in numbered]
    if separator != ",":
        cells = _with_points(path, [number for number, _ in numbered], cells)
    rows = tuple(
        TableRow(number, dict(zip(columns, line, strict=True)))
        for (number, _), line in zip(numbered, cells, strict=True)
    )
    return TableFile(path, tuple(columns), rows)


def plain_cell(value: object) -> object:
    """The value for a cell: a text that a spreadsheet would take for a formula gets an apostrophe in front."""
    if not isinstance(value, str) or not value.startswith(_FORMULA):
        return value
    try:
        float(value)
    except ValueError:
        return f"'{value}"
    return value


def _read_text(path: Path) -> str:
    try:
        raw = read_bounded(path, _LARGEST_BYTES)
    except ValueError:
        raise UserError("is too large to be a table of cases", path=path) from None
    except FileNotFoundError:
        raise UserError("there is no such file", path=path) from None
    except OSError as error:
        raise UserError(f"can't be read ({error.strerror})", path=path) from None
    encoding = "utf-16" if raw[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        return raw.decode(encoding)
    except UnicodeDecodeError:
        raise UserError(
            "is not a table in CSV (UTF-8)", path=path, remedy="Export it as CSV UTF-8."
        ) from None


def _separator_of(text: str) -> str:
    """The separator that parts the header into most columns."""
    header = next((line for line in text.splitlines() if line.strip(' ,;\t"')), "")
    outside = re.sub(r'"[^"]*"', "", header)
    return max(_SEPARATORS, key=outside.count)


def _trimmed(line: list[str], least: int) -> list[str]:
    """A row without empty cells at its end, but with at least so many cells as it has of ``least``."""
    count = len(line)
    while count > least and not line[count - 1]:
        count -= 1
    return line[:count]


def _wrong_count(
    path: Path, number: int, line: list[str], header: list[str], separator: str
) -> UserError:
    more = len(line) > len(header)
    problem = (
        f"row {number} has {'more' if more else 'fewer'} cells ({len(line)}) than the header has "
        f"columns ({len(header)})"
    )
    remedy = "Mend the row."
    if more and separator == ",":
        remedy = "Put decimal commas between quotation marks, or write decimal points."
    return UserError(problem, path=path, remedy=remedy)


def _with_points(path: Path, numbers: list[int], cells: list[list[str]]) -> list[list[str]]:
    """Decimal points for decimal commas, in a table whose separator is no comma."""
    flat = [cell for line in cells for cell in line]
    if not any(_DECIMAL_COMMA.fullmatch(cell) for cell in flat):
        return cells
    has_points = any(_DECIMAL_POINT.fullmatch(cell) for cell in flat)
    has_sure_commas = any(
        _DECIMAL_COMMA.fullmatch(cell) and not _AMBIGUOUS.fullmatch(cell) for cell in flat
    )
    if has_points or not has_sure_commas:
        for number, line in zip(numbers, cells, strict=True):
            for cell in line:
                if _DECIMAL_COMMA.fullmatch(cell):
                    raise UserError(
                        f"row {number}: {cell!r} can be read as two different numbers",
                        path=path,
                        remedy="Write it with a decimal point, without separators of thousands.",
                    )
    return [
        [cell.replace(",", ".") if _DECIMAL_COMMA.fullmatch(cell) else cell for cell in line]
        for line in cells
    ]
