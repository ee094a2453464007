"""Patient and series of a volume in words: for the header, and for a corner of the images.

Sex, birth date and age help to tell patients apart, so they are written only with a name or a number.
Without one, as where the identity is hidden, they would help to identify the patient: the basic profile of
PS3.15 (table E.1-1) removes all of them. The form still shows those that the model needs.
"""

from __future__ import annotations

from collections.abc import Mapping

from fusion3d_gui.imaging.privacy.deidentify import identity_is_removed
from fusion3d_gui.imaging.volume import Volume

#: Written wherever the patient would be named.
IDENTITY_HIDDEN = "Identity hidden"

_LONGEST = 48


def corner_lines(volume: Volume) -> tuple[str, ...]:
    """The lines for a corner of an image: patient, or that the identity is hidden; series; study date."""
    about = volume.attributes
    name, number = _name(about), _number(about)
    who: tuple[str, ...] = ()
    if identity_is_removed(volume):
        who = (IDENTITY_HIDDEN,)
    elif name or number:
        facts = (
            number,
            about.get("PatientSex", ""),
            _age(about) or _date(about, "PatientBirthDate"),
        )
        who = (name, "  ".join(each for each in facts if each))
    found = (*who, volume.description, _date(about, "StudyDate"))
    return tuple(each[:_LONGEST] for each in found if each)


def patient_line(volume: Volume) -> str:
    """Name, ID, sex, birth date and age in one line; empty where the file names no patient."""
    about = volume.attributes
    name, number = _name(about), _number(about)
    if identity_is_removed(volume):
        return IDENTITY_HIDDEN
    if not (name or number):
        return ""
    born, age = _date(about, "PatientBirthDate"), _age(about)
    when = f"{born} ({age})" if born and age else born or age
    parts = (name, number, about.get("PatientSex", ""), when)
    return " · ".join(each[:_LONGEST] for each in parts if each)


def study_date(volume: Volume) -> str:
    """Date of the study, as ``2026-01-12``; empty where it is unknown or hidden."""
    return _date(volume.attributes, "StudyDate")[:_LONGEST]


def warning_texts(volume: Volume) -> tuple[str, ...]:
    """A few words on each thing that makes the volume's geometry doubtful."""
    return tuple(dict.fromkeys(each.short for each in volume.warnings))


def is_lossy(volume: Volume) -> bool:
    """Whether the file declares lossy compression of its pixels (PS3.3 C.7.6.1.1.5)."""
    return volume.attributes.get("LossyImageCompression") == "01"


def _name(about: Mapping[str, str]) -> str:
    return about.get("PatientName", "").replace("^", " ").strip()


def _number(about: Mapping[str, str]) -> str:
    return about.get("PatientID", "").strip()


def _date(about: Mapping[str, str], keyword: str) -> str:
    date = about.get(keyword, "")
    if len(date) == 8 and date.isdigit():
        return f"{date[:4]}-{date[4:6]}-{date[6:]}"
    return date


def _age(attributes: Mapping[str, str]) -> str:
    age = attributes.get("PatientAge", "")
    units = {"Y": "y", "M": "months", "W": "weeks", "D": "days"}
    if len(age) == 4 and age[:3].isdigit() and age[3] in units:
        return f"{int(age[:3])} {units[age[3]]}"
    return ""
