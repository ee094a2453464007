"""One encapsulated DICOM frame into pixels, by transfer syntax.

imagecodecs decodes all of them and lets go of the interpreter lock, so that threads help.
"""

from __future__ import annotations

from collections.abc import Callable

import imagecodecs
import numpy as np

from fusion3d_gui.imaging.dicom_file import PixelFormat

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


class DecodeError(Exception):
    """A frame's compressed bytes are damaged, or do not hold what the header says."""


def _rle(data: bytes, pixels: PixelFormat) -> np.ndarray:
    flat = np.frombuffer(
        imagecodecs.dicomrle_decode(data, pixels.dtype.newbyteorder("<")), pixels.dtype
    )
    wanted = pixels.rows * pixels.columns * pixels.samples
    if flat.size < wanted:
        raise DecodeError
    # RLE stores colour planes one after the other, whatever the header says (PS3.5 G.2).
    planes = flat[:wanted].reshape(pixels.samples, pixels.rows, pixels.columns)
    return planes[0] if pixels.samples == 1 else planes.transpose(1, 2, 0)


def _jpeg(data: bytes, pixels: PixelFormat) -> np.ndarray:
    if pixels.samples == 1:
        return imagecodecs.jpeg8_decode(data)
    # The luminance is all that is wanted of a colour image stored as YBR.
    if pixels.photometric.startswith("YBR"):
        return imagecodecs.jpeg8_decode(data, colorspace="YCBCR", outcolorspace="RGB")
    return imagecodecs.jpeg8_decode(data, colorspace="RGB", outcolorspace="RGB")


def _jpeg_lossless(data: bytes, pixels: PixelFormat) -> np.ndarray:
    return imagecodecs.ljpeg_decode(data)


def _jpeg_ls(data: bytes, pixels: PixelFormat) -> np.ndarray:
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


def can_decode(transfer_syntax: str) -> bool:
    """Whether frames in this transfer syntax can be decoded."""
    return transfer_syntax in _DECODERS


def decode_frame(data: bytes, transfer_syntax: str, pixels: PixelFormat) -> np.ndarray:
    """Decode one frame to ``[row, column]`` or ``[row, column, sample]``, in the decoder's type.

    Raises :class:`DecodeError`.
    """
    try:
        frame = _DECODERS[transfer_syntax](data, pixels)
    # imagecodecs' errors derive from RuntimeError; it raises the others on absurd sizes.
    except (RuntimeError, ValueError, MemoryError, OverflowError, TypeError) as error:
        raise DecodeError(str(error)) from None
    expected: tuple[int, ...] = (pixels.rows, pixels.columns)
    if pixels.samples > 1:
        expected += (pixels.samples,)
    if frame.shape != expected:
        raise DecodeError(f"decodes to {frame.shape}, the header says {expected}")
    return frame
