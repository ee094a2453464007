"""Slices that lie one after the other in a file, packed or not, read straight into a volume's voxels."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fusion3d_gui.imaging.volume import Volume, Watch
from fusion3d_gui.progress import Progress


@dataclass(frozen=True)
class Stored:
    """Where a volume's slices lie.

    ``offset``: bytes from the start of the (unpacked) file to the first; ``dtype``: as stored, with
    its byte order; ``packed``: the stream must be read from its start on.
    """

    path: Path
    offset: int
    dtype: np.dtype
    packed: bool


def fill(stream: Any, stored: Stored, volume: Volume, progress: Progress, watch: Watch) -> None:
    """Read the stored numbers slice by slice; ``watch`` is called once the middle one is there.

    That one is the first unless the stream is packed. A buffer for all would double the memory,
    the window would stand still while it is allocated, and nothing could be cancelled. Raises
    EOFError where the stream ends too early.
    """
    voxels, filling = volume.voxels, volume.filling
    assert filling is not None
    count, in_place = len(voxels), stored.dtype == voxels.dtype
    order = range(count)
    by_distance = order if stored.packed else sorted(order, key=lambda k: abs(k - count // 2))
    buffer = np.empty(voxels.shape[1:], stored.dtype)
    for k in by_distance:
        progress(filling.share, "Reading slices")
        if not stored.packed or k == 0:
            stream.seek(stored.offset + k * buffer.nbytes)
        target: Any = voxels[k] if in_place else buffer
        rest = memoryview(target.reshape(-1).view(np.uint8))
        while rest:
            got = stream.readinto(rest)
            if not got:
                raise EOFError
            rest = rest[got:]
        if not in_place:
            voxels[k] = buffer
        filling.add(k)
        if k == count // 2:
            watch(volume)
