"""Raw values of DICOM elements, and readings of them that never raise."""

from __future__ import annotations

import struct
from functools import lru_cache

from pydicom import charset
from pydicom.datadict import tag_for_keyword

#: Files of a series say nearly all the same: so many readings are remembered.
_KEPT_READINGS = 4096


def tag_numbers(*keywords: str) -> frozenset[int]:
    """Numbers of the DICOM elements with these keywords."""
    return frozenset(_TAGS[keyword] for keyword in keywords)


#: Where a text value may switch its character set back (PS3.5 section 6.1.2.5.3).
_TEXT_DELIMITERS = {ord(sign) for sign in "\\^="}


@lru_cache(_KEPT_READINGS)
def _plain_text(value: bytes) -> str | None:
    """Text in ASCII; None where it needs a character set."""
    if not value.isascii() or b"\x1b" in value:
        return None
    return value.decode("ascii").strip("\0 ").replace("\0", "")


@lru_cache(_KEPT_READINGS)
def _decimals(value: bytes) -> tuple[float, ...] | None:
    try:
        numbers = tuple(float(part) for part in value.strip(b"\0 ").split(b"\\"))
    except ValueError:
        return None
    return numbers if all(abs(number) < 1e30 for number in numbers) else None


class ElementValues:
    """Raw values of some elements of one file, with readings of them that never raise.

    A value that is absent, empty or malformed reads as None (text: as an empty string).
    """

    __slots__ = ("little_endian", "values")

    def __init__(self, values: dict[int, bytes], little_endian: bool) -> None:
        self.values = values
        self.little_endian = little_endian

    def text(self, keyword: str) -> str:
        """Text, without padding; several values stay joined by backslashes."""
        value = self.values.get(_TAGS[keyword])
        if not value:
            return ""
        plain = _plain_text(value)
        return self._decoded(value).strip("\0 ").replace("\0", "") if plain is None else plain

    def _decoded(self, value: bytes) -> str:
        names = self.values.get(_TAGS["SpecificCharacterSet"], b"").decode("ascii", "replace")
        try:
            encodings = charset.convert_encodings([name.strip("\0 ") for name in names.split("\\")])
            return charset.decode_bytes(value, encodings, _TEXT_DELIMITERS)
        except (LookupError, UnicodeError, ValueError):
            return value.decode("latin-1")

    def numbers(self, keyword: str) -> tuple[float, ...] | None:
        """Decimal strings (VR DS or IS), all finite."""
        value = self.values.get(_TAGS[keyword])
        return _decimals(value) if value else None

    def number(self, keyword: str) -> float | None:
        """The first of :meth:`numbers`."""
        numbers = self.numbers(keyword)
        return numbers[0] if numbers else None

    def integer(self, keyword: str) -> int | None:
        """One binary integer of 16 bits (VR US)."""
        value = self.values.get(_TAGS[keyword])
        if not value or len(value) < 2:
            return None
        return int.from_bytes(value[:2], "little" if self.little_endian else "big")

    def shorts(self, keyword: str, signed: bool = False) -> tuple[int, ...]:
        """Binary integers of 16 bits (VR US, SS or OW)."""
        value = self.values.get(_TAGS[keyword], b"")
        count = len(value) // 2
        code = f"{'<' if self.little_endian else '>'}{count}{'h' if signed else 'H'}"
        return struct.unpack(code, value[: 2 * count])

    def double(self, keyword: str) -> float | None:
        """One binary float of 64 bits (VR FD)."""
        value = self.values.get(_TAGS[keyword])
        if not value or len(value) < 8:
            return None
        number: float = struct.unpack("<d" if self.little_endian else ">d", value[:8])[0]
        return number if abs(number) < 1e30 else None

    def has(self, keyword: str) -> bool:
        """Whether the element is there, with a value or without."""
        return _TAGS[keyword] in self.values


class _Tags(dict[str, int]):
    """Element numbers by keyword, looked up once."""

    def __missing__(self, keyword: str) -> int:
        number = tag_for_keyword(keyword)
        if number is None:
            raise KeyError(keyword)
        self[keyword] = number
        return number


#: Siemens' private elements (as documented in their conformance statements) have no keyword.
_TAGS = _Tags(SiemensMosaicCount=0x0019100A, SiemensBValue=0x0019100C, SiemensCsaImage=0x00291010)
