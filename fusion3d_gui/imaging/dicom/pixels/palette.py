"""Palettes: look-up tables from a pixel's index to red, green or blue (PS3.3 C.7.9)."""

from __future__ import annotations

import numpy as np

from fusion3d_gui.imaging.dicom.parser.element_values import ElementValues

_MOST_ENTRIES = 65536


def palette_table(elements: ElementValues, colour: str) -> tuple[np.ndarray, int] | None:
    """(levels as float, first index) of ``"Red"``, ``"Green"`` or ``"Blue"``; None where there is none."""
    descriptor = elements.shorts(f"{colour}PaletteColorLookupTableDescriptor")
    if len(descriptor) != 3:
        return None
    count, first, bits = descriptor
    count = count or _MOST_ENTRIES
    data = elements.shorts(f"{colour}PaletteColorLookupTableData")
    if data:
        table = np.array(data, dtype=np.uint16)
        if bits == 8 and len(table) < count:
            table = table.view(np.uint8).astype(np.uint16)
    else:
        packed = np.array(
            elements.shorts(f"Segmented{colour}PaletteColorLookupTableData"), np.uint16
        )
        if bits == 8:
            packed = packed.astype("<u2").view(np.uint8).astype(np.uint16)
        table = np.array(_expanded(packed.tolist(), bits == 8), dtype=np.float64)
    return (table.astype(np.float64), first) if len(table) else None


def _expanded(packed: list[int], bytes_: bool) -> list[int]:
    """A segmented table in full (PS3.3 C.7.9.2); as far as it makes sense, where it is damaged."""
    table: list[int] = []
    starts: list[int] = []

    def take(position: int, indirect_allowed: bool) -> int:
        """Expand the segment at a position; the position after it, or the end when it is none."""
        segment = packed[position : position + 2]
        if len(segment) < 2 or len(table) > _MOST_ENTRIES:
            return len(packed)
        kind, length = segment
        if kind == 0:  # discrete
            table.extend(packed[position + 2 : position + 2 + length])
            return position + 2 + length
        if kind == 1 and table and position + 2 < len(packed):  # a straight line
            end = packed[position + 2]
            line = np.linspace(table[-1], end, length + 1)[1:]
            table.extend(int(value) for value in np.floor(line + 0.5))
            return position + 3
        if kind == 2 and indirect_allowed:  # segments again that were there before
            words = packed[position + 2 : position + (6 if bytes_ else 4)]
            shift = 8 if bytes_ else 16
            offset = sum(word << shift * place for place, word in enumerate(words))
            if offset in starts:
                again = starts[starts.index(offset) :][:length]
                for start in again:
                    take(start, indirect_allowed=False)
            return position + (6 if bytes_ else 4)
        return len(packed)

    position = 0
    while position < len(packed):
        starts.append(position)
        position = take(position, indirect_allowed=True)
    return table[:_MOST_ENTRIES]
