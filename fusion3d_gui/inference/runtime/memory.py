"""``trim_heap``: what a model has left behind goes back to the system."""

from __future__ import annotations

import ctypes
import sys


def trim_heap() -> None:
    """Return memory that nobody uses any more, where the C library keeps it (glibc; else nothing happens).

    Each thread allocates from a pool of its own, and glibc shrinks only their ends by itself: between
    what stays, a dropped model's weights and maps left holes that added up to a tenth of the program.
    Takes some milliseconds.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
    if trim is not None:
        trim(0)
