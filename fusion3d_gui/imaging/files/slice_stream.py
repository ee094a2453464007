"""Slices that lie one after the other in a file, packed or not, read straight into a volume's voxels."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from fusion3d_gui.imaging.volume import Volume, Watch
from fusion3d_gui.progress import Progress

#: zlib tells by the first bytes which of both it is.
_ZLIB_OR_GZIP = zlib.MAX_WBITS | 32
_CHUNK = 1 << 18


@dataclass(frozen=True)
class StoredSlices:
    """Where a volume's slices lie.

    ``offset``: bytes from the start of the file to the first, or to where the packed ones begin;
    ``dtype``: as stored, with its byte order; ``packed``: they must be read in order.
    """

    path: Path
    offset: int
    dtype: np.dtype
    packed: bool


def read_slices(
    stream: Any, stored: StoredSlices, volume: Volume, progress: Progress, watch: Watch
) -> None:
    """Read the stored numbers slice by slice; ``watch`` is called once the middle one is there.

    That one is the first, unless they are packed and the stream stands at the first. A buffer for all would double the memory,
    the window would stand still while it is allocated, and nothing could be cancelled. Raises
    EOFError where the stream ends too early.
    """
    voxels, loaded_slices = volume.voxels, volume.loaded_slices
    assert loaded_slices is not None
    count, in_place = len(voxels), stored.dtype == voxels.dtype
    order = range(count)
    by_distance = order if stored.packed else sorted(order, key=lambda k: abs(k - count // 2))
    buffer = np.empty(voxels.shape[1:], stored.dtype)
    for k in by_distance:
        progress(loaded_slices.share, "Reading slices")
        if not stored.packed:
            stream.seek(stored.offset + k * buffer.nbytes)
        target: Any = voxels[k] if in_place else buffer
        rest = memoryview(target.reshape(-1).view(np.uint8))
        while rest:
            got = stream.readinto(rest)
            if not got:
                raise EOFError
            rest = rest[got:]
        if not in_place:
            voxels[k] = buffer
        loaded_slices.add(k)
        if k == count // 2:
            watch(volume)


class InflatingReader:
    """What a stream holds from where it stands on, unpacked: zlib's or gzip's, one or several parts."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._packed = b""
        self._unpacker = zlib.decompressobj(_ZLIB_OR_GZIP)

    def readinto(self, target: memoryview) -> int:
        """Fill ``target`` as far as one step goes; 0 at the end. Raises zlib.error where it is damaged."""
        while True:
            if self._unpacker.eof:
                self._packed = self._unpacker.unused_data
                self._unpacker = zlib.decompressobj(_ZLIB_OR_GZIP)
            self._packed = self._packed or self._stream.read(_CHUNK)
            if not self._packed:
                return 0
            part = self._unpacker.decompress(self._packed, len(target))
            self._packed = self._unpacker.unconsumed_tail
            if part:
                target[: len(part)] = part
                return len(part)
