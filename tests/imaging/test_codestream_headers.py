"""Headers of JPEG and JPEG 2000, written byte by byte after ISO 10918-1 and 15444-1: read or refused."""

from __future__ import annotations

import struct

import imagecodecs
import numpy as np
import pytest

from fusion3d_gui.imaging.dicom.pixels.image_header import ImageHeader, read_image_header

_J2K = imagecodecs.jpeg2k_encode(np.zeros((24, 16), np.uint8), codecformat="j2k")
_JP2 = imagecodecs.jpeg2k_encode(np.zeros((24, 16), np.uint8), codecformat="jp2")
_BLANK = ImageHeader(24, 16, 1, 8)


def _segment(marker: int, body: bytes) -> bytes:
    return struct.pack(">HH", marker, len(body) + 2) + body


def _sizes(
    columns: int,
    rows: int,
    *,
    at: tuple[int, int] = (0, 0),
    tile: tuple[int, int] | None = None,
    tile_at: tuple[int, int] = (0, 0),
    depths: tuple[int, ...] = (7,),
) -> bytes:
    """SIZ (ISO 15444-1 A.5.1): the image begins at ``at``, its first tile at ``tile_at``."""
    right, bottom = at[0] + columns, at[1] + rows
    tile = tile or (right, bottom)
    body = struct.pack(">H8IH", 0, right, bottom, *at, *tile, *tile_at, len(depths))
    return _segment(0xFF51, body + b"".join(bytes([depth, 1, 1]) for depth in depths))


def _style(
    levels: int = 5, layers: int = 1, block: tuple[int, int] = (4, 4), precincts: bytes = b""
) -> bytes:
    """COD (A.6.1); ``block``: log2 of a code-block's sides, less 2."""
    coding = bytes([levels, *block, 0, 1]) + precincts
    return _segment(0xFF52, struct.pack(">BBHB", bool(precincts), 0, layers, 0) + coding)


def _component_style(
    component: bytes, levels: int, precincts: bytes = b"", block: tuple[int, int] = (4, 4)
) -> bytes:
    """COC (A.6.2)."""
    coding = bytes([bool(precincts), levels, *block, 0, 1]) + precincts
    return _segment(0xFF53, component + coding)


def _tile_part(number: int, header: bytes, data: bytes, *, said: int | None = None) -> bytes:
    """SOT, the part's own header, SOD and data (A.4.2); ``said``: the length in its header."""
    whole = 12 + len(header) + 2 + len(data)
    length = whole if said is None else said
    return (
        _segment(0xFF90, struct.pack(">HIBB", number, length, 0, 1)) + header + b"\xff\x93" + data
    )


def _read(*segments: bytes, length: int = 0) -> ImageHeader | None:
    """A codestream of these segments, filled up to a length."""
    whole = b"\xff\x4f" + b"".join(segments)
    return read_image_header(whole + _tile_part(0, b"", bytes(max(0, length - len(whole) - 14))))


def test_the_size_is_that_from_the_images_own_corner_and_the_depth_that_of_the_deepest() -> None:
    sizes = _sizes(30, 20, at=(7, 3), tile=(64, 64), tile_at=(2, 1), depths=(7, 0x80 | 11, 9))
    assert _read(sizes, _style()) == ImageHeader(20, 30, 3, 12)


@pytest.mark.parametrize(
    "sizes",
    [
        _sizes(0, 20),
        _sizes(30, 0),
        _sizes(30, 20, depths=()),
        _sizes(30, 20, tile=(0, 20)),
        _sizes(30, 20, tile=(30, 0)),
        _sizes(30, 20, tile=(8, 20), tile_at=(30, 0)),
        _sizes(30, 20, tile=(30, 8), tile_at=(0, 20)),
    ],
)
def test_an_image_or_tiles_without_extent_are_no_image(sizes: bytes) -> None:
    assert _read(_sizes(30, 20), _style(), length=200) is not None
    assert _read(sizes, _style(), length=200) is None


@pytest.mark.parametrize(
    ("tile", "tile_at", "tiles"),
    [((5, 7), (0, 0), 6 * 3), ((7, 5), (0, 0), 5 * 4), ((5, 7), (4, 6), 6 * 2)],
)
def test_each_tile_takes_14_bytes_at_least(
    tile: tuple[int, int], tile_at: tuple[int, int], tiles: int
) -> None:
    sizes = _sizes(30, 20, tile=tile, tile_at=tile_at)
    assert _read(sizes, _style(), length=14 * tiles) == ImageHeader(20, 30, 1, 8)
    assert _read(sizes, _style(), length=14 * tiles - 1) is None


