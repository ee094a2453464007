"""The fields of a MetaImage header, checked before ITK sees the file.

ITK's reader is C++ that trusts its input: a header of 67 bytes with ``NDims = -1`` ends the process or never
returns, and others make it print to standard error. What passes here, it reads or refuses properly.
"""

from __future__ import annotations

import math
import re
from pathlib import Path

from fusion3d_gui.errors import UserError

#: ITK reads lines into a buffer of this many characters.
_LONGEST_LINE = 4096
_MOST_AXES = 6
_MOST_CHANNELS = 1024

_TYPES = frozenset(
    f"MET_{name}"
    for name in (
        *("CHAR", "UCHAR", "SHORT", "USHORT", "INT", "UINT", "LONG", "ULONG", "LONG_LONG"),
        *("ULONG_LONG", "FLOAT", "DOUBLE"),
    )
)
#: Fields of several numbers, and whether there is one for each axis or for each pair of axes.
_VECTORS = {
    **dict.fromkeys(("ElementSpacing", "ElementSize", "Offset", "Position", "Origin"), 1),
    **dict.fromkeys(("CenterOfRotation",), 1),
    **dict.fromkeys(("TransformMatrix", "Rotation", "Orientation"), 2),
}


def meta_fields(path: Path, head: bytes) -> dict[str, str]:
    """The fields by name of the text before ``ElementDataFile``.

    Raises UserError when a field is said twice, is missing, has the wrong number of values or an impossible
    one.
    """
    if any(len(line) > _LONGEST_LINE for line in head.split(b"\n")):
        raise _wrong(path, f"a line of its header has more than {_LONGEST_LINE} characters")
    fields: dict[str, str] = {}
    for name, value in re.findall(rb"(?m)^\s*([A-Za-z_]+)\s*=\s*(.*?)\s*$", head):
        key = name.decode("latin-1")
        # Comments may repeat; of all else ITK would take one, and we perhaps the other.
        if key in fields and key != "Comment":
            raise _wrong(path, f"its header says {key} twice")
        fields[key] = value.decode("latin-1")
    axes = _whole(path, fields, "NDims", 1, _MOST_AXES)
    order = list(fields)
    for key in order[: order.index("NDims")]:
        if key == "DimSize" or key in _VECTORS:
            raise _wrong(path, f"its header says {key} before NDims")
    sizes = fields.get("DimSize", "").split()
    if len(sizes) != axes or not all(re.fullmatch(r"\d{1,9}", size) for size in sizes):
        raise _wrong(path, f"its header does not have {axes} whole numbers as DimSize")
    if fields.get("ElementType") not in _TYPES:
        raise _wrong(path, "its header names no type of voxels that can be read")
    if "ElementNumberOfChannels" in fields:
        _whole(path, fields, "ElementNumberOfChannels", 1, _MOST_CHANNELS)
    for key, power in _VECTORS.items():
        if key in fields and not _are_finite(fields[key].split(), axes**power):
            raise _wrong(path, f"its header does not have {axes**power} finite numbers as {key}")
    return fields


def check_meta_offsets(path: Path, fields: dict[str, str], size: int, *, is_local: bool) -> None:
    """Raise UserError where ``HeaderSize`` does not go with a file of ``size`` bytes, or ``CompressedDataSize`` is absurd.

    ``is_local`` says whether the voxels are in the header's own file. A HeaderSize of -1 means that they end
    with the file.
    """
    if "HeaderSize" in fields:
        skipped = _whole(path, fields, "HeaderSize", -1, size)
        if is_local and skipped > 0:
            raise _wrong(path, "its header skips a part of the voxels (HeaderSize)")
    if "CompressedDataSize" in fields:
        # More than the file has is a file that was cut short, which is said when it is read.
        _whole(path, fields, "CompressedDataSize", 1, 1 << 62)


def _whole(path: Path, fields: dict[str, str], key: str, low: int, high: int) -> int:
    text = fields.get(key, "")
    if not re.fullmatch(r"[+-]?\d{1,18}", text) or not low <= int(text) <= high:
        raise _wrong(path, f"its header has {text or 'nothing'} as {key}, not {low} to {high}")
    return int(text)


def _are_finite(words: list[str], count: int) -> bool:
    try:
        return len(words) == count and all(math.isfinite(float(word)) for word in words)
    except ValueError:
        return False


def _wrong(path: Path, problem: str) -> UserError:
    return UserError(
        problem, path=path, remedy="Write the file again with the program it came from."
    )
