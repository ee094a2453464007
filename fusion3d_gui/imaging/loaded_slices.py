"""``LoadedSlices``: which slices of a volume are there while it is still being read."""

from __future__ import annotations

import numpy as np


class LoadedSlices:
    """Shared between the threads that read a volume and the window that already shows it.

    A slice is added once all its voxels are in place, and never taken away.
    """

    def __init__(self, slice_count: int) -> None:
        self._is_read = np.zeros(slice_count, dtype=bool)

    def add(self, k: int) -> None:
        """Slice ``k`` has been read."""
        self._is_read[k] = True

    def finish(self) -> None:
        """All that will ever come has come; slices missing from the series stay blank."""
        self._is_read[:] = True

    @property
    def is_read(self) -> np.ndarray:
        """For each slice whether it has been read (bool ``[k]``, a copy)."""
        return self._is_read.copy()

    @property
    def share(self) -> float:
        """How much of the volume has been read, 0 to 1."""
        return float(self._is_read.mean())

    @property
    def is_complete(self) -> bool:
        """Whether nothing is left to read."""
        return bool(self._is_read.all())