@pytest.mark.parametrize(
    ("sizes", "levels", "precincts", "per_layer"),
    [
        # Without precincts of its own each level has one.
        (_sizes(30, 20), 5, b"", 6),
        (_sizes(30, 20), 0, b"", 1),
        (_sizes(30, 20, depths=(7, 7, 7)), 3, b"", 3 * 4),
        # 2 x 8 pixels: the lower half of the byte is across (A.6.1).
        (_sizes(1024, 4), 0, b"\x31", 512),
        (_sizes(4, 1024), 0, b"\x13", 512),
        # 4 x 4 of 16 x 16 pixels, 8 x 8 of 32 x 32 and 2 x 2 of 64 x 64, from the coarsest level on.
        (_sizes(64, 64), 2, b"\x22\x33\x11", 16 + 16 + 1024),
        (_sizes(64, 64, depths=(7, 7)), 1, b"\x22\x33\x00", 2 * (64 + 64)),
        # Odd sizes are rounded up, twice.
        (_sizes(65, 1), 1, b"\x22\x11", 9 + 33),
    ],
)
def test_no_more_packets_than_bytes_or_4096(
    sizes: bytes, levels: int, precincts: bytes, per_layer: int
) -> None:
    layers = 4096 // per_layer
    assert _read(sizes, _style(levels, layers, precincts=precincts)) is not None
    assert _read(sizes, _style(levels, layers + 1, precincts=precincts)) is None
    length = 7 * 1024
    layers = length // per_layer
    assert _read(sizes, _style(levels, layers, precincts=precincts), length=length) is not None
    assert _read(sizes, _style(levels, layers + 1, precincts=precincts), length=length) is None


@pytest.mark.parametrize(
    ("columns", "rows", "block", "depths"),
    [
        (1024, 1024, (0, 0), (7,)),
        (1024, 4096, (2, 0), (7,)),
        (1024, 8192, (1, 2), (7,)),
        (512, 1024, (0, 0), (7, 7)),
    ],
)
def test_no_more_code_blocks_than_bits_or_65536(
    columns: int, rows: int, block: tuple[int, int], depths: tuple[int, ...]
) -> None:
    style = _style(0, block=block)
    assert _read(_sizes(columns, rows, depths=depths), style) is not None
    assert _read(_sizes(columns, rows + 32, depths=depths), style) is None
    assert _read(_sizes(columns, 2 * rows, depths=depths), style, length=16_384) is not None
    assert _read(_sizes(columns, 2 * rows, depths=depths), style, length=16_383) is None


def test_a_coding_style_that_is_cut_short_or_has_too_many_levels_is_no_image() -> None:
    sizes = _sizes(30, 20)
    assert _read(sizes, _style(32)) is not None
    assert _read(sizes, _style(33)) is None
    whole = _style()[4:]
    assert _read(sizes, _segment(0xFF52, whole)) is not None
    assert _read(sizes, _segment(0xFF52, whole[:-1])) is None
    assert _read(sizes, _style(2, precincts=b"\x88\x88\x88")) is not None
    assert _read(sizes, _style(2, precincts=b"\x88\x88")) is None


@pytest.mark.parametrize(("components", "number"), [(3, b"\1"), (256, b"\1"), (257, b"\0\1")])
def test_the_style_of_one_component_counts_too_with_the_layers_of_all(
    components: int, number: bytes
) -> None:
    sizes = _sizes(64, 64, depths=(7,) * components)
    style = _style(0, 2)
    assert _read(sizes, style, _component_style(number, 0, b"\xff")) is not None
    # Precincts of 2 x 2 pixels: 1024 of each component and layer.
    assert _read(sizes, style, _component_style(number, 0, b"\x11")) is None
    assert _read(sizes, style, _component_style(number, 33)) is None


def test_layers_are_those_of_the_style_before_or_else_one() -> None:
    sizes, own = _sizes(64, 64), _component_style(b"\0", 0, b"\x11")
    assert _read(sizes, own) is not None  # 1024 precincts
    assert _read(sizes, _style(0, 4), own) is not None
    assert _read(sizes, _style(0, 5), own) is None


@pytest.mark.parametrize("bad", [_style(33), _component_style(b"\0", 33)])
def test_styles_within_tile_parts_count_and_their_data_is_passed_over(bad: bytes) -> None:
    start = b"\xff\x4f" + _sizes(30, 20) + _style()
    good, filling = _tile_part(0, _style(), b"\xff\x52\0\3!"), bytes(50)
    assert read_image_header(start + good + filling) is not None
    assert read_image_header(start + _tile_part(0, bad, b"") + filling) is None
    assert read_image_header(start + good + _tile_part(1, bad, b"") + filling) is None
    # A length of 0 means: to the end (A.4.2).
    to_end = _tile_part(0, b"", b"\0" + bad, said=0)
    assert read_image_header(start + to_end) is not None
    assert read_image_header(start + _tile_part(0, bad, b"", said=0) + filling) is None
    # Behind what is no marker, nothing is read; a decoder stops there, too.
    assert read_image_header(start + b"\xfe\xff\0\2" + bad + filling) is not None
    assert read_image_header(start + b"\xff\x64\0\1" + bad + filling) is not None
    assert read_image_header(start + b"\xff\x64\0\2" + bad + filling) is None


def test_a_codestream_shorter_than_its_sizes_is_no_image() -> None:
    whole = b"\xff\x4f" + _sizes(3, 2)
    assert read_image_header(whole) == ImageHeader(2, 3, 1, 8)
    assert read_image_header(whole[:-1]) is None


