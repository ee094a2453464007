"""How a DICOM file is encoded: transfer syntaxes, value representations, file meta information."""

from __future__ import annotations

import io
import os
import struct
from pathlib import Path
from typing import BinaryIO

from fusion3d_gui.errors import UserError
from fusion3d_gui.imaging.limits import LARGEST_DEFLATE_RATIO, available_memory, inflate

IMPLICIT_LITTLE = "1.2.840.10008.1.2"
EXPLICIT_LITTLE = "1.2.840.10008.1.2.1"
EXPLICIT_BIG = "1.2.840.10008.1.2.2"
DEFLATED = "1.2.840.10008.1.2.1.99"
#: Transfer syntaxes with uncompressed pixels.
NATIVE = (IMPLICIT_LITTLE, EXPLICIT_LITTLE, EXPLICIT_BIG, DEFLATED)

#: Value representations whose length takes 32 bits, and 16 bits (PS3.5 section 7.1.2).
LONG_VRS = frozenset(b"OB OD OF OL OV OW SQ SV UC UN UR UT UV".split())
SHORT_VRS = frozenset(b"AE AS AT CS DA DS DT FL FD IS LO LT PN SH SL SS ST TM UI UL US".split())
VRS = LONG_VRS | SHORT_VRS

#: Item tag before each fragment of compressed pixels, which are always little endian (PS3.5 A.4).
ITEM = b"\xfe\xff\x00\xe0"

_LONGEST_META_VALUE = 1 << 20

#: Most headers of classic images fit in, so that they cost one read.
HEAD_BYTES = 16 * 1024


class NotDicom(Exception):
    """The file is not DICOM: passed over in a folder, refused when opened alone."""


class FileBytes:
    """The bytes of a file: the first ones in memory, others read on demand.

    A context manager, which closes the file.

    Parameters
    ----------
    path
        The file.
    head
        Its first bytes.
    size
        Its size in bytes.
    """

    __slots__ = ("_stream", "head", "path", "size")

    def __init__(self, path: Path, head: bytes, size: int) -> None:
        self.path = path
        self.head = head
        self.size = size
        self._stream: BinaryIO | None = None

    @classmethod
    def from_path(cls, path: Path) -> FileBytes:
        """Read the first bytes of a file. Raises UserError where that fails."""
        try:
            descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
            try:
                size = os.fstat(descriptor).st_size
                return cls(path, os.read(descriptor, HEAD_BYTES), size)
            finally:
                os.close(descriptor)
        except OSError as error:
            raise UserError(f"can't be read ({error.strerror})", path=path) from None

    def read(self, position: int, count: int) -> bytes:
        """Read ``count`` bytes from a position on, fewer at the end of the file."""
        if position + count <= len(self.head):
            return self.head[position : position + count]
        if self.size <= len(self.head):
            return self.head[position:]
        try:
            if self._stream is None:
                self._stream = self.path.open("rb", buffering=0)
            self._stream.seek(position)
            return _read_up_to(self._stream, count)
        except OSError as error:
            raise UserError(f"can't be read ({error.strerror})", path=self.path) from None

    def __enter__(self) -> FileBytes:
        return self

    def __exit__(self, *exception: object) -> None:
        if self._stream is not None:
            self._stream.close()
            self._stream = None


def _read_up_to(stream: BinaryIO, count: int) -> bytes:
    """Read ``count`` bytes, fewer only at the end of the file (a raw stream may return less at once)."""
    data = stream.read(count)
    while data and len(data) < count:
        more = stream.read(count - len(data))
        if not more:
            break
        data += more
    return data


def open_inflated(path: Path, transfer_syntax: str = "") -> BinaryIO:
    """Open a file as a stream, inflated if its transfer syntax is deflated.

    Raises UserError where it can't be read or inflated.
    """
    try:
        if transfer_syntax != DEFLATED:
            return path.open("rb", buffering=0)
    except OSError as error:
        raise UserError(f"can't be read ({error.strerror})", path=path) from None
    with FileBytes.from_path(path) as file:
        return io.BytesIO(inflate_file(file, read_file_meta(file)[1]).head)


def inflate_file(file: FileBytes, start: int) -> FileBytes:
    """Inflate a file from ``start`` on. Raises UserError where it is damaged, or inflates too far."""
    whole = file.read(0, file.size)
    limit = min(LARGEST_DEFLATE_RATIO * len(whole) + 1024, available_memory() // 4)
    plain = whole[:start] + inflate(whole[start:], limit, file.path)
    return FileBytes(file.path, plain, len(plain))


def read_file_meta(file: FileBytes) -> tuple[str, int]:
    """Read the file meta information (PS3.10 section 7.1), which may lack its preamble or be missing.

    Returns
    -------
    transfer_syntax : str
        UID, empty where the file does not say it.
    start : int
        Position of the data set.

    Raises
    ------
    NotDicom
        If the file is something else.
    UserError
        If it is damaged.
    """
    head = file.head
    if head[128:132] == b"DICM":
        position = 132
    elif _looks_like_a_first_element(head):
        position = 0
    else:
        raise NotDicom
    syntax = ""
    while True:
        if position + 12 > len(head):
            head = file.read(0, position + 4096)
        if len(head) < position + 12 or head[position : position + 2] != b"\x02\x00":
            return syntax, position
        vr = head[position + 4 : position + 6]
        if vr in LONG_VRS:
            length, size = struct.unpack_from("<I", head, position + 8)[0], 12
        elif vr in VRS:
            length, size = struct.unpack_from("<H", head, position + 6)[0], 8
        else:  # implicit, which the standard forbids here
            length, size = struct.unpack_from("<I", head, position + 4)[0], 8
        if length > _LONGEST_META_VALUE:
            raise UserError("is damaged: its first part makes no sense", path=file.path)
        if head[position + 2 : position + 4] == b"\x10\x00":
            value = head[position + size : position + size + length]
            syntax = value.decode("ascii", "replace").strip("\0 ")
        position += size + length


def _looks_like_a_first_element(head: bytes) -> bool:
    if len(head) < 12 or head[:2] not in (b"\x02\x00", b"\x08\x00", b"\x00\x08"):
        return False
    if head[4:6] in VRS:
        return True
    element, length = struct.unpack_from("<HI", head, 2)
    return head[:2] == b"\x08\x00" and element < 0x0100 and length < 256 and length % 2 == 0
