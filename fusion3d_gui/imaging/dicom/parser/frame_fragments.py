"""Where the compressed frames of a multi-frame file lie: its fragments, without reading them."""

from __future__ import annotations

import struct
from typing import BinaryIO

from fusion3d_gui.imaging.dicom.parser.encoding import ITEM

_MOST_FRAGMENTS_A_FRAME = 1000
_LONGEST_OFFSET_TABLE = 1 << 24

#: (offset in the file, length) of a fragment.
Fragment = tuple[int, int]


def find_frame_fragments(
    stream: BinaryIO, start: int, frame_count: int
) -> list[list[Fragment]] | None:
    """The fragments of each frame of encapsulated pixel data that begin at ``start`` (PS3.5 A.4).

    Frames are told apart by their number where each is one fragment, else by the basic offset
    table; None where neither says. Raises ValueError where the items make no sense.
    """
    position, table = start, b""
    fragments: list[Fragment] = []
    while True:
        stream.seek(position)
        head = stream.read(8)
        if len(head) < 8 or head[:4] != ITEM:
            break
        (length,) = struct.unpack_from("<I", head, 4)
        position += 8
        if position == start + 8:
            if length > _LONGEST_OFFSET_TABLE:
                raise ValueError("the offset table is too long")
            table = stream.read(length)
        else:
            fragments.append((position, length))
            if len(fragments) > _MOST_FRAGMENTS_A_FRAME * frame_count:
                raise ValueError("more fragments than frames can have")
        position += length
    if len(fragments) == frame_count:
        return [[span] for span in fragments]
    offsets = struct.unpack(f"<{len(table) // 4}I", table[: len(table) // 4 * 4])
    if len(offsets) != frame_count or not fragments:
        return None
    first = fragments[0][0] - 8
    starts = [first + offset for offset in offsets]
    spans: list[list[Fragment]] = [[] for _ in starts]
    frame = -1
    for offset, length in fragments:
        while frame + 1 < frame_count and offset - 8 >= starts[frame + 1]:
            frame += 1
        if frame < 0:
            return None
        spans[frame].append((offset, length))
    return spans if all(spans) else None
