"""Positions of the fragments that hold each compressed frame of a multi-frame file.

Our own: without an offset table pydicom's ``get_frame`` walks through all items once more for each
frame, and ``generate_frames`` reads every frame before the one that is wanted.
"""

from __future__ import annotations

import struct
from typing import BinaryIO

from fusion3d_gui.imaging.dicom.parser.encoding import ITEM

_MOST_FRAGMENTS_A_FRAME = 1000
_LONGEST_OFFSET_TABLE = 1 << 24

#: (offset in the file, length in bytes) of a fragment.
Fragment = tuple[int, int]


def find_frame_fragments(
    stream: BinaryIO, start: int, frame_count: int
) -> list[list[Fragment]] | None:
    """Find the fragments of each frame of encapsulated pixel data (PS3.5 A.4), reading none.

    Parameters
    ----------
    stream
        The file, seekable.
    start
        Position of the first item, which is the basic offset table.
    frame_count
        Frames that the header promises.

    Returns
    -------
    list of list of Fragment, or None
        For each frame its fragments: one each where there are as many as frames, else by the
        basic offset table; None where that does not say either.

    Raises
    ------
    ValueError
        If there are more fragments than frames can have, or the offset table is too long.
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
