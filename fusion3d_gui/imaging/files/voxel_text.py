"""Voxels that a file holds as text: numbers in letters, or bytes in hexadecimal digits."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from fusion3d_gui.errors import UserError
from fusion3d_gui.imaging.files.voxel_header import wrong_header

#: Numbers are read in these types, which tells those that the file's own can't hold.
_WIDEST = {"i": np.int64, "u": np.uint64, "f": np.float64}


def numbers_of_text(
    text: bytes, count: int, dtype: np.dtype, path: Path, *, is_part: bool
) -> bytes:
    """The first ``count`` numbers of a text, as bytes of a type; spaces, line ends or commas are between them.

    ``is_part``: the text goes on, but so many numbers should not take more than what is given.

    Raises
    ------
    UserError
        They are not all numbers of that type.
    EOFError
        There are fewer.
    """
    plain = text.replace(b",", b" ")
    if is_part:  # its last number may be cut
        plain = plain[: max(plain.rfind(each) for each in (b" ", b"\n", b"\t")) + 1]
    try:
        found = np.fromstring(plain, _WIDEST[dtype.kind], sep=" ")
    except ValueError:  # whole numbers may be written with a point
        found = _floats(plain, path)
    if len(found) < count:
        raise _no_numbers(path) if is_part else EOFError
    found = found[:count]
    with np.errstate(all="ignore"):
        written = found.astype(dtype)
        is_same = np.array_equal(written, found) or dtype.kind == "f"
    if not is_same:
        raise _no_numbers(path)
    return written.tobytes()


def bytes_of_hex(text: bytes) -> bytes:
    """The bytes that a text of hexadecimal digits stands for. Raises ValueError for any other."""
    return bytes.fromhex("".join(text.decode("ascii").split()))


def _floats(plain: bytes, path: Path) -> np.ndarray:
    try:
        return np.fromstring(plain, np.float64, sep=" ")
    except ValueError:
        raise _no_numbers(path) from None


def _no_numbers(path: Path) -> UserError:
    return wrong_header(path, "is damaged: its voxels are not all numbers of their type")
