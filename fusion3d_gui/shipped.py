"""Folders of the files that ship with the program: resources and model bundles."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def _shipped(name: str) -> Path:
    # Inside the package in a wheel, beside it in a checkout.
    inside = _PACKAGE / "_shipped" / name
    return inside if inside.is_dir() else _PACKAGE.parent / name


def resources_dir() -> Path:
    """The folder of fonts and demo cases."""
    return _shipped("resources")


def models_dir() -> Path:
    """The folder of the model bundles that ship with the program."""
    return _shipped("models")
