"""``Panes``: the shares that the views of each layout have of its room, where their borders were dragged."""

from __future__ import annotations

import json
from collections.abc import Sequence

from PySide6.QtWidgets import QSplitter

#: Sizes are set as so many parts (px of a wide window), which the splitter scales to its own size.
_PARTS = 10_000
_LEAST_SHARE = 0.02


class Panes:
    """Reads and sets the sizes of splitters, by the name of the layout that they make."""

    def __init__(self) -> None:
        self._shares: dict[str, list[list[float]]] = {}

    @property
    def text(self) -> str:
        """All that was dragged, as JSON; empty where nothing was."""
        return json.dumps(self._shares) if self._shares else ""

    def restore(self, text: str) -> None:
        """Take what :attr:`text` said in an earlier run; anything else is ignored."""
        try:
            plain = json.loads(text or "{}")
            found = {str(name): [_shares(each) for each in row] for name, row in plain.items()}
        except (ValueError, TypeError, AttributeError, RecursionError):
            return
        self._shares = found

    def keep(self, layout: str, splitters: Sequence[QSplitter]) -> None:
        """Remember how the splitters of a layout are now."""
        self._shares[layout] = [
            [size / max(sum(each.sizes()), 1) for size in each.sizes()] for each in splitters
        ]

    def apply(self, layout: str, splitters: Sequence[QSplitter]) -> bool:
        """Set the splitters of a layout as they were dragged; returns whether they were."""
        kept = self._shares.get(layout, [])
        if [len(each) for each in kept] != [each.count() for each in splitters]:
            return False
        for splitter, shares in zip(splitters, kept, strict=True):
            splitter.setSizes([round(share * _PARTS) for share in shares])
            for number, share in enumerate(shares):
                splitter.setStretchFactor(number, round(share * 100))
        return True


def _shares(plain: Sequence[float]) -> list[float]:
    shares = [float(each) for each in plain]
    if any(share and not _LEAST_SHARE <= share <= 1 for share in shares):
        raise ValueError("a share is between 0 and 1")
    return shares
