"""``Notice``: a sentence that the window shows without a modal dialog."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from fusion3d_gui.plain_text import LONGEST_TEXT, visible_text

Level = Literal["info", "warning", "error"]


@dataclass(frozen=True)
class Notice:
    """A sentence, plain text in one line, and its severity."""

    text: str
    level: Level = "info"

    def __post_init__(self) -> None:
        object.__setattr__(self, "text", visible_text(self.text, LONGEST_TEXT))
