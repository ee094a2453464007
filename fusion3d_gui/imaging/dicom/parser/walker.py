"""Steps through the elements of a DICOM data set without reading pixels, bounded by the file's size."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from fusion3d_gui.imaging.dicom.parser.encoding import HEAD_BYTES, LONG_VRS, SHORT_VRS, FileBytes

PIXEL_TAGS = (0x7FE00008, 0x7FE00009, 0x7FE00010)
_FIRST_PIXEL_TAG = PIXEL_TAGS[0]
#: Sequences whose presence alone is of interest; their content is never kept.
PRESENCE_ONLY = frozenset((0x52009229, 0x52009230, 0x00409096, 0x00283000, 0x00283010))
UNDEFINED_LENGTH = 0xFFFFFFFF
_ITEM, _ITEM_END, _SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
_DEEPEST = 16
_LONGEST_KEPT = 1 << 20


_LITTLE = struct.Struct("<HH2sH"), struct.Struct("<I")
_BIG = struct.Struct(">HH2sH"), struct.Struct(">I")


class IrregularEncoding(Exception):
    """The file bends the encoding rules in a way that the walker does not know."""


class TruncatedFile(Exception):
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


class DataSetWalker:
    """Steps from element to element; reads in chunks, so that most files cost one read."""

    def __init__(self, file: FileBytes, explicit: bool, little: bool) -> None:
        self._file = file
        self._explicit = explicit
        self._element_start, self._long = _LITTLE if little else _BIG
        self._buffer = file.head
        self._base = 0

    def _at(self, position: int, count: int) -> int:
        """Index into the buffer of ``count`` bytes at a position of the file; -1 past its end."""
        index = position - self._base
        if index >= 0 and index + count <= len(self._buffer):
            return index
        self._buffer = self._file.read(position, max(count, HEAD_BYTES))
        self._base = position
        return 0 if count <= len(self._buffer) else -1

    def element(self, position: int) -> tuple[int, int, int, bytes] | None:
        """(tag, length, offset of the value, VR) of the element at a position; None at the end.

        Raises :class:`IrregularEncoding`.
        """
        index = self._at(position, 12)
        if index < 0:
            index = self._at(position, 8)
            if index < 0:
                return None
        buffer = self._buffer
        group, element, vr, length = self._element_start.unpack_from(buffer, index)
        number = group << 16 | element
        if not self._explicit or group == 0xFFFE:
            return number, self._long.unpack_from(buffer, index + 4)[0], position + 8, b""
        if vr in SHORT_VRS:
            return number, length, position + 8, vr
        if vr not in LONG_VRS:
            raise IrregularEncoding
        if index + 12 > len(buffer):
            return None
        return number, self._long.unpack_from(buffer, index + 8)[0], position + 12, vr

    def walk(
        self, position: int, wanted: frozenset[int]
    ) -> tuple[dict[int, bytes], PixelElement | None]:
        """Values of the wanted elements, and the pixel element, of the data set at a position.

        Raises :class:`IrregularEncoding` and :class:`TruncatedFile`.
        """
        values: dict[int, bytes] = {}
        start = self._element_start.unpack_from
        explicit = self._explicit
        while True:
            # The everyday element, written out here: nine of ten in a header are such.
            index = position - self._base
            if explicit and 0 <= index <= len(self._buffer) - 8:
                group, element, vr, length = start(self._buffer, index)
                if vr in SHORT_VRS and group != 0xFFFE and group < 0x7FE0:
                    number = group << 16 | element
                    offset = position + 8
                    position = offset + length
                    if number in wanted and number not in values:
                        index = self._at(offset, length)
                        if index < 0:
                            raise IrregularEncoding
                        values[number] = self._buffer[index : index + length]
                    continue
            found = self.element(position)
            if found is None:
                break
            number, length, offset, vr = found
            if number >= _FIRST_PIXEL_TAG:
                if number in PIXEL_TAGS:
                    return values, PixelElement(
                        number, offset, None if length == UNDEFINED_LENGTH else length, vr
                    )
                if number >> 16 == 0xFFFE:
                    raise IrregularEncoding
            if number in PRESENCE_ONLY and number in wanted:
                values[number] = b""
            if length == UNDEFINED_LENGTH:
                # An unknown VR of undefined length is an implicit sequence (PS3.5 section 6.2.2).
                position = self._skip_sequence(offset, implicit=vr == b"UN", depth=0)
                continue
            if number in wanted and number not in values:
                if length > _LONGEST_KEPT:
                    raise IrregularEncoding
                index = self._at(offset, length)
                if index < 0:
                    raise IrregularEncoding
                values[number] = self._buffer[index : index + length]
            position = offset + length
        if position != self._file.size:
            raise TruncatedFile
        return values, None

    def _skip_sequence(self, position: int, implicit: bool, depth: int) -> int:
        """Position after a sequence of undefined length whose first item is at ``position``."""
        if depth > _DEEPEST:
            raise IrregularEncoding
        explicit = self._explicit
        self._explicit = explicit and not implicit
        try:
            while (found := self.element(position)) is not None:
                number, length, offset, _ = found
                if number == _SEQUENCE_END:
                    return offset
                if number != _ITEM:
                    raise IrregularEncoding
                position = (
                    self._skip_item(offset, depth)
                    if length == UNDEFINED_LENGTH
                    else offset + length
                )
        finally:
            self._explicit = explicit
        raise IrregularEncoding

    def _skip_item(self, position: int, depth: int) -> int:
        while (found := self.element(position)) is not None:
            number, length, offset, vr = found
            if number == _ITEM_END:
                return offset
            position = (
                self._skip_sequence(offset, vr == b"UN", depth + 1)
                if length == UNDEFINED_LENGTH
                else offset + length
            )
        raise IrregularEncoding
