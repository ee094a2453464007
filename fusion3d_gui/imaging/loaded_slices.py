"""``LoadedSlices``: which slices of a volume have been read, while it is still loading."""

from __future__ import annotations

import numpy as np


class LoadedSlices:
    """Shared between the threads that read a volume and the window that already shows it.

    A slice is added once all its voxels are written, and is never removed.
    """

    def __init__(self, slice_count: int) -> None:
        self._is_read = np.zeros(slice_count, dtype=bool)

    def add(self, k: int) -> None:
        """Record that slice ``k`` has been read."""
        self._is_read[k] = True

    def finish(self) -> None:
        """Record that reading has ended; slices missing from the series stay blank."""
        self._is_read[:] = True

    @property
    def is_read(self) -> np.ndarray:
        """For each slice whether it has been read (bool ``[k]``, a copy)."""
        return self._is_read.copy()

    @property
    def share(self) -> float:
        """The fraction of slices that has been read, 0 to 1."""
        return float(self._is_read.mean())

    @property
    def is_complete(self) -> bool:
        """Whether all slices have been read."""
        return bool(self._is_read.all())
