"""``OneEntryCache``: the value computed last, kept for as long as its key stays the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class OneEntryCache(Generic[T]):
    """Hold one value, computed again when the key changes.

    ``version`` grows with every value computed: a cheap key for what depends on it.
    """

    def __init__(self) -> None:
        self.version = 0
        self._key: object = None
        self._value: T | None = None

    def get(self, key: object, compute: Callable[[], T]) -> T:
        """Return the value for ``key``, computing it unless it is the one held."""
        if self._value is None or self._key != key:
            self._value, self._key = compute(), key
            self.version += 1
        return self._value

    def has(self, key: object) -> bool:
        """Return whether the value held is that of ``key``."""
        return self._value is not None and self._key == key

    def clear(self) -> None:
        """Drop the value."""
        self._key = self._value = None
