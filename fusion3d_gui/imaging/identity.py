"""Volumes and series without what tells who the patient is."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

from fusion3d_gui.imaging.series import Series
from fusion3d_gui.imaging.volume import Volume

#: Of the attributes that a volume keeps, those that name somebody or lead to them (from PS3.15
#: table E.1-1). Age, sex, weight and size stay: the model asks for them.
IDENTIFYING = frozenset(
    (
        "PatientName",
        "PatientID",
        "PatientBirthDate",
        "AccessionNumber",
        "InstitutionName",
        "StudyDate",
        "StudyTime",
        "SeriesDate",
    )
)


def without_identity(volume: Volume) -> Volume:
    """The same voxels, without identifying attributes, and without anything of a file's name."""
    kept = {key: text for key, text in volume.attributes.items() if key not in IDENTIFYING}
    return replace(
        volume,
        attributes=MappingProxyType(kept),
        description=_description(volume.description, volume.path),
        path=None,
        notices=tuple(_unnamed(notice) for notice in volume.notices),
    )


def series_without_identity(series: Series) -> Series:
    """The same series, without anything of a file's name in what is shown of it."""
    path = series.paths[0] if series.format != "DICOM" and series.paths else None
    return replace(
        series,
        description=_description(series.description, path),
        notices=tuple(_unnamed(notice) for notice in series.notices),
    )


def unnamed_error(text: str, path: Path | None) -> str:
    """A UserError's sentence without the name of the file that it is about."""
    if path is None:
        return text
    name = path.name or str(path)
    return text.replace(f"{name}: ", "The file: ", 1).replace(name, "the file")


def _description(description: str, path: Path | None) -> str:
    """A description that is made of the file's name, as other formats than DICOM have it, is not kept."""
    if path is None or not description:
        return description
    part = re.search(r" \(volume \d+ of \d+\)$", description)
    stem = description[: part.start()] if part else description
    if not path.name.startswith(stem):
        return description
    return "Scan" + (part[0] if part else "")


def _unnamed(notice: str) -> str:
    """The number of files that were left out, without their names."""
    found = re.match(r"(\d+ files? (?:was|were) left out)[:,]", notice)
    return f"{found[1]}." if found else notice
