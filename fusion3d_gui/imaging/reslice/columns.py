"""``Columns``: cache of planes across the voxels' fastest axis, of which neighbours are read again at each step."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from fusion3d_gui.imaging.reslice.row_blocks import row_blocks

#: Slices from which columns are copied at a time, so that they stay in the cache.
_COPIED_SLICES = 8

#: Voxels that are fetched together for single planes: a machine word of them takes hardly longer than one.
_WORD = np.dtype(np.uint64)


class Columns:
    """Cache of planes across the voxels' fastest axis (i), each copied to contiguous memory.

    Neighbouring voxels of such a plane lie far apart, and a slab of them is read again at each step.
    Plane ``i`` is kept at ``i`` modulo their number, so that a step copies one plane only: 7 ms for a
    slab of 21 sagittal planes of 512 x 200 voxels, against 64 where it is read in place.
    """

    def __init__(self, voxels: np.ndarray) -> None:
        self._voxels = voxels
        self._range = range(0)
        self._kept = np.empty((0, *voxels.shape[:2]), voxels.dtype)
        self._words = _words(voxels)
        self._fetched: tuple[int, np.ndarray] | None = None

    def single(self, index: int) -> np.ndarray:
        """Voxels ``[k, j]`` at ``i = index``.

        Each voxel of such a plane lies in another line of the processor's cache: to copy a plane of 1024 x 1024
        voxels of 16 bits takes 8.2 ms, four neighbouring ones at once 9.6, and then one of these 0.3.
        """
        words = self._words
        together = _WORD.itemsize // self._voxels.itemsize
        if words is None or index >= words.shape[2] * together:
            return self._voxels[:, :, index]
        number, place = divmod(index, together)
        if self._fetched is None or self._fetched[0] != number:
            self._fetched = number, np.ascontiguousarray(words[:, :, number])
        voxels = self._fetched[1].view(self._voxels.dtype)
        return voxels.reshape(*words.shape[:2], together)[:, :, place]

    def between(self, first: int, end: int) -> np.ndarray:
        """Voxels ``[plane, k, j]`` with ``first <= i < end``; the planes are in any order."""
        count = end - first
        if count > len(self._kept):
            self._range = range(0)
            self._kept = np.empty((count, *self._voxels.shape[:2]), self._voxels.dtype)
        wanted, size = range(first, end), len(self._kept)
        missing = [i for i in wanted if i not in self._range]
        for start, stop in _runs(missing, size):
            self._fetch(start, stop)
        # Planes before and after may have been overwritten: only these are known.
        self._range = wanted
        if count == size:
            return self._kept
        return self._kept[[i % size for i in wanted]]

    def _fetch(self, start: int, stop: int) -> None:
        """Copy planes that are kept next to one another."""
        position = start % len(self._kept)
        kept = self._kept[position : position + stop - start]
        for slices in row_blocks(self._voxels.shape[0], _COPIED_SLICES):
            kept[:, slices] = self._voxels[slices, :, start:stop].transpose(2, 0, 1)


def _words(voxels: np.ndarray) -> np.ndarray | None:
    """The same memory as words of several voxels along i, but for a rest at the end; None where none fit."""
    together = _WORD.itemsize // voxels.itemsize
    whole = voxels.shape[2] // together * together if together > 1 else 0
    if not whole or voxels.strides[2] != voxels.itemsize:
        return None
    words = voxels[:, :, :whole].view(_WORD)
    return words if words.flags.aligned else None


def _runs(numbers: list[int], size: int) -> Iterator[tuple[int, int]]:
    """(first, end) of runs of consecutive numbers, split at multiples of ``size``."""
    start = 0
    for n in range(1, len(numbers) + 1):
        if n == len(numbers) or numbers[n] != numbers[n - 1] + 1 or numbers[n] % size == 0:
            yield numbers[start], numbers[n - 1] + 1
            start = n
