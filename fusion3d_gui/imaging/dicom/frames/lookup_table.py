"""Lookup tables of DICOM headers: from stored to real values, and from those to brightness."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from pydicom.dataset import Dataset

from fusion3d_gui.imaging.dicom.parser.header import PYDICOM_ERRORS

_MOST_ENTRIES = 65536
_CACHED_TABLES = 64


@dataclass(frozen=True, eq=False)
class LookupTable:
    """A table from integers to entries; integers beyond it get its first or last entry.

    Parameters
    ----------
    first
        The integer of the first entry.
    entries
        uint16, for ``first``, ``first + 1`` ...
    highest
        Largest value that an entry can have (white).
    kind
        What the entries are, e.g. ``"HU"``, as the file calls it.
    """

    first: int
    entries: np.ndarray
    highest: float
    kind: str

    def __call__(self, values: np.ndarray) -> np.ndarray:
        """The entry of each value, uint16."""
        index = np.clip(values.astype(np.int64) - self.first, 0, len(self.entries) - 1)
        return self.entries[index]


def has_lookup_table(dataset: Dataset, keyword: str) -> bool:
    """Whether a sequence has an item, or can't be read; a table that then can't be used is damaged."""
    try:
        return bool(dataset.get(keyword))
    except PYDICOM_ERRORS:
        return True


def read_lookup_table(dataset: Dataset, keyword: str, negative: bool) -> LookupTable | None:
    """Read the first table of a sequence (PS3.3 C.11.1.1 and C.11.2.1.1).

    Parameters
    ----------
    dataset
        The header.
    keyword
        ``"ModalityLUTSequence"`` or ``"VOILUTSequence"``.
    negative
        Whether its input may be negative, so that the first value that it maps is signed.

    Returns
    -------
    LookupTable or None
        None where there is no usable one.
    """
    try:
        items = dataset.get(keyword) or []
        if not items:
            return None
        count, first, bits = (int(number) for number in items[0]["LUTDescriptor"].value)
        entries = items[0]["LUTData"].value
        kind = str(items[0].get("ModalityLUTType") or "")
        little = dataset.original_encoding[1] is not False
    except PYDICOM_ERRORS:
        return None
    count = count % _MOST_ENTRIES or _MOST_ENTRIES
    first %= _MOST_ENTRIES
    if negative and first >= _MOST_ENTRIES // 2:
        first -= _MOST_ENTRIES
    if isinstance(entries, bytes):
        packed = bits <= 8 and len(entries) < 2 * count
        entries = np.frombuffer(entries[: len(entries) // 2 * 2], "<u2" if little else ">u2")
        entries = entries.astype("<u2").view(np.uint8) if packed else entries
    try:  # without a value, or with one of another type, entries may be anything
        numbers = np.asarray(entries).ravel()[:count]
        table = numbers.astype(np.uint16)
    except (TypeError, ValueError, OverflowError):
        return None
    if not 2 <= len(table) == count or not np.array_equal(table, numbers):
        return None
    highest = max(float((1 << min(max(bits, 1), 16)) - 1), float(table.max()))
    return _shared(first, table.tobytes(), highest, kind)


@lru_cache(_CACHED_TABLES)
def _shared(first: int, entries: bytes, highest: float, kind: str) -> LookupTable:
    """One copy of the table that all files of a series repeat."""
    return LookupTable(first, np.frombuffer(entries, np.uint16), highest, kind)
