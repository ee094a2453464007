"""``Notice``: a sentence that the window shows without a modal dialog."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Level = Literal["info", "warning", "error"]


@dataclass(frozen=True)
class Notice:
    """A sentence and its severity."""

    text: str
    level: Level = "info"
