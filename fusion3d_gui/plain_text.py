"""Text from files and bundles as plain text: one function for the window, one for a terminal, one for HTML.

Such text is a stranger's. It may hold markup, escape sequences of a terminal, characters that turn
the direction of what stands beside it, line breaks that forge a line of ours, and 100,000 letters.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Mapping
from typing import Any

#: Longest name or label, and longest text of sentences, in characters.
LONGEST_NAME = 300
LONGEST_TEXT = 2000
#: Longest line of ours that quotes such texts.
_LONGEST_LINE = 20_000

#: Line breaks of every kind.
_BREAKS = re.compile("\r\n|[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]")
#: Letters and symbols without a shape.
_BLANK = "\u115f\u1160\u2800\u3164\uffa0"
#: More than so many combining marks on one letter would be drawn over the lines above and below.
_MOST_MARKS = 8


def visible_text(text: str, longest: int = LONGEST_NAME) -> str:
    """A stranger's text as one line for the window.

    A line break becomes ``↵``, and white space one space; every other control character, every character without
    a shape of its own that turns the direction of text or hides in it, and every half of a surrogate pair
    is written as in Python, ``\\x1b`` or ``\\u202e``. What is longer than ``longest`` ends in ``…``.
    """
    # Every character leaves a trace of its own but white space: more than enough of the text is kept.
    return _cut(re.sub(r"\s\s+", " ", _one_line(text[: 4 * longest])).strip(), longest)


def terminal_text(line: str, encoding: str | None = None) -> str:
    """A line of ours, which may quote such texts, for a terminal or a log whose ``encoding`` may lack characters.

    The same as :func:`visible_text`, but white space stays.
    """
    encoding = encoding or "utf-8"
    shown = _cut(_one_line(line[: _LONGEST_LINE + 1]), _LONGEST_LINE)
    return shown.encode(encoding, "backslashreplace").decode(encoding)


def html_text(text: str, longest: int = LONGEST_TEXT) -> str:
    """The same as :func:`visible_text` for the text or a quoted attribute of an HTML page, or of rich text: nothing in it is markup."""
    return html.escape(visible_text(text, longest))


def markdown_text(text: str, longest: int = LONGEST_NAME) -> str:
    """The same as :func:`visible_text` within a Markdown page: no markup, no HTML, no link, no cell of a table ends in it."""
    return re.sub(r"([\\`*\[\]<>|#!~&])", r"\\\1", visible_text(text, longest))


def visible_values(plain: Any, longest: Mapping[str, int], usual: int = LONGEST_NAME) -> Any:
    """A JSON value with every text in it made visible, keys too.

    ``longest`` has the greatest length by key, also of what lies below the key; elsewhere it is ``usual``.
    """
    if isinstance(plain, str):
        return visible_text(plain, usual)
    if isinstance(plain, Mapping):
        return {
            visible_text(key): visible_values(value, longest, longest.get(key, usual))
            for key, value in plain.items()
        }
    if isinstance(plain, list):
        return [visible_values(each, longest, usual) for each in plain]
    return plain


def _one_line(text: str) -> str:
    if text.isascii() and text.isprintable():
        return text
    shown = _BREAKS.sub(" ↵ ", text).replace("\t", " ")
    return _with_few_marks("".join(map(_visible, shown)))


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else text[: longest - 1] + "…"


def _visible(sign: str) -> str:
    if not _is_hidden(sign):
        return sign
    code = ord(sign)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _is_hidden(sign: str) -> bool:
    """Whether a character is a control, has no shape, or turns the direction of others.

    The joiners U+200C and U+200D stay: words of Persian and of Indian languages are spelt with them.
    """
    category = unicodedata.category(sign)
    if category == "Cf":
        return sign not in "\u200c\u200d"
    return category in ("Cc", "Cs", "Zl", "Zp") or sign in _BLANK


def _with_few_marks(text: str) -> str:
    if text.isascii():
        return text
    kept, marks = [], 0
    for sign in text:
        marks = marks + 1 if unicodedata.combining(sign) else 0
        if marks <= _MOST_MARKS:
            kept.append(sign)
    return "".join(kept)