def _boxes(data: bytes) -> list[tuple[bytes, bytes]]:
    """Kind and content of each box (ISO 15444-1 I.4)."""
    found = []
    while data:
        length, kind = struct.unpack_from(">I4s", data)
        length = length or len(data)
        found.append((kind, data[8:length]))
        data = data[length:]
    return found


def _box(kind: bytes, content: bytes, *, wide: bool = False) -> bytes:
    if wide:
        return struct.pack(">I4sQ", 1, kind, 16 + len(content)) + content
    return struct.pack(">I4s", 8 + len(content), kind) + content


@pytest.mark.parametrize("wide", [(), (b"jp2c",), (b"jP  ",), (b"jp2h", b"jp2c"), (b"ftyp",)])
def test_boxes_may_have_lengths_of_64_bits(wide: tuple[bytes, ...]) -> None:
    whole = b"".join(_box(kind, body, wide=kind in wide) for kind, body in _boxes(_JP2))
    assert read_image_header(whole) == _BLANK
    if b"jP  " not in wide:  # the codec knows a file by its first 12 bytes
        assert imagecodecs.jpeg2k_decode(whole).shape == (24, 16)


def test_boxes_that_lie_about_their_length_or_hold_something_else_are_no_image() -> None:
    first, *_ = _boxes(_JP2)
    signature = _box(*first)
    assert read_image_header(signature + _box(b"jp2c", _J2K)) == _BLANK
    assert read_image_header(signature + struct.pack(">I4s", 0, b"jp2c") + _J2K) == _BLANK
    assert read_image_header(signature + _box(b"jp2c", _J2K[1:])) is None
    assert read_image_header(signature + _box(b"free", b"") + _box(b"jp2c", _J2K)) == _BLANK
    for length in (0, 2, 7):
        short = struct.pack(">I4s", length, b"free")
        assert read_image_header(signature + short + _box(b"jp2c", _J2K)) is None
    for length in (0, 15):
        short = struct.pack(">I4sQ", 1, b"free", length)
        assert read_image_header(signature + short + _box(b"jp2c", _J2K)) is None
    wide = struct.pack(">I4sQ", 1, b"free", 16)
    assert read_image_header(signature + wide + _box(b"jp2c", _J2K)) == _BLANK
    assert read_image_header(signature) is None


_FRAME = struct.pack(">BHHB", 12, 24, 16, 1) + b"\1\x11\0"
_SCAN = _segment(0xFFDA, b"\1\1\0\0\x3f\0")


def _jpeg(*parts: bytes) -> ImageHeader | None:
    return read_image_header(b"\xff\xd8" + b"".join(parts))


@pytest.mark.parametrize(
    "marker", [0xC0, 0xC1, 0xC2, 0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF, 0xF7]
)
def test_every_kind_of_frame_header_of_a_jpeg_is_read(marker: int) -> None:
    frame = _segment(0xFF00 | marker, _FRAME)
    assert _jpeg(frame, _SCAN) == ImageHeader(24, 16, 1, 12)
    assert _jpeg(b"\xff", frame, b"\xff\xff", _SCAN) == ImageHeader(24, 16, 1, 12)  # fill bytes
    assert _jpeg(frame, frame, _SCAN) is None
    assert _jpeg(frame) is None


@pytest.mark.parametrize("marker", [0xC4, 0xC8, 0xCC, 0xE0, 0xFE, 0xDB, 0xDD, 0xBF, 0xF8])
def test_other_segments_of_a_jpeg_are_passed_over(marker: int) -> None:
    other = _segment(0xFF00 | marker, _FRAME)
    assert _jpeg(other, _segment(0xFFC0, _FRAME), other, _SCAN) == ImageHeader(24, 16, 1, 12)
    assert _jpeg(other, _SCAN) is None


@pytest.mark.parametrize("marker", [0x00, 0x01, 0xD0, 0xD3, 0xD7, 0xD8, 0xD9])
def test_markers_that_have_no_place_before_the_scan_are_refused(marker: int) -> None:
    assert _jpeg(bytes([0xFF, marker]), _segment(0xFFC0, _FRAME), _SCAN) is None
    # Nor where what follows would pass for the length of a segment.
    assert _jpeg(bytes([0xFF, marker, 0, 2]), _segment(0xFFC0, _FRAME), _SCAN) is None


def test_segments_of_a_jpeg_that_are_cut_short_are_refused() -> None:
    frame = _segment(0xFFC0, _FRAME)
    assert _jpeg(b"\xff\xe0\0\2", frame, _SCAN) == ImageHeader(24, 16, 1, 12)
    assert _jpeg(b"\xff\xe0\0\1", frame, _SCAN) is None
    assert _jpeg(b"\0", frame, _SCAN) is None
    for length in range(len(frame)):
        assert _jpeg(frame[:length]) is None
    # Ends with the scan's marker and its length.
    assert _jpeg(frame, _SCAN[:4]) == ImageHeader(24, 16, 1, 12)
    assert _jpeg(frame, _SCAN[:3]) is None
