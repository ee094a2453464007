"""``Kept``: the last thing made, for as long as it is asked for under the same key; ``Room``: where it is made."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import DTypeLike

T = TypeVar("T")


class Kept(Generic[T]):
    """One thing, made anew when the key is another one.

    ``version`` grows with each thing made, to be part of the keys of what depends on it.
    """

    def __init__(self) -> None:
        self.version = 0
        self._key: object = None
        self._made: T | None = None

    def get(self, key: object, make: Callable[[], T]) -> T:
        """What was made under this key; made now, if it was not."""
        if self._made is None or self._key != key:
            self._made, self._key = make(), key
            self.version += 1
        return self._made

    def has(self, key: object) -> bool:
        """Whether it has been made under this key."""
        return self._made is not None and self._key == key

    def clear(self) -> None:
        """Forget it."""
        self._key = self._made = None


class Room:
    """Memory for an array that is made again and again.

    New memory costs more than what is written to it: the system clears each page of it first.
    """

    def __init__(self) -> None:
        self._array = np.empty(0, np.uint8)

    def array(self, shape: tuple[int, ...], dtype: DTypeLike) -> np.ndarray:
        """An array with anything in it; it takes the place of the one asked for before."""
        if self._array.shape != shape or self._array.dtype != dtype:
            self._array = np.empty(shape, dtype)
        return self._array
