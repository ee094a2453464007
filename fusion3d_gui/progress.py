"""Progress callbacks: long work reports a fraction and a message, and is cancelled through them."""

from __future__ import annotations

from collections.abc import Callable

#: Called by long work as ``progress(fraction, message)`` with a fraction from 0 to 1. May raise
#: :class:`fusion3d_gui.errors.Cancelled`, which the work lets through, leaving nothing half done.
Progress = Callable[[float, str], None]


def no_progress(fraction: float, message: str) -> None:
    """Ignore the report: the default of functions that take a progress callback."""


def part_of(progress: Progress, start: float, stop: float) -> Progress:
    """The callback for a part of the work: maps its fractions 0 to 1 onto ``start`` to ``stop``."""

    def report(fraction: float, message: str) -> None:
        progress(start + (stop - start) * fraction, message)

    return report


def with_message(progress: Progress, message: str) -> Progress:
    """The callback for a part of the work whose own messages are replaced by one."""
    return lambda fraction, _: progress(fraction, message)
