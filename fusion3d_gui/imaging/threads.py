"""Work on planes and on rows of pictures, shared out among a few threads.

numpy lets other threads run while it works on large arrays.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TypeVar

import numpy as np

#: More threads than this gain little: they share the memory's bandwidth.
_MOST_THREADS = 4

#: Pixels copied at a time: fewer are not worth a thread.
_COPIED_PIXELS = 65_536

_here = threading.local()

Item = TypeVar("Item")
Made = TypeVar("Made")


@cache
def _threads() -> int:
    return max(1, min(_MOST_THREADS, os.cpu_count() or 1))


def _mark_worker() -> None:
    _here.is_worker = True


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(_threads() - 1, "imaging", initializer=_mark_worker)


def _spare_threads() -> int:
    """How many threads can help this one; none help their likes, which might wait for one another."""
    return 0 if getattr(_here, "is_worker", False) else _threads() - 1


def in_bands(work: Callable[[int, int], None], rows: int, band: int) -> None:
    """``work(top, bottom)`` for all rows, at most ``band`` at a time; returns when all is done.

    Bands must not depend on one another.
    """
    count = -(-rows // band)
    tops = iter(range(0, rows, band))

    def some() -> None:
        # Whoever is free takes the next band: a thread that others keep waiting takes fewer.
        for top in tops:
            work(top, min(top + band, rows))

    others = [_pool().submit(some) for _ in range(min(_spare_threads(), count - 1))]
    try:
        some()
    finally:
        for other in others:
            if not other.cancel():
                other.result()


def ahead(work: Callable[[Item], Made], items: Sequence[Item]) -> Iterator[Made]:
    """``work`` of each item in their order, the next ones being made while one is used."""
    together = _spare_threads() + 1
    if len(items) == 1 or together == 1:
        yield from map(work, items)
        return
    for first in range(0, len(items), together):
        # This thread makes the first while the others make one each.
        own, *others = items[first : first + together]
        under_way = [_pool().submit(work, each) for each in others]
        yield work(own)
        for item, future in zip(others, under_way, strict=True):
            # One that has not been begun is made here: on a busy machine nobody is waited for.
            yield work(item) if future.cancel() else future.result()


def in_one_piece(picture: np.ndarray) -> np.ndarray:
    """A picture ``[row, column]`` in C order; itself where it already is."""
    if picture.flags.c_contiguous:
        return picture
    copied = np.empty(picture.shape, picture.dtype)

    def copy(top: int, bottom: int) -> None:
        copied[top:bottom] = picture[top:bottom]

    in_bands(copy, len(picture), max(1, _COPIED_PIXELS // picture.shape[1]))
    return copied
