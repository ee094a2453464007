"""Find a patient's name, numbers, dates and places in free text."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

#: DICOM keywords of names and numbers, every part of which identifies the patient, and of dates and
#: places, which do so as a whole.
NAMING = ("PatientName", "PatientID", "AccessionNumber")
WHOLE = ("PatientBirthDate", "StudyDate", "SeriesDate", "InstitutionName")

#: Shorter parts occur in too many words by chance: they count only as whole words.
_LEAST_PART = 3


def _plain(text: str) -> str:
    """Lower case without accents."""
    parts = unicodedata.normalize("NFKD", text.casefold())
    return "".join(sign for sign in parts if not unicodedata.combining(sign))


class IdentifyingWords:
    """The words that identify one patient.

    Parameters
    ----------
    naming
        Names and numbers: each of their parts counts.
    whole
        Dates and places: they count as a whole.
    """

    def __init__(self, naming: Iterable[str], whole: Iterable[str] = ()) -> None:
        parts = {part for text in naming for part in re.split(r"[\W_]+", _plain(text)) if part}
        self._anywhere = {part for part in parts if _is_long(part)}
        self._anywhere |= {plain for text in whole if len(plain := _plain(text).strip()) > 3}
        self._words = {part for part in parts - self._anywhere if len(part) == _LEAST_PART - 1}

    def occur_in(self, text: str) -> bool:
        """Whether one of them occurs in a text, whatever its case and accents."""
        plain = _plain(text)
        if any(part in plain for part in self._anywhere):
            return True
        return not self._words.isdisjoint(re.split(r"[\W_]+", plain))


def _is_long(part: str) -> bool:
    # Two characters of Chinese, Japanese or Korean are a name.
    return len(part) >= (_LEAST_PART if part.isascii() else _LEAST_PART - 1)
