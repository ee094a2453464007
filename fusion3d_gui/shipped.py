"""Where the files that travel with the program lie: resources and the demo bundle."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def _shipped(name: str) -> Path:
    # In a wheel they lie inside the package; in a checkout beside it.
    inside = _PACKAGE / "_shipped" / name
    return inside if inside.is_dir() else _PACKAGE.parent / name


def resources_dir() -> Path:
    """Folder of fonts and demo cases."""
    return _shipped("resources")


def models_dir() -> Path:
    """Folder of the model bundles that come with the program."""
    return _shipped("models")
