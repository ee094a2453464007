"""Split an array into blocks of rows, so that what is computed of each stays in the processor's cache."""

from __future__ import annotations

from collections.abc import Iterator


def row_blocks(rows: int, block: int) -> Iterator[slice]:
    """Slices of ``block`` rows (at least one; the last may have fewer) that cover all rows in order."""
    block = max(1, block)
    for top in range(0, rows, block):
        yield slice(top, min(top + block, rows))
