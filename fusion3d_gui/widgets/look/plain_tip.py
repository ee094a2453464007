"""``plain_tip`` and ``plain_caption``: text of files and bundles for tooltips, and for what has a mnemonic.

Qt reads a tooltip as HTML where it looks like it, and ``&`` on a button, in a menu or in a label with a
buddy as the mark of a mnemonic.
"""

from __future__ import annotations

from fusion3d_gui.plain_text import LONGEST_TEXT, html_text, visible_text


def plain_tip(text: str) -> str:
    """The text of a tooltip, escaped where Qt might read it as HTML; its own line breaks stay."""
    lines = [visible_text(line, LONGEST_TEXT) for line in text.split("\n")]
    if "<" not in text:
        return "\n".join(lines)
    return f"<qt>{'<br>'.join(map(html_text, lines))}</qt>"


def plain_caption(text: str) -> str:
    """The text of a button, a menu's entry or a label with a buddy, in which ``&`` is a letter."""
    return visible_text(text).replace("&", "&&")
