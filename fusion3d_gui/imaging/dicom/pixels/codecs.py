"""``decode_frame``: a compressed DICOM frame as pixels, by transfer syntax.

imagecodecs decodes all of them and releases the interpreter lock, so that threads help.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from functools import partial

import imagecodecs
import numpy as np

from fusion3d_gui.imaging.dicom.frames.file import PixelFormat
from fusion3d_gui.imaging.dicom.pixels.image_header import read_image_header

RLE = "1.2.840.10008.1.2.5"
JPEG_BASELINE = "1.2.840.10008.1.2.4.50"
JPEG_EXTENDED = "1.2.840.10008.1.2.4.51"
JPEG_LOSSLESS = "1.2.840.10008.1.2.4.57"
JPEG_LOSSLESS_SV1 = "1.2.840.10008.1.2.4.70"
JPEG_LS = "1.2.840.10008.1.2.4.80"
JPEG_LS_NEAR = "1.2.840.10008.1.2.4.81"
JPEG_2000_LOSSLESS = "1.2.840.10008.1.2.4.90"
JPEG_2000 = "1.2.840.10008.1.2.4.91"
HTJ2K_LOSSLESS = "1.2.840.10008.1.2.4.201"
HTJ2K_LOSSLESS_RPCL = "1.2.840.10008.1.2.4.202"
HTJ2K = "1.2.840.10008.1.2.4.203"

_END_OF_IMAGE = b"\xff\xd9"


class DecodeError(Exception):
    """The compressed bytes of a frame are damaged, or contradict the header."""


def _rle(data: bytes, pixels: PixelFormat) -> np.ndarray:
    """Decode RLE: each byte of a sample is a PackBits segment, the highest first (PS3.5 annex G).

    The segments are separated here: imagecodecs' decoder of whole RLE frames (2026.3.6) crashes
    the process on damaged ones.
    """
    width = pixels.dtype.itemsize
    count = width * pixels.samples
    if len(data) < 64 or struct.unpack_from("<I", data)[0] != count:
        raise DecodeError
    starts = (*struct.unpack_from(f"<{count}I", data, 4), len(data))
    size = pixels.rows * pixels.columns
    planes = np.empty((pixels.samples, size, width), np.uint8)
    for segment in range(count):
        start, stop = starts[segment : segment + 2]
        if not 64 <= start <= stop <= len(data):
            raise DecodeError
        unpacked = imagecodecs.packbits_decode(data[start:stop])
        if len(unpacked) < size:
            raise DecodeError
        sample, byte = divmod(segment, width)
        planes[sample, :, width - 1 - byte] = np.frombuffer(unpacked, np.uint8, size)
    # RLE stores colour planes one after the other, whatever the header says (PS3.5 G.2).
    images = planes.view(pixels.dtype.newbyteorder("<")).astype(pixels.dtype, copy=False)
    images = images.reshape(pixels.samples, pixels.rows, pixels.columns)
    return images[0] if pixels.samples == 1 else images.transpose(1, 2, 0)


def _if_whole(decode: Callable[[bytes], np.ndarray], data: bytes) -> np.ndarray:
    """Decode a JPEG frame; one that ends before its end marker only if all its pixels are there.

    libjpeg invents what is missing of a frame that was cut short, without an error. What it
    invents depends on the bytes that follow; bytes after a whole frame change nothing.
    """
    if data.rstrip(b"\0").endswith(_END_OF_IMAGE):
        return decode(data)
    data = data.removesuffix(_END_OF_IMAGE[:1])
    frame, again = (decode(data + tail * 64 + _END_OF_IMAGE) for tail in (b"\0", b"\xaa"))
    if not np.array_equal(frame, again):
        raise DecodeError("the frame is cut short")
    return frame


def _jpeg(data: bytes, pixels: PixelFormat) -> np.ndarray:
    if pixels.samples == 1:
        return _if_whole(imagecodecs.jpeg8_decode, data)
    # A JFIF file holds YCbCr (ITU-T T.871), even where the header calls its frame RGB.
    is_jfif = data[6:10] == b"JFIF"
    stored = "YCBCR" if is_jfif or pixels.photometric.startswith("YBR") else "RGB"
    return _if_whole(
        partial(imagecodecs.jpeg8_decode, colorspace=stored, outcolorspace="RGB"), data
    )


def _jpeg_lossless(data: bytes, pixels: PixelFormat) -> np.ndarray:
    return _if_whole(imagecodecs.ljpeg_decode, data)


def _jpeg_ls(data: bytes, pixels: PixelFormat) -> np.ndarray:
    # Without an end marker CharLS searches for one for up to half a minute.
    if not data.rstrip(b"\0").endswith(_END_OF_IMAGE):
        data += _END_OF_IMAGE
    return imagecodecs.jpegls_decode(data)


def _jpeg_2000(data: bytes, pixels: PixelFormat) -> np.ndarray:
    return imagecodecs.jpeg2k_decode(data)


_DECODERS: dict[str, Callable[[bytes, PixelFormat], np.ndarray]] = {
    RLE: _rle,
    JPEG_BASELINE: _jpeg,
    JPEG_EXTENDED: _jpeg,
    JPEG_LOSSLESS: _jpeg_lossless,
    JPEG_LOSSLESS_SV1: _jpeg_lossless,
    JPEG_LS: _jpeg_ls,
    JPEG_LS_NEAR: _jpeg_ls,
    JPEG_2000_LOSSLESS: _jpeg_2000,
    JPEG_2000: _jpeg_2000,
    HTJ2K_LOSSLESS: _jpeg_2000,
    HTJ2K_LOSSLESS_RPCL: _jpeg_2000,
    HTJ2K: _jpeg_2000,
}


def is_slow_to_decode(transfer_syntax: str) -> bool:
    """Whether frames are decoded slowly (30 ms for 512x512): the first is not decoded alone then."""
    return transfer_syntax in (JPEG_2000_LOSSLESS, JPEG_2000)


def can_decode(transfer_syntax: str) -> bool:
    """Whether frames in this transfer syntax can be decoded."""
    return transfer_syntax in _DECODERS


def decode_frame(data: bytes, transfer_syntax: str, pixels: PixelFormat) -> np.ndarray:
    """Decode one frame.

    Parameters
    ----------
    data
        Its compressed bytes.
    transfer_syntax
        UID, one that :func:`can_decode` knows.
    pixels
        What the header says of its pixels.

    Returns
    -------
    numpy.ndarray
        ``[row, column]`` or ``[row, column, sample]``, in the decoder's type.

    Raises
    ------
    DecodeError
        If the frame is damaged, or of another size than the header says.
    """
    if transfer_syntax != RLE:
        _check_claims(data, pixels)
    try:
        frame = _DECODERS[transfer_syntax](data, pixels)
    # imagecodecs' own errors derive from RuntimeError; impossible sizes raise the others.
    except (RuntimeError, ValueError, MemoryError, OverflowError, TypeError) as error:
        raise DecodeError(str(error)) from None
    expected: tuple[int, ...] = (pixels.rows, pixels.columns)
    if pixels.samples > 1:
        expected += (pixels.samples,)
    if frame.shape != expected:
        raise DecodeError(f"decodes to {frame.shape}, the header says {expected}")
    return frame


def _check_claims(data: bytes, pixels: PixelFormat) -> None:
    """Refuse an image that contradicts the DICOM header before a codec allocates what it claims."""
    image = read_image_header(data)
    said = (pixels.rows, pixels.columns, pixels.samples)
    if image is None or (image.rows, image.columns, image.components) != said:
        raise DecodeError("the compressed image is of another size than the header says")
    if image.bits > 8 * pixels.dtype.itemsize:
        raise DecodeError("the compressed image has more bits than the header says")
