"""``ImageHeader``: what a compressed image says of itself, read before a codec sees it.

A codec allocates whatever an image claims: 2 kB of a damaged JPEG ask for 4 GiB. What is read here is what the
codecs go by; where an image could be read in two ways, it has no header.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

_JPEG_START = b"\xff\xd8"
_JPEG_2000_START = b"\xff\x4f\xff\x51"
_FRAME_HEADERS = {*range(0xC0, 0xD0), 0xF7} - {0xC4, 0xC8, 0xCC}
_SCAN_HEADER = 0xDA
#: TEM, RST, SOI and EOI have no length, and no place before the first scan.
_WITHOUT_LENGTH = {0x00, 0x01, *range(0xD0, 0xDA)}
_CODESTREAM_BOX = b"jp2c"
#: Bytes of the shortest tile-part of JPEG 2000: its SOT and SOD markers (ISO 15444-1 A.4).
_LEAST_BYTES_A_TILE = 14
_COD, _COC, _SOT, _SOD = 0xFF52, 0xFF53, 0xFF90, 0xFF93
#: Packets and code-blocks that any JPEG 2000 image may have; more need a byte a packet, a bit a block.
_ANY_PACKETS, _ANY_BLOCKS = 1 << 12, 1 << 16


@dataclass(frozen=True)
class ImageHeader:
    """Size of a compressed image; ``bits`` are those of its deepest component."""

    rows: int
    columns: int
    components: int
    bits: int


def read_image_header(data: bytes) -> ImageHeader | None:
    """The header of a JPEG, JPEG-LS or JPEG 2000 image; None where it has none, or contradicts itself."""
    if data.startswith(_JPEG_START):
        return _jpeg(data)
    start = 0 if data.startswith(_JPEG_2000_START) else _codestream_in_boxes(data)
    return None if start is None else _jpeg_2000(data, start)


def _jpeg(data: bytes) -> ImageHeader | None:
    """The only frame header before the first scan (ISO 10918-1 B.2.2)."""
    found = None
    position = len(_JPEG_START)
    while position + 4 <= len(data) and data[position] == 0xFF:
        marker = data[position + 1]
        if marker == 0xFF:  # a fill byte
            position += 1
            continue
        if marker == _SCAN_HEADER:
            return found
        if marker in _WITHOUT_LENGTH:
            return None
        (length,) = struct.unpack_from(">H", data, position + 2)
        if length < 2:
            return None
        if marker in _FRAME_HEADERS:
            if found is not None or position + 10 > len(data):
                return None
            bits, rows, columns, components = struct.unpack_from(">BHHB", data, position + 4)
            found = ImageHeader(rows, columns, components, bits)
        position += 2 + length
    return None


def _codestream_in_boxes(data: bytes) -> int | None:
    """Where the JPEG 2000 codestream of a JP2 file begins (ISO 15444-1 I.4); None where there is none."""
    position = 0
    while position + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, position)
        start = position + 8
        if length == 1 and position + 16 <= len(data):
            (length,) = struct.unpack_from(">Q", data, start)
            start += 8
        if kind == _CODESTREAM_BOX:
            return start if data.startswith(_JPEG_2000_START, start) else None
        if length < start - position:
            return None
        position += length
    return None


def _jpeg_2000(data: bytes, start: int) -> ImageHeader | None:
    """The SIZ marker, which follows the start of the codestream (ISO 15444-1 A.5.1)."""
    if len(data) < start + 45:
        return None
    right, bottom, left, top = struct.unpack_from(">4I", data, start + 8)
    width, height, tile_left, tile_top = struct.unpack_from(">4I", data, start + 24)
    (components,) = struct.unpack_from(">H", data, start + 40)
    parts = data[start + 42 : start + 42 + 3 * components]
    if not (parts and width and height and tile_left < right and tile_top < bottom):
        return None
    tiles = -((tile_left - right) // width) * -((tile_top - bottom) // height)
    if tiles * _LEAST_BYTES_A_TILE > len(data):
        return None
    size = right - left, bottom - top
    for segment in _coding_styles(data, start + 2):
        if not _is_plausible(segment, size, components, len(data)):
            return None
    bits = 1 + max(depth & 0x7F for depth in parts[::3])
    return ImageHeader(bottom - top, right - left, components, bits)


def _coding_styles(data: bytes, position: int) -> Iterator[bytes]:
    """The segments, as of COD, of all headers of a JPEG 2000 codestream (ISO 15444-1 A.6.1 and A.6.2)."""
    layers, wide, tile_end = b"\0\0\1\0", 0, len(data)
    while position + 4 <= len(data):
        marker, length = struct.unpack_from(">HH", data, position)
        if marker == _SOD:
            position = tile_end
            continue
        if marker < 0xFF00 or length < 2:
            return
        segment = data[position + 4 : position + 2 + length]
        if marker == 0xFF51:
            wide = int(len(segment) > 38 + 3 * 256)  # from 257 components on they have two bytes
        elif marker == _COD:
            layers = segment[1:5]
            yield segment
        elif marker == _COC:
            yield segment[1 + wide : 2 + wide] + layers + segment[2 + wide :]
        elif marker == _SOT and len(segment) == 8:
            (part,) = struct.unpack_from(">I", segment, 2)
            tile_end = position + part if part >= _LEAST_BYTES_A_TILE else len(data)
        position += 2 + length


def _is_plausible(segment: bytes, size: tuple[int, int], components: int, length: int) -> bool:
    """Whether a coding style divides an image into no more packets and code-blocks than its bytes may hold.

    A decoder makes room for all of them: 150 bytes with precincts of 2 x 2 pixels take it 12 GB and minutes.
    """
    if len(segment) < 10:
        return False
    layers, levels = int.from_bytes(segment[2:4], "big"), segment[5]
    exponents = segment[10:] if segment[0] & 1 else b"\xff" * (levels + 1)
    if levels > 32 or len(exponents) <= levels:
        return False
    precincts = 0
    for level, exponent in enumerate(exponents[: levels + 1]):
        columns, rows = (-(-side >> (levels - level)) or 1 for side in size)
        precincts += -(-columns >> (exponent & 15)) * -(-rows >> (exponent >> 4))
    packets = precincts * layers * components
    blocks = components * size[0] * size[1] >> ((segment[6] & 15) + (segment[7] & 15) + 4)
    return packets <= max(length, _ANY_PACKETS) and blocks <= max(8 * length, _ANY_BLOCKS)
