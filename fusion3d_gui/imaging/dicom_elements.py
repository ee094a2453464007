"""Walks the elements of a DICOM file without reading pixels: fast, and bounded by the file's size.

Only the elements asked for are kept, as raw bytes. Files that bend the encoding rules in a way
that this walker does not know are read by pydicom instead, which knows more of them, slowly.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, NoReturn

import pydicom
from pydicom import charset
from pydicom.datadict import tag_for_keyword
from pydicom.dataelem import RawDataElement

from fusion3d_gui.errors import UserError
from fusion3d_gui.imaging.bounds import LARGEST_DEFLATE_RATIO, available_memory, inflate

IMPLICIT_LITTLE = "1.2.840.10008.1.2"
EXPLICIT_LITTLE = "1.2.840.10008.1.2.1"
EXPLICIT_BIG = "1.2.840.10008.1.2.2"
DEFLATED = "1.2.840.10008.1.2.1.99"

PIXEL_TAGS = (0x7FE00008, 0x7FE00009, 0x7FE00010)
_FIRST_PIXEL_TAG = PIXEL_TAGS[0]
#: Sequences whose presence alone is of interest; their content is never kept.
PRESENCE_ONLY = frozenset((0x52009229, 0x52009230))
_ITEM, _ITEM_END, _SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
_UNDEFINED = 0xFFFFFFFF
_CHUNK = 16 * 1024
_DEEPEST = 16
_LONGEST_KEPT = 1 << 20

_LONG_VRS = frozenset(
    (b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV")
)
_VRS = _LONG_VRS | frozenset(
    (
        b"AE",
        b"AS",
        b"AT",
        b"CS",
        b"DA",
        b"DS",
        b"DT",
        b"FL",
        b"FD",
        b"IS",
        b"LO",
        b"LT",
        b"PN",
        b"SH",
        b"SL",
        b"SS",
        b"ST",
        b"TM",
        b"UI",
        b"UL",
        b"US",
    )
)

# Values are parsed here or shown as they are; pydicom's warnings about each odd one help nobody.
pydicom.config.settings.reading_validation_mode = pydicom.config.IGNORE


def tags(*keywords: str) -> frozenset[int]:
    """Numbers of the DICOM elements with these keywords."""
    return frozenset(_TAGS[keyword] for keyword in keywords)


#: Where a text value may switch its character set back (PS3.5 section 6.1.2.5.3).
_TEXT_DELIMITERS = {ord(sign) for sign in "\\^="}


class NotDicom(Exception):
    """The file is not DICOM at all: passed over in a folder, refused when opened alone."""


class _Irregular(Exception):
    """The walker does not understand the file's encoding."""


class _CutShort(Exception):
    """The file ends within an element."""


@dataclass(frozen=True, slots=True)
class PixelElement:
    """Where the pixel data lie in the (unpacked) file.

    ``offset`` is that of the value's first byte; ``length`` its bytes, None where undefined
    (encapsulated). ``tag`` tells integer from float and double pixels; ``vr`` is empty where the
    encoding does not say it.
    """

    tag: int
    offset: int
    length: int | None
    vr: bytes = b""


class Elements:
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
        if value.isascii() and b"\x1b" not in value:
            return value.decode("ascii").strip("\0 ").replace("\0", "")
        return self._decoded(value).strip("\0 ").replace("\0", "")

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
        if not value:
            return None
        try:
            numbers = tuple(float(part) for part in value.strip(b"\0 ").split(b"\\"))
        except ValueError:
            return None
        return numbers if all(abs(number) < 1e30 for number in numbers) else None

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


@dataclass(frozen=True, slots=True)
class Header:
    """What :func:`read_elements` finds: elements, encoding, place of the pixels (None: has none)."""

    elements: Elements
    transfer_syntax: str
    pixels: PixelElement | None


