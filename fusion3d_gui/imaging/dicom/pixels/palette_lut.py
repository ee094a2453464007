"""Palettes: lookup tables from a stored value to red, green or blue (PS3.3 C.7.9).

Our own, although pydicom has ``apply_color_lut``: that one (3.0.2) wraps stored values beyond an
8-bit palette around instead of clipping them, expands indirect segments that hold others without
a bound (160 bytes take 3 s and become a million entries, each further segment doubles both), and
makes a colour image of every frame (25 ms for 350x800) where one grey level is wanted (13 ms).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fusion3d_gui.imaging.dicom.parser.element_values import ElementValues

_MOST_ENTRIES = 65536
_DISCRETE, _LINEAR, _INDIRECT = 0, 1, 2


@dataclass(frozen=True, eq=False)
class Palette:
    """One colour of a palette: ``levels`` (float64) of the stored values from ``first`` on.

    ``is_cut``: there are fewer than the file says.
    """

    levels: np.ndarray
    first: int
    is_cut: bool


def read_palette(elements: ElementValues, colour: str, *, signed: bool) -> Palette | None:
    """The palette of ``"Red"``, ``"Green"`` or ``"Blue"``; None where the file has no whole one.

    ``signed``: whether the stored values are, and so the first of them that the palette maps.
    """
    descriptor = elements.shorts(f"{colour}PaletteColorLookupTableDescriptor")
    if len(descriptor) != 3:
        return None
    count, first, bits = descriptor
    count = count or _MOST_ENTRIES
    if signed and first >= _MOST_ENTRIES // 2:
        first -= _MOST_ENTRIES
    entries = elements.shorts(f"{colour}PaletteColorLookupTableData")
    if entries:
        levels = np.array(entries, dtype=np.uint16)
        if bits == 8 and len(levels) < count:  # two entries in each word
            levels = levels.astype("<u2").view(np.uint8)
        if len(levels) < count:
            return None
    else:
        words = elements.shorts(f"Segmented{colour}PaletteColorLookupTableData")
        packed = np.array(words, np.uint16)
        if bits == 8:
            packed = packed.astype("<u2").view(np.uint8)
        levels = np.array(_expand_segments(packed.tolist(), eight_bits=bits == 8))
    return Palette(levels.astype(np.float64), first, len(levels) < count) if len(levels) else None


def _expand_segments(packed: list[int], *, eight_bits: bool) -> list[int]:
    """A segmented palette in full (PS3.3 C.7.9.2), as far as it makes sense where it is damaged.

    ``packed`` are its bytes or its 16-bit words. At most 65536 entries come out, of as many
    segments, however often these are used again.
    """
    levels: list[int] = []
    starts: list[int] = []
    number_of_start: dict[int, int] = {}
    segments_left = _MOST_ENTRIES
    end = len(packed)

    def expand(position: int, *, indirect_allowed: bool) -> int:
        """Expand the segment at a position; return where the next begins, or the end of all."""
        nonlocal segments_left
        segments_left -= 1
        header = packed[position : position + 2]
        if len(header) < 2 or len(levels) >= _MOST_ENTRIES or segments_left < 0:
            return end
        kind, length = header
        if kind == _DISCRETE:
            levels.extend(packed[position + 2 : position + 2 + length])
            return position + 2 + length
        if kind == _LINEAR and levels and position + 2 < end:
            line = np.linspace(levels[-1], packed[position + 2], length + 1)[1:]
            levels.extend(int(level) for level in np.floor(line + 0.5))
            return position + 3
        if kind == _INDIRECT and indirect_allowed:  # copy earlier segments
            parts = packed[position + 2 : position + (6 if eight_bits else 4)]
            shift = 8 if eight_bits else 16
            offset = sum(part << shift * number for number, part in enumerate(parts))
            number = number_of_start.get(offset, len(starts))
            for start in starts[number : number + length]:
                expand(start, indirect_allowed=False)
            return position + (6 if eight_bits else 4)
        return end

    position = 0
    while position < end:
        number_of_start[position] = len(starts)
        starts.append(position)
        position = expand(position, indirect_allowed=True)
    return levels[:_MOST_ENTRIES]
