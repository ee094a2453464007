"""Limits that keep a lying or hostile file from taking the machine down."""

from __future__ import annotations

import ctypes
import os
import sys
import zlib
from pathlib import Path

from fusion3d_gui.errors import UserError

#: Neither DEFLATE nor gzip can pack tighter than this (RFC 1951: 258 bytes in 2 bits).
LARGEST_DEFLATE_RATIO = 1032

#: Left free for the program itself and everybody else.
_RESERVE_BYTES = 200 * 2**20


def available_memory() -> int:
    """Bytes of memory that can be taken without swapping, as well as this system tells."""
    if sys.platform == "win32":
        return _windows_available_memory()
    try:
        with open("/proc/meminfo", "rb") as lines:  # noqa: PTH123
            for line in lines:
                if line.startswith(b"MemAvailable:"):
                    return int(line.split()[1]) * 1024
    except OSError:
        pass  # macOS and the BSDs have no /proc
    # What is free now says little there (caches count as used), so half of the whole.
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2


def _windows_available_memory() -> int:
    class MemoryStatus(ctypes.Structure):
        _fields_ = [
            ("length", ctypes.c_ulong),
            ("load", ctypes.c_ulong),
            ("total_physical", ctypes.c_ulonglong),
            ("available_physical", ctypes.c_ulonglong),
            ("rest", ctypes.c_ulonglong * 5),
        ]

    status = MemoryStatus()
    status.length = ctypes.sizeof(status)
    ctypes.windll.kernel32.GlobalMemoryStatusEx(ctypes.byref(status))  # type: ignore[attr-defined,unused-ignore]
    return int(status.available_physical)


def check_memory(byte_count: int, path: Path) -> None:
    """Raise UserError where ``byte_count`` bytes would not fit into memory."""
    available = available_memory() - _RESERVE_BYTES
    if byte_count > available:
        raise UserError(
            f"needs {gigabytes(byte_count)} of memory, and only {gigabytes(max(available, 0))} is free",
            path=path,
            remedy="Close other programs, or open a smaller series.",
        )


def gigabytes(byte_count: int) -> str:
    """A size in words for a message, e.g. ``"1.5 GB"``."""
    return f"{byte_count / 1e9:,.1f} GB"


def inflate(packed: bytes, limit: int, path: Path) -> bytes:
    """Unpack a raw DEFLATE stream (RFC 1951), to at most ``limit`` bytes.

    Raises UserError when it is damaged, cut short or unpacks to more.
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