def open_unpacked(path: Path, transfer_syntax: str = "") -> BinaryIO:
    """The file as a stream; a deflated one (transfer syntax 1.2.840.10008.1.2.1.99) unpacked.

    Raises UserError when the file can't be read or unpacked.
    """
    try:
        if transfer_syntax != DEFLATED:
            return path.open("rb", buffering=0)
        whole = path.read_bytes()
    except OSError as error:
        raise UserError(f"can't be read ({error.strerror})", path=path) from None
    _, start = _file_meta(io.BytesIO(whole), path)
    limit = min(LARGEST_DEFLATE_RATIO * len(whole) + 1024, available_memory() // 4)
    return io.BytesIO(whole[:start] + inflate(whole[start:], limit, path))


def read_elements(path: Path, wanted: frozenset[int]) -> Header:
    """Read the wanted elements of a file, up to its pixels.

    Raises :class:`NotDicom`, or UserError for a DICOM file that is cut short or damaged.
    """
    stream = open_unpacked(path)
    with stream:
        syntax, start = _file_meta(stream, path)
    stream = open_unpacked(path, syntax)
    with stream:
        try:
            explicit, little = _encoding(stream, start, syntax)
            walker = _Walker(stream, explicit, little)
            values, pixels = walker.walk(start, wanted)
        except _CutShort:
            _refuse_short(path)
        except _Irregular:
            if syntax == DEFLATED:  # pydicom would unpack it once more, and without a bound
                raise UserError("is damaged: its header can't be read", path=path) from None
            return _read_by_pydicom(path, stream, wanted)
        size = stream.seek(0, io.SEEK_END)
    if pixels is not None and pixels.length is not None and pixels.offset + pixels.length > size:
        _refuse_short(path)
    syntax = syntax or (
        IMPLICIT_LITTLE if not explicit else EXPLICIT_LITTLE if little else EXPLICIT_BIG
    )
    if (
        pixels is not None
        and pixels.length is None
        and syntax in (IMPLICIT_LITTLE, EXPLICIT_LITTLE, EXPLICIT_BIG)
    ):
        raise UserError("does not say how its pixels are compressed", path=path)
    return Header(Elements(values, little), syntax, pixels)


def _refuse_short(path: Path) -> NoReturn:
    raise UserError("is cut short", path=path, remedy="Copy it again from its source.")


def _file_meta(stream: BinaryIO, path: Path) -> tuple[str, int]:
    """Transfer syntax (empty where not said) and where the data set starts.

    Accepts files without preamble and files without the meta group (PS3.10 section 7.1).
    """
    try:
        head = stream.read(4096)
    except OSError as error:
        raise UserError(f"can't be read ({error.strerror})", path=path) from None
    if head[128:132] == b"DICM":
        position = 132
    elif _looks_like_a_first_element(head):
        position = 0
    else:
        raise NotDicom
    syntax = ""
    while head[position : position + 2] == b"\x02\x00":
        if len(head) < position + 12:
            break
        vr = head[position + 4 : position + 6]
        if vr in _LONG_VRS:
            length, size = struct.unpack_from("<I", head, position + 8)[0], 12
        elif vr in _VRS:
            length, size = struct.unpack_from("<H", head, position + 6)[0], 8
        else:  # implicit, against the rule
            length, size = struct.unpack_from("<I", head, position + 4)[0], 8
        if length > 1 << 20:
            raise UserError("is damaged: its first part makes no sense", path=path)
        if head[position + 2 : position + 4] == b"\x10\x00":
            value = head[position + size : position + size + length]
            syntax = value.decode("ascii", "replace").strip("\0 ")
        position += size + length
        if position + 12 > len(head):
            more = stream.read(max(4096, position + 12 - len(head)))
            if not more:
                break
            head += more
    return syntax, position


def _looks_like_a_first_element(head: bytes) -> bool:
    if len(head) < 12 or head[:2] not in (b"\x02\x00", b"\x08\x00", b"\x00\x08"):
        return False
    if head[4:6] in _VRS:
        return True
    element, length = struct.unpack_from("<HI", head, 2)
    return head[:2] == b"\x08\x00" and element < 0x0100 and length < 256 and length % 2 == 0


def _encoding(stream: BinaryIO, start: int, syntax: str) -> tuple[bool, bool]:
    """(explicit VR, little endian), by what the bytes show rather than by what the header claims."""
    stream.seek(start)
    first = stream.read(8)
    if len(first) < 8:
        raise _Irregular
    explicit = first[4:6] in _VRS
    little = not (explicit and first[0] == 0 and first[1] != 0)
    if not explicit and syntax == EXPLICIT_BIG:
        raise _Irregular
    return explicit, little


class _Walker:
    """Steps from element to element; reads in chunks, so that most files cost one or two reads."""

    def __init__(self, stream: BinaryIO, explicit: bool, little: bool) -> None:
        self._stream = stream
        self._explicit = explicit
        order = "<" if little else ">"
        self._tag = struct.Struct(f"{order}HH")
        self._short = struct.Struct(f"{order}H")
        self._long = struct.Struct(f"{order}I")
        self._buffer = b""
        self._base = 0

    def _at(self, position: int, count: int) -> int:
        """Index into the buffer of ``count`` bytes at a position of the file; -1 past its end."""
        index = position - self._base
        if index >= 0 and index + count <= len(self._buffer):
            return index
        self._stream.seek(position)
        self._buffer = _read_up_to(self._stream, max(count, _CHUNK))
        self._base = position
        return 0 if count <= len(self._buffer) else -1

    def _element(self, position: int) -> tuple[int, int, int, bytes] | None:
        """(tag, length, offset of the value, VR) of the element at a position; None at the end."""
        index = self._at(position, 12)
        if index < 0:
            index = self._at(position, 8)
            if index < 0:
                return None
        buffer = self._buffer
        group, element = self._tag.unpack_from(buffer, index)
        number = group << 16 | element
        if not self._explicit or group == 0xFFFE:
            return number, self._long.unpack_from(buffer, index + 4)[0], position + 8, b""
        vr = buffer[index + 4 : index + 6]
        if vr in _LONG_VRS:
            if index + 12 > len(buffer):
                return None
            return number, self._long.unpack_from(buffer, index + 8)[0], position + 12, vr
        if vr not in _VRS:
            raise _Irregular
        return number, self._short.unpack_from(buffer, index + 6)[0], position + 8, vr

    def walk(
        self, position: int, wanted: frozenset[int]
    ) -> tuple[dict[int, bytes], PixelElement | None]:
        """Values of the wanted elements, and the pixel element, of the data set at a position."""
        values: dict[int, bytes] = {}
        while (found := self._element(position)) is not None:
            number, length, offset, vr = found
            if number >= _FIRST_PIXEL_TAG:
                if number in PIXEL_TAGS:
                    return values, PixelElement(
                        number, offset, None if length == _UNDEFINED else length, vr
                    )
                if number >> 16 == 0xFFFE:
                    raise _Irregular
            if number in PRESENCE_ONLY and number in wanted:
                values[number] = b""
            if length == _UNDEFINED:
                # An unknown VR of undefined length is an implicit sequence (PS3.5 section 6.2.2).
                position = self._skip_sequence(offset, implicit=vr == b"UN", depth=0)
                continue
            if number in wanted and number not in values:
                if length > _LONGEST_KEPT:
                    raise _Irregular
                index = self._at(offset, length)
                if index < 0:
                    raise _Irregular
                values[number] = self._buffer[index : index + length]
            position = offset + length
        if position != self._stream.seek(0, io.SEEK_END):
            raise _CutShort
        return values, None

    def _skip_sequence(self, position: int, implicit: bool, depth: int) -> int:
        """Position after a sequence of undefined length whose first item is at ``position``."""
        if depth > _DEEPEST:
            raise _Irregular
        explicit = self._explicit
        self._explicit = explicit and not implicit
        try:
            while (found := self._element(position)) is not None:
                number, length, offset, _ = found
                if number == _SEQUENCE_END:
                    return offset
                if number != _ITEM:
                    raise _Irregular
                position = (
                    self._skip_item(offset, depth) if length == _UNDEFINED else offset + length
                )
        finally:
            self._explicit = explicit
        raise _Irregular

    def _skip_item(self, position: int, depth: int) -> int:
        while (found := self._element(position)) is not None:
            number, length, offset, vr = found
            if number == _ITEM_END:
                return offset
            position = (
                self._skip_sequence(offset, vr == b"UN", depth + 1)
                if length == _UNDEFINED
                else offset + length
            )
        raise _Irregular


def _read_up_to(stream: BinaryIO, count: int) -> bytes:
    """``count`` bytes, fewer only at the end of the file (a raw stream may return less at once)."""
    data = stream.read(count)
    while data and len(data) < count:
        more = stream.read(count - len(data))
        if not more:
            break
        data += more
    return data


#: What pydicom raises on damaged files, as found by fuzzing.
PYDICOM_ERRORS = (
    pydicom.errors.BytesLengthException,
    pydicom.errors.InvalidDicomError,
    AttributeError,
    EOFError,
    KeyError,
    IndexError,
    MemoryError,
    NotImplementedError,
    OSError,
    OverflowError,
    RecursionError,
    TypeError,
    ValueError,
    struct.error,
    zlib.error,
)


def _read_by_pydicom(path: Path, stream: BinaryIO, wanted: Iterable[int]) -> Header:
    stream.seek(0)
    buffered = io.BytesIO(stream.read())
    try:
        dataset = pydicom.dcmread(buffered, stop_before_pixels=True, force=True)
        little = dataset.original_encoding[1] is not False
        syntax = (
            str(getattr(dataset.file_meta, "TransferSyntaxUID", ""))
            if hasattr(dataset, "file_meta")
            else ""
        )
        implicit = dataset.original_encoding[0] is not False
        values = {}
        for number in wanted:
            element = dataset.get_item(number) if number in dataset else None
            if number in PRESENCE_ONLY and element is not None:
                values[number] = b""
            elif isinstance(element, RawDataElement) and isinstance(element.value, bytes):
                values[number] = element.value
    except PYDICOM_ERRORS:
        raise UserError("is damaged: its header can't be read", path=path) from None
    if not dataset:
        raise NotDicom
    offset = buffered.tell()
    buffered.seek(offset)
    try:
        found = _Walker(buffered, not implicit, little)._element(offset)
    except _Irregular:
        found = None
    pixels = None
    if found is not None and found[0] in PIXEL_TAGS:
        pixels = PixelElement(
            found[0], found[2], None if found[1] == _UNDEFINED else found[1], found[3]
        )
        if pixels.length is not None and pixels.offset + pixels.length > len(buffered.getbuffer()):
            _refuse_short(path)
    if not syntax:
        syntax = IMPLICIT_LITTLE if implicit else EXPLICIT_LITTLE if little else EXPLICIT_BIG
    return Header(Elements(values, little), syntax, pixels)
