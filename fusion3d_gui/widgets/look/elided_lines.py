"""``elided_lines``: a name broken into a few lines, with an ellipsis in the middle of the last."""

from __future__ import annotations

import re

from PySide6.QtCore import Qt
from PySide6.QtGui import QFontMetrics

#: A name may be broken after these.
_PART = re.compile(r"[^\s_\-./]*[\s_\-./]+|[^\s_\-./]+")


def elided_lines(text: str, metrics: QFontMetrics, width: int, most: int = 2) -> str:
    """The text in at most ``most`` lines of ``width`` px.

    Names of series often differ at their ends only, which therefore stay readable.
    """
    rest = " ".join(text.split())
    lines: list[str] = []
    while rest and len(lines) < most - 1 and metrics.horizontalAdvance(rest) > width:
        line = ""
        for part in _PART.findall(rest):
            if metrics.horizontalAdvance((line + part).rstrip()) > width:
                break
            line += part
        if not line:
            # One long word.
            fits = (
                n for n in range(len(rest), 1, -1) if metrics.horizontalAdvance(rest[:n]) <= width
            )
            line = rest[: next(fits, 1)]
        lines.append(line.rstrip())
        rest = rest[len(line) :]
    lines.append(metrics.elidedText(rest, Qt.TextElideMode.ElideMiddle, width))
    return "\n".join(line for line in lines if line)
