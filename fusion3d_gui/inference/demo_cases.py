"""The demo cases shipped with the program: files, model, metadata."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from fusion3d_gui.errors import UserError
from fusion3d_gui.model.schema import Value
from fusion3d_gui.shipped import models_dir, resources_dir


@dataclass(frozen=True)
class DemoCase:
    """One shipped case; ``bundle`` is the folder of its model."""

    name: str
    title: str
    path: Path
    bundle: Path
    metadata: Mapping[str, Value]
    about: str


def demo_cases() -> list[DemoCase]:
    """All shipped cases, the first to open first.

    Raises
    ------
    UserError
        When they are not installed.
    """
    listing = resources_dir() / "demo" / "cases.json"
    try:
        plain = json.loads(listing.read_text(encoding="utf-8"))
    except OSError:
        raise UserError(
            "the demo cases are not installed", path=listing, remedy="Install Fusion3D again."
        ) from None
    return [
        DemoCase(
            name=case["name"],
            title=case["title"],
            path=listing.parent / case["path"],
            bundle=models_dir() / case["model"],
            metadata=case["metadata"],
            about=case["about"],
        )
        for case in plain
    ]
