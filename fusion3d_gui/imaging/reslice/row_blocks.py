"""Rows taken a few at a time, so that what is made of them stays in the processor's cache."""

from __future__ import annotations

from collections.abc import Iterator


def row_blocks(rows: int, band: int) -> Iterator[slice]:
    """Slices that cover all rows in their order, at most ``band`` of them at a time (at least one)."""
    band = max(1, band)
    for top in range(0, rows, band):
        yield slice(top, min(top + band, rows))
