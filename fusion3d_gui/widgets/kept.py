"""``Kept``: the last thing made, for as long as it is asked for under the same key."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

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
