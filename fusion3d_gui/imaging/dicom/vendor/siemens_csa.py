"""``read_csa``: Siemens' private CSA header, which holds a mosaic's slice count and slice normal.

Our own although nibabel has a reader: that one (5.4) calls itself experimental in a warning, raises
on damaged headers, and on any of the first version whose first element has items.
"""

from __future__ import annotations

import struct

_MOST_TAGS = 1000


def read_csa(raw: bytes) -> dict[str, tuple[str, ...]]:
    """Texts of the elements of a CSA header by name, up to where it can't be understood.

    Siemens has not published the layout; this follows nibabel's description of both versions
    (https://nipy.org/nibabel/dicom/siemens_csa.html). Never raises.
    """
    is_second_version = raw[:4] == b"SV10"
    position = 8 if is_second_version else 0
    found: dict[str, tuple[str, ...]] = {}
    try:
        (count,) = struct.unpack_from("<I", raw, position)
        position += 8
        first_item_count: int | None = None
        for _ in range(min(count, _MOST_TAGS)):
            name, _, _, _, items, _ = struct.unpack_from("<64si4s3i", raw, position)
            position += 84
            if first_item_count is None:
                first_item_count = items
            texts = []
            for _ in range(items):
                lengths = struct.unpack_from("<4i", raw, position)
                position += 16
                length = lengths[1] if is_second_version else lengths[0] - first_item_count
                if length < 0 or position + length > len(raw):
                    return found
                text = raw[position : position + length].split(b"\0")[0].decode("latin-1").strip()
                if text:
                    texts.append(text)
                position += length + -length % 4
            found[name.split(b"\0")[0].decode("latin-1")] = tuple(texts)
    except struct.error:
        pass
    return found


def csa_numbers(csa: dict[str, tuple[str, ...]], name: str, count: int) -> tuple[float, ...] | None:
    """The first ``count`` numbers of an element; None where there are fewer."""
    try:
        numbers = tuple(float(text) for text in csa.get(name, ())[:count])
    except ValueError:
        return None
    return numbers if len(numbers) == count else None
