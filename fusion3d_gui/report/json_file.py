"""Write a JSON document."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from fusion3d_gui.errors import UserError
from fusion3d_gui.output_file import write_whole_text


def write_json(plain: Any, path: Path) -> None:
    """Write plain values as indented UTF-8 JSON.

    Raises
    ------
    UserError
        The file can't be written.
    ValueError
        A number is not finite, which JSON can't express.
    """
    write_json_text(json.dumps(plain, indent=2, ensure_ascii=False, allow_nan=False) + "\n", path)


def write_json_text(text: str, path: Path) -> None:
    """Write a JSON document that has been made already.

    Raises
    ------
    UserError
        The file can't be written.
    """
    try:
        write_whole_text(path, text, newline="")  # its SHA-256 is the same on every system
    except OSError as error:
        raise UserError(
            f"the result can't be written ({error.strerror})",
            path=path,
            remedy="Choose a folder that exists and that you may write to.",
        ) from None
