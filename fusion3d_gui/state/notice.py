"""``Notice``: a sentence that the window shows without stopping anybody."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Level = Literal["info", "warning", "error"]


@dataclass(frozen=True)
class Notice:
    """What to say, and how grave it is."""

    text: str
    level: Level = "info"
