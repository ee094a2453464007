"""``read_frames``: the frames of one DICOM file as arrays, native or compressed."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping, Sequence
from typing import BinaryIO, cast

import numpy as np
from pydicom.encaps import generate_frames

from fusion3d_gui.errors import UserError
from fusion3d_gui.imaging.dicom.frames.file import DicomFile, PixelFormat
from fusion3d_gui.imaging.dicom.parser.encoding import EXPLICIT_BIG, NATIVE, open_inflated
from fusion3d_gui.imaging.dicom.parser.frame_fragments import find_frame_fragments
from fusion3d_gui.imaging.dicom.pixels.codecs import RLE, DecodeError, can_decode, decode_frame


def can_read(transfer_syntax: str) -> bool:
    """Whether pixels in this transfer syntax can be read."""
    return transfer_syntax in NATIVE or can_decode(transfer_syntax)


def read_frames(
    file: DicomFile, indices: Sequence[int], targets: Mapping[int, np.ndarray], notices: set[str]
) -> Iterator[tuple[int, np.ndarray]]:
    """Read frames of a file one after the other.

    Parameters
    ----------
    file
        The file.
    indices
        Which frames, ascending.
    targets
        By index, arrays into which a frame may be read directly, if type and shape are right.
    notices
        Sentences for the user are added to it.

    Yields
    ------
    index : int
        The frame's number in the file.
    pixels : numpy.ndarray
        ``[row, column]`` or ``[row, column, sample]`` in the stored type; the frame's target
        where it was read into it.

    Raises
    ------
    UserError
        If the file is damaged or cut short.
    """
    with open_inflated(file.path, file.transfer_syntax) as stream:
        if file.transfer_syntax in NATIVE:
            for index in indices:
                yield index, _read_native(stream, file, index, targets.get(index), notices)
            return
        for index, data in _encoded(stream, file, indices):
            try:
                image = decode_frame(data, file.transfer_syntax, file.format)
            except DecodeError:
                raise UserError("is damaged: its image can't be decoded", path=file.path) from None
            in_containers = file.transfer_syntax == RLE
            unsigned_so_far = file.format.signed and image.dtype.kind == "u"
            image = image.astype(file.format.dtype, copy=not image.flags.writeable)
            if in_containers or unsigned_so_far:
                _keep_stored_bits(image, file.format, in_containers, notices)
            yield index, image


def _encoded(
    stream: BinaryIO, file: DicomFile, indices: Sequence[int]
) -> Iterator[tuple[int, bytes]]:
    """(index, compressed bytes) of frames."""
    wanted = set(indices)
    try:
        if file.frame_count > 1:
            fragments = find_frame_fragments(stream, file.pixels.offset, file.frame_count)
            if fragments is not None:
                for index in indices:
                    yield index, b"".join(_fragment(stream, *each) for each in fragments[index])
                return
        stream.seek(file.pixels.offset)
        frames = enumerate(generate_frames(stream.read(), number_of_frames=file.frame_count))
        while wanted:
            index, data = next(frames)
            if index in wanted:
                wanted.remove(index)
                yield index, data
    except (StopIteration, ValueError, EOFError, IndexError, KeyError, TypeError, struct.error):
        raise UserError("is damaged or cut short: frames are missing", path=file.path) from None


def _fragment(stream: BinaryIO, offset: int, length: int) -> bytes:
    stream.seek(offset)
    data = stream.read(length)
    if len(data) < length:
        raise EOFError
    return data


def _read_native(
    stream: BinaryIO, file: DicomFile, index: int, target: np.ndarray | None, notices: set[str]
) -> np.ndarray:
    pixels = file.format
    if pixels.bits_allocated == 1:
        return _read_bits(stream, file, index)
    size = pixels.frame_bits // 8
    if target is None or target.dtype != pixels.dtype or target.nbytes != size:
        target = np.empty(size // pixels.dtype.itemsize, pixels.dtype)
    start = index * size
    if (
        file.transfer_syntax == EXPLICIT_BIG
        and file.pixels.vr == b"OW"
        and pixels.dtype.itemsize == 1
    ):
        # Bytes within big-endian words are swapped in pairs, across frames (PS3.5 A.3 and 8.1.1).
        first, last = start // 2 * 2, -(-(start + size) // 2) * 2
        words = np.empty((last - first) // 2, np.uint16)
        stream.seek(file.pixels.offset + first)
        _read_into(stream, words, file)
        swapped = words.byteswap().view(pixels.dtype)[start - first :]
        target.reshape(-1)[:] = swapped[:size]
    else:
        stream.seek(file.pixels.offset + start)
        _read_into(stream, target, file)
        if file.transfer_syntax == EXPLICIT_BIG:
            target.byteswap(inplace=True)
    _keep_stored_bits(target, pixels, True, notices)
    if pixels.samples == 1:
        return target if target.ndim == 2 else target.reshape(pixels.rows, pixels.columns)
    if pixels.photometric == "YBR_FULL_422":
        # Y1 Y2 Cb Cr for each pair of pixels (PS3.3 C.7.6.3.1.2); only the luminance is kept.
        return target.reshape(-1, 4)[:, :2].reshape(pixels.rows, pixels.columns)
    if pixels.planar:
        return target.reshape(3, pixels.rows, pixels.columns).transpose(1, 2, 0)
    return target.reshape(pixels.rows, pixels.columns, 3)


def _read_bits(stream: BinaryIO, file: DicomFile, index: int) -> np.ndarray:
    """Read a frame of one bit a pixel: lowest bit first, frames not padded (PS3.5 8.1.1)."""
    size = file.format.rows * file.format.columns
    first, last = index * size // 8, -(-(index + 1) * size // 8)
    packed = np.empty(last - first, np.uint8)
    stream.seek(file.pixels.offset + first)
    _read_into(stream, packed, file)
    bits = np.unpackbits(packed, bitorder="little")
    start = index * size - 8 * first
    return bits[start : start + size].reshape(file.format.rows, file.format.columns)


def _read_into(stream: BinaryIO, target: np.ndarray, file: DicomFile) -> None:
    view = memoryview(cast(bytearray, target)).cast("B")
    got = 0
    while got < len(view):
        count = stream.readinto(view[got:])  # type: ignore[attr-defined]
        if not count:
            raise UserError("is cut short", path=file.path, remedy="Copy it again from its source.")
        got += count


def _keep_stored_bits(
    image: np.ndarray, pixels: PixelFormat, in_containers: bool, notices: set[str]
) -> None:
    """Keep the stored bits of each pixel, in place: shift, then mask or extend the sign.

    ``in_containers``: whether the bits lie below ``high_bit`` of the allocated ones (PS3.5 8.1.1),
    as in native and RLE pixels; other decoders return the value itself.
    """
    if pixels.floating or pixels.bits_stored == pixels.bits_allocated:
        return
    spare = pixels.bits_allocated - pixels.bits_stored
    low = pixels.high_bit + 1 - pixels.bits_stored if in_containers else 0
    if pixels.signed:
        np.left_shift(image, spare - low, out=image)
        np.right_shift(image, spare, out=image)
        return
    if low:
        np.right_shift(image, low, out=image)
    if int(image.max()) >> pixels.bits_stored:
        image &= image.dtype.type((1 << pixels.bits_stored) - 1)
        notices.add(
            f"Bits above the {pixels.bits_stored} that the header calls stored were cleared."
        )
