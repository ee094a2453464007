"""``ReusedArray``: memory for an array that is computed again for every paint."""

from __future__ import annotations

import numpy as np
from numpy.typing import DTypeLike


class ReusedArray:
    """One buffer, allocated anew only when shape or dtype change.

    Fresh memory costs more than what is written to it, since the operating system clears every page
    of it first.
    """

    def __init__(self) -> None:
        self._array = np.empty(0, np.uint8)

    def array(self, shape: tuple[int, ...], dtype: DTypeLike) -> np.ndarray:
        """Return an uninitialised array; it overwrites the one returned before."""
        if self._array.shape != shape or self._array.dtype != dtype:
            self._array = np.empty(shape, dtype)
        return self._array
