"""``nrrd_header``: the header of an NRRD file (https://teem.sourceforge.net/nrrd/format.html)."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from fusion3d_gui.imaging.files.nrrd_fields import nrrd_fields
from fusion3d_gui.imaging.files.nrrd_geometry import nrrd_affine, nrrd_axes
from fusion3d_gui.imaging.files.voxel_header import (
    Packing,
    VoxelHeader,
    axes_of,
    data_file_beside,
    size_of_data,
    wrong_header,
)

_TYPES = {
    **dict.fromkeys(("signed char", "int8", "int8_t"), "i1"),
    **dict.fromkeys(("uchar", "unsigned char", "uint8", "uint8_t"), "u1"),
    **dict.fromkeys(
        ("short", "short int", "signed short", "signed short int", "int16", "int16_t"), "i2"
    ),
    **dict.fromkeys(("ushort", "unsigned short", "unsigned short int", "uint16", "uint16_t"), "u2"),
    **dict.fromkeys(("int", "signed int", "int32", "int32_t"), "i4"),
    **dict.fromkeys(("uint", "unsigned int", "uint32", "uint32_t"), "u4"),
    **dict.fromkeys(
        (
            *("longlong", "long long", "long long int", "signed long long", "int64", "int64_t"),
            "signed long long int",
        ),
        "i8",
    ),
    **dict.fromkeys(
        ("ulonglong", "unsigned long long", "unsigned long long int", "uint64", "uint64_t"), "u8"
    ),
    "float": "f4",
    "double": "f8",
}
_PACKINGS: dict[str, Packing] = {
    "raw": "raw",
    **dict.fromkeys(("gzip", "gz"), "gzip"),
    **dict.fromkeys(("bzip2", "bz2"), "bzip2"),
    **dict.fromkeys(("ascii", "text", "txt"), "text"),
    "hex": "hex",
}
_MOST_AXES = 16


def nrrd_header(path: Path, head: bytes, *, is_whole: bool) -> VoxelHeader:
    """Read the header of an NRRD file.

    Parameters
    ----------
    path
        The file.
    head
        Its first bytes.
    is_whole
        Whether these are all.

    Raises
    ------
    UserError
        It is no NRRD file, contradicts itself, or is of a kind that is no scan.
    """
    if not head.startswith(b"NRRD"):
        raise wrong_header(path, "is not an NRRD file")
    fields, end = nrrd_fields(path, head, is_whole=is_whole)
    count = _whole(path, fields, "dimension", 1, _MOST_AXES)
    words = fields.get("sizes", "").split()
    if len(words) != count or not all(re.fullmatch(r"\d{1,9}", word) for word in words):
        raise wrong_header(path, f"its header does not have {count} whole numbers as sizes")
    packing = _PACKINGS.get(fields.get("encoding", "").lower())
    if packing is None:
        raise wrong_header(path, f"its encoding {fields.get('encoding', '(none)')!r} can't be read")
    dtype = _dtype(path, fields, packing)
    axes = nrrd_axes(path, fields, tuple(map(int, words)), dtype)
    affine, notices = nrrd_affine(path, fields, axes)
    sizes, roles = axes_of(path, axes.sizes, list(axes.roles))

    elsewhere = fields.get("datafile")
    data_file = path if elsewhere is None else data_file_beside(path, elsewhere)
    offset = _after_lines(path, data_file, end if elsewhere is None else 0, fields)
    skipped = _whole(path, fields, "byteskip", -1, 1 << 62) if "byteskip" in fields else 0
    if skipped == -1:  # the voxels end with the file
        if packing != "raw":
            raise wrong_header(path, "its header skips -1 bytes of packed voxels")
        bytes_of_all = int(np.prod(sizes, dtype=object)) * dtype.itemsize
        offset, skipped = max(0, size_of_data(data_file, path) - bytes_of_all), 0
    elif packing == "raw":
        offset, skipped = offset + skipped, 0
    return VoxelHeader(
        path, data_file, offset, skipped, packing, dtype, sizes, roles, affine, notices
    )


def _dtype(path: Path, fields: dict[str, str], packing: Packing) -> np.dtype:
    kind = _TYPES.get(re.sub(r"\s+", " ", fields.get("type", "").lower()))
    if kind is None:
        given = fields.get("type", "(none)")
        raise wrong_header(path, f"holds values of type {given!r}, which are not a scan")
    order = {"little": "<", "big": ">"}.get(fields.get("endian", "").lower(), "")
    if not order and packing != "text" and np.dtype(kind).itemsize > 1:
        raise wrong_header(path, "its header does not say which byte of a value comes first")
    return np.dtype((order or "<") + kind)


def _after_lines(path: Path, data_file: Path, start: int, fields: dict[str, str]) -> int:
    """Where the voxels begin behind the lines that the header says to skip."""
    lines = _whole(path, fields, "lineskip", 0, 1 << 20) if "lineskip" in fields else 0
    if not lines:
        return start
    try:
        with data_file.open("rb") as stream:
            stream.seek(start)
            for _ in range(lines):
                if not stream.readline(1 << 20).endswith(b"\n"):
                    raise wrong_header(path, f"its header skips {lines} lines, and there are fewer")
            return stream.tell()
    except OSError:
        return start + size_of_data(data_file, path)


def _whole(path: Path, fields: dict[str, str], key: str, low: int, high: int) -> int:
    text = fields.get(key, "")
    if not re.fullmatch(r"-?\d{1,18}", text) or not low <= int(text) <= high:
        raise wrong_header(path, f"its header has {text or 'nothing'} as {key}")
    return int(text)
