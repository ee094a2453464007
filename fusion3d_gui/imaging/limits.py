"""Bounds on memory and on unpacked sizes, against files whose headers claim too much."""

from __future__ import annotations

import zlib
from pathlib import Path

from fusion3d_gui.errors import UserError

#: The highest compression ratio of DEFLATE, and so of gzip (RFC 1951: 258 bytes in 2 bits).
LARGEST_DEFLATE_RATIO = 1032

#: Left free for the program itself and other programs.
_RESERVE_BYTES = 200 * 2**20


def available_memory() -> int:
    """Bytes of memory that can be allocated without swapping."""
    # Imported where it is used, on the worker: the window opens without it.
    import psutil

    return int(psutil.virtual_memory().available)


def check_memory(byte_count: int, path: Path) -> None:
    """Refuse a file whose voxels would not fit into memory.

    Raises
    ------
    UserError
        Fewer than ``byte_count`` bytes, and a reserve of 200 MiB, are available; the message counts both.
    """
    available = available_memory()
    if byte_count > available - _RESERVE_BYTES:
        raise UserError(
            f"needs {gigabytes(byte_count + _RESERVE_BYTES)} of memory, and only"
            f" {gigabytes(available)} is free",
            path=path,
            remedy="Close other programs, or open a smaller series.",
        )


def gigabytes(byte_count: int) -> str:
    """Format a size for a message, e.g. ``"1.5 GB"`` (10^9 bytes); smaller ones in MB or kB."""
    if byte_count >= 1e8:
        return f"{byte_count / 1e9:,.1f} GB"
    return f"{byte_count / 1e6:.1f} MB" if byte_count >= 1e5 else f"{byte_count / 1e3:.1f} kB"


def inflate(packed: bytes, limit: int, path: Path) -> bytes:
    """Unpack a raw DEFLATE stream (RFC 1951), to at most ``limit`` bytes.

    Raises
    ------
    UserError
        The stream is damaged, cut short or unpacks to more. ``path`` is named in the message.
    """
    stream = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        unpacked = stream.decompress(packed, limit + 1)
    except zlib.error:
        raise UserError("is damaged: its compressed part can't be unpacked", path=path) from None
    if len(unpacked) > limit:
        raise UserError(f"unpacks to more than {gigabytes(limit)}", path=path)
    if not stream.eof:
        raise UserError("is cut short", path=path, remedy="Copy it again from its source.")
    return unpacked
