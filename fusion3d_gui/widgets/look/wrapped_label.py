"""``WrappedLabel``: a label whose wrapped text breaks within long words, too."""

from __future__ import annotations

import re

from PySide6.QtWidgets import QLabel

#: Longest run of characters that is never broken.
_RUN = 18
_LONG = re.compile(rf"\S{{{_RUN}}}(?=\w)")
#: Allows a line break where it stands, and has no width.
_BREAK = "\u200b"


class WrappedLabel(QLabel):
    """Otherwise one long word, such as the name of a class or a file, would widen all that it stands in."""

    def setText(self, text: str) -> None:
        """Show a text; where it is wrapped, a line may end within a long word."""
        super().setText(_LONG.sub(rf"\g<0>{_BREAK}", text) if self.wordWrap() else text)

    def setWordWrap(self, on: bool) -> None:
        """Wrap the text or not."""
        plain = self.text()
        super().setWordWrap(on)
        self.setText(plain)

    def text(self) -> str:
        """The text as it was set."""
        return super().text().replace(_BREAK, "")
