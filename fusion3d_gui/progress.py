"""How long work tells how far it has come, and learns that it should stop."""

from __future__ import annotations

from collections.abc import Callable

#: Called by long work as ``progress(fraction in 0..1, message)``. It may raise
#: :class:`fusion3d_gui.errors.Cancelled`; the work lets that pass through, leaving nothing half done.
Progress = Callable[[float, str], None]


def no_progress(fraction: float, message: str) -> None:
    """Report to nobody: the default for callers who do not watch."""


def part_of(progress: Progress, start: float, stop: float) -> Progress:
    """Map a sub-task's 0..1 onto ``start..stop`` of the whole."""

    def report(fraction: float, message: str) -> None:
        progress(start + (stop - start) * fraction, message)

    return report


def with_message(progress: Progress, message: str) -> Progress:
    """Report a sub-task under another message."""
    return lambda fraction, _: progress(fraction, message)
