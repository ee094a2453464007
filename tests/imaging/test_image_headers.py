"""Compressed images are refused by their own header, before a codec allocates what it claims."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import imagecodecs
import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate

from fusion3d_gui.errors import UserError
from fusion3d_gui.imaging.catalog.open import open_volume
from fusion3d_gui.imaging.dicom.frames.file import PixelFormat
from fusion3d_gui.imaging.dicom.pixels.codecs import (
    JPEG_2000_LOSSLESS,
    JPEG_BASELINE,
    JPEG_LOSSLESS,
    JPEG_LS,
    DecodeError,
    decode_frame,
)
from fusion3d_gui.imaging.dicom.pixels.image_header import ImageHeader, read_image_header

Edit = Callable[[Dataset, int], None]

_PLANE = np.random.default_rng(0).integers(0, 200, (24, 16)).astype(np.uint8)
_FORMAT = PixelFormat(24, 16, 1, False, "MONOCHROME2", 8, 8, 7, False, False)
_FRAMES = {
    JPEG_BASELINE: imagecodecs.jpeg8_encode(_PLANE),
    JPEG_LOSSLESS: imagecodecs.ljpeg_encode(_PLANE.astype(np.uint16), bitspersample=8),
    JPEG_LS: imagecodecs.jpegls_encode(_PLANE),
    JPEG_2000_LOSSLESS: imagecodecs.jpeg2k_encode(_PLANE, codecformat="j2k"),
    "a JP2 file": imagecodecs.jpeg2k_encode(_PLANE, codecformat="jp2"),
}


def _frame_header(frame: bytes) -> int:
    """Where the frame header of a JPEG begins."""
    return next(at for at in map(frame.find, (b"\xff\xc0", b"\xff\xc3", b"\xff\xf7")) if at > 0)


@pytest.mark.parametrize("name", _FRAMES)
def test_the_header_says_what_was_packed(name: str) -> None:
    assert read_image_header(_FRAMES[name]) == ImageHeader(24, 16, 1, 8)


@pytest.mark.parametrize("name", _FRAMES)
def test_a_header_of_another_size_or_depth_is_refused_before_the_codec(name: str) -> None:
    frame = bytearray(_FRAMES[name])
    syntax = JPEG_2000_LOSSLESS if name == "a JP2 file" else name
    if frame[:2] == b"\xff\xd8":
        at = _frame_header(frame)
        sizes, depth = slice(at + 5, at + 9), at + 4
        larger, deeper = struct.pack(">HH", 65500, 65500), 16
    else:
        at = frame.find(b"\xff\x4f\xff\x51")
        sizes, depth = slice(at + 8, at + 16), at + 42
        larger, deeper = struct.pack(">II", 65500, 65500), 15
    huge, deep = bytearray(frame), bytearray(frame)
    huge[sizes] = larger
    deep[depth] = deeper
    with pytest.raises(DecodeError, match="another size"):
        decode_frame(bytes(huge), syntax, _FORMAT)
    with pytest.raises(DecodeError, match="more bits"):
        decode_frame(bytes(deep), syntax, _FORMAT)


@pytest.mark.parametrize("hidden", [b"\xff\x01", b"\xff\xd0"], ids=["TEM", "RST"])
def test_a_second_frame_header_can_not_hide_from_the_check(hidden: bytes) -> None:
    frame = _FRAMES[JPEG_BASELINE]
    at = _frame_header(frame)
    own = frame[at : at + 2 + int.from_bytes(frame[at + 2 : at + 4], "big")]
    assert read_image_header(frame[:at] + own + frame[at:]) is None
    assert read_image_header(frame[:2] + hidden + frame[2:]) is None


def test_more_tiles_than_bytes_are_no_image() -> None:
    frame = bytearray(_FRAMES[JPEG_2000_LOSSLESS])
    at = frame.find(b"\xff\x4f\xff\x51")
    struct.pack_into(">II", frame, at + 24, 1, 1)
    assert read_image_header(bytes(frame)) is None


@pytest.mark.parametrize("syntax", [JPEG_BASELINE, JPEG_LS, JPEG_2000_LOSSLESS])
def test_2_kb_that_ask_for_4_gib_are_refused_even_where_both_headers_agree(
    syntax: str, written: Callable[[Edit], Path]
) -> None:
    frame = bytearray(_FRAMES[syntax])
    if syntax == JPEG_2000_LOSSLESS:
        struct.pack_into(">II", frame, frame.find(b"\xff\x4f\xff\x51") + 8, 65500, 65500)
    else:
        struct.pack_into(">HH", frame, _frame_header(frame) + 5, 65500, 65500)

    def edit(dataset: Dataset, number: int) -> None:
        dataset.file_meta.TransferSyntaxUID = pydicom.uid.UID(syntax)
        dataset.Rows = dataset.Columns = 65500
        dataset.BitsAllocated = dataset.BitsStored = 8
        dataset.HighBit = 7
        dataset.PixelData = encapsulate([bytes(frame)])
        dataset["PixelData"].VR = "OB"

    path = sorted(written(edit).iterdir())[0]
    with pytest.raises(UserError, match=r"claims 4,290,250,000 pixels in \d\.\d kB"):
        open_volume(path)


def _with_precincts(frame: bytes, exponents: int, side: int, in_tile: bool = False) -> bytes:
    """A blank JPEG 2000 image made larger, with precincts of another size (ISO 15444-1 A.6.1)."""
    whole = bytearray(frame)
    sizes, style = whole.find(b"\xff\x51"), whole.find(b"\xff\x52")
    length = int.from_bytes(whole[style + 2 : style + 4], "big")
    segment = whole[style : style + 2 + length]
    segment[4] |= 1
    segment += bytes([exponents]) * (segment[9] + 1)
    segment[2:4] = struct.pack(">H", len(segment) - 2)
    if in_tile:
        tile = whole.find(b"\xff\x90")
        (part,) = struct.unpack_from(">I", whole, tile + 6)
        struct.pack_into(">I", whole, tile + 6, part + len(segment))
        whole[tile + 12 : tile + 12] = segment
    else:
        whole[style : style + 2 + length] = segment
    struct.pack_into(">II", whole, sizes + 6, side, side)
    struct.pack_into(">II", whole, sizes + 22, side, side)
    return bytes(whole)


@pytest.mark.parametrize("in_tile", [False, True])
def test_150_bytes_of_tiny_precincts_are_no_image(in_tile: bool) -> None:
    blank = imagecodecs.jpeg2k_encode(np.zeros((64, 64), np.uint8), codecformat="j2k")
    assert read_image_header(_with_precincts(blank, 0x11, 4096, in_tile)) is None
    header = read_image_header(_with_precincts(blank, 0x88, 4096, in_tile))
    assert header == ImageHeader(4096, 4096, 1, 8)


def test_tiny_code_blocks_of_a_blank_image_are_no_image() -> None:
    blank = bytearray(imagecodecs.jpeg2k_encode(np.zeros((64, 64), np.uint8), codecformat="j2k"))
    blank = bytearray(_with_precincts(bytes(blank), 0xFF, 8000))
    style = blank.find(b"\xff\x52")
    assert read_image_header(bytes(blank)) is not None
    blank[style + 10 : style + 12] = b"\0\0"
    assert read_image_header(bytes(blank)) is None
