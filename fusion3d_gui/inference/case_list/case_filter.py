"""``matching``: the cases that a filter finds: words, or conditions on columns such as ``error > 0.5 and sex = F``."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from difflib import get_close_matches

import numpy as np

from fusion3d_gui.errors import UserError
from fusion3d_gui.inference.case_list.case_list import CaseList

_TOKEN = re.compile(
    r"""\s*(?:
        (?P<number>[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?(?![\w.])) |
        (?P<quoted>"[^"]*"|'[^']*') |
        (?P<compare><=|>=|!=|==|=|<|>|~) |
        (?P<bracket>[()]) |
        (?P<word>[^\s()<>=!~"']+)
    )""",
    re.VERBOSE,
)
_COMPARE: dict[str, Callable[[np.ndarray, float], np.ndarray]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "=": operator.eq,
    "==": operator.eq,
    "!=": operator.ne,
}
#: Brackets within brackets.
_DEEPEST = 30
_LONGEST = 1000
_REMEDY = "Write, for example: error > 0.5 and sex = F."


def matching(cases: CaseList, text: str) -> np.ndarray:
    """Which cases a filter finds, bool ``[n]``.

    Without a comparison the words of ``text`` are looked for in all texts of a case. Else ``COLUMN OP VALUE`` with
    ``= != < <= > >=`` or ``~`` (contains), joined by ``and``, ``or``, ``not`` and brackets. Nothing is run.

    Raises
    ------
    UserError
        The conditions can't be read, or name no column.
    """
    text = text.strip()
    if len(text) > _LONGEST:
        raise UserError(f"The filter has more than {_LONGEST} characters", remedy="Shorten it.")
    if not re.search(r"[<>=~]", text):
        found = np.ones(cases.count, bool)
        for word in text.lower().split():
            found &= np.array([word in each for each in cases.searched], bool)
        return found
    return _Conditions(cases, text).all()


class _Conditions:
    """A parser by recursive descent that combines columns as it reads."""

    def __init__(self, cases: CaseList, text: str) -> None:
        self._cases = cases
        self._tokens: list[tuple[str, str]] = []
        at = 0
        while at < len(text):
            found = _TOKEN.match(text, at)
            if found is None:
                raise UserError(
                    f"The filter can't be read at “{text[at : at + 20]}”", remedy=_REMEDY
                )
            kind = str(found.lastgroup)
            self._tokens.append((kind, found[kind]))
            at = found.end()
        self._at = 0
        self._depth = 0

    def all(self) -> np.ndarray:
        """The whole text."""
        found = self._either()
        if self._at < len(self._tokens):
            raise self._wrong()
        return found

    def _either(self) -> np.ndarray:
        found = self._both()
        while self._take("or"):
            found = found | self._both()
        return found

    def _both(self) -> np.ndarray:
        found = self._one()
        while self._take("and"):
            found = found & self._one()
        return found

    def _one(self) -> np.ndarray:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise UserError("The filter has too many brackets", remedy=_REMEDY)
        if self._take("not"):
            found = ~self._one()
        elif self._peek() == ("bracket", "("):
            self._at += 1
            found = self._either()
            if self._peek() != ("bracket", ")"):
                raise self._wrong()
            self._at += 1
        else:
            found = self._comparison()
        self._depth -= 1
        return found

    def _comparison(self) -> np.ndarray:
        (kind, name), (middle, sign), (last, value) = (self._next() for _ in range(3))
        if (
            kind not in ("word", "quoted")
            or middle != "compare"
            or last in ("compare", "bracket", "")
        ):
            raise self._wrong()
        column = self._column(name.strip("\"'"))
        value = value.strip("\"'")
        if sign == "~":
            return np.array([value.lower() in _text(each).lower() for each in column], bool)
        if column.dtype.kind == "f":
            return self._numbers(column, sign, value, name)
        if sign not in ("=", "==", "!="):
            raise UserError(
                f"The column {name} holds texts, which are not larger or smaller", remedy=_REMEDY
            )
        same = np.array([str(each).lower() == value.lower() for each in column], bool)
        found: np.ndarray = np.logical_not(same) if sign == "!=" else same
        return found

    def _numbers(self, column: np.ndarray, sign: str, value: str, name: str) -> np.ndarray:
        if value == "":
            empty: np.ndarray = np.isnan(column) != (sign == "!=")
            return empty
        try:
            number = float(value)
        except ValueError:
            raise UserError(
                f"The column {name} holds numbers, and {value!r} is none", remedy=_REMEDY
            ) from None
        found: np.ndarray = np.logical_and(_COMPARE[sign](column, number), ~np.isnan(column))
        return found

    def _column(self, name: str) -> np.ndarray:
        columns = self._cases.columns
        by_lower = {each.lower(): each for each in columns}
        if name.lower() in by_lower:
            return columns[by_lower[name.lower()]]
        near = get_close_matches(name.lower(), by_lower, n=1)
        hint = f" Is {by_lower[near[0]]} meant?" if near else ""
        raise UserError(f"There is no column {name}", remedy=f"{hint.strip()} {_REMEDY}".strip())

    def _peek(self) -> tuple[str, str]:
        return self._tokens[self._at] if self._at < len(self._tokens) else ("", "")

    def _next(self) -> tuple[str, str]:
        found = self._peek()
        self._at += 1
        return found

    def _take(self, word: str) -> bool:
        kind, text = self._peek()
        if kind == "word" and text.lower() == word:
            self._at += 1
            return True
        return False

    def _wrong(self) -> UserError:
        at = self._peek()[1]
        where = f"at “{at}”" if at else "at its end"
        return UserError(f"The filter can't be read {where}", remedy=_REMEDY)


def _text(value: object) -> str:
    if isinstance(value, float):
        return "" if np.isnan(value) else f"{value:g}"
    return str(value)
