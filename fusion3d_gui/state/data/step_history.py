"""``StepHistory``: what lies on one case, with the steps that can be undone and redone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

Item = TypeVar("Item")


@dataclass
class StepHistory(Generic[Item]):
    """Items of a case, as they were before each step, and as they were before each undone one.

    Parameters
    ----------
    depth
        Steps that can be undone; older ones are forgotten.
    items
        As they are now, oldest first.
    next_number
        Number of the next item.
    """

    depth: int
    items: tuple[Item, ...] = ()
    undo: list[tuple[Item, ...]] = field(default_factory=list)
    redo: list[tuple[Item, ...]] = field(default_factory=list)
    next_number: int = 1

    def step(self, items: tuple[Item, ...]) -> None:
        """Have other items from now on; undone steps are forgotten."""
        self.undo.append(self.items)
        del self.undo[: -self.depth]
        self.redo.clear()
        self.items = items

    def go_back(self) -> bool:
        """Undo the last step; returns whether there was one."""
        return self._go(self.undo, self.redo)

    def go_forward(self) -> bool:
        """Redo the step undone last; returns whether there was one."""
        return self._go(self.redo, self.undo)

    def start_with(self, items: tuple[Item, ...], next_number: int) -> None:
        """Have these items instead, with no step before or after them."""
        self.items, self.next_number = items, next_number
        self.undo.clear()
        self.redo.clear()

    def change_all(self, change: Callable[[tuple[Item, ...]], tuple[Item, ...]]) -> None:
        """Change the items, and those of every step, so that no step undoes it."""
        self.items = change(self.items)
        self.undo[:], self.redo[:] = map(change, self.undo), map(change, self.redo)

    def _go(self, start: list[tuple[Item, ...]], end: list[tuple[Item, ...]]) -> bool:
        if not start:
            return False
        end.append(self.items)
        self.items = start.pop()
        return True
