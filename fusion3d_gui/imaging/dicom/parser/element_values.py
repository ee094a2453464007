"""``ElementValues``: raw values of DICOM elements, and conversions of them that never raise."""

from __future__ import annotations

import struct
from functools import lru_cache

from pydicom import charset
from pydicom.datadict import tag_for_keyword

from fusion3d_gui.imaging.dicom.parser.decimals import read_decimals

#: Files of a series repeat most values, so this many conversions are cached.
_CACHED_CONVERSIONS = 4096


def tag_numbers(*keywords: str) -> frozenset[int]:
    """Tags (``group << 16 | element``) of the elements with these keywords."""
    return frozenset(_TAGS[keyword] for keyword in keywords)


#: Delimiters at which a text value returns to its first character set (PS3.5 section 6.1.2.5.3).
_TEXT_DELIMITERS = {ord(sign) for sign in "\\^="}


@lru_cache(_CACHED_CONVERSIONS)
def _ascii_text(value: bytes) -> str | None:
    """Text without padding; None where it needs a character set."""
    if not value.isascii() or b"\x1b" in value:
        return None
    return value.decode("ascii").strip("\0 ").replace("\0", "")


class ElementValues:
    """Raw values of some elements of one file, converted on demand, by DICOM keyword.

    A value that is absent, empty or malformed reads as None (text: as an empty string); no method
    raises for what a file says.

    Parameters
    ----------
    values
        Raw bytes by tag.
    little_endian
        Byte order of binary values.
    """

    __slots__ = ("little_endian", "values")

    def __init__(self, values: dict[int, bytes], little_endian: bool) -> None:
        self.values = values
        self.little_endian = little_endian

    def text(self, keyword: str) -> str:
        """Text without padding; several values stay joined by backslashes."""
        value = self.values.get(_TAGS[keyword])
        if not value:
            return ""
        text = _ascii_text(value)
        return self._decoded(value).strip("\0 ").replace("\0", "") if text is None else text

    def _decoded(self, value: bytes) -> str:
        """Text in the file's character set; as Latin-1 where that can't be."""
        names = self.values.get(_TAGS["SpecificCharacterSet"], b"").decode("ascii", "replace")
        try:
            encodings = charset.convert_encodings([name.strip("\0 ") for name in names.split("\\")])
            return charset.decode_bytes(value, encodings, _TEXT_DELIMITERS)
        except (LookupError, UnicodeError, ValueError):
            return value.decode("latin-1")

    def numbers(self, keyword: str) -> tuple[float, ...] | None:
        """Decimal strings (VR DS or IS), all finite."""
        value = self.values.get(_TAGS[keyword])
        return read_decimals(value) if value else None

    def number(self, keyword: str) -> float | None:
        """The first decimal string (VR DS or IS)."""
        numbers = self.numbers(keyword)
        return numbers[0] if numbers else None

    def unreadable(self, keyword: str, count: int) -> bool:
        """Whether there is a value (VR DS or IS) that is not ``count`` finite numbers; 0: any number."""
        value = self.values.get(_TAGS[keyword], b"")
        if not value.strip(b"\0 \\"):
            return False
        numbers = read_decimals(value)
        return numbers is None or (count > 0 and len(numbers) != count)

    def integer(self, keyword: str) -> int | None:
        """One unsigned binary integer of 16 bits (VR US)."""
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
        """Whether the element is present, with or without a value."""
        return _TAGS[keyword] in self.values


class _Tags(dict[str, int]):
    """Tags by keyword, each looked up once."""

    def __missing__(self, keyword: str) -> int:
        number = tag_for_keyword(keyword)
        if number is None:
            raise KeyError(keyword)
        self[keyword] = number
        return number


#: Keywords of our own for private elements of Siemens and UIH, as their conformance statements describe them.
_TAGS = _Tags(
    SiemensMosaicCount=0x0019100A,
    SiemensBValue=0x0019100C,
    SiemensCsaImage=0x00291010,
    SiemensCsaSeries=0x00291020,
    SiemensMatrixText=0x0051100B,
    UihGridCount=0x00651050,
)
