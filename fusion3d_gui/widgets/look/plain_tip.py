"""``plain_tip``: text for a tooltip, which Qt would otherwise read as HTML where it looks like it."""

from __future__ import annotations

from html import escape


def plain_tip(text: str) -> str:
    """The same text, escaped where it needs to be; it may quote a file."""
    return f"<qt>{escape(text)}</qt>" if "<" in text else text
