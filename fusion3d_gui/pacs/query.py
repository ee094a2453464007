"""What is asked of a PACS and what it offers: queries, studies, series, instances, and their matching."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable
from dataclasses import dataclass, fields
from datetime import date
from typing import Literal, TypeVar

from fusion3d_gui.errors import UserError
from fusion3d_gui.plain_text import visible_text

#: A UID (PS3.5 section 9.1): what is no UID must never become a file's name or part of an address.
_UID = re.compile(r"[0-9]+(\.[0-9]+)*")

#: So many studies are listed at most.
MOST_STUDIES = 500
#: So many series of a study, and instances of a series.
MOST_SERIES = 5_000
MOST_INSTANCES = 100_000

SortKey = Literal["date", "patient", "patient_id", "description", "modality", "accession"]


def is_uid(text: str) -> bool:
    """Whether a text is a DICOM UID."""
    return len(text) <= 64 and _UID.fullmatch(text) is not None


@dataclass(frozen=True)
class StudyQuery:
    """A question for studies; empty fields match all.

    ``patient`` and ``description`` match names that begin with, and texts that contain, what is given; ``*``
    and ``?`` in any field are wildcards. Dates are inclusive, as ``YYYYMMDD``,
    ``YYYY-MM-DD`` or ``today``.

    Raises
    ------
    UserError
        A date is none, or the first is after the last.
    """

    patient: str = ""
    patient_id: str = ""
    accession: str = ""
    first_date: str = ""
    last_date: str = ""
    modality: str = ""
    description: str = ""
    study_uid: str = ""
    limit: int = 200

    def __post_init__(self) -> None:
        for each in fields(self):
            value = getattr(self, each.name)
            if isinstance(value, str):
                if "\\" in value or visible_text(value) != value.strip():
                    raise UserError(
                        f"the {each.name.replace('_', ' ')} to find holds a sign that DICOM does not allow"
                    )
                object.__setattr__(self, each.name, value.strip())
        for name in ("first_date", "last_date"):
            object.__setattr__(self, name, _dicom_date(getattr(self, name)))
        if self.first_date and self.last_date and self.first_date > self.last_date:
            raise UserError("the first date is after the last")
        if self.study_uid and not is_uid(self.study_uid):
            raise UserError("the study's UID to find is none")
        if not 1 <= self.limit <= MOST_STUDIES:
            raise UserError(f"1 to {MOST_STUDIES} studies can be listed")

    @property
    def keys(self) -> dict[str, str]:
        """The matching keys of a query, by DICOM keyword, those without a value left out."""
        keys = {
            "PatientName": _begins_with(self.patient),
            "PatientID": self.patient_id,
            "AccessionNumber": self.accession,
            "StudyDate": self._date_range,
            "ModalitiesInStudy": self.modality.upper(),
            "StudyDescription": _contains(self.description),
            "StudyInstanceUID": self.study_uid,
        }
        return {keyword: value for keyword, value in keys.items() if value}

    @property
    def _date_range(self) -> str:
        if not (self.first_date or self.last_date):
            return ""
        if self.first_date == self.last_date:
            return self.first_date
        return f"{self.first_date}-{self.last_date}"

    def matches(self, study: Study) -> bool:
        """Whether a study is asked for: servers may match more than they are asked for, or ignore a key."""
        return (
            _name_matches(_begins_with(self.patient), study.patient)
            and _matches(self.patient_id, study.patient_id)
            and _matches(self.accession, study.accession)
            and (not self.first_date or study.date >= self.first_date)
            and (not self.last_date or "" < study.date <= self.last_date)
            and (not self.modality or self._modality_matches(study))
            and _matches(_contains(self.description), study.description)
            and (not self.study_uid or study.uid == self.study_uid)
        )

    def _modality_matches(self, study: Study) -> bool:
        # A server that does not count the modalities has matched, or it has not: nothing tells.
        known = study.modalities
        return not known or any(_matches(self.modality, each) for each in known)


@dataclass(frozen=True)
class Study:
    """A study that a PACS offers; texts are plain and bounded.

    ``patient`` is the DICOM name, ``FAMILY^GIVEN``; ``date`` is ``YYYYMMDD`` and ``time`` ``HHMMSS``, empty where
    unknown; counts are None where unknown.
    """

    uid: str
    patient: str = ""
    patient_id: str = ""
    birth_date: str = ""
    sex: str = ""
    accession: str = ""
    date: str = ""
    time: str = ""
    description: str = ""
    modalities: tuple[str, ...] = ()
    series_count: int | None = None
    instance_count: int | None = None

    def __post_init__(self) -> None:
        _make_plain(self)

    @property
    def shown_patient(self) -> str:
        """The name as people write it: ``Family, Given``, other scripts in parentheses."""
        groups = [_shown_name(group) for group in self.patient.split("=")]
        told = [group for group in groups if group]
        return told[0] + "".join(f" ({group})" for group in told[1:2]) if told else ""

    @property
    def shown_date(self) -> str:
        """The date as ``YYYY-MM-DD``."""
        return shown_date(self.date)


@dataclass(frozen=True)
class SeriesEntry:
    """A series that a PACS offers; texts are plain and bounded."""

    study_uid: str
    uid: str
    modality: str = ""
    number: int | None = None
    description: str = ""
    body_part: str = ""
    instance_count: int | None = None

    def __post_init__(self) -> None:
        _make_plain(self)


@dataclass(frozen=True)
class InstanceEntry:
    """An instance that a PACS offers; ``number`` orders the slices."""

    study_uid: str
    series_uid: str
    uid: str
    sop_class: str = ""
    number: int | None = None


def sorted_studies(
    studies: Iterable[Study], key: SortKey = "date", *, descending: bool = True
) -> list[Study]:
    """Studies in an order; those without a value come last in either direction."""

    def value(study: Study) -> str:
        if key == "date":
            return f"{study.date}{study.time}" if study.date else ""
        if key == "modality":
            return "/".join(study.modalities)
        found = study.shown_patient if key == "patient" else str(getattr(study, key))
        return found.casefold()

    known = [study for study in studies if value(study)]
    return [
        *sorted(known, key=lambda study: (value(study), study.uid), reverse=descending),
        *[study for study in studies if not value(study)],
    ]


def sorted_series(series: Iterable[SeriesEntry]) -> list[SeriesEntry]:
    """Series by their number."""
    return sorted(series, key=lambda each: (each.number is None, each.number or 0, each.uid))


def sorted_instances(instances: Iterable[InstanceEntry]) -> list[InstanceEntry]:
    """Instances by their number."""
    return sorted(instances, key=lambda each: (each.number is None, each.number or 0, each.uid))


def middle_first(instances: list[InstanceEntry]) -> list[InstanceEntry]:
    """Instances in the order in which they are wanted: the middle one, the outermost two, then outwards."""
    if len(instances) < 3:
        return list(instances)
    middle = len(instances) // 2
    first = [middle, 0, len(instances) - 1]
    rest = sorted(
        set(range(len(instances))) - set(first), key=lambda number: (abs(number - middle), number)
    )
    return [instances[number] for number in (*first, *rest)]


def shown_date(text: str) -> str:
    """``YYYYMMDD`` as ``YYYY-MM-DD``; anything else as it is."""
    return f"{text[:4]}-{text[4:6]}-{text[6:]}" if re.fullmatch(r"\d{8}", text) else text


_Entry = TypeVar("_Entry", Study, SeriesEntry)


def _make_plain(entry: _Entry) -> None:
    for each in fields(entry):
        value = getattr(entry, each.name)
        if isinstance(value, str):
            object.__setattr__(entry, each.name, visible_text(value))
        elif isinstance(value, tuple):
            plain = tuple(visible_text(part, 24) for part in value[:40])
            object.__setattr__(entry, each.name, plain)


def _shown_name(group: str) -> str:
    parts = [part.strip() for part in group.split("^")]
    family, given = (*parts, "", "")[:2]
    return f"{family}, {given}" if family and given else family or given


def _dicom_date(text: str) -> str:
    if not text:
        return ""
    if text.casefold() == "today":
        return f"{date.today():%Y%m%d}"
    plain = text.replace("-", "")
    try:
        date.fromisoformat(f"{plain[:4]}-{plain[4:6]}-{plain[6:]}")
    except ValueError:
        raise UserError(
            f"{text} is no date", remedy="Write it like 2026-11-28, or: today."
        ) from None
    return plain


def _has_wildcard(text: str) -> bool:
    return "*" in text or "?" in text


def _begins_with(text: str) -> str:
    return text if not text or _has_wildcard(text) else f"{text}*"


def _contains(text: str) -> str:
    return text if not text or _has_wildcard(text) else f"*{text}*"


def _matches(pattern: str, text: str) -> bool:
    if not pattern:
        return True
    # Only * and ? are wildcards to DICOM (PS3.4 section C.2.2.2.4).
    return fnmatch.fnmatchcase(text.casefold(), pattern.casefold().replace("[", "[[]"))


def _name_matches(pattern: str, name: str) -> bool:
    """Whether any script of a name matches; a space in the pattern may stand for a component's end."""
    if not pattern:
        return True
    groups = [group.rstrip("^") for group in name.split("=")]
    wanted = {pattern, pattern.replace(", ", "^"), pattern.replace(" ", "^")}
    return any(_matches(each, group) for each in wanted for group in groups)
