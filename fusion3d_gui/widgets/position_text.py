"""Patient positions in words, as one reads them: letters instead of signs."""

from __future__ import annotations

import numpy as np

_LETTERS = (("R", "L"), ("A", "P"), ("I", "S"))


def position_text(lps_mm: np.ndarray) -> str:
    """E.g. ``"L 12.3   A 4.5   S 30.1 mm"`` of a position in mm, LPS."""
    parts = []
    for value, (negative, positive) in zip(lps_mm, _LETTERS, strict=True):
        rounded = round(float(value), 1)
        parts.append(f"{negative if rounded < 0 else positive} {abs(rounded):.1f}")
    return "   ".join(parts) + " mm"


def value_text(value: float, unit: str) -> str:
    """A voxel's real value with its unit, as many digits as it needs."""
    number = f"{value:.0f}" if value == round(value) else f"{value:.4g}"
    return f"{number} {unit}".rstrip()
