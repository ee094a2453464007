"""Read and write a bundle's model card and metadata together, to record figures in both."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from fusion3d_gui.errors import UserError
from fusion3d_gui.output_file import write_whole_text


def card_path(bundle: Path) -> Path:
    """Path of a bundle's model card."""
    return bundle / "docs" / "README.md"


def read_card(bundle: Path) -> tuple[str, dict[str, Any]]:
    """The card's Markdown and the content of ``configs/metadata.json``. Raises UserError when either can't be read."""
    try:
        text = card_path(bundle).read_text(encoding="utf-8")
        plain = json.loads(_metadata_path(bundle).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise UserError("card or metadata can't be read", path=bundle) from None
    return text, plain


def write_card(bundle: Path, text: str, plain: dict[str, Any]) -> None:
    """Write both."""
    write_whole_text(card_path(bundle), text)
    told = json.dumps(plain, indent=2, ensure_ascii=False) + "\n"
    write_whole_text(_metadata_path(bundle), told)


def _metadata_path(bundle: Path) -> Path:
    return bundle / "configs" / "metadata.json"
