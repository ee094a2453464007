"""Reads Siemens' private CSA header, in which a mosaic's slice count and normal are."""

from __future__ import annotations

import struct

_MOST_TAGS = 1000


def read_csa(raw: bytes) -> dict[str, tuple[str, ...]]:
    """Texts of the elements of a CSA header by name; what can't be understood is left out.

    The layout is not published; this follows its description by the nibabel project
    (https://nipy.org/nibabel/dicom/siemens_csa.html), for both known versions.
    """
    second = raw[:4] == b"SV10"
    position = 8 if second else 0
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
                length = lengths[1] if second else lengths[0] - first_item_count
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
    """``count`` numbers of one element; None where they are not there."""
    try:
        numbers = tuple(float(text) for text in csa.get(name, ())[:count])
    except ValueError:
        return None
    return numbers if len(numbers) == count else None
