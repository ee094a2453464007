"""Volumes, series and error messages without the patient's identity and without file names."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

from fusion3d_gui.errors import UserError, shown_name
from fusion3d_gui.imaging.privacy.identifying_words import NAMING, WHOLE, IdentifyingWords
from fusion3d_gui.imaging.series import Series
from fusion3d_gui.imaging.volume import Volume
from fusion3d_gui.plain_text import visible_text

#: Those of a volume's attributes that identify the patient, directly or not (from PS3.15 table
#: E.1-1). Age, sex, weight and size stay: the model asks for them.
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


#: Says of a volume that its identity has been removed here (PS3.3 C.7.1.1, with the standard's value).
_REMOVED = ("PatientIdentityRemoved", "YES")

#: Texts that were typed by hand or chosen by a protocol's author: names have been found in all of them.
_FREE_TEXT = frozenset(
    (
        "StudyDescription",
        "SeriesDescription",
        "ProtocolName",
        "SequenceName",
        "BodyPartExamined",
        "ContrastBolusAgent",
        "ConvolutionKernel",
        "Manufacturer",
        "ManufacturerModelName",
    )
)


def volume_without_identity(volume: Volume) -> Volume:
    """The same volume without identifying attributes and without its file's name.

    A free text in which a part of the patient's name or numbers occurs is dropped as a whole. The
    voxels stay as they are: text burnt into them, and faces, are not removed.
    """
    words = identifying_words(volume.attributes)
    kept = {
        key: text
        for key, text in volume.attributes.items()
        if key not in IDENTIFYING and not (key in _FREE_TEXT and words.occur_in(text))
    }
    kept |= [_REMOVED]
    return replace(
        volume,
        attributes=MappingProxyType(kept),
        description=_description(volume.description, volume.path, words),
        path=None,
        notices=tuple(_unnamed(notice) for notice in volume.notices),
    )


def identity_is_removed(volume: Volume) -> bool:
    """Whether this is what :func:`volume_without_identity` returned, not a file that names no patient."""
    keyword, value = _REMOVED
    return volume.attributes.get(keyword) == value


def identifying_words(attributes: Mapping[str, str]) -> IdentifyingWords:
    """The identifying words of DICOM attributes, given by keyword."""
    return IdentifyingWords(
        (attributes.get(keyword, "") for keyword in NAMING),
        (attributes.get(keyword, "") for keyword in WHOLE),
    )


def series_without_identity(series: Series) -> Series:
    """The same series without the file's and the patient's name in what is shown of it."""
    path = series.paths[0] if series.format != "DICOM" and series.paths else None
    return replace(
        series,
        description=_description(series.description, path, identifying_words(series.identity)),
        notices=tuple(_unnamed(notice) for notice in series.notices),
        subfolder="",
        identity=MappingProxyType({}),
    )


def error_without_file_names(error: UserError) -> str:
    """A UserError's text without the names of the files that it is about."""
    text = str(error)
    if error.path is not None:
        name = shown_name(error.path)
        text = _replace(text.replace(f"{name}: ", "The file: ", 1), name, "the file")
    for path in error.quoted:
        for name in (visible_text(str(path)), shown_name(path)):
            text = _replace(text, name, "a file")
    return text


def _replace(text: str, name: str, by: str) -> str:
    # A file may be called 1: not every 1 is its name.
    return re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", by, text)


def _description(description: str, path: Path | None, words: IdentifyingWords) -> str:
    """A description without the patient's name, and without the file's, which other formats than DICOM have there."""
    if not description:
        return description
    stem = description.partition(" (volume ")[0].rpartition("/")[2]
    # A path too long to be shown ends anywhere.
    named = path is not None and (shown_name(path).startswith(stem) or description.endswith("…"))
    if not named and not words.occur_in(description):
        return description
    # The suffix of our own readers stays: which of several volumes this is.
    part = re.search(
        r" \((volume \d+ of \d+|(patient|echo|time point|part) \d+[^()]*)\)$", description
    )
    return "Scan" + (part[0] if part and not words.occur_in(part[0]) else "")


def _unnamed(notice: str) -> str:
    """A notice about files that were left out, reduced to their number."""
    found = re.match(r"(\d+ files? (?:was|were) left out)[:,]", notice)
    return f"{found[1]}." if found else notice
