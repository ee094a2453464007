"""Documents of earlier versions become the present one; those of later versions are refused."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from fusion3d_gui.errors import UserError
from fusion3d_gui.report.session.document import FORMAT, VERSION, SessionDocument


def document_of(content: bytes) -> SessionDocument:
    """The document in the bytes of ``session.json``, or of a file of kept work of the first version.

    Raises
    ------
    UserError
        It is of a newer version, or makes no sense; the path is for the caller to add.
    """
    try:
        plain = msgspec.json.decode(content)
        version = plain["version"]
        if type(version) is not int or version < 1:
            raise ValueError("no version")
        if version > 1 and plain.get("format") != FORMAT:
            raise ValueError("another format")
        if version > VERSION:
            raise UserError(
                f"was saved by a newer Fusion3D (document version {version}, this one reads up to {VERSION})",
                remedy="Update Fusion3D to open it.",
            )
        for step in range(version, VERSION):
            plain = _STEPS[step](plain)
        return msgspec.convert(plain, type=SessionDocument)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        where = str(error) if isinstance(error, msgspec.ValidationError) else "it is damaged"
        raise UserError(f"is no session that can be read ({where})") from None


def _second(plain: Mapping[str, Any]) -> dict[str, Any]:
    """Version 1 was kept work: marks, window level, form and map settings only, and no scan."""
    known = {key: plain[key] for key in ("marks", "window", "form", "map")}
    return {"format": FORMAT, "version": 2, **known}


def _third(plain: Mapping[str, Any]) -> dict[str, Any]:
    """Version 2 had no masks."""
    return {**plain, "version": 3}


def _fourth(plain: Mapping[str, Any]) -> dict[str, Any]:
    """Version 3 had no second scan."""
    return {**plain, "version": 4}


def _fifth(plain: Mapping[str, Any]) -> dict[str, Any]:
    """Version 4 had drawn masks alone, a byte a voxel, and of the second scan only its place."""
    return {**plain, "version": 5}


def _sixth(plain: Mapping[str, Any]) -> dict[str, Any]:
    """Version 5 had no map of a file, and did not say what the reader had said of the scan's values."""
    return {**plain, "version": 6}


#: How a document of a version becomes one of the next.
_STEPS: dict[int, Callable[[Mapping[str, Any]], dict[str, Any]]] = {
    1: _second,
    2: _third,
    3: _fourth,
    4: _fifth,
    5: _sixth,
}
