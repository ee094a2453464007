"""Words that tell who a patient is, and texts in which one of them stands."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

#: Attributes whose parts may stand in free text (names, numbers), and those that count as a whole.
NAMING = ("PatientName", "PatientID", "AccessionNumber")
WHOLE = ("PatientBirthDate", "StudyDate", "SeriesDate", "InstitutionName")

#: Shorter parts stand in too many words by chance: they count only as words of their own.
_LEAST_PART = 3


def _plain(text: str) -> str:
    """Small letters without accents."""
    parts = unicodedata.normalize("NFKD", text.casefold())
    return "".join(sign for sign in parts if not unicodedata.combining(sign))


class IdentifyingWords:
    """What must not stand in a text, from a header's own words for the patient.

    Parameters
    ----------
    naming
        Names and numbers: each part of them counts.
    whole
        Dates and places: they count as they are.
    """

    def __init__(self, naming: Iterable[str], whole: Iterable[str] = ()) -> None:
        parts = {part for text in naming for part in re.split(r"[\W_]+", _plain(text)) if part}
        self._anywhere = {part for part in parts if _is_long(part)}
        self._anywhere |= {plain for text in whole if len(plain := _plain(text).strip()) > 3}
        self._words = {part for part in parts - self._anywhere if len(part) == _LEAST_PART - 1}

    def occur_in(self, text: str) -> bool:
        """Whether one of them stands in a text, whatever its capitals and accents."""
        plain = _plain(text)
        if any(part in plain for part in self._anywhere):
            return True
        return not self._words.isdisjoint(re.split(r"[\W_]+", plain))


def _is_long(part: str) -> bool:
    # Two signs of Chinese, Japanese or Korean are a name.
    return len(part) >= (_LEAST_PART if part.isascii() else _LEAST_PART - 1)
